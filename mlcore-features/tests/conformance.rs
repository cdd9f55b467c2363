//! Every transformer against the contract of `Fit` and `Transform`.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking, in its helpers too")]

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use mlcore_features::conformance;
use mlcore_features::pipeline::{ColumnTransformer, Pipeline, Remainder};
use mlcore_features::transform::{
    BinStrategy, Drop, Encode, HandleUnknown, KBinsDiscretizer, MinFrequency, MinMaxScaler, OneHotEncoder,
    OrdinalEncoder, SimpleImputer, StandardScaler, Strategy,
};

fn numbers() -> RecordBatch {
    let a: ArrayRef =
        Arc::new(Float64Array::from(vec![Some(1.0), None, Some(f64::NAN), Some(-3.5), Some(1e12)]));
    let b: ArrayRef = Arc::new(Int64Array::from(vec![Some(4), Some(1 << 60), None, Some(0), Some(4)]));
    RecordBatch::try_from_iter([("a", a), ("b", b)]).unwrap()
}

fn present() -> RecordBatch {
    let a: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0, 2.0, -3.5, 1e12]));
    let b: ArrayRef = Arc::new(BooleanArray::from(vec![true, false, true, true, false]));
    RecordBatch::try_from_iter([("a", a), ("b", b)]).unwrap()
}

fn categories() -> RecordBatch {
    let text: ArrayRef = Arc::new(StringArray::from(vec![
        Some("x"),
        None,
        Some("a long name of a category"),
        Some("x"),
        Some(""),
    ]));
    let number: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), Some(-1), None, Some(7), Some(1 << 60)]));
    RecordBatch::try_from_iter([("text", text), ("number", number)]).unwrap()
}

#[test]
fn simple_imputer() {
    for strategy in [Strategy::Mean, Strategy::Median, Strategy::MostFrequent, Strategy::Constant] {
        let imputer = SimpleImputer::default().strategy(strategy).add_indicator(true);
        conformance::fit(&imputer, &numbers());
        if !matches!(strategy, Strategy::Mean | Strategy::Median) {
            conformance::fit(&imputer, &categories());
        }
    }
}

#[test]
fn standard_scaler() {
    conformance::fit(&StandardScaler::default(), &numbers());
    conformance::fit(&StandardScaler::default().with_mean(false).with_std(false), &present());
}

#[test]
fn min_max_scaler() {
    conformance::fit(&MinMaxScaler::default(), &numbers());
    conformance::fit(&MinMaxScaler::default().feature_range(-2.0, 5.0).clip(true), &present());
}

#[test]
fn one_hot_encoder() {
    let encoder = OneHotEncoder::default();
    for table in [numbers(), present(), categories()] {
        conformance::fit(&encoder, &table);
        conformance::fit(&encoder.clone().drop(Drop::First).handle_unknown(HandleUnknown::Ignore), &table);
        conformance::fit(&encoder.clone().min_frequency(MinFrequency::Count(2)), &table);
    }
}

#[test]
fn ordinal_encoder() {
    for table in [numbers(), present(), categories()] {
        conformance::fit(&OrdinalEncoder::default(), &table);
        conformance::fit(&OrdinalEncoder::default().unknown_value(-1.0).max_categories(2), &table);
    }
}

#[test]
fn k_bins_discretizer() {
    for strategy in [BinStrategy::Uniform, BinStrategy::Quantile, BinStrategy::Kmeans] {
        for encode in [Encode::OnehotDense, Encode::Ordinal] {
            let bins = KBinsDiscretizer::default().n_bins(2).strategy(strategy).encode(encode);
            conformance::fit(&bins, &present());
        }
    }
}

#[test]
fn pipeline() {
    let pipeline = Pipeline::new()
        .then("impute", SimpleImputer::default())
        .then("bins", KBinsDiscretizer::default().n_bins(3))
        .then("scale", StandardScaler::default());
    conformance::fit(&pipeline, &numbers());
}

#[test]
fn column_transformer() {
    let columns = ColumnTransformer::new().with("text", OneHotEncoder::default(), ["text"]).with(
        "number",
        StandardScaler::default(),
        ["number"],
    );
    conformance::fit(&columns, &categories());
    conformance::fit(&columns.remainder(Remainder::Passthrough), &categories());
    let text = ColumnTransformer::new().with("number", StandardScaler::default(), ["number"]);
    conformance::fit(&text.remainder(Remainder::Passthrough), &categories());
}
