//! Quantiles without sorting everything.

use mlcore::stats::lerp;

use crate::vector::{BLOCK, extent, nearest};

/// Below this size sorting is as quick.
const SMALL: usize = 4096;
const BUCKETS: usize = 4096;
/// Each round narrows a crowded bucket to its own range; data that is crowded at every scale is sorted in the end.
const ROUNDS: usize = 4;
const HUNDREDTHS: usize = 100;

/// The share of `values` (none of them NaN) that lies on single values with about a hundredth of them, or more, each:
/// the hundredths whose two ends are equal.
pub(crate) fn share_on_atoms(values: &[f64], range: (f64, f64)) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let (quantiles, _) = quantiles(values, range, HUNDREDTHS);
    let flat = quantiles.windows(2).filter(|ends| ends[0] == ends[1]).count();
    flat as f64 / HUNDREDTHS as f64
}

/// `numpy.quantile(values, linspace(0, 1, parts + 1))`, linear interpolation, and the structure they were found in;
/// `values` holds no NaN, is not empty and
/// spans exactly `range`.
pub(crate) fn quantiles(values: &[f64], range: (f64, f64), parts: usize) -> (Vec<f64>, Ranked) {
    let last = values.len().saturating_sub(1);
    let step = 1.0 / parts as f64;
    // numpy's linspace puts the end exactly at 1.
    let places: Vec<f64> =
        (0..=parts).map(|i| if i == parts { 1.0 } else { i as f64 * step } * last as f64).collect();
    let mut ranks: Vec<usize> =
        places.iter().flat_map(|place| [*place as usize, (*place as usize + 1).min(last)]).collect();
    ranks.sort_unstable();
    ranks.dedup();
    let ranked = Ranked::new(values, range, &ranks, ROUNDS);
    let at = |rank: usize| ranked.at(rank).unwrap_or(f64::NAN);
    let quantile = |place: &f64| {
        let rank = (*place as usize).min(last);
        lerp(at(rank), at((rank + 1).min(last)), place - rank as f64)
    };
    (places.iter().map(quantile).collect(), ranked)
}

/// The two order statistics around each of some quantiles, and how far between them it lies: `share` of the way from the
/// first rank to the last. `values` holds no NaN and spans exactly `range`; nothing for no values.
pub(crate) fn around_quantiles(values: &[f64], range: (f64, f64), shares: &[f64]) -> Vec<(f64, f64, f64)> {
    let Some(last) = values.len().checked_sub(1) else { return Vec::new() };
    let places: Vec<f64> = shares.iter().map(|share| share * last as f64).collect();
    let mut ranks: Vec<usize> =
        places.iter().flat_map(|place| [*place as usize, place.ceil() as usize]).collect();
    ranks.sort_unstable();
    ranks.dedup();
    let ranked = Ranked::new(values, range, &ranks, ROUNDS);
    let at = |rank: f64| ranked.at(rank as usize).unwrap_or(f64::NAN);
    places.iter().map(|place| (at(place.floor()), at(place.ceil()), place.fract())).collect()
}

/// A sample that is sorted as far as a few of its ranks need.
///
/// A monotone map sends every value to a bucket. How many values the buckets before hold says in which bucket a rank
/// lies, and only those few buckets are looked into.
#[derive(Debug)]
pub(crate) struct Ranked {
    low: f64,
    high: f64,
    len: usize,
    parts: Parts,
}

#[derive(Debug)]
enum Parts {
    Constant,
    Sorted(Vec<f64>),
    /// The values before each bucket, and the buckets that hold a rank.
    Buckets {
        scale: f64,
        before: Vec<usize>,
        opened: Vec<(usize, Ranked)>,
    },
}

