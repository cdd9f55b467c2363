//! Bins that are frozen from the reference, open at both ends.

use super::histogram::Interior;
use crate::test::Note;
use crate::test::order::{extremes, quantiles};

/// The bins of a numeric column.
#[derive(Debug)]
pub(super) struct Bins {
    interior: Interior,
    range: (f64, f64),
    /// Values that have a bin of their own.
    points: Vec<f64>,
}

impl Bins {
    /// Bins of equal shares. A quantile that repeats is a value with more than a bin's share: it gets a bin of its own,
    /// from itself to the next float, so that its share is compared and no bin is empty by construction.
    pub(super) fn quantile(values: &[f64], bins: usize) -> Self {
        let quantiles = quantiles(values, bins);
        let mut points: Vec<f64> =
            quantiles.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        points.dedup();
        let interior = quantiles.iter().skip(1).take(bins - 1).copied();
        let mut edges: Vec<f64> =
            interior.chain(points.iter().flat_map(|point| [*point, point.next_up()])).collect();
        edges.sort_unstable_by(f64::total_cmp);
        // Equality, not bits: -0 and 0 are one edge.
        edges.dedup();
        let range = (quantiles.first().copied().unwrap_or(0.0), quantiles.last().copied().unwrap_or(0.0));
        Self { interior: Interior::new(edges), range, points }
    }

    /// Bins of equal width; a constant gets a bin of its own.
    pub(super) fn uniform(values: &[f64], bins: usize) -> Self {
        let range = extremes(values).unwrap_or((0.0, 0.0));
        let (low, high) = (range.0.max(f64::MIN), range.1.min(f64::MAX));
        if low >= high {
            let points = vec![low];
            return Self { interior: Interior::new(vec![low, low.next_up()]), range, points };
        }
        let step = high / bins as f64 - low / bins as f64;
        let mut edges: Vec<f64> = (1..bins).map(|i| i as f64 * step + low).collect();
        let distinct = edges.windows(2).all(|pair| pair[0] < pair[1]);
        edges.dedup();
        let interior = if distinct { Interior::even(edges, low, high) } else { Interior::new(edges) };
        Self { interior, range, points: Vec::new() }
    }

    pub(super) fn count(&self, values: &[f64]) -> Vec<u64> {
        self.interior.count(values)
    }

    /// All edges, the infinite ones included.
    pub(super) fn edges(&self) -> Vec<f64> {
        let interior = self.interior.edges().iter().copied();
        [f64::NEG_INFINITY].into_iter().chain(interior).chain([f64::INFINITY]).collect()
    }

    /// A note for each value that has a bin of its own; `counts` and `len` are those of the reference.
    pub(super) fn point_masses(&self, counts: &[u64], len: usize) -> Vec<Note> {
        let share = |point: f64| {
            let bin = self.interior.edges().partition_point(|edge| *edge <= point);
            counts.get(bin).map_or(0.0, |count| *count as f64 / len as f64)
        };
        self.points.iter().map(|point| Note::PointMass { value: *point, share: share(*point) }).collect()
    }

    /// How much of `values` lies outside the range of the reference, if any does.
    pub(super) fn out_of_range(&self, values: &[f64]) -> Option<Note> {
        let (low, high) = self.range;
        let below: u64 = values.iter().map(|value| u64::from(*value < low)).sum();
        let above: u64 = values.iter().map(|value| u64::from(*value > high)).sum();
        let share = |count: u64| count as f64 / values.len() as f64;
        (below + above > 0).then(|| Note::OutOfRange { below: share(below), above: share(above) })
    }
}
