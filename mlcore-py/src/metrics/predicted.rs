//! Predicted scores and probabilities, in the type in which the model answered them.

use std::borrow::Cow;

use mlcore::arrow::array::{Array, ArrayRef, AsArray};
use mlcore::arrow::datatypes::{ArrowPrimitiveType, DataType, Float16Type, Float32Type};
use mlcore::evaluate::Probability;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::door::{self, Asked, Numbers};
use crate::error::invalid;

#[expect(non_camel_case_types, reason = "the name of the type")]
pub(crate) type f16 = <Float16Type as ArrowPrimitiveType>::Native;

/// A column of predictions.
#[derive(Debug)]
pub(crate) enum Predicted<'py> {
    Float64(Numbers<'py>),
    Float32(Vec<f32>),
    Float16(Vec<f16>),
}

/// The numbers of a [`Predicted`], for work that needs no interpreter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Numeric<'a> {
    Float64(&'a [f64]),
    Float32(&'a [f32]),
    Float16(&'a [f16]),
}

impl Predicted<'_> {
    pub(crate) fn numeric(&self) -> Numeric<'_> {
        match self {
            Self::Float64(values) => Numeric::Float64(values.as_slice()),
            Self::Float32(values) => Numeric::Float32(values),
            Self::Float16(values) => Numeric::Float16(values),
        }
    }
}

impl<'a> Numeric<'a> {
    /// The same numbers, widened.
    pub(crate) fn widened(self) -> Cow<'a, [f64]> {
        match self {
            Self::Float64(values) => Cow::Borrowed(values),
            Self::Float32(values) => values.iter().copied().map(Probability::widened).collect(),
            Self::Float16(values) => values.iter().copied().map(Probability::widened).collect(),
        }
    }
}

/// Scores of several classes, row after row, in the type in which the model answered them.
#[derive(Debug)]
pub(crate) enum Matrix {
    Float64(Vec<f64>),
    Float32(Vec<f32>),
    Float16(Vec<f16>),
}

impl Matrix {
    /// The same numbers, widened.
    pub(crate) fn widened(&self) -> Cow<'_, [f64]> {
        match self {
            Self::Float64(values) => Cow::Borrowed(values),
            Self::Float32(values) => values.iter().copied().map(Probability::widened).collect(),
            Self::Float16(values) => values.iter().copied().map(Probability::widened).collect(),
        }
    }
}

/// The scores of more than two classes; none where two are compared.
pub(crate) fn matrix(object: &Bound<'_, PyAny>, asked: Asked, classes: usize) -> PyResult<Option<Matrix>> {
    let py = object.py();
    let refused = |columns: usize| {
        let problem = format!("it has {columns} columns, and there are {classes} classes");
        let remedy = "pass a column for each class, and labels= where not all of them occur in y_true";
        Err(invalid(py, asked.operation, asked.subject, problem, remedy))
    };
    if !is_matrix(object)? {
        return if classes > 2 { refused(1) } else { Ok(None) };
    }
    let table = door::table(object, asked)?;
    let width = table.num_columns();
    if width <= 2 {
        return if classes > 2 { refused(width) } else { Ok(None) };
    }
    if width != classes {
        return refused(width);
    }
    let columns =
        table.columns().iter().map(|column| of_array(py, column, asked)).collect::<PyResult<Vec<_>>>()?;
    let wide: Vec<_> = columns.iter().map(Predicted::numeric).collect();
    if let Some(columns) = same(&wide, |own| if let Numeric::Float32(own) = own { Some(own) } else { None }) {
        return Ok(Some(Matrix::Float32(interleaved(&columns))));
    }
    if let Some(columns) = same(&wide, |own| if let Numeric::Float16(own) = own { Some(own) } else { None }) {
        return Ok(Some(Matrix::Float16(interleaved(&columns))));
    }
    let widened: Vec<_> = wide.iter().map(|own| own.widened()).collect();
    let columns: Vec<&[f64]> = widened.iter().map(|own| &**own).collect();
    Ok(Some(Matrix::Float64(interleaved(&columns))))
}

/// The columns, where all of them are of one type.
fn same<'a, T>(
    columns: &[Numeric<'a>],
    of_type: impl Fn(Numeric<'a>) -> Option<&'a [T]>,
) -> Option<Vec<&'a [T]>> {
    columns.iter().copied().map(of_type).collect()
}

/// Columns of one length as rows, one after another.
fn interleaved<T: Copy>(columns: &[&[T]]) -> Vec<T> {
    let rows = columns.first().map_or(0, |column| column.len());
    (0..rows).flat_map(|row| columns.iter().filter_map(move |column| column.get(row).copied())).collect()
}

/// Predictions of the positive class: a column, or the second of two as `predict_proba` answers.
pub(crate) fn predicted<'py>(
    object: &Bound<'py, PyAny>,
    operation: &'static str,
    subject: &'static str,
) -> PyResult<Predicted<'py>> {
    let asked = Asked { operation, subject };
    if !is_matrix(object)? {
        return match narrow(object)? {
            true => of_array(object.py(), &door::column(object, asked)?, asked),
            false => door::numbers(object, asked).map(Predicted::Float64),
        };
    }
    let table = door::table(object, asked)?;
    match table.columns() {
        [column] | [_, column] => of_array(object.py(), column, asked),
        columns => {
            let problem = format!("it has {} columns, and two classes are compared", columns.len());
            let remedy = "pass the probability of the positive class";
            Err(invalid(object.py(), operation, subject, problem, remedy))
        }
    }
}

/// Whether it has columns: two dimensions, or lists in a list.
fn is_matrix(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    if let Ok(shape) = object.getattr("shape").and_then(|shape| shape.extract::<Vec<usize>>()) {
        return Ok(shape.len() == 2);
    }
    let rows = if let Ok(list) = object.cast::<PyList>() {
        list.get_item(0).ok()
    } else if let Ok(tuple) = object.cast::<PyTuple>() {
        tuple.get_item(0).ok()
    } else {
        None
    };
    Ok(rows.is_some_and(|row| {
        row.is_instance_of::<PyList>()
            || row.is_instance_of::<PyTuple>()
            || door::is_of(&row, "numpy", &["ndarray"])
    }))
}

/// Whether its type may be one of floats narrower than Python's.
fn narrow(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    // numpy, pandas and polars have it under this name; pyarrow has a type.
    for name in ["dtype", "type"] {
        if let Some(dtype) = object.getattr_opt(name)? {
            let dtype = dtype.str()?.to_string().to_lowercase();
            return Ok(!dtype.contains("64"));
        }
    }
    Ok(false)
}

fn of_array(py: Python<'_>, array: &ArrayRef, asked: Asked) -> PyResult<Predicted<'static>> {
    Ok(match array.data_type() {
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>().iter();
            Predicted::Float32(values.map(|value| value.unwrap_or(f32::NAN)).collect())
        }
        DataType::Float16 => {
            let values = array.as_primitive::<Float16Type>().iter();
            Predicted::Float16(values.map(|value| value.unwrap_or(f16::NAN)).collect())
        }
        _ => Predicted::Float64(door::numbers_of(py, array, asked)?),
    })
}
