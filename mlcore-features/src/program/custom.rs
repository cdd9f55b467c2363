//! From the numbers and the texts of rows to numbers, by a function that the host brought along.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt::{self, Debug};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use mlcore::{Error, Result};

use super::builder::{Column, Flow, ProgramBuilder};
use super::instruction::{Instruction, TextReading};

/// Arithmetic of a host's own, from some columns of a row to some features.
///
/// The law that serving rests on: what [`apply_rows`](Self::apply_rows) makes of many rows, [`apply`](Self::apply) makes of
/// each of them, bit for bit, whatever rows stand beside it. `conformance::custom`, behind the feature `conformance`, holds a
/// function to it. A panic becomes an error that names the function, its version, the columns and the row.
///
/// ```
/// use mlcore_features::transform::custom::{InputRow, InputRows, Refusal, RowKernel};
///
/// /// The digits of a text.
/// #[derive(Debug)]
/// struct Digits;
///
/// impl RowKernel for Digits {
///     fn apply(&self, row: &InputRow<'_>, features: &mut [f64]) -> Result<(), Refusal> {
///         let text = row.text(0).ok_or_else(|| Refusal::new("a missing text has no digits"))?;
///         features.fill(text.bytes().filter(u8::is_ascii_digit).count() as f64);
///         Ok(())
///     }
/// }
///
/// let texts = |row: usize, _: usize| ["DE89 3704", "none"].get(row).copied();
/// let mut features = [f64::NAN; 2];
/// Digits.apply_rows(&InputRows::new(2, &[], &texts), &mut features)?;
/// assert_eq!(features, [6.0, 0.0]);
/// # Ok::<(), Refusal>(())
/// ```
pub trait RowKernel: Debug + Send + Sync {
    /// Writes the features of one row. Each is NaN before, so that one that is not written is a missing number.
    ///
    /// # Errors
    /// A [`Refusal`] of a value that the function does not take.
    fn apply(&self, row: &InputRow<'_>, features: &mut [f64]) -> Result<(), Refusal>;

    /// Writes the features of a block of rows, those of the first row before those of the next. The default asks
    /// [`apply`](Self::apply) for each row.
    ///
    /// # Errors
    /// As [`apply`](Self::apply); the rows are asked for one by one then, so that the error names the row.
    fn apply_rows(&self, rows: &InputRows<'_>, features: &mut [f64]) -> Result<(), Refusal> {
        let width = features.len() / rows.len().max(1);
        if width == 0 {
            return Ok(());
        }
        rows.iter().zip(features.chunks_exact_mut(width)).try_for_each(|(row, own)| self.apply(&row, own))
    }
}

/// The columns of one row that a function reads.
#[derive(Clone, Copy)]
pub struct InputRow<'a> {
    row: usize,
    numbers: &'a [f64],
    texts: &'a dyn Fn(usize, usize) -> Option<&'a str>,
}

impl<'a> InputRow<'a> {
    /// The columns of numbers, integers and truth values in their order. NaN is a missing one; infinities may be there.
    #[must_use]
    pub fn numbers(&self) -> &'a [f64] {
        self.numbers
    }

    /// The column of numbers of this position among the columns of numbers; NaN where there is none.
    #[must_use]
    pub fn number(&self, position: usize) -> f64 {
        self.numbers.get(position).copied().unwrap_or(f64::NAN)
    }

    /// The column of text of this position among the columns of text; `None` where it is missing.
    #[must_use]
    pub fn text(&self, position: usize) -> Option<&'a str> {
        (self.texts)(self.row, position)
    }
}

impl Debug for InputRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InputRow").field("numbers", &self.numbers).finish_non_exhaustive()
    }
}

/// The columns of a block of rows that a function reads.
#[derive(Clone, Copy)]
pub struct InputRows<'a> {
    len: usize,
    numbers: &'a [f64],
    texts: &'a dyn Fn(usize, usize) -> Option<&'a str>,
}

impl<'a> InputRows<'a> {
    /// So many rows: their numbers, row by row, and their texts by row and column. For tests of a kernel; the executors make
    /// those of a plan.
    #[must_use]
    pub fn new(len: usize, numbers: &'a [f64], texts: &'a dyn Fn(usize, usize) -> Option<&'a str>) -> Self {
        Self { len, numbers, texts }
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Says whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The numbers of all rows, those of the first row before those of the next.
    #[must_use]
    pub fn numbers(&self) -> &'a [f64] {
        self.numbers
    }

