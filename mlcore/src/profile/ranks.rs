//! How many values lie below a number, and which number has so many below it.

use super::column::{ColumnProfile, Values};
use super::number::float_of;

/// The values of a column of numbers in order, as far as its profile knows them: ranks, between bounds that hold for certain,
/// and quantiles.
///
/// Infinities are values, missing rows are none. At the edges that the profile was [given](super::ProfileOptions::with_edges)
/// ranks are exact. Integers past 2^53 are the nearest floats here.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Float64Array, RecordBatch};
/// use mlcore::profile::Profile;
///
/// let values = Float64Array::from_iter_values((0..100_000).map(f64::from));
/// let mut profile = Profile::default();
/// profile.add(&RecordBatch::try_from_iter([("x", Arc::new(values) as _)])?)?;
/// let ranks = profile.column("x").unwrap().ranks().unwrap();
/// let (low, high) = ranks.below(25_000.0);
/// assert!(low <= 25_000 && 25_000 <= high && ranks.rank_error() < 0.004);
/// assert!((ranks.quantile(0.5).unwrap() - 50_000.0).abs() <= 0.004 * 100_000.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Ranks {
    /// In ascending order, each once.
    values: Vec<f64>,
    /// How many lie at or below each of them, about.
    up_to: Vec<u64>,
    len: u64,
    range: (f64, f64),
    /// By how much there may be more, and fewer.
    errors: (u64, u64),
    edges: Vec<f64>,
    /// How many lie below each edge, exactly.
    below: Vec<u64>,
}

impl ColumnProfile {
    /// The ranks of a column of numbers, or of dates and times as the integers that they are stored by; `None` for any other.
    #[must_use]
    pub fn ranks(&self) -> Option<Ranks> {
        let Values::Numbers(numbers) = &self.values else { return None };
        let (ranked, errors) = match numbers.spread() {
            Ok(few) => (few.into_iter().map(|(number, count)| (number.key, count)).collect(), (0, 0)),
            Err(many) => (many.quantiles.ranked(), many.quantiles.errors()),
        };
        let edges = self.bins.edges();
        Some(Ranks::new(ranked, errors, self.extremes(), (edges.to_vec(), numbers.below(edges))))
    }
}

impl Ranks {
    /// Of keys with how many values each stands for.
    fn new(
        ranked: Vec<(u64, u64)>,
        errors: (u64, u64),
        range: (f64, f64),
        counted: (Vec<f64>, Vec<u64>),
    ) -> Self {
        let (mut values, mut up_to, mut len) = (Vec::new(), Vec::new(), 0_u64);
        for (key, count) in ranked {
            let value = float_of(key);
            len = len.saturating_add(count);
            if values.last() == Some(&value) {
                up_to.pop();
            } else {
                values.push(value);
            }
            up_to.push(len);
        }
        Self { values, up_to, len, range, errors, edges: counted.0, below: counted.1 }
    }

    /// The number of values.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The smallest and the largest value, exactly, infinities included; infinity and minus infinity for none.
    #[must_use]
    pub fn range(&self) -> (f64, f64) {
        self.range
    }

    /// The share of the values by which a rank may be off, in the direction in which it may be off more: 0 while the column has
    /// few distinct values.
    #[must_use]
    pub fn rank_error(&self) -> f64 {
        if self.len == 0 { 0.0 } else { self.errors.0.max(self.errors.1) as f64 / self.len as f64 }
    }

    /// The numbers at which [`below`](Self::below) or [`at_or_below`](Self::at_or_below) may change, in ascending order, each once.
    #[must_use]
    pub fn landmarks(&self) -> Vec<f64> {
        let ends = if self.is_empty() { [].as_slice() } else { &[self.range.0, self.range.1] };
        let mut landmarks = [self.values.as_slice(), &self.edges, ends].concat();
        landmarks.sort_unstable_by(f64::total_cmp);
        landmarks.dedup();
        landmarks
    }

    /// The least and the largest number of values below `edge`; the true one is one of them or between them.
    #[must_use]
    pub fn below(&self, edge: f64) -> (u64, u64) {
        if edge <= self.range.0 {
            return (0, 0);
        }
        if edge > self.range.1 {
            return (self.len, self.len);
        }
        let before = self.values.partition_point(|value| *value < edge);
        let about = before.checked_sub(1).and_then(|last| self.up_to.get(last)).copied().unwrap_or(0);
        let (under, over) = self.errors;
        // The smallest value lies below, and the largest does not.
        let low = about.saturating_sub(over).max(1);
        let high = about.saturating_add(under).min(self.len.saturating_sub(1));
        let next = self.edges.partition_point(|own| *own < edge);
        let at = |place: Option<usize>| place.and_then(|place| self.below.get(place)).copied();
        let most = at(Some(next)).unwrap_or(self.len);
        match self.edges.get(next) {
            Some(own) if *own == edge => (most, most),
            _ => (low.max(at(next.checked_sub(1)).unwrap_or(0)), high.min(most)),
        }
    }

    /// As [`below`](Self::below), of the values that are not above `value`.
    #[must_use]
    pub fn at_or_below(&self, value: f64) -> (u64, u64) {
        // No float follows infinity, which is a value like others.
        if value == f64::INFINITY { (self.len, self.len) } else { self.below(value.next_up()) }
    }

    /// The smallest value that at least `share` of the values are not above (numpy's method `inverted_cdf`), up to the
    /// [rank error](Self::rank_error); `None` where there is no value or the share is not within 0 and 1.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        if self.is_empty() || !(0.0..=1.0).contains(&share) {
            return None;
        }
        let target = ((share * self.len as f64).ceil() as u64).clamp(1, self.len);
        if target == 1 || target == self.len {
            return Some(if target == 1 { self.range.0 } else { self.range.1 });
        }
        let place = self.up_to.partition_point(|count| *count < target);
        self.values.get(place).copied().map(|value| value.clamp(self.range.0, self.range.1))
    }
}
