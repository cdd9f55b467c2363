//! The forms of a body: which of them it has, and what it holds.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use mlcore::{Error, Result};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::frame::{Cell, Frame};
use super::{READ, csv};
use crate::http::question::check_count;
use crate::v2::{Parameter, Parameters, shortened};

/// What a request says.
#[derive(Debug)]
pub(super) struct Body<'b> {
    pub(super) sent: Sent<'b>,
    pub(super) parameters: Parameters,
}

/// What a request is about.
#[derive(Debug)]
pub(super) enum Sent<'b> {
    /// A data frame.
    Frame(Frame<'b>),
    /// The inputs, each with all its rows.
    Named(Vec<(String, &'b str)>),
    /// Objects of inputs, one for each row.
    Objects(Vec<&'b RawValue>),
    /// The rows of the only input.
    Only(Vec<&'b RawValue>),
    /// The only input, which has no rows.
    Scalar(&'b RawValue),
}

impl Sent<'_> {
    /// How many rows it asks about, where the form says so.
    pub(super) fn rows(&self) -> Option<usize> {
        match self {
            Self::Frame(frame) => Some(frame.rows.len()),
            Self::Objects(rows) | Self::Only(rows) => Some(rows.len()),
            Self::Named(_) | Self::Scalar(_) => None,
        }
    }
}

impl<'b> Body<'b> {
    /// Reads JSON, in which exactly one of MLflow's fields stands.
    pub(super) fn of_json(text: &'b str, most: usize) -> Result<Self> {
        if !text.trim_start().starts_with('{') {
            // What is no JSON at all is told as that.
            serde_json::from_str::<IgnoredAny>(text).map_err(|cause| unread("body", &cause))?;
            return Err(refused("body", "it is no JSON object".to_owned()));
        }
        let mut fields: BTreeMap<Cow<'b, str>, &'b RawValue> =
            serde_json::from_str(text).map_err(|cause| unread("body", &cause))?;
        let parameters = parameters(fields.remove("params"))?;
        let mut found = FORMS.into_iter().filter_map(|form| Some((form, *fields.get(form)?)));
        let (Some((form, value)), None) = (found.next(), found.next()) else {
            let names: Vec<String> = fields.keys().take(MOST_NAMES).map(|name| shortened(name)).collect();
            return Err(refused("body", format!("it has the fields [{}]", names.join(", "))));
        };
        let sent = match form {
            "dataframe_split" => Sent::Frame(split(value, most)?),
            "dataframe_records" => Sent::Frame(records(value, most)?),
            "instances" => instances(value, most)?,
            _ => inputs(value, most)?,
        };
        Ok(Self { sent, parameters })
    }

    /// Reads a data frame in CSV, whose first line names its columns.
    pub(super) fn of_csv(text: &'b str, most: usize) -> Result<Self> {
        let frame = csv::read(text, most)?;
        Ok(Self { sent: Sent::Frame(frame), parameters: Parameters::new() })
    }
}

/// What a request asks beside its data. MLflow passes over parameters that a model does not declare, and so are values passed over
/// that are no parameters here.
fn parameters(value: Option<&RawValue>) -> Result<Parameters> {
    let Some(value) = value else { return Ok(Parameters::new()) };
    let values: Option<BTreeMap<String, Value>> =
        serde_json::from_str(value.get()).map_err(|cause| unread("params", &cause))?;
    let of = |(name, value): (String, Value)| {
        let value = match value {
            Value::Bool(value) => Parameter::Bool(value),
            Value::String(text) => Parameter::Text(text),
            Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(value), ..) => Parameter::Int(value),
                (_, Some(value), _) => Parameter::UInt(value),
                (_, _, Some(value)) => Parameter::Double(value),
                _ => return None,
            },
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        Some((name, value))
    };
    Ok(values.unwrap_or_default().into_iter().filter_map(of).collect())
}

/// A data frame as pandas writes it with `orient="split"`.
fn split(value: &RawValue, most: usize) -> Result<Frame<'_>> {
    const FORM: &str = "dataframe_split";
    if !value.get().starts_with('{') {
        let problem = "it is an object with data, and with columns and index where it has them";
        return Err(refused(FORM, problem.to_owned()));
    }
    let mut fields: BTreeMap<Cow<'_, str>, &RawValue> =
        serde_json::from_str(value.get()).map_err(|cause| unread(FORM, &cause))?;
    fields.remove("index");
    let columns: Option<Vec<Value>> = match fields.remove("columns") {
        Some(columns) => serde_json::from_str(columns.get()).map_err(|cause| unread(FORM, &cause))?,
        None => None,
    };
    let data = fields.remove("data").ok_or_else(|| refused(FORM, "it has no data".to_owned()))?;
    if let Some(name) = fields.keys().next() {
        let problem = format!("it has data, columns and index only, and not {}", shortened(name));
        return Err(refused(FORM, problem));
    }
    let rows: Vec<Vec<&RawValue>> = serde_json::from_str(data.get()).map_err(|cause| unread(FORM, &cause))?;
    check_rows(FORM, rows.len(), most)?;
    let columns: Vec<String> = match columns {
        Some(columns) => columns.into_iter().map(|name| name_of(FORM, name)).collect::<Result<_>>()?,
        // As pandas names them.
        None => (0..rows.first().map_or(0, Vec::len)).map(|place| place.to_string()).collect(),
    };
    if let Some(place) = rows.iter().position(|row| row.len() != columns.len()) {
        let (has, due) = (rows.get(place).map_or(0, Vec::len), columns.len());
        return Err(refused(FORM, format!("row {place} has {has} cells, and there are {due} columns")));
    }
    let rows = rows.into_iter().map(|row| row.into_iter().map(json_cell).collect()).collect();
    Frame::new(columns, rows)
}

/// A data frame as pandas writes it with `orient="records"`; a record that lacks a column has null there.
fn records(value: &RawValue, most: usize) -> Result<Frame<'_>> {
    const FORM: &str = "dataframe_records";
    let records: Vec<Fields<'_>> = serde_json::from_str(value.get()).map_err(|cause| unread(FORM, &cause))?;
    check_rows(FORM, records.len(), most)?;
    let mut columns: Vec<String> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut rows: Vec<Vec<Cell<'_>>> = Vec::with_capacity(records.len());
    for Fields(fields) in records {
        let mut row = vec![Cell::Json("null"); columns.len()];
        for (name, value) in fields {
            let place = match places.get(&*name) {
                Some(place) => *place,
                None => {
                    let place = columns.len();
                    places.insert(name.clone().into_owned(), place);
                    columns.push(name.into_owned());
                    place
                }
            };
            if row.len() <= place {
                row.resize(place + 1, Cell::Json("null"));
            }
            if let Some(cell) = row.get_mut(place) {
                *cell = json_cell(value);
            }
        }
        rows.push(row);
    }
    for row in &mut rows {
        row.resize(columns.len(), Cell::Json("null"));
    }
    Frame::new(columns, rows)
}

/// Objects of inputs, or rows of the only one.
fn instances(value: &RawValue, most: usize) -> Result<Sent<'_>> {
    let rows: Vec<&RawValue> =
        serde_json::from_str(value.get()).map_err(|cause| unread("instances", &cause))?;
    check_count("instances", rows.len(), most)?;
    match rows.first() {
        Some(first) if first.get().starts_with('{') => Ok(Sent::Objects(rows)),
        _ => Ok(Sent::Only(rows)),
    }
}

