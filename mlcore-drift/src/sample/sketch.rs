//! A summary of the numbers of a column, in place of the numbers.

use std::fmt;
use std::sync::Arc;

use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::Categories;
use crate::bins::Interior;
use crate::vector::extent;

/// A summary of the numbers of a column: how many lie below any number, between bounds.
///
/// A window that is counted by many replicas, or a profile that was kept instead of the rows, is compared with a
/// reference through this trait. [`EdgeCounts`] is the exact one, for tests that need counts at edges that they
/// [name](crate::two_sample::CompiledTest::needs); a sketch of quantiles states its rank error as the distance of its
/// bounds. What a test makes of bounds stands at [`DriftTest`](crate::two_sample::DriftTest).
///
/// # Contract
/// - The bounds hold the true number, and grow with the edge: neither of them falls.
/// - At or below the smallest value there is none, above the largest there are all, exactly.
/// - Missing rows are no values.
///
/// ```
/// use mlcore_drift::sample::{Bounds, EdgeCounts, Sample, Sketch};
///
/// let mut ages = EdgeCounts::new(&[18.0, 65.0])?;
/// ages.add(&[12.0, 30.0, 40.0, 70.0]);
/// assert_eq!(ages.below(65.0), Bounds::exactly(3));
/// assert_eq!(ages.below(50.0), Bounds::between(1, 3));
/// let sample = Sample::from_sketch(ages, 2, 0);
/// assert_eq!((sample.len(), sample.rows(), sample.values()), (4, 6, None));
/// # Ok::<(), mlcore::Error>(())
/// ```
///
/// # A summary of your own
///
/// ```
/// use mlcore_drift::sample::{Bounds, Sample, Sketch};
///
/// /// What is left of at least two numbers where only the smallest and the largest were kept.
/// #[derive(Debug)]
/// struct Ends {
///     len: u64,
///     low: f64,
///     high: f64,
/// }
///
/// impl Sketch for Ends {
///     fn len(&self) -> u64 {
///         self.len
///     }
///
///     fn range(&self) -> (f64, f64) {
///         (self.low, self.high)
///     }
///
///     fn below(&self, edge: f64) -> Bounds {
///         match edge {
///             edge if edge <= self.low => Bounds::exactly(0),
///             edge if edge > self.high => Bounds::exactly(self.len),
///             // The smallest lies below the edge, and the largest does not.
///             _ => Bounds::between(1, self.len - 1),
///         }
///     }
/// }
///
/// let sample = Sample::from_sketch(Ends { len: 100, low: 18.0, high: 65.0 }, 0, 0);
/// let ages = sample.sketch().unwrap();
/// assert_eq!(ages.below(40.0), Bounds::between(1, 99));
/// assert_eq!(ages.at_or_below(65.0), Bounds::exactly(100));
/// ```
pub trait Sketch: fmt::Debug + Send + Sync {
    /// The number of values.
    fn len(&self) -> u64;

    /// The smallest and the largest value; infinity and minus infinity for none.
    fn range(&self) -> (f64, f64);

    /// The number of values below `edge`.
    fn below(&self, edge: f64) -> Bounds;

    /// The number of values that are not above `value`.
    fn at_or_below(&self, value: f64) -> Bounds {
        // No float follows infinity, which is a value like others.
        if value == f64::INFINITY { Bounds::exactly(self.len()) } else { self.below(value.next_up()) }
    }

    /// The numbers at which the bounds may change, in ascending order: what two summaries are compared at. Of those that
    /// are left out a comparison knows less and says nothing wrong.
    fn landmarks(&self) -> Vec<f64> {
        let (low, high) = self.range();
        if low < high { vec![low, high] } else { vec![low; usize::from(low == high)] }
    }

    /// How often each value occurs, where that is known.
    fn counts(&self) -> Option<&Categories> {
        None
    }

    /// Whether there is no value.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A number that is known to lie between two others, both included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Bounds {
    /// It is at least this.
    pub low: u64,
    /// It is at most this.
    pub high: u64,
}

impl Bounds {
    /// A number that is known.
    #[must_use]
    pub fn exactly(number: u64) -> Self {
        Self { low: number, high: number }
    }

    /// A number between these two.
    #[must_use]
    pub fn between(low: u64, high: u64) -> Self {
        Self { low, high }
    }

    /// The number, if it is known.
    #[must_use]
    pub fn exact(self) -> Option<u64> {
        (self.low == self.high).then_some(self.low)
    }
}

/// How many numbers lie below each of some edges: exact at the edges, exact to merge, and as small as the edges are few.
#[derive(Clone, PartialEq, Debug)]
pub struct EdgeCounts {
    edges: Arc<Interior>,
    below: Vec<u64>,
    len: u64,
    range: (f64, f64),
}

