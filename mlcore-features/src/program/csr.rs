//! The plan's output as rows of what is not zero, without a dense row in between.

use std::num::NonZeroUsize;

use mlcore::arrow::array::RecordBatch;
use mlcore::{Error, Result, memory};

use super::columnar::{Stopped, bind_all};
use super::encoder::ZEROS;
use super::kernel::Scaling;
use super::output::Output;
use super::sink::Sink;
use super::text::Sparse;
use super::vector::TOGETHER;
use super::{Program, bind, held, threads};

/// A matrix as compressed sparse rows (CSR), in scipy's layout: the entries of row `i` are those from `indptr[i]` to
/// `indptr[i + 1]`, sorted by column, each column once.
///
/// An entry is what is not zero: NaN is one, and neither 0.0 nor -0.0 is. It has the bits that it has in the dense matrix.
///
/// Source: scipy, `csr_matrix`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{RecordBatch, StringArray};
/// use mlcore_features::pipeline::Plan;
/// use mlcore_features::transform::{Fit, OneHotEncoder};
///
/// let plans = Arc::new(StringArray::from(vec!["free", "pro", "team"]));
/// let table = RecordBatch::try_from_iter([("plan", plans as _)]).unwrap();
/// let plan = Plan::new(OneHotEncoder::default().fit(&table)?)?;
/// let matrix = plan.transform_sparse::<f32>(&table)?;
/// assert_eq!(matrix.shape(), (3, 3));
/// assert_eq!((matrix.indptr(), matrix.indices()), (&[0, 1, 2, 3][..], &[0, 1, 2][..]));
/// assert_eq!(matrix.data(), [1.0, 1.0, 1.0]);
/// assert_eq!(matrix.row(1).collect::<Vec<_>>(), [(1, 1.0)]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Csr<T> {
    columns: usize,
    indptr: Vec<i64>,
    indices: Vec<i32>,
    data: Vec<T>,
}

impl<T: Copy> Csr<T> {
    /// Rows and columns.
    #[must_use]
    pub fn shape(&self) -> (usize, usize) {
        (self.indptr.len().saturating_sub(1), self.columns)
    }

    /// Where the entries of each row begin, and where those of the last one end: one number more than there are rows.
    #[must_use]
    pub fn indptr(&self) -> &[i64] {
        &self.indptr
    }

    /// The column of each entry.
    #[must_use]
    pub fn indices(&self) -> &[i32] {
        &self.indices
    }

    /// The entries, row by row.
    #[must_use]
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// The entries of a row with their columns; none for a row outside of the matrix.
    pub fn row(&self, row: usize) -> impl Iterator<Item = (usize, T)> {
        let end = |row: usize| self.indptr.get(row).and_then(|end| usize::try_from(*end).ok());
        let entries = end(row).zip(row.checked_add(1).and_then(end)).map_or(0..0, |(from, to)| from..to);
        let columns = self.indices.get(entries.clone()).unwrap_or_default();
        let values = self.data.get(entries).unwrap_or_default();
        columns
            .iter()
            .zip(values)
            .map(|(column, value)| (usize::try_from(*column).unwrap_or_default(), *value))
    }

    /// One row, whose entries are sorted by column.
    pub(super) fn of_row(columns: usize, indices: Vec<i32>, data: Vec<T>) -> Self {
        Self { columns, indptr: vec![0, count(data.len())], indices, data }
    }

    /// Takes the matrix apart: `indptr`, `indices` and `data`.
    #[must_use]
    pub fn into_parts(self) -> (Vec<i64>, Vec<i32>, Vec<T>) {
        (self.indptr, self.indices, self.data)
    }
}

/// The plan's output as one matrix of what is not zero.
pub(crate) fn to_csr<T: Output>(
    program: &Program,
    table: &RecordBatch,
    threads: NonZeroUsize,
) -> Result<Csr<T>> {
    program.check_numeric()?;
    check_width(program)?;
    let (rows, columns) = (table.num_rows(), program.width());
    let inputs = bind::columns(program, table)?;
    let bound = bind_all(program, &inputs)?;
    let parts = threads::parts(rows, threads).map(|rows| (rows, CsrSink::<T>::default())).collect();
    let (sinks, done) = threads::run(program, &bound, parts);
    let mut matrix =
        Csr { columns, indptr: Vec::with_capacity(rows + 1), indices: Vec::new(), data: Vec::new() };
    matrix.indptr.push(0);
    let is_infinite = sinks.iter().any(|sink| sink.is_infinite);
    if sinks.len() > 1 {
        let entries = sinks.iter().map(|sink| sink.data.len()).sum();
        memory::require::<(i32, T)>("transform", "sparse matrix", &[entries])?;
        matrix.indices.reserve_exact(entries);
        matrix.data.reserve_exact(entries);
    }
    for sink in sinks {
        if sink.is_full {
            let problem = format!("more than {} entries take memory that cannot be had", sink.data.len());
            return Err(Error::unsupported("transform", "sparse matrix", problem)
                .remedy("transform it in smaller batches"));
        }
        let before = matrix.data.len();
        matrix.indptr.extend(sink.ends.iter().map(|end| count(before + end)));
        if matrix.data.capacity() == 0 {
            (matrix.indices, matrix.data) = (sink.indices, sink.data);
        } else {
            matrix.indices.extend_from_slice(&sink.indices);
            matrix.data.extend_from_slice(&sink.data);
        }
    }
    held::check_sparse(program, &matrix, is_infinite, |row, slot| bound[slot].value(row))?;
    match done {
        Ok(()) => Ok(matrix),
        Err(Stopped { error, .. }) => Err(error),
    }
}

