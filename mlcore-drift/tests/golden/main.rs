//! The numbers of scipy, Evidently and NannyML, to 1e-9, for every listed test: see `testdata/golden/make_drift.py`.

#![cfg(test)]

mod decisions;
mod samples;

use mlcore_drift::bins::Binning;
use mlcore_drift::catalog::Catalog;
use mlcore_drift::two_sample::psi::psi;
use samples::{Columns, Spec, cases};

/// Relative, with an absolute floor where the truth is 0.
fn check(case: &str, what: &str, actual: f64, expected: f64) {
    let close = (actual - expected).abs() <= 1e-9 * expected.abs() || (actual - expected).abs() < 1e-300;
    assert!(close, "{case}, {what}: {actual:e} where {expected:e} is expected");
}

/// Two p-values of a thousand exchanges each, within five standard errors of their difference.
fn check_drawn(case: &str, actual: f64, expected: f64) {
    let mean = ((actual + expected) / 2.0).max(1e-3);
    let error = (2.0 * mean * (1.0 - mean) / 1000.0).sqrt();
    assert!((actual - expected).abs() <= 5.0 * error, "{case}, p-value: {actual} where {expected} was drawn");
}

#[test]
fn every_listed_test_has_the_numbers_of_its_reference() {
    let catalog = Catalog::default();
    for test in catalog.names() {
        for case in cases::<Spec>(test) {
            let name = format!("{test}, {}", case.name);
            let (reference, current) = (case.reference.sample(), case.current.sample());
            let test = catalog.test(test, &case.options).unwrap();
            let score = test.compare(&reference, &current).unwrap();
            assert_eq!(score, test.compile(&reference).unwrap().compare(&current).unwrap(), "{name}");
            for (what, expected) in &case.expected {
                let actual = match what.as_str() {
                    "drawn_pvalue" => {
                        check_drawn(&name, score.pvalue.unwrap(), *expected);
                        continue;
                    }
                    "statistic" => score.statistic,
                    "pvalue" => score.pvalue.unwrap(),
                    "effect" => score.effect.value,
                    "psi_corrected" => psi(&reference, &current, &Binning::default()).unwrap().psi_corrected,
                    other => panic!("{name}: nothing is called {other}"),
                };
                check(&name, what, actual, *expected);
            }
        }
    }
}

#[test]
fn every_listed_test_of_tables_has_the_numbers_of_its_reference() {
    let catalog = Catalog::default();
    for test in catalog.table_names() {
        for case in cases::<Columns>(&format!("table/{test}")) {
            let name = format!("{test}, {}", case.name);
            let test = catalog.table_test(test, &case.options).unwrap();
            let score = test.compare(&case.reference.table(), &case.current.table()).unwrap().score;
            for (what, expected) in &case.expected {
                let actual = match what.as_str() {
                    "statistic" => score.statistic,
                    "effect" => score.effect.value,
                    other => panic!("{name}: nothing is called {other}"),
                };
                check(&name, what, actual, *expected);
            }
        }
    }
}
