//! The contract of [`DriftTest`].

use mlcore::{Error, Result};

use super::numbers::{equal, same};
use super::samples::Samples;
use super::{assert_larger_scores_higher, assert_no_change, assert_steady};
use crate::sample::{Kind, Sample};
use crate::two_sample::{DriftTest, LooksFor, Needs, Score};

/// Checks every promise of [`DriftTest`].
///
/// # Panics
/// At the first promise that `test` breaks.
pub fn drift_test(test: &dyn DriftTest) {
    let (name, looks_for) = (test.name(), test.looks_for());
    assert!(!name.is_empty(), "a test has a name");
    let minimum = test.default_minimum_effect();
    assert!(minimum > 0.0 && minimum.is_finite(), "{name}: the default smallest effect is {minimum}");
    let (applies, wrong): (Vec<Kind>, Vec<Kind>) = Kind::ALL.iter().partition(|kind| test.applies_to(**kind));
    assert!(!applies.is_empty(), "{name} applies to nothing");
    for kind in &applies {
        let suite = Suite { test, samples: Samples { kind: *kind, looks_for } };
        suite.a_score_says_how_many_values_there_were();
        suite.the_same_samples_score_the_same();
        suite.the_order_of_rows_is_irrelevant();
        suite.identical_samples_do_not_differ();
        suite.larger_changes_score_higher();
        suite.effects_do_not_grow_with_rows();
        suite.missing_rows_do_not_enter();
        suite.summaries_err_on_the_side_of_no_change();
        suite.silence_is_refused();
        suite.odd_samples_are_answered();
    }
    for kind in wrong {
        let sample = Samples { kind, looks_for }.changed(50, 0.0);
        refused(test.compare(&sample, &sample), &format!("{name} on {kind} columns"));
    }
    if let [kind, other] = applies[..]
        && looks_for != LooksFor::MissingRows
    {
        let [one, two] = [kind, other].map(|kind| Samples { kind, looks_for }.changed(50, 0.0));
        refused(test.compare(&one, &two), &format!("{name}: samples of two kinds"));
        refused(test.compare(&two, &one), &format!("{name}: samples of two kinds"));
    }
}

fn refused<T>(answer: Result<T>, what: &str) {
    match answer {
        Err(Error::InvalidInput(_)) => {}
        Err(other) => panic!("{what}: refused with another meaning: {other}"),
        Ok(_) => panic!("{what}: not refused"),
    }
}

struct Suite<'a> {
    test: &'a dyn DriftTest,
    samples: Samples,
}