impl Ranked {
    /// `range` is exactly that of `values`; `ranks` are ascending, distinct and below the number of values.
    fn new(values: &[f64], range: (f64, f64), ranks: &[usize], rounds: usize) -> Self {
        let (low, high) = range;
        // Where a value is infinite, or the range overflows or underflows, this is zero or infinite: then all is sorted.
        let scale = (BUCKETS - 1) as f64 / (high - low);
        let parts = if low == high {
            Parts::Constant
        } else if values.len() <= SMALL || rounds == 0 || !(scale.is_finite() && scale > 0.0) {
            let mut sorted = values.to_vec();
            mlcore::interrupt::sort_unstable_by(&mut sorted, f64::total_cmp);
            Parts::Sorted(sorted)
        } else {
            Self::open(values, low, scale, ranks, rounds)
        };
        Self { low, high, len: values.len(), parts }
    }

    fn open(values: &[f64], low: f64, scale: f64, ranks: &[usize], rounds: usize) -> Parts {
        let mut before = Vec::with_capacity(BUCKETS + 1);
        let mut wanted: Vec<Wanted> = Vec::new();
        let (mut counted, mut ranks) = (0, ranks.iter().copied().peekable());
        for (bucket, count) in histogram(values, low, scale).into_iter().enumerate() {
            before.push(counted);
            let mut inside = Vec::new();
            while let Some(rank) = ranks.next_if(|rank| *rank < counted + count) {
                inside.push(rank - counted);
            }
            counted += count;
            if !inside.is_empty() {
                wanted.push(Wanted { bucket, ranks: inside, values: Vec::with_capacity(count) });
            }
        }
        before.push(counted);
        gather(values, low, scale, &mut wanted);
        let open = |wanted: Wanted| {
            let inner = extent(&wanted.values);
            (wanted.bucket, Self::new(&wanted.values, (inner.low, inner.high), &wanted.ranks, rounds - 1))
        };
        Parts::Buckets { scale, before, opened: wanted.into_iter().map(open).collect() }
    }

    /// The value of one of the ranks asked for.
    fn at(&self, rank: usize) -> Option<f64> {
        match &self.parts {
            Parts::Constant => Some(self.low),
            Parts::Sorted(sorted) => sorted.get(rank).copied(),
            Parts::Buckets { before, opened, .. } => {
                let bucket = before.partition_point(|before| *before <= rank).checked_sub(1)?;
                let (_, inner) = opened.get(opened.binary_search_by_key(&bucket, |(own, _)| *own).ok()?)?;
                inner.at(rank - before.get(bucket)?)
            }
        }
    }

    /// How many values are below `edge`: a quantile that was asked for, or the float after one.
    ///
    /// An edge between two neighbouring ranks lies in one of their buckets or in an empty one between them, so that an
    /// unopened bucket has nothing below the edge.
    pub(crate) fn count_below(&self, edge: f64) -> usize {
        if edge <= self.low {
            return 0;
        }
        if edge > self.high {
            return self.len;
        }
        match &self.parts {
            Parts::Constant => 0,
            Parts::Sorted(sorted) => sorted.partition_point(|value| *value < edge),
            Parts::Buckets { scale, before, opened } => {
                let bucket = bucket(edge, self.low, *scale);
                let inside = opened.binary_search_by_key(&bucket, |(own, _)| *own).ok();
                let inside = inside
                    .and_then(|place| opened.get(place))
                    .map_or(0, |(_, inner)| inner.count_below(edge));
                before.get(bucket).copied().unwrap_or(self.len) + inside
            }
        }
    }
}

/// A bucket that holds ranks: which ones within it, and its values.
struct Wanted {
    bucket: usize,
    ranks: Vec<usize>,
    values: Vec<f64>,
}

/// How many values each bucket holds.
fn histogram(values: &[f64], low: f64, scale: f64) -> Vec<usize> {
    // Two of them, emptied before they could overflow: an increment must not wait for the last one.
    let mut counts = [[0_u32; BUCKETS]; 2];
    let mut totals = vec![0_usize; BUCKETS];
    let mut places = [0_u32; BLOCK];
    for values in values.chunks(1 << 30) {
        for block in values.chunks(BLOCK) {
            let (pairs, rest) = buckets(block, low, scale, &mut places).as_chunks::<2>();
            for [a, b] in pairs {
                counts[0][*a as usize & (BUCKETS - 1)] += 1;
                counts[1][*b as usize & (BUCKETS - 1)] += 1;
            }
            for place in rest {
                counts[0][*place as usize & (BUCKETS - 1)] += 1;
            }
        }
        for counts in &mut counts {
            let taken = counts.iter_mut().map(std::mem::take);
            totals.iter_mut().zip(taken).for_each(|(total, count)| *total += count as usize);
        }
    }
    totals
}

