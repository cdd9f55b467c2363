//! What a request brings, from whatever Python has.

use std::sync::Arc;

use mlcore::Error;
use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{Batch, Row, Value};
use mlcore::name::{RequestId, UnitId};
use mlcore::schema::Schema;
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{Input, LoadedModel, Prediction, Request};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping, PyString};

use crate::cell::{Cell, absent};
use crate::door::{self, Asked};
use crate::error::raise;
use crate::features::has_own_names;
use crate::runner::tensors;

/// The data of a request, read.
pub(super) enum Given {
    /// A record, in the order of this schema.
    Row(Vec<Cell>, Schema),
    Table(Arc<RecordBatch>),
    Tensors(Batch),
}

/// The models that answer now, the default arm's first.
pub(super) fn models(endpoint: &Endpoint) -> Vec<Arc<LoadedModel>> {
    endpoint.arms().iter().filter_map(|(arm, _)| endpoint.model(arm)).collect()
}

impl Given {
    /// Reads `data` as the plans of the arms that answer now want it.
    pub(super) fn read(endpoint: &Endpoint, data: &Bound<'_, PyAny>) -> PyResult<Self> {
        let models = models(endpoint);
        let schemas: Vec<&Schema> =
            models.iter().filter_map(|model| model.plan()).map(|plan| plan.input()).collect();
        let Some(plan) = models.first().and_then(|model| model.plan()) else {
            let empty = Schema::default();
            let expected = models.first().map_or(&empty, |model| &model.runner().signature().inputs);
            return tensors(data, expected).map(Self::Tensors);
        };
        let asked = Asked { operation: PREDICT, subject: "data" };
        let (own, named) = (plan.input(), has_own_names(plan.input()));
        let names: Vec<String> = own.names().map(str::to_owned).collect();
        // A row is bound by position, so it serves only where all plans read the same; tables are bound by name.
        let alike = schemas.iter().all(|schema| *schema == own);
        let record = data.cast::<PyMapping>().ok().filter(|mapping| is_record(mapping));
        let Some(record) = record else {
            let schema = if alike { own.clone() } else { union(data.py(), &schemas)? };
            let table = door::fitting_table(data, &schema, &names, named, asked)?;
            return Ok(Self::Table(Arc::new(table)));
        };
        refuse_unknown(record, &schemas)?;
        let cells = own.fields().iter().map(|field| {
            let value = record.get_item(field.name()).map_err(|_| absent(data.py(), field, PREDICT))?;
            Cell::of(&value, field, PREDICT)
        });
        let cells = cells.collect::<PyResult<Vec<_>>>()?;
        if alike {
            return Ok(Self::Row(cells, own.clone()));
        }
        let table = PyDict::new(data.py());
        for item in record.items()?.iter() {
            let (name, value) = item.extract::<(String, Bound<'_, PyAny>)>()?;
            table.set_item(name, [value])?;
        }
        let schema = union(data.py(), &schemas)?;
        let table = door::fitting_table(table.as_any(), &schema, &names, true, asked)?;
        Ok(Self::Table(Arc::new(table)))
    }

    /// Asks the endpoint.
    pub(super) fn ask(
        &self,
        endpoint: &Endpoint,
        unit: &UnitId,
        id: Option<&RequestId>,
    ) -> mlcore::Result<Prediction> {
        let request = |input| {
            let request = Request::new(unit, input);
            id.map_or(request, |id| request.with_id(id))
        };
        match self {
            Self::Row(cells, schema) => {
                let values: Vec<Value<'_>> = cells.iter().map(Cell::value).collect();
                endpoint.predict(request(Input::Row(Row::new(&values, schema)?)))
            }
            Self::Table(table) => endpoint.predict(request(Input::Table(table))),
            Self::Tensors(batch) => endpoint.predict(request(Input::Tensors(batch))),
        }
    }
}

const PREDICT: &str = "predict";

/// One record, where not every value is a column of its own.
fn is_record(mapping: &Bound<'_, PyMapping>) -> bool {
    let is_column = |value: &Bound<'_, PyAny>| {
        !value.is_instance_of::<PyString>() && value.hasattr("__len__").unwrap_or(false)
    };
    mapping.values().is_ok_and(|values| values.is_empty() || !values.iter().all(|value| is_column(&value)))
}

/// A name that no plan reads is a slip of the pen, and the feature that it stands for would be missed.
fn refuse_unknown(record: &Bound<'_, PyMapping>, schemas: &[&Schema]) -> PyResult<()> {
    let py = record.py();
    for key in record.keys()?.iter() {
        let name = key.to_string();
        if !schemas.iter().any(|schema| schema.field(&name).is_some()) {
            let known: Vec<&str> = schemas.first().map(|schema| schema.names().collect()).unwrap_or_default();
            let error = Error::schema_mismatch(PREDICT, name, "the feature plan reads no such column");
            return Err(raise(py, &error.remedy(format!("pass {}", known.join(", ")))));
        }
    }
    Ok(())
}

/// The columns of all plans, each once: as the first that reads it wants it.
fn union(py: Python<'_>, schemas: &[&Schema]) -> PyResult<Schema> {
    let mut fields: Vec<mlcore::schema::Field> = Vec::new();
    for field in schemas.iter().flat_map(|schema| schema.fields()) {
        if !fields.iter().any(|known| known.name() == field.name()) {
            fields.push(field.clone());
        }
    }
    Schema::new(fields).map_err(|error| raise(py, &error))
}
