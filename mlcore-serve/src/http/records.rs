//! Raw records and outcomes: routes of our own beside the protocol's.
//!
//! `POST /mlcore/models/{model}[/versions/{version}]/predict` takes `{"records": [{..}, ..]}`, the raw columns by name, and beside or instead
//! of them `{"entities": [{..}, ..]}`, the join keys of what is looked up; it answers with arm, version and outcome id; `POST /mlcore/models/{model}/outcomes` takes what came of predictions.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use mlcore::batch::{Batch, Tensor, Value as Cell};
use mlcore::name::{RequestId, Version};
use mlcore::schema::DType;
use mlcore::{Error, Result};
use mlcore_features::store::key::EntityKey;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::question::{Form, Question, Who, check_count};
use super::refusal::Refusal;
use super::{Answered, json, parsed};
use crate::endpoint::{OutcomeId, Prediction};
use crate::models::Served;

/// A question about raw records.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    #[serde(borrow, default)]
    records: Vec<&'a RawValue>,
    /// The join keys of the entities whose features are looked up: one for each record, or one for all; without records a row for each.
    #[serde(default)]
    entities: Vec<Map<String, Value>>,
    /// The user, session or device; the id where there is none.
    #[serde(default)]
    unit: Option<String>,
    #[serde(default)]
    id: Option<String>,
    /// In microseconds.
    #[serde(default)]
    timeout: Option<u64>,
}

/// The form of raw records, asked of a version where one is named.
pub(super) struct RecordsForm {
    pub(super) version: Option<Version>,
}

impl Form for RecordsForm {
    /// The records.
    type Kept = usize;

    fn read<'b>(
        &self,
        served: &Served,
        body: &'b [u8],
        most: usize,
        arrived: Instant,
    ) -> Result<(Question<'b>, usize), Refusal> {
        let Body { records, entities, unit, id, timeout } = parsed(body)?;
        let rows = if records.is_empty() { entities.len() } else { records.len() };
        check_count("records", rows, most)?;
        check_count("entities", entities.len().max(1), most)?;
        let entities = entities.iter().enumerate().map(|(place, keys)| entity(served, place, keys));
        let entities = entities.collect::<Result<Vec<_>>>()?;
        let id = id.filter(|id| !id.is_empty()).map(RequestId::new).transpose()?;
        let timeout = timeout.map(Duration::from_micros).filter(|timeout| !timeout.is_zero());
        let who = Who { unit, id, version: self.version, timeout, arrived };
        let records = records.into_iter().map(Cow::Borrowed).collect();
        Ok((Question::of_records(served, records, who, entities)?, rows))
    }

    fn write(&self, served: &Served, rows: usize, prediction: &Prediction) -> Answered {
        json(&json!({
            "model": served.name().as_str(),
            "version": prediction.version,
            "arm": prediction.arm,
            "propensity": prediction.propensity,
            "outcome_id": prediction.outcome_id,
            "served_by": prediction.served_by,
            "predictions": rows_of(&prediction.outputs, rows)?,
        }))
    }
}

/// The entity of these join keys, which have the types of the endpoint's.
fn entity(served: &Served, place: usize, keys: &Map<String, Value>) -> Result<EntityKey> {
    let join_keys = served.endpoint().join_keys();
    let parts = keys.iter().map(|(name, value)| {
        let value = match value {
            Value::String(text) => match join_keys.field(name).map(mlcore::schema::Field::dtype) {
                Some(DType::Date) => text.parse().map(Cell::Date)?,
                Some(DType::Timestamp(..)) => text.parse().map(Cell::Timestamp)?,
                _ => Cell::Text(text),
            },
            Value::Bool(flag) => Cell::Bool(*flag),
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => Cell::Int(number),
                (None, Some(number)) => Cell::UInt(number),
                (None, None) => Cell::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::Null => Cell::Null,
            Value::Array(_) | Value::Object(_) => {
                let problem = "it is no number, text or truth value";
                return Err(Error::invalid_input("read request", format!("entity {place}, {name}"), problem));
            }
        };
        Ok((name.as_str(), value))
    });
    EntityKey::new(parts.collect::<Result<Vec<_>>>()?)
}

