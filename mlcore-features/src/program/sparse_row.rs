//! One record through a plan whose features are mostly zero: time and memory of what is not.

use std::sync::Arc;

use mlcore::Result;
use mlcore::batch::{Row, Value};

use super::csr::{self, Csr};
use super::output::Output;
use super::row::{Work, check_values, compute, scratch_len};
use super::row_sink::{Entries, RowSink as _};
use super::{Program, held};

/// Runs single rows through a plan and answers with the features that are not zero, as [`Csr`] has them; it reuses its memory.
///
/// Where one-hot encoders, hashes and texts make a row wide, nothing of its width is kept or touched: memory is that of the
/// most entries that a row had, and of the columns between two steps of which the second is no encoder. A feature has the
/// bits that [`RowExecutor`](crate::pipeline::RowExecutor) gives it.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{RecordBatch, StringArray};
/// use mlcore::batch::{Row, Value};
/// use mlcore_features::pipeline::Plan;
/// use mlcore_features::transform::{Fit, HashingVectorizer};
///
/// let notes = Arc::new(StringArray::from(vec!["paid late", "paid"]));
/// let table = RecordBatch::try_from_iter([("note", notes as _)]).unwrap();
/// let plan = Plan::new(HashingVectorizer::default().n_features(1 << 20).norm(None).fit(&table)?)?;
/// let mut executor = plan.sparse_row_executor::<f32>();
///
/// let values = [Value::Text("paid, and paid late")];
/// let row = executor.run(Row::new(&values, plan.input())?)?;
/// assert_eq!((row.width(), row.indices().len()), (1 << 20, 3));
/// assert!(row.iter().any(|(_, value)| value.abs() == 2.0));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SparseRowExecutor<T> {
    program: Arc<Program>,
    scratch: Vec<f64>,
    work: Work,
    entries: Entries<T>,
    indices: Vec<i32>,
    data: Vec<T>,
}

/// The features of one row that are not zero: NaN is one, and neither 0.0 nor -0.0 is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SparseRow<'a, T> {
    width: usize,
    indices: &'a [i32],
    data: &'a [T],
}

impl<T: Output> SparseRowExecutor<T> {
    pub(crate) fn new(program: Arc<Program>) -> Self {
        let (scratch, work) = (vec![0.0; scratch_len(&program)], Work::of(&program));
        Self { program, scratch, work, entries: Entries::default(), indices: Vec::new(), data: Vec::new() }
    }

    /// The number of features of a row, zeros included.
    #[must_use]
    pub fn width(&self) -> usize {
        self.program.width()
    }

    /// The features of this row that are not zero, sorted by column; valid until the next run.
    ///
    /// # Errors
    /// As [`RowExecutor::run_into`](crate::pipeline::RowExecutor::run_into), and
    /// [`Error::Unsupported`](mlcore::Error::Unsupported) for a plan of more than 2^31 features.
    pub fn run(&mut self, row: Row<'_>) -> Result<SparseRow<'_, T>> {
        row.check_names("transform", self.program.input.names_digest())?;
        self.execute(row.values())?;
        Ok(SparseRow { width: self.program.width(), indices: &self.indices, data: &self.data })
    }

    fn execute(&mut self, values: &[Value<'_>]) -> Result<()> {
        let program = &self.program;
        check_values(program, values.len())?;
        csr::check_width(program)?;
        self.entries.clear();
        compute(program, values, &mut self.scratch, &mut self.work, &mut self.entries)?;
        let entries = self.entries.sorted();
        self.indices.clear();
        self.data.clear();
        self.indices.extend(entries.iter().map(|(column, _)| *column));
        self.data.extend(entries.iter().map(|(_, value)| *value));
        held::check_entries(program, &self.indices, &self.data, |slot| {
            values.get(slot).copied().unwrap_or_default()
        })
    }

    /// One row as a matrix.
    pub(crate) fn into_matrix(mut self, row: Row<'_>) -> Result<Csr<T>> {
        self.run(row)?;
        Ok(Csr::of_row(self.program.width(), self.indices, self.data))
    }
}

impl<'a, T: Copy> SparseRow<'a, T> {
    /// The number of features, zeros included.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The columns of the features that are not zero, in ascending order.
    #[must_use]
    pub fn indices(&self) -> &'a [i32] {
        self.indices
    }

    /// The features that are not zero, in the order of their columns.
    #[must_use]
    pub fn data(&self) -> &'a [T] {
        self.data
    }

    /// The features that are not zero with their columns.
    pub fn iter(&self) -> impl Iterator<Item = (usize, T)> + use<'a, T> {
        let column = |column: &i32| usize::try_from(*column).unwrap_or_default();
        self.indices.iter().map(column).zip(self.data.iter().copied())
    }
}
