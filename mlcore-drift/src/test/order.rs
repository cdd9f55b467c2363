//! Quantiles without sorting everything.

/// Below this size sorting is as quick.
const SMALL: usize = 4096;
const BUCKETS: usize = 1024;
/// Each round narrows a crowded bucket to its own range; data that is crowded at every scale is sorted in the end.
const ROUNDS: usize = 4;
const HUNDREDTHS: usize = 100;

/// The share of `values` (none of them NaN) that lies on single values with about a hundredth of them, or more, each:
/// the hundredths whose two ends are equal.
pub(crate) fn share_on_atoms(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let quantiles = quantiles(values, HUNDREDTHS);
    let flat = quantiles.windows(2).filter(|ends| ends[0] == ends[1]).count();
    flat as f64 / HUNDREDTHS as f64
}

/// `numpy.quantile(values, linspace(0, 1, parts + 1))`, linear interpolation; `values` holds no NaN and is not empty.
pub(crate) fn quantiles(values: &[f64], parts: usize) -> Vec<f64> {
    let last = values.len().saturating_sub(1);
    let step = 1.0 / parts as f64;
    // numpy's linspace puts the end exactly at 1.
    let places: Vec<f64> =
        (0..=parts).map(|i| if i == parts { 1.0 } else { i as f64 * step } * last as f64).collect();
    let mut ranks: Vec<usize> =
        places.iter().flat_map(|place| [*place as usize, (*place as usize + 1).min(last)]).collect();
    ranks.sort_unstable();
    ranks.dedup();
    let statistics = order_statistics(values, &ranks, ROUNDS);
    let at = |rank: usize| {
        ranks.binary_search(&rank).ok().and_then(|i| statistics.get(i)).copied().unwrap_or(f64::NAN)
    };
    places
        .iter()
        .map(|place| {
            let rank = (*place as usize).min(last);
            interpolate(at(rank), at((rank + 1).min(last)), place - rank as f64)
        })
        .collect()
}

/// The smallest and the largest of `values`, none of them NaN; `None` if there are none.
pub(crate) fn extremes(values: &[f64]) -> Option<(f64, f64)> {
    const LANES: usize = 8;
    let first = *values.first()?;
    let (mut low, mut high) = ([first; LANES], [first; LANES]);
    let blocks = values.chunks_exact(LANES);
    let rest = blocks.remainder();
    for block in blocks {
        for ((low, high), value) in low.iter_mut().zip(&mut high).zip(block) {
            *low = if value < low { *value } else { *low };
            *high = if value > high { *value } else { *high };
        }
    }
    let low = low.iter().chain(rest).copied().fold(first, f64::min);
    let high = high.iter().chain(rest).copied().fold(first, f64::max);
    Some((low, high))
}

/// numpy's interpolation, which is exact at both ends; between infinities the nearer one.
fn interpolate(a: f64, b: f64, t: f64) -> f64 {
    let difference = b - a;
    if difference == 0.0 || a == b {
        a
    } else if !difference.is_finite() {
        if t < 0.5 { a } else { b }
    } else if t < 0.5 {
        a + difference * t
    } else {
        b - difference * (1.0 - t)
    }
}

/// The values of these ranks (ascending, distinct) in ascending order of `values`.
///
/// A monotone map sends every value to a bucket; only the few buckets that hold a rank are looked into.
fn order_statistics(values: &[f64], ranks: &[usize], rounds: usize) -> Vec<f64> {
    let (low, high) = extremes(values).unwrap_or((0.0, 0.0));
    if low == high {
        return vec![low; ranks.len()];
    }
    let scale = (BUCKETS - 1) as f64 / (high - low);
    if values.len() <= SMALL || rounds == 0 || !(scale.is_finite() && scale > 0.0) {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        return ranks.iter().map(|rank| sorted.get(*rank).copied().unwrap_or(high)).collect();
    }
    let bucket_of = |value: f64| ((value - low) * scale) as i32 as usize & (BUCKETS - 1);
    let mut counts = [0_usize; BUCKETS];
    for value in values {
        counts[bucket_of(*value)] += 1;
    }
    // The buckets that hold a rank, and the ranks within them.
    let mut wanted: Vec<Vec<usize>> = Vec::new();
    let mut slot_of = [0_usize; BUCKETS];
    let (mut before, mut ranks) = (0, ranks.iter().copied().peekable());
    for (count, slot) in counts.iter().zip(&mut slot_of) {
        let mut inside = Vec::new();
        while let Some(rank) = ranks.next_if(|rank| *rank < before + count) {
            inside.push(rank - before);
        }
        before += count;
        if !inside.is_empty() {
            wanted.push(inside);
            *slot = wanted.len();
        }
    }
    let mut gathered: Vec<Vec<f64>> = vec![Vec::new(); wanted.len() + 1];
    for value in values {
        let slot = slot_of[bucket_of(*value)];
        if slot > 0
            && let Some(gathered) = gathered.get_mut(slot)
        {
            gathered.push(*value);
        }
    }
    let buckets = gathered.iter().skip(1).zip(&wanted);
    buckets.flat_map(|(values, ranks)| order_statistics(values, ranks, rounds - 1)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted_quantiles(values: &[f64], parts: usize) -> Vec<f64> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len() - 1;
        (0..=parts)
            .map(|i| {
                let place = if i == parts { 1.0 } else { i as f64 * (1.0 / parts as f64) } * last as f64;
                let rank = place as usize;
                interpolate(sorted[rank], sorted[(rank + 1).min(last)], place - rank as f64)
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
            let mut state = seed;
            let values: Vec<f64> = (0..len).map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let uniform = (state >> 40) as f64 / f64::from(1 << 24);
                uniform.powi(power) * 3.0 - 1.0
            }).collect();
            prop_assert_eq!(quantiles(&values, parts), sorted_quantiles(&values, parts));
        }
    }

    #[test]
    fn extreme_values_are_no_trouble() {
        let mut values: Vec<f64> = (0..10_000).map(f64::from).collect();
        values.extend([f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, 5e-324]);
        assert_eq!(quantiles(&values, 10), sorted_quantiles(&values, 10));
        let crowded: Vec<f64> = (0..10_000).map(|i| f64::from(i) * 1e-300).chain([1e300]).collect();
        assert_eq!(quantiles(&crowded, 4), sorted_quantiles(&crowded, 4));
        assert_eq!(quantiles(&[7.0], 3), [7.0; 4]);
    }

    #[test]
    fn extremes_are_those_of_every_value() {
        let values: Vec<f64> = (0..37).map(|i| f64::from((i * 7) % 37)).collect();
        for len in 1..37 {
            let expected =
                values[..len].iter().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
            assert_eq!(extremes(&values[..len]), Some(expected));
        }
        assert_eq!(extremes(&[]), None);
    }
}
