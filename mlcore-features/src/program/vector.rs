//! The loop over whole tables that decides how fast a plan is, on the widest vectors the processor has. The only unsafe
//! code of the crate.
//!
//! It is plain Rust that the compiler turns into vector instructions. Builds are made for every processor of an
//! architecture; where this one has AVX2, the same code runs from a second copy compiled for it. Both copies do the same
//! operations in the same order, so that they make the same bits.

use super::kernel::{Linear, Scaling, clip, impute, rescale, standardize};
use super::output::Output;

/// Columns that are scaled at once into the rows of a matrix, where they lie side by side.
pub(super) const TOGETHER: usize = 4;

/// Scales `columns` into the columns from `first` on of a row-major matrix of so many columns. Answers false, and may
/// have written nonsense, if a number is infinite or the steps are of several kinds.
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
    let columns = [a, b, c, d];
    let fills = by.map(|by| by.fill);
    match by.map(|by| by.step) {
        [
            Linear::Standardize { mean: m0, scale: s0 },
            Linear::Standardize { mean: m1, scale: s1 },
            Linear::Standardize { mean: m2, scale: s2 },
            Linear::Standardize { mean: m3, scale: s3 },
        ] => {
            let (means, scales) = ([m0, m1, m2, m3], [s0, s1, s2, s3]);
            rows(matrix, width, first, columns, fills, |values| {
                for ((value, mean), scale) in values.iter_mut().zip(means).zip(scales) {
                    *value = standardize(*value, mean, scale);
                }
            })
        }
        [
            Linear::Rescale { scale: s0, offset: o0, low: l0, high: h0 },
            Linear::Rescale { scale: s1, offset: o1, low: l1, high: h1 },
            Linear::Rescale { scale: s2, offset: o2, low: l2, high: h2 },
            Linear::Rescale { scale: s3, offset: o3, low: l3, high: h3 },
        ] => {
            let (scales, offsets) = ([s0, s1, s2, s3], [o0, o1, o2, o3]);
            let (lows, highs) = ([l0, l1, l2, l3], [h0, h1, h2, h3]);
            rows(matrix, width, first, columns, fills, |values| {
                for ((value, scale), offset) in values.iter_mut().zip(scales).zip(offsets) {
                    *value = rescale(*value, scale, offset);
                }
                for ((value, low), high) in values.iter_mut().zip(lows).zip(highs) {
                    *value = clip(*value, low, high);
                }
            })
        }
        _ => false,
    }
}

/// Writes rows of four numbers, imputed and changed by `step`: each operation for all columns before the next, so that it
/// runs on vectors of them.
#[inline(always)]
fn rows<T: Output>(
    matrix: &mut [T],
    width: usize,
    first: usize,
    [a, b, c, d]: [&[f64]; TOGETHER],
    fills: [f64; TOGETHER],
    step: impl Fn(&mut [f64; TOGETHER]),
) -> bool {
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
        step(&mut values);
        *places = values.map(T::of);
    }
    largest.iter().all(|largest| largest.is_finite())
}

/// Scales a column into another of the same length. Answers false, and may have written nonsense, if a number is infinite.
#[cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "the border to instructions that not every processor has")
)]
pub(super) fn scale_column(into: &mut [f64], column: &[f64], by: Scaling) -> bool {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[target_feature(enable = "avx2")]
        fn wide(into: &mut [f64], column: &[f64], by: Scaling) -> bool {
            plain_column(into, column, by)
        }
        // SAFETY: the processor has AVX2, which is all that `wide` needs.
        return unsafe { wide(into, column, by) };
    }
    plain_column(into, column, by)
}

#[inline(always)]
fn plain_column(into: &mut [f64], column: &[f64], by: Scaling) -> bool {
    #[inline(always)]
    fn each(into: &mut [f64], column: &[f64], fill: f64, step: impl Fn(f64) -> f64) -> bool {
        let mut infinite = 0_u64;
        for (to, value) in into.iter_mut().zip(column) {
            let value = impute(*value, fill);
            infinite |= u64::from(value.is_infinite());
            *to = f64::of(step(value));
        }
        infinite == 0
    }
    match by.step {
        Linear::Standardize { mean, scale } => {
            each(into, column, by.fill, |value| standardize(value, mean, scale))
        }
        Linear::Rescale { scale, offset, low, high } => {
            each(into, column, by.fill, |value| clip(rescale(value, scale, offset), low, high))
        }
    }
}

/// The scaling of every column of a matrix, each parameter by itself.
#[derive(Debug)]
pub(super) struct Columns {
    fills: Vec<f64>,
    steps: Steps,
}

#[derive(Debug)]
enum Steps {
    Standardize { means: Vec<f64>, scales: Vec<f64> },
    Rescale { scales: Vec<f64>, offsets: Vec<f64>, lows: Vec<f64>, highs: Vec<f64> },
}

