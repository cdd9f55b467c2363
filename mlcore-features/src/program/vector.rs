//! The loop over whole tables that decides how fast a plan is, on the widest vectors the processor has. The only unsafe
//! code of the crate.
//!
//! It is plain Rust that the compiler turns into vector instructions. Builds are made for every processor of an
//! architecture; where this one has AVX2, the same code runs from a second copy compiled for it. Both copies do the same
//! operations in the same order, so that they make the same bits.

use super::kernel::{Scaling, impute, standardize};
use super::row::Output;

/// Columns that are scaled at once into the rows of a matrix, where they lie side by side.
pub(super) const TOGETHER: usize = 4;

/// Scales `columns` into the columns from `first` on of a row-major matrix of so many columns. Answers false, and may
/// have written nonsense, if a number is infinite.
#[cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "the border to instructions that not every processor has")
)]
pub(super) fn scale_rows<T: Output>(
    matrix: &mut [T],
    width: usize,
    first: usize,
    columns: [&[f64]; TOGETHER],
    by: [Scaling; TOGETHER],
) -> bool {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[target_feature(enable = "avx2")]
        fn wide<T: Output>(
            matrix: &mut [T],
            width: usize,
            first: usize,
            columns: [&[f64]; TOGETHER],
            by: [Scaling; TOGETHER],
        ) -> bool {
            plain(matrix, width, first, columns, by)
        }
        // SAFETY: the processor has AVX2, which is all that `wide` needs.
        return unsafe { wide(matrix, width, first, columns, by) };
    }
    plain(matrix, width, first, columns, by)
}

#[inline(always)]
fn plain<T: Output>(
    matrix: &mut [T],
    width: usize,
    first: usize,
    [a, b, c, d]: [&[f64]; TOGETHER],
    by: [Scaling; TOGETHER],
) -> bool {
    // Each step for all columns before the next: on vectors of them.
    let (fills, means, scales) = (by.map(|by| by.fill), by.map(|by| by.mean), by.map(|by| by.scale));
    let mut largest = [0.0_f64; TOGETHER];
    for (row, (((a, b), c), d)) in matrix.chunks_exact_mut(width).zip(a.iter().zip(b).zip(c).zip(d)) {
        let Some(places) = row.get_mut(first..).and_then(<[T]>::first_chunk_mut::<TOGETHER>) else {
            return false;
        };
        let mut values = [*a, *b, *c, *d];
        for (value, fill) in values.iter_mut().zip(fills) {
            *value = impute(*value, fill);
        }
        for (largest, value) in largest.iter_mut().zip(values) {
            *largest = if value.abs() > *largest { value.abs() } else { *largest };
        }
        for ((value, mean), scale) in values.iter_mut().zip(means).zip(scales) {
            *value = standardize(*value, mean, scale);
        }
        *places = values.map(T::of);
    }
    largest.iter().all(|largest| largest.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_copies_make_the_same_bits() {
        let odd = [0.0, -0.0, 1.5, -2.75, f64::NAN, 1e308, -1e-310, 3.3, 7.0, -0.1];
        let columns: [Vec<f64>; TOGETHER] = std::array::from_fn(|column| {
            (0..50).map(|row| odd[(row * 7 + column * 3) % odd.len()]).collect()
        });
        let by: [Scaling; TOGETHER] = std::array::from_fn(|column| Scaling {
            fill: if column % 2 == 0 { f64::NAN } else { 0.25 },
            mean: column as f64 / 3.0,
            scale: 0.7 + column as f64,
        });
        let borrowed = || [&*columns[0], &*columns[1], &*columns[2], &*columns[3]];
        let (mut dispatched, mut compared) = (vec![0.0_f32; 300], vec![0.0_f32; 300]);
        assert!(scale_rows(&mut dispatched, 6, 1, borrowed(), by));
        assert!(plain(&mut compared, 6, 1, borrowed(), by));
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&dispatched), bits(&compared));
        assert!(dispatched.chunks(6).all(|row| row[0] == 0.0 && row[5] == 0.0));
        let infinite = [&[1.0, f64::INFINITY][..], &[1.0, 1.0], &[1.0, 1.0], &[1.0, 1.0]];
        assert!(!scale_rows(&mut dispatched, 6, 1, infinite, by));
    }
}
