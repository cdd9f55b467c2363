//! The rules of the registry, without storage: what may be done ([`decide`]), and what follows from what was done
//! ([`evolve`]).
//!
//! A backend implements [`Tables`] and calls [`apply`] inside a transaction of its own. Replaying a log needs [`evolve`]
//! alone, so that rules may become stricter and old logs still verify.

mod decide;
mod evolve;
mod limits;
mod release;

use super::{AliasChange, AuditEntry, AuditHead, Change, Model, ModelVersion, Mutation};
use crate::error::{Error, Result};
use crate::name::{Alias, ModelName, RequestId, Version};

pub(super) use self::evolve::{evolve, new_version};

/// The stored state, as far as deciding needs it. Reads answer what is stored, deleted models included.
pub(super) trait Tables {
    fn head(&self) -> Result<AuditHead>;
    fn entry_of_request(&self, request: &RequestId) -> Result<Option<AuditEntry>>;
    fn model(&self, name: &ModelName) -> Result<Option<Model>>;
    fn version(&self, model: &ModelName, version: Version) -> Result<Option<ModelVersion>>;
    fn version_numbers(&self, model: &ModelName) -> Result<Vec<Version>>;
    fn alias(&self, model: &ModelName, alias: &Alias) -> Result<Option<AliasChange>>;
    fn aliases(&self, model: &ModelName) -> Result<Vec<AliasChange>>;
    fn alias_history(&self, model: &ModelName, alias: &Alias) -> Result<Vec<AliasChange>>;
    fn write(&mut self, row: Row) -> Result<()>;
}

/// One row to be written. Rows come in an order in which references hold after each.
#[derive(Debug)]
pub(super) enum Row {
    /// Appended to the log, and found by its request.
    Entry(AuditEntry),
    /// Inserted or replaced.
    Model(Model),
    /// Inserted or replaced.
    Version(ModelVersion),
    /// Removed.
    NoVersion(ModelName, Version),
    /// Appended to the alias's history; the alias means its target from now on.
    Alias(AliasChange),
}

/// Decides, seals and writes one change. The caller makes it atomic: nothing may stay when this fails.
pub(super) fn apply(tables: &mut dyn Tables, mutation: &Mutation, change: &Change) -> Result<AuditEntry> {
    limits::check(mutation, change)?;
    if let Some(request) = &change.request
        && let Some(earlier) = tables.entry_of_request(request)?
    {
        if earlier.answers(mutation, change)? {
            return Ok(earlier);
        }
        let problem = format!(
            "it was used for another change: entry {}, {}",
            earlier.sequence,
            earlier.event.operation()
        );
        return Err(Error::already_exists("apply change", format!("request {request}"), problem)
            .remedy("give each change a request id of its own"));
    }
    let event = decide::decide(tables, mutation)?;
    let entry = AuditEntry::seal(&tables.head()?, mutation, change, event)?;
    for row in evolve(tables, &entry)? {
        tables.write(row)?;
    }
    tracing::debug!(
        sequence = entry.sequence,
        operation = entry.event.operation(),
        subject = entry.event.subject(),
        actor = entry.actor,
        "registry changed"
    );
    Ok(entry)
}
