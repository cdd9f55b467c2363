//! Rows that pass, and rows that do not with the reasons.

use std::sync::Arc;

use mlcore::arrow::array::{
    ArrayRef, MutableArrayData, RecordBatch, RecordBatchOptions, StringArray, make_array,
};
use mlcore::arrow::datatypes::{DataType, Field, Schema};
use mlcore::{Error, Result, interrupt};

use super::Severity;
use super::compile::CompiledSuite;
use super::run::failing;

/// A table in two: the rows that pass, and those that do not.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct Split {
    /// The rows that pass, in order, with the columns of the table.
    pub passing: RecordBatch,
    /// The rows that do not, in order, with the columns of the table and one of the reasons: [`REASONS`].
    pub failing: RecordBatch,
}

/// The column of the reasons: the expectations that the row does not meet, as text, each after a line break.
pub const REASONS: &str = "validation_reasons";

impl CompiledSuite {
    /// Parts a table into the rows that meet all critical expectations, and those that do not; see [`split_at`](Self::split_at).
    ///
    /// # Errors
    /// As [`split_at`](Self::split_at).
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use mlcore::arrow::array::{Float64Array, RecordBatch};
    /// use mlcore::schema::Schema;
    /// use mlcore_features::validate::{Bounds, Check, Suite};
    ///
    /// let table = RecordBatch::try_from_iter([("price", Arc::new(Float64Array::from(vec![3.5, -1.0])) as _)])?;
    /// let suite = Suite::new("orders")
    ///     .with(Check::ColumnValuesToBeBetween { column: "price".into(), bounds: Bounds::at_least(0) })
    ///     .compile(&Schema::from_arrow(table.schema_ref())?)?;
    /// let split = suite.split(&table)?;
    /// assert_eq!((split.passing.num_rows(), split.failing.num_rows()), (1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split(&self, table: &RecordBatch) -> Result<Split> {
        self.split_at(table, Severity::Critical)
    }

    /// Parts a table into the rows that meet all expectations of this severity, or of a higher one, and those that do not: by
    /// what can be asked of a row by itself, `mostly` left out of account, as in [`check_row`](Self::check_row). No row is lost,
    /// and both parts are in the table's order.
    ///
    /// # Errors
    /// As [`Run::update`](super::Run::update), and [`Error::AlreadyExists`] for a table that has a column of the reasons' name.
    pub fn split_at(&self, table: &RecordBatch, severity: Severity) -> Result<Split> {
        if table.schema_ref().fields().iter().any(|field| field.name() == REASONS) {
            return Err(Error::already_exists(SPLIT, REASONS, "the table has a column of this name")
                .remedy("rename the column, or split the table without it"));
        }
        let (failed, reasons): (Vec<usize>, Vec<String>) =
            self.failing_rows(table, severity)?.into_iter().unzip();
        interrupt::check(SPLIT)?;
        let passing = rows_between(table, &failed)?;
        let taken = rows_of(table, &failed)?;
        let mut fields: Vec<_> = table.schema_ref().fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(REASONS, DataType::Utf8, false)));
        let mut columns = taken;
        columns.push(Arc::new(StringArray::from(reasons)) as ArrayRef);
        let schema = Schema::new_with_metadata(fields, table.schema_ref().metadata().clone());
        let failing = RecordBatch::try_new(Arc::new(schema), columns).map_err(|cause| odd(&cause))?;
        Ok(Split { passing, failing })
    }

    /// The rows of a table that do not meet all expectations of this severity, or of a higher one, in ascending order, each with the
    /// reasons as [`REASONS`] holds them: by what can be asked of a row by itself, `mostly` left out of account.
    ///
    /// # Errors
    /// As [`Run::update`](super::Run::update).
    pub fn failing_rows(&self, table: &RecordBatch, severity: Severity) -> Result<Vec<(usize, String)>> {
        let expectations = self.0.suite.expectations();
        let is_asked = |place: &usize| {
            expectations.get(*place).is_some_and(|expectation| expectation.severity >= severity)
        };
        let asked: Vec<usize> = self.places_for_rows().filter(is_asked).collect();
        let told: Vec<String> =
            asked.iter().filter_map(|place| expectations.get(*place)).map(ToString::to_string).collect();
        let mut failed = Vec::new();
        failing(&self.0, table, &asked, |row, broken| {
            let reasons: Vec<&str> =
                broken.iter().filter_map(|place| told.get(*place)).map(String::as_str).collect();
            failed.push((row, reasons.join("\n")));
        })?;
        Ok(failed)
    }
}

const SPLIT: &str = "split table";

fn odd(cause: &mlcore::arrow::error::ArrowError) -> Error {
    Error::internal(SPLIT, "table", cause.to_string())
}

/// The rows of each column that are listed, in ascending order.
fn rows_of(table: &RecordBatch, rows: &[usize]) -> Result<Vec<ArrayRef>> {
    table.columns().iter().map(|column| taken(column, runs(rows.iter().copied()), rows.len())).collect()
}

/// The table without the rows that are listed, in ascending order.
fn rows_between(table: &RecordBatch, rows: &[usize]) -> Result<RecordBatch> {
    if rows.is_empty() {
        return Ok(table.clone());
    }
    let kept = table.num_rows() - rows.len();
    let gaps = || {
        let starts = std::iter::once(0).chain(rows.iter().map(|row| row + 1));
        let ends = rows.iter().copied().chain([table.num_rows()]);
        starts.zip(ends).filter(|(start, end)| start < end)
    };
    let columns = table.columns().iter().map(|column| taken(column, gaps(), kept)).collect::<Result<_>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(kept));
    RecordBatch::try_new_with_options(table.schema(), columns, &options).map_err(|cause| odd(&cause))
}

/// Neighbouring rows as ranges.
fn runs(rows: impl Iterator<Item = usize>) -> impl Iterator<Item = (usize, usize)> {
    let mut rows = rows.peekable();
    std::iter::from_fn(move || {
        let start = rows.next()?;
        let mut end = start + 1;
        while rows.next_if(|row| *row == end).is_some() {
            end += 1;
        }
        Some((start, end))
    })
}

fn taken(column: &ArrayRef, ranges: impl Iterator<Item = (usize, usize)>, count: usize) -> Result<ArrayRef> {
    let data = column.to_data();
    let mut taken = MutableArrayData::new(vec![&data], false, count);
    for (start, end) in ranges {
        taken.try_extend(0, start, end).map_err(|cause| odd(&cause))?;
    }
    Ok(make_array(taken.freeze()))
}
