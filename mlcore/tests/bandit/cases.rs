//! `testdata/golden/bandit.json`, and what several tests make bandits of.

use std::path::Path;

use mlcore::bandit::ArmStatistics;
use mlcore::name::Arm;
use serde_json::Value;

pub(crate) fn section(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/golden/bandit.json");
    let text = std::fs::read_to_string(path).expect("testdata/golden/make_bandit.py wrote it");
    let mut file: Value = serde_json::from_str(&text).expect("JSON");
    std::mem::take(file[name].as_array_mut().expect("a section"))
}

/// The cases of a section, of which there are at least ten.
pub(crate) fn cases(name: &str) -> Vec<Value> {
    let cases = section(name);
    assert!(cases.len() >= 10, "{name} has only {} cases", cases.len());
    cases
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("an array").iter().map(|number| number.as_f64().expect("a number")).collect()
}

pub(crate) fn positions(value: &Value) -> Vec<usize> {
    value
        .as_array()
        .expect("an array")
        .iter()
        .map(|number| number.as_u64().expect("a position") as usize)
        .collect()
}

/// The statistics of each arm of a history.
pub(crate) fn statistics(case: &Value) -> Vec<ArmStatistics> {
    let (decisions, rewards) = (positions(&case["decisions"]), numbers(&case["rewards"]));
    let arms = case["arms"].as_u64().expect("arms") as usize;
    let of = |arm: usize| {
        let own: Vec<f64> = decisions
            .iter()
            .zip(&rewards)
            .filter(|(decision, _)| **decision == arm)
            .map(|(_, reward)| *reward)
            .collect();
        ArmStatistics::of(&own)
    };
    (0..arms).map(of).collect()
}

#[track_caller]
pub(crate) fn close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{what}: {found:?} is not {expected:?}");
    }
}

/// Arms whose names are in the order of their numbers.
pub(crate) fn arms(count: usize) -> Vec<Arm> {
    (0..count).map(|number| Arm::new(format!("arm-{number:02}")).expect("a name")).collect()
}
