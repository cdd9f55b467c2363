//! What fitting reads: checked columns of a table.

use std::borrow::Cow;

use mlcore::arrow::array::{ArrayRef, RecordBatch};
use mlcore::arrow::datatypes::DataType;
use mlcore::batch::ColumnView;
use mlcore::schema::{DType, Field, Schema};
use mlcore::{Error, Result, interrupt};

use super::Training;
use crate::program::decimal;

/// One column of the training table.
#[derive(Debug)]
pub(crate) struct FitColumn {
    pub(crate) field: Field,
    array: ArrayRef,
    operation: &'static str,
}

/// The columns of the table, which must have some, and rows. Weights are refused.
pub(crate) fn columns(training: &Training<'_>, operation: &'static str) -> Result<Vec<FitColumn>> {
    if training.weights().is_some() {
        return Err(Error::invalid_input(operation, "weights", "it cannot weigh rows")
            .remedy("leave the weights out, or repeat rows that count more"));
    }
    weighted_columns(training, operation)
}

/// The same, for transformers that take the weights into account.
pub(crate) fn weighted_columns(training: &Training<'_>, operation: &'static str) -> Result<Vec<FitColumn>> {
    training.check(operation)?;
    let table = training.table();
    if table.num_columns() == 0 {
        return Err(Error::invalid_input(
            operation,
            "table",
            "it has no columns, and at least one is needed",
        ));
    }
    if table.num_rows() == 0 {
        return Err(Error::invalid_input(operation, "table", "it has no rows, and at least one is needed"));
    }
    let table = plain(table, operation)?;
    let schema = Schema::from_arrow(table.schema_ref())?;
    schema
        .fields()
        .iter()
        .zip(table.columns())
        .map(|(field, array)| {
            Ok(FitColumn { field: field.clone(), array: ColumnView::plain(field.name(), array)?, operation })
        })
        .collect()
}

/// The schema of a table whose columns are handed on.
pub(crate) fn schema_of(table: &RecordBatch, operation: &'static str) -> Result<Schema> {
    Schema::from_arrow(plain(table, operation)?.schema_ref())
}

/// The same of a table whose values are read, and refused, by others.
pub(crate) fn types_of(table: &RecordBatch) -> Result<Schema> {
    Schema::from_arrow(&decimal::plain_schema(table.schema_ref()))
}

/// The table with numbers in the place of decimals. A column that holds others is refused.
fn plain<'a>(table: &'a RecordBatch, operation: &'static str) -> Result<Cow<'a, RecordBatch>> {
    for field in table.schema_ref().fields() {
        let remedy = match field.data_type() {
            DataType::Struct(_) | DataType::FixedSizeList(..) => {
                "flatten the table first, which makes a column of each of its parts"
            }
            DataType::List(_)
            | DataType::LargeList(_)
            | DataType::ListView(_)
            | DataType::LargeListView(_) => {
                "cast it to a list of fixed length and flatten the table, or make columns of what it tells"
            }
            _ => continue,
        };
        let problem = format!("columns of type {} are not taken", field.data_type());
        return Err(Error::unsupported(operation, field.name(), problem).remedy(remedy));
    }
    decimal::plain_table(table, operation)
}

/// The target as a column, for transformers that read it as they read columns.
pub(crate) fn target(target: &ArrayRef, operation: &'static str) -> Result<FitColumn> {
    const NAME: &str = "target";
    let target = &decimal::floats(NAME, target, operation)?.into_owned();
    let field = mlcore::arrow::datatypes::Field::new(NAME, target.data_type().clone(), true);
    let schema = Schema::from_arrow(&mlcore::arrow::datatypes::Schema::new(vec![field]))?;
    match schema.fields() {
        [field] => Ok(FitColumn { field: field.clone(), array: ColumnView::plain(NAME, target)?, operation }),
        _ => Err(Error::internal(operation, NAME, "it is not one column")),
    }
}

