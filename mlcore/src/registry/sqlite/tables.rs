//! Rows on disk: how they are written, and how they are found changed.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Params, Row as SqlRow};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{damaged, meaning};
use crate::artifact::Digest;
use crate::error::{Error, Result};
use crate::interrupt::Pace;
use crate::name::{Alias, ModelName, RequestId, Version};
use crate::registry::backend::{Row, Tables};
use crate::registry::{AliasChange, AuditEntry, AuditHead, Model, ModelVersion};

/// The tables through one connection.
pub(super) struct SqlTables<'a> {
    pub(super) connection: &'a Connection,
    pub(super) file: &'a Path,
}

impl SqlTables<'_> {
    /// Calls `visit` with each row until it answers false.
    pub(super) fn each(
        &self,
        sql: &str,
        params: impl Params,
        mut visit: impl FnMut(&SqlRow<'_>) -> Result<bool>,
    ) -> Result<()> {
        let failed = meaning(READ, self.file);
        let mut statement = self.connection.prepare_cached(sql).map_err(&failed)?;
        let mut rows = statement.query(params).map_err(&failed)?;
        let mut pace = Pace::default();
        while let Some(row) = rows.next().map_err(&failed)? {
            pace.check(READ, UNITS_OF_A_ROW)?;
            if !visit(row)? {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn open_entry(&self, row: &SqlRow<'_>) -> Result<AuditEntry> {
        let (line, hash) = self.text_and_digest(row)?;
        AuditEntry::parse(line, hash)
    }

    fn rows<T: DeserializeOwned>(
        &self,
        table: &'static str,
        sql: &str,
        params: impl Params,
    ) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        self.each(sql, params, |row| {
            rows.push(self.open_row(table, row)?);
            Ok(true)
        })?;
        Ok(rows)
    }

    /// The row of a key, which must be the row that was asked for.
    fn row<T: DeserializeOwned>(
        &self,
        table: &'static str,
        sql: &str,
        params: impl Params,
        is_it: impl Fn(&T) -> bool,
    ) -> Result<Option<T>> {
        let mut found = None;
        self.each(sql, params, |row| {
            found = Some(self.open_row(table, row)?);
            Ok(false)
        })?;
        match found {
            Some(row) if !is_it(&row) => Err(self.changed(table)),
            found => Ok(found),
        }
    }

    fn open_row<T: DeserializeOwned>(&self, table: &'static str, row: &SqlRow<'_>) -> Result<T> {
        let (body, digest) = self.text_and_digest(row)?;
        if row_digest(table, body) != digest {
            return Err(self.changed(table));
        }
        serde_json::from_str(body).map_err(|cause| self.changed(table).caused_by(cause))
    }

    fn text_and_digest<'r>(&self, row: &'r SqlRow<'_>) -> Result<(&'r str, Digest)> {
        let failed = meaning(READ, self.file);
        let text = row.get_ref(0).map_err(&failed)?.as_str().map_err(|cause| failed(cause.into()))?;
        let digest = row.get::<_, [u8; 32]>(1).map_err(&failed)?;
        Ok((text, Digest::from_bytes(digest)))
    }

    fn changed(&self, table: &'static str) -> Error {
        let problem = format!("a row of the table {table} is not as it was written");
        damaged(READ, self.file.display().to_string(), problem)
    }

    fn execute(&self, sql: &str, params: impl Params) -> Result<()> {
        let failed = meaning(WRITE, self.file);
        let mut statement = self.connection.prepare_cached(sql).map_err(&failed)?;
        statement.execute(params).map_err(&failed).map(drop)
    }

    fn insert(&self, sql: &str, values: Vec<Value>) -> Result<()> {
        self.execute(sql, rusqlite::params_from_iter(values))
    }
}

impl Tables for SqlTables<'_> {
    fn head(&self) -> Result<AuditHead> {
        let mut head = AuditHead::default();
        self.each("SELECT line, hash FROM audit ORDER BY sequence DESC LIMIT 1", (), |row| {
            head = self.open_entry(row)?.head();
            Ok(false)
        })?;
        Ok(head)
    }

    fn entries(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>> {
        let sql = "SELECT line, hash FROM audit WHERE sequence >= ?1 ORDER BY sequence LIMIT ?2";
        let mut entries = Vec::new();
        self.each(sql, (integer(from), integer(limit as u64)), |row| {
            entries.push(self.open_entry(row)?);
            Ok(true)
        })?;
        Ok(entries)
    }

    fn entry_of_request(&self, request: &RequestId) -> Result<Option<AuditEntry>> {
        let failed = meaning(READ, self.file);
        let mut statement =
            self.connection.prepare_cached("SELECT sequence FROM request WHERE id = ?1").map_err(&failed)?;
        let sequence: Option<i64> =
            statement.query_row((request.as_str(),), |row| row.get(0)).optional().map_err(&failed)?;
        let Some(sequence) = sequence else { return Ok(None) };
        let entry = self.entries(u64::try_from(sequence).unwrap_or(0), 1)?.pop();
        match entry.filter(|entry| entry.request.as_ref() == Some(request)) {
            Some(entry) => Ok(Some(entry)),
            None => Err(self.changed("request")),
        }
    }

    fn model(&self, name: &ModelName) -> Result<Option<Model>> {
        let sql = "SELECT body, digest FROM model WHERE name = ?1";
        self.row("model", sql, (name.as_str(),), |model: &Model| model.name == *name)
    }

    fn models(&self, after: Option<&ModelName>, limit: usize) -> Result<Vec<Model>> {
        // The empty text is before every name. Deleted models are few; they are left out while reading.
        let after = after.map_or("", ModelName::as_str);
        let sql = "SELECT body, digest FROM model WHERE name > ?1 ORDER BY name";
        let mut models = Vec::new();
        self.each(sql, (after,), |row| {
            let model: Model = self.open_row("model", row)?;
            if !model.deleted {
                models.push(model);
            }
            Ok(models.len() < limit)
        })?;
        models.truncate(limit);
        Ok(models)
    }

    fn version(&self, model: &ModelName, version: Version) -> Result<Option<ModelVersion>> {
        let sql = "SELECT body, digest FROM version WHERE model = ?1 AND version = ?2";
        self.row("version", sql, (model.as_str(), integer(version.get())), |row: &ModelVersion| {
            row.model == *model && row.version == version
        })
    }

    fn versions(&self, model: &ModelName, after: Option<Version>, limit: usize) -> Result<Vec<ModelVersion>> {
        let after = after.map_or(0, |version| integer(version.get()));
        let sql =
            "SELECT body, digest FROM version WHERE model = ?1 AND version > ?2 ORDER BY version LIMIT ?3";
        self.rows("version", sql, (model.as_str(), after, integer(limit as u64)))
    }

    fn alias(&self, model: &ModelName, alias: &Alias) -> Result<Option<AliasChange>> {
        let sql = "SELECT body, digest FROM alias WHERE model = ?1 AND alias = ?2";
        self.row("alias", sql, (model.as_str(), alias.as_str()), |row: &AliasChange| {
            row.moved.model == *model && row.moved.alias == *alias
        })
    }

    fn aliases(&self, model: &ModelName) -> Result<Vec<AliasChange>> {
        let sql = "SELECT body, digest FROM alias WHERE model = ?1 ORDER BY alias";
        self.rows("alias", sql, (model.as_str(),))
    }

    fn alias_history(&self, model: &ModelName, alias: &Alias) -> Result<Vec<AliasChange>> {
        let sql = "SELECT body, digest FROM alias_change WHERE model = ?1 AND alias = ?2 ORDER BY sequence";
        self.rows("alias_change", sql, (model.as_str(), alias.as_str()))
    }

    fn write(&mut self, row: Row) -> Result<()> {
        match row {
            Row::Entry(entry) => {
                self.insert("INSERT INTO audit VALUES (?1, ?2, ?3)", entry_values(&entry))?;
                request_values(&entry)
                    .map_or(Ok(()), |values| self.insert("INSERT INTO request VALUES (?1, ?2)", values))
            }
            Row::Model(model) => {
                let sql = "INSERT INTO model VALUES (?1, ?2, ?3)
                    ON CONFLICT DO UPDATE SET body = excluded.body, digest = excluded.digest";
                self.insert(sql, model_values(&model)?)
            }
            Row::Version(version) => {
                let sql = "INSERT INTO version VALUES (?1, ?2, ?3, ?4)
                    ON CONFLICT DO UPDATE SET body = excluded.body, digest = excluded.digest";
                self.insert(sql, version_values(&version)?)
            }
            Row::NoVersion(model, version) => {
                let sql = "DELETE FROM version WHERE model = ?1 AND version = ?2";
                self.execute(sql, (model.as_str(), integer(version.get())))
            }
            Row::Alias(change) => {
                self.insert(
                    "INSERT INTO alias_change VALUES (?1, ?2, ?3, ?4, ?5)",
                    alias_change_values(&change)?,
                )?;
                match alias_values(&change)? {
                    Some(values) => {
                        let sql = "INSERT INTO alias VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE
                            SET version = excluded.version, body = excluded.body, digest = excluded.digest";
                        self.insert(sql, values)
                    }
                    None => {
                        let key = (change.moved.model.as_str(), change.moved.alias.as_str());
                        self.execute("DELETE FROM alias WHERE model = ?1 AND alias = ?2", key)
                    }
                }
            }
        }
    }
}

/// Of a read row of some hundred bytes, which is hashed and parsed.
const UNITS_OF_A_ROW: usize = 1 << 10;
const READ: &str = "read registry";
const WRITE: &str = "change registry";

/// The columns of each table, in the order of the table; verifying compares them all.
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
    let body = serde_json::to_string(row)
        .map_err(|cause| Error::internal(WRITE, table, cause.to_string()).caused_by(cause))?;
    let digest = row_digest(table, &body);
    key.extend([Value::Text(body), blob(digest)]);
    Ok(key)
}

/// The table's name is part of it, so that a row cannot pass for one of another table.
fn row_digest(table: &str, body: &str) -> Digest {
    Digest::of(format!("{table}\n{body}"))
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

/// SQLite counts to 2^63 - 1; what lies beyond is the last number, which no row reaches.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
