//! Tests of two samples: did the distribution of a column change, by how much, and could it be chance?
//!
//! A [`DriftTest`] answers with a [`Score`]: the statistic, the p-value (could it be chance?) and an effect size (does it
//! matter?). The two are different questions. At a million rows a Kolmogorov-Smirnov test rejects a shift of a hundredth
//! of a standard deviation with certainty, so a verdict asks both: see [`monitor`](crate::monitor).

mod chi_square;
mod kolmogorov_smirnov;
mod missing_rate;
mod order;
pub mod psi;

use std::borrow::Cow;
use std::fmt;

use mlcore::Result;
use serde::{Deserialize, Serialize};

pub use self::chi_square::ChiSquare;
pub use self::kolmogorov_smirnov::{KolmogorovSmirnov, MOST_TIES};
pub use self::missing_rate::MissingRate;
pub use self::psi::Psi;
use crate::sample::{Kind, Sample};

/// A two-sample test of one column.
///
/// # Contract
/// - A score depends on the two multisets of values only: not on the order of rows, nor on dictionary codes.
/// - Identical samples score an effect of 0 and, where there is a p-value, one of 1.
/// - Missing rows do not enter (they are [`MissingRate`]'s); a sample without any value is
///   [`Error::InvalidInput`](mlcore::Error::InvalidInput), as is a sample of a kind the test does not apply to.
/// - Constants, single values and infinities get an answer. Nothing panics.
/// - [`compile`](Self::compile) then [`compare`](CompiledTest::compare) gives the same score as [`compare`](Self::compare).
///
/// `mlcore_drift::conformance::drift_test` checks all of it (feature `conformance`).
///
/// ```
/// use mlcore_drift::sample::Sample;
/// use mlcore_drift::two_sample::{DriftTest, KolmogorovSmirnov};
///
/// let reference = Sample::from_numbers((0..1000).map(f64::from).collect());
/// let current = Sample::from_numbers((0..1000).map(|i| f64::from(i) + 100.0).collect());
/// let score = KolmogorovSmirnov::default().compare(&reference, &current)?;
/// assert_eq!(score.effect.value, 0.1);
/// assert!(score.pvalue.unwrap() < 1e-3);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait DriftTest: fmt::Debug + Send + Sync {
    /// The name in verdicts and reports: `ks`, `psi`, `chi_square`.
    fn name(&self) -> &str;

    /// Does the test make sense for such a column?
    fn applies_to(&self, kind: Kind) -> bool;

    /// The smallest effect that a monitor calls drift unless told otherwise, in the unit of [`Score::effect`].
    fn default_minimum_effect(&self) -> f64;

    /// Prepares a reference once, to be compared with many current samples.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) for a reference without values or of the wrong kind.
    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>>;

    /// Compares two samples.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) for a sample without values or of the wrong kind.
    fn compare(&self, reference: &Sample, current: &Sample) -> Result<Score> {
        self.compile(reference)?.compare(current)
    }
}

/// A [`DriftTest`] with its reference ready.
pub trait CompiledTest: fmt::Debug + Send + Sync {
    /// Compares the reference with `current`.
    ///
    /// # Errors
    /// As [`DriftTest::compare`].
    fn compare(&self, current: &Sample) -> Result<Score>;
}

/// What a [`DriftTest`] found.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Score {
    /// The test's statistic.
    pub statistic: f64,
    /// The probability of such a statistic, or a larger one, if nothing changed; `None` for a test without one.
    pub pvalue: Option<f64>,
    /// How large the change is, on a scale that does not grow with the number of rows.
    pub effect: Effect,
    /// Values of the reference.
    pub reference_len: u64,
    /// Values of the current sample.
    pub current_len: u64,
    /// What a reader of the numbers should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// The size of a change: a named number, 0 for none.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Effect {
    /// What is measured: `D`, `Cramer's V`, `PSI`, `difference of rates`.
    pub name: Cow<'static, str>,
    /// How much of it.
    pub value: f64,
}

