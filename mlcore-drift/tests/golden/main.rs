//! Evidently's and scipy's numbers, to 1e-9: see `testdata/golden/make_drift.py`.

#![cfg(test)]

mod samples;

use mlcore_drift::bins::{Binning, Recipe};
use mlcore_drift::sample::Sample;
use mlcore_drift::two_sample::psi::psi;
use mlcore_drift::two_sample::{ChiSquare, DriftTest, KolmogorovSmirnov, Psi, Score};
use samples::{Categories, Numbers, cases};
use serde_json::Value;

/// Relative, with an absolute floor where the truth is 0.
fn check(case: &str, what: &str, actual: f64, expected: &Value) {
    let expected = expected.as_f64().unwrap_or_else(|| panic!("{case}: no expected {what}"));
    let close = (actual - expected).abs() <= 1e-9 * expected.abs() || (actual - expected).abs() < 1e-300;
    assert!(close, "{case}, {what}: {actual:e} where {expected:e} is expected");
}

/// The score of comparing, which compiling the reference first must not change.
fn score(test: &dyn DriftTest, reference: &Sample, current: &Sample) -> Score {
    let score = test.compare(reference, current).unwrap();
    assert_eq!(score, test.compile(reference).unwrap().compare(current).unwrap());
    score
}

#[test]
fn psi_is_evidentlys() {
    for case in cases::<Numbers>("psi.json") {
        let reference = Sample::from_array(&case.reference.array()).unwrap();
        let current = Sample::from_array(&case.current.array()).unwrap();
        let evidently = Binning::default().with_recipe(Recipe::Evidently);
        let score = score(&Psi::new(evidently), &reference, &current);
        check(&case.name, "evidently", score.statistic, &case.expected["evidently"]);
        if let Some(expected) = case.expected.get("quantile") {
            let result = psi(&reference, &current, &Binning::default()).unwrap();
            check(&case.name, "psi", result.psi, &expected["psi"]);
            check(&case.name, "psi_corrected", result.psi_corrected, &expected["psi_corrected"]);
            check(&case.name, "pvalue", result.pvalue.unwrap(), &expected["pvalue"]);
        }
    }
}

#[test]
fn ks_is_scipys() {
    for case in cases::<Numbers>("ks.json") {
        let reference = Sample::from_array(&case.reference.array()).unwrap();
        let current = Sample::from_array(&case.current.array()).unwrap();
        let score = score(&KolmogorovSmirnov::default(), &reference, &current);
        check(&case.name, "statistic", score.statistic, &case.expected["statistic"]);
        check(&case.name, "pvalue", score.pvalue.unwrap(), &case.expected["pvalue"]);
    }
}

#[test]
fn chi_square_is_scipys_and_categorical_psi_is_evidentlys() {
    for case in cases::<Categories>("chi_square.json") {
        let reference = Sample::from_array(&case.reference.array()).unwrap();
        let current = Sample::from_array(&case.current.array()).unwrap();
        let chi_square = score(&ChiSquare::default().with_pool_below(0.0), &reference, &current);
        check(&case.name, "statistic", chi_square.statistic, &case.expected["statistic"]);
        check(&case.name, "pvalue", chi_square.pvalue.unwrap(), &case.expected["pvalue"]);
        check(&case.name, "V", chi_square.effect.value, &case.expected["cramers_v"]);
        let evidently = Binning::default().with_recipe(Recipe::Evidently);
        let psi = score(&Psi::new(evidently), &reference, &current);
        check(&case.name, "evidently", psi.statistic, &case.expected["evidently"]);
    }
}
