//! The complete rows of some columns of numbers or of vectors.

use std::cmp::Ordering;
use std::ops::Range;

use mlcore::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use mlcore::arrow::compute::cast;
use mlcore::arrow::datatypes::{DataType, Float64Type};
use mlcore::stats::{Moments, SplitMix64};
use mlcore::{Error, Result, interrupt};

use crate::sample::{Kind, Sample};

/// Rows of numbers, one after the other, in an order that does not depend on the table's.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    pub(super) values: Vec<f64>,
    /// The numbers of a row.
    pub(super) width: usize,
    /// The numbers of a row that each column has: one, or those of its vector.
    pub(super) spans: Vec<Range<usize>>,
    /// The rows of the table that miss a value.
    pub(super) incomplete: u64,
}

/// The names of the columns of numbers and of vectors of numbers.
pub(super) fn numeric_columns(table: &RecordBatch) -> Vec<String> {
    named(table, |array| is_number(array) || is_vector(array.data_type()))
}

/// The names of the columns of vectors; where there is none, those of the numbers.
pub(super) fn embedding_columns(table: &RecordBatch) -> Vec<String> {
    let vectors = named(table, |array| is_vector(array.data_type()));
    if vectors.is_empty() { numeric_columns(table) } else { vectors }
}

pub(super) fn named(table: &RecordBatch, chosen: impl Fn(&ArrayRef) -> bool) -> Vec<String> {
    let fields = table.schema_ref().fields().iter().zip(table.columns());
    fields.filter(|(_, array)| chosen(array)).map(|(field, _)| field.name().clone()).collect()
}

pub(super) fn is_number(array: &dyn Array) -> bool {
    Sample::natural_kind(array) == Some(Kind::Numeric)
}

pub(super) fn is_vector(data_type: &DataType) -> bool {
    match data_type {
        DataType::FixedSizeList(item, _) | DataType::List(item) | DataType::LargeList(item) => {
            item.data_type().is_floating() || item.data_type().is_integer()
        }
        _ => false,
    }
}

/// The column of a table that a test reads.
pub(super) fn column<'a>(
    operation: &'static str,
    table: &'a RecordBatch,
    name: &str,
) -> Result<&'a ArrayRef> {
    table.column_by_name(name).ok_or_else(|| {
        Error::schema_mismatch(operation, name, "the table does not have this column")
            .remedy("send every column that the test reads, or let it read fewer: set the option columns")
    })
}

/// One column as numbers: `width` of them for each row, of which none is there where the row misses it.
#[derive(Debug)]
pub(super) struct Cells {
    numbers: ArrayRef,
    pub(super) width: usize,
    /// Where the numbers of each row begin; `None` for a missing row.
    starts: Vec<Option<usize>>,
}

impl Cells {
    pub(super) fn read(operation: &'static str, name: &str, array: &ArrayRef) -> Result<Self> {
        let floats = |array: &dyn Array| {
            cast(array, &DataType::Float64)
                .map_err(|cause| Error::schema_mismatch(operation, name, cause.to_string()).caused_by(cause))
        };
        let rows = array.len();
        if is_vector(array.data_type()) {
            let (items, ends): (&ArrayRef, Vec<Range<usize>>) = match array.data_type() {
                DataType::FixedSizeList(..) => {
                    let lists = array.as_fixed_size_list();
                    let width = usize::try_from(lists.value_length()).unwrap_or(0);
                    let first = usize::try_from(lists.value_offset(0)).unwrap_or(0);
                    (
                        lists.values(),
                        (0..rows).map(|row| first + row * width..first + (row + 1) * width).collect(),
                    )
                }
                DataType::List(_) => {
                    let lists = array.as_list::<i32>();
                    (lists.values(), lists.value_offsets().windows(2).map(ends).collect())
                }
                _ => {
                    let lists = array.as_list::<i64>();
                    (lists.values(), lists.value_offsets().windows(2).map(ends).collect())
                }
            };
            let starts = ends.iter().enumerate().map(|(row, span)| array.is_valid(row).then_some(span.start));
            let starts: Vec<Option<usize>> = starts.collect();
            let mut widths =
                ends.iter().zip(&starts).filter(|(_, start)| start.is_some()).map(|(span, _)| span.len());
            let width = widths.next().unwrap_or(0);
            if let Some(other) = widths.find(|other| *other != width) {
                let problem = format!("its vectors have {width} and {other} components");
                return Err(
                    Error::schema_mismatch(operation, name, problem).remedy("make them of one length")
                );
            }
            return Ok(Self { numbers: floats(items)?, width, starts });
        }
        if !is_number(array) {
            let problem = format!("numbers are expected, and the column is {}", array.data_type());
            return Err(Error::schema_mismatch(operation, name, problem)
                .remedy("cast it to a number, or leave it out: set the option columns"));
        }
        Ok(Self { numbers: floats(array)?, width: 1, starts: (0..rows).map(Some).collect() })
    }

