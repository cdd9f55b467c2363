//! scikit-learn's parameters as ours.

use mlcore_features::pipeline::{ColumnTransformer, Pipeline, Remainder, Step};
use mlcore_features::transform::{
    BinStrategy, Categories, Drop, Encode, HandleUnknown, KBinsDiscretizer, MinFrequency, MinMaxScaler,
    OneHotEncoder, OrdinalEncoder, QuantileMethod, Scalar, SimpleImputer, StandardScaler, Strategy,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::read::{floats, number, text};

/// Calls the setter with the parameter where the case has one.
fn given<T, V>(
    parameters: &Value,
    name: &str,
    read: impl Fn(&Value) -> V,
    specification: T,
    set: impl Fn(T, V) -> T,
) -> T {
    match parameters.get(name) {
        None | Some(Value::Null) => specification,
        Some(value) => set(specification, read(value)),
    }
}

fn truth(value: &Value) -> bool {
    value.as_bool().unwrap()
}

fn whole(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

/// A word of scikit-learn as the variant of the same name.
fn word<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

fn scalar(value: &Value) -> Scalar {
    match value {
        Value::Null => Scalar::Missing,
        Value::Bool(value) => Scalar::from(*value),
        Value::Number(number) if number.is_i64() => Scalar::from(number.as_i64().unwrap()),
        Value::String(name) if name != "NaN" => Scalar::from(name.as_str()),
        other => Scalar::from(number(other)),
    }
}

fn scalars(value: &Value) -> Vec<Scalar> {
    value.as_array().unwrap().iter().map(scalar).collect()
}

fn categories(value: &Value) -> Categories {
    Categories::listed(value.as_array().unwrap().iter().map(scalars))
}

fn min_frequency(value: &Value) -> MinFrequency {
    value.as_u64().map_or_else(|| MinFrequency::Fraction(number(value)), MinFrequency::Count)
}

pub(crate) fn standard_scaler(parameters: &Value) -> Step {
    let scaler = StandardScaler::default();
    let scaler = given(parameters, "with_mean", truth, scaler, StandardScaler::with_mean);
    given(parameters, "with_std", truth, scaler, StandardScaler::with_std).into()
}

pub(crate) fn min_max_scaler(parameters: &Value) -> Step {
    let scaler = given(parameters, "feature_range", floats, MinMaxScaler::default(), |scaler, range| {
        scaler.feature_range(range[0], range[1])
    });
    given(parameters, "clip", truth, scaler, MinMaxScaler::clip).into()
}

pub(crate) fn simple_imputer(parameters: &Value) -> Step {
    let imputer =
        given(parameters, "strategy", word::<Strategy>, SimpleImputer::default(), SimpleImputer::strategy);
    let imputer = given(parameters, "fill_value", scalar, imputer, SimpleImputer::fill_value);
    let imputer = given(parameters, "add_indicator", truth, imputer, SimpleImputer::add_indicator);
    given(parameters, "keep_empty_features", truth, imputer, SimpleImputer::keep_empty_features).into()
}

pub(crate) fn one_hot_encoder(parameters: &Value) -> Step {
    let drop = |value: &Value| match value.as_str() {
        Some("first") => Drop::First,
        Some("if_binary") => Drop::IfBinary,
        _ => Drop::Listed(scalars(value)),
    };
    let encoder =
        given(parameters, "categories", categories, OneHotEncoder::default(), OneHotEncoder::categories);
    let encoder = given(parameters, "drop", drop, encoder, OneHotEncoder::drop);
    let encoder =
        given(parameters, "handle_unknown", word::<HandleUnknown>, encoder, OneHotEncoder::handle_unknown);
    let encoder = given(parameters, "min_frequency", min_frequency, encoder, OneHotEncoder::min_frequency);
    given(parameters, "max_categories", whole, encoder, OneHotEncoder::max_categories).into()
}

pub(crate) fn ordinal_encoder(parameters: &Value) -> Step {
    let encoder =
        given(parameters, "categories", categories, OrdinalEncoder::default(), OrdinalEncoder::categories);
    let encoder = given(parameters, "unknown_value", number, encoder, OrdinalEncoder::unknown_value);
    let encoder =
        given(parameters, "encoded_missing_value", number, encoder, OrdinalEncoder::encoded_missing_value);
    let encoder = given(parameters, "min_frequency", min_frequency, encoder, OrdinalEncoder::min_frequency);
    given(parameters, "max_categories", whole, encoder, OrdinalEncoder::max_categories).into()
}

pub(crate) fn k_bins_discretizer(parameters: &Value) -> Step {
    let bins = KBinsDiscretizer::default().encode(Encode::Ordinal);
    let bins = given(parameters, "n_bins", Value::clone, bins, |bins, number| match &number {
        Value::Array(each) => bins.n_bins_per_column(each.iter().map(whole)),
        one => bins.n_bins(whole(one)),
    });
    let bins = given(parameters, "encode", word::<Encode>, bins, KBinsDiscretizer::encode);
    let bins = given(parameters, "strategy", word::<BinStrategy>, bins, KBinsDiscretizer::strategy);
    let bins =
        given(parameters, "quantile_method", word::<QuantileMethod>, bins, KBinsDiscretizer::quantile_method);
    let bins = given(parameters, "subsample", whole, bins, |bins, rows| bins.subsample(Some(rows)));
    given(parameters, "random_state", whole, bins, |bins, seed| bins.random_state(seed as u32)).into()
}

/// The plans of `column_transformer()` in the script, by name.
pub(crate) fn column_transformer(parameters: &Value) -> Step {
    let number = || {
        Pipeline::new()
            .then("impute", SimpleImputer::default().strategy(Strategy::Median))
            .then("scale", StandardScaler::default())
    };
    match text(&parameters["recipe"]) {
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
        other => panic!("there is no recipe {other}"),
    }
    .into()
}
