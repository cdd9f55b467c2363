//! The interquartile range of two samples together, without sorting them.

use super::OPERATION;
use crate::error::Result;
use crate::interrupt;
use crate::stats::lerp;
use crate::stats::sorted::ascending;

/// The distance of the quartiles of all values, none of which is NaN: `scipy.stats.iqr`.
pub(super) fn interquartile_range(x: &[f64], y: &[f64]) -> Result<f64> {
    let last = (x.len() + y.len() - 1) as f64;
    let sample = spread_sample(x, y);
    let mut quartiles = [0.0; 2];
    for (quartile, level) in quartiles.iter_mut().zip([0.25, 0.75]) {
        interrupt::check(OPERATION)?;
        let position = level * last;
        let below = position.floor();
        let [low, high] = neighbours(x, y, &sample, below as usize);
        *quartile = lerp(low, high, position - below);
    }
    Ok(quartiles[1] - quartiles[0])
}

/// The values of this rank, from 0, and of the next one.
///
/// A sorted sample says between which two values they probably lie. Values below are counted, those between are copied and
/// sorted; where the sample misled, all are.
fn neighbours(x: &[f64], y: &[f64], sample: &[f64], rank: usize) -> [f64; 2] {
    let count = x.len() + y.len();
    let pick = |sorted: &[f64], place: usize| {
        let value =
            |place: usize| sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN);
        [value(place), value(place + 1)]
    };
    if sample.len() < count {
        let place = rank * sample.len() / count;
        let low = place.checked_sub(MARGIN).and_then(|place| sample.get(place)).copied();
        let high = sample.get(place + MARGIN).copied();
        let (low, high) = (low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY));
        let (below, between) = between(x, y, low, high);
        if rank >= below && rank + 1 < below + between.len() {
            return pick(&ascending(&between), rank - below);
        }
    }
    pick(&ascending(&[x, y].concat()), rank)
}

/// How many values lie below `low`, and the values from there to `high`.
fn between(x: &[f64], y: &[f64], low: f64, high: f64) -> (usize, Vec<f64>) {
    let mut below = 0;
    let mut kept = Vec::new();
    for part in x.chunks(PART).chain(y.chunks(PART)) {
        below += part.iter().map(|value| usize::from(*value < low)).sum::<usize>();
        kept.extend(part.iter().copied().filter(|value| (low..=high).contains(value)));
    }
    (below, kept)
}

/// Some of all values, in order.
fn spread_sample(x: &[f64], y: &[f64]) -> Vec<f64> {
    let every = ((x.len() + y.len()) / SAMPLE).max(1);
    let some: Vec<f64> = x.iter().chain(y).step_by(every).copied().collect();
    ascending(&some)
}

/// Values that stay in the fastest cache for both passes.
const PART: usize = 2_048;
const SAMPLE: usize = 2_000;
/// Four standard deviations of the place of a quartile among so many.
const MARGIN: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{QuantileMethod, SplitMix64};

    #[test]
    fn the_range_is_that_of_sorted_values() {
        let mut random = SplitMix64::new(5);
        for (n, m) in [(5, 5), (7, 900), (3000, 2000), (20_000, 15_000)] {
            for kind in 0..4 {
                let mut draw = |count: usize| -> Vec<f64> {
                    let value = |i: usize, random: &mut SplitMix64| match kind {
                        0 => random.normal(),
                        1 => (random.uniform() * 3.0).floor(),
                        // In order, so that every so many values say little.
                        2 => i as f64,
                        _ => {
                            if i.is_multiple_of(10) {
                                1e9
                            } else {
                                random.uniform()
                            }
                        }
                    };
                    (0..count).map(|i| value(i, &mut random)).collect()
                };
                let (x, y) = (draw(n), draw(m));
                let expected = QuantileMethod::Linear.of([&x[..], &y].concat(), &[0.25, 0.75]);
                assert_eq!(interquartile_range(&x, &y).unwrap(), expected[1] - expected[0], "{n} {m} {kind}");
            }
        }
    }
}