    /// The text of this row in the column of this position among the columns of text; `None` where it is missing.
    #[must_use]
    pub fn text(&self, row: usize, position: usize) -> Option<&'a str> {
        (self.texts)(row, position)
    }

    /// One row.
    #[must_use]
    pub fn row(&self, row: usize) -> InputRow<'a> {
        let width = self.numbers.len() / self.len.max(1);
        let own = row.checked_mul(width).and_then(|first| self.numbers.get(first..first.checked_add(width)?));
        InputRow { row, numbers: own.unwrap_or_default(), texts: self.texts }
    }

    /// The rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = InputRow<'a>> {
        let rows = *self;
        (0..self.len).map(move |row| rows.row(row))
    }
}

impl Debug for InputRows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InputRows")
            .field("len", &self.len)
            .field("numbers", &self.numbers)
            .finish_non_exhaustive()
    }
}

/// Why a function does not take a row. The error of the transform adds the function, its version, the column and the row.
///
/// ```
/// use mlcore_features::transform::custom::Refusal;
///
/// let refusal = Refusal::new("the country has no IBAN").of_column(1).remedy("send the number of the account");
/// assert_eq!(refusal.to_string(), "the country has no IBAN");
/// ```
#[derive(Debug)]
pub struct Refusal(Box<Why>);

#[derive(Debug)]
enum Why {
    Row {
        column: Option<usize>,
        problem: String,
        remedy: Option<String>,
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    Stop(Error),
}

impl Refusal {
    /// A refusal for this reason, a sentence without its subject's name.
    #[must_use]
    pub fn new(problem: impl Into<String>) -> Self {
        Self(Box::new(Why::Row { column: None, problem: problem.into(), remedy: None, source: None }))
    }

    /// Ends the whole call with this error, whatever other rows hold: for a caller that is to stop.
    #[must_use]
    pub fn stop(error: Error) -> Self {
        Self(Box::new(Why::Stop(error)))
    }

    /// Blames one of the function's columns, by its place among all of them.
    #[must_use]
    pub fn of_column(mut self, position: usize) -> Self {
        if let Why::Row { column, .. } = &mut *self.0 {
            *column = Some(position);
        }
        self
    }

    /// Says what the sender of the row can do about it.
    #[must_use]
    pub fn remedy(mut self, text: impl Into<String>) -> Self {
        if let Why::Row { remedy, .. } = &mut *self.0 {
            *remedy = Some(text.into());
        }
        self
    }

    /// Keeps the cause, for [`source`](StdError::source) of the transform's error.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        if let Why::Row { source, .. } = &mut *self.0 {
            *source = Some(cause.into());
        }
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Why::Row { problem, .. } => f.write_str(problem),
            Why::Stop(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl StdError for Refusal {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &*self.0 {
            Why::Row { source, .. } => source.as_deref().map(|source| source as _),
            Why::Stop(error) => Some(error),
        }
    }
}

/// What a program does with a function of the host.
#[derive(Debug)]
pub(crate) struct CustomStep {
    pub(crate) operation: String,
    /// All of its columns, for errors.
    pub(crate) columns: Box<[String]>,
    kernel: Arc<dyn RowKernel>,
    pub(crate) texts: Box<[TextReading]>,
    /// Intermediate results, which stand before the outputs.
    pub(crate) numbers: Range<usize>,
    pub(crate) outputs: Range<usize>,
}

/// A row that was not computed.
enum Failure {
    Refused(Refusal),
    Panicked(String),
}

impl CustomStep {
    /// The features of one row.
    pub(crate) fn run(&self, row: &InputRow<'_>, features: &mut [f64]) -> Result<()> {
        self.apply(row, features).map_err(|failure| self.error(failure, None))
    }

