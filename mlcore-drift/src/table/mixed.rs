//! The rows of columns of numbers, vectors and categories, as numbers.

use std::collections::{BTreeMap, HashMap};

use mlcore::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use mlcore::arrow::compute::cast;
use mlcore::arrow::datatypes::DataType;
use mlcore::interrupt;
use mlcore::{Error, Result};

use super::rows::{Cells, Rows, column, is_number, is_vector, named};
use crate::sample::{Kind, Sample};

/// The columns of some table that tests of mixed columns read: numbers, vectors, categories.
#[derive(Debug)]
pub(super) struct Mixed {
    columns: Vec<Cell>,
    rows: usize,
}

#[derive(Debug)]
enum Cell {
    Numbers(Cells),
    Texts(StringArray),
}

/// How a column becomes numbers.
#[derive(Debug, Clone)]
pub(super) enum Encoding {
    /// Its own; what stands for missing ones.
    Numbers { fill: Vec<f64> },
    /// A number for each category; what stands for a missing one, and for one that is not listed.
    Texts { numbers: HashMap<String, f64>, fill: f64, unseen: f64 },
}

/// The names of the columns of numbers, vectors and categories.
pub(super) fn mixed_columns(table: &RecordBatch) -> Vec<String> {
    named(table, |array| is_number(array) || is_vector(array.data_type()) || is_category(array))
}

fn is_category(array: &dyn Array) -> bool {
    Sample::natural_kind(array) == Some(Kind::Categorical)
}

/// A column of categories or texts in any layout, as text.
pub(super) fn texts(operation: &'static str, name: &str, array: &ArrayRef) -> Result<StringArray> {
    let failed = |cause: mlcore::arrow::error::ArrowError| {
        Error::schema_mismatch(operation, name, cause.to_string()).caused_by(cause)
    };
    let plain = match array.data_type() {
        DataType::Dictionary(_, values) => cast(array, values).map_err(failed)?,
        _ => array.clone(),
    };
    if *plain.data_type() == DataType::Boolean {
        let words =
            plain.as_boolean().iter().map(|flag| flag.map(|flag| if flag { "true" } else { "false" }));
        return Ok(words.collect());
    }
    if is_number(&plain) {
        let cells = Cells::read(operation, name, &plain)?;
        return Ok((0..plain.len())
            .map(|row| cells.number(row, 0).map(|number| number.to_string()))
            .collect());
    }
    if !is_category(&plain) {
        let problem = format!("text or numbers are expected, and the column is {}", array.data_type());
        return Err(Error::schema_mismatch(operation, name, problem)
            .remedy("cast it to a number or text, or leave it out: set the option columns"));
    }
    Ok(cast(&plain, &DataType::Utf8).map_err(failed)?.as_string::<i32>().clone())
}

impl Mixed {
    pub(super) fn read(operation: &'static str, table: &RecordBatch, names: &[String]) -> Result<Self> {
        let read = |name: &String| {
            let array = column(operation, table, name)?;
            let plain = is_number(array) || is_vector(array.data_type());
            Ok(match plain && !matches!(array.data_type(), DataType::Dictionary(..)) {
                true => Cell::Numbers(Cells::read(operation, name, array)?),
                false => Cell::Texts(texts(operation, name, array)?),
            })
        };
        let columns = names.iter().map(read).collect::<Result<_>>()?;
        Ok(Self { columns, rows: table.num_rows() })
    }

    /// NannyML's numbers: a category by its share of the rows, a missing number by the mean of the others, a missing category
    /// by the most frequent one.
    pub(super) fn shares(&self, operation: &'static str) -> Result<Vec<Encoding>> {
        let encodings = self.columns.iter().map(|column| match column {
            Cell::Numbers(cells) => {
                let mean = |place: usize| {
                    let present = interrupt::paced(0..self.rows).filter_map(|row| cells.number(row, place));
                    let (count, sum) =
                        present.fold((0_u64, 0.0), |(count, sum), value| (count + 1, sum + value));
                    if count > 0 { sum / count as f64 } else { 0.0 }
                };
                Encoding::Numbers { fill: (0..cells.width).map(mean).collect() }
            }
            Cell::Texts(texts) => {
                let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
                for text in interrupt::paced(texts.iter().flatten()) {
                    *counts.entry(text).or_default() += 1;
                }
                // The first of the most frequent ones in alphabetical order, which gets what is missing, too.
                let most = counts.values().copied().max().unwrap_or(0);
                let frequent = counts.iter().find(|(_, count)| **count == most).map(|(text, _)| *text);
                if let Some(count) = frequent.and_then(|text| counts.get_mut(text)) {
                    *count += (self.rows - texts.iter().flatten().count()) as u64;
                }
                let share = |count: &u64| *count as f64 / self.rows.max(1) as f64;
                let fill = frequent.and_then(|text| counts.get(text)).map_or(0.0, share);
                let numbers = counts.iter().map(|(text, count)| ((*text).to_owned(), share(count))).collect();
                Encoding::Texts { numbers, fill, unseen: 0.0 }
            }
        });
        let encodings = encodings.collect();
        interrupt::check(operation)?;
        Ok(encodings)
    }