    /// Adds the numbers of a row to `to`; answers whether all of them are there.
    pub(super) fn push(&self, row: usize, to: &mut Vec<f64>) -> bool {
        (0..self.width).all(|place| self.number(row, place).map(|number| to.push(number)).is_some())
    }

    /// A number of a row; `None` where it is missing.
    pub(super) fn number(&self, row: usize, place: usize) -> Option<f64> {
        let place = self.starts.get(row).copied().flatten()? + place;
        let numbers = self.numbers.as_primitive::<Float64Type>();
        // Adding zero turns -0 into 0 and nothing else.
        numbers.is_valid(place).then(|| numbers.value(place) + 0.0).filter(|number| !number.is_nan())
    }
}

fn ends<T: Copy + TryInto<usize>>(pair: &[T]) -> Range<usize> {
    let at = |place: usize| pair.get(place).and_then(|end| (*end).try_into().ok()).unwrap_or(0);
    at(0)..at(1)
}

/// A number for words of 64 bits that says nothing of their size.
pub(super) fn scattered(words: impl Iterator<Item = u64>) -> u64 {
    words.fold(0, |key, word| SplitMix64::new(key ^ word).next_u64())
}

impl Rows {
    /// The rows of `table` that have a number in each of `columns`.
    pub(super) fn read(
        operation: &'static str,
        side: &'static str,
        table: &RecordBatch,
        columns: &[String],
    ) -> Result<Self> {
        let cells = columns.iter().map(|name| Cells::read(operation, name, column(operation, table, name)?));
        let cells = cells.collect::<Result<Vec<_>>>()?;
        let widths: Vec<usize> = cells.iter().map(|cells| cells.width).collect();
        let whole = |row: usize, to: &mut Vec<f64>| cells.iter().all(|cells| cells.push(row, to));
        Self::gathered(operation, side, table.num_rows(), &widths, whole)
    }

    /// The rows for which `whole` adds the numbers of each column and answers that all are there, in an order that is theirs.
    pub(super) fn gathered(
        operation: &'static str,
        side: &'static str,
        count: usize,
        widths: &[usize],
        whole: impl Fn(usize, &mut Vec<f64>) -> bool,
    ) -> Result<Self> {
        let width = widths.iter().sum();
        let mut rows: Vec<(u64, Vec<f64>)> = Vec::with_capacity(count);
        rows.extend(interrupt::paced(0..count).filter_map(|row| {
            let mut numbers = Vec::with_capacity(width);
            whole(row, &mut numbers)
                .then(|| (scattered(numbers.iter().map(|number| number.to_bits())), numbers))
        }));
        interrupt::check(operation)?;
        if rows.is_empty() || width == 0 {
            let problem = format!("none of its {count} rows has a number in every column");
            return Err(Error::invalid_input(operation, side, problem)
                .remedy("leave out the columns that miss most values: set the option columns"));
        }
        if rows.iter().flat_map(|(_, row)| row).any(|number| number.is_infinite()) {
            return Err(Error::invalid_input(
                operation,
                side,
                "it has infinite numbers, between which there is no distance",
            )
            .remedy("leave out their column, or replace them"));
        }
        let incomplete = (count - rows.len()) as u64;
        // By what the rows are, so that their order in the table does not matter; scattered, so that rows drawn by their
        // places are drawn at random: places among sorted rows would be quantiles, the same ones of every table.
        interrupt::sort_unstable_by(&mut rows, |(a_key, a), (b_key, b)| {
            let mut pairs = a.iter().zip(b).map(|(a, b)| a.total_cmp(b));
            a_key.cmp(b_key).then_with(|| pairs.find(|order| order.is_ne()).unwrap_or(Ordering::Equal))
        });
        interrupt::check(operation)?;
        let mut end = 0;
        let span = |width: &usize| {
            end += width;
            end - width..end
        };
        let spans = widths.iter().map(span).collect();
        let mut values = Vec::with_capacity(rows.len() * width);
        rows.into_iter().for_each(|(_, row)| values.extend(row));
        Ok(Self { values, width, spans, incomplete })
    }

