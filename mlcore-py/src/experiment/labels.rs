//! A column of names: arms, segments, clusters.

use std::collections::HashMap;

use mlcore::arrow::array::{Array, ArrayRef};
use mlcore::batch::{ColumnView, Value};
use pyo3::prelude::*;

use crate::door::{Asked, described};
use crate::error::{invalid, raise, wrong_type};

/// The names that occur in a column, in the order of their appearance, and for each row which of them it has.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    pub(crate) names: Vec<String>,
    pub(crate) codes: Vec<u32>,
}

impl Labels {
    /// Reads a column of text, whole numbers or bools, none of which is missing; `name` is what errors call it.
    pub(crate) fn read(py: Python<'_>, name: &str, array: &ArrayRef, asked: Asked) -> PyResult<Self> {
        let raised = |error: mlcore::Error| raise(py, &error);
        let plain = ColumnView::plain(name, array).map_err(raised)?;
        let view = ColumnView::new(name, plain.as_ref()).map_err(raised)?;
        let mut labels = Self { names: Vec::new(), codes: Vec::with_capacity(plain.len()) };
        let mut known: HashMap<String, u32> = HashMap::new();
        for row in 0..plain.len() {
            let whole;
            let label = match view.value(row) {
                Value::Text(text) => text,
                Value::Null => {
                    let remedy = "leave such rows out, or give them a name";
                    return Err(invalid(py, asked.operation, name, format!("row {row} is missing"), remedy));
                }
                value => match written(&value) {
                    Some(text) => {
                        whole = text;
                        &whole
                    }
                    None => {
                        let problem =
                            format!("names are expected, and it holds {}", described(array.data_type()));
                        return Err(wrong_type(
                            py,
                            asked.operation,
                            name,
                            problem,
                            "pass text, or whole numbers",
                        ));
                    }
                },
            };
            let code = match known.get(label) {
                Some(code) => *code,
                None => {
                    let code = labels.names.len() as u32;
                    known.insert(label.to_owned(), code);
                    labels.names.push(label.to_owned());
                    code
                }
            };
            labels.codes.push(code);
        }
        Ok(labels)
    }
}

/// A value that stands for a name, as Python writes it; `None` for one that does not.
fn written(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Int(number) => Some(number.to_string()),
        Value::UInt(number) => Some(number.to_string()),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        // pandas makes floats of whole numbers among which one is missing somewhere.
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(format!("{number:.0}")),
        _ => None,
    }
}