    /// A category by its place in the alphabetical order of those of both tables.
    #[cfg(feature = "classifier")]
    pub(super) fn places(&self, other: &Self) -> Vec<Encoding> {
        let pairs = self.columns.iter().zip(&other.columns);
        let encoding = |(a, b): (&Cell, &Cell)| match (a, b) {
            (Cell::Texts(a), Cell::Texts(b)) => {
                let both: std::collections::BTreeSet<&str> = a.iter().chain(b.iter()).flatten().collect();
                let numbers = both.into_iter().map(str::to_owned).zip((0_u32..).map(f64::from)).collect();
                Encoding::Texts { numbers, fill: -1.0, unseen: -1.0 }
            }
            (Cell::Numbers(cells), _) => Encoding::Numbers { fill: vec![0.0; cells.width] },
            (Cell::Texts(_), Cell::Numbers(_)) => {
                Encoding::Texts { numbers: HashMap::new(), fill: -1.0, unseen: -1.0 }
            }
        };
        pairs.map(encoding).collect()
    }

    /// Refuses a current table whose columns are of another kind or width.
    pub(super) fn require_alike(
        &self,
        operation: &'static str,
        current: &Self,
        names: &[String],
    ) -> Result<()> {
        for ((before, after), name) in self.columns.iter().zip(&current.columns).zip(names) {
            let problem = match (before, after) {
                (Cell::Numbers(before), Cell::Numbers(after)) if before.width == after.width => continue,
                // Nothing is known of a column of which no row has a vector.
                (Cell::Numbers(_), Cell::Numbers(after)) if after.width == 0 => continue,
                (Cell::Texts(_), Cell::Texts(_)) => continue,
                (Cell::Numbers(before), Cell::Numbers(after)) => {
                    format!(
                        "its vectors have {} components, and the reference's {}",
                        after.width, before.width
                    )
                }
                (Cell::Numbers(_), Cell::Texts(_)) => {
                    "it is text, and the reference's are numbers".to_owned()
                }
                (Cell::Texts(_), Cell::Numbers(_)) => {
                    "it is numbers, and the reference's are text".to_owned()
                }
            };
            return Err(Error::schema_mismatch(operation, name.as_str(), problem)
                .remedy("send the column in the reference's type"));
        }
        Ok(())
    }

    /// Adds the numbers of a row; answers whether it is complete, or was made so.
    fn push(&self, encodings: &[Encoding], impute: bool, row: usize, to: &mut Vec<f64>) -> bool {
        self.columns.iter().zip(encodings).all(|(column, encoding)| match (column, encoding) {
            (Cell::Numbers(cells), Encoding::Numbers { fill }) => (0..cells.width).all(|place| {
                let fill = fill.get(place).copied().filter(|_| impute);
                cells.number(row, place).or(fill).map(|number| to.push(number)).is_some()
            }),
            (Cell::Texts(texts), Encoding::Texts { numbers, fill, unseen }) => {
                let known = |text: &str| numbers.get(text).copied().unwrap_or(*unseen);
                let text = texts.is_valid(row).then(|| known(texts.value(row)));
                text.or(Some(*fill).filter(|_| impute)).map(|number| to.push(number)).is_some()
            }
            (Cell::Numbers(_), Encoding::Texts { .. }) | (Cell::Texts(_), Encoding::Numbers { .. }) => false,
        })
    }

    /// The rows as numbers, sorted.
    pub(super) fn rows(
        &self,
        operation: &'static str,
        side: &'static str,
        encodings: &[Encoding],
        impute: bool,
    ) -> Result<Rows> {
        let width = |column: &Cell| match column {
            Cell::Numbers(cells) => cells.width,
            Cell::Texts(_) => 1,
        };
        let widths: Vec<usize> = self.columns.iter().map(width).collect();
        let whole = |row: usize, to: &mut Vec<f64>| self.push(encodings, impute, row, to);
        Rows::gathered(operation, side, self.rows, &widths, whole)
    }

    /// The rows as numbers, in the table's order; `None` for one that is not complete.
    pub(super) fn in_order(&self, encodings: &[Encoding], impute: bool) -> Vec<Option<Vec<f64>>> {
        let numbers = |row| {
            let mut numbers = Vec::new();
            self.push(encodings, impute, row, &mut numbers).then_some(numbers)
        };
        interrupt::paced(0..self.rows).map(numbers).collect()
    }
}