/// The outputs row by row: an object of one value, or of one list of values, for each output.
pub(super) fn rows_of(outputs: &Batch, rows: usize) -> Result<Vec<Map<String, Value>>> {
    let mut objects = vec![Map::new(); rows];
    for (name, tensor) in outputs.iter() {
        if tensor.rows() != Some(rows) {
            let problem = format!("it has the shape {:?}, and {rows} rows were asked about", tensor.shape());
            return Err(Error::unsupported("write answer", name.to_owned(), problem)
                .remedy("ask by the Open Inference Protocol, which answers any shape"));
        }
        let width = tensor.row_len();
        let values = values_of(tensor)?;
        let mut values = values.into_iter();
        for object in &mut objects {
            let mut own: Vec<Value> = values.by_ref().take(width).collect();
            let value = match (tensor.shape().len(), own.pop()) {
                (1, Some(only)) => only,
                (_, last) => {
                    own.extend(last);
                    Value::Array(own)
                }
            };
            object.insert(name.to_owned(), value);
        }
    }
    Ok(objects)
}

/// The elements as JSON; what has no digits has a name.
fn values_of(tensor: &Tensor) -> Result<Vec<Value>> {
    use mlcore::batch::Element as _;

    let values: serde_json::Result<Vec<Value>> = match tensor.dtype() {
        DType::String => tensor.texts()?.map(serde_json::to_value).collect(),
        dtype => mlcore::match_element!(
            dtype,
            T => tensor.values::<T>()?.iter().map(|value| serde_json::to_value(value.to_value())).collect(),
            _ => Ok(Vec::new())
        ),
    };
    values.map_err(|cause| Error::internal("write answer", "JSON", cause.to_string()).caused_by(cause))
}

/// What came of predictions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Outcomes {
    outcomes: Vec<ReportedOutcome>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportedOutcome {
    /// As the prediction was answered with.
    #[serde(default)]
    outcome_id: Option<OutcomeId>,
    /// Or the caller's own.
    #[serde(default)]
    id: Option<String>,
    /// Of the prediction, or of one of its rows.
    #[serde(default)]
    label: Option<f64>,
    #[serde(default)]
    row: Option<usize>,
    /// Of all its rows.
    #[serde(default)]
    labels: Option<Vec<f64>>,
}

pub(super) fn outcomes(served: &Served, body: &[u8]) -> Answered {
    let Outcomes { outcomes } = parsed(body)?;
    for (place, outcome) in outcomes.iter().enumerate() {
        report(served, outcome).map_err(|error| {
            let context = error.context();
            let subject = format!("outcome {place}, {}", context.subject());
            let problem = format!("{}; the {place} before it are taken", context.problem());
            Error::invalid_input("report outcome", subject, problem).caused_by(error)
        })?;
    }
    json(&json!({ "taken": outcomes.len() }))
}

fn report(served: &Served, outcome: &ReportedOutcome) -> Result<()> {
    let refused = |problem: &str| Error::invalid_input("report outcome", "fields", problem.to_owned());
    let id = match (outcome.outcome_id, &outcome.id) {
        (Some(id), None) => id,
        (None, Some(id)) => OutcomeId::of(&RequestId::new(id.as_str())?),
        _ => return Err(refused("it needs one of outcome_id and id")),
    };
    let endpoint = served.endpoint();
    match (outcome.label, outcome.row, &outcome.labels) {
        (Some(label), None, None) => endpoint.report_outcome(id, label),
        (Some(label), Some(row), None) => endpoint.report_outcome_of_row(id, row, label),
        (None, None, Some(labels)) => endpoint.report_outcomes(id, labels),
        _ => Err(refused("it needs a label, with the row where it is of one, or labels of all rows")),
    }
}
