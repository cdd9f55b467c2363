//! Bins that are frozen from the reference, open at both ends.

use mlcore::{Error, Result};

use super::interior::{Interior, differences};
use super::order::quantiles;
use crate::sample::Sketch;
use crate::two_sample::Note;

/// Bins of a numeric column that do not depend on the current sample.
#[derive(Debug)]
pub(super) struct Frozen {
    interior: Interior,
    range: (f64, f64),
    /// Values that have a bin of their own.
    points: Vec<f64>,
}

impl Frozen {
    /// Bins of equal shares. A quantile that repeats is a value with more than a bin's share: it gets a bin of its own,
    /// from itself to the next float, so that its share is compared and no bin is empty by construction.
    ///
    /// With the bins, how many of `values` each of them holds.
    pub(super) fn quantile(values: &[f64], range: (f64, f64), bins: usize) -> (Self, Vec<u64>) {
        let (quantiles, ranked) = quantiles(values, range, bins);
        let mut points: Vec<f64> =
            quantiles.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        points.dedup();
        let interior = quantiles.iter().skip(1).take(bins - 1).copied();
        let mut edges: Vec<f64> =
            interior.chain(points.iter().flat_map(|point| [*point, point.next_up()])).collect();
        edges.sort_unstable_by(f64::total_cmp);
        // Equality, not bits: -0 and 0 are one edge.
        edges.dedup();
        let below = edges.iter().map(|edge| ranked.count_below(*edge) as u64);
        let counts = differences(below, values.len() as u64);
        (Self { interior: Interior::new(edges), range, points }, counts)
    }

    /// Bins of equal width; a constant gets a bin of its own.
    pub(super) fn uniform(range: (f64, f64), bins: usize) -> Self {
        let (low, high) = (range.0.max(f64::MIN), range.1.min(f64::MAX));
        if low >= high {
            let points = vec![low];
            return Self { interior: Interior::new(vec![low, low.next_up()]), range, points };
        }
        let step = high / bins as f64 - low / bins as f64;
        let interior = Interior::even(low, step, bins);
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

    /// How much of `values`, which span `range`, lies outside the range of the reference, if any does.
    pub(super) fn out_of_range(&self, values: &[f64], range: (f64, f64)) -> Option<Note> {
        let (low, high) = self.range;
        if range.0 >= low && range.1 <= high {
            return None;
        }
        let (mut below, mut above) = (0_u64, 0_u64);
        for value in values {
            below += u64::from(*value < low);
            above += u64::from(*value > high);
        }
        let share = |count: u64| count as f64 / values.len() as f64;
        Some(Note::OutOfRange { below: share(below), above: share(above) })
    }

    /// Where a current sample must be counted: at the edges, and at the ends of the reference's range.
    pub(super) fn counted_edges(&self) -> Vec<f64> {
        let ends = [self.range.0, self.range.1.next_up()];
        let mut edges: Vec<f64> = self.interior.edges().iter().copied().chain(ends).collect();
        edges.sort_unstable_by(f64::total_cmp);
        edges.dedup();
        edges
    }

    /// How many values of a summary each bin holds.
    pub(super) fn count_sketch(&self, operation: &'static str, sketch: &dyn Sketch) -> Result<Vec<u64>> {
        let below = self.interior.edges().iter().map(|edge| {
            sketch.below(*edge).exact().ok_or_else(|| {
                let problem = format!("the summary is not exact at {edge}, an edge of the reference's bins");
                Error::invalid_input(operation, "current", problem)
                    .remedy("count the values at the edges that the compiled test needs")
            })
        });
        let below = below.collect::<Result<Vec<u64>>>()?;
        Ok(differences(below.into_iter(), sketch.len()))
    }

    /// As [`out_of_range`](Self::out_of_range), where the summary knows it.
    pub(super) fn sketch_out_of_range(&self, sketch: &dyn Sketch) -> Option<Note> {
        let (low, high) = self.range;
        let range = sketch.range();
        if range.0 >= low && range.1 <= high {
            return None;
        }
        let below = sketch.below(low).exact()?;
        let above = if range.1 > high { sketch.len() - sketch.below(high.next_up()).exact()? } else { 0 };
        let share = |count: u64| count as f64 / sketch.len() as f64;
        Some(Note::OutOfRange { below: share(below), above: share(above) })
    }
}
