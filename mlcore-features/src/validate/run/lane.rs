//! The columns that are read, stretch by stretch.

use mlcore::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use mlcore::arrow::buffer::NullBuffer;
use mlcore::arrow::datatypes::{DataType, Int64Type, UInt64Type};
use mlcore::batch::{ColumnView, OwnedValue, Texts, Value};
use mlcore::schema::DType;
use mlcore::{Error, Result};

use super::counts::Counts;
use super::mask::{Mask, ROWS};
use crate::validate::compile::{EXACT, Inner, Test};

/// A column that is read.
pub(super) struct Lane<'a> {
    dtype: DType,
    /// `None` for a column of Arrow's type `Null`.
    view: Option<ColumnView<'a>>,
    /// Which rows of a column of anything but numbers are null, where any is.
    nulls: Option<NullBuffer>,
    /// Whether its numbers are floats without loss, so that floats are compared.
    pub(super) is_exact: bool,
    start: usize,
    len: usize,
    numbers: Vec<f64>,
    /// Which rows of the stretch are missing.
    pub(super) missing: Mask,
}

/// The columns of a batch that are read, in a layout that is read, after they were compared with what the suite was compiled for.
pub(super) fn arrays(inner: &Inner, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
    let schema = batch.schema_ref();
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    if !names().eq(inner.names.iter().map(String::as_str)) {
        let missing = inner.columns.iter().find(|column| !names().any(|name| name == column.name));
        let subject = missing.map_or("table", |column| column.name.as_str());
        let problem = format!(
            "the suite was compiled for the columns {}, and the batch has {}",
            shown(inner.names.iter().map(String::as_str)),
            shown(names())
        );
        return Err(Error::schema_mismatch(UPDATE, subject, problem)
            .remedy("compile the suite for the schema of these batches"));
    }
    let array = |column: &crate::validate::compile::Column| {
        let array = batch.columns().get(column.place).ok_or_else(|| {
            Error::schema_mismatch(UPDATE, column.name.as_str(), "the batch has no such column")
        })?;
        let is_null = *array.data_type() == DataType::Null;
        if !is_null && DType::from_arrow(array.data_type()) != Some(column.dtype) {
            let problem = format!(
                "the suite was compiled for {}, and the batch has {}",
                column.dtype,
                array.data_type()
            );
            return Err(Error::schema_mismatch(UPDATE, column.name.as_str(), problem)
                .remedy("cast the column, or compile the suite for this schema"));
        }
        if is_null { Ok(array.clone()) } else { ColumnView::plain(&column.name, array) }
    };
    inner.columns.iter().map(array).collect()
}

const UPDATE: &str = "update run";

fn shown<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let more = if names.len() > MOST_SHOWN { ", ..." } else { "" };
    format!("{}{more}", names.iter().take(MOST_SHOWN).copied().collect::<Vec<_>>().join(", "))
}

/// So many names are told.
const MOST_SHOWN: usize = 20;

impl<'a> Lane<'a> {
    pub(super) fn of(inner: &Inner, arrays: &'a [ArrayRef]) -> Result<Vec<Self>> {
        let lane = |(column, array): (&crate::validate::compile::Column, &'a ArrayRef)| {
            let is_null = *array.data_type() == DataType::Null;
            let nulls = if column.dtype.is_numeric() { None } else { array.logical_nulls() };
            Ok(Self {
                dtype: column.dtype,
                view: if is_null { None } else { Some(ColumnView::new(&column.name, array)?) },
                nulls: nulls.filter(|nulls| nulls.null_count() > 0),
                is_exact: is_exact(column.dtype, array),
                start: 0,
                len: 0,
                numbers: if column.dtype.is_numeric() { vec![0.0; ROWS] } else { Vec::new() },
                missing: Mask::default(),
            })
        };
        inner.columns.iter().zip(arrays).map(lane).collect()
    }

    pub(super) fn dtype(&self) -> DType {
        self.dtype
    }

    /// Reads the rows from `start` on.
    pub(super) fn load(&mut self, start: usize, len: usize) {
        (self.start, self.len) = (start, len);
        let Some(view) = &self.view else {
            self.missing = Mask::first(len);
            self.numbers.fill(f64::NAN);
            return;
        };
        if let Some(numbers) = self.numbers.get_mut(..len) {
            view.numbers(start, numbers);
            self.missing = Mask::of_numbers(numbers, f64::is_nan);
            return;
        }
        self.missing = match &self.nulls {
            Some(nulls) => Mask::first(len).without(Mask::of_bits(&nulls.inner().slice(start, len))),
            None => Mask::default(),
        };
    }

    /// The numbers of the stretch, rounded where they are not exact; empty for a column of anything else.
    pub(super) fn numbers(&self) -> &[f64] {
        self.numbers.get(..self.len).unwrap_or_default()
    }

