//! The conformance suite catches planted faults, and accepts honest tests of other changes than a shift.

#![cfg(test)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use mlcore::{Error, Result};
use mlcore_drift::conformance::drift_test;
use mlcore_drift::sample::{Kind, Sample};
use mlcore_drift::two_sample::{CompiledTest, DriftTest, Effect, LooksFor, Score};

/// A change that is made to an honest score, given reference and current sample.
type Fault = fn(Score, &Sample, &Sample) -> Result<Score>;

/// Compares a statistic of numbers; breaks what `fault` breaks.
#[derive(Clone, Debug)]
struct Stranger {
    statistic: fn(&[f64]) -> f64,
    looks_for: LooksFor,
    fault: Fault,
}

#[derive(Debug)]
struct Compiled {
    test: Stranger,
    reference: Sample,
}

impl DriftTest for Stranger {
    fn name(&self) -> &str {
        "stranger"
    }

    fn looks_for(&self) -> LooksFor {
        self.looks_for
    }

    fn applies_to(&self, kind: Kind) -> bool {
        kind == Kind::Numeric
    }

    fn default_minimum_effect(&self) -> f64 {
        0.2
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        reference.require_numbers("compare", "reference")?;
        Ok(Box::new(Compiled { test: self.clone(), reference: reference.clone() }))
    }
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        let (x, y) = (
            self.reference.require_numbers("compare", "reference")?,
            current.require_numbers("compare", "current")?,
        );
        let statistic = ((self.test.statistic)(y) - (self.test.statistic)(x)).abs();
        let scale = deviation(x);
        if !(statistic.is_finite() && scale.is_finite() && scale > 0.0) {
            return Err(Error::invalid_input("compare", "sample", "it has no finite spread"));
        }
        let score = Score::new(statistic, Effect::new("standard deviations", statistic / scale))
            .with_reference_len(x.len() as u64)
            .with_current_len(y.len() as u64);
        (self.test.fault)(score, &self.reference, current)
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

const HONEST: Fault = |score, _, _| Ok(score);

fn caught(fault: Fault, words: &str) {
    let test = Stranger { statistic: mean, looks_for: LooksFor::Shift, fault };
    let outcome = catch_unwind(AssertUnwindSafe(|| drift_test(&test)));
    let payload = outcome.expect_err(&format!("not noticed: {words}"));
    let message = payload.downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(message.contains(words), "{message}");
}

#[test]
fn an_honest_test_of_a_mean_and_one_of_spread_conform() {
    drift_test(&Stranger { statistic: mean, looks_for: LooksFor::Shift, fault: HONEST });
    drift_test(&Stranger { statistic: deviation, looks_for: LooksFor::Spread, fault: HONEST });
}

#[test]
fn planted_faults_are_caught() {
    caught(
        |mut score, _, _| {
            (score.reference_len, score.current_len) = (score.current_len, score.reference_len);
            Ok(score)
        },
        "the sizes of reference and current sample",
    );
    caught(|score, _, current| Ok(score.with_current_len(current.rows())), "missing rows enter");
    caught(
        |mut score, _, current| {
            score.effect.value *= current.len() as f64;
            Ok(score)
        },
        "with rows",
    );
    caught(
        |mut score, _, current| {
            score.statistic += current.values().map_or(0.0, |values| values[0]);
            Ok(score)
        },
        "the order of rows matters",
    );
    caught(
        |mut score, _, _| {
            score.effect.value = 0.0;
            Ok(score)
        },
        "is below the default",
    );
    caught(|score, _, _| Ok(score.with_pvalue(1.5)), "the p-value is");
    caught(|score, _, _| Ok(score.with_pvalue(0.01)), "identical data could be told apart, p");
    caught(
        |mut score, _, _| {
            score.statistic = f64::NAN;
            Ok(score)
        },
        "the statistic is NaN",
    );
    caught(
        |mut score, _, _| {
            score.effect.value = (1.0 - score.effect.value).max(0.0);
            Ok(score)
        },
        "identical data differ",
    );
    caught(
        |score, reference, current| {
            if reference.len() == current.len() {
                return Err(Error::internal("compare", "sample", "not today"));
            }
            Ok(score)
        },
        "stranger: no answer: compare sample: not today",
    );
}

/// Answers samples without values as if nothing had changed.
#[derive(Debug)]
struct Lenient(Stranger);

impl DriftTest for Lenient {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn applies_to(&self, kind: Kind) -> bool {
        self.0.applies_to(kind)
    }

    fn default_minimum_effect(&self) -> f64 {
        self.0.default_minimum_effect()
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        self.0.compile(reference)
    }

    fn compare(&self, reference: &Sample, current: &Sample) -> Result<Score> {
        match reference.is_empty() || current.is_empty() {
            true => Ok(Score::new(0.0, Effect::new("none", 0.0))),
            false => self.0.compare(reference, current),
        }
    }
}

#[test]
fn a_test_that_answers_silence_is_caught() {
    let lenient = Lenient(Stranger { statistic: mean, looks_for: LooksFor::Shift, fault: HONEST });
    let outcome = catch_unwind(AssertUnwindSafe(|| drift_test(&lenient)));
    let message = outcome.unwrap_err().downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(message.contains("a sample without values: not refused"), "{message}");
}

/// Takes a summary of a sample for a sure sign of change.
#[derive(Debug)]
struct Rash(Stranger);

#[derive(Debug)]
struct CompiledRash(Box<dyn CompiledTest>);

impl DriftTest for Rash {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn applies_to(&self, kind: Kind) -> bool {
        self.0.applies_to(kind)
    }

    fn default_minimum_effect(&self) -> f64 {
        self.0.default_minimum_effect()
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        Ok(Box::new(CompiledRash(self.0.compile(reference)?)))
    }
}

impl CompiledTest for CompiledRash {
    fn compare(&self, current: &Sample) -> Result<Score> {
        match current.sketch() {
            Some(sketch) => {
                Ok(Score::new(9.0, Effect::new("standard deviations", 9.0)).with_current_len(sketch.len()))
            }
            None => self.0.compare(current),
        }
    }
}

#[test]
fn a_test_that_reads_change_into_a_summary_is_caught() {
    let rash = Rash(Stranger { statistic: mean, looks_for: LooksFor::Shift, fault: HONEST });
    let outcome = catch_unwind(AssertUnwindSafe(|| drift_test(&rash)));
    let message = outcome.unwrap_err().downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(message.contains("a summary has a larger effect than the values"), "{message}");
}
