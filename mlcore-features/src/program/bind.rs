//! From a table's columns to typed, checked slices that blocks of rows are read from.

use std::borrow::Cow;
use std::sync::Arc;

use mlcore::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, LargeStringArray, PrimitiveArray, RecordBatch, StringArray,
    StringViewArray,
};
use mlcore::arrow::buffer::NullBuffer;
use mlcore::arrow::compute::cast;
use mlcore::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use mlcore::batch::Value;
use mlcore::schema::DType;
use mlcore::{Error, Result};

use super::row::unfit_value;
use super::{Program, missing_column};

/// A column whose layout is known, of the type that the plan expects. Small, because a plan of many columns on a few rows
/// spends its time here: what is rare lies in a box.
#[derive(Debug)]
pub(crate) struct Bound<'a> {
    pub(crate) values: Values<'a>,
    /// Which values are null, dictionaries looked through.
    pub(crate) nulls: Option<Box<NullBuffer>>,
}

#[derive(Debug)]
pub(crate) enum Values<'a> {
    Bool(&'a BooleanArray),
    Int8(&'a [i8]),
    Int16(&'a [i16]),
    Int32(&'a [i32]),
    Int64(&'a [i64]),
    UInt8(&'a [u8]),
    UInt16(&'a [u16]),
    UInt32(&'a [u32]),
    UInt64(&'a [u64]),
    Float16(&'a [<Float16Type as ArrowPrimitiveType>::Native]),
    Float32(&'a [f32]),
    Float64(&'a [f64]),
    Text(Texts<'a>),
}

/// Text in any of Arrow's layouts.
#[derive(Debug)]
pub(crate) enum Texts<'a> {
    Utf8(&'a StringArray),
    Large(&'a LargeStringArray),
    View(&'a StringViewArray),
    Dictionary(Box<Dictionary<'a>>),
}

/// A code per row, and the text of each code.
#[derive(Debug)]
pub(crate) struct Dictionary<'a> {
    pub(crate) keys: Vec<u32>,
    pub(crate) texts: Vec<Option<&'a str>>,
}

impl<'a> Bound<'a> {
    /// Reads a plain array: numbers, bools, or text in any layout.
    pub(crate) fn of(array: &'a dyn Array) -> Option<Self> {
        fn primitive<T: ArrowPrimitiveType>(array: &dyn Array) -> &[T::Native] {
            array.as_primitive::<T>().values()
        }
        let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0).map(Box::new);
        let values = match array.data_type() {
            DataType::Boolean => Values::Bool(array.as_boolean()),
            DataType::Int8 => Values::Int8(primitive::<Int8Type>(array)),
            DataType::Int16 => Values::Int16(primitive::<Int16Type>(array)),
            DataType::Int32 => Values::Int32(primitive::<Int32Type>(array)),
            DataType::Int64 => Values::Int64(primitive::<Int64Type>(array)),
            DataType::UInt8 => Values::UInt8(primitive::<UInt8Type>(array)),
            DataType::UInt16 => Values::UInt16(primitive::<UInt16Type>(array)),
            DataType::UInt32 => Values::UInt32(primitive::<UInt32Type>(array)),
            DataType::UInt64 => Values::UInt64(primitive::<UInt64Type>(array)),
            DataType::Float16 => Values::Float16(primitive::<Float16Type>(array)),
            DataType::Float32 => Values::Float32(primitive::<Float32Type>(array)),
            DataType::Float64 => Values::Float64(primitive::<Float64Type>(array)),
            DataType::Utf8 => Values::Text(Texts::Utf8(array.as_string())),
            DataType::LargeUtf8 => Values::Text(Texts::Large(array.as_string())),
            DataType::Utf8View => Values::Text(Texts::View(array.as_string_view())),
            DataType::Dictionary(_, _) => {
                let dictionary = array.as_any_dictionary_opt()?;
                let words = Self::of(dictionary.values().as_ref())?;
                let texts = (0..dictionary.values().len()).map(|row| words.text(row)).collect();
                let keys = cast(dictionary.keys(), &DataType::UInt32).ok()?;
                let keys = keys.as_primitive::<UInt32Type>().values().to_vec();
                Values::Text(Texts::Dictionary(Box::new(Dictionary { keys, texts })))
            }
            _ => return None,
        };
        Some(Self { values, nulls })
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// The first null row of `start..start + count`, counted from `start`.
    pub(crate) fn first_null(&self, start: usize, count: usize) -> Option<usize> {
        let nulls = self.nulls.as_ref()?;
        (0..count).find(|offset| nulls.is_null(start + offset))
    }

    /// The numbers themselves, where they are doubles and none is null.
    pub(crate) fn doubles(&self, start: usize, count: usize) -> Option<&[f64]> {
        match &self.values {
            Values::Float64(values) if self.nulls.is_none() => values.get(start..start + count),
            _ => None,
        }
    }

    /// Reads numbers, a null as NaN.
    pub(crate) fn numbers(&self, start: usize, into: &mut [f64]) {
        fn widen<T: Copy>(values: &[T], start: usize, into: &mut [f64], number: impl Fn(T) -> f64) {
            let values = values.get(start..).unwrap_or_default();
            for (into, value) in into.iter_mut().zip(values) {
                *into = number(*value);
            }
        }
        match &self.values {
            Values::Bool(values) => {
                for (offset, into) in into.iter_mut().enumerate() {
                    *into = f64::from(u8::from(values.value(start + offset)));
                }
            }
            Values::Int8(values) => widen(values, start, into, f64::from),
            Values::Int16(values) => widen(values, start, into, f64::from),
            Values::Int32(values) => widen(values, start, into, f64::from),
            Values::Int64(values) => widen(values, start, into, |value| value as f64),
            Values::UInt8(values) => widen(values, start, into, f64::from),
            Values::UInt16(values) => widen(values, start, into, f64::from),
            Values::UInt32(values) => widen(values, start, into, f64::from),
            Values::UInt64(values) => widen(values, start, into, |value| value as f64),
            Values::Float16(values) => widen(values, start, into, |value| value.to_f64()),
            Values::Float32(values) => widen(values, start, into, f64::from),
            Values::Float64(values) => widen(values, start, into, |value| value),
            Values::Text(_) => into.fill(f64::NAN),
        }
        if let Some(nulls) = &self.nulls {
            for (offset, into) in into.iter_mut().enumerate() {
                if nulls.is_null(start + offset) {
                    *into = f64::NAN;
                }
            }
        }
    }

    /// The pattern of an integer or a bool; `None` for a null.
    #[inline]
    pub(crate) fn exact(&self, row: usize) -> Option<u64> {
        if self.is_null(row) {
            return None;
        }
        match &self.values {
            Values::Bool(values) => Some(u64::from(values.value(row))),
            Values::Int8(values) => values.get(row).map(|value| i64::from(*value) as u64),
            Values::Int16(values) => values.get(row).map(|value| i64::from(*value) as u64),
            Values::Int32(values) => values.get(row).map(|value| i64::from(*value) as u64),
            Values::Int64(values) => values.get(row).map(|value| *value as u64),
            Values::UInt8(values) => values.get(row).map(|value| u64::from(*value)),
            Values::UInt16(values) => values.get(row).map(|value| u64::from(*value)),
            Values::UInt32(values) => values.get(row).map(|value| u64::from(*value)),
            Values::UInt64(values) => values.get(row).copied(),
            _ => None,
        }
    }

    /// The text; `None` for a null.
    #[inline]
    pub(crate) fn text(&self, row: usize) -> Option<&'a str> {
        if self.is_null(row) {
            return None;
        }
        match &self.values {
            Values::Text(Texts::Utf8(values)) => Some(values.value(row)),
            Values::Text(Texts::Large(values)) => Some(values.value(row)),
            Values::Text(Texts::View(values)) => Some(values.value(row)),
            Values::Text(Texts::Dictionary(words)) => {
                words.keys.get(row).and_then(|key| words.texts.get(*key as usize)).copied().flatten()
            }
            _ => None,
        }
    }

    /// The cell as a value.
    pub(crate) fn value(&self, row: usize) -> Value<'a> {
        if self.is_null(row) {
            return Value::Null;
        }
        match &self.values {
            Values::Bool(values) => Value::Bool(values.value(row)),
            Values::UInt8(_) | Values::UInt16(_) | Values::UInt32(_) | Values::UInt64(_) => {
                self.exact(row).map_or(Value::Null, Value::UInt)
            }
            Values::Int8(_) | Values::Int16(_) | Values::Int32(_) | Values::Int64(_) => {
                self.exact(row).map_or(Value::Null, |bits| Value::Int(bits as i64))
            }
            Values::Float16(_) | Values::Float32(_) | Values::Float64(_) => {
                let mut number = [0.0];
                self.numbers(row, &mut number);
                Value::Float(number[0])
            }
            Values::Text(_) => self.text(row).map_or(Value::Null, Value::Text),
        }
    }
}

/// The columns that the program reads, in its order and its types: by name, in any order, others ignored.
pub(crate) fn columns<'a>(program: &Program, table: &'a RecordBatch) -> Result<Vec<Cow<'a, ArrayRef>>> {
    let schema = table.schema_ref();
    if program.familiar.get().is_some_and(|familiar| Arc::ptr_eq(familiar, schema)) {
        return Ok(table.columns().iter().take(program.slots.len()).map(Cow::Borrowed).collect());
    }
    let mut columns = Vec::with_capacity(program.slots.len());
    let fields = schema.fields();
    for (position, field) in program.input.fields().iter().enumerate() {
        // Most tables come in the order of the plan, where a search for every name would cost more than the transform of
        // a small batch.
        let own = fields.get(position).filter(|own| own.name() == field.name());
        let column = match own {
            Some(_) => Some(table.column(position)),
            None => table.column_by_name(field.name()),
        };
        let column = column.ok_or_else(|| missing_column(table, field.name(), "transform"))?;
        columns.push(conform(program, position, column, field.dtype())?);
    }
    let mut own = columns.iter().zip(table.columns());
    if program.familiar.get().is_none()
        && own.all(|(column, own)| matches!(column, Cow::Borrowed(column) if std::ptr::eq(*column, own)))
    {
        // Another thread may have been quicker, with a schema that is as good.
        drop(program.familiar.set(schema.clone()));
    }
    Ok(columns)
}

/// The column as an array of exactly this type, if each of its values fits there.
fn conform<'a>(
    program: &Program,
    position: usize,
    column: &'a ArrayRef,
    expected: DType,
) -> Result<Cow<'a, ArrayRef>> {
    let got = DType::from_arrow(column.data_type());
    let is_plain = expected == DType::String || !matches!(column.data_type(), DataType::Dictionary(_, _));
    if got == Some(expected) && is_plain {
        return Ok(Cow::Borrowed(column));
    }
    let plain = plain(column)?;
    if got == Some(expected) {
        return Ok(Cow::Owned(plain));
    }
    let unfit = || {
        let name = program.input.fields().get(position).map_or("", |field| field.name());
        Error::schema_mismatch("transform", name, format!("expected {expected}, got {}", column.data_type()))
            .remedy("cast the column to the type it was fitted on, or fit again")
    };
    // An untyped column of nulls, as polars and pandas make them, is a missing value of whatever type is expected.
    if *column.data_type() == DataType::Null {
        return Ok(Cow::Owned(mlcore::arrow::array::new_null_array(&expected.to_arrow(), column.len())));
    }
    let comparable = got.is_some_and(|got| {
        got.is_numeric()
            && got != DType::Bool
            && expected.is_numeric()
            && expected != DType::Bool
            && (expected.is_float() || !got.is_float())
    });
    let bound = Bound::of(plain.as_ref()).filter(|_| comparable).ok_or_else(unfit)?;
    for row in 0..plain.len() {
        let value = bound.value(row);
        if !value.fits(expected) {
            return Err(unfit_value(program, position, &value, Some(row)));
        }
    }
    cast(&plain, &expected.to_arrow()).map(Cow::Owned).map_err(|cause| unfit().caused_by(cause))
}

/// The array without a dictionary around numbers; text keeps its layout.
pub(crate) fn plain(column: &ArrayRef) -> Result<ArrayRef> {
    match column.data_type() {
        DataType::Dictionary(_, values) if DType::from_arrow(values) != Some(DType::String) => {
            cast(column, values).map_err(|cause| {
                Error::unsupported("read column", "dictionary", cause.to_string()).caused_by(cause)
            })
        }
        _ => Ok(column.clone()),
    }
}

/// An array of this integer or bool type from patterns.
pub(crate) fn exact_array(dtype: DType, bits: impl Iterator<Item = u64>) -> ArrayRef {
    fn array<T: ArrowPrimitiveType>(values: impl Iterator<Item = T::Native>) -> ArrayRef {
        Arc::new(PrimitiveArray::<T>::from_iter_values(values))
    }
    match dtype {
        DType::Bool => Arc::new(BooleanArray::from_iter(bits.map(|bits| Some(bits != 0)))),
        DType::Int8 => array::<Int8Type>(bits.map(|bits| bits as i8)),
        DType::Int16 => array::<Int16Type>(bits.map(|bits| bits as i16)),
        DType::Int32 => array::<Int32Type>(bits.map(|bits| bits as i32)),
        DType::Int64 => array::<Int64Type>(bits.map(|bits| bits as i64)),
        DType::UInt8 => array::<UInt8Type>(bits.map(|bits| bits as u8)),
        DType::UInt16 => array::<UInt16Type>(bits.map(|bits| bits as u16)),
        DType::UInt32 => array::<UInt32Type>(bits.map(|bits| bits as u32)),
        _ => array::<UInt64Type>(bits),
    }
}
