//! Who asks by the protocol, and how.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mlcore::arrow::array::RecordBatch;
use mlcore::name::{RequestId, UnitId, Version};
use mlcore::{Error, Result};
use mlcore_features::store::key::EntityKey;

use super::raw;
use super::served::{Asked, Served};
use crate::endpoint::{LoadedModel, Request};
use crate::v2::{InferRequest, Parameter};

/// Who asks by the protocol, and how.
pub(super) struct Named {
    unit: UnitId,
    id: Option<RequestId>,
    pub(super) asked: Asked,
    /// The raw columns, where that is what the inputs are.
    raw: Option<Arc<RecordBatch>>,
    /// The entities whose features are looked up.
    entities: Vec<EntityKey>,
}

impl Named {
    pub(super) fn is_raw(&self) -> bool {
        self.raw.is_some() || !self.entities.is_empty()
    }

    pub(super) fn request<'r>(&'r self, request: &'r InferRequest) -> Request<'r> {
        let asked_for = match &self.raw {
            Some(table) => Request::table(&self.unit, table).with_entities(&self.entities),
            None if !self.entities.is_empty() => Request::entities(&self.unit, &self.entities),
            None => Request::tensors(&self.unit, &request.inputs),
        };
        match &self.id {
            Some(id) => asked_for.with_id(id),
            None => asked_for,
        }
    }
}

pub(super) fn check_outputs(request: &InferRequest, model: &LoadedModel) -> Result<()> {
    crate::v2::check_asked(&request.outputs, &model.runner().signature().outputs)
}

/// The priority that a request brings. Triton's clients send 0 for none.
fn priority_of(request: &InferRequest) -> Result<u32> {
    let Some(priority) = request.parameters.get("priority") else { return Ok(0) };
    // A level beyond 32 bits is none that there is.
    priority.as_u64().map(|level| u32::try_from(level).unwrap_or(u32::MAX)).ok_or_else(|| {
        let problem = format!("it is {priority}, and it is a level: 1 before 2 and so on, or 0 for none");
        Error::invalid_input("read request", "parameter priority", problem)
    })
}

/// The deadline that a request brings, in microseconds. Triton's clients send 0 for none.
fn timeout_of(request: &InferRequest) -> Result<Option<Duration>> {
    let Some(timeout) = request.parameters.get("timeout") else { return Ok(None) };
    let micros = timeout.as_u64().ok_or_else(|| {
        let problem = format!("it is {timeout}, and it is a number of microseconds");
        Error::invalid_input("read request", "parameter timeout", problem)
    })?;
    Ok(Some(Duration::from_micros(micros)).filter(|timeout| !timeout.is_zero()))
}

impl Served {
    /// Who asks, and how, as a request of the protocol says it.
    pub(super) fn named(
        &self,
        request: &InferRequest,
        version: Option<Version>,
        arrived: Instant,
    ) -> Result<Named> {
        let id = match request.id.as_deref() {
            Some(id) if !id.is_empty() => Some(RequestId::new(id)?),
            _ => None,
        };
        // Clients send the sequence 0 where there is none.
        let named = |key: &str| request.parameters.get(key).map(Parameter::to_string);
        let sequence = || named("sequence_id").filter(|id| id != "0" && !id.is_empty());
        let unit = self.unit(named("unit").or_else(sequence), id.as_ref())?;
        let rows = request.inputs.rows().unwrap_or(1);
        let (entities, inputs) = raw::entities_of(self.endpoint(), request)?;
        let raw = raw::table_of(self.endpoint(), request, inputs.as_ref())?;
        let (timeout, priority) = (timeout_of(request)?, priority_of(request)?);
        let asked = Asked { version, timeout, arrived, rows, priority, elsewhere: false };
        Ok(Named { unit, id, asked, raw, entities })
    }
}
