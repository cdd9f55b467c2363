//! Lloyd's algorithm in one dimension, with scikit-learn's rules for stopping and for clusters that lose all values.

use mlcore::interrupt::{is_stopped, paced};
use mlcore::stats::pairwise_sum;

use crate::transform::numeric::mean;

/// scikit-learn's `max_iter` and `tol`.
const MOST_ITERATIONS: usize = 300;
const TOLERANCE: f64 = 1e-4;

/// The centres that Lloyd's algorithm reaches from `start`, in its order.
///
/// Whoever asks for them checks whether it was to stop.
///
/// Source: scikit-learn, `KMeans` with one initialisation, `max_iter=300` and `tol=1e-4`.
pub(super) fn centres(values: &[f64], start: Vec<f64>) -> Vec<f64> {
    // Distances are more exact around zero.
    let offset = mean(values);
    let centred: Vec<f64> = values.iter().map(|value| value - offset).collect();
    let variance = pairwise_sum(values.len(), &|row| (values[row] - offset) * (values[row] - offset))
        / values.len() as f64;
    let tolerance = variance * TOLERANCE;
    let mut centres: Vec<f64> = start.into_iter().map(|centre| centre - offset).collect();
    let mut labels = vec![usize::MAX; values.len()];
    for _ in 0..MOST_ITERATIONS {
        let (next, changed) = iterate(&centred, &centres, &mut labels);
        let shift: f64 = next.iter().zip(&centres).map(|(new, old)| (new - old) * (new - old)).sum();
        centres = next;
        if !changed || shift <= tolerance {
            break;
        }
    }
    centres.into_iter().map(|centre| centre + offset).collect()
}

/// Assigns every value to its nearest centre, moves the centres to the means, and says whether any label changed.
fn iterate(values: &[f64], centres: &[f64], labels: &mut [usize]) -> (Vec<f64>, bool) {
    let mut sums = vec![0.0; centres.len()];
    let mut counts = vec![0_u64; centres.len()];
    let squares: Vec<f64> = centres.iter().map(|centre| centre * centre).collect();
    let mut changed = false;
    for (value, label) in paced(values.iter().zip(labels.iter_mut())) {
        let nearest = nearest(*value, centres, &squares);
        changed |= *label != nearest;
        *label = nearest;
        sums[nearest] += value;
        counts[nearest] += 1;
    }
    if is_stopped() {
        return (sums, false);
    }
    relocate_empty(values, centres, labels, &mut sums, &mut counts);
    (averaged(sums, &counts), changed)
}

/// The means of the clusters; one that is still empty takes the place of the largest.
///
/// As in scikit-learn, which turns sums into means one cluster after another: an empty cluster before the largest takes its
/// sum, which is no mean yet.
fn averaged(mut sums: Vec<f64>, counts: &[u64]) -> Vec<f64> {
    let largest = (0..counts.len()).rev().max_by_key(|cluster| counts[*cluster]).unwrap_or(0);
    for cluster in 0..sums.len() {
        sums[cluster] = match counts[cluster] {
            0 => sums[largest],
            count => sums[cluster] * (1.0 / count as f64),
        };
    }
    sums
}

/// The first of the nearest centres, by the distance without the part that all centres share.
fn nearest(value: f64, centres: &[f64], squares: &[f64]) -> usize {
    let mut best = (0, f64::INFINITY);
    for (cluster, (centre, square)) in centres.iter().zip(squares).enumerate() {
        let distance = square + -2.0 * value * centre;
        if distance < best.1 || cluster == 0 {
            best = (cluster, distance);
        }
    }
    best.0
}

/// Gives each cluster without values one that is farthest from its own centre: the last of several.
///
/// Which of several equally far values scikit-learn takes is up to numpy's `argpartition` and the processor: nearly always
/// the last. With fewer distinct values than clusters its edges are not reproducible; ours are.
fn relocate_empty(values: &[f64], centres: &[f64], labels: &[usize], sums: &mut [f64], counts: &mut [u64]) {
    let empty: Vec<usize> = (0..counts.len()).filter(|cluster| counts[*cluster] == 0).collect();
    if empty.is_empty() {
        return;
    }
    let distance = |row: usize| (values[row] - centres[labels[row]]).powi(2);
    let mut farthest: Vec<usize> = (0..values.len()).collect();
    let by_distance =
        |left: &usize, right: &usize| distance(*right).total_cmp(&distance(*left)).then(right.cmp(left));
    mlcore::interrupt::sort_unstable_by(&mut farthest, by_distance);
    if farthest.first().is_none_or(|row| distance(*row) == 0.0) {
        return;
    }
    for (cluster, row) in empty.into_iter().zip(farthest) {
        let from = labels[row];
        sums[from] -= values[row];
        counts[from] = counts[from].saturating_sub(1);
        sums[cluster] = values[row];
        counts[cluster] = 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_heaps_are_found() {
        let values = [1.0, 1.1, 0.9, 9.0, 9.2, 8.8];
        let found = centres(&values, vec![0.0, 5.0]);
        assert!((found[0] - 1.0).abs() < 1e-12 && (found[1] - 9.0).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn a_centre_without_values_moves_to_the_farthest_one() {
        let values = [0.0, 0.0, 0.0, 10.0, 100.0];
        let mut found = centres(&values, vec![0.0, 50.0, 100.0]);
        found.sort_by(f64::total_cmp);
        assert_eq!(found, [0.0, 10.0, 100.0]);
    }

    #[test]
    fn fewer_distinct_values_than_centres_end_on_values() {
        let values = [3.0, 1.0, 0.0, 2.0, 1.0, 1.0, 2.0, 3.0, 0.0];
        for found in centres(&values, vec![0.3, 0.9, 1.5, 2.1, 2.7]) {
            assert!((found - found.round()).abs() < 1e-12 && (0.0..=3.0).contains(&found.round()), "{found}");
        }
    }
}
