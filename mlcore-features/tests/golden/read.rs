//! Golden files as tables and numbers.

use std::path::Path;
use std::sync::Arc;

use mlcore::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use mlcore::arrow::compute::cast;
use mlcore::arrow::datatypes::{DataType, Field, Float64Type, Schema};
use serde_json::Value;

pub(crate) fn cases(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../testdata/golden/features/{file}.json"));
    let bytes = std::fs::read(&path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()));
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    document["cases"].as_array().unwrap().clone()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// A number, or the name of one that JSON cannot hold.
pub(crate) fn number(value: &Value) -> f64 {
    match value {
        Value::String(name) if name == "NaN" => f64::NAN,
        Value::String(name) if name == "Infinity" => f64::INFINITY,
        Value::String(name) if name == "-Infinity" => f64::NEG_INFINITY,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Null => f64::NAN,
        other => other.as_f64().unwrap_or_else(|| panic!("{other} is no number")),
    }
}

pub(crate) fn floats(values: &Value) -> Vec<f64> {
    values.as_array().unwrap().iter().map(number).collect()
}

pub(crate) fn table(columns: &Value) -> RecordBatch {
    let columns = columns.as_array().unwrap();
    let arrays: Vec<ArrayRef> = columns.iter().map(array).collect();
    let fields: Vec<Field> = columns
        .iter()
        .zip(&arrays)
        .map(|(column, array)| Field::new(text(&column["name"]), array.data_type().clone(), true))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

fn array(column: &Value) -> ArrayRef {
    let values = column["values"].as_array().unwrap();
    let present = |value: &Value| if value.is_null() { None } else { Some(number(value)) };
    match text(&column["dtype"]) {
        "float64" => Arc::new(values.iter().map(present).collect::<Float64Array>()),
        "float32" => Arc::new(
            values.iter().map(|value| present(value).map(|value| value as f32)).collect::<Float32Array>(),
        ),
        "int64" => Arc::new(values.iter().map(Value::as_i64).collect::<Int64Array>()),
        "bool" => Arc::new(values.iter().map(Value::as_bool).collect::<BooleanArray>()),
        "string" => Arc::new(values.iter().map(Value::as_str).collect::<StringArray>()),
        other => panic!("the golden files have no {other}"),
    }
}

/// A column of a transformed table.
pub(crate) enum Column {
    Numbers(Vec<f64>),
    Texts(Vec<Option<String>>),
}

pub(crate) fn columns(table: &RecordBatch) -> Vec<Column> {
    table
        .columns()
        .iter()
        .map(|array| match array.data_type() {
            DataType::Utf8 => {
                Column::Texts(array.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect())
            }
            _ => {
                let numbers = cast(array, &DataType::Float64).unwrap();
                Column::Numbers(
                    numbers
                        .as_primitive::<Float64Type>()
                        .iter()
                        .map(|value| value.unwrap_or(f64::NAN))
                        .collect(),
                )
            }
        })
        .collect()
}
