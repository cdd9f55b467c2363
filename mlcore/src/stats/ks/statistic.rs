//! The largest deviations between two empirical distribution functions, both ways, without sorting the samples.
//!
//! Both samples are put into a few thousand ordered buckets. At the borders of the buckets `F - G` is known exactly,
//! and inside a bucket it cannot leave the border values by more than the bucket's own mass. So only buckets that could
//! hold a larger deviation than the best border need their members sorted: usually a hundredth of them. The answer is
//! exact, ties included; at worst (all mass in one bucket, identical samples) everything is sorted after all.

use super::super::Alternative;
use super::buckets::Buckets;
use super::candidates::{Candidates, Run};
use super::search::{Extremes, Search};
use crate::interrupt;
use std::cmp::Ordering;

/// Fewer observations than this in both samples together are sorted.
const SORT_BELOW: usize = 3_000;
/// A bucket may turn out to hold most of a sample: then it is divided again, so often.
const DEEPEST: u32 = 4;
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
    let mut search = Search::new(x.len(), y.len());
    if x == y {
        // A sample against itself, as when a monitor is tried out: no deviation, at the first observation.
        let smallest = x.iter().copied().reduce(f64::min)?;
        search.visit(smallest, [x.len(), y.len()], true, true);
    } else {
        search_unsorted(&mut search, x, y, [0, 0], alternative, 0)?;
    }
    Some(search.extremes())
}

/// Searches two runs in any order, before which so many observations lie; `None` if either holds a NaN.
fn search_unsorted(
    search: &mut Search,
    x: &[f64],
    y: &[f64],
    before: [usize; 2],
    alternative: Alternative,
    depth: u32,
) -> Option<()> {
    let divisible = x.len().saturating_add(y.len()) >= SORT_BELOW && depth < DEEPEST && search.units_fit();
    let len = bucket_count(x.len().max(y.len()));
    let buckets = divisible.then(|| Buckets::of_sorted_sample(&spread_sample(x, y), len)).flatten();
    let Some(buckets) = buckets else {
        search.scan(&sorted(x)?, &sorted(y)?, before[0], before[1]);
        return Some(());
    };
    let (x_counted, y_counted) = (buckets.count(x, 0)?, buckets.count(y, 0)?);
    let candidates = Candidates::among(&x_counted.starts, &y_counted.starts, before, search, alternative);
    let (x, y) = (candidates.gather(x, &x_counted), candidates.gather(y, &y_counted));
    candidates.search_into(search, x, y, alternative, depth + 1);
    Some(())
}

/// Searches the members of one bucket.
pub(super) fn search_runs(
    search: &mut Search,
    x: Run<'_>,
    y: Run<'_>,
    before: [usize; 2],
    alternative: Alternative,
    depth: u32,
) {
    let value = match (x.len(), y.len()) {
        (0, _) => y.constant(),
        (_, 0) => x.constant(),
        _ => x.constant().filter(|value| y.constant() == Some(*value)),
    };
    if let Some(value) = value {
        search.visit(value, [before[0] + x.len(), before[1] + y.len()], x.len() > 0, y.len() > 0);
    } else if x.len() + y.len() < SORT_BELOW || depth >= DEEPEST {
        search.scan(x.sorted(), y.sorted(), before[0], before[1]);
    } else {
        // There is no NaN any more: the pass over the whole would have met it.
        let _ = search_unsorted(search, x.values(), y.values(), before, alternative, depth);
    }
}

/// How many buckets serve a column of this size.
pub(super) fn bucket_count(len: usize) -> usize {
    (len / PER_BUCKET).clamp(FEWEST_BUCKETS, MOST_BUCKETS)
}

/// A sorted copy; `None` if a value is NaN, and where the caller is to stop.
pub(super) fn sorted(sample: &[f64]) -> Option<Vec<f64>> {
    if sample.iter().fold(false, |missing, value| missing | value.is_nan()) {
        return None;
    }
    let mut sorted = sample.to_vec();
    sort(&mut sorted);
    (!interrupt::is_stopped()).then_some(sorted)
}

/// Sorts what holds no NaN: one comparison of doubles is cheaper than their total order, which tells zeros apart.
pub(super) fn sort(values: &mut [f64]) {
    interrupt::sort_unstable_by(values, |a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
}

/// Some observations of both samples, in order. NaN is left to the pass over all.
fn spread_sample(x: &[f64], y: &[f64]) -> Vec<f64> {
    let size = (x.len().max(y.len()) / SAMPLE_EVERY).clamp(SMALLEST_SAMPLE, LARGEST_SAMPLE);
    let some = |sample: &[f64]| -> Vec<f64> {
        let every = (sample.len() / size).max(1);
        sample.iter().step_by(every).copied().filter(|value| !value.is_nan()).collect()
    };
    let mut both = some(x);
    both.extend(some(y));
    sort(&mut both);
    both
}
