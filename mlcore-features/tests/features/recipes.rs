//! The whole plans of the golden files, as Rust writes them.

use mlcore_features::pipeline::{ColumnTransformer, Pipeline, Remainder, Step};
use mlcore_features::transform::{
    BinStrategy, Drop, Encode, HandleUnknown, KBinsDiscretizer, MaxAbsScaler, MinMaxScaler, OneHotEncoder,
    OrdinalEncoder, SimpleImputer, StandardScaler, Strategy, TargetEncoder,
};

/// The plan of this name in `column_transformer()` of the script.
pub(crate) fn recipe(name: &str) -> Step {
    let number = || {
        Pipeline::new()
            .then("impute", SimpleImputer::default().strategy(Strategy::Median))
            .then("scale", StandardScaler::default())
    };
    match name {
        "mixed" => ColumnTransformer::new()
            .with("num", number(), ["age", "income"])
            .with("bins", KBinsDiscretizer::default().n_bins(4).encode(Encode::Ordinal), ["score"])
            .with("cat", OneHotEncoder::default().handle_unknown(HandleUnknown::Ignore), ["plan", "city"])
            .with("ord", OrdinalEncoder::default().unknown_value(-1.0), ["city"]),
        "passthrough" => ColumnTransformer::new()
            .with("cat", OneHotEncoder::default().drop(Drop::First), ["active"])
            .remainder(Remainder::Passthrough),
        "plain names" => ColumnTransformer::new()
            .with("num", number(), ["income", "age"])
            .with("rest", Step::Passthrough, ["visits"])
            .with("gone", Step::Drop, ["score"])
            .verbose_feature_names_out(false),
        "imputed text" => {
            let fill = Pipeline::new()
                .then("impute", SimpleImputer::default().strategy(Strategy::MostFrequent))
                .then("encode", OneHotEncoder::default());
            ColumnTransformer::new().with("text", fill, ["plan", "city"])
        }
        "scaled one-hot" => {
            let chain = Pipeline::new()
                .then("encode", OneHotEncoder::default().handle_unknown(HandleUnknown::Ignore))
                .then("scale", StandardScaler::default());
            ColumnTransformer::new().with("chain", chain, ["plan"])
        }
        "nested" => {
            let inner = ColumnTransformer::new()
                .with("a", MinMaxScaler::default(), ["age"])
                .with("b", SimpleImputer::default().add_indicator(true), ["income"])
                .remainder(Remainder::Passthrough)
                .verbose_feature_names_out(false);
            let bins = KBinsDiscretizer::default().n_bins(3).strategy(BinStrategy::Uniform);
            ColumnTransformer::new().with("in", inner, ["age", "income", "score"]).with(
                "bins",
                bins,
                ["score"],
            )
        }
        "bins of bins" => {
            let chain = Pipeline::new()
                .then("impute", SimpleImputer::default())
                .then("bins", KBinsDiscretizer::default().encode(Encode::Ordinal))
                .then("encode", OneHotEncoder::default())
                .then("range", MinMaxScaler::default().feature_range(-1.0, 1.0));
            ColumnTransformer::new().with("chain", chain, ["age", "income"])
        }
        "target encoded" => {
            return Pipeline::new()
                .then("encode", TargetEncoder::default().shuffle(false).cv(4))
                .then("scale", StandardScaler::default())
                .then("range", MinMaxScaler::default())
                .into();
        }
        "target encoded beside" => {
            let columns = ColumnTransformer::new()
                .with("gone", Step::Drop, ["score"])
                .with("target", TargetEncoder::default().random_state(3), ["plan", "city"])
                .with("num", number(), ["age", "income"])
                .remainder(Remainder::Passthrough);
            return Pipeline::new().then("columns", columns).then("scale", MaxAbsScaler::default()).into();
        }
        other => panic!("there is no recipe {other}"),
    }
    .into()
}
