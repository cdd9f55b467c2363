//! Raw records and outcomes: routes of our own beside the protocol's.
//!
//! `POST /mlcore/models/{model}[/versions/{version}]/predict` takes `{"records": [{..}, ..]}`, the raw columns by name, and
//! answers with arm, version and outcome id; `POST /mlcore/models/{model}/outcomes` takes what came of predictions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mlcore::batch::{Batch, TableBuilder, Tensor};
use mlcore::name::{RequestId, Version};
use mlcore::schema::DType;
use mlcore::{Error, Result};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{Answered, json, parsed};
use crate::endpoint::{OutcomeId, Request};
use crate::models::{Asked, Inference, Served};

/// A question about raw records.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question<'a> {
    #[serde(borrow)]
    records: Vec<&'a RawValue>,
    /// The user, session or device; the id where there is none.
    #[serde(default)]
    unit: Option<String>,
    #[serde(default)]
    id: Option<String>,
    /// In microseconds.
    #[serde(default)]
    timeout: Option<u64>,
}

pub(super) fn predict(
    served: &Served,
    version: Option<Version>,
    body: &[u8],
    arrived: Instant,
    most_records: usize,
) -> Answered {
    let question: Question<'_> = parsed(body)?;
    let Question { records, unit, id, timeout } = question;
    check_count("records", records.len(), most_records)?;
    let id = id.filter(|id| !id.is_empty()).map(RequestId::new).transpose()?;
    let timeout = timeout.map(Duration::from_micros).filter(|timeout| !timeout.is_zero());
    let Inference { prediction, mut spent, .. } =
        ask(served, &records, Who { unit, id, version, timeout, arrived })?;
    let began = Instant::now();
    let predictions = rows_of(&prediction.outputs, records.len())?;
    let answer = json(&json!({
        "model": served.name().as_str(),
        "version": prediction.version,
        "arm": prediction.arm,
        "propensity": prediction.propensity,
        "outcome_id": prediction.outcome_id,
        "served_by": prediction.served_by,
        "predictions": predictions,
    }));
    (spent.output, spent.total) = (began.elapsed(), arrived.elapsed());
    served.answered(&prediction, spent);
    answer
}

/// Some, and not too many.
pub(super) fn check_count(what: &'static str, count: usize, most: usize) -> Result<()> {
    match count {
        0 => Err(Error::invalid_input(READ, what, "there are none")),
        count if count > most => {
            Err(Error::invalid_input(READ, what, format!("there are {count}, and at most {most} are taken")))
        }
        _ => Ok(()),
    }
}

/// Who asks, and how.
pub(super) struct Who {
    pub(super) unit: Option<String>,
    pub(super) id: Option<RequestId>,
    pub(super) version: Option<Version>,
    pub(super) timeout: Option<Duration>,
    pub(super) arrived: Instant,
}

/// Asks about raw records.
pub(super) fn ask(served: &Served, records: &[&RawValue], who: Who) -> Result<Inference> {
    let Who { unit, id, version, timeout, arrived } = who;
    let unit = served.unit(unit, id.as_ref())?;
    let rows = records.len();
    let asked = Asked { version, timeout, arrived, rows, priority: 0, elsewhere: false };
    let ask = |request: Request<'_>| {
        let request = match &id {
            Some(id) => request.with_id(id),
            None => request,
        };
        served.predict(request, asked, |_| Ok(()))
    };
    let mut reader = served.endpoint().records()?.with_strict_names();
    match records {
        [record] => reader.read_json(record.get().as_bytes(), |row| ask(Request::row(&unit, row))),
        records => {
            let mut table = TableBuilder::new(&served.endpoint().columns())?;
            for (place, record) in records.iter().enumerate() {
                let appended = reader.read_json(record.get().as_bytes(), |row| table.append(row));
                appended.map_err(|error| in_record(place, error))?;
            }
            let table = Arc::new(table.finish()?);
            ask(Request::table(&unit, &table))
        }
    }
}

/// What is wrong with one of several records.
fn in_record(place: usize, error: Error) -> Error {
    let context = error.context();
    let subject = format!("record {place}, {}", context.subject());
    let told = match &error {
        Error::SchemaMismatch(_) => Error::schema_mismatch(READ, subject, context.problem().to_owned()),
        _ => Error::invalid_input(READ, subject, context.problem().to_owned()),
    };
    match context.remedy().map(str::to_owned) {
        Some(remedy) => told.remedy(remedy).caused_by(error),
        None => told.caused_by(error),
    }
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

const READ: &str = "read request";
