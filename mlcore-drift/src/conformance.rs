//! The contract of [`DriftTest`] as a test suite: run it on your own test.
//!
//! A suite panics at the first broken promise, as a test does, and says which one it was.
//!
//! ```
//! use mlcore_drift::conformance::{Compares, drift_test};
//! use mlcore_drift::two_sample::KolmogorovSmirnov;
//!
//! drift_test(&KolmogorovSmirnov::default(), Compares::Values);
//! ```
#![expect(clippy::unwrap_used, reason = "a test suite fails by panicking")]

use mlcore::Error;

use crate::sample::{Kind, Sample};
use crate::two_sample::{DriftTest, Score};

/// What a test compares, which decides whose silence is an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Compares {
    /// The values: missing rows must not matter.
    Values,
    /// The missing rows: values must not matter.
    MissingRows,
}

/// Checks every promise of [`DriftTest`].
///
/// # Panics
/// At the first promise that `test` breaks.
pub fn drift_test(test: &dyn DriftTest, compares: Compares) {
    let name = test.name();
    assert!(!name.is_empty(), "a test has a name");
    let minimum = test.default_minimum_effect();
    assert!(minimum > 0.0 && minimum.is_finite(), "{name}: the default smallest effect is {minimum}");
    let kinds = [Kind::Numeric, Kind::Categorical].into_iter().filter(|kind| test.applies_to(*kind));
    let kinds: Vec<Kind> = kinds.collect();
    assert!(!kinds.is_empty(), "{name} applies to nothing");
    for kind in kinds {
        let suite = Suite { test, kind, compares };
        suite.identical_samples_do_not_differ();
        suite.larger_changes_score_higher();
        suite.effects_do_not_grow_with_rows();
        suite.the_order_of_rows_is_irrelevant();
        suite.what_is_not_compared_is_irrelevant();
        suite.silence_is_an_error();
        suite.odd_samples_are_answered();
    }
    for wrong in [Kind::Numeric, Kind::Categorical].into_iter().filter(|kind| !test.applies_to(*kind)) {
        let suite = Suite { test, kind: wrong, compares };
        let sample = suite.sample(50, 0.0);
        let error = test.compare(&sample, &sample).unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)), "{name} on {wrong} columns: {error}");
    }
}

struct Suite<'a> {
    test: &'a dyn DriftTest,
    kind: Kind,
    compares: Compares,
}

