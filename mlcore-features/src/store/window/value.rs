//! The values of events, as windows take them.

use mlcore::arrow::array::{Array, ArrayRef};
use mlcore::batch::{ColumnView, OwnedValue, Value};
use mlcore::schema::DType;
use mlcore::time::{Date, DateTime, Time, Timestamp};
use mlcore::{Error, Result};
use xxhash_rust::xxh3::xxh3_64;

use super::OPERATION;
use super::quantiles::{ordered, unordered};
use crate::store::definition::ValueType;

/// What kind of values a column has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// Signed integers, bools, dates and times, by their counts.
    Signed,
    Unsigned,
    Float,
    Text,
    /// Lists, which can be counted and no more.
    Opaque,
}

impl Class {
    pub(super) fn of(value_type: ValueType) -> Self {
        match value_type {
            ValueType::List(_) => Self::Opaque,
            ValueType::Scalar(DType::String) => Self::Text,
            ValueType::Scalar(dtype) if dtype.is_float() => Self::Float,
            ValueType::Scalar(dtype) if dtype.is_integer() && !dtype.is_signed() => Self::Unsigned,
            ValueType::Scalar(_) => Self::Signed,
        }
    }
}

/// One value of an event that is neither null nor NaN.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Item<'a> {
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(&'a str),
    Opaque,
}

/// A value that is kept: of a number, 64 bits that are ordered as the numbers of its column.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Word {
    Number(u64),
    Text(Box<str>),
}

const SIGN: u64 = 1 << 63;

impl Item<'_> {
    /// Bits that are ordered as the values of a column; nothing for a text.
    #[inline]
    pub(super) fn ordered(self) -> Option<u64> {
        match self {
            Self::Signed(number) => Some(number.cast_unsigned() ^ SIGN),
            Self::Unsigned(number) => Some(number),
            Self::Float(number) => Some(ordered(number)),
            Self::Text(_) | Self::Opaque => None,
        }
    }

    pub(super) fn word(self) -> Option<Word> {
        match self {
            Self::Text(text) => Some(Word::Text(text.into())),
            other => other.ordered().map(Word::Number),
        }
    }

    /// A hash that is the same on every machine. Both zeros are one value.
    pub(super) fn hash(self) -> u64 {
        match self {
            Self::Signed(number) => xxh3_64(&number.to_le_bytes()),
            Self::Unsigned(number) => xxh3_64(&number.to_le_bytes()),
            Self::Float(number) => {
                xxh3_64(&(if number == 0.0 { 0.0 } else { number }).to_bits().to_le_bytes())
            }
            Self::Text(text) => xxh3_64(text.as_bytes()),
            Self::Opaque => 0,
        }
    }
}

/// The value of ordered bits in a column of this type.
pub(super) fn restored(dtype: DType, bits: u64) -> OwnedValue {
    let signed = (bits ^ SIGN).cast_signed();
    match dtype {
        DType::Bool => OwnedValue::Bool(signed != 0),
        DType::Date => OwnedValue::Date(Date::from_days(signed as i32)),
        DType::Time(unit) => Time::new(signed, unit).map_or(OwnedValue::Null, OwnedValue::Time),
        DType::Timestamp(unit, None) => OwnedValue::DateTime(DateTime::new(signed, unit)),
        DType::Timestamp(unit, Some(_)) => OwnedValue::Timestamp(Timestamp::new(signed, unit)),
        dtype if dtype.is_float() => OwnedValue::Float(unordered(bits)),
        dtype if dtype.is_integer() && !dtype.is_signed() => OwnedValue::UInt(bits),
        _ => OwnedValue::Int(signed),
    }
}

/// A column of events, read as values of the type that the view declares.
pub(crate) struct Values<'a> {
    name: &'a str,
    dtype: DType,
    class: Class,
    /// None for lists, of which nulls are counted alone.
    view: Option<ColumnView<'a>>,
    array: &'a dyn Array,
    /// Whether the column has another type, so that each value must show that it fits.
    is_checked: bool,
}

