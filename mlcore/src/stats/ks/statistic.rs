//! The largest deviations between two empirical distribution functions, both ways, without sorting the samples.
//!
//! Both samples are put into a few thousand ordered buckets. At the borders of the buckets `F - G` is known exactly,
//! and inside a bucket it cannot leave the border values by more than the bucket's own mass. So only buckets that could
//! hold a larger deviation than the best border need their members sorted: usually a hundredth of them. The answer is
//! exact, ties included; at worst (all mass in one bucket, identical samples) everything is sorted after all.

use super::super::Alternative;
use super::buckets::{Buckets, Counted};
use super::search::{Extremes, ROUNDING, Search};
use std::cmp::Ordering;
use std::ops::Range;

/// Fewer observations than this in both samples together are sorted.
const SORT_BELOW: usize = 3_000;
/// Observations per bucket, and the range of bucket counts.
const PER_BUCKET: usize = 32;
const FEWEST_BUCKETS: usize = 4_096;
const MOST_BUCKETS: usize = 32_768;
/// One in so many observations is looked at to place the buckets, within a range.
const SAMPLE_EVERY: usize = 128;
const SMALLEST_SAMPLE: usize = 512;
const LARGEST_SAMPLE: usize = 2_048;

/// The extremes of `F - G` for two non-empty samples, as far as the alternative asks for them; `None` if either holds
/// a NaN.
pub(super) fn extremes(x: &[f64], y: &[f64], alternative: Alternative) -> Option<Extremes> {
    let len = bucket_count(x.len().max(y.len()));
    let buckets = if x.len().saturating_add(y.len()) < SORT_BELOW || too_long(x) || too_long(y) {
        None
    } else {
        Buckets::of_sorted_sample(&spread_sample(x, y), len)
    };
    let Some(buckets) = buckets else {
        let (x, y) = (sorted(x)?, sorted(y)?);
        let mut search = Search::new(x.len(), y.len());
        search.scan(&x, &y, 0, 0);
        return Some(search.extremes());
    };
    let (x_counted, y_counted) = (buckets.count(x)?, buckets.count(y)?);
    let candidates = Candidates::among(&x_counted.counts, &y_counted.counts, [x.len(), y.len()], alternative);
    let mut x_members = candidates.gather(x, &x_counted);
    let mut y_members = candidates.gather(y, &y_counted);
    let mut search = Search::new(x.len(), y.len());
    for (slot, candidate) in candidates.descending() {
        if candidate.bound < search.best(alternative) - ROUNDING {
            break;
        }
        search.scan(x_members.sorted(slot), y_members.sorted(slot), candidate.before[0], candidate.before[1]);
    }
    Some(search.extremes())
}

/// How many buckets serve a column of this size.
pub(super) fn bucket_count(len: usize) -> usize {
    (len / PER_BUCKET).clamp(FEWEST_BUCKETS, MOST_BUCKETS)
}

/// Counts are 32 bits wide.
pub(super) fn too_long(sample: &[f64]) -> bool {
    u32::try_from(sample.len()).is_err()
}

/// A sorted copy; `None` if a value is NaN.
pub(super) fn sorted(sample: &[f64]) -> Option<Vec<f64>> {
    if sample.iter().fold(false, |missing, value| missing | value.is_nan()) {
        return None;
    }
    let mut sorted = sample.to_vec();
    sort(&mut sorted);
    Some(sorted)
}

/// Sorts what holds no NaN: one comparison of doubles is cheaper than their total order, which tells zeros apart.
fn sort(values: &mut [f64]) {
    values.sort_unstable_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
}

/// Some observations of both samples, in order. NaN is left to the pass over all.
fn spread_sample(x: &[f64], y: &[f64]) -> Vec<f64> {
    let size = (x.len().max(y.len()) / SAMPLE_EVERY).clamp(SMALLEST_SAMPLE, LARGEST_SAMPLE);
    let some = |sample: &'_ [f64]| -> Vec<f64> {
        let every = (sample.len() / size).max(1);
        sample.iter().step_by(every).copied().filter(|value| !value.is_nan()).collect()
    };
    let mut both = some(x);
    both.extend(some(y));
    sort(&mut both);
    both
}