/// Fills the buckets that are wanted.
fn gather(values: &[f64], low: f64, scale: f64, wanted: &mut [Wanted]) {
    // Zero for buckets that nobody wants.
    let mut slot_of = [0_u16; BUCKETS];
    for (slot, wanted) in wanted.iter().enumerate() {
        slot_of[wanted.bucket & (BUCKETS - 1)] = slot as u16 + 1;
    }
    let mut places = [0_u32; BLOCK];
    for block in values.chunks(BLOCK) {
        for (value, place) in block.iter().zip(buckets(block, low, scale, &mut places)) {
            let slot = usize::from(slot_of[*place as usize & (BUCKETS - 1)]);
            if let Some(wanted) = slot.checked_sub(1).and_then(|slot| wanted.get_mut(slot)) {
                wanted.values.push(*value);
            }
        }
    }
}

/// The buckets of a block of values.
#[inline]
fn buckets<'a>(values: &[f64], low: f64, scale: f64, places: &'a mut [u32; BLOCK]) -> &'a [u32] {
    nearest(values, low, scale, places);
    places.get(..values.len()).unwrap_or_default()
}

/// The bucket of one value: from 0 to `BUCKETS - 1` within the range that `scale` belongs to, and monotone.
fn bucket(value: f64, low: f64, scale: f64) -> usize {
    let mut places = [0; BLOCK];
    nearest(&[value], low, scale, &mut places);
    places[0] as usize & (BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use mlcore::stats::SplitMix64;
    use proptest::prelude::*;

    use super::*;

    fn range(values: &[f64]) -> (f64, f64) {
        let extent = extent(values);
        (extent.low, extent.high)
    }

    fn sorted_quantiles(values: &[f64], parts: usize) -> Vec<f64> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len() - 1;
        (0..=parts)
            .map(|i| {
                let place = if i == parts { 1.0 } else { i as f64 * (1.0 / parts as f64) } * last as f64;
                let rank = place as usize;
                lerp(sorted[rank], sorted[(rank + 1).min(last)], place - rank as f64)
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn the_buckets_give_what_sorting_gives(
            seed in any::<u64>(),
            len in 1_usize..20_000,
            power in 1_i32..40,
            parts in 2_usize..30,
        ) {
            let mut random = SplitMix64::new(seed);
            let values: Vec<f64> = (0..len).map(|_| {
                let uniform = random.uniform();
                if uniform < 0.1 { 0.25 } else { uniform.powi(power) * 3.0 - 1.0 }
            }).collect();
            let (found, ranked) = quantiles(&values, range(&values), parts);
            prop_assert_eq!(&found, &sorted_quantiles(&values, parts));
            for edge in found.iter().flat_map(|edge| [*edge, edge.next_up()]) {
                prop_assert_eq!(ranked.count_below(edge), values.iter().filter(|value| **value < edge).count());
            }
        }
    }

    #[test]
    fn extreme_values_are_no_trouble() {
        let mut values: Vec<f64> = (0..10_000).map(f64::from).collect();
        values.extend([f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, 5e-324]);
        assert_eq!(quantiles(&values, range(&values), 10).0, sorted_quantiles(&values, 10));
        let crowded: Vec<f64> = (0..10_000).map(|i| f64::from(i) * 1e-300).chain([1e300]).collect();
        assert_eq!(quantiles(&crowded, range(&crowded), 4).0, sorted_quantiles(&crowded, 4));
        assert_eq!(quantiles(&[7.0], (7.0, 7.0), 3).0, [7.0; 4]);
    }
}
