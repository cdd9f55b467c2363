//! From what was sent to the model's input.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use mlcore::batch::{Batch, Tensor};
use mlcore::name::Version;
use mlcore::schema::{DType, Field, Schema};
use mlcore::{Error, Result};
use serde_json::Value;
use serde_json::value::RawValue;

use super::READ;
use super::form::Sent;
use super::frame::Frame;
use crate::endpoint::LoadedModel;
use crate::http::question::{Question, Who};
use crate::http::v1::{listed, named, only};
use crate::models::{INPUT_COLUMNS_TAG, Served};
use crate::v2::{InferRequest, Parameter, Parameters, shortened, tensor_of_json};

/// What is asked of a model by what was sent. Its records are read by then: they may lie in a copy of the body.
pub(super) fn question(
    served: &Served,
    sent: Sent<'_>,
    version: Option<Version>,
    parameters: Parameters,
    arrived: Instant,
) -> Result<Question<'static>> {
    let model = served.model(version)?;
    let inputs = &model.runner().signature().inputs;
    if model.plan().is_some()
        && let Some(records) = records_of(&sent, &served.endpoint().columns(), inputs)?
    {
        let unit = parameters.get("unit").map(Parameter::to_string);
        let timeout = parameters.get("timeout").and_then(Parameter::as_u64).map(Duration::from_micros);
        let timeout = timeout.filter(|timeout| !timeout.is_zero());
        let who = Who { unit, id: None, version, timeout, arrived };
        return Ok(Question::of_records(served, records, who, Vec::new())?.into_owned());
    }
    let fields = inputs.fields();
    let tensors = match sent {
        Sent::Frame(frame) => of_frame(&model, fields, frame)?,
        Sent::Objects(rows) => named(fields, &rows)?,
        Sent::Only(rows) => only(fields, &rows)?,
        Sent::Scalar(value) => match fields {
            [field] => vec![(field.name(), of_all_rows(field, value.get())?)],
            // Refused as rows of one input are.
            fields => only(fields, &[value])?,
        },
        Sent::Named(values) => by_name(fields, &values)?,
    };
    let mut request = InferRequest::new(Batch::new(tensors)?);
    request.parameters = parameters;
    Ok(Question::Tensors { request, version, arrived })
}

/// The raw records of a version with a feature plan; none where the model's own input was sent.
fn records_of<'b>(
    sent: &'b Sent<'_>,
    columns: &Schema,
    inputs: &Schema,
) -> Result<Option<Vec<Cow<'b, RawValue>>>> {
    let is_input = |name: &str| inputs.field(name).is_some() && columns.field(name).is_none();
    let columns_of = |names: Vec<&str>, rows: Vec<Vec<Cow<'_, str>>>| -> Result<Vec<Cow<'b, RawValue>>> {
        rows.into_iter().map(|row| object(&names, &row).map(Cow::Owned)).collect()
    };
    Ok(match sent {
        Sent::Only(_) | Sent::Scalar(_) => None,
        Sent::Objects(rows) => Some(rows.iter().map(|row| Cow::Borrowed(*row)).collect()),
        Sent::Named(values) if values.iter().all(|(name, _)| is_input(name)) => None,
        Sent::Named(values) => {
            let mut rows: Vec<Vec<Cow<'_, str>>> = Vec::new();
            for (place, (name, value)) in values.iter().enumerate() {
                let cells: Vec<&RawValue> = serde_json::from_str(value)
                    .map_err(|cause| Error::invalid_input(READ, shortened(name), cause.to_string()))?;
                if place == 0 {
                    rows.resize(cells.len(), Vec::new());
                }
                if cells.len() != rows.len() {
                    let problem =
                        format!("it has {} values, and the first column has {}", cells.len(), rows.len());
                    return Err(Error::invalid_input(READ, shortened(name), problem));
                }
                for (row, cell) in rows.iter_mut().zip(cells) {
                    row.push(Cow::Borrowed(cell.get()));
                }
            }
            Some(columns_of(values.iter().map(|(name, _)| name.as_str()).collect(), rows)?)
        }
        Sent::Frame(frame) => {
            let dtype = |name: &String| columns.field(name).map_or(DType::String, Field::dtype);
            let dtypes: Vec<DType> = frame.columns.iter().map(dtype).collect();
            let cells = |row: &'b Vec<super::frame::Cell<'_>>| -> Vec<Cow<'b, str>> {
                row.iter().zip(&dtypes).map(|(cell, dtype)| cell.json(*dtype)).collect()
            };
            let names = frame.columns.iter().map(String::as_str).collect();
            Some(columns_of(names, frame.rows.iter().map(cells).collect())?)
        }
    })
}

