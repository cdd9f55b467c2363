//! What a reader of a score should know beside its numbers.

use std::fmt;

use mlcore::interrupt;
use serde::{Deserialize, Serialize};

use crate::text::{Percent, clipped};

/// Something to know beside the numbers of a [`Score`](super::Score).
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
    /// Neighbouring rows are alike beyond chance. If they depend on each other, and were not merely sorted, p-values are too
    /// small: see [`monitor`](crate::monitor).
    DependentRows {
        /// The column in which it is surest.
        column: String,
        /// In how many columns it is.
        columns: u64,
        /// The lag-1 autocorrelation of that column.
        autocorrelation: f64,
        /// The effective sample size: how many independent rows say as much about a mean of that column.
        effective_rows: f64,
    },
    /// Only a summary of the current values is left: the statistic is the least that it allows.
    Summarised {
        /// The largest statistic that the summary allows.
        at_most: f64,
    },
    /// Between which numbers an estimate lies.
    Interval {
        /// What is estimated.
        of: String,
        /// The lower end.
        low: f64,
        /// The upper end.
        high: f64,
        /// With which probability the interval has the truth.
        confidence: f64,
    },
    /// A note of a test that this crate does not know.
    Remark {
        /// A clause without a full stop.
        text: String,
    },
}

/// The most examples that a [`Note`] names.
pub const MOST_EXAMPLES: usize = 5;

impl Note {
    /// Number, share of `total` and most frequent of the `categories` that only one side has; `overflow` rows of more
    /// such categories were not kept apart.
    pub(crate) fn examples(categories: &[(&str, u64)], overflow: u64, total: u64) -> (u64, f64, Vec<String>) {
        let mut categories = categories.to_vec();
        interrupt::sort_unstable_by(&mut categories, |a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
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
            Self::DependentRows { column, columns, autocorrelation, effective_rows } => {
                let others = if *columns > 1 { format!(" and {} more", columns - 1) } else { String::new() };
                write!(
                    f,
                    "neighbouring rows are alike in {}{others} (lag-1 autocorrelation {autocorrelation:.2}): unless the rows \
                     were sorted they depend on each other, say as much as {effective_rows:.0} independent ones, and p-values \
                     are too small",
                    clipped(column)
                )
            }
            Self::Summarised { at_most } => {
                write!(f, "a summary of the values is compared: the statistic may be up to {at_most:.3}")
            }
            Self::Interval { of, low, high, confidence } => {
                write!(
                    f,
                    "{} lies between {low:.3} and {high:.3} ({} sure)",
                    clipped(of),
                    Percent(*confidence)
                )
            }
            Self::Remark { text } => f.write_str(text),
        }
    }
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "category" } else { "categories" }
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
