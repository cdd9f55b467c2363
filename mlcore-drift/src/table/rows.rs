//! The complete rows of some numeric columns.

use mlcore::arrow::array::{Array, AsArray, RecordBatch};
use mlcore::arrow::compute::cast;
use mlcore::arrow::datatypes::{DataType, Float64Type};
use mlcore::stats::SplitMix64;
use mlcore::{Error, Result, interrupt};

use crate::sample::{Kind, Sample};

/// Rows of numbers, one after the other, in an order that does not depend on the table's.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    pub(super) values: Vec<f64>,
    pub(super) width: usize,
    /// The rows of the table that miss a value.
    pub(super) incomplete: u64,
}

/// The names of the numeric columns of a table.
pub(super) fn numeric_columns(table: &RecordBatch) -> Vec<String> {
    let fields = table.schema_ref().fields().iter().zip(table.columns());
    fields
        .filter(|(_, array)| Sample::natural_kind(array) == Some(Kind::Numeric))
        .map(|(field, _)| field.name().clone())
        .collect()
}

impl Rows {
    /// The rows of `table` that have a number in each of `columns`, sorted.
    pub(super) fn read(
        operation: &'static str,
        side: &'static str,
        table: &RecordBatch,
        columns: &[String],
    ) -> Result<Self> {
        let arrays = columns.iter().map(|name| {
            let array = table.column_by_name(name).ok_or_else(|| {
                Error::schema_mismatch(operation, name.clone(), "the table does not have this column").remedy(
                    "send every column that the test reads, or let it read fewer: set the option columns",
                )
            })?;
            if Sample::natural_kind(array) != Some(Kind::Numeric) {
                let problem = format!("numbers are expected, and the column is {}", array.data_type());
                return Err(Error::schema_mismatch(operation, name.clone(), problem)
                    .remedy("cast it to a number, or leave it out: set the option columns"));
            }
            cast(array, &DataType::Float64).map_err(|cause| {
                Error::schema_mismatch(operation, name.clone(), cause.to_string()).caused_by(cause)
            })
        });
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        let number = |column: usize, row: usize| {
            let array = arrays.get(column)?.as_primitive::<Float64Type>();
            // Adding zero turns -0 into 0 and nothing else.
            array.is_valid(row).then(|| array.value(row) + 0.0).filter(|number| !number.is_nan())
        };
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(table.num_rows());
        rows.extend(
            interrupt::paced(0..table.num_rows())
                .filter_map(|row| (0..columns.len()).map(|column| number(column, row)).collect()),
        );
        interrupt::check(operation)?;
        if rows.is_empty() {
            let problem = format!("none of its {} rows has a number in every column", table.num_rows());
            return Err(Error::invalid_input(operation, side, problem)
                .remedy("leave out the columns that miss most values: set the option columns"));
        }
        if rows.iter().flatten().any(|number| number.is_infinite()) {
            return Err(Error::invalid_input(
                operation,
                side,
                "it has infinite numbers, between which there is no distance",
            )
            .remedy("leave out their column, or replace them"));
        }
        let incomplete = (table.num_rows() - rows.len()) as u64;
        interrupt::sort_unstable_by(&mut rows, |a, b| {
            let pairs = a.iter().zip(b).map(|(a, b)| a.total_cmp(b));
            pairs.into_iter().find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
        });
        interrupt::check(operation)?;
        Ok(Self { values: rows.concat(), width: columns.len(), incomplete })
    }

    pub(super) fn len(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// At most `most` of the rows, drawn without putting back.
    pub(super) fn thinned(self, most: usize, random: &mut SplitMix64) -> Self {
        if self.len() <= most {
            return self;
        }
        let mut chosen: Vec<usize> = (0..self.len()).collect();
        random.shuffle(&mut chosen);
        chosen.truncate(most);
        chosen.sort_unstable();
        let row = |row: usize| self.values.get(row * self.width..(row + 1) * self.width).unwrap_or_default();
        let values = chosen.into_iter().flat_map(row).copied().collect();
        Self { values, width: self.width, incomplete: self.incomplete }
    }
}
