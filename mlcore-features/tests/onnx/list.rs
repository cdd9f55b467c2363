//! Every transformer of the list is exported, or refused for a reason that stands here.

use std::collections::BTreeMap;

use mlcore::Error;
use mlcore::arrow::array::{ArrayRef, RecordBatch};
use mlcore::arrow::datatypes::DataType;
use mlcore_features::onnx::OnnxExport;
use mlcore_features::pipeline::Plan;
use mlcore_features::transform::{Fit, Training, Transformer};

use crate::compare::{Outcome, compare_with, load, required};
use crate::read;

/// What ends the refusal of each transformer that ONNX cannot express.
const REFUSED: [(&str, &str); 8] = [
    ("KNNImputer", "it searches all rows of the training table for the nearest"),
    ("HashingVectorizer", "ONNX has no operators that take texts apart as it does"),
    ("HashedCrossing", "ONNX has no operators that take texts apart as it does"),
    ("FeatureHasher", "ONNX has no operators that take texts apart as it does"),
    ("CountVectorizer", "ONNX has no operators that take texts apart as it does"),
    ("TfidfVectorizer", "ONNX has no operators that take texts apart as it does"),
    ("DatetimeFeatures", "ONNX has no dates and times"),
    ("TimeSince", "ONNX has no dates and times"),
];

/// The same for transformers of which some cases are exported.
const PARTLY: [(&str, &[&str]); 1] = [(
    "DerivedColumns",
    &["ONNX has no operators that take texts apart as it does", "ONNX has no dates and times"],
)];

/// Cases whose features are differences of numbers beyond 1e50 that are equal but for their last digits. Exponentials of different
/// libraries differ there.
const LAST_DIGITS: [&str; 1] = ["power_transformer: one value"];

/// What ends the refusal of a column, whatever transformer reads it.
const COLUMNS: [&str; 2] =
    ["stands for a missing text", "and with missing values the column is one of floats"];

// Two tests, for two cores.
#[test]
fn every_transformer_is_exported_or_refused_by_name() {
    are_exported_or_refused(Transformer::NAMES.iter().step_by(2));
}

#[test]
fn every_other_transformer_is_exported_or_refused_by_name() {
    are_exported_or_refused(Transformer::NAMES.iter().skip(1).step_by(2));
}

fn are_exported_or_refused<'n>(names: impl Iterator<Item = &'n &'static str>) {
    let mut total = BTreeMap::new();
    for name in names {
        let reason = REFUSED.iter().find(|(refused, _)| refused == name).map(|(_, reason)| *reason);
        let mut seen: BTreeMap<Outcome, usize> = BTreeMap::new();
        let mut refused = 0;
        for case in read::cases(&read::file_of(name)) {
            if LAST_DIGITS.contains(&&*case.name) {
                continue;
            }
            let Ok(transformer) = read::transformer(name, &case) else { continue };
            let (train, test) = (required(&case.train, &case.test), required(&case.test, &case.train));
            let is_whole = has_whole_integers(&train) && has_whole_integers(&test);
            for (train, test, is_present) in [(&case.train, &case.test, false), (&train, &test, is_whole)] {
                let Some(plan) = fitted(&transformer, &case, train) else { continue };
                // The empty text is a category in many of them.
                let export = OnnxExport::default().with_missing_text("<missing>");
                let export = export.with_integers_are_present(is_present);
                let graph = match plan.to_onnx(&export) {
                    Ok(model) => load(&model),
                    Err(error) => {
                        check_refusal(name, reason, &case.name, &error);
                        refused += 1;
                        continue;
                    }
                };
                for table in [train, test] {
                    *seen.entry(compare_with(&graph, &plan, table, &export, &case.name)).or_default() += 1;
                }
            }
        }
        let equal = seen.get(&Outcome::Equal).copied().unwrap_or(0);
        assert_eq!(equal == 0, reason.is_some(), "{name}: {seen:?}, and {refused} are not exported");
        assert!(reason.is_none() || refused > 0, "{name}");
        for (outcome, count) in seen {
            *total.entry(outcome).or_insert(0) += count;
        }
    }
    assert!(total[&Outcome::Equal] >= 400 && total[&Outcome::Refused] >= 5, "{total:?}");
}

/// Whether no integer and no truth value is missing.
fn has_whole_integers(table: &RecordBatch) -> bool {
    let is_integer = |column: &&ArrayRef| {
        let dtype = column.data_type();
        dtype.is_integer() || *dtype == DataType::Boolean
    };
    table.columns().iter().filter(is_integer).all(|column| column.null_count() == 0)
}

/// The plan of a transformer, where it takes the table and makes numbers of it.
fn fitted(transformer: &Transformer, case: &read::Case, train: &RecordBatch) -> Option<Plan> {
    let mut training = Training::new(train);
    if let Some(weights) = &case.weights {
        training = training.with_weights(weights);
    }
    if let Some(target) = &case.target {
        training = training.with_target(target);
    }
    let plan = Plan::new(transformer.fit(training).ok()?).ok()?;
    let is_text = plan.output().fields().iter().any(|field| !field.dtype().is_numeric());
    (!is_text && plan.width() > 0).then_some(plan)
}

fn check_refusal(name: &str, reason: Option<&str>, case: &str, error: &Error) {
    assert_eq!(error.kind(), "unsupported", "{case}: {error}");
    let told = error.context().problem();
    if COLUMNS.iter().any(|reason| told.ends_with(reason)) {
        return;
    }
    assert_eq!(error.context().subject(), name, "{case}: {error}");
    let partly = PARTLY.iter().find(|(partly, _)| *partly == name).map_or(&[][..], |(_, reasons)| *reasons);
    let is_known = reason.into_iter().chain(partly.iter().copied()).any(|reason| told.ends_with(reason));
    assert!(is_known, "{case}: {error}");
}