/// A bucket that may hold the largest deviation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) bucket: usize,
    /// How many observations of each sample lie in earlier buckets.
    pub(super) before: [usize; 2],
    /// No deviation inside is larger than this.
    pub(super) bound: f64,
}

/// The buckets that have to be looked into.
#[derive(Debug)]
pub(super) struct Candidates {
    list: Vec<Candidate>,
    /// For each bucket its place in the list, plus one; zero for the others.
    slots: Vec<u32>,
}

/// The members of the candidate buckets, bucket after bucket.
#[derive(Debug)]
pub(super) struct Members {
    values: Vec<f64>,
    ranges: Vec<Range<usize>>,
}

impl Candidates {
    /// The buckets whose bound reaches the largest deviation at any border.
    pub(super) fn among(x: &[u32], y: &[u32], sizes: [usize; 2], alternative: Alternative) -> Self {
        let (share1, share2) = (1.0 / sizes[0] as f64, 1.0 / sizes[1] as f64);
        let mut bounds = Vec::with_capacity(x.len());
        let (mut count1, mut count2, mut start, mut best) = (0u64, 0u64, 0.0, 0.0f64);
        for (&members1, &members2) in x.iter().zip(y) {
            count1 += u64::from(members1);
            count2 += u64::from(members2);
            let (mass1, mass2) = (f64::from(members1) * share1, f64::from(members2) * share2);
            let end = count1 as f64 * share1 - count2 as f64 * share2;
            // From the start F rises by at most mass1; to the end G rises by at most mass2.
            let above = f64::min(start + mass1, end + mass2);
            let below = -f64::max(start - mass2, end - mass1);
            let (bound, border) = match alternative {
                Alternative::Greater => (above, end),
                Alternative::Less => (below, -end),
                Alternative::TwoSided => (above.max(below), end.abs()),
            };
            let occupied = members1 + members2 > 0;
            best = best.max(border);
            bounds.push(if occupied { bound } else { f64::NEG_INFINITY });
            start = end;
        }
        let mut candidates = Self { list: Vec::new(), slots: vec![0; x.len()] };
        let mut before = [0usize; 2];
        for (bucket, (&bound, (&members1, &members2))) in bounds.iter().zip(x.iter().zip(y)).enumerate() {
            if bound >= best - ROUNDING {
                candidates.list.push(Candidate { bucket, before, bound });
                candidates.slots[bucket] = candidates.list.len() as u32;
            }
            before = [before[0] + members1 as usize, before[1] + members2 as usize];
        }
        candidates
    }

    /// The candidates and their places, from the highest bound down.
    pub(super) fn descending(&self) -> Vec<(usize, Candidate)> {
        let mut descending: Vec<(usize, Candidate)> = self.list.iter().copied().enumerate().collect();
        descending.sort_unstable_by(|a, b| b.1.bound.total_cmp(&a.1.bound));
        descending
    }

    /// The members of the candidates among a column.
    pub(super) fn gather(&self, values: &[f64], counted: &Counted) -> Members {
        let mut end = 0;
        let mut next: Vec<usize> = Vec::with_capacity(self.list.len() + 1);
        let mut ranges = Vec::with_capacity(self.list.len());
        for candidate in &self.list {
            let start = end;
            end += counted.counts.get(candidate.bucket).map_or(0, |&count| count as usize);
            next.push(start);
            ranges.push(start..end);
        }
        let mut members = vec![0.0; end];
        for (&identifier, &value) in counted.identifiers.iter().zip(values) {
            let slot = self.slots.get(usize::from(identifier)).copied().unwrap_or(0);
            if slot != 0 {
                let place = &mut next[slot as usize - 1];
                members[*place] = value;
                *place += 1;
            }
        }
        Members { values: members, ranges }
    }
}

impl Members {
    /// The members of one candidate, in order.
    pub(super) fn sorted(&mut self, slot: usize) -> &[f64] {
        let range = self.ranges.get(slot).cloned().unwrap_or(0..0);
        let members = self.values.get_mut(range).unwrap_or_default();
        sort(members);
        members
    }
}
