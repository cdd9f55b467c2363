//! The columns of each table, in the order of the table; verifying compares them all.

use rusqlite::types::Value;
use serde::Serialize;

use super::commitment;
use crate::artifact::Digest;
use crate::error::Result;
use crate::name::Version;
use crate::registry::row::{integer, stored};
use crate::registry::{AliasChange, AuditEntry, Model, ModelVersion};

pub(super) fn entry_values(entry: &AuditEntry) -> Vec<Value> {
    vec![number(entry.sequence), text(entry.canonical()), blob(entry.hash)]
}

pub(super) fn request_values(entry: &AuditEntry) -> Option<Vec<Value>> {
    Some(vec![text(entry.request.as_ref()?.as_str()), number(entry.sequence)])
}

pub(super) fn model_values(model: &Model) -> Result<Vec<Value>> {
    with_body("model", vec![text(model.name.as_str())], model)
}

pub(super) fn version_values(version: &ModelVersion) -> Result<Vec<Value>> {
    with_body("version", vec![text(version.model.as_str()), number(version.version.get())], version)
}

pub(super) fn alias_values(change: &AliasChange) -> Result<Option<Vec<Value>>> {
    let moved = &change.moved;
    let key =
        |target: Version| vec![text(moved.model.as_str()), text(moved.alias.as_str()), number(target.get())];
    change.target().map(|target| with_body("alias", key(target), change)).transpose()
}

pub(super) fn alias_change_values(change: &AliasChange) -> Result<Vec<Value>> {
    let key =
        vec![text(change.moved.model.as_str()), text(change.moved.alias.as_str()), number(change.sequence)];
    with_body("alias_change", key, change)
}

fn with_body(table: &'static str, mut key: Vec<Value>, row: &impl Serialize) -> Result<Vec<Value>> {
    let (body, digest) = stored(table, row)?;
    key.extend([Value::Text(body), blob(digest)]);
    Ok(key)
}

/// The digest of a row, which is its last column.
pub(super) fn digest_of_row(values: &[Value]) -> Result<Digest> {
    match values.last() {
        Some(Value::Blob(digest)) => digest.as_slice().try_into().ok().map(Digest::from_bytes),
        _ => None,
    }
    .ok_or_else(commitment::unmade)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn blob(digest: Digest) -> Value {
    Value::Blob(digest.as_bytes().to_vec())
}

fn number(number: u64) -> Value {
    Value::Integer(integer(number))
}
