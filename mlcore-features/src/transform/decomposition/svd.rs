//! The singular value decomposition of a matrix of doubles, by one-sided Jacobi rotations.
//!
//! A matrix of more rows than columns, or its transpose, is first reduced to a triangle by Householder reflections. The
//! rotations then make its columns orthogonal, which finds small singular values as exactly as large ones. Only the four
//! operations and square roots are used, so that the result is the same on every processor. Sources: Golub and Van Loan,
//! Matrix Computations, 5.2 and 8.6; Demmel and Veselic, Jacobi's method is more accurate than QR, 1992.

use mlcore::interrupt::Pace;
use mlcore::{Error, Result};

/// The singular values of a matrix in descending order, and the right singular vectors as rows.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Svd {
    pub(crate) values: Vec<f64>,
    pub(crate) vectors: Vec<Vec<f64>>,
}

/// Decomposes a matrix, which is given by its columns, all of them finite and of one length. There are as many singular
/// values as rows or columns, whichever are fewer.
///
/// Of the two directions of each vector, the one is taken whose greatest entry is positive: scikit-learn's rule.
pub(crate) fn svd(columns: Vec<Vec<f64>>, operation: &'static str) -> Result<Svd> {
    let mut pace = Pace::default();
    let (width, height) = (columns.len(), columns.first().map_or(0, Vec::len));
    let size = columns.iter().flatten().fold(0.0, |size: f64, value| size.max(value.abs()));
    // Squares of scaled numbers do not overflow.
    let scale = if size > 0.0 { size } else { 1.0 };
    let mut columns = if height < width { transposed(&columns, height) } else { columns };
    columns.iter_mut().flatten().for_each(|value| *value /= scale);
    let reflections = triangle(&mut columns, operation, &mut pace)?;
    let count = columns.len();
    columns.iter_mut().for_each(|column| column.truncate(count));
    if height < width {
        // The triangle is that of the transpose.
        columns = transposed(&columns, count);
    }
    let mut rotations = identity(count);
    rotate(&mut columns, &mut rotations, operation, &mut pace)?;
    let mut pairs: Vec<(f64, Vec<f64>)> =
        columns.iter().map(|column| dot(column, column).sqrt() * scale).zip(rotations).collect();
    pairs.sort_by(|one, other| other.0.total_cmp(&one.0));
    let (values, mut vectors): (Vec<f64>, Vec<Vec<f64>>) = pairs.into_iter().unzip();
    for vector in &mut vectors {
        if height < width {
            vector.resize(width, 0.0);
            reflections.iter().rev().for_each(|reflection| reflection.apply(vector));
        }
        point(vector);
    }
    Ok(Svd { values, vectors })
}

fn transposed(columns: &[Vec<f64>], height: usize) -> Vec<Vec<f64>> {
    (0..height).map(|row| columns.iter().filter_map(|column| column.get(row)).copied().collect()).collect()
}

