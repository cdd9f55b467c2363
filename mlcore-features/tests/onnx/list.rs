//! Every transformer of the list is exported, or refused for a reason that stands here.

use std::collections::BTreeMap;

use mlcore::Error;
use mlcore::arrow::array::RecordBatch;
use mlcore_features::onnx::OnnxExport;
use mlcore_features::pipeline::Plan;
use mlcore_features::transform::{Fit, Training, Transformer};

use crate::compare::{Outcome, compare, required};
use crate::read;

/// What ends the refusal of each transformer that ONNX cannot express.
const REFUSED: [(&str, &str); 7] = [
    ("KNNImputer", "it searches all rows of the training table for the nearest"),
    ("HashingVectorizer", "ONNX has no operators that take texts apart as it does"),
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

/// What ends the refusal of a column, whatever transformer reads it.
const COLUMNS: [&str; 2] =
    ["stands for a missing text", "and with missing values the column is one of floats"];

#[test]
fn every_transformer_is_exported_or_refused_by_name() {
    let mut total = BTreeMap::new();
    for name in Transformer::NAMES {
        let reason = REFUSED.iter().find(|(refused, _)| refused == name).map(|(_, reason)| *reason);
        let mut seen: BTreeMap<Outcome, usize> = BTreeMap::new();
        let mut refused = 0;
        for case in read::cases(&read::file_of(name)) {
            let Ok(transformer) = read::transformer(name, &case) else { continue };
            let (train, test) = (required(&case.train, &case.test), required(&case.test, &case.train));
            for (train, test) in [(&case.train, &case.test), (&train, &test)] {
                let Some(plan) = fitted(&transformer, &case, train) else { continue };
                for table in [train, test] {
                    match compare(&plan, table, &OnnxExport::default(), &case.name) {
                        Ok(outcome) => *seen.entry(outcome).or_default() += 1,
                        Err(error) => {
                            check_refusal(name, reason, &case.name, &error);
                            refused += 1;
                        }
                    }
                }
            }
        }
        let equal = seen.get(&Outcome::Equal).copied().unwrap_or(0);
        assert_eq!(equal == 0, reason.is_some(), "{name}: {seen:?}, and {refused} are not exported");
        assert!(reason.is_none() || refused > 0, "{name}");
        println!("{name}: {seen:?}, not exported {refused}");
        for (outcome, count) in seen {
            *total.entry(outcome).or_insert(0) += count;
        }
    }
    assert!(total[&Outcome::Equal] >= 1000 && total[&Outcome::Refused] >= 20, "{total:?}");
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
