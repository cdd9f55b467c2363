//! What a request brings, from whatever Python has.

use std::sync::{Arc, Mutex, PoisonError};

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{Batch, OwnedValue};
use mlcore::name::{RequestId, UnitId};
use mlcore::schema::Signature;
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{Input, Prediction, Records, Request};
use pyo3::prelude::*;
use pyo3::types::{PyMapping, PyString};

use crate::door::{self, Asked};
use crate::features::has_own_names;
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
    pub(super) fn read(endpoint: &Endpoint, data: &Bound<'_, PyAny>) -> PyResult<Self> {
        let default = endpoint.arms().first().and_then(|(arm, _)| endpoint.model(arm));
        let Some(plan) = default.as_ref().and_then(|model| model.plan()) else {
            let empty = Signature::default();
            let expected = default.as_ref().map_or(&empty, |model| model.runner().signature());
            return tensors(data, expected).map(Self::Tensors);
        };
        let columns = endpoint.columns();
        if let Some(record) = data.cast::<PyMapping>().ok().filter(|mapping| is_record(mapping)) {
            let mut cells = Vec::with_capacity(columns.len());
            for item in record.items()?.iter() {
                let (name, value) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
                let name = name.str()?.to_str()?.to_owned();
                // Nobody looks at the value of a name that no arm reads.
                let cell = match columns.field(&name) {
                    Some(field) => {
                        let value = value::read(&value, Place::single(PREDICT, &name))?;
                        value::meant(value, field.dtype())
                    }
                    None => OwnedValue::Null,
                };
                cells.push((name, cell));
            }
            return Ok(Self::Record(cells));
        }
        let asked = Asked { operation: PREDICT, subject: "data" };
        let names: Vec<String> = plan.input().names().map(str::to_owned).collect();
        let table = door::fitting_table(data, &columns, &names, has_own_names(plan.input()), asked)?;
        Ok(Self::Table(Arc::new(table)))
    }

    /// Asks the endpoint.
    pub(super) fn ask(
        &self,
        endpoint: &Endpoint,
        readers: &Readers,
        unit: &UnitId,
        id: Option<&RequestId>,
    ) -> mlcore::Result<Prediction> {
        match self {
            Self::Record(cells) => {
                let mut records = readers.take(endpoint)?;
                let pairs = cells.iter().map(|(name, cell)| (name, cell.as_value()));
                let prediction =
                    records.read_pairs(pairs, |row| endpoint.predict(request(unit, id, Input::Row(row))));
                readers.give_back(records);
                prediction
            }
            Self::Table(table) => endpoint.predict(request(unit, id, Input::Table(table))),
            Self::Tensors(batch) => endpoint.predict(request(unit, id, Input::Tensors(batch))),
        }
    }
}

fn request<'a>(unit: &'a UnitId, id: Option<&'a RequestId>, input: Input<'a>) -> Request<'a> {
    let request = Request::new(unit, input);
    id.map_or(request, |id| request.with_id(id))
}

const PREDICT: &str = "predict";

/// One record, where not every value is a column of its own.
fn is_record(mapping: &Bound<'_, PyMapping>) -> bool {
    let is_column = |value: &Bound<'_, PyAny>| {
        !value.is_instance_of::<PyString>() && value.hasattr("__len__").unwrap_or(false)
    };
    mapping.values().is_ok_and(|values| values.is_empty() || !values.iter().all(|value| is_column(&value)))
}
