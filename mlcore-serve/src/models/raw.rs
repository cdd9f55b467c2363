//! Raw columns that come as the tensors of a request: what a version with a feature plan takes beside its own inputs.

use std::sync::Arc;

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{Batch, Tensor};
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use mlcore_features::store::key::EntityKey;

use crate::Endpoint;
use crate::endpoint::LoadedModel;
use crate::v2::{InferRequest, shortened};

/// The table that the inputs of a request are, where they are raw columns; none where they are tensors of the model's.
///
/// # Errors
/// [`Error::InvalidInput`] naming an input that is neither, and one that is no column; and where only the client knows which of
/// the two its inputs are.
pub(super) fn table_of(
    endpoint: &Endpoint,
    request: &InferRequest,
    left: Option<&Batch>,
) -> Result<Option<Arc<RecordBatch>>> {
    let inputs = left.unwrap_or(&request.inputs);
    if left.is_some_and(Batch::is_empty) {
        return Ok(None);
    }
    if !endpoint.has_columns() {
        return match is_asked(request)? {
            Some(true) => {
                let problem = "it is true, and no version of the model that answers has a feature plan";
                Err(Error::invalid_input(READ, SUBJECT, problem)
                    .remedy("send the tensors that the model takes"))
            }
            Some(false) | None => Ok(None),
        };
    }
    let columns = endpoint.columns();
    if are_raw(endpoint, &columns, request, inputs)? {
        table(inputs, request.most_records).map(Some)
    } else if left.is_some() {
        let problem = "they name entities and bring tensors of the model, which pass the feature plan by";
        Err(Error::invalid_input(READ, "inputs", problem).remedy("send raw columns beside the join keys"))
    } else {
        Ok(None)
    }
}

/// The entities that the inputs of a request name, by join keys, and the inputs that are left; no such inputs where none names one.
///
/// # Errors
/// [`Error::InvalidInput`] for a join key that is no column, and for a value that is no key.
pub(super) fn entities_of(
    endpoint: &Endpoint,
    request: &InferRequest,
) -> Result<(Vec<EntityKey>, Option<Batch>)> {
    let join_keys = endpoint.join_keys();
    let keys: Vec<(&str, &Tensor)> =
        request.inputs.iter().filter(|(name, _)| join_keys.field(name).is_some()).collect();
    if keys.is_empty() {
        return Ok((Vec::new(), None));
    }
    let columns = endpoint.columns();
    let is_left = |name: &str| join_keys.field(name).is_none() || columns.field(name).is_some();
    let left = request.inputs.as_slice().iter().filter(|(name, _)| is_left(name)).cloned();
    let left = Batch::new(left.collect::<Vec<_>>())?;
    let mut rows = None;
    for (name, tensor) in &keys {
        let count = match tensor.shape() {
            [count] | [count, 1] => *count,
            shape => {
                let problem = format!("its shape is {shape:?}, and a join key has one value for each row");
                return Err(refused(name, problem).remedy("send it with the shape [rows] or [rows, 1]"));
            }
        };
        let due = *rows.get_or_insert(count);
        if count != due {
            return Err(refused(name, format!("it has {count} rows, and the join keys before it {due}")));
        }
        if count == 0 || count > request.most_records {
            let most = request.most_records;
            return Err(refused(name, format!("it has {count} rows, and 1 to {most} entities are taken")));
        }
    }
    let of_row = |row: usize| {
        let parts = keys.iter().map(|(name, tensor)| (*name, tensor.value(row).unwrap_or_default()));
        EntityKey::new(parts)
    };
    let entities = (0..rows.unwrap_or(0)).map(of_row).collect::<Result<Vec<_>>>()?;
    Ok((entities, Some(left)))
}

/// What the client says of its inputs.
fn is_asked(request: &InferRequest) -> Result<Option<bool>> {
    let Some(value) = request.parameters.get(RAW_RECORDS) else { return Ok(None) };
    let flag = value.as_bool().ok_or_else(|| {
        let problem = format!("it is {}, and it is true or false", shortened(&value.to_string()));
        Error::invalid_input(READ, SUBJECT, problem)
    })?;
    Ok(Some(flag))
}

/// Whether the inputs are raw columns: as the client says, or else as their names do.
fn are_raw(endpoint: &Endpoint, columns: &Schema, request: &InferRequest, sent: &Batch) -> Result<bool> {
    if let Some(is_asked) = is_asked(request)? {
        return Ok(is_asked);
    }
    let models = endpoint.models();
    let is_input = |name: &str| models.iter().any(|(_, model)| inputs(model).field(name).is_some());
    let is_column = |name: &str| columns.field(name).is_some();
    let names = || sent.names();
    match (names().all(is_input), names().all(is_column)) {
        (true, false) => Ok(false),
        (false, true) => Ok(true),
        (true, true) if sent.is_empty() => Ok(false),
        (true, true) => {
            let problem = "the model and its feature plan both have inputs of these names";
            Err(Error::invalid_input(READ, "inputs", problem).remedy(
                "say which are sent by the parameter raw_records: true for raw columns, false for the model's tensors",
            ))
        }
        (false, false) => {
            let unknown = names().find(|name| !is_input(name) && !is_column(name));
            let own = models.first().map_or_else(String::new, |(_, model)| listed(inputs(model)));
            let there = format!(
                "the model has the inputs {own}, its feature plan the raw columns {}",
                listed(columns)
            );
            let (name, problem) = match unknown {
                Some(name) => (name, format!("there is none of this name: {there}")),
                None => {
                    (names().next().unwrap_or_default(), format!("inputs and raw columns are mixed: {there}"))
                }
            };
            Err(Error::invalid_input(READ, format!("input {}", shortened(name)), problem))
        }
    }
}

fn inputs(model: &LoadedModel) -> &Schema {
    &model.runner().signature().inputs
}

/// Names, some of them where they are many.
fn listed(schema: &Schema) -> String {
    let shown: Vec<&str> = schema.names().take(MOST_SHOWN).collect();
    let more = schema.len().saturating_sub(MOST_SHOWN);
    if more > 0 { format!("{} and {more} others", shown.join(", ")) } else { shown.join(", ") }
}

/// The table of these raw columns. Numbers lie where they lay in the tensors.
fn table(inputs: &Batch, most: usize) -> Result<Arc<RecordBatch>> {
    let mut made = Vec::with_capacity(inputs.len());
    let mut rows = None;
    for (name, tensor) in inputs.iter() {
        let count = match tensor.shape() {
            [rows] | [rows, 1] => *rows,
            shape => {
                let problem = format!("its shape is {shape:?}, and a raw column has one value for each row");
                return Err(refused(name, problem).remedy("send it with the shape [rows] or [rows, 1]"));
            }
        };
        let due = *rows.get_or_insert(count);
        if count != due {
            return Err(refused(name, format!("it has {count} rows, and the inputs before it {due}")));
        }
        if count > most {
            return Err(refused(
                name,
                format!("it has {count} rows, and at most {most} raw records are taken"),
            ));
        }
        made.push((name, tensor.reshaped([count])?));
    }
    Batch::new(made)?.to_record_batch().map(Arc::new)
}

fn refused(name: &str, problem: String) -> Error {
    Error::invalid_input(READ, format!("input {}", shortened(name)), problem)
}

const READ: &str = "read request";
const SUBJECT: &str = "parameter raw_records";
/// Says whether the inputs are raw columns.
const RAW_RECORDS: &str = "raw_records";
/// So many names are told of those that there are.
const MOST_SHOWN: usize = 20;
