//! Reading Arrow's columns and raw rows into profiles.

use super::column::{ColumnProfile, Values};
use super::number::Number;
use super::numbers::Numbers;
use super::texts::Texts;
use super::vector::BLOCK;
use super::{OPERATION, kind::ColumnKind};
use crate::arrow::array::{Array, ArrowPrimitiveType, AsArray};
use crate::arrow::buffer::NullBuffer;
use crate::arrow::datatypes::{
    DataType, Date32Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use crate::batch::{ColumnView, Texts as Words, Value};
use crate::error::Result;
use crate::interrupt;
use crate::schema::DType;

/// Asks between blocks whether to go on, or never: what must be whole cannot be stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pace {
    Stoppable,
    Whole,
}

impl Pace {
    fn check(self) -> Result<()> {
        if self == Self::Stoppable { interrupt::check(OPERATION) } else { Ok(()) }
    }
}

impl ColumnProfile {
    /// Adds the rows of a column that was checked, in the layout of [`ColumnView::plain`].
    pub(super) fn add_array(&mut self, array: &dyn Array, pace: Pace) -> Result<()> {
        let kind = ColumnKind::of_arrow(array.data_type());
        if self.kind != kind && !has_values(array) {
            let missing = array.len() as u64;
            let nulls = if kind == ColumnKind::Number { null_count(array) } else { missing };
            self.rows = self.rows.saturating_add(missing);
            self.nulls = self.nulls.saturating_add(nulls);
            self.nans = self.nans.saturating_add(missing - nulls);
            return Ok(());
        }
        self.become_kind(&kind);
        let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
        self.rows = self.rows.saturating_add(array.len() as u64);
        let missing = nulls.as_ref().map_or(0, NullBuffer::null_count);
        self.nulls = self.nulls.saturating_add(missing as u64);
        match &mut self.values {
            Values::Booleans(falses, trues) => {
                let flags = array.as_boolean();
                let set = flags.true_count() as u64;
                *trues = trues.saturating_add(set);
                *falses = falses.saturating_add((array.len() - missing) as u64 - set);
            }
            Values::Numbers(numbers) => {
                let column = Column { array, nulls: nulls.as_ref(), edges: self.bins.edges(), pace };
                let nans = column.add_to(numbers)?;
                self.nans = self.nans.saturating_add(nans);
                // Floats that are all missing are none.
                let has_floats =
                    matches!(array.data_type(), DataType::Float16 | DataType::Float32 | DataType::Float64);
                numbers.has_floats |= has_floats && (array.len() - missing) as u64 > nans;
            }
            Values::Texts(texts) => add_texts(texts, array, nulls.as_ref(), pace)?,
            Values::Nothing | Values::Other => {}
        }
        Ok(())
    }

    /// Adds one value of a column of this type, both of which were checked.
    pub(super) fn add_value(&mut self, value: Value<'_>, dtype: DType) {
        self.rows = self.rows.saturating_add(1);
        if value.is_missing() {
            let count = if value.is_null() { &mut self.nulls } else { &mut self.nans };
            *count = count.saturating_add(1);
            return;
        }
        self.become_kind(&ColumnKind::of(dtype));
        match (&mut self.values, value) {
            (Values::Booleans(falses, trues), Value::Bool(flag)) => {
                let count = if flag { trues } else { falses };
                *count = count.saturating_add(1);
            }
            (Values::Numbers(numbers), value) => {
                let edges = self.bins.edges();
                match value {
                    Value::Float(float) => {
                        numbers.has_floats = true;
                        numbers.add(&[float], edges);
                    }
                    value => {
                        let integer = match value {
                            Value::Bool(flag) => Some(i128::from(flag)),
                            other => other.integer().or(other.count_in(dtype).map(i128::from)),
                        };
                        match integer {
                            Some(integer) => numbers.add_numbers(&[Number::of_integer(integer)], edges),
                            None => self.nulls = self.nulls.saturating_add(1),
                        }
                    }
                }
            }
            (Values::Texts(texts), Value::Text(text)) => texts.add(text, 1),
            (Values::Nothing | Values::Booleans(..) | Values::Texts(_) | Values::Other, _) => {
                self.nulls = self.nulls.saturating_add(1);
            }
        }
    }
}

/// A column of numbers, dates or times, on its way.
struct Column<'a> {
    array: &'a dyn Array,
    nulls: Option<&'a NullBuffer>,
    edges: &'a [f64],
    pace: Pace,
}

