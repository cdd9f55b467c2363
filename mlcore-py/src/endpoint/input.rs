//! What a request brings, from whatever Python has.

use std::sync::{Arc, Mutex, PoisonError};

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{Batch, OwnedValue};
use mlcore::name::{RequestId, UnitId};
use mlcore::rollout::Context;
use mlcore::schema::Signature;
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{Input, Prediction, Records, Request};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyMapping, PyString, PyTuple};

use crate::door::{self, Asked, Record, is_of, unknown_name};
use crate::features::has_own_names;
use crate::rollout::Said;
use crate::runner::tensors;
use crate::value::{self, Place};

/// The data of a request, read.
pub(super) enum Given {
    /// A record, by name.
    Record(Vec<(String, OwnedValue)>),
    Table(Arc<RecordBatch>),
    Tensors(Batch),
}

/// Readers of records that no thread uses at the moment.
#[derive(Debug, Default)]
pub(super) struct Readers {
    spare: Mutex<Vec<Records>>,
    /// Whether unknown names are refused.
    is_strict: bool,
}

impl Readers {
    pub(super) fn new(is_strict: bool) -> Self {
        Self { is_strict, ..Self::default() }
    }

    fn take(&self, endpoint: &Endpoint) -> mlcore::Result<Records> {
        if let Some(records) = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(records);
        }
        let records = endpoint.records()?;
        Ok(if self.is_strict { records.with_strict_names() } else { records })
    }

    fn give_back(&self, records: Records) {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(records);
    }
}

impl Given {
    /// Reads `data` in the types of the columns that the arms read.
    pub(super) fn read(endpoint: &Endpoint, readers: &Readers, data: &Bound<'_, PyAny>) -> PyResult<Self> {
        let is_strict = readers.is_strict;
        let default = endpoint.arms().first().and_then(|(arm, _)| endpoint.model(arm));
        let Some(plan) = default.as_ref().and_then(|model| model.plan()) else {
            let empty = Signature::default();
            let expected = default.as_ref().map_or(&empty, |model| model.runner().signature());
            return tensors(data, expected).map(Self::Tensors);
        };
        let columns = endpoint.columns();
        let asked = Asked { operation: PREDICT, subject: "data" };
        let names: Vec<String> = plan.input().names().map(str::to_owned).collect();
        let named = has_own_names(plan.input());
        if let Some(record) = record(data)? {
            let record = record.by_name(data.py(), &names, named, asked)?;
            let mut cells = Vec::with_capacity(columns.len());
            for name in record.names()? {
                // Nobody looks at the value of a name that no arm reads.
                let cell = match (columns.field(&name), record.get(&name)?) {
                    (Some(field), Some(value)) => {
                        let value = value::read(&value, Place::single(PREDICT, &name))?;
                        value::meant(value, field.dtype())
                    }
                    // A name that is no text, and only looks like that of a column.
                    (Some(_), None) => continue,
                    (None, _) => OwnedValue::Null,
                };
                cells.push((name, cell));
            }
            return Ok(Self::Record(cells));
        }
        let given = door::columns(data, None, asked)?;
        if is_strict
            && given.named()
            && let Some(name) = given.names().find(|name| columns.field(name).is_none())
        {
            return Err(unknown_name(data.py(), name, &columns, asked));
        }
        let table = door::fitting_columns(data.py(), &given, &columns, &names, named, asked)?;
        Ok(Self::Table(Arc::new(table)))
    }

    /// Asks the endpoint.
    pub(super) fn ask(
        &self,
        endpoint: &Endpoint,
        readers: &Readers,
        asker: Asker<'_>,
    ) -> mlcore::Result<Prediction> {
        asker.said.with(|context| match self {
            Self::Record(cells) => {
                let mut records = readers.take(endpoint)?;
                let pairs = cells.iter().map(|(name, cell)| (name, cell.as_value()));
                let prediction = records
                    .read_pairs(pairs, |row| endpoint.predict(asker.request(Input::Row(row), context)));
                readers.give_back(records);
                prediction
            }
            Self::Table(table) => endpoint.predict(asker.request(Input::Table(table), context)),
            Self::Tensors(batch) => endpoint.predict(asker.request(Input::Tensors(batch), context)),
        })
    }
}

/// Who asks, and what is said beside the data.
#[derive(Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) unit: &'a UnitId,
    pub(super) id: Option<&'a RequestId>,
    pub(super) said: &'a Said,
}

impl Asker<'_> {
    fn request<'b>(&'b self, input: Input<'b>, context: Context<'b>) -> Request<'b> {
        let request = Request::new(self.unit, input).with_context(context);
        self.id.map_or(request, |id| request.with_id(id))
    }
}

const PREDICT: &str = "predict";

/// The record that the data is, and not a table: a dict of which not every value is a column, a row of pandas, a named tuple.
fn record<'py>(data: &Bound<'py, PyAny>) -> PyResult<Option<Record<'py>>> {
    let is_table = match data.cast::<PyMapping>() {
        Ok(mapping) => !is_record(mapping),
        Err(_) => {
            data.is_instance_of::<PyList>()
                || is_of(data, "numpy", &["ndarray"])
                || data.is_exact_instance_of::<PyTuple>()
        }
    };
    if is_table {
        return Ok(None);
    }
    // A series without names is a column.
    Ok(Record::of(data)?.filter(|record| !matches!(record, Record::Values(_))))
}

/// One record, where not every value is a column of its own.
fn is_record(mapping: &Bound<'_, PyMapping>) -> bool {
    let is_column = |value: &Bound<'_, PyAny>| {
        !value.is_instance_of::<PyString>() && value.hasattr("__len__").unwrap_or(false)
    };
    mapping.values().is_ok_and(|values| values.is_empty() || !values.iter().all(|value| is_column(&value)))
}