    /// The features of a block of rows that begins with row `start` of a table; the place of the first row of the block that
    /// is not computed, and the error. Rows before that one are.
    pub(crate) fn run_rows(
        &self,
        rows: &InputRows<'_>,
        start: usize,
        features: &mut [f64],
    ) -> Result<(), (usize, Error)> {
        if rows.is_empty() {
            return Ok(());
        }
        features.fill(f64::NAN);
        let Err(failure) = guarded(|| self.kernel.apply_rows(rows, features)) else { return Ok(()) };
        if matches!(&failure, Failure::Refused(Refusal(why)) if matches!(**why, Why::Stop(_))) {
            return Err((0, self.error(failure, Some(start))));
        }
        for (offset, row) in rows.iter().enumerate() {
            let width = self.outputs.len();
            let own = features.get_mut(offset * width..(offset + 1) * width).unwrap_or_default();
            if let Err(failure) = self.apply(&row, own) {
                return Err((offset, self.error(failure, Some(start + offset))));
            }
        }
        // The kernel breaks the law: it fails on a block whose rows it takes.
        let last = (start + rows.len()).saturating_sub(1);
        let words = match &failure {
            Failure::Refused(refusal) => refusal.to_string(),
            Failure::Panicked(words) => words.clone(),
        };
        let problem =
            format!("rows {start} to {last}: it fails on them together, and on none of them alone: {words}");
        let error = Error::internal(self.operation.clone(), self.columns.join(", "), problem)
            .remedy("let the function make of many rows what it makes of each of them");
        Err((
            0,
            match failure {
                Failure::Refused(refusal) => error.caused_by(refusal),
                Failure::Panicked(_) => error,
            },
        ))
    }

    fn apply(&self, row: &InputRow<'_>, features: &mut [f64]) -> Result<(), Failure> {
        features.fill(f64::NAN);
        guarded(|| self.kernel.apply(row, features))
    }

    #[cold]
    fn error(&self, failure: Failure, row: Option<usize>) -> Error {
        let at = row.map_or_else(String::new, |row| format!("row {row}: "));
        let all = || self.columns.join(", ");
        match failure {
            Failure::Panicked(words) => {
                Error::internal(self.operation.clone(), all(), format!("{at}the function panicked: {words}"))
                    .remedy("mend the function: it is to answer a refusal where it takes no value")
            }
            Failure::Refused(Refusal(why)) => match *why {
                Why::Stop(error) => error,
                Why::Row { column, problem, remedy, source } => {
                    let column = column.and_then(|column| self.columns.get(column)).cloned();
                    let column = column.unwrap_or_else(all);
                    let mut error =
                        Error::invalid_input(self.operation.clone(), column, format!("{at}{problem}"));
                    if let Some(remedy) = remedy {
                        error = error.remedy(remedy);
                    }
                    match source {
                        Some(source) => error.caused_by(source),
                        None => error,
                    }
                }
            },
        }
    }
}

fn guarded(run: impl FnOnce() -> Result<(), Refusal>) -> Result<(), Failure> {
    // What a panic may leave half-written are features, which nobody reads then.
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(outcome) => outcome.map_err(Failure::Refused),
        Err(panic) => Err(Failure::Panicked(words_of(&*panic).to_owned())),
    }
}

/// What a panic said.
pub(crate) fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}

impl ProgramBuilder {
    /// The columns of these names that a function of the host computes from these columns of numbers and of text.
    pub(crate) fn custom(
        &mut self,
        title: &str,
        columns: &[Column],
        kernel: Arc<dyn RowKernel>,
        names: Vec<String>,
    ) -> Result<Vec<Column>> {
        let (mut texts, mut numbers) = (Vec::new(), Vec::new());
        for column in columns {
            match &column.flow {
                Flow::Text(_) | Flow::Mapped { .. } => texts.push(self.text(title, column)?),
                Flow::Number { .. } | Flow::Exact { .. } | Flow::Moment { .. } => {
                    numbers.push(column.clone());
                }
            }
        }
        let numbers = self.intermediate(&numbers)?;
        let first = self.temp(names.len())?;
        self.instructions.push(Instruction::Custom(CustomStep {
            operation: format!("transform with {title}"),
            columns: columns.iter().map(|column| column.name.clone()).collect(),
            kernel,
            texts: texts.into(),
            numbers,
            outputs: first..first + names.len(),
        }));
        Ok(Column::derived(names, first))
    }
}