impl Columns {
    /// `None` without a column, and where the steps are of several kinds.
    pub(super) fn of(scalings: impl Iterator<Item = Scaling>) -> Option<Self> {
        let mut scalings = scalings.peekable();
        let steps = match scalings.peek()?.step {
            Linear::Standardize { .. } => Steps::Standardize { means: Vec::new(), scales: Vec::new() },
            Linear::Rescale { .. } => {
                let empty = Vec::new;
                Steps::Rescale { scales: empty(), offsets: empty(), lows: empty(), highs: empty() }
            }
        };
        let mut columns = Self { fills: Vec::new(), steps };
        for Scaling { fill, step } in scalings {
            columns.fills.push(fill);
            match (&mut columns.steps, step) {
                (Steps::Standardize { means, scales }, Linear::Standardize { mean, scale }) => {
                    means.push(mean);
                    scales.push(scale);
                }
                (
                    Steps::Rescale { scales, offsets, lows, highs },
                    Linear::Rescale { scale, offset, low, high },
                ) => {
                    scales.push(scale);
                    offsets.push(offset);
                    lows.push(low);
                    highs.push(high);
                }
                (Steps::Standardize { .. } | Steps::Rescale { .. }, _) => return None,
            }
        }
        Some(columns)
    }

    fn width(&self) -> usize {
        self.fills.len()
    }
}

/// Scales whole rows, which lie side by side. Answers false, and may have written nonsense, if a number is infinite.
#[cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "the border to instructions that not every processor has")
)]
pub(super) fn scale_matrix<I: Copy + Into<f64>, T: Output>(rows: &[I], by: &Columns, into: &mut [T]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[target_feature(enable = "avx2")]
        fn wide<I: Copy + Into<f64>, T: Output>(rows: &[I], by: &Columns, into: &mut [T]) -> bool {
            plain_matrix(rows, by, into)
        }
        // SAFETY: the processor has AVX2, which is all that `wide` needs.
        return unsafe { wide(rows, by, into) };
    }
    plain_matrix(rows, by, into)
}

#[inline(always)]
fn plain_matrix<I: Copy + Into<f64>, T: Output>(rows: &[I], by: &Columns, into: &mut [T]) -> bool {
    let mut infinite = 0_u64;
    let rows = rows.chunks_exact(by.width()).zip(into.chunks_exact_mut(by.width()));
    match &by.steps {
        Steps::Standardize { means, scales } => {
            for (row, into) in rows {
                let parameters = by.fills.iter().zip(means).zip(scales);
                for ((value, to), ((fill, mean), scale)) in row.iter().zip(into).zip(parameters) {
                    let value = impute((*value).into(), *fill);
                    infinite |= u64::from(value.is_infinite());
                    *to = T::of(standardize(value, *mean, *scale));
                }
            }
        }
        Steps::Rescale { scales, offsets, lows, highs } => {
            for (row, into) in rows {
                let parameters = by.fills.iter().zip(scales).zip(offsets).zip(lows).zip(highs);
                for ((value, to), ((((fill, scale), offset), low), high)) in
                    row.iter().zip(into).zip(parameters)
                {
                    let value = impute((*value).into(), *fill);
                    infinite |= u64::from(value.is_infinite());
                    *to = T::of(clip(rescale(value, *scale, *offset), *low, *high));
                }
            }
        }
    }
    infinite == 0
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
        let standardized = |column: f64| Linear::Standardize { mean: column / 3.0, scale: 0.7 + column };
        let rescaled = |column: f64| Linear::Rescale {
            scale: column / 3.0,
            offset: 0.7,
            low: -column,
            high: f64::INFINITY,
        };
        let borrowed = || [&*columns[0], &*columns[1], &*columns[2], &*columns[3]];
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let (mut dispatched, mut compared) = (vec![0.0_f32; 300], vec![0.0_f32; 300]);
        for steps in [standardized as fn(f64) -> Linear, rescaled] {
            let by: [Scaling; TOGETHER] = std::array::from_fn(|column| Scaling {
                fill: if column % 2 == 0 { f64::NAN } else { 0.25 },
                step: steps(column as f64),
            });
            assert!(scale_rows(&mut dispatched, 6, 1, borrowed(), by));
            assert!(plain(&mut compared, 6, 1, borrowed(), by));
            assert_eq!(bits(&dispatched), bits(&compared));
            for (row, values) in dispatched.chunks(6).enumerate() {
                for ((value, by), column) in values[1..5].iter().zip(by).zip(&columns) {
                    let expected = by.apply(impute(column[row], by.fill)) as f32;
                    assert!(
                        *value == expected || value.is_nan() && expected.is_nan(),
                        "{row}: {value} {expected}"
                    );
                }
            }
            let infinite = [&[1.0, f64::INFINITY][..], &[1.0, 1.0], &[1.0, 1.0], &[1.0, 1.0]];
            assert!(!scale_rows(&mut compared, 6, 1, infinite, by));
            let mixed = [by[0], by[1], by[2], Scaling { step: standardized(1.0), ..by[3] }];
            let is_mixed = matches!(by[0].step, Linear::Rescale { .. });
            assert_eq!(scale_rows(&mut compared, 6, 1, borrowed(), mixed), !is_mixed);
        }
        assert!(dispatched.chunks(6).all(|row| row[0] == 0.0 && row[5] == 0.0));
    }
}