/// Something to know beside the numbers of a [`Score`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Note {
    /// Many values are equal, so that a Kolmogorov-Smirnov p-value is too large: it misses, it does not alarm.
    Ties {
        /// The share of the reference that lies on single values with about 1 % of it, or more, each.
        share: f64,
    },
    /// Categories of the current sample that the reference does not have.
    NewCategories {
        /// How many.
        count: u64,
        /// Their share of the current values.
        share: f64,
        /// The most frequent of them, at most [`MOST_EXAMPLES`].
        examples: Vec<String>,
    },
    /// Categories of the reference that the current sample does not have.
    VanishedCategories {
        /// How many.
        count: u64,
        /// Their share of the reference values.
        share: f64,
        /// The most frequent of them, at most [`MOST_EXAMPLES`].
        examples: Vec<String>,
    },
    /// Rare categories were counted together, because the chi-square distribution does not hold for them.
    PooledCategories {
        /// How many.
        count: u64,
        /// Fewer than this many rows were expected of each.
        expected_below: f64,
    },
    /// A point of the reference holds so many values that it became a bin of its own.
    PointMass {
        /// The value.
        value: f64,
        /// The share of the reference that has it.
        share: f64,
    },
    /// Current values outside the range of the reference.
    OutOfRange {
        /// The share of current values below the smallest of the reference.
        below: f64,
        /// The share of current values above the largest of the reference.
        above: f64,
    },
    /// Infinite values were left out, as Evidently does.
    InfinitiesDropped {
        /// How many of the reference.
        reference: u64,
        /// How many of the current sample.
        current: u64,
    },
    /// Bins or categories without a value got a small share instead of zero, as Evidently does; the score depends on it.
    ZerosLifted {
        /// How many of the reference.
        reference: u64,
        /// How many of the current sample.
        current: u64,
    },
}

/// The most examples that a [`Note`] names.
pub const MOST_EXAMPLES: usize = 5;

impl Note {
    /// Number, share of `total` and most frequent of the `categories` that only one side has; `overflow` rows of more
    /// such categories were not kept apart.
    pub(crate) fn examples(categories: &[(&str, u64)], overflow: u64, total: u64) -> (u64, f64, Vec<String>) {
        let mut categories = categories.to_vec();
        categories.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let rows: u64 = categories.iter().map(|(_, count)| count).sum::<u64>() + overflow;
        let examples = categories.iter().take(MOST_EXAMPLES).map(|(name, _)| clipped(name)).collect();
        (categories.len() as u64, rows as f64 / total.max(1) as f64, examples)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ties { share } => {
                write!(
                    f,
                    "ties {}: the p-value is too large, so that small changes are missed",
                    Percent(*share)
                )
            }
            Self::NewCategories { count, share, examples } => {
                let names = Examples(examples, *count);
                write!(f, "{count} new {} ({} of rows): {names}", plural(*count), Percent(*share))
            }
            Self::VanishedCategories { count, share, examples } => {
                let names = Examples(examples, *count);
                write!(
                    f,
                    "{count} vanished {} ({} of the reference): {names}",
                    plural(*count),
                    Percent(*share)
                )
            }
            Self::PooledCategories { count, expected_below } => {
                write!(
                    f,
                    "{count} rare {} pooled (fewer than {expected_below} rows expected)",
                    plural(*count)
                )
            }
            Self::PointMass { value, share } => {
                write!(f, "{} of the reference is exactly {value}: a bin of its own", Percent(*share))
            }
            Self::OutOfRange { below, above } => {
                let (below, above) = (Percent(*below), Percent(*above));
                write!(f, "outside the range of the reference: {below} below, {above} above")
            }
            Self::InfinitiesDropped { reference, current } => {
                write!(f, "infinite values left out: {reference} of the reference, {current} current")
            }
            Self::ZerosLifted { reference, current } => {
                write!(f, "empty bins lifted above zero: {reference} of the reference, {current} current")
            }
        }
    }
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "category" } else { "categories" }
}

/// A share as a percentage that never rounds something to nothing.
pub(crate) struct Percent(pub(crate) f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.0 * 100.0;
        match percent.abs() {
            0.0 => f.write_str("0 %"),
            p if p < 0.01 => f.write_str("< 0.01 %"),
            p if p < 1.0 => write!(f, "{percent:.2} %"),
            p if p < 10.0 => write!(f, "{percent:.1} %"),
            _ => write!(f, "{percent:.0} %"),
        }
    }
}

/// A count with separators: `20,190`.
pub(crate) struct Grouped(pub(crate) u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            few @ 0..1000 => write!(f, "{few}"),
            many => write!(f, "{},{:03}", Self(many / 1000), many % 1000),
        }
    }
}

struct Examples<'a>(&'a [String], u64);

impl fmt::Display for Examples<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, name) in self.0.iter().enumerate() {
            write!(f, "{}\"{}\"", if position == 0 { "" } else { ", " }, name.escape_debug())?;
        }
        if self.1 > self.0.len() as u64 { f.write_str(", ...") } else { Ok(()) }
    }
}

/// A name as it may appear in a message: cut where it grows long.
pub(crate) fn clipped(name: &str) -> String {
    const LONGEST: usize = 60;
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}

/// Refuses a current sample of another kind than the reference's.
pub(crate) fn require_kind(operation: &'static str, expected: Kind, current: &Sample) -> Result<()> {
    if current.kind() == expected {
        return Ok(());
    }
    let problem = format!("the reference is {expected}, the current sample is {}", current.kind());
    Err(mlcore::Error::invalid_input(operation, "current", problem)
        .remedy("read both columns as the same kind, see Sample::from_array_as"))
}