    /// The value of a row of the stretch.
    pub(super) fn value(&self, row: usize) -> Value<'a> {
        self.view.as_ref().map_or(Value::Null, |view| view.value(self.start + row))
    }

    /// The rows of the stretch.
    pub(super) fn rows(&self) -> Mask {
        Mask::first(self.len)
    }

    /// The first row of the stretch in its batch.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// The texts of a column of text.
    pub(super) fn texts(&self) -> Option<&Texts<'a>> {
        self.view.as_ref().and_then(ColumnView::texts)
    }

    /// Counts the values of these rows, none of which is missing; the first row of the stretch is the `first`th of all.
    pub(super) fn count(&self, among: Mask, first: u64, counts: &mut Counts) {
        let row_of = |row: usize| first + row as u64;
        let text_of = |row: usize| self.view.as_ref().and_then(|view| view.text(self.start + row));
        if self.dtype == DType::String {
            let texts = among.rows().filter_map(|row| Some((text_of(row)?, row_of(row))));
            texts.for_each(|(text, row)| counts.add_text(text, row));
        } else if self.is_exact {
            let numbers = self.numbers();
            counts.add_numbers(among.rows().filter_map(|row| Some((*numbers.get(row)?, row_of(row)))));
        } else {
            counts.add_values(among.rows().map(|row| (self.value(row), row_of(row))));
        }
    }

    /// The rows whose text fails, none of which is missing; the layout is looked at once for all of them.
    fn failing_texts(&self, among: Mask, mut fails: impl FnMut(&'a str) -> bool) -> Mask {
        let mut failing = Mask::default();
        let start = self.start;
        let mut told = |row: usize, text: &'a str| {
            if fails(text) {
                failing.set(row);
            }
        };
        match self.view.as_ref().and_then(ColumnView::texts) {
            Some(Texts::Utf8(texts)) => among.rows().for_each(|row| told(row, texts.value(start + row))),
            Some(Texts::Large(texts)) => among.rows().for_each(|row| told(row, texts.value(start + row))),
            Some(Texts::View(texts)) => among.rows().for_each(|row| told(row, texts.value(start + row))),
            Some(_) => among.rows().for_each(|row| {
                if let Some(text) = self.view.as_ref().and_then(|view| view.text(start + row)) {
                    told(row, text);
                }
            }),
            None => {}
        }
        failing
    }

    /// Which of these rows do not pass.
    pub(super) fn failing(&self, test: &Test, among: Mask) -> Mask {
        let numbers = if self.is_exact { self.numbers() } else { &[] };
        match test {
            Test::Missing => among.without(self.missing),
            Test::Present => among.and(self.missing),
            Test::Within(interval) if !numbers.is_empty() && interval.numbers().is_some() => {
                let (low, high, strict_low, strict_high) = interval.numbers().unwrap_or_default();
                let inside = match (strict_low, strict_high) {
                    (false, false) => Mask::of_numbers(numbers, |number| (number >= low) & (number <= high)),
                    (false, true) => Mask::of_numbers(numbers, |number| (number >= low) & (number < high)),
                    (true, false) => Mask::of_numbers(numbers, |number| (number > low) & (number <= high)),
                    (true, true) => Mask::of_numbers(numbers, |number| (number > low) & (number < high)),
                };
                among.without(inside)
            }
            Test::Among(set, negated) if !numbers.is_empty() => {
                let inside = Mask::of_numbers(numbers, |number| set.contains_number(number));
                if *negated { among.and(inside) } else { among.without(inside) }
            }
            test if self.dtype == DType::String => {
                self.failing_texts(among.without(self.missing), |text| test.fails(Value::Text(text)))
            }
            test => {
                let mut failing = Mask::default();
                among.rows().filter(|row| test.fails(self.value(*row))).for_each(|row| failing.set(row));
                failing
            }
        }
    }

    /// A number of the column as its value.
    pub(super) fn value_of(&self, number: f64) -> OwnedValue {
        match self.dtype {
            DType::Bool => OwnedValue::Bool(number != 0.0),
            dtype if dtype.is_float() => OwnedValue::Float(number),
            _ => OwnedValue::Int(number as i64),
        }
    }
}

fn is_exact(dtype: DType, array: &ArrayRef) -> bool {
    let least = -(EXACT as i64);
    let most = EXACT as i64;
    match array.data_type() {
        DataType::Int64 => {
            let values = array.as_primitive::<Int64Type>().values();
            let (low, high) =
                values.iter().fold((0, 0), |(low, high), value| ((*value).min(low), (*value).max(high)));
            low >= least && high <= most
        }
        DataType::UInt64 => {
            let values = array.as_primitive::<UInt64Type>().values();
            values.iter().copied().max().is_none_or(|high| high <= most as u64)
        }
        _ => dtype.is_numeric(),
    }
}
