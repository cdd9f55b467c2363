//! Every transformer against the contract of `Fit` and `Transform`.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use mlcore_features::conformance;
use mlcore_features::pipeline::{ColumnTransformer, Pipeline, Remainder};
use mlcore_features::transform::{
    Fit, FittedTransformer, KBinsDiscretizer, OneHotEncoder, SimpleImputer, StandardScaler, Training,
    Transform, Transformer,
};

use crate::read::specifications;

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

/// A target of the tables above, for whatever learns from one.
fn target() -> ArrayRef {
    Arc::new(Int64Array::from(vec![0, 1, 1, 0, 1]))
}

/// Every transformer, with every set of parameters of its golden file, on every table here that it takes.
#[test]
fn every_transformer_keeps_the_contract() {
    for name in Transformer::NAMES {
        let mut held = 0;
        for (transformer, case) in specifications(name) {
            let rows = case.train.num_rows().min(40);
            let own_target = case.target.as_ref().map(|target| target.slice(0, rows));
            let own = (case.train.slice(0, rows), own_target);
            let tables = [numbers(), present(), categories()].map(|table| (table, Some(target())));
            for (table, target) in tables.into_iter().chain([own]) {
                let training = Training::new(&table);
                let training = target.as_ref().map_or(training, |target| training.with_target(target));
                let takes = |(fitted, _): (FittedTransformer, _)| fitted.transform(&table).is_ok();
                if table.num_rows() >= 2 && transformer.fit_transform(training).is_ok_and(takes) {
                    conformance::fit(&transformer, training);
                    held += 1;
                }
            }
        }
        assert!(held >= 3, "{name} took {held} tables");
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
