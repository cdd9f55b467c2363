//! The norm of a vector by the pseudo-inverse of a covariance matrix.

/// `v' pinv(a) v` for a symmetric matrix without negative eigenvalues, and the rank of `pinv(a)`, both as numpy decides
/// which eigenvalues are none: those up to 1e-15 of the largest.
pub(super) fn norm_by_inverse(matrix: Vec<Vec<f64>>, vector: &[f64]) -> (f64, usize) {
    let pairs = eigenpairs(matrix);
    let largest = pairs.iter().fold(0.0_f64, |largest, (value, _)| largest.max(value.abs()));
    let kept: Vec<&(f64, Vec<f64>)> =
        pairs.iter().filter(|(value, _)| value.abs() > CUTOFF * largest).collect();
    let norm = kept
        .iter()
        .map(|(value, direction)| {
            let along: f64 = direction.iter().zip(vector).map(|(a, b)| a * b).sum();
            along * along / value
        })
        .sum::<f64>();
    let largest_inverse = kept.iter().fold(0.0_f64, |largest, (value, _)| largest.max(1.0 / value.abs()));
    let least = largest_inverse * vector.len() as f64 * f64::EPSILON;
    (norm.max(0.0), kept.iter().filter(|(value, _)| 1.0 / value.abs() > least).count())
}

/// `numpy.linalg.pinv`'s.
const CUTOFF: f64 = 1e-15;
/// Each round squares what is off the diagonal; a handful is enough.
const MOST_ROUNDS: u32 = 60;

/// Eigenvalues and eigenvectors, by rotations that each clear two elements (C. G. J. Jacobi 1846).
fn eigenpairs(mut a: Vec<Vec<f64>>) -> Vec<(f64, Vec<f64>)> {
    let size = a.len();
    // Rows are eigenvectors.
    let mut vectors: Vec<Vec<f64>> =
        (0..size).map(|i| (0..size).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..MOST_ROUNDS {
        let mut is_diagonal = true;
        for p in 0..size {
            for q in p + 1..size {
                if a[p][q].abs() <= f64::EPSILON * f64::EPSILON * (a[p][p] * a[q][q]).abs().sqrt()
                    || a[p][q] == 0.0
                {
                    continue;
                }
                is_diagonal = false;
                let (sine, cosine) = rotation(a[p][p], a[q][q], a[p][q]);
                for row in &mut a {
                    (row[p], row[q]) = (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
                }
                rotate_rows(&mut a, p, q, sine, cosine);
                rotate_rows(&mut vectors, p, q, sine, cosine);
                // What the rotation is for.
                a[p][q] = 0.0;
                a[q][p] = 0.0;
            }
        }
        if is_diagonal {
            break;
        }
    }
    a.iter().enumerate().map(|(i, row)| row[i]).zip(vectors).collect()
}

/// Sine and cosine of the smaller angle that clears the element `off` between two elements of the diagonal.
fn rotation(first: f64, second: f64, off: f64) -> (f64, f64) {
    let theta = (second - first) / (2.0 * off);
    let tangent = if theta.is_infinite() { 0.0 } else { theta.signum() / (theta.abs() + theta.hypot(1.0)) };
    let cosine = 1.0 / tangent.hypot(1.0);
    (tangent * cosine, cosine)
}

fn rotate_rows(rows: &mut [Vec<f64>], p: usize, q: usize, sine: f64, cosine: f64) {
    let (upper, lower) = rows.split_at_mut(q);
    for (a, b) in upper[p].iter_mut().zip(lower[0].iter_mut()) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_of_full_rank_is_inverted() {
        // The inverse is [[2, -1], [-1, 2]] / 3.
        let (norm, rank) = norm_by_inverse(vec![vec![2.0, 1.0], vec![1.0, 2.0]], &[1.0, 2.0]);
        assert!((norm - 2.0).abs() < 1e-15 && rank == 2, "{norm} {rank}");
    }

    #[test]
    fn a_direction_without_variance_does_not_count() {
        let (norm, rank) = norm_by_inverse(vec![vec![1.0, 1.0], vec![1.0, 1.0]], &[3.0, 1.0]);
        assert!((norm - 4.0).abs() < 1e-14 && rank == 1, "{norm} {rank}");
        assert_eq!(norm_by_inverse(vec![vec![0.0; 2]; 2], &[0.0, 0.0]), (0.0, 0));
    }
}
