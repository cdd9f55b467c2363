//! The complete rows of some columns of text.

use std::cmp::Ordering;

use mlcore::arrow::array::{Array, RecordBatch, StringArray};
use mlcore::arrow::datatypes::DataType;
use mlcore::interrupt;
use mlcore::stats::SplitMix64;
use mlcore::{Error, Result};

use super::mixed::texts;
use super::rows::{column, is_number, named, scattered};

/// Rows of texts, in an order that does not depend on the table's.
#[derive(Debug, Clone)]
pub(super) struct Texts {
    pub(super) rows: Vec<Vec<String>>,
    /// The complete rows before some were drawn.
    pub(super) complete: usize,
    /// The rows that miss a text.
    pub(super) incomplete: u64,
}

/// The names of the columns of text, but for dictionaries, which are categories.
pub(super) fn text_columns(table: &RecordBatch) -> Vec<String> {
    named(table, |array| {
        matches!(array.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
    })
}

/// The columns that were asked for, as texts.
pub(super) fn arrays(
    operation: &'static str,
    table: &RecordBatch,
    columns: &[String],
) -> Result<Vec<StringArray>> {
    let read = |name: &String| {
        let array = column(operation, table, name)?;
        if is_number(array) {
            let problem = format!("text is expected, and the column is {}", array.data_type());
            return Err(Error::schema_mismatch(operation, name.as_str(), problem)
                .remedy("cast it to text, or leave it out: set the option columns"));
        }
        texts(operation, name, array)
    };
    columns.iter().map(read).collect()
}

pub(super) fn no_rows(operation: &'static str, side: &'static str, rows: usize) -> Error {
    let problem = format!("none of its {rows} rows has a text in every column");
    Error::invalid_input(operation, side, problem)
        .remedy("leave out the columns that miss most values: set the option columns")
}

impl Texts {
    /// At most `most` of the rows that have a text in each of `columns`, of each text the first 20,000 characters.
    pub(super) fn read(
        operation: &'static str,
        side: &'static str,
        table: &RecordBatch,
        columns: &[String],
        most: usize,
        random: &mut SplitMix64,
    ) -> Result<Self> {
        let arrays = arrays(operation, table, columns)?;
        let count = table.num_rows();
        let complete = |row: &usize| arrays.iter().all(|array| array.is_valid(*row));
        let key = |row: usize| {
            let bytes = arrays.iter().flat_map(|array| array.value(row).bytes().chain([0]));
            (scattered(bytes.map(u64::from)), row)
        };
        let mut order: Vec<(u64, usize)> = interrupt::paced(0..count).filter(complete).map(key).collect();
        interrupt::check(operation)?;
        if order.is_empty() {
            return Err(no_rows(operation, side, count));
        }
        let incomplete = (count - order.len()) as u64;
        interrupt::sort_unstable_by(&mut order, |(a_key, a), (b_key, b)| {
            let mut pairs = arrays.iter().map(|array| array.value(*a).cmp(array.value(*b)));
            a_key.cmp(b_key).then_with(|| pairs.find(|order| order.is_ne()).unwrap_or(Ordering::Equal))
        });
        interrupt::check(operation)?;
        let mut order: Vec<usize> = order.into_iter().map(|(_, row)| row).collect();
        let complete = order.len();
        if complete > most {
            random.shuffle(&mut order);
            order.truncate(most);
        }
        let text = |array: &StringArray, row: usize| -> String {
            array.value(row).chars().take(MOST_CHARS).collect()
        };
        let row = |row: usize| arrays.iter().map(|array| text(array, row)).collect();
        let rows = interrupt::paced(order).map(row).collect();
        interrupt::check(operation)?;
        Ok(Self { rows, complete, incomplete })
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}

/// The words of a text: its letters and digits, in lower case, split at white space.
pub(super) fn words(text: &str) -> Vec<String> {
    let kept: String = text.chars().filter(|char| char.is_alphanumeric() || char.is_whitespace()).collect();
    kept.split_whitespace().map(str::to_lowercase).collect()
}

/// Examples as a sentence names them.
pub(super) fn quoted(examples: &[String]) -> String {
    let one = |text: &String| format!("\"{}\"", crate::text::clipped(text).escape_debug());
    examples.iter().map(one).collect::<Vec<_>>().join(", ")
}

const MOST_CHARS: usize = 20_000;
