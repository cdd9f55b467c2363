//! Where a block of results goes: into the columns of a table, or side by side into the rows of a matrix.
//!
//! A sink holds the rows of one thread; rows are counted from the first of them.

use mlcore::arrow::array::{ArrayBuilder, StringArray, StringBuilder};

use super::encoder::ZEROS;
use super::kernel::Scaling;
use super::output::Output;
use super::text::Sparse;
use super::vector::{TOGETHER, scale_column, scale_rows};

/// Where a block of results goes.
pub(super) trait Sink {
    /// Whether columns that are shared with the input are left out.
    const TABLE: bool;

    fn clear(&mut self, start: usize, count: usize);
    fn numbers(&mut self, column: usize, start: usize, values: &[f64]);
    /// Writes `hot` into the columns from `first` on that the codes name.
    fn one_hot(&mut self, first: usize, start: usize, codes: &[u32], hot: f64);

    /// Appends a text to a column of texts; a matrix has none.
    fn text(&mut self, column: usize, text: Option<&str>);

    /// Writes the numbers of one row that are not zero, times the factor, into `width` columns from `first` on.
    fn sparse(&mut self, first: usize, width: usize, row: usize, features: (&Sparse, f64));

    /// Takes note of a block that is whole.
    fn finish(&mut self, start: usize, count: usize);

    /// Scales columns of numbers into the columns from `first` on. Answers false, and may have written nonsense, if a
    /// number is infinite.
    fn scaled(
        &mut self,
        first: usize,
        start: usize,
        columns: [&[f64]; TOGETHER],
        by: [Scaling; TOGETHER],
    ) -> bool;
}

pub(super) struct ColumnSink<'a> {
    pub(super) columns: Vec<&'a mut [f64]>,
    /// The texts of the columns that are made of texts.
    pub(super) texts: Vec<Option<TextColumn>>,
}

/// A column of texts on its way into a table.
#[derive(Default)]
pub(super) struct TextColumn {
    texts: StringBuilder,
    is_too_long: bool,
}

impl TextColumn {
    /// Puts the texts of the rows behind these there.
    pub(super) fn append(&mut self, behind: Self) {
        if self.texts.is_empty() {
            *self = behind;
            return;
        }
        let Some(behind) = behind.finish() else {
            self.is_too_long = true;
            return;
        };
        for text in &behind {
            self.push(text);
        }
    }

    fn push(&mut self, text: Option<&str>) {
        // Offsets have 31 bits.
        let length = self.texts.values_slice().len() + text.map_or(0, str::len);
        self.is_too_long |= i32::try_from(length).is_err();
        if !self.is_too_long {
            self.texts.append_option(text);
        }
    }

    /// The column; `None` where its texts are more than 2 GiB together.
    pub(super) fn finish(mut self) -> Option<StringArray> {
        (!self.is_too_long).then(|| self.texts.finish())
    }
}

impl Sink for ColumnSink<'_> {
    const TABLE: bool = true;

    fn scaled(
        &mut self,
        first: usize,
        start: usize,
        columns: [&[f64]; TOGETHER],
        by: [Scaling; TOGETHER],
    ) -> bool {
        let Some(into) = self.columns.get_mut(first..first + TOGETHER) else { return false };
        into.iter_mut().zip(columns).zip(by).all(|((into, column), by)| {
            into.get_mut(start..start + column.len()).is_some_and(|into| scale_column(into, column, by))
        })
    }

    fn clear(&mut self, _start: usize, _count: usize) {}

    fn text(&mut self, column: usize, text: Option<&str>) {
        if let Some(Some(texts)) = self.texts.get_mut(column) {
            texts.push(text);
        }
    }

    fn finish(&mut self, _start: usize, _count: usize) {}

    fn numbers(&mut self, column: usize, start: usize, values: &[f64]) {
        for (into, value) in self.columns[column].iter_mut().skip(start).zip(values) {
            *into = f64::of(*value);
        }
    }

    fn one_hot(&mut self, first: usize, start: usize, codes: &[u32], hot: f64) {
        let columns = self.columns.get_mut(first..).unwrap_or_default();
        // That of no column is beyond them all.
        for (row, code) in (start..).zip(codes) {
            if let Some(place) = columns.get_mut(*code as usize).and_then(|column| column.get_mut(row)) {
                *place = hot;
            }
        }
    }

    fn sparse(&mut self, first: usize, width: usize, row: usize, (features, factor): (&Sparse, f64)) {
        let columns = &mut self.columns[first..first + width];
        for feature in features.iter() {
            if let Some(column) = columns.get_mut(feature.position as usize) {
                column[row] = f64::of(feature.value * factor);
            }
        }
    }
}

pub(super) struct MatrixSink<'a, T> {
    pub(super) values: &'a mut [T],
    pub(super) width: usize,
    /// Whether it holds zeros already.
    pub(super) fresh: bool,
    /// Whether a number of the type that is written became infinite, or was.
    pub(super) is_infinite: bool,
    /// A block of one column, as it is written.
    pub(super) block: Vec<T>,
}

impl<T: Output> Sink for MatrixSink<'_, T> {
    fn scaled(
        &mut self,
        first: usize,
        start: usize,
        columns: [&[f64]; TOGETHER],
        by: [Scaling; TOGETHER],
    ) -> bool {
        scale_rows(&mut self.values[start * self.width..], self.width, first, columns, by)
    }

    const TABLE: bool = false;

    fn text(&mut self, _: usize, _: Option<&str>) {}

    fn clear(&mut self, start: usize, count: usize) {
        if !self.fresh {
            self.values[start * self.width..(start + count) * self.width].fill(T::of(0.0));
        }
    }

    fn finish(&mut self, start: usize, count: usize) {
        let block = self.values.get(start * self.width..(start + count) * self.width);
        self.is_infinite |= block.is_some_and(T::any_infinite);
    }

    fn numbers(&mut self, column: usize, start: usize, values: &[f64]) {
        // In two passes, of which the first runs on vectors.
        self.block.clear();
        self.block.extend(values.iter().map(|value| T::of(*value)));
        let rows = self.values[start * self.width..].chunks_exact_mut(self.width);
        for (row, value) in rows.zip(&self.block) {
            row[column] = *value;
        }
    }

    fn one_hot(&mut self, first: usize, start: usize, codes: &[u32], hot: f64) {
        let places = self.values[start * self.width..].chunks_exact_mut(self.width);
        for (row, code) in places.zip(codes) {
            if *code != ZEROS {
                row[first + *code as usize] = T::of(hot);
            }
        }
    }

    fn sparse(&mut self, first: usize, width: usize, row: usize, (features, factor): (&Sparse, f64)) {
        let columns = &mut self.values[row * self.width + first..][..width];
        for feature in features.iter() {
            if let Some(place) = columns.get_mut(feature.position as usize) {
                *place = T::of(feature.value * factor);
            }
        }
    }
}
