//! Values that rows have by the folder they lie in.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray};
use mlcore::arrow::datatypes::{DataType, Field, Schema};
use mlcore::time::Date;
use mlcore::{Error, Result};

use super::OPERATION;
use super::files::FoundFile;
use crate::store::offline::gather::{Place, gather};
use crate::store::offline::kept::assembled;

/// The columns that folders make, and for each file their values, arrays of one row.
///
/// A column is one of integers, of dates, or of text, whichever all its values are.
pub(super) fn columns(files: &[FoundFile]) -> Result<(Vec<Field>, Vec<Vec<ArrayRef>>)> {
    let Some(first) = files.first() else { return Ok((Vec::new(), Vec::new())) };
    let names: Vec<&str> = first.partitions.iter().map(|(name, _)| name.as_str()).collect();
    if let Some(other) = files.iter().find(|file| !file.partitions.iter().map(|(name, _)| name).eq(&names)) {
        let problem = format!(
            "its folders are not those of {}, which give the columns {}",
            first.path.display(),
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        );
        return Err(Error::schema_mismatch(OPERATION, other.path.display().to_string(), problem)
            .remedy("read files of one partitioning at a time"));
    }
    let mut fields = Vec::new();
    let mut values: Vec<Vec<ArrayRef>> = vec![Vec::new(); files.len()];
    for (position, name) in names.iter().enumerate() {
        let of = |file: &FoundFile| file.partitions.get(position).and_then(|(_, value)| value.clone());
        let texts: Vec<Option<String>> = files.iter().map(of).collect();
        let are = |fits: &dyn Fn(&str) -> bool| texts.iter().flatten().all(|text| fits(text));
        let is_some = texts.iter().any(Option::is_some);
        let data_type = if is_some && are(&|text| whole(text).is_some()) {
            DataType::Int64
        } else if is_some && are(&|text| text.parse::<Date>().is_ok()) {
            DataType::Date32
        } else {
            DataType::Utf8
        };
        for (file, text) in values.iter_mut().zip(&texts) {
            let text = text.as_deref();
            file.push(match &data_type {
                DataType::Int64 => Arc::new(Int64Array::from(vec![text.and_then(whole)])),
                DataType::Date32 => {
                    let day = text.and_then(|text| text.parse::<Date>().ok()).map(|date| date.days());
                    Arc::new(Date32Array::from(vec![day]))
                }
                _ => Arc::new(StringArray::from(vec![text])),
            });
        }
        fields.push(Field::new(*name, data_type, true));
    }
    Ok((fields, values))
}

/// An integer: `01` is one, as engines write months.
fn whole(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// The rows with the columns of their folder.
pub(super) fn with_values(
    rows: &RecordBatch,
    fields: &[&Field],
    values: &[&ArrayRef],
) -> Result<RecordBatch> {
    if fields.is_empty() {
        return Ok(rows.clone());
    }
    let places = vec![Some(Place { batch: 0, row: 0 }); rows.num_rows()];
    let (mut all, mut columns) = (rows.schema_ref().fields().to_vec(), rows.columns().to_vec());
    for (field, value) in fields.iter().zip(values) {
        columns.push(gather(
            OPERATION,
            field.name(),
            field.data_type(),
            std::slice::from_ref(*value),
            &places,
        )?);
        all.push(Arc::new((*field).clone()));
    }
    assembled(OPERATION, all, columns, rows.num_rows())
}

/// The columns of a table: those of its files, then those of its folders that the files do not have themselves.
pub(super) fn joined(file: &Schema, folders: &[Field]) -> Schema {
    let added = folders.iter().filter(|field| file.fields().find(field.name()).is_none());
    Schema::new(file.fields().iter().cloned().chain(added.cloned().map(Arc::new)).collect::<Vec<_>>())
}