impl Column<'_> {
    /// Adds its values, and answers how many are NaN.
    fn add_to(&self, numbers: &mut Numbers) -> Result<u64> {
        match self.array.data_type() {
            DataType::Float64 => self.add_doubles(numbers),
            DataType::Float32 => self.add_small::<Float32Type>(numbers, f64::from),
            DataType::Float16 => self.add_small::<Float16Type>(numbers, f64::from),
            DataType::Int8 => self.add_small::<Int8Type>(numbers, f64::from),
            DataType::Int16 => self.add_small::<Int16Type>(numbers, f64::from),
            DataType::Int32 => self.add_small::<Int32Type>(numbers, f64::from),
            DataType::UInt8 => self.add_small::<UInt8Type>(numbers, f64::from),
            DataType::UInt16 => self.add_small::<UInt16Type>(numbers, f64::from),
            DataType::UInt32 => self.add_small::<UInt32Type>(numbers, f64::from),
            DataType::Date32 => self.add_small::<Date32Type>(numbers, f64::from),
            DataType::Time32(TimeUnit::Second) => self.add_small::<Time32SecondType>(numbers, f64::from),
            DataType::Time32(_) => self.add_small::<Time32MillisecondType>(numbers, f64::from),
            DataType::Int64 => self.add_large::<Int64Type>(numbers),
            DataType::Time64(TimeUnit::Microsecond) => self.add_large::<Time64MicrosecondType>(numbers),
            DataType::Time64(_) => self.add_large::<Time64NanosecondType>(numbers),
            DataType::Timestamp(TimeUnit::Second, _) => self.add_large::<TimestampSecondType>(numbers),
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                self.add_large::<TimestampMillisecondType>(numbers)
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                self.add_large::<TimestampMicrosecondType>(numbers)
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                self.add_large::<TimestampNanosecondType>(numbers)
            }
            DataType::UInt64 => self.add_unsigned(numbers),
            _ => Ok(0),
        }
    }

    fn add_doubles(&self, numbers: &mut Numbers) -> Result<u64> {
        let array = self.array.as_primitive::<Float64Type>();
        if self.nulls.is_some() {
            return self.add_small::<Float64Type>(numbers, |value| value);
        }
        let mut nans = 0;
        for block in array.values().chunks(BLOCK) {
            self.pace.check()?;
            nans += numbers.add(block, self.edges);
        }
        Ok(nans)
    }

    fn add_small<T: ArrowPrimitiveType>(
        &self,
        numbers: &mut Numbers,
        to_float: impl Fn(T::Native) -> f64,
    ) -> Result<u64> {
        let mut nans = 0;
        self.blocks(self.array.as_primitive::<T>().values(), to_float, |block| {
            nans += numbers.add(block, self.edges);
        })?;
        Ok(nans)
    }

    fn add_large<T: ArrowPrimitiveType<Native = i64>>(&self, numbers: &mut Numbers) -> Result<u64> {
        let values = self.array.as_primitive::<T>().values();
        self.blocks(values, |value| value, |block| numbers.add_integers(block, self.edges))?;
        Ok(0)
    }

    fn add_unsigned(&self, numbers: &mut Numbers) -> Result<u64> {
        let mut large = Vec::new();
        self.blocks(
            self.array.as_primitive::<UInt64Type>().values(),
            |value| value,
            |block: &[u64]| {
                large.clear();
                large.extend(block.iter().map(|value| Number::of_integer(i128::from(*value))));
                numbers.add_numbers(&large, self.edges);
            },
        )?;
        Ok(0)
    }

    /// Hands the values that are not null to `sink`, a block at a time.
    fn blocks<T: Copy, U: Copy + Default>(
        &self,
        values: &[T],
        convert: impl Fn(T) -> U,
        mut sink: impl FnMut(&[U]),
    ) -> Result<()> {
        let (mut block, mut filled) = ([U::default(); BLOCK], 0);
        let mut take = |mut run: &[T]| -> Result<()> {
            while !run.is_empty() {
                let free = block.get_mut(filled..).unwrap_or_default();
                let (now, later) = run.split_at(run.len().min(free.len()));
                free.iter_mut().zip(now).for_each(|(into, value)| *into = convert(*value));
                filled += now.len();
                run = later;
                if filled == BLOCK {
                    self.pace.check()?;
                    sink(&block);
                    filled = 0;
                }
            }
            Ok(())
        };
        match self.nulls {
            None => take(values)?,
            Some(nulls) => {
                for (start, end) in nulls.valid_slices() {
                    take(values.get(start..end).unwrap_or_default())?;
                }
            }
        }
        if filled > 0 {
            sink(block.get(..filled).unwrap_or_default());
        }
        Ok(())
    }
}

/// Whether any row of a column has a value: one that is neither null nor NaN.
pub(super) fn has_values(array: &dyn Array) -> bool {
    if null_count(array) == array.len() as u64 {
        return false;
    }
    let some = |values: &mut dyn Iterator<Item = Option<f64>>| values.flatten().any(|value| !value.is_nan());
    match array.data_type() {
        DataType::Float64 => some(&mut array.as_primitive::<Float64Type>().iter()),
        DataType::Float32 => {
            some(&mut array.as_primitive::<Float32Type>().iter().map(|value| value.map(f64::from)))
        }
        DataType::Float16 => {
            some(&mut array.as_primitive::<Float16Type>().iter().map(|value| value.map(f64::from)))
        }
        _ => true,
    }
}

/// The rows that are null, dictionaries looked through.
fn null_count(array: &dyn Array) -> u64 {
    if *array.data_type() == DataType::Null {
        return array.len() as u64;
    }
    array.logical_nulls().map_or(0, |nulls| nulls.null_count() as u64)
}

fn add_texts(texts: &mut Texts, array: &dyn Array, nulls: Option<&NullBuffer>, pace: Pace) -> Result<()> {
    let column = ColumnView::new(OPERATION, array)?;
    let Some(words) = column.texts() else { return Ok(()) };
    if let Words::Dictionary(dictionary) = words
        && dictionary.texts().len() <= MOST_CODES_PER_ROW * array.len()
    {
        let mut counts = vec![0_u64; dictionary.texts().len()];
        for (row, code) in dictionary.codes().iter().enumerate() {
            if let Some(count) = counts.get_mut(*code as usize)
                && nulls.is_none_or(|nulls| nulls.is_valid(row))
            {
                *count += 1;
            }
        }
        let counted = dictionary.texts().iter().zip(counts).filter(|(_, count)| *count > 0);
        counted.for_each(|(text, count)| texts.add(text.unwrap_or_default(), count));
        return Ok(());
    }
    for start in (0..array.len()).step_by(BLOCK) {
        pace.check()?;
        let rows = start..array.len().min(start + BLOCK);
        rows.filter_map(|row| column.text(row)).for_each(|text| texts.add(text, 1));
    }
    Ok(())
}

/// A dictionary of more codes is looked up row by row.
const MOST_CODES_PER_ROW: usize = 4;