fn identity(size: usize) -> Vec<Vec<f64>> {
    (0..size).map(|own| (0..size).map(|other| f64::from(u8::from(own == other))).collect()).collect()
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// A reflection of the numbers from a position on.
#[derive(Debug)]
struct Reflection {
    from: usize,
    normal: Vec<f64>,
    /// 2 by the squared length of the normal.
    factor: f64,
}

impl Reflection {
    fn apply(&self, vector: &mut [f64]) {
        let Some(tail) = vector.get_mut(self.from..) else { return };
        let shift = self.factor * dot(&self.normal, tail);
        for (value, normal) in tail.iter_mut().zip(&self.normal) {
            *value -= shift * normal;
        }
    }
}

/// Makes the columns an upper triangle, and answers the reflections that did.
fn triangle(columns: &mut [Vec<f64>], operation: &'static str, pace: &mut Pace) -> Result<Vec<Reflection>> {
    let mut reflections = Vec::with_capacity(columns.len());
    for from in 0..columns.len() {
        let mut normal = columns[from].get(from..).unwrap_or_default().to_vec();
        let square = dot(&normal, &normal);
        let Some(first) = normal.first_mut().filter(|_| square >= f64::MIN_POSITIVE) else { continue };
        *first += square.sqrt().copysign(*first);
        let factor = 2.0 / dot(&normal, &normal);
        let reflection = Reflection { from, normal, factor };
        for column in &mut columns[from..] {
            pace.check(operation, column.len())?;
            reflection.apply(column);
        }
        // What the reflection takes away is nothing, and not what rounding leaves.
        columns[from].iter_mut().skip(from + 1).for_each(|value| *value = 0.0);
        reflections.push(reflection);
    }
    Ok(reflections)
}

/// Turns pairs of columns until all are orthogonal, and `rotations` with them.
fn rotate(
    columns: &mut [Vec<f64>],
    rotations: &mut [Vec<f64>],
    operation: &'static str,
    pace: &mut Pace,
) -> Result<()> {
    for _ in 0..MOST_SWEEPS {
        let mut turned = false;
        for first in 0..columns.len() {
            for second in first + 1..columns.len() {
                pace.check(operation, columns[first].len())?;
                let product = dot(&columns[first], &columns[second]);
                let sizes = (dot(&columns[first], &columns[first]), dot(&columns[second], &columns[second]));
                // A column whose square underflows is none beside one that does not.
                let is_nothing = sizes.0.min(sizes.1) < f64::MIN_POSITIVE;
                if is_nothing || product.abs() <= f64::EPSILON * sizes.0.sqrt() * sizes.1.sqrt() {
                    continue;
                }
                turned = true;
                let slope = (sizes.1 - sizes.0) / (2.0 * product);
                let tangent = slope.signum() / (slope.abs() + slope.hypot(1.0));
                let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
                for matrix in [&mut *columns, &mut *rotations] {
                    turn(matrix, first, second, (cosine, cosine * tangent));
                }
            }
        }
        if !turned {
            return Ok(());
        }
    }
    Err(Error::internal(operation, "columns", "their decomposition does not converge"))
}

/// A few sweeps are enough for any matrix that was met: the squares of what is left fall from sweep to sweep.
const MOST_SWEEPS: usize = 100;

fn turn(matrix: &mut [Vec<f64>], first: usize, second: usize, (cosine, sine): (f64, f64)) {
    let (before, rest) = matrix.split_at_mut(second);
    if let (Some(one), Some(other)) = (before.get_mut(first), rest.first_mut()) {
        for (one, other) in one.iter_mut().zip(other) {
            (*one, *other) = (cosine * *one - sine * *other, sine * *one + cosine * *other);
        }
    }
}

/// Turns the vector so that its entry of the greatest size, the first of several, is positive.
fn point(vector: &mut [f64]) {
    let greatest = vector
        .iter()
        .fold(0.0_f64, |greatest, value| if value.abs() > greatest.abs() { *value } else { greatest });
    if greatest < 0.0 {
        vector.iter_mut().for_each(|value| *value = -*value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matrix() -> impl Strategy<Value = Vec<Vec<f64>>> {
        let value = prop_oneof![-3.0..3.0, Just(0.0), Just(1.0), -1e-9..1e-9, Just(1e-154), Just(-1e-170)];
        (0_usize..9, 0_usize..7).prop_flat_map(move |(height, width)| {
            prop::collection::vec(prop::collection::vec(value.clone(), height), width)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn vectors_are_orthogonal_and_give_the_matrix_back(columns in matrix(), size in -100_i32..100) {
            let size = 10_f64.powi(size);
            let columns: Vec<Vec<f64>> =
                columns.into_iter().map(|column| column.into_iter().map(|value| value * size).collect()).collect();
            let (width, height) = (columns.len(), columns.first().map_or(0, Vec::len));
            let Svd { values, vectors } = svd(columns.clone(), "test").unwrap();
            prop_assert_eq!((values.len(), vectors.len()), (width.min(height), width.min(height)));
            prop_assert!(values.is_sorted_by(|one, other| one >= other));
            for (position, one) in vectors.iter().enumerate() {
                prop_assert_eq!(one.len(), width);
                for (second, other) in vectors.iter().enumerate() {
                    let expected = f64::from(u8::from(position == second));
                    prop_assert!((dot(one, other) - expected).abs() < 1e-13, "{} {}", position, second);
                }
            }
            let greatest = values.first().copied().unwrap_or(0.0);
            for row in 0..height {
                let own: Vec<f64> = columns.iter().map(|column| column[row]).collect();
                let scores: Vec<f64> = vectors.iter().map(|vector| dot(vector, &own)).collect();
                for (column, value) in own.iter().enumerate() {
                    let again: f64 = scores.iter().zip(&vectors).map(|(score, vector)| score * vector[column]).sum();
                    prop_assert!((again - value).abs() <= 1e-13 * greatest, "{} {}", again, value);
                }
            }
            let unit = greatest.max(f64::MIN_POSITIVE);
            // The matrix stretches each vector by its singular value.
            for (value, vector) in values.iter().zip(&vectors) {
                let image = (0..height).map(|row| {
                    columns.iter().zip(vector).map(|(column, weight)| column[row] * weight).sum::<f64>() / unit
                });
                let length = image.map(|value| value * value).sum::<f64>().sqrt() * unit;
                prop_assert!((length - value).abs() <= 1e-13 * greatest, "{} {}", length, value);
            }
        }
    }

    #[test]
    fn known_matrices() {
        let hilbert: Vec<Vec<f64>> =
            (0..6).map(|column| (0..6).map(|row| 1.0 / f64::from(column + row + 1)).collect()).collect();
        let own = svd(hilbert, "test").unwrap();
        // numpy.linalg.svd(scipy.linalg.hilbert(6)): its condition is 15 million.
        for (value, expected) in own.values.iter().zip([1.618_899_858_924_339, 0.242_360_870_575_210_7]) {
            assert!((value / expected - 1.0).abs() < 1e-13);
        }
        assert!((own.values[5] / 1.082_799_484_565_55e-7 - 1.0).abs() < 1e-8);
        let zeros = svd(vec![vec![0.0; 3]; 2], "test").unwrap();
        assert_eq!(zeros, Svd { values: vec![0.0; 2], vectors: identity(2) });
        let flipped = svd(vec![vec![0.0, -5e300], vec![3e300, 0.0]], "test").unwrap();
        assert_eq!(flipped.vectors, identity(2));
        for (value, expected) in flipped.values.iter().zip([5e300, 3e300]) {
            assert!((value / expected - 1.0_f64).abs() < 1e-15);
        }
    }
}
