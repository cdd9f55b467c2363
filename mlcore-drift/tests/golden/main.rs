//! The numbers of scipy, Evidently and NannyML, to 1e-9, for every listed test: see `testdata/golden/make_drift.py`.

#![cfg(test)]

mod decisions;
mod samples;

use mlcore_drift::bins::Binning;
use mlcore_drift::catalog::Catalog;
use mlcore_drift::table::PcaReconstruction;
use mlcore_drift::two_sample::psi::psi;
use mlcore_drift::two_sample::{Note, Score};
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
    let mut worst = (0.0, String::new());
    for listed in catalog.table_names() {
        for case in cases::<Columns>(&format!("table/{listed}")) {
            let name = format!("{listed}, {}", case.name);
            let test = catalog.table_test(listed, &case.options).unwrap();
            let (reference, current) = (case.reference.table(), case.current.table());
            let score = test.compare(&reference, &current).unwrap().score;
            for (what, expected) in &case.expected {
                let actual = match what.as_str() {
                    "statistic" => score.statistic,
                    "effect" => score.effect.value,
                    "pvalue" => score.pvalue.unwrap(),
                    "lower" | "upper" => {
                        let test: PcaReconstruction = case.options.read().unwrap();
                        let (lower, upper) = test.thresholds(&reference).unwrap();
                        if what == "lower" { lower } else { upper }
                    }
                    "pvalue_sampled" => {
                        within_chance(&name, score.pvalue.unwrap(), *expected);
                        continue;
                    }
                    "auc" | "auc_lightgbm" | "auc_of_words" => {
                        within_interval(&name, &score, *expected, what != "auc_of_words");
                        continue;
                    }
                    other => panic!("{name}: nothing is called {other}"),
                };
                check(&name, what, actual, *expected);
                let difference = (actual - expected).abs() / expected.abs().max(1e-300);
                if difference > worst.0 {
                    worst = (difference, format!("{name}, {what}"));
                }
            }
        }
    }
    println!("largest relative difference: {:.1e} ({})", worst.0, worst.1);
}

/// Two p-values of a thousand exchanges of rows each: within four standard errors, and the two exchanges that may be counted.
fn within_chance(case: &str, actual: f64, expected: f64) {
    let middle = (actual + expected) / 2.0;
    let error = (middle * (1.0 - middle) * 2.0 / 1000.0).sqrt();
    assert!(
        (actual - expected).abs() <= 4.0 * error + 0.002,
        "{case}: p = {actual} where {expected} is expected"
    );
}

/// The area that another library finds lies within the interval; where its model is one of words in the place of n-grams, and
/// these tell the tables apart, n-grams surely do, too.
fn within_interval(case: &str, score: &Score, expected: f64, is_alike: bool) {
    let interval = score.notes.iter().find_map(|note| match note {
        Note::Interval { low, high, .. } => Some((*low, *high)),
        _ => None,
    });
    let (low, high) = interval.unwrap();
    println!("{case}: {:.3} in {low:.3} to {high:.3}; {expected:.3} elsewhere", score.statistic);
    let agrees = if is_alike { (low..=high).contains(&expected) } else { expected < 0.6 || low > 0.5 };
    assert!(agrees, "{case}: {low} to {high} where {expected} is expected");
}
