//! The nearest rows of a table, and what they say of a missing value.

use super::knn_imputer::NeighborWeights;
use crate::graph::{Graph, Inexpressible, Number};
use crate::program::joint::JointKernel;
use crate::transform::numeric;

/// Fills what is missing in a row from the nearest of these rows.
#[derive(Debug)]
pub(super) struct Neighbors {
    /// Row after row.
    rows: Vec<f64>,
    width: usize,
    /// How many rows are taken.
    count: usize,
    weights: NeighborWeights,
    /// The columns that are answered.
    kept: Vec<Kept>,
}

/// A column that is answered.
#[derive(Clone, Copy, Debug)]
struct Kept {
    position: usize,
    /// The mean of the column; none where no row has it.
    mean: Option<f64>,
}

impl Neighbors {
    /// For rows of so many columns; those that no row has are answered as zeros or left out.
    pub(super) fn new(
        rows: Vec<f64>,
        width: usize,
        count: usize,
        weights: NeighborWeights,
        keep_empty: bool,
    ) -> Self {
        let column = |position: usize| {
            let values = rows.chunks_exact(width).filter_map(|row| row.get(position)).copied();
            let present: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
            let mean = (!present.is_empty()).then(|| numeric::mean(&present));
            (mean.is_some() || keep_empty).then_some(Kept { position, mean })
        };
        let kept = (0..width).filter_map(column).collect();
        Self { rows, width, count, weights, kept }
    }

    /// The positions of the columns that are answered.
    pub(super) fn columns(&self) -> impl Iterator<Item = usize> {
        self.kept.iter().map(|kept| kept.position)
    }

    /// How many numbers it needs room for beside its answer: a distance and a value of each neighbour.
    pub(super) fn scratch(&self) -> usize {
        2 * self.count
    }

    /// What the nearest rows say of a column of this row.
    fn imputed(&self, row: &[f64], column: usize, mean: f64, scratch: &mut [f64]) -> f64 {
        let (distances, values) = scratch.split_at_mut(self.count.min(scratch.len()));
        let mut found = 0;
        for other in self.rows.chunks_exact(self.width) {
            let Some(value) = other.get(column).copied().filter(|value| !value.is_nan()) else { continue };
            let distance = distance(row, other);
            // Of equal ones, those that stand before stay.
            let place = distances[..found].partition_point(|own| *own <= distance);
            if distance.is_nan() || place >= distances.len() {
                continue;
            }
            found = (found + 1).min(distances.len());
            distances[place..found].rotate_right(1);
            values[place..found].rotate_right(1);
            (distances[place], values[place]) = (distance, value);
        }
        let (distances, values) = (&distances[..found], &values[..found]);
        if found == 0 {
            return mean;
        }
        let same = match self.weights {
            NeighborWeights::Uniform => found,
            NeighborWeights::Distance => distances.partition_point(|distance| *distance == 0.0),
        };
        if same > 0 {
            return values[..same].iter().sum::<f64>() / same as f64;
        }
        let weights = || distances.iter().map(|distance| 1.0 / distance);
        values.iter().zip(weights()).map(|(value, weight)| value * weight).sum::<f64>()
            / weights().sum::<f64>()
    }
}

/// How far apart two rows are, over the columns that both have; NaN where there are none.
fn distance(one: &[f64], other: &[f64]) -> f64 {
    let (mut sum, mut present) = (0.0, 0_u32);
    for (one, other) in one.iter().zip(other) {
        let difference = one - other;
        if !difference.is_nan() {
            sum += difference * difference;
            present += 1;
        }
    }
    if present == 0 { f64::NAN } else { (sum / f64::from(present) * one.len() as f64).sqrt() }
}

impl JointKernel for Neighbors {
    fn apply(&self, inputs: &[f64], outputs: &mut [f64]) {
        let (answers, scratch) = outputs.split_at_mut(self.kept.len().min(outputs.len()));
        for (answer, kept) in answers.iter_mut().zip(&self.kept) {
            *answer = match (inputs.get(kept.position), kept.mean) {
                (Some(value), Some(mean)) if value.is_nan() => {
                    self.imputed(inputs, kept.position, mean, scratch)
                }
                (Some(value), Some(_)) => *value,
                _ => 0.0,
            };
        }
    }

    fn onnx(&self, _: &mut Graph, _: &[Number]) -> Result<Vec<Number>, Inexpressible> {
        Err(Inexpressible("it searches all rows of the training table for the nearest"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// The neighbours are those that sorting all rows finds.
        #[test]
        fn neighbors_are_the_nearest(
            rows in prop::collection::vec(prop::array::uniform3(prop_oneof![Just(f64::NAN), 0.0..4.0, Just(1.0)]), 1..20),
            row in prop::array::uniform2(prop_oneof![Just(f64::NAN), 0.0..4.0, Just(1.0)]),
            count in 1_usize..6,
        ) {
            let row = [row[0], f64::NAN, row[1]];
            let count = count.min(rows.len());
            let mut all: Vec<(f64, f64)> = rows
                .iter()
                .map(|other| (distance(&row, other), other[1]))
                .filter(|(distance, value)| !distance.is_nan() && !value.is_nan())
                .collect();
            all.sort_by(|one, other| one.0.total_cmp(&other.0));
            all.truncate(count);
            let neighbors =
                Neighbors::new(rows.concat(), 3, count, NeighborWeights::Uniform, true);
            let mut outputs = vec![0.0; 3 + neighbors.scratch()];
            neighbors.apply(&row, &mut outputs);
            let has_values = rows.iter().any(|row| !row[1].is_nan());
            let expected = if all.is_empty() {
                neighbors.kept[1].mean.unwrap_or(0.0)
            } else {
                all.iter().map(|(_, value)| value).sum::<f64>() / all.len() as f64
            };
            prop_assert!(has_values || outputs[1] == 0.0);
            prop_assert!((outputs[1] - expected).abs() < 1e-12);
        }
    }
}