impl Suite<'_> {
    /// A sample of `rows` rows that is `change` (a tenth or several) away from the one with no change. Its values are
    /// ten whole numbers, so that tests by value and tests by order both see a shift.
    fn sample(&self, rows: u32, change: f64) -> Sample {
        let place = |row: u32| f64::from(row * 7919 % rows.max(1)) / f64::from(rows.max(1));
        let missing = |row: u32| self.compares == Compares::MissingRows && place(row) < 0.1 + change * 0.8;
        let value = |row: u32| match self.compares {
            Compares::Values => (place(row) * 10.0).floor() + (change * 10.0).round(),
            Compares::MissingRows => (place(row) * 10.0).floor(),
        };
        let present = |row: u32| if missing(row) { None } else { Some(value(row)) };
        match self.kind {
            Kind::Categorical => {
                let names: Vec<Option<String>> =
                    (0..rows).map(|row| present(row).map(|value| format!("{value}"))).collect();
                Sample::categorical(names.iter().map(Option::as_deref))
            }
            Kind::Numeric => (0..rows).map(|row| present(row).unwrap_or(f64::NAN)).collect::<Vec<_>>().into(),
        }
    }

    /// Both ways of comparing, which must agree.
    fn score(&self, reference: &Sample, current: &Sample) -> Score {
        let score = self.test.compare(reference, current).unwrap();
        let compiled = self.test.compile(reference).unwrap();
        let name = self.test.name();
        assert_eq!(score, compiled.compare(current).unwrap(), "{name}: compiling changes the score");
        assert_eq!(score, compiled.compare(current).unwrap(), "{name}: comparing changes what is compiled");
        assert!(score.effect.value >= 0.0, "{name}: the effect is {}", score.effect.value);
        assert!(
            score.pvalue.is_none_or(|p| (0.0..=1.0).contains(&p)),
            "{name}: the p-value is {:?}",
            score.pvalue
        );
        assert!(!score.statistic.is_nan(), "{name}: the statistic is NaN");
        score
    }

    fn identical_samples_do_not_differ(&self) {
        for rows in [1, 2, 50, 1000] {
            let sample = self.sample(rows, 0.0);
            if sample.is_empty() {
                continue;
            }
            let score = self.score(&sample, &sample);
            assert_eq!(score.effect.value, 0.0, "{}: {rows} identical rows differ", self.test.name());
            assert!(score.pvalue.is_none_or(|p| p == 1.0), "{}: p = {:?}", self.test.name(), score.pvalue);
        }
    }

    fn larger_changes_score_higher(&self) {
        let reference = self.sample(1000, 0.0);
        let [small, large] = [0.1, 0.6].map(|change| self.score(&reference, &self.sample(1000, change)));
        let name = self.test.name();
        assert!(large.effect.value > small.effect.value, "{name}: a larger change has a smaller effect");
        assert!(
            large.effect.value >= self.test.default_minimum_effect(),
            "{name}: a large change is below the default"
        );
        assert!(
            large.pvalue.is_none_or(|p| p < 1e-6),
            "{name}: a large change could be chance: {:?}",
            large.pvalue
        );
        assert!(large.pvalue <= small.pvalue, "{name}: a larger change is less certain");
    }

    fn effects_do_not_grow_with_rows(&self) {
        let effect = |rows| {
            let (reference, current) = (self.sample(rows, 0.0), self.sample(rows, 0.4));
            self.score(&reference, &current).effect.value
        };
        let (few, many) = (effect(1000), effect(20_000));
        // Pseudo-counts matter less with more rows, and they are the only reason to differ.
        assert!((0.4..2.5).contains(&(many / few)), "{}: {few} grows to {many} with rows", self.test.name());
    }

    fn the_order_of_rows_is_irrelevant(&self) {
        let (reference, current) = (self.sample(500, 0.0), self.sample(500, 0.3));
        let reversed = |sample: &Sample| match sample.values() {
            Some(values) => {
                let mut values: Vec<f64> = values.iter().rev().copied().collect();
                values.extend((0..sample.missing()).map(|_| f64::NAN));
                Sample::from_numbers(values)
            }
            None => sample.clone(),
        };
        let shuffled = self.score(&reversed(&reference), &reversed(&current));
        assert_eq!(
            self.score(&reference, &current),
            shuffled,
            "{}: the order of rows matters",
            self.test.name()
        );
    }

    fn what_is_not_compared_is_irrelevant(&self) {
        if self.compares == Compares::MissingRows {
            return;
        }
        let (reference, current) = (self.sample(500, 0.0), self.sample(500, 0.3));
        let gappy = match (current.values(), current.categories()) {
            (Some(values), _) => {
                values.iter().flat_map(|value| [*value, f64::NAN]).collect::<Vec<_>>().into()
            }
            (_, Some(categories)) => Sample::from_categories(categories.clone(), 500),
            (None, None) => current.clone(),
        };
        assert_eq!(
            self.score(&reference, &current),
            self.score(&reference, &gappy),
            "{}: missing rows enter the test of values",
            self.test.name()
        );
    }

    fn silence_is_an_error(&self) {
        let some = self.sample(100, 0.0);
        let nothing = self.sample(0, 0.0);
        let mut silent = vec![nothing];
        if self.compares == Compares::Values {
            silent.push(match self.kind {
                Kind::Categorical => Sample::categorical(vec![None::<&str>; 3]),
                Kind::Numeric => Sample::numeric(&[f64::NAN; 3]),
            });
        }
        for silent in &silent {
            for (reference, current) in [(silent, &some), (&some, silent), (silent, silent)] {
                let error = self.test.compare(reference, current).unwrap_err();
                let name = self.test.name();
                assert!(matches!(error, Error::InvalidInput(_)), "{name}: a sample without values: {error}");
                assert!(error.context().remedy().is_some(), "{name}: {error} says no remedy");
            }
            assert!(self.test.compile(silent).is_err(), "{}: an empty reference compiles", self.test.name());
        }
    }

    /// Constants, single values, extremes: an answer or an error with a name, and no panic.
    fn odd_samples_are_answered(&self) {
        let many = |values: &[f64]| Sample::from_numbers(values.repeat(40));
        let odd: Vec<Sample> = match self.kind {
            Kind::Categorical => [vec![""], vec!["a"], vec!["a", "b"], vec!["\u{0}", "\u{fffd}", "a"]]
                .iter()
                .flat_map(|names| [Sample::categorical(names.clone()), Sample::categorical(names.repeat(40))])
                .chain([Sample::categorical((0..300).map(|i| ODD_NAMES[i % ODD_NAMES.len()]))])
                .collect(),
            Kind::Numeric => vec![
                Sample::numeric(&[0.0]),
                many(&[0.0]),
                many(&[-0.0, 0.0]),
                many(&[1e300]),
                many(&[f64::INFINITY]),
                many(&[f64::NEG_INFINITY, f64::INFINITY]),
                many(&[f64::MIN, f64::MAX]),
                many(&[5e-324, 0.0, -5e-324]),
                many(&[9_007_199_254_740_993.0, -9_223_372_036_854_775_808.0]),
                Sample::from_numbers((0..64).map(|i| 1.0 + f64::from(i) * f64::EPSILON).collect()),
                Sample::from_numbers((0..64).map(|i| f64::from(i) * 5e-324).collect()),
                Sample::from_numbers((0..64).map(|i| f64::MAX / 64.0 * f64::from(2 * i - 63)).collect()),
            ],
        };
        let ordinary = self.sample(100, 0.0);
        for (i, a) in odd.iter().enumerate() {
            for b in odd.iter().chain([&ordinary]) {
                for (reference, current) in [(a, b), (b, a)] {
                    match self.test.compare(reference, current) {
                        Ok(_) => drop(self.score(reference, current)),
                        Err(Error::InvalidInput(_)) => {}
                        Err(other) => assert!(
                            other.is_caller_fault(),
                            "{} on odd sample {i}: {other}",
                            self.test.name()
                        ),
                    }
                }
            }
        }
    }
}

const ODD_NAMES: [&str; 4] = ["a", "a ", "A", "\u{e9}"];
