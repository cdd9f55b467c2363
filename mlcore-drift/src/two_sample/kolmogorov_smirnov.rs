//! The two-sample Kolmogorov-Smirnov test as a drift test.

use mlcore::stats::{Alternative, KsOptions, KsReference, KsResult, SortedSample, ks_2samp, ks_2samp_pvalue};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::distance_bounds::{statistic_between, statistic_between_summaries};
use super::{CompiledTest, DriftTest, Effect, Needs, Note, Score};
use crate::bins::share_on_atoms;
use crate::catalog::TestOptions;
use crate::sample::{Kind, Sample, Sketch};

/// The largest difference between the two empirical distribution functions; statistic and p-value are those of
/// `scipy.stats.ks_2samp`.
///
/// The effect size is the statistic `D` itself: the largest share of rows by which the two samples disagree about "how
/// many are below x". A shift of a normal column by `s` standard deviations gives about `0.4 s`.
///
/// The p-value assumes a continuous column. Where values repeat it is too large, so that the test misses changes and
/// never alarms falsely (at a nominal 5 %, 0.9 % for Poisson(1) and none for a rare flag); with more than [`MOST_TIES`] of
/// the reference on single, frequent values a score carries [`Note::Ties`]. Use [`ChiSquare`](super::ChiSquare) for such columns, as
/// a monitor does by itself for at most 20 distinct values.
///
/// A [summary](crate::sample::Sketch) of either sample, or of both, gives the smallest statistic that it allows and the p-value
/// of that, so that the summary's error never alarms; [`Note::Summarised`] says how large the statistic may be.
///
/// Sources: scipy 1.17.1; J. L. Hodges, "The Significance Probability of the Smirnov Two-Sample Test" (1958).
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KolmogorovSmirnov {
    options: KsOptions,
}

/// The share of the reference on single, frequent values above which a score says that its p-value is conservative.
pub const MOST_TIES: f64 = 0.05;

impl KolmogorovSmirnov {
    /// The test with other options than scipy's defaults.
    #[must_use]
    pub fn new(options: KsOptions) -> Self {
        Self { options }
    }
}

impl DriftTest for KolmogorovSmirnov {
    fn name(&self) -> &str {
        "ks"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "D (Kolmogorov-Smirnov): the largest share of rows by which the two samples disagree about \u{201c}how many are below x\u{201d}."
    }

    fn applies_to(&self, kind: Kind) -> bool {
        kind == Kind::Numeric
    }

    /// 0.05: one row in twenty is on the other side of some value, as after a shift of an eighth of a standard
    /// deviation.
    fn default_minimum_effect(&self) -> f64 {
        0.05
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        if reference.sketch().is_some() {
            reference.require_values(OPERATION, "reference")?;
            require_two_sided(&self.options, "reference")?;
            return Ok(Box::new(Summarised { reference: reference.clone(), options: self.options }));
        }
        let values = reference.require_numbers(OPERATION, "reference")?;
        let ties = share_on_atoms(values, reference.range());
        let exact = reference.remainders().map(|_| reference.clone());
        let reference = KsReference::new(values)?;
        Ok(Box::new(Compiled { reference, exact, ties, options: self.options }))
    }

    fn compare(&self, reference: &Sample, current: &Sample) -> Result<Score> {
        if reference.sketch().or(current.sketch()).is_some() {
            return self.compile(reference)?.compare(current);
        }
        let (x, y) = (
            reference.require_numbers(OPERATION, "reference")?,
            current.require_numbers(OPERATION, "current")?,
        );
        let ties = share_on_atoms(x, reference.range());
        let result = match reference.ranked(current) {
            Some((x, y)) => ranked(&x, &y, &self.options)?,
            None => ks_2samp(x, y, &self.options)?,
        };
        score(result, x.len(), y.len(), ties)
    }
}

/// The statistic depends on the order of the values alone, and so on their ranks.
fn ranked(x: &Sample, y: &Sample, options: &KsOptions) -> Result<KsResult> {
    let (x, y) = (x.require_numbers(OPERATION, "reference")?, y.require_numbers(OPERATION, "current")?);
    ks_2samp(x, y, options)
}

#[derive(Debug)]
struct Compiled {
    reference: KsReference,
    /// The reference itself, if it holds integers that floats do not tell apart.
    exact: Option<Sample>,
    ties: f64,
    options: KsOptions,
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        if let Some(sketch) = current.sketch() {
            current.require_values(OPERATION, "current")?;
            return self.compare_sketch(sketch);
        }
        let values = current.require_numbers(OPERATION, "current")?;
        let whole = match (&self.exact, current.remainders()) {
            (Some(exact), _) => exact.ranked(current),
            (None, Some(_)) => {
                self.reference.sorted().and_then(|sorted| Sample::numeric(sorted).ranked(current))
            }
            (None, None) => None,
        };
        let result = match whole {
            Some((x, y)) => ranked(&x, &y, &self.options)?,
            None => self.reference.compare(values, &self.options)?,
        };
        score(result, self.reference.len(), values.len(), self.ties)
    }

    fn summary(&self, most: usize) -> Needs {
        match (self.reference.sorted(), self.options.alternative) {
            (Some(sorted), Alternative::TwoSided) if self.exact.is_none() => {
                Needs::CountsBelow(spread(sorted, most))
            }
            _ => Needs::Values,
        }
    }
}

