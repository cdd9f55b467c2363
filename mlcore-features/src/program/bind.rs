//! From a table's columns to typed, checked views that blocks of rows are read from.

use std::borrow::Cow;
use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, new_null_array};
use mlcore::arrow::datatypes::DataType;
use mlcore::batch::{ColumnView, Element, Value, column_of};
use mlcore::schema::{DType, Field};
use mlcore::{Error, Result, match_element};

use super::encoder::{exact_bits, exact_value};
use super::row::unfit_value;
use super::{Places, Program, Slot, decimal};

/// The columns that the program reads, in its order and its types: by name, in any order, others ignored.
pub(crate) fn columns<'a>(program: &Program, table: &'a RecordBatch) -> Result<Vec<Cow<'a, ArrayRef>>> {
    let schema = table.schema_ref();
    if program.familiar.get().is_some_and(|familiar| Arc::ptr_eq(familiar, schema)) {
        return Ok(table.columns().iter().take(program.slots.len()).map(Cow::Borrowed).collect());
    }
    let mut columns = Vec::with_capacity(program.slots.len());
    let fields = schema.fields();
    // As many as the plan reads, in its order, are all different. Most tables come so, and a search for every name would cost
    // more than the transform of a small batch.
    let in_order = fields.len() == program.slots.len()
        && fields.iter().zip(program.input.names()).all(|(own, name)| own.name() == name);
    let places = if in_order { None } else { Some(Places::of(fields)) };
    for (position, field) in program.input.fields().iter().enumerate() {
        let own = places.as_ref().map_or(Ok(position), |places| places.position(field.name(), "transform"));
        let column = table.column(own?);
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

/// The column as an array of exactly this type, if each of its values fits there: a number in one of another width, a
/// moment in another unit or another time zone.
fn conform<'a>(
    program: &Program,
    position: usize,
    column: &'a ArrayRef,
    expected: DType,
) -> Result<Cow<'a, ArrayRef>> {
    let (Some(field), Some(slot)) = (program.input.fields().get(position), program.slots.get(position))
    else {
        return Err(Error::internal("transform", "columns", "there are more than the plan reads"));
    };
    if column.data_type().is_decimal() {
        let floats = decimal::floats(field.name(), column, "transform")?.into_owned();
        return conform(program, position, &floats, expected).map(|column| Cow::Owned(column.into_owned()));
    }
    let got = DType::from_arrow(column.data_type());
    let is_plain = match column.data_type() {
        DataType::Dictionary(..) => expected == DType::String,
        DataType::Date64 => false,
        _ => true,
    };
    let as_it_lies = got == Some(expected) || (slot.takes_any_number() && got.is_some_and(DType::is_numeric));
    if as_it_lies && is_plain {
        return Ok(Cow::Borrowed(column));
    }
    // An untyped column of nulls, as polars and pandas make them, is a missing value of whatever type is expected.
    if *column.data_type() == DataType::Null {
        return Ok(Cow::Owned(new_null_array(&expected.to_arrow(), column.len())));
    }
    let plain = ColumnView::plain(field.name(), column)?;
    if as_it_lies {
        return Ok(Cow::Owned(plain));
    }
    if !got.is_some_and(|got| converts(got, expected)) {
        let got = got.map_or_else(|| column.data_type().to_string(), |got| got.to_string());
        let problem = format!("expected {expected}, got {got}");
        return Err(Error::schema_mismatch("transform", field.name(), problem)
            .remedy("cast the column to the type it was fitted on, or fit again"));
    }
    let view = ColumnView::new(field.name(), plain.as_ref())?;
    let values = || (0..plain.len()).map(|row| view.value(row));
    if let Some((row, value)) = values().enumerate().find(|(_, value)| slot.held(*value).is_none()) {
        return Err(unfit_value(program, position, &value, Some(row)));
    }
    column_of(&field.clone().nullable(), values().map(|value| slot.held(value).unwrap_or_default()))
        .map(Cow::Owned)
}

/// A column that leaves the plan as it came into the slot, in the type that was fitted if each of its values has one there:
/// floats without fractions are integers again.
pub(crate) fn settled(slot: Slot, array: &ArrayRef) -> Result<ArrayRef> {
    if !slot.takes_any_number() || DType::from_arrow(array.data_type()) == Some(slot.dtype) {
        return Ok(array.clone());
    }
    let view = ColumnView::new("column", array.as_ref())?;
    let held: Option<Vec<Value<'_>>> = (0..array.len()).map(|row| slot.held(view.value(row))).collect();
    match held {
        Some(values) => column_of(&Field::column("column", slot.dtype).nullable(), values),
        None => Ok(array.clone()),
    }
}

/// The same with `fill` in the place of what is missing.
pub(crate) fn filled(slot: Slot, array: &ArrayRef, fill: u64) -> Result<ArrayRef> {
    let settled = settled(slot, array)?;
    let view = ColumnView::new("column", settled.as_ref())?;
    if DType::from_arrow(settled.data_type()) == Some(slot.dtype) {
        return exact_array(
            slot.dtype,
            (0..array.len()).map(|row| exact_bits(view.value(row)).unwrap_or(fill)),
        );
    }
    let mut numbers = vec![0.0; array.len()];
    view.numbers(0, &mut numbers);
    let fill = exact_value(fill, slot.dtype).as_f64().unwrap_or(f64::NAN);
    numbers.iter_mut().filter(|number| number.is_nan()).for_each(|number| *number = fill);
    Ok(Arc::new(Float64Array::from(numbers)))
}

/// Whether a value of the one type may be one of the other.
pub(crate) fn converts(got: DType, expected: DType) -> bool {
    match (got, expected) {
        (DType::Time(_), DType::Time(_)) => true,
        (DType::Timestamp(_, from), DType::Timestamp(_, to)) => from.is_some() == to.is_some(),
        (got, expected) => got.is_numeric() && expected.is_numeric(),
    }
}

/// An array of this integer or bool type from patterns.
fn exact_array(dtype: DType, bits: impl Iterator<Item = u64>) -> Result<ArrayRef> {
    match_element!(
        dtype,
        T => {
            let element = |bits| T::from_value(exact_value(bits, dtype)).unwrap_or_default();
            Ok(T::into_array(bits.map(element).collect()))
        },
        _ => Err(Error::internal("make column", dtype.to_string(), "it has no patterns"))
    )
}
