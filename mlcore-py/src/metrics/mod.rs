//! `mlcore.metrics`: how good a model is, with scikit-learn's names and numbers.

pub(crate) mod binary;
pub(crate) mod labels;
pub(crate) mod regression;
pub(crate) mod scores;

use arrow_cast::cast;
use mlcore::arrow::array::{Array, AsArray};
use mlcore::arrow::datatypes::{DataType, Float64Type, Int64Type};
use mlcore::evaluate;
use pyo3::prelude::*;

use crate::door::{self, Asked, Numbers, described};
use crate::error::{invalid, raise, wrong_type};

/// A label as it is compared: 1, 1.0 and True are one label, as in Python.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Number(i64),
    Text(String),
}

fn labels(object: &Bound<'_, PyAny>, asked: Asked) -> PyResult<Vec<Label>> {
    let py = object.py();
    let array = door::column(object, asked)?;
    let broken = |problem: String| {
        wrong_type(py, asked.operation, asked.subject, problem, "pass labels: integers, bools or text")
    };
    let converted = |to: &DataType| cast(&array, to).map_err(|cause| broken(cause.to_string()));
    let text = match array.data_type() {
        DataType::Dictionary(_, values) => {
            matches!(**values, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
        }
        other => matches!(other, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
    };
    let missing = |row: usize| {
        let problem = format!("row {row} has no label");
        invalid(py, asked.operation, asked.subject, problem, "leave rows without a label out")
    };
    if text {
        let texts = converted(&DataType::Utf8)?;
        let texts = texts.as_string::<i32>().iter().enumerate();
        return texts
            .map(|(row, text)| text.map(|text| Label::Text(text.to_owned())).ok_or_else(|| missing(row)))
            .collect();
    }
    if array.data_type().is_floating() {
        let floats = converted(&DataType::Float64)?;
        let floats = floats.as_primitive::<Float64Type>().values().iter().enumerate();
        return floats
            .map(|(row, value)| match *value {
                value if value.is_nan() => Err(missing(row)),
                value if value.fract() == 0.0 && value.abs() < 9.0e15 => Ok(Label::Number(value as i64)),
                value => Err(broken(format!("row {row} holds {value}, which is no label"))),
            })
            .collect();
    }
    if !array.data_type().is_integer() && *array.data_type() != DataType::Boolean {
        return Err(broken(format!("labels are expected, and it holds {}", described(array.data_type()))));
    }
    let integers = converted(&DataType::Int64)?;
    let integers = integers.as_primitive::<Int64Type>().iter().enumerate();
    integers.map(|(row, value)| value.map(Label::Number).ok_or_else(|| missing(row))).collect()
}

fn one_label(object: &Bound<'_, PyAny>, operation: &'static str) -> PyResult<Label> {
    let list = pyo3::types::PyList::new(object.py(), [object])?;
    let found = labels(list.as_any(), Asked { operation, subject: "pos_label" })?;
    found.into_iter().next().ok_or_else(|| {
        invalid(object.py(), operation, "pos_label", "it is missing", "pass the label of the positive rows")
    })
}

/// Which rows are positive. Without a positive label it is 1 among 0 and 1 or -1 and 1, else the greater of two.
fn positives(
    object: &Bound<'_, PyAny>,
    positive: Option<Label>,
    operation: &'static str,
    subject: &'static str,
) -> PyResult<Vec<bool>> {
    let labels = labels(object, Asked { operation, subject })?;
    let customary = || labels.iter().all(|label| matches!(label, Label::Number(-1..=1)));
    let positive = match positive {
        Some(positive) => positive,
        None if customary() => Label::Number(1),
        None => labels.iter().max().cloned().unwrap_or(Label::Number(1)),
    };
    evaluate::binary_labels(&labels, &positive).map_err(|error| raise(object.py(), &error))
}

fn weights<'py>(
    object: Option<&Bound<'py, PyAny>>,
    operation: &'static str,
) -> PyResult<Option<Numbers<'py>>> {
    object.map(|object| door::numbers(object, Asked { operation, subject: "sample_weight" })).transpose()
}

/// Which rows are positive, by custom.
pub(crate) fn binary_truth(y_true: &Bound<'_, PyAny>, operation: &'static str) -> PyResult<Vec<bool>> {
    positives(y_true, None, operation, "y_true")
}

/// Probabilities of the positive class: a column, or the second of two as `predict_proba` answers.
pub(crate) fn probabilities<'py>(
    object: &Bound<'py, PyAny>,
    operation: &'static str,
    subject: &'static str,
) -> PyResult<Numbers<'py>> {
    if let Ok(shape) = object.getattr("shape").and_then(|shape| shape.extract::<Vec<usize>>())
        && let [_, columns] = shape.as_slice()
    {
        if *columns != 2 {
            let problem = format!("it has {columns} columns, and two classes are compared");
            return Err(invalid(
                object.py(),
                operation,
                subject,
                problem,
                "pass the probability of the positive class",
            ));
        }
        let rows = door::matrix(object, Asked { operation, subject })?;
        return Ok(Numbers::Owned(rows.iter().filter_map(|row| row.get(1).copied()).collect()));
    }
    door::numbers(object, Asked { operation, subject })
}
