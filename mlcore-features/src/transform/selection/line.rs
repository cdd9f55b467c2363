//! Numbers on a line: how far is the k-th nearest, and how many are within a radius?

use mlcore::Result;
use mlcore::interrupt::{self, Pace};

use super::select_k_best::OPERATION;

/// Numbers in ascending order.
#[derive(Debug)]
pub(super) struct Line(Vec<f64>);

impl Line {
    /// Of numbers in any order, none of them NaN.
    pub(super) fn new(values: &[f64]) -> Result<Self> {
        let mut sorted = values.to_vec();
        interrupt::sort_unstable_by(&mut sorted, f64::total_cmp);
        interrupt::check(OPERATION)?;
        Ok(Self(sorted))
    }

    /// How many numbers are not farther than `radius` from `value`.
    pub(super) fn within(&self, value: f64, radius: f64) -> usize {
        let before = self.0.partition_point(|own| value - own > radius);
        let until = self.0.partition_point(|own| own - value <= radius);
        until.saturating_sub(before)
    }

    /// The distance to the `k`-th nearest number, itself not counted, of each number in ascending order; `k` is at least 1 and
    /// below the count of numbers.
    fn distances(&self, k: usize) -> Result<Vec<f64>> {
        let (sorted, mut pace) = (&self.0, Pace::default());
        let mut distances = Vec::with_capacity(sorted.len());
        // The window of a number holds itself and its k nearest; it moves up with the number.
        let mut start = 0;
        for (place, value) in sorted.iter().enumerate() {
            pace.check(OPERATION, 1)?;
            start = start.max(place.saturating_sub(k));
            let farther = |start: usize| match (sorted.get(start), sorted.get(start + k + 1)) {
                (Some(first), Some(next)) => next - value < value - first,
                _ => false,
            };
            while start < place && farther(start) {
                start += 1;
            }
            let ends = sorted.get(start).zip(sorted.get(start + k));
            distances.push(ends.map_or(0.0, |(first, last)| (value - first).max(last - value)));
        }
        Ok(distances)
    }
}

/// The distance of each number to its `k`-th nearest, itself not counted, as scikit-learn's `NearestNeighbors` measures it;
/// `k` is at least 1 and below the count of numbers.
///
/// Where `k` is half of the numbers or more, scikit-learn takes the root of `x² - 2xy + y²`, whose rounding shows between
/// numbers that are nearly equal, and so does this.
pub(super) fn nearest(values: &[f64], k: usize) -> Result<Vec<f64>> {
    if k >= values.len() / 2 {
        return nearest_by_products(values, k);
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    interrupt::sort_unstable_by(&mut order, |one, other| values[*one].total_cmp(&values[*other]));
    interrupt::check(OPERATION)?;
    let distances = Line(order.iter().map(|place| values[*place]).collect()).distances(k)?;
    let mut nearest = vec![0.0; values.len()];
    for (place, distance) in order.into_iter().zip(distances) {
        nearest[place] = distance;
    }
    Ok(nearest)
}

fn nearest_by_products(values: &[f64], k: usize) -> Result<Vec<f64>> {
    let (mut pace, mut squares) = (Pace::default(), Vec::with_capacity(values.len()));
    let distance = |value: &f64| {
        pace.check(OPERATION, values.len())?;
        squares.clear();
        squares.extend(values.iter().map(|other| {
            let square = value * value + -2.0 * (value * other) + other * other;
            square.max(0.0)
        }));
        let place = k.min(squares.len().saturating_sub(1));
        let (_, square, _) = squares.select_nth_unstable_by(place, f64::total_cmp);
        Ok(square.sqrt())
    };
    values.iter().map(distance).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_line_finds_what_a_look_at_all_finds(
            values in proptest::collection::vec((-20_i32..20).prop_map(|value| f64::from(value) / 4.0), 4..60),
            k in 1_usize..12,
            radius in 0.0..3.0_f64,
        ) {
            let k = k.min(values.len() / 2 - 1).max(1);
            let line = Line::new(&values).unwrap();
            let found = nearest(&values, k).unwrap();
            for (value, found) in values.iter().zip(&found) {
                let mut all: Vec<f64> = values.iter().map(|other| (value - other).abs()).collect();
                let within = all.iter().filter(|distance| **distance <= radius).count();
                prop_assert_eq!(line.within(*value, radius), within);
                all.sort_unstable_by(f64::total_cmp);
                // Quarters have exact squares, so that both ways of scikit-learn agree.
                prop_assert_eq!(*found, all[k]);
            }
        }
    }
}