/// A JSON object of these names and values.
fn object(names: &[&str], values: &[Cow<'_, str>]) -> Result<Box<RawValue>> {
    let mut text = String::from("{");
    for (place, (name, value)) in names.iter().zip(values).enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(&Value::from(*name).to_string());
        text.push(':');
        text.push_str(value);
    }
    text.push('}');
    RawValue::from_string(text)
        .map_err(|cause| Error::invalid_input(READ, "data frame", cause.to_string()).caused_by(cause))
}

/// A column for each input, or all columns side by side for the only one.
fn of_frame<'f>(
    model: &LoadedModel,
    fields: &'f [Field],
    frame: Frame<'_>,
) -> Result<Vec<(&'f str, Tensor)>> {
    let [field] = fields else {
        let column = |field: &'f Field| {
            let place = frame.position(field.name()).ok_or_else(|| {
                let problem = format!("it lacks the column {}", field.name());
                Error::schema_mismatch(READ, "data frame", problem)
                    .remedy("send a column for each of the model's inputs")
            })?;
            let cells = frame.column(place, field.dtype());
            Ok((field.name(), listed(field, cells.iter().map(AsRef::as_ref))?))
        };
        return fields.iter().map(column).collect();
    };
    let frame = match columns_of(model)? {
        Some(columns) => frame.in_order(&columns)?,
        None => frame,
    };
    if frame.columns.len() == 1 {
        let cells = frame.column(0, field.dtype());
        return Ok(vec![(field.name(), listed(field, cells.iter().map(AsRef::as_ref))?)]);
    }
    let (rows, width) = (frame.rows.len(), frame.columns.len());
    let mut text = String::from("[");
    for (row, cells) in frame.rows.iter().enumerate() {
        for (place, cell) in cells.iter().enumerate() {
            if row + place > 0 {
                text.push(',');
            }
            text.push_str(&cell.json(field.dtype()));
        }
    }
    text.push(']');
    Ok(vec![(field.name(), tensor_of_json(field.name(), field.dtype(), &[rows, width], &text)?)])
}

/// The columns that the version names, in their order.
fn columns_of(model: &LoadedModel) -> Result<Option<Vec<String>>> {
    let version = model.version();
    let Some(tag) = version.tags.get(INPUT_COLUMNS_TAG) else { return Ok(None) };
    serde_json::from_str(tag).map(Some).map_err(|cause| {
        let subject = format!("{} version {}", version.model, version.version);
        let problem = format!("its tag {INPUT_COLUMNS_TAG:?} is no list of names in JSON");
        Error::corrupt(READ, subject, problem).caused_by(cause)
    })
}

/// Every input by its name, with all its rows.
fn by_name<'f>(fields: &'f [Field], values: &[(String, &str)]) -> Result<Vec<(&'f str, Tensor)>> {
    if let Some((unknown, _)) =
        values.iter().find(|(name, _)| !fields.iter().any(|field| field.name() == name))
    {
        let known: Vec<&str> = fields.iter().map(Field::name).collect();
        let problem = format!("the model has no input {}; it has {}", shortened(unknown), known.join(", "));
        return Err(Error::invalid_input(READ, "inputs", problem));
    }
    let of = |field: &'f Field| {
        // The last of several counts, as in Python.
        let value = values.iter().rev().find(|(name, _)| name == field.name()).ok_or_else(|| {
            Error::invalid_input(READ, "inputs", format!("the input {} is missing", field.name()))
        })?;
        Ok((field.name(), of_all_rows(field, value.1)?))
    };
    fields.iter().map(of).collect()
}

/// The tensor of an input with all its rows, or of one without rows.
fn of_all_rows(field: &Field, json: &str) -> Result<Tensor> {
    if !json.starts_with('[') {
        return tensor_of_json(field.name(), field.dtype(), &[], &format!("[{json}]"));
    }
    let rows: Vec<&RawValue> = serde_json::from_str(json)
        .map_err(|cause| Error::invalid_input(READ, field.name().to_owned(), cause.to_string()))?;
    listed(field, rows.iter().map(|row| row.get()))
}