/// Makes sure that indices tell the columns of the output apart.
pub(super) fn check_width(program: &Program) -> Result<()> {
    let columns = program.width();
    if i32::try_from(columns).is_ok() {
        return Ok(());
    }
    let problem = format!("{columns} columns are more than the indices of a sparse matrix tell apart");
    Err(Error::unsupported("transform", "table", problem).remedy("make fewer features"))
}

/// A number of entries, which are fewer than there are bytes.
fn count(entries: usize) -> i64 {
    i64::try_from(entries).unwrap_or(i64::MAX)
}

/// Rows of what is not zero.
struct CsrSink<T> {
    /// The end of each row among the entries.
    ends: Vec<usize>,
    indices: Vec<i32>,
    data: Vec<T>,
    /// The entries of the block that is being written, in any order: the row, counted from the first of the block, the column,
    /// and the number.
    block: Vec<Entry<T>>,
    /// The first row of the block.
    start: usize,
    is_infinite: bool,
    /// Whether there was no memory for more entries.
    is_full: bool,
}

#[derive(Clone, Copy)]
struct Entry<T> {
    row: u32,
    column: i32,
    value: T,
}

impl<T> Default for CsrSink<T> {
    fn default() -> Self {
        let (ends, indices, data, block) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { ends, indices, data, block, start: 0, is_infinite: false, is_full: false }
    }
}

impl<T: Output> CsrSink<T> {
    fn entry(&mut self, row: usize, column: usize, value: f64) {
        let value = T::of(value);
        // What a narrower float rounds to zero is zero in its matrix.
        if value.to_f64() == 0.0 {
            return;
        }
        if let (Ok(row), Ok(column)) = (u32::try_from(row), i32::try_from(column)) {
            self.block.push(Entry { row, column, value });
        }
    }
}

impl<T: Output> Sink for CsrSink<T> {
    const TABLE: bool = false;

    fn clear(&mut self, start: usize, _count: usize) {
        self.start = start;
        self.block.clear();
    }

    fn numbers(&mut self, column: usize, start: usize, values: &[f64]) {
        for (row, value) in (start - self.start..).zip(values) {
            self.entry(row, column, *value);
        }
    }

    fn text(&mut self, _: usize, _: Option<&str>) {}

    fn one_hot(&mut self, first: usize, start: usize, codes: &[u32], hot: f64) {
        for (row, code) in (start - self.start..).zip(codes) {
            if *code != ZEROS {
                self.entry(row, first + *code as usize, hot);
            }
        }
    }

    fn sparse(&mut self, first: usize, width: usize, row: usize, (features, factor): (&Sparse, f64)) {
        for feature in features.iter() {
            let position = feature.position as usize;
            if position < width {
                self.entry(row - self.start, first + position, feature.value * factor);
            }
        }
    }

    fn finish(&mut self, _start: usize, count: usize) {
        // A refused row and those behind it do not count.
        self.block.retain(|entry| (entry.row as usize) < count);
        self.block.sort_unstable_by_key(|entry| (entry.row, entry.column));
        let room = self.block.len();
        if self.is_full || self.indices.try_reserve(room).is_err() || self.data.try_reserve(room).is_err() {
            self.is_full = true;
            return;
        }
        let mut entries = self.block.iter().peekable();
        for row in 0..count {
            while let Some(entry) = entries.next_if(|entry| entry.row as usize == row) {
                self.indices.push(entry.column);
                self.data.push(entry.value);
            }
            self.ends.push(self.data.len());
        }
        self.is_infinite |= self.data.get(self.data.len() - room..).is_some_and(T::any_infinite);
    }

    fn scaled(&mut self, _: usize, _: usize, _: [&[f64]; TOGETHER], _: [Scaling; TOGETHER]) -> bool {
        false
    }
}