/// Edges between which equally many values of the reference lie. Beside a value that several of them would stand at, such as
/// zero in a column of mostly zeros, another edge keeps what is equal to it apart from what is larger.
fn spread(sorted: &[f64], most: usize) -> Vec<f64> {
    let stretches = (most / 2).max(1);
    let at = |i: usize| sorted.get((i as u128 * sorted.len() as u128 / stretches as u128) as usize).copied();
    let mut edges: Vec<f64> = (0..stretches).filter_map(at).collect();
    let repeated = edges.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].next_up());
    let repeated: Vec<f64> = repeated.filter(|edge| edge.is_finite()).collect();
    edges.extend(repeated);
    edges.extend(sorted.last());
    edges.sort_unstable_by(f64::total_cmp);
    edges.dedup();
    edges
}

impl Compiled {
    /// The score of the smallest statistic that the summary allows.
    fn compare_sketch(&self, sketch: &dyn Sketch) -> Result<Score> {
        require_two_sided(&self.options, "current")?;
        if self.exact.is_some() {
            let problem = "only a summary of its numbers is left, and the reference has integers past 2^53";
            return Err(Error::invalid_input(OPERATION, "current", problem)
                .remedy("keep the values, or subtract a constant from both columns first"));
        }
        let Some(sorted) = self.reference.sorted() else {
            return Err(Error::internal(OPERATION, "reference", "a NaN reached the test"));
        };
        let between = statistic_between(sorted, sketch);
        let ties = (self.ties > MOST_TIES).then_some(Note::Ties { share: self.ties });
        Ok(score_between(between, (sorted.len() as u64, sketch.len()), &self.options)?.with_notes(ties))
    }
}

/// A reference of which only a summary is left.
#[derive(Debug)]
struct Summarised {
    reference: Sample,
    options: KsOptions,
}

impl CompiledTest for Summarised {
    fn compare(&self, current: &Sample) -> Result<Score> {
        let Some(reference) = self.reference.sketch() else {
            return Err(Error::internal(OPERATION, "reference", "its summary is gone"));
        };
        current.require_values(OPERATION, "current")?;
        let between = match current.sketch() {
            Some(sketch) => statistic_between_summaries(reference, sketch),
            None if current.remainders().is_some() => {
                let problem = "it has integers past 2^53, and only a summary of the reference is left";
                return Err(Error::invalid_input(OPERATION, "current", problem)
                    .remedy("keep the values, or subtract a constant from both columns first"));
            }
            None => {
                let sorted = SortedSample::new(current.require_numbers(OPERATION, "current")?)?;
                let Some(sorted) = sorted.values() else {
                    return Err(Error::internal(OPERATION, "current", "a NaN reached the test"));
                };
                statistic_between(sorted, reference)
            }
        };
        score_between(between, (reference.len(), current.len()), &self.options)
    }
}

fn require_two_sided(options: &KsOptions, side: &'static str) -> Result<()> {
    if options.alternative == Alternative::TwoSided {
        return Ok(());
    }
    let problem = "only a summary of its numbers is left, and the alternative is one-sided";
    Err(Error::invalid_input(OPERATION, side, problem).remedy("compare summaries with the two-sided test"))
}

/// The score of the smallest statistic that is possible.
fn score_between(
    (least, most): (f64, f64),
    (reference_len, current_len): (u64, u64),
    options: &KsOptions,
) -> Result<Score> {
    let pvalue = ks_2samp_pvalue(least, reference_len as usize, current_len as usize, options)?;
    Ok(Score::new(least, Effect::new("D", least))
        // Fewer than two effective values have no asymptotic distribution.
        .with_pvalue(if pvalue.is_nan() { 1.0 } else { pvalue })
        .with_reference_len(reference_len)
        .with_current_len(current_len)
        .with_notes((most > least).then_some(Note::Summarised { at_most: most })))
}

const OPERATION: &str = "compare with ks";

fn score(result: KsResult, reference_len: usize, current_len: usize, ties: f64) -> Result<Score> {
    if result.statistic.is_nan() {
        return Err(Error::internal(OPERATION, "sample", "a NaN reached the test"));
    }
    let notes = if ties > MOST_TIES { vec![Note::Ties { share: ties }] } else { Vec::new() };
    Ok(Score::new(result.statistic, Effect::new("D", result.statistic))
        .with_pvalue(result.pvalue)
        .with_reference_len(reference_len as u64)
        .with_current_len(current_len as u64)
        .with_notes(notes))
}