    /// The current rows, whose vectors are as long as those of this reference.
    pub(super) fn read_current(
        &self,
        operation: &'static str,
        table: &RecordBatch,
        columns: &[String],
    ) -> Result<Self> {
        let current = Self::read(operation, "current", table, columns)?;
        let spans = self.spans.iter().zip(&current.spans).zip(columns);
        match spans.into_iter().find(|((before, after), _)| before.len() != after.len()) {
            None => Ok(current),
            Some(((before, after), name)) => {
                let problem = format!(
                    "its vectors have {} components, and the reference's {}",
                    after.len(),
                    before.len()
                );
                Err(Error::schema_mismatch(operation, name.as_str(), problem)
                    .remedy("compare vectors that one model made"))
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &[f64]> + Clone {
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
        Self { values, ..self }
    }

    /// The numbers of one place of every row.
    pub(super) fn component(&self, place: usize) -> impl Iterator<Item = f64> + '_ {
        self.iter().filter_map(move |row| row.get(place).copied())
    }

    /// The mean of each place.
    pub(super) fn means(&self) -> Vec<f64> {
        let mut means = vec![0.0; self.width];
        for row in self.iter() {
            means.iter_mut().zip(row).for_each(|(mean, value)| *mean += value);
        }
        let count = self.len() as f64;
        means.iter_mut().for_each(|mean| *mean /= count);
        means
    }

    /// The standard deviation of each place; 1 where it is constant, or too large to have one.
    pub(super) fn deviations(&self) -> Vec<f64> {
        let of = |place: usize| {
            let moments: Moments = self.component(place).collect();
            let deviation = moments.variance().sqrt();
            if deviation.is_finite() && deviation > 0.0 { deviation } else { 1.0 }
        };
        (0..self.width).map(of).collect()
    }

    /// The places of the columns whose means moved most, in standard deviations of this reference; at most 32, which are
    /// left out in turn.
    pub(super) fn most_moved(&self, current: &Self) -> Vec<usize> {
        const MOST: usize = 32;
        let (before, after, scale) = (self.means(), current.means(), self.deviations());
        let moved = |place: usize| ((after[place] - before[place]) / scale[place]).powi(2);
        let of_column = |span: &Range<usize>| span.clone().map(moved).sum::<f64>();
        let mut columns: Vec<(f64, usize)> = self.spans.iter().map(of_column).zip(0..).collect();
        columns.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        columns.truncate(MOST);
        columns.into_iter().map(|(_, place)| place).collect()
    }

    /// Each place less its centre, divided by its scale.
    pub(super) fn scaled(mut self, centre: &[f64], scale: &[f64]) -> Self {
        for row in self.values.chunks_exact_mut(self.width.max(1)) {
            for ((value, centre), scale) in row.iter_mut().zip(centre).zip(scale) {
                *value = (*value - centre) / scale;
            }
        }
        self
    }
}