impl<'a> Values<'a> {
    /// The array in a layout that is read.
    pub(crate) fn plain(name: &str, value_type: ValueType, array: &ArrayRef) -> Result<ArrayRef> {
        if value_type.is_list() { Ok(array.clone()) } else { ColumnView::plain(name, array) }
    }

    /// Reads a [plain](Self::plain) column.
    pub(crate) fn new(name: &'a str, value_type: ValueType, array: &'a dyn Array) -> Result<Self> {
        let (class, dtype) = (Class::of(value_type), value_type.dtype());
        let is_list = ValueType::from_arrow(array.data_type()).is_some_and(ValueType::is_list);
        let refused = || {
            let problem = format!("expected {value_type}, got {}", array.data_type());
            Error::schema_mismatch(OPERATION, name, problem)
                .remedy("cast the column to the type that the view declares")
        };
        if class == Class::Opaque {
            return if is_list {
                Ok(Self { name, dtype, class, view: None, array, is_checked: false })
            } else {
                Err(refused())
            };
        }
        let own = DType::from_arrow(array.data_type()).ok_or_else(refused)?;
        let are_numbers = own.is_numeric() && dtype.is_numeric();
        if own != dtype && !are_numbers && !(own.is_temporal() && dtype.is_temporal()) {
            return Err(refused());
        }
        let view = Some(ColumnView::new(name, array)?);
        Ok(Self { name, dtype, class, view, array, is_checked: own != dtype })
    }

    /// The value of a row; `None` for null and NaN.
    #[inline]
    pub(crate) fn item(&self, row: usize) -> Result<Option<Item<'_>>> {
        let Some(view) = &self.view else {
            return Ok((!self.array.is_null(row)).then_some(Item::Opaque));
        };
        if let (Some(doubles), Class::Float) = (view.doubles(), self.class) {
            let number = doubles.get(row).copied().filter(|number| !number.is_nan());
            return Ok(number.filter(|_| !view.is_null(row)).map(Item::Float));
        }
        let value = view.value(row);
        if value.is_missing() {
            return Ok(None);
        }
        let item = if self.is_checked && !value.fits(self.dtype) { None } else { self.taken(value) };
        item.map(Some).ok_or_else(|| self.unfit(row, value))
    }

    fn taken(&self, value: Value<'a>) -> Option<Item<'a>> {
        Some(match (self.class, value) {
            (Class::Signed, Value::Int(number)) => Item::Signed(number),
            (Class::Signed, Value::UInt(number)) => Item::Signed(i64::try_from(number).ok()?),
            (Class::Signed, Value::Bool(truth)) => Item::Signed(truth.into()),
            (Class::Signed, value) => Item::Signed(value.count_in(self.dtype)?),
            (Class::Unsigned, Value::UInt(number)) => Item::Unsigned(number),
            (Class::Unsigned, Value::Int(number)) => Item::Unsigned(u64::try_from(number).ok()?),
            (Class::Unsigned, Value::Bool(truth)) => Item::Unsigned(truth.into()),
            (Class::Float, value) if !self.is_checked => Item::Float(value.as_f64()?),
            (Class::Float, value) if self.dtype == DType::Float64 => Item::Float(value.as_f64()?),
            (Class::Float, value) if self.dtype == DType::Float32 => {
                Item::Float(f64::from(value.as_f64()? as f32))
            }
            (Class::Text, Value::Text(text)) => Item::Text(text),
            _ => return None,
        })
    }

    #[cold]
    fn unfit(&self, row: usize, value: Value<'_>) -> Error {
        let problem = format!("row {row}: {} does not fit into {}", value.described(), self.dtype);
        Error::schema_mismatch(OPERATION, self.name, problem)
            .remedy("cast the column to the type that the view declares, or declare a wider one")
    }
}
