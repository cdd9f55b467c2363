//! Counting values between edges, exactly as comparing each value with each edge would, and fast.

/// Up to this many edges, comparing every value with every one of them (two to four values at a time) is fastest.
const FEW_EDGES: usize = 12;
/// Edges of a grid that are closer than this many units in the last place may be rounded onto each other.
const CLEAR_STEP_ULPS: f64 = 64.0;
/// Adding this to a small non-negative float leaves its nearest integer in the low bits.
const ROUNDING: f64 = 6_755_399_441_055_744.0;

/// Interior edges in ascending order: bin `i` holds the values with exactly `i` of them at or below.
#[derive(Debug, Clone)]
pub(super) struct Interior {
    edges: Vec<f64>,
    grid: Option<Grid>,
}

/// The line on which the edges lie, for edges of equal distance: edge `i` is near `low + (i + 1) / scale`.
#[derive(Debug, Clone, Copy)]
struct Grid {
    low: f64,
    scale: f64,
}

impl Interior {
    pub(super) fn new(edges: Vec<f64>) -> Self {
        Self { edges, grid: None }
    }

    /// Edges that divide `low..high` evenly, up to rounding.
    pub(super) fn even(edges: Vec<f64>, low: f64, high: f64) -> Self {
        let step = (high - low) / (edges.len() + 1) as f64;
        let clear =
            step > low.abs().max(high.abs()) * f64::EPSILON * CLEAR_STEP_ULPS && step > f64::MIN_POSITIVE;
        let grid = (clear && step.is_finite()).then(|| Grid { low, scale: step.recip() });
        Self { edges, grid: grid.filter(|grid| grid.scale.is_finite()) }
    }

    pub(super) fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// How many of `values`, none of them NaN, each bin holds.
    pub(super) fn count(&self, values: &[f64]) -> Vec<u64> {
        match self.grid {
            _ if self.edges.len() <= FEW_EDGES => self.count_by_comparing(values),
            Some(grid) if self.edges.len() + 3 <= 64 => self.count_on_grid::<64>(grid, values),
            Some(grid) if self.edges.len() + 3 <= 1024 => self.count_on_grid::<1024>(grid, values),
            _ => self.count_by_searching(values),
        }
    }

    /// How many of `sorted`, in ascending order, each bin holds.
    pub(super) fn count_sorted(&self, sorted: &[f64]) -> Vec<u64> {
        let below = self.edges.iter().map(|edge| sorted.partition_point(|value| value < edge) as u64);
        differences(below, sorted.len() as u64)
    }

    fn count_by_comparing(&self, values: &[f64]) -> Vec<u64> {
        let mut below = vec![0_u64; self.edges.len()];
        for block in values.chunks(1024) {
            for (edge, below) in self.edges.iter().zip(&mut below) {
                *below += block.iter().map(|value| u64::from(value < edge)).sum::<u64>();
            }
        }
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

    /// The nearest point of the grid is one multiplication away, and one comparison with the edge there tells on which
    /// side of it the value is: rounding moves an edge by far less than half a step.
    fn count_on_grid<const N: usize>(&self, grid: Grid, values: &[f64]) -> Vec<u64> {
        let bins = self.edges.len() + 1;
        let mut edges = [f64::INFINITY; N];
        edges[0] = f64::NEG_INFINITY;
        edges.iter_mut().skip(1).zip(&self.edges).for_each(|(to, edge)| *to = *edge);
        let last = bins as f64;
        let bin_of = |value: f64| -> usize {
            let nearest = ((value - grid.low) * grid.scale).clamp(0.0, last);
            let nearest = (nearest + ROUNDING).to_bits() as usize & (N - 1);
            // Bins are counted from 1 here, so that the comparison needs no branch.
            (nearest + 1 - usize::from(value < edges[nearest])) & (N - 1)
        };
        // Four histograms: neighbouring values often fall in one bin, and an increment must not wait for the last.
        let mut counts = [[0_u64; N]; 4];
        let blocks = values.chunks_exact(4);
        for value in blocks.remainder() {
            counts[0][bin_of(*value)] += 1;
        }
        for block in blocks {
            if let [a, b, c, d] = *block {
                counts[0][bin_of(a)] += 1;
                counts[1][bin_of(b)] += 1;
                counts[2][bin_of(c)] += 1;
                counts[3][bin_of(d)] += 1;
            }
        }
        let mut total: Vec<u64> =
            (1..=bins).map(|bin| counts.iter().filter_map(|row| row.get(bin)).sum()).collect();
        // Infinity is not below the infinite edge after the last bin, and falls one further.
        if let Some(last) = total.last_mut() {
            *last += counts.iter().filter_map(|row| row.get(bins + 1)).sum::<u64>();
        }
        total
    }
}

/// Turns "how many are below each edge" into "how many are between".
fn differences(below: impl Iterator<Item = u64>, total: u64) -> Vec<u64> {
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
            let high: f64 = low + width;
            let step = (high - low) / bins as f64;
            let edges: Vec<f64> = (1..bins).map(|i| i as f64 * step + low).collect();
            let on_edges = edges.iter().flat_map(|edge| [edge.next_down(), *edge, edge.next_up()]);
            let values: Vec<f64> = values.into_iter().chain(on_edges).collect();
            let even = Interior::even(edges.clone(), low, high);
            let plain = Interior::new(edges);
            let mut expected = vec![0; bins];
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