impl EdgeCounts {
    /// No number so far.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for edges that are not in ascending order, or NaN.
    pub fn new(edges: &[f64]) -> Result<Self> {
        if edges.iter().any(|edge| edge.is_nan()) || edges.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(Error::invalid_input(OPERATION, "edges", "they are not in ascending order")
                .remedy("sort them and leave out equal ones"));
        }
        Ok(Self {
            edges: Arc::new(Interior::new(edges.to_vec())),
            below: vec![0; edges.len()],
            len: 0,
            range: (f64::INFINITY, f64::NEG_INFINITY),
        })
    }

    /// Counts these numbers; NaN is none.
    pub fn add(&mut self, values: &[f64]) {
        let ends = extent(values);
        let present: Vec<f64>;
        let values = match ends.nans {
            0 => values,
            _ => {
                present = values.iter().copied().filter(|value| !value.is_nan()).collect();
                &present
            }
        };
        let mut counted = 0;
        for (below, between) in self.below.iter_mut().zip(self.edges.count(values)) {
            counted += between;
            *below += counted;
        }
        self.len += values.len() as u64;
        self.range = (self.range.0.min(ends.low), self.range.1.max(ends.high));
    }

    /// Adds the counts of another column, or of another part of this one.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for counts at other edges, and for more than 64 bits hold; nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if self.edges.edges() != other.edges.edges() {
            return Err(Error::invalid_input(OPERATION, "other", "it was counted at other edges")
                .remedy("merge counts that were made for the same reference"));
        }
        // No edge has more values below it than there are.
        self.len = self.len.checked_add(other.len).ok_or_else(|| {
            Error::invalid_input(OPERATION, "other", "together they are more than 64 bits hold")
        })?;
        self.below.iter_mut().zip(&other.below).for_each(|(own, other)| *own += other);
        self.range = (self.range.0.min(other.range.0), self.range.1.max(other.range.1));
        Ok(())
    }
}

/// What an [`EdgeCounts`] holds beside its edges, to be stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct CountsBelow {
    pub(crate) below: Vec<u64>,
    pub(crate) len: u64,
    #[serde(with = "mlcore::exact")]
    pub(crate) range: (f64, f64),
}

impl EdgeCounts {
    pub(crate) fn stored(&self) -> CountsBelow {
        CountsBelow { below: self.below.clone(), len: self.len, range: self.range }
    }

    /// The counts that were stored; `None` for what no numbers have.
    pub(crate) fn from_stored(edges: &[f64], stored: &CountsBelow) -> Option<Self> {
        let CountsBelow { below, len, range } = stored;
        let (low, high) = *range;
        let is_between =
            |(edge, below): (&f64, &u64)| (*below > 0, below < len) == (*edge > low, *edge <= high);
        let is_sound = match len {
            0 => (low, high) == (f64::INFINITY, f64::NEG_INFINITY) && below.iter().all(|below| *below == 0),
            _ => low <= high && edges.iter().zip(below).all(is_between),
        };
        let is_sound = is_sound
            && below.len() == edges.len()
            && below.is_sorted()
            && below.last().is_none_or(|last| last <= len);
        let edges = Arc::new(Interior::new(edges.to_vec()));
        is_sound.then(|| Self { edges, below: below.clone(), len: *len, range: *range })
    }
}

impl Sketch for EdgeCounts {
    fn len(&self) -> u64 {
        self.len
    }

    fn range(&self) -> (f64, f64) {
        self.range
    }

    fn below(&self, edge: f64) -> Bounds {
        if edge <= self.range.0 {
            return Bounds::exactly(0);
        }
        if edge > self.range.1 {
            return Bounds::exactly(self.len);
        }
        let edges = self.edges.edges();
        let next = edges.partition_point(|own| *own < edge);
        let high = self.below.get(next).copied().unwrap_or(self.len);
        if edges.get(next).is_some_and(|own| *own == edge) {
            return Bounds::exactly(high);
        }
        let low = next.checked_sub(1).and_then(|before| self.below.get(before)).copied().unwrap_or(0);
        Bounds::between(low, high)
    }

    fn landmarks(&self) -> Vec<f64> {
        let mut landmarks = self.edges.edges().to_vec();
        landmarks.extend((!self.is_empty()).then_some([self.range.0, self.range.1]).into_iter().flatten());
        landmarks.sort_unstable_by(f64::total_cmp);
        landmarks.dedup();
        landmarks
    }
}

const OPERATION: &str = "count between edges";
