//! Parts that nobody made: whatever bytes say, reading and finishing them ends in a result or an error.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use serde_json::Value as Json;

use super::PartialFit;
use super::partial_fit::forge;
use crate::program::Program;
use crate::transform::{Parameters, Strategy, Training, Transformer};

fn read(specification: &Transformer, bytes: &[u8]) -> mlcore::Result<PartialFit<Transformer>> {
    PartialFit::from_bytes(specification.clone(), bytes)
}

fn table(column: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("a", column, true)]).unwrap()
}

/// Learners that have seen three rows of numbers or of texts, with those of the golden parameters that are not the default.
fn learners() -> Vec<PartialFit<Transformer>> {
    let number: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(4.0)]));
    let whole: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0, 4.0]));
    let text: ArrayRef = Arc::new(StringArray::from(vec![Some("to be"), None, Some("or not")]));
    let full: ArrayRef = Arc::new(StringArray::from(vec!["to be", "not", "or not"]));
    let target: ArrayRef = Arc::new(Int64Array::from(vec![0, 1, 1]));
    let named = Transformer::NAMES.iter().map(|name| Transformer::new(name, &Parameters::new()).unwrap());
    let imputers = [Strategy::MostFrequent, Strategy::Constant]
        .map(|strategy| crate::transform::SimpleImputer::default().strategy(strategy).into());
    let mut learners = Vec::new();
    for transformer in named.chain(imputers) {
        let Ok(learner) = PartialFit::new(transformer) else { continue };
        for column in [&number, &whole, &text, &full] {
            let mut own = learner.clone();
            let table = table(column.clone());
            if own.observe(Training::new(&table).with_target(&target)).is_ok() {
                learners.push(own);
            }
        }
    }
    learners
}

/// Every place of the document, changed in every way.
fn disturbed(document: &Json) -> Vec<Json> {
    let mut all: Vec<Json> = vec![
        Json::Null,
        Json::from(-3),
        Json::from(u64::MAX),
        Json::from(1e300),
        Json::from("a"),
        serde_json::json!([]),
        serde_json::json!({"float": "NaN"}),
        serde_json::json!([["null", 3]]),
    ];
    match document {
        Json::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                for changed in disturbed(item) {
                    let mut copy = items.clone();
                    copy[place] = changed;
                    all.push(Json::Array(copy));
                }
            }
            all.push(Json::Array(items.iter().skip(1).cloned().collect()));
            all.push(Json::Array(items.iter().chain(items.first()).cloned().collect()));
        }
        Json::Object(items) => {
            for (name, item) in items {
                for changed in disturbed(item) {
                    let mut copy = items.clone();
                    copy.insert(name.clone(), changed);
                    all.push(Json::Object(copy));
                }
            }
        }
        _ => {}
    }
    all
}

#[test]
fn forged_parts_are_refused_or_harmless() {
    let (mut refused, mut finished, learners) = (0, 0, learners());
    assert!(learners.len() > 25, "{} learners", learners.len());
    for learner in learners {
        let content: Json =
            serde_json::from_slice::<Json>(&learner.to_bytes().unwrap()).unwrap()["content"].clone();
        for (name, item) in content.as_object().unwrap() {
            if ["transformer", "parameters"].contains(&name.as_str()) {
                continue;
            }
            for changed in disturbed(item) {
                let mut forged = content.clone();
                forged[name] = changed;
                let Some(bytes) = forge(forged) else {
                    refused += 1;
                    continue;
                };
                let Ok(read) = read(learner.specification(), &bytes) else {
                    refused += 1;
                    continue;
                };
                let mut both = learner.clone();
                drop(both.merge(read.clone()).and_then(|()| both.finish()));
                if let Ok(fitted) = read.finish() {
                    drop(Program::compile(&fitted));
                    finished += 1;
                }
            }
        }
    }
    assert!(refused > 1000 && finished > 100, "{refused} are refused and {finished} are finished");
}

#[test]
fn damaged_bytes_are_refused() {
    for learner in learners() {
        let bytes = learner.to_bytes().unwrap();
        assert_eq!(read(learner.specification(), &bytes).unwrap().to_bytes().unwrap(), bytes);
        for end in (0..bytes.len()).step_by(7) {
            assert!(read(learner.specification(), &bytes[..end]).is_err(), "{end} of {} bytes", bytes.len());
        }
        let text = String::from_utf8(bytes).unwrap();
        for (from, to) in [
            ("\"version\":1", "\"version\":2"),
            ("\"rows\":3", "\"rows\":4"),
            ("mlcore-partial-fit", "mlcore-plan"),
        ] {
            assert!(text.contains(from), "{text}");
            let error = read(learner.specification(), text.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert!(["corrupt", "unsupported"].contains(&error.kind()), "{error}");
        }
    }
    let scaler = Transformer::new("StandardScaler", &Parameters::new()).unwrap();
    let other = Transformer::new("MinMaxScaler", &Parameters::new()).unwrap();
    let bytes = PartialFit::new(scaler).unwrap().to_bytes().unwrap();
    let error = read(&other, &bytes).unwrap_err().to_string();
    assert!(error.starts_with("fit in parts part: it is of StandardScaler("), "{error}");
}