/// The schema of these columns. Every transformer asks for it in the end, and stops here when its caller wants it to.
pub(crate) fn schema<'a>(columns: impl IntoIterator<Item = &'a FitColumn>) -> Result<Schema> {
    interrupt::check("fit")?;
    Schema::new(columns.into_iter().map(|column| column.field.clone()))
}

/// The same schema with every column nullable: for steps that have an answer to missing values.
pub(crate) fn nullable_schema<'a>(columns: impl IntoIterator<Item = &'a FitColumn>) -> Result<Schema> {
    interrupt::check("fit")?;
    Schema::new(columns.into_iter().map(|column| column.field.clone().nullable()))
}

impl FitColumn {
    pub(crate) fn len(&self) -> usize {
        self.array.len()
    }

    pub(crate) fn dtype(&self) -> DType {
        self.field.dtype()
    }

    pub(crate) fn view(&self) -> Result<ColumnView<'_>> {
        interrupt::check(self.operation)?;
        ColumnView::new(self.field.name(), self.array.as_ref())
    }

    /// The values as floats, NaN for missing ones. Infinities are refused, as scikit-learn does.
    pub(crate) fn numbers(&self) -> Result<Cow<'_, [f64]>> {
        if !self.dtype().is_numeric() {
            return Err(self.unfit("numbers"));
        }
        let view = self.view()?;
        let numbers = match view.doubles() {
            Some(values) => Cow::Borrowed(values),
            None => {
                let mut numbers = vec![0.0; self.len()];
                view.numbers(0, &mut numbers);
                Cow::Owned(numbers)
            }
        };
        // Without a way out in the middle, the look at all of them runs on vectors.
        let any = numbers.iter().fold(false, |any, value| any | value.is_infinite());
        match any.then(|| numbers.iter().position(|value| value.is_infinite())).flatten() {
            Some(row) => {
                Err(self.refuse(row, "infinity", "replace infinities by missing values or by a bound"))
            }
            None => Ok(numbers),
        }
    }

    /// The values as floats, all of them finite.
    pub(crate) fn finite_numbers(&self) -> Result<Cow<'_, [f64]>> {
        let numbers = self.numbers()?;
        let any = numbers.iter().fold(false, |any, value| any | value.is_nan());
        match any.then(|| numbers.iter().position(|value| value.is_nan())).flatten() {
            Some(row) => Err(self.refuse(row, "a missing value (NaN)", "impute missing values first")),
            None => Ok(numbers),
        }
    }

    /// Refuses a missing value.
    pub(crate) fn present(&self) -> Result<()> {
        let view = self.view()?;
        match (0..self.len()).find(|row| view.value(*row).is_missing()) {
            Some(row) => Err(self.refuse(row, "a missing value (NaN)", "impute missing values first")),
            None => Ok(()),
        }
    }

    fn refuse(&self, row: usize, what: &str, remedy: &str) -> Error {
        Error::invalid_input(self.operation, self.field.name(), format!("row {row} holds {what}"))
            .remedy(remedy)
    }

    /// The error for a column of a type that is not taken.
    pub(crate) fn unfit(&self, expected: &str) -> Error {
        let (got, remedy) = match self.dtype() {
            DType::String => ("text".to_owned(), "encode the column, or leave it to another transformer"),
            dtype if dtype.is_temporal() => (
                dtype.to_string(),
                "derive an hour, a weekday or an age first, by DatetimeFeatures or TimeSince, or leave it to another transformer",
            ),
            dtype => (dtype.to_string(), "leave the column to another transformer"),
        };
        let problem = format!("expected {expected}, got {got}");
        Error::schema_mismatch(self.operation, self.field.name(), problem).remedy(remedy)
    }

    /// Stops what is made of the column when the caller wants it to.
    pub(crate) fn check(&self) -> Result<()> {
        interrupt::check(self.operation)
    }

    /// An error about this column.
    pub(crate) fn error(&self, problem: impl Into<String>) -> Error {
        Error::invalid_input(self.operation, self.field.name(), problem)
    }
}
