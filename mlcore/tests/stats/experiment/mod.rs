//! Experiments against gbstats, spotify-confidence, statsmodels, scipy, ssrm-test and confseq, and against themselves.

mod bayes;
mod daily;
mod effects;
mod group_sequential;
mod moments;
mod power;
mod report;
mod sequential;
mod simulations;
mod srm;
mod two_samples;

use std::path::Path;

use mlcore::experiment::{Answer, Difference, Estimate, JointMoments, QuantileSummary, cuped};
use mlcore::stats::{Alternative, Moments};
use serde_json::Value;

/// Numbers agree with the reference to this, relative.
const RELATIVE: f64 = 1e-9;
/// The references answer `1 - cdf`, or a difference of numbers of about 1, which leaves so much of a float.
const ROUNDING: f64 = 1e-15;

fn cases(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/golden/experiment").join(name);
    let text = std::fs::read_to_string(&path).expect("testdata/golden/make_experiment.py wrote it");
    let mut file: Value = serde_json::from_str(&text).expect("JSON");
    let cases = std::mem::take(file["cases"].as_array_mut().expect("cases"));
    assert!(cases.len() >= 10, "{name} has only {} cases", cases.len());
    cases
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().expect("a number").parse().expect("a number"))
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("an array").iter().map(number).collect()
}

fn counts(value: &Value) -> Vec<u64> {
    value.as_array().expect("an array").iter().map(|count| count.as_u64().expect("a count")).collect()
}

#[track_caller]
fn check(what: &str, case: &Value, actual: f64, expected: &Value) {
    check_to(what, case, actual, number(expected), RELATIVE);
}

#[track_caller]
fn check_to(what: &str, case: &Value, actual: f64, expected: f64, relative: f64) {
    let same = actual == expected || (actual - expected).abs() <= relative * expected.abs() + ROUNDING;
    assert!(same, "{what}: {actual:e} is not {expected:e} in {case}");
}

fn alternative(case: &Value) -> Alternative {
    case["alternative"].as_str().expect("alternative").parse().expect("an alternative")
}

fn difference(case: &Value) -> Difference {
    case["difference"].as_str().expect("difference").parse().expect("a difference")
}

/// The two arms of a case of gbstats.
fn arms(case: &Value) -> [Answer<Estimate>; 2] {
    let both = [&case["a"], &case["b"]];
    let joint =
        || both.map(|arm| numbers(&arm[0]).into_iter().zip(numbers(&arm[1])).collect::<JointMoments>());
    match case["kind"].as_str().expect("kind") {
        "mean" => both.map(|arm| Estimate::of_mean(&numbers(arm).into_iter().collect::<Moments>())),
        "proportion" => both.map(|arm| {
            let counted = counts(arm);
            Estimate::of_proportion(counted[0], counted[1])
        }),
        "ratio" => joint().map(|arm| arm.ratio()),
        "cuped" => {
            let [control, treatment] = joint();
            cuped(&control, &treatment)
        }
        "quantile" => both.map(|arm| quantile(arm, number(&case["nu"])).estimate()),
        "clustered" => both.map(|arm| {
            let clusters = &arm["clusters"];
            let units = numbers(&clusters[0]).into_iter().zip(numbers(&clusters[1])).collect();
            quantile(&arm["quantile"], number(&case["nu"])).with_clusters(&units).estimate()
        }),
        other => panic!("no kind {other}"),
    }
}

fn quantile(arm: &Value, nu: f64) -> QuantileSummary {
    let count = |at: usize| arm[at].as_u64().expect("a count");
    let bounds = [number(&arm[3]), number(&arm[4])];
    QuantileSummary::new(count(0), count(1), nu, number(&arm[2]), bounds).expect("a level")
}
