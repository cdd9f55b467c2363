//! Counting values between edges, exactly as comparing each value with each edge would, and fast.

use crate::vector::{BLOCK, Grid, count_below, points_below};

/// Without a grid, up to this many edges, comparing every value with each of them (several at a time) is fastest.
const FEW_EDGES: usize = 12;
/// Edges of a grid that are closer than this many units in the last place may be rounded onto each other.
const CLEAR_STEP_ULPS: f64 = 64.0;

/// Interior edges in ascending order: bin `i` holds the values with exactly `i` of them at or below.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Interior {
    edges: Vec<f64>,
    grid: Option<Grid>,
}

impl Interior {
    pub(crate) fn new(edges: Vec<f64>) -> Self {
        Self { edges, grid: None }
    }

    /// The edges `i step + low` for `i` from 1 to `bins - 1`.
    pub(crate) fn even(low: f64, step: f64, bins: usize) -> Self {
        let mut edges: Vec<f64> = (1..bins).map(|i| i as f64 * step + low).collect();
        let last = bins as f64;
        let far = low.abs().max((low + last * step).abs());
        let clear = step > far * f64::EPSILON * CLEAR_STEP_ULPS && step > f64::MIN_POSITIVE;
        let grid = Grid { low, step, scale: step.recip(), last };
        let grid = (clear && far.is_finite() && grid.scale.is_finite()).then_some(grid);
        edges.dedup();
        Self { edges, grid }
    }

    pub(crate) fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// How many of `values`, none of them NaN, each bin holds.
    pub(crate) fn count(&self, values: &[f64]) -> Vec<u64> {
        match self.grid {
            Some(grid) if self.edges.len() + 3 <= 64 => self.count_on_grid::<64>(grid, values),
            Some(grid) if self.edges.len() + 3 <= 1024 => self.count_on_grid::<1024>(grid, values),
            _ if self.edges.len() <= FEW_EDGES => self.count_by_comparing(values),
            _ => self.count_by_searching(values),
        }
    }

    /// How many of `sorted`, in ascending order, each bin holds.
    pub(crate) fn count_sorted(&self, sorted: &[f64]) -> Vec<u64> {
        let below = self.edges.iter().map(|edge| sorted.partition_point(|value| value < edge) as u64);
        differences(below, sorted.len() as u64)
    }

    fn count_by_comparing(&self, values: &[f64]) -> Vec<u64> {
        let mut below = vec![0_u64; self.edges.len()];
        count_below(values, &self.edges, &mut below);
        differences(below.into_iter(), values.len() as u64)
    }

    fn count_by_searching(&self, values: &[f64]) -> Vec<u64> {
        let mut counts = vec![0_u64; self.edges.len() + 1];
        for value in values {
            let bin = self.edges.partition_point(|edge| edge <= value);
            if let Some(count) = counts.get_mut(bin) {
                *count += 1;
            }
        }
        counts
    }

    /// The number of points of the grid at or below a value is its bin, counted from 1: the first point is where the
    /// first bin begins. What lies before it is in the first bin too, and what lies after the last point in the last.
    fn count_on_grid<const N: usize>(&self, grid: Grid, values: &[f64]) -> Vec<u64> {
        let bins = self.edges.len() + 1;
        // Four histograms: neighbouring values often fall in one bin, and an increment must not wait for the last.
        let mut counts = [[0_u64; N]; 4];
        let mut places = [0_u32; BLOCK];
        for block in values.chunks(BLOCK) {
            points_below(block, grid, &mut places);
            let (fours, rest) = places.get(..block.len()).unwrap_or_default().as_chunks::<4>();
            for four in fours {
                for (place, counts) in four.iter().zip(&mut counts) {
                    counts[*place as usize & (N - 1)] += 1;
                }
            }
            for place in rest {
                counts[0][*place as usize & (N - 1)] += 1;
            }
        }
        let at = |place: usize| counts.iter().filter_map(|row| row.get(place)).sum::<u64>();
        let mut total: Vec<u64> = (1..=bins).map(at).collect();
        if let Some(first) = total.first_mut() {
            *first += at(0);
        }
        if let Some(last) = total.last_mut() {
            *last += at(bins + 1);
        }
        total
    }
}

/// Turns "how many are below each edge" into "how many are between".
pub(super) fn differences(below: impl Iterator<Item = u64>, total: u64) -> Vec<u64> {
    let mut counted = 0;
    below
        .chain([total])
        .map(|below| {
            let between = below - counted;
            counted = below;
            between
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_way_of_counting_agrees(
            values in prop::collection::vec(prop_oneof![-2.0..2.0, Just(0.5), Just(f64::INFINITY), Just(-1e300), -1e-300..1e-300], 0..300),
            bins in 2_usize..90,
            low in -2.0..0.0,
            width in prop_oneof![1e-3..3.0, Just(1e-12), Just(1e-300)],
        ) {
            let step = width / bins as f64;
            let mut edges: Vec<f64> = (1..bins).map(|i| i as f64 * step + low).collect();
            edges.dedup();
            let on_edges = edges.iter().flat_map(|edge| [edge.next_down(), *edge, edge.next_up()]);
            let values: Vec<f64> = values.into_iter().chain(on_edges).collect();
            let even = Interior::even(low, step, bins);
            let plain = Interior::new(edges);
            let mut expected = vec![0; plain.edges.len() + 1];
            for value in &values {
                expected[plain.edges.iter().filter(|edge| *edge <= value).count()] += 1;
            }
            prop_assert_eq!(&even.count(&values), &expected);
            prop_assert_eq!(&plain.count(&values), &expected);
            prop_assert_eq!(&plain.count_by_comparing(&values), &expected);
            let mut sorted = values;
            sorted.sort_by(f64::total_cmp);
            prop_assert_eq!(&plain.count_sorted(&sorted), &expected);
        }
    }
}