/// Inputs by name, or rows of the only one.
fn inputs(value: &RawValue, most: usize) -> Result<Sent<'_>> {
    let failed = |cause| unread("inputs", &cause);
    if value.get().starts_with('{') {
        let Fields(fields) = serde_json::from_str(value.get()).map_err(failed)?;
        return Ok(Sent::Named(
            fields.into_iter().map(|(name, own)| (name.into_owned(), own.get())).collect(),
        ));
    }
    if !value.get().starts_with('[') {
        return Ok(Sent::Scalar(value));
    }
    let rows: Vec<&RawValue> = serde_json::from_str(value.get()).map_err(failed)?;
    check_count("inputs", rows.len(), most)?;
    Ok(Sent::Only(rows))
}

fn check_rows(form: &'static str, rows: usize, most: usize) -> Result<()> {
    if rows > most {
        return Err(refused(form, format!("there are {rows} rows, and at most {most} are taken")));
    }
    Ok(())
}

fn name_of(form: &'static str, name: Value) -> Result<String> {
    match name {
        Value::String(name) => Ok(name),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(refused(form, "its columns are named by texts or numbers".to_owned())),
    }
}

fn json_cell(value: &RawValue) -> Cell<'_> {
    Cell::Json(value.get())
}

/// The fields of an object in their order.
struct Fields<'b>(Vec<(Cow<'b, str>, &'b RawValue)>);

impl<'de: 'b, 'b> Deserialize<'de> for Fields<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

fn unread(subject: &'static str, cause: &serde_json::Error) -> Error {
    Error::invalid_input(READ, subject, cause.to_string())
}

fn refused(subject: &'static str, problem: String) -> Error {
    Error::invalid_input(READ, subject, problem).remedy(
        "send a JSON object with exactly one of dataframe_split, dataframe_records, instances and inputs, or a data frame as text/csv",
    )
}

const FORMS: [&str; 4] = ["dataframe_split", "dataframe_records", "instances", "inputs"];
/// So many fields of a body are named that has none of these, or several.
const MOST_NAMES: usize = 8;
