//! One sample kept ready, to be compared with many.

use super::buckets::Buckets;
use super::candidates::{Candidates, Members};
use super::search::{Extremes, Search};
use super::statistic::{bucket_count, sorted};
use super::{KsOptions, KsResult, OPERATION, conclude, require_observations};
use crate::error::Result;
use crate::interrupt;
use crate::stats::Alternative;
use std::sync::Arc;

/// A pass over all buckets costs as much as looking up one observation for every so many of them.
const BUCKETS_PER_LOOK_UP: usize = 64;
/// A smaller reference needs no buckets.
const INDEX_FROM: usize = 1_500;
/// Merging further would sort more than it saves.
const FEWEST_MERGED: usize = 256;
/// Observations of the reference that place the buckets.
const SAMPLE: usize = 4_096;

/// A reference sample that is sorted once and compared with many current samples.
///
/// Cheap to clone; clones share the data. A comparison makes one pass over the current sample and sorts only the few
/// observations around the largest deviation; with a small current sample it only looks up where those fall.
///
/// ```
/// use mlcore::stats::{KsOptions, KsReference, ks_2samp};
///
/// let reference = [0.1, 0.4, 0.7, 0.2];
/// let current = [0.5, 0.9, 0.8];
/// let compiled = KsReference::new(&reference)?;
/// let options = KsOptions::default();
/// assert_eq!(compiled.compare(&current, &options)?, ks_2samp(&reference, &current, &options)?);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct KsReference {
    len: usize,
    /// `None` if the reference holds a NaN, which every comparison propagates.
    sorted: Option<Arc<[f64]>>,
    index: Option<Arc<Index>>,
}

/// Where the buckets of a sorted reference begin and end.
#[derive(Debug)]
struct Index {
    buckets: Buckets,
    /// With `2^level` neighbours taken as one: where each bucket begins, and the end of the last. Together twice as much
    /// as the first of them.
    levels: Vec<Vec<u32>>,
}

impl Index {
    fn of(sorted: &[f64]) -> Option<Self> {
        if sorted.len() < INDEX_FROM || u32::try_from(sorted.len()).is_err() {
            return None;
        }
        let every = (sorted.len() / SAMPLE).max(1);
        let sample: Vec<f64> = sorted.iter().copied().skip(every / 2).step_by(every).collect();
        let buckets = Buckets::of_sorted_sample(&sample, bucket_count(sorted.len()))?;
        let starts = buckets.count(sorted, 0)?.starts;
        let len = starts.len() - 1;
        let merged = |level: u32| -> Vec<u32> {
            let kept = starts.iter().copied().step_by(1 << level).take(len.div_ceil(1 << level));
            kept.chain(starts.last().copied()).collect()
        };
        let levels = (0..=times_merged(len, 0)).map(merged).collect();
        Some(Self { buckets, levels })
    }

    fn starts(&self, merged: u32) -> &[u32] {
        &self.levels[merged as usize]
    }

    /// How many buckets there are.
    fn len(&self) -> usize {
        self.starts(0).len() - 1
    }

    /// The extremes against a current sample, whose size says how many neighbouring buckets are taken as one: passing
    /// over buckets that are nearly all empty would cost more than sorting a few more observations.
    fn search(
        &self,
        search: &mut Search,
        reference: &[f64],
        current: &[f64],
        alternative: Alternative,
    ) -> Option<()> {
        let merged = times_merged(self.len(), current.len());
        let (starts, counted) = (self.starts(merged), self.buckets.count(current, merged)?);
        let candidates = Candidates::among(starts, &counted.starts, [0, 0], search, alternative);
        let x = Members::Indexed { sorted: reference, starts };
        let y = candidates.gather(current, &counted);
        candidates.search_into(search, x, y, alternative, 1);
        Some(())
    }

    /// The places of a bucket's members in the sorted reference.
    fn range(&self, bucket: usize) -> std::ops::Range<usize> {
        match self.starts(0).get(bucket..bucket + 2) {
            Some(&[start, end]) => start as usize..end as usize,
            _ => 0..0,
        }
    }
}

/// How many times neighbouring buckets are merged in pairs for a current sample of this size.
fn times_merged(buckets: usize, current: usize) -> u32 {
    (2 * buckets / current.max(FEWEST_MERGED)).max(1).ilog2()
}

impl KsReference {
    /// Sorts the reference.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) if it is empty.
    pub fn new(reference: &[f64]) -> Result<Self> {
        require_observations("reference", reference)?;
        interrupt::check(OPERATION)?;
        let sorted: Option<Arc<[f64]>> = sorted(reference).map(Arc::from);
        let index = sorted.as_deref().and_then(Index::of).map(Arc::new);
        interrupt::check(OPERATION)?;
        Ok(Self { len: reference.len(), sorted, index })
    }

    /// The number of observations.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a reference is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The observations in ascending order; `None` if one is NaN.
    #[must_use]
    pub fn sorted(&self) -> Option<&[f64]> {
        self.sorted.as_deref()
    }

    /// The same answer as [`ks_2samp`](super::ks_2samp) of the reference and `current`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) if `current` is empty.
    pub fn compare(&self, current: &[f64], options: &KsOptions) -> Result<KsResult> {
        require_observations("current", current)?;
        interrupt::check(OPERATION)?;
        let extremes =
            self.sorted.as_deref().and_then(|sorted| self.extremes(sorted, current, options.alternative));
        conclude(extremes, self.len, current.len(), options)
    }

    fn extremes(&self, reference: &[f64], current: &[f64], alternative: Alternative) -> Option<Extremes> {
        let mut search = Search::new(reference.len(), current.len());
        match &self.index {
            Some(index) if current.len() * BUCKETS_PER_LOOK_UP < index.len() => {
                look_up(&mut search, index, reference, &sorted(current)?);
            }
            Some(index) if search.units_fit() => {
                index.search(&mut search, reference, current, alternative)?;
            }
            _ => search.scan(reference, &sorted(current)?, 0, 0),
        }
        Some(search.extremes())
    }
}

/// Visits each current observation and the reference's last one before it: between two current observations `F - G`
/// only rises, so no other observation of the reference can be extreme.
fn look_up(search: &mut Search, index: &Index, reference: &[f64], current: &[f64]) {
    let (mut seen, mut seen_of_reference) = (0, 0);
    while let Some(&value) = current.get(seen) {
        let range = index.range(index.buckets.bucket(value));
        let members = reference.get(range.clone()).unwrap_or_default();
        let below = range.start + members.partition_point(|&member| member < value);
        let upto =
            below + reference.get(below..).unwrap_or_default().partition_point(|&member| member <= value);
        if below > seen_of_reference {
            search.visit(reference[below - 1], [below, seen], true, false);
        }
        seen += current[seen..].partition_point(|&other| other <= value);
        search.visit(value, [upto, seen], upto > below, true);
        seen_of_reference = upto;
    }
    if let Some(&last) = reference.last().filter(|_| reference.len() > seen_of_reference) {
        search.visit(last, [reference.len(), seen], true, false);
    }
}
