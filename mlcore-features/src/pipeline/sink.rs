//! Where a block of results goes: into the columns of a table, or side by side into the rows of a matrix.

use super::kernel::{Scaling, impute, standardize};
use super::program::ZEROS;
use super::row::Output;

/// Where a block of results goes.
pub(super) trait Sink {
    /// Are columns shared with the input left out?
    const TABLE: bool;

    fn clear(&mut self, start: usize, count: usize);
    fn numbers(&mut self, column: usize, start: usize, values: &[f64]);
    fn one_hot(&mut self, first: usize, start: usize, codes: &[u32]);

    /// Scales columns of numbers into the columns from `first` on. Answers false, and may have written nonsense, if it
    /// does not do such a thing or a number is infinite.
    fn scaled(
        &mut self,
        first: usize,
        start: usize,
        columns: [&[f64]; TOGETHER],
        by: [Scaling; TOGETHER],
    ) -> bool;
}

/// Columns that are scaled at once into the rows of a matrix, where they lie side by side.
pub(super) const TOGETHER: usize = 4;

pub(super) struct ColumnSink {
    pub(super) columns: Vec<Vec<f64>>,
}

impl Sink for ColumnSink {
    const TABLE: bool = true;

    fn scaled(&mut self, _: usize, _: usize, _: [&[f64]; TOGETHER], _: [Scaling; TOGETHER]) -> bool {
        false
    }

    fn clear(&mut self, _start: usize, _count: usize) {}

    fn numbers(&mut self, column: usize, start: usize, values: &[f64]) {
        for (into, value) in self.columns[column].iter_mut().skip(start).zip(values) {
            *into = f64::of(*value);
        }
    }

    fn one_hot(&mut self, first: usize, start: usize, codes: &[u32]) {
        for (row, code) in (start..).zip(codes) {
            if *code != ZEROS {
                self.columns[first + *code as usize][row] = 1.0;
            }
        }
    }
}

pub(super) struct MatrixSink<'a, T> {
    pub(super) values: &'a mut [T],
    pub(super) width: usize,
    /// Does it hold zeros already?
    pub(super) fresh: bool,
    /// A block of one column, as it is written.
    pub(super) block: Vec<T>,
}

impl<T: Output> Sink for MatrixSink<'_, T> {
    fn scaled(
        &mut self,
        first: usize,
        start: usize,
        [a, b, c, d]: [&[f64]; TOGETHER],
        by: [Scaling; TOGETHER],
    ) -> bool {
        let rows = self.values[start * self.width..].chunks_exact_mut(self.width);
        // Each step for all columns before the next: on vectors of them.
        let (fills, means, scales) = (by.map(|by| by.fill), by.map(|by| by.mean), by.map(|by| by.scale));
        let mut largest = [0.0_f64; TOGETHER];
        for (row, (((a, b), c), d)) in rows.zip(a.iter().zip(b).zip(c).zip(d)) {
            let Some(places) = row[first..].first_chunk_mut::<TOGETHER>() else { return false };
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

    const TABLE: bool = false;

    fn clear(&mut self, start: usize, count: usize) {
        if !self.fresh {
            self.values[start * self.width..(start + count) * self.width].fill(T::of(0.0));
        }
    }

    fn numbers(&mut self, column: usize, start: usize, values: &[f64]) {
        // In two passes, of which the first runs on vectors.
        for (converted, value) in self.block.iter_mut().zip(values) {
            *converted = T::of(*value);
        }
        let rows = self.values[start * self.width..].chunks_exact_mut(self.width);
        for (row, value) in rows.zip(&self.block[..values.len()]) {
            row[column] = *value;
        }
    }

    fn one_hot(&mut self, first: usize, start: usize, codes: &[u32]) {
        let places = self.values[start * self.width..].chunks_exact_mut(self.width);
        for (row, code) in places.zip(codes) {
            if *code != ZEROS {
                row[first + *code as usize] = T::of(1.0);
            }
        }
    }
}
