//! Small symmetric matrices: solving and decomposing them.
//!
//! Written here, because the libraries that do it bring their own vectors and matrices and some twenty packages, and a hundred
//! lines are enough for matrices of a few hundred rows.

use mlcore::Result;
use mlcore::interrupt::Pace;

/// A symmetric matrix, row after row.
#[derive(Clone, Debug)]
pub(super) struct Symmetric {
    values: Vec<f64>,
    size: usize,
}

/// A lower triangle whose product with its transpose is a matrix.
#[derive(Clone, Debug)]
pub(super) struct Cholesky {
    lower: Vec<f64>,
    size: usize,
}

/// The eigenvalues of a matrix, the largest first, and the eigenvector of each.
#[derive(Clone, Debug)]
pub(super) struct Eigen {
    pub(super) values: Vec<f64>,
    pub(super) vectors: Vec<Vec<f64>>,
}

impl Symmetric {
    pub(super) fn from_fn(size: usize, of: impl Fn(usize, usize) -> f64) -> Self {
        let mut values = vec![0.0; size * size];
        for i in 0..size {
            for j in 0..=i {
                let value = of(i, j);
                (values[i * size + j], values[j * size + i]) = (value, value);
            }
        }
        Self { values, size }
    }

    fn row(&self, i: usize) -> &[f64] {
        self.values.get(i * self.size..(i + 1) * self.size).unwrap_or_default()
    }

    /// The matrix between a vector and itself.
    pub(super) fn quadratic(&self, vector: &[f64]) -> f64 {
        (0..self.size).zip(vector).map(|(i, value)| value * dot(self.row(i), vector)).sum()
    }

    /// The decomposition of the matrix with `ridge` added to its diagonal; `None` where it is not positive definite.
    pub(super) fn cholesky(&self, operation: &'static str, ridge: f64) -> Result<Option<Cholesky>> {
        let size = self.size;
        let mut lower = self.values.clone();
        let mut pace = Pace::default();
        for i in 0..size {
            pace.check(operation, i * i / 2 + 1)?;
            for j in 0..=i {
                let (before, after) = lower.split_at(i * size);
                let row_i = after.get(..i.max(j)).unwrap_or_default();
                let row_j =
                    if i == j { row_i } else { before.get(j * size..j * size + j).unwrap_or_default() };
                let added = if i == j { ridge } else { 0.0 };
                let rest = after[j] + added - dot(&row_i[..j], &row_j[..j]);
                if i == j {
                    if !(rest > 0.0 && rest.is_finite()) {
                        return Ok(None);
                    }
                    lower[i * size + i] = rest.sqrt();
                } else {
                    lower[i * size + j] = rest / lower[j * size + j];
                }
            }
        }
        Ok(Some(Cholesky { lower, size }))
    }

    /// All eigenvalues and eigenvectors, by Jacobi's rotations.
    ///
    /// Source: G. H. Golub and C. F. Van Loan, "Matrix Computations", 8.5.
    pub(super) fn eigen(mut self, operation: &'static str) -> Result<Eigen> {
        let size = self.size;
        let mut vectors = Self::from_fn(size, |i, j| f64::from(u8::from(i == j)));
        let mut pace = Pace::default();
        let total: f64 = self.values.iter().map(|value| value * value).sum();
        for _ in 0..MOST_SWEEPS {
            let off: f64 = (0..size).flat_map(|i| self.row(i)[..i].iter()).map(|value| value * value).sum();
            if off.is_nan() || off <= total * 1e-34 {
                break;
            }
            for p in 0..size {
                for q in p + 1..size {
                    pace.check(operation, 6 * size)?;
                    self.rotate(&mut vectors, p, q);
                }
            }
        }
        let mut order: Vec<usize> = (0..size).collect();
        order.sort_by(|a, b| self.row(*b)[*b].total_cmp(&self.row(*a)[*a]));
        let values = order.iter().map(|i| self.row(*i)[*i]).collect();
        let vectors = order.into_iter().map(|i| vectors.row(i).to_vec()).collect();
        Ok(Eigen { values, vectors })
    }

    /// Turns the rows and columns `p` and `q` so that their common element becomes 0, and the rows of `vectors` with them.
    fn rotate(&mut self, vectors: &mut Self, p: usize, q: usize) {
        let size = self.size;
        let (pp, pq, qq) = (self.row(p)[p], self.row(p)[q], self.row(q)[q]);
        if pq == 0.0 {
            return;
        }
        let half = (qq - pp) / (2.0 * pq);
        let tangent = half.signum() / (half.abs() + half.hypot(1.0));
        let cosine = 1.0 / tangent.hypot(1.0);
        let sine = tangent * cosine;
        turn(&mut self.values, size, p, q, cosine, sine);
        for row in self.values.chunks_exact_mut(size) {
            (row[p], row[q]) = (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
        }
        (self.values[p * size + q], self.values[q * size + p]) = (0.0, 0.0);
        turn(&mut vectors.values, size, p, q, cosine, sine);
    }
}

/// Turns two rows, of which `p` stands before `q`.
fn turn(values: &mut [f64], size: usize, p: usize, q: usize, cosine: f64, sine: f64) {
    let (before, after) = values.split_at_mut(q * size);
    let (row_p, row_q) = (&mut before[p * size..(p + 1) * size], &mut after[..size]);
    for (a, b) in row_p.iter_mut().zip(row_q) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
}

impl Cholesky {
    /// The vector that the matrix turns into `right`.
    pub(super) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let (size, mut found) = (self.size, right.to_vec());
        for i in 0..size {
            let row = &self.lower[i * size..i * size + i];
            found[i] = (found[i] - dot(row, &found[..i])) / self.lower[i * size + i];
        }
        for i in (0..size).rev() {
            found[i] /= self.lower[i * size + i];
            let value = found[i];
            for (j, before) in found[..i].iter_mut().enumerate() {
                *before -= self.lower[i * size + j] * value;
            }
        }
        found
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Ten are enough for matrices of any size that fits a memory.
const MOST_SWEEPS: usize = 60;

#[cfg(test)]
mod tests {
    use mlcore::stats::SplitMix64;

    use super::*;

    #[test]
    fn a_matrix_is_its_decompositions() {
        let mut random = SplitMix64::new(5);
        for size in [1, 2, 5, 20] {
            let rows: Vec<Vec<f64>> =
                (0..size).map(|_| (0..size + 3).map(|_| random.normal()).collect()).collect();
            let matrix = Symmetric::from_fn(size, |i, j| dot(&rows[i], &rows[j]));
            let eigen = matrix.clone().eigen("test").unwrap();
            assert!(eigen.values.windows(2).all(|pair| pair[0] >= pair[1]), "{:?}", eigen.values);
            for (value, vector) in eigen.values.iter().zip(&eigen.vectors) {
                assert!((dot(vector, vector) - 1.0).abs() < 1e-12);
                for i in 0..size {
                    assert!((dot(matrix.row(i), vector) - value * vector[i]).abs() < 1e-11 * eigen.values[0]);
                }
            }
            let right: Vec<f64> = (0..size).map(|_| random.normal()).collect();
            let found = matrix.cholesky("test", 0.5).unwrap().unwrap().solve(&right);
            for (i, right) in right.iter().enumerate() {
                assert!((dot(matrix.row(i), &found) + 0.5 * found[i] - right).abs() < 1e-9, "{size}");
            }
            assert!(matrix.cholesky("test", -1e9).unwrap().is_none());
        }
    }
}
