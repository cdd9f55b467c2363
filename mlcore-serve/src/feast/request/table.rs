//! Rows that are sent, as a table of Arrow.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, ListArray, RecordBatch, RecordBatchOptions};
use mlcore::arrow::buffer::{NullBuffer, OffsetBuffer};
use mlcore::arrow::datatypes::{Field as ArrowField, Schema};
use mlcore::batch::column_of;
use mlcore::schema::{DType, Field};
use mlcore_features::store::definition::ValueType;

use super::Columns;
use super::columns::Sent;
use crate::feast::refusal::{Refusal, Result};

/// The types of columns whose names are known.
pub(in crate::feast) type Types = BTreeMap<String, ValueType>;

/// The rows as a table: a column whose name is known in its type, any other in the type that its values have.
pub(in crate::feast) fn table(columns: &Columns<'_>, types: &Types) -> Result<RecordBatch> {
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for (name, values) in &columns.columns {
        let array = match types.get(name).copied().or_else(|| natural(values)) {
            Some(value_type) => column(name, values, value_type)?,
            None => {
                let message = format!(
                    "write features: column {name}: its values are of several types, or lists of several; send one type"
                );
                return Err(Refusal::invalid(message));
            }
        };
        fields.push(ArrowField::new(name, array.data_type().clone(), true));
        arrays.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(columns.rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
        .map_err(|cause| Refusal::invalid(format!("write features: the columns are no table: {cause}")))
}

/// A column of values in this type.
fn column(name: &str, values: &[Sent<'_>], value_type: ValueType) -> Result<ArrayRef> {
    let dtype = value_type.dtype();
    let field = Field::column(name, dtype).nullable();
    let refuse = |row: usize, value: &Sent<'_>| {
        let remedy = if dtype.is_temporal() { "; write it as 2024-02-29T12:30:00Z" } else { "" };
        Refusal::invalid(format!(
            "write features: column {name}, row {row}: expected {value_type}, got {}{remedy}",
            value.described()
        ))
    };
    let fitted =
        |row: usize, value: &Sent<'_>| value.fitted(dtype).map(drop).ok_or_else(|| refuse(row, value));
    if !value_type.is_list() {
        values.iter().enumerate().try_for_each(|(row, value)| fitted(row, value))?;
        let fitting = values.iter().map(|value| value.fitted(dtype).unwrap_or_default());
        return Ok(column_of(&field, fitting)?);
    }
    let (mut lengths, mut valid, mut items) = (Vec::new(), Vec::new(), Vec::new());
    for (row, value) in values.iter().enumerate() {
        let list = match value {
            Sent::List(list) => Some(list.as_slice()),
            Sent::Null => None,
            Sent::Bare(bare) if bare.is_nan() => None,
            other => return Err(refuse(row, other)),
        };
        valid.push(list.is_some());
        lengths.push(list.map_or(0, <[Sent<'_>]>::len));
        for item in list.unwrap_or_default() {
            items.push(item.fitted(dtype).ok_or_else(|| refuse(row, item))?);
        }
    }
    if i32::try_from(items.len()).is_err() {
        let message = format!(
            "write features: column {name}: its lists have more than 2^31 - 1 values; send fewer rows"
        );
        return Err(Refusal::too_large(message));
    }
    let items = column_of(&field, items)?;
    let item = Arc::new(ArrowField::new("item", items.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths(lengths);
    let made = ListArray::try_new(item, offsets, items, Some(NullBuffer::from(valid)));
    let made = made.map_err(|cause| Refusal::invalid(format!("write features: column {name}: {cause}")))?;
    Ok(Arc::new(made))
}

/// The one type that the values have; text where there is none, and `None` for a mixture.
fn natural(values: &[Sent<'_>]) -> Option<ValueType> {
    let mut found: Option<ValueType> = None;
    for value in values {
        let own = match value {
            Sent::List(items) => match single(items)? {
                Some(dtype) => ValueType::List(dtype),
                // An empty list fits every list.
                None => match found {
                    Some(ValueType::List(_)) => continue,
                    _ => ValueType::List(DType::Float64),
                },
            },
            other => match kind(other) {
                Some(dtype) => ValueType::Scalar(dtype),
                None => continue,
            },
        };
        found = Some(match found {
            None => own,
            Some(known) if known.is_list() == own.is_list() => {
                let dtype = joined(known.dtype(), own.dtype())?;
                if own.is_list() { ValueType::List(dtype) } else { ValueType::Scalar(dtype) }
            }
            Some(_) => return None,
        });
    }
    Some(found.unwrap_or(ValueType::Scalar(DType::String)))
}

/// The one type of single values; `Some(None)` where they have none, `None` for a mixture.
#[expect(clippy::option_option, reason = "a mixture is one thing, and no value another")]
fn single(values: &[Sent<'_>]) -> Option<Option<DType>> {
    let mut found = None;
    for dtype in values.iter().filter_map(kind) {
        found = Some(found.map_or(Some(dtype), |known| joined(known, dtype))?);
    }
    Some(found)
}

fn kind(value: &Sent<'_>) -> Option<DType> {
    match value {
        Sent::Bool(_) => Some(DType::Bool),
        Sent::Int(_) => Some(DType::Int64),
        Sent::UInt(_) => Some(DType::UInt64),
        Sent::Float(_) | Sent::Bare(_) => Some(DType::Float64),
        Sent::Text(_) => Some(DType::String),
        Sent::Null | Sent::List(_) => None,
    }
}

/// The type that holds values of both.
fn joined(one: DType, other: DType) -> Option<DType> {
    match (one, other) {
        (one, other) if one == other => Some(one),
        (DType::Int64 | DType::UInt64 | DType::Float64, DType::Int64 | DType::UInt64 | DType::Float64) => {
            Some(DType::Float64)
        }
        _ => None,
    }
}