impl Suite<'_> {
    /// The score of either way of comparing, its numbers in range.
    fn score(&self, reference: &Sample, current: &Sample) -> Score {
        let name = self.test.name();
        let score = self.answered(self.test.compare(reference, current));
        let compiled =
            self.answered(self.test.compile(reference).and_then(|compiled| compiled.compare(current)));
        let Score { statistic, pvalue, effect, .. } = &score;
        assert!(effect.value >= 0.0, "{name}: the effect is {}", effect.value);
        assert!(pvalue.is_none_or(|p| (0.0..=1.0).contains(&p)), "{name}: the p-value is {pvalue:?}");
        assert!(!statistic.is_nan(), "{name}: the statistic is NaN");
        assert!(same(&score, &compiled), "{name}: compiling changes the score: {score:?}, {compiled:?}");
        score
    }

    fn answered<T>(&self, answer: Result<T>) -> T {
        answer.unwrap_or_else(|error| panic!("{}: no answer: {error}", self.test.name()))
    }

    /// What most checks compare: samples of different sizes, the second one changed.
    fn pair(&self) -> (Sample, Sample) {
        (self.samples.changed(500, 0.0), self.samples.changed(300, 0.3))
    }

    fn the_same_samples_score_the_same(&self) {
        let (reference, current) = self.pair();
        let (name, other) = (self.test.name(), self.samples.changed(200, 0.6));
        let compiled = self.answered(self.test.compile(&reference));
        let [first, _, third] =
            [&current, &other, &current].map(|current| self.answered(compiled.compare(current)));
        assert_eq!(first, third, "{name}: a comparison changes the next one");
        let (once, again) = (self.score(&reference, &current), self.score(&reference, &current));
        assert_eq!(once, again, "{name}: the same samples score differently");
    }

    fn the_order_of_rows_is_irrelevant(&self) {
        let (reference, current) = self.pair();
        let straight = self.score(&reference, &current);
        let other = self.score(&Samples::reordered(&reference), &Samples::reordered(&current));
        let name = self.test.name();
        assert!(same(&straight, &other), "{name}: the order of rows matters: {straight:?}, {other:?}");
    }

    fn a_score_says_how_many_values_there_were(&self) {
        let (reference, current) = self.pair();
        let len = |sample: &Sample| match self.samples.looks_for {
            LooksFor::MissingRows => sample.rows(),
            LooksFor::Shift | LooksFor::Spread => sample.len(),
        };
        let Score { reference_len, current_len, .. } = self.score(&reference, &current);
        assert_eq!(
            (reference_len, current_len),
            (len(&reference), len(&current)),
            "{}: the sizes of reference and current sample",
            self.test.name()
        );
    }

    fn identical_samples_do_not_differ(&self) {
        for rows in [1, 2, 50, 1000] {
            let sample = self.samples.changed(rows, 0.0);
            // One or two values may be too few to be compared.
            if sample.is_empty() || (rows < 50 && self.test.compare(&sample, &sample).is_err()) {
                continue;
            }
            assert_no_change(self.test.name(), &self.score(&sample, &sample));
        }
    }

    fn larger_changes_score_higher(&self) {
        let reference = self.samples.changed(1000, 0.0);
        let [small, large] =
            [0.1, 0.6].map(|change| self.score(&reference, &self.samples.changed(1000, change)));
        assert_larger_scores_higher(self.test.name(), self.test.default_minimum_effect(), &small, &large);
    }

    fn effects_do_not_grow_with_rows(&self) {
        let effect = |rows| {
            let (reference, current) = (self.samples.changed(rows, 0.0), self.samples.changed(rows, 0.4));
            self.score(&reference, &current).effect.value
        };
        let (few, many) = (effect(1000), effect(20_000));
        assert_steady(self.test.name(), few, many);
    }

    fn missing_rows_do_not_enter(&self) {
        if self.samples.looks_for == LooksFor::MissingRows {
            return;
        }
        let (reference, current) = self.pair();
        let (whole, gappy) =
            (self.score(&reference, &current), self.score(&reference, &Samples::gappy(&current)));
        let name = self.test.name();
        assert!(same(&whole, &gappy), "{name}: missing rows enter the test: {whole:?}, {gappy:?}");
    }

    fn summaries_err_on_the_side_of_no_change(&self) {
        if self.samples.kind != Kind::Numeric {
            return;
        }
        let (reference, current) = self.pair();
        let (name, needs) = (self.test.name(), self.answered(self.test.compile(&reference)).needs());
        let whole = self.score(&reference, &current);
        let at = |edges: &[f64]| {
            Samples::summary(&current, edges)
                .unwrap_or_else(|error| panic!("{name} needs counts below impossible edges: {error}"))
        };
        let (summary, is_exact) = match needs {
            Needs::CountsBelow(edges) => (at(&edges), true),
            Needs::Rows => (at(&[]), true),
            Needs::Counts => (Samples::counted(&current), true),
            Needs::Values => (at(&Samples::some_edges()), false),
        };
        match self.test.compare(&reference, &summary) {
            Ok(score) if is_exact => {
                assert!(same(&whole, &score), "{name}: a summary scores differently: {whole:?}, {score:?}");
            }
            Ok(score) => {
                let larger = score.effect.value > whole.effect.value;
                assert!(
                    !larger || equal(score.effect.value, whole.effect.value),
                    "{name}: a summary has a larger effect than the values: {score:?}, {whole:?}"
                );
                let surer = score.pvalue < whole.pvalue;
                assert!(
                    !surer || score.pvalue.zip(whole.pvalue).is_some_and(|(a, b)| equal(a, b)),
                    "{name}: a summary is surer than the values: {score:?}, {whole:?}"
                );
            }
            Err(Error::InvalidInput(_)) if !is_exact => {}
            Err(error) => panic!("{name}: a summary is not compared: {error}"),
        }
    }

    fn silence_is_refused(&self) {
        let (some, name) = (self.samples.changed(100, 0.0), self.test.name());
        for silent in &self.samples.silent() {
            for (reference, current) in [(silent, &some), (&some, silent), (silent, silent)] {
                refused(self.test.compare(reference, current), &format!("{name}: a sample without values"));
            }
            refused(self.test.compile(silent), &format!("{name}: a reference without values"));
        }
    }

    fn odd_samples_are_answered(&self) {
        let ordinary = self.samples.changed(100, 0.0);
        let odd = self.samples.odd();
        for (position, a) in odd.iter().enumerate() {
            for b in odd.iter().chain([&ordinary]) {
                for (reference, current) in [(a, b), (b, a)] {
                    match self.test.compare(reference, current) {
                        Ok(_) => drop(self.score(reference, current)),
                        Err(Error::InvalidInput(_)) => {}
                        Err(other) => panic!("{} on odd sample {position}: {other}", self.test.name()),
                    }
                }
            }
        }
    }
}
