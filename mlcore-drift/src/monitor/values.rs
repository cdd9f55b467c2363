//! The test of a column's values: one, or the one that a preset chooses when it sees the current sample.

use std::sync::Arc;

use mlcore::arrow::array::Array;
use mlcore::{Error, Result};

use super::options::{MonitorOptions, OPERATION};
use super::plan::Watched;
use super::preset::{Candidate, Evidently, Preset, threshold_of_chunks};
use super::verdict::{ColumnVerdict, Outcome};
use crate::sample::Sample;
use crate::two_sample::{CompiledTest, DriftTest, LooksFor, Score};

/// A test with its reference.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) test: Arc<dyn DriftTest>,
    /// `None` if the reference has no value to compare with.
    pub(super) compiled: Option<Box<dyn CompiledTest>>,
    pub(super) threshold: f64,
}

/// What a test says, before p-values are corrected.
#[derive(Debug)]
pub(super) struct JudgedTest {
    pub(super) verdict: ColumnVerdict,
    /// NaN where there is none.
    pub(super) pvalue: f64,
    pub(super) looks_for: LooksFor,
}

/// The test of a column's values.
#[derive(Debug)]
pub(super) enum Values {
    /// Always the same.
    One(Test),
    /// As Evidently chooses, which leaves infinities out.
    Chosen { choice: Evidently, tests: Vec<(Candidate, Test)>, reference_len: u64 },
}

impl Values {
    /// The test that the options ask for.
    pub(super) fn of(
        name: &str,
        reference: &Sample,
        threshold: Option<f64>,
        options: &MonitorOptions,
        compile: impl Fn(&Arc<dyn DriftTest>, &Sample) -> Result<Box<dyn CompiledTest>>,
    ) -> Result<Self> {
        let given = options.given_test(name, reference);
        if given.is_none() && options.preset == Preset::Evidently {
            return Self::as_evidently(name, &reference.finite(), options, compile);
        }
        let spec = given.unwrap_or_else(|| options.preset.test(reference, options.max_exact_n));
        let (test, kind) = (spec.test(&options.catalog)?, reference.kind());
        if !test.applies_to(kind) {
            let problem = format!("the test {} does not apply to a {kind} column", test.name());
            return Err(
                Error::invalid_input(OPERATION, name, problem).remedy("choose another test for this column")
            );
        }
        let compiled = if reference.is_empty() { None } else { Some(compile(&test, reference)?) };
        let given = options.given_minimum_effect(name, &*test);
        let threshold = given.or(threshold).unwrap_or_else(|| test.default_minimum_effect());
        Ok(Self::One(Test { test, compiled, threshold }))
    }

    fn as_evidently(
        name: &str,
        reference: &Sample,
        options: &MonitorOptions,
        compile: impl Fn(&Arc<dyn DriftTest>, &Sample) -> Result<Box<dyn CompiledTest>>,
    ) -> Result<Self> {
        let choice = Evidently::of(reference);
        let test = |candidate: &Candidate| {
            let test = candidate.test();
            let compiled = match reference.is_empty() {
                true => None,
                false => Some(compile(&test, &candidate.sample(reference.clone()))?),
            };
            let threshold = options.given_minimum_effect(name, &*test).unwrap_or(candidate.threshold());
            Ok((*candidate, Test { test, compiled, threshold }))
        };
        let tests = choice.candidates().iter().map(test).collect::<Result<_>>()?;
        Ok(Self::Chosen { choice, tests, reference_len: reference.len() })
    }

    /// The tests that may be made.
    pub(super) fn tests(&self) -> impl Iterator<Item = &Test> {
        let (one, chosen) = match self {
            Self::One(test) => (Some(test), [].as_slice()),
            Self::Chosen { tests, .. } => (None, tests.as_slice()),
        };
        one.into_iter().chain(chosen.iter().map(|(_, test)| test))
    }

    /// What the test says of a sample, if both have so many values.
    pub(super) fn judge(
        &self,
        column: &Watched,
        current: &Sample,
        reference_len: u64,
        fewest: u64,
    ) -> Result<JudgedTest> {
        match self {
            Self::One(test) => test.judge(column, current, reference_len.min(current.len()) >= fewest),
            Self::Chosen { choice, tests, reference_len } => {
                let current = current.finite();
                let picked = choice.pick(&current);
                let found = tests.iter().find(|(candidate, _)| *candidate == picked).or(tests.first());
                let Some((candidate, test)) = found else {
                    return Err(Error::internal(OPERATION, "preset", "it chooses from no test"));
                };
                let enough = (*reference_len).min(current.len()) >= fewest;
                let current = candidate.sample(current.into_owned());
                let mut judged = test.judge(column, &current, enough)?;
                // Evidently judges whatever values there are.
                if let Some(score) = &mut judged.verdict.score {
                    score.replaced_pvalue = None;
                }
                Ok(judged)
            }
        }
    }
}

/// The smallest effect that a reference itself gives: NannyML's, of the reference's chunks in the order of its rows.
pub(crate) fn threshold_of_reference(
    name: &str,
    reference: &Sample,
    array: &dyn Array,
    options: &MonitorOptions,
) -> Result<Option<f64>> {
    let is_own = options.preset == Preset::NannyMl && options.given_test(name, reference).is_none();
    if !is_own || reference.is_empty() {
        return Ok(None);
    }
    let test = options.preset.test(reference, options.max_exact_n).test(&options.catalog)?;
    if options.given_minimum_effect(name, &*test).is_some() {
        return Ok(None);
    }
    threshold_of_chunks(name, array, reference.kind(), &*test.compile(reference)?).map(Some)
}

impl Test {
    pub(super) fn judge(&self, column: &Watched, current: &Sample, enough: bool) -> Result<JudgedTest> {
        let score: Option<Score> = match &self.compiled {
            Some(compiled) if enough => Some(compiled.compare(current)?),
            _ => None,
        };
        let pvalue = score.as_ref().and_then(|score| score.pvalue).unwrap_or(f64::NAN);
        let verdict = ColumnVerdict {
            column: column.name.clone(),
            kind: column.kind,
            test: self.test.name().to_owned(),
            outcome: Outcome::InsufficientData,
            score,
            pvalue_adjusted: None,
            threshold: self.threshold,
            sentence: String::new(),
        };
        Ok(JudgedTest { verdict, pvalue, looks_for: self.test.looks_for() })
    }
}
