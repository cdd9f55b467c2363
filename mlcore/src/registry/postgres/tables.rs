use std::cell::RefCell;

use postgres::types::ToSql;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::READ;
use crate::artifact::Digest;
use crate::error::{Error, Result};
use crate::interrupt;
use crate::name::{Alias, ModelName, RequestId, Version};
use crate::postgres::{Statements, damaged};
use crate::registry::backend::{Row, Tables};
use crate::registry::row::{integer, row_digest, stored};
use crate::registry::{AliasChange, AuditEntry, AuditHead, Model, ModelVersion};

/// The rows of a registry, within a connection or one of its transactions.
pub(super) struct PostgresTables<'s, 'c> {
    statements: RefCell<&'s mut Statements<'c>>,
}

impl<'s, 'c> PostgresTables<'s, 'c> {
    pub(super) fn new(statements: &'s mut Statements<'c>) -> Self {
        Self { statements: RefCell::new(statements) }
    }

    fn query(&self, sql: &'static str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<postgres::Row>> {
        interrupt::check(READ)?;
        self.statements.borrow_mut().query(sql, values)
    }

    fn execute(&self, sql: &'static str, values: &[&(dyn ToSql + Sync)]) -> Result<()> {
        self.statements.borrow_mut().execute(sql, values).map(drop)
    }

    fn changed(&self, table: &'static str) -> Error {
        let problem = format!("a row of the table {table} is not as it was written, by its digest");
        damaged(READ, self.statements.borrow().server().to_owned(), problem)
    }

    /// The rows of a query for bodies and digests.
    fn rows<T: DeserializeOwned>(
        &self,
        table: &'static str,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
        is_it: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>> {
        self.query(sql, values)?
            .iter()
            .map(|row| {
                let (body, digest): (&str, &[u8]) = self.two(table, row)?;
                if digest != row_digest(table, body).as_bytes() {
                    return Err(self.changed(table));
                }
                let row: T =
                    serde_json::from_str(body).map_err(|cause| self.changed(table).caused_by(cause))?;
                if is_it(&row) { Ok(row) } else { Err(self.changed(table)) }
            })
            .collect()
    }

    fn two<'r>(&self, table: &'static str, row: &'r postgres::Row) -> Result<(&'r str, &'r [u8])> {
        match (row.try_get(0), row.try_get(1)) {
            (Ok(text), Ok(bytes)) => Ok((text, bytes)),
            (Err(cause), _) | (_, Err(cause)) => Err(self.changed(table).caused_by(cause)),
        }
    }

    fn entries_of(&self, sql: &'static str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<AuditEntry>> {
        let rows = self.query(sql, values)?;
        let entry = |row: &postgres::Row| {
            let (line, hash) = self.two("audit", row)?;
            let hash = hash.try_into().map_err(|_| self.changed("audit"))?;
            AuditEntry::parse(line, Digest::from_bytes(hash))
        };
        rows.iter().map(entry).collect()
    }

    /// Fails where the columns beside the bodies are not what the log gives: requests, and models that are deleted.
    pub(super) fn check_columns(&self, head: &AuditHead) -> Result<()> {
        let (mut known, mut moves) = (0, 0);
        let mut first = 1;
        while first <= head.sequence {
            let entries = self.entries(first, PAGE)?;
            let Some(last) = entries.last().map(|entry| entry.sequence) else { break };
            let sql =
                "SELECT id, sequence FROM request WHERE sequence >= $1 AND sequence <= $2 ORDER BY sequence";
            let rows = self.query(sql, &[&integer(first), &integer(last)])?;
            let expected: Vec<(&str, i64)> = entries
                .iter()
                .filter_map(|entry| Some((entry.request.as_ref()?.as_str(), integer(entry.sequence))))
                .collect();
            let found = rows.iter().map(|row| Some((row.try_get(0).ok()?, row.try_get(1).ok()?)));
            if !found.eq(expected.iter().copied().map(Some)) {
                return Err(self.changed("request"));
            }
            known += expected.len();
            moves += entries.iter().map(|entry| entry.alias_changes().count()).sum::<usize>();
            first = last.saturating_add(1);
        }
        self.require_count("request", "SELECT count(*) FROM request", known)?;
        self.require_count("alias_change", "SELECT count(*) FROM alias_change", moves)?;
        // A row that hides a model, or shows one that is deleted.
        let live =
            self.rows("model", "SELECT body, digest FROM model WHERE NOT deleted", &[], |_: &Model| true)?;
        if live.iter().any(|model| model.deleted) {
            return Err(self.changed("model"));
        }
        let gone =
            self.rows("model", "SELECT body, digest FROM model WHERE deleted", &[], |_: &Model| true)?;
        if gone.iter().all(|model| model.deleted) { Ok(()) } else { Err(self.changed("model")) }
    }

    fn require_count(&self, table: &'static str, sql: &'static str, expected: usize) -> Result<()> {
        let counted: Option<i64> = self.query(sql, &[])?.first().and_then(|row| row.try_get(0).ok());
        if counted == i64::try_from(expected).ok() { Ok(()) } else { Err(self.changed(table)) }
    }

    fn write_row(
        &self,
        table: &'static str,
        sql: &'static str,
        key: &[&(dyn ToSql + Sync)],
        row: &impl Serialize,
    ) -> Result<()> {
        let (body, digest) = stored(table, row)?;
        let (body, digest): (&str, &[u8]) = (&body, digest.as_bytes());
        self.execute(sql, &[key, &[&body, &digest]].concat())
    }
}

impl Tables for PostgresTables<'_, '_> {
    fn head(&self) -> Result<AuditHead> {
        let last = self.entries_of("SELECT line, hash FROM audit ORDER BY sequence DESC LIMIT 1", &[])?;
        Ok(last.first().map(AuditEntry::head).unwrap_or_default())
    }

    fn entries(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>> {
        let sql = "SELECT line, hash FROM audit WHERE sequence >= $1 ORDER BY sequence LIMIT $2";
        let from = from.max(1);
        let entries = self.entries_of(sql, &[&integer(from), &page(limit)])?;
        let mut expected = from;
        for (place, entry) in entries.iter().enumerate() {
            let follows = place
                .checked_sub(1)
                .and_then(|before| entries.get(before))
                .is_none_or(|before| before.hash == entry.previous);
            if entry.sequence != expected || !follows {
                return Err(self.changed("audit"));
            }
            expected = expected.saturating_add(1);
        }
        Ok(entries)
    }

    fn entry_of_request(&self, request: &RequestId) -> Result<Option<AuditEntry>> {
        let sql = "SELECT line, hash FROM audit JOIN request USING (sequence) WHERE id = $1";
        let found = self.entries_of(sql, &[&request.as_str()])?.pop();
        match found {
            Some(entry) if entry.request.as_ref() != Some(request) => Err(self.changed("request")),
            found => Ok(found),
        }
    }

    fn model(&self, name: &ModelName) -> Result<Option<Model>> {
        let sql = "SELECT body, digest FROM model WHERE name = $1";
        let mut rows = self.rows("model", sql, &[&name.as_str()], |model: &Model| model.name == *name)?;
        Ok(rows.pop())
    }

    fn models(&self, after: Option<&ModelName>, limit: usize) -> Result<Vec<Model>> {
        // The empty text is before every name.
        let sql = "SELECT body, digest FROM model WHERE name > $1 AND NOT deleted
            ORDER BY name LIMIT $2";
        let after = after.map_or("", ModelName::as_str);
        self.rows("model", sql, &[&after, &page(limit)], |model: &Model| {
            !model.deleted && model.name.as_str() > after
        })
    }

    fn version(&self, model: &ModelName, version: Version) -> Result<Option<ModelVersion>> {
        let sql = "SELECT body, digest FROM version WHERE model = $1 AND version = $2";
        let is_it = |row: &ModelVersion| row.model == *model && row.version == version;
        Ok(self.rows("version", sql, &[&model.as_str(), &integer(version.get())], is_it)?.pop())
    }

    fn versions(&self, model: &ModelName, after: Option<Version>, limit: usize) -> Result<Vec<ModelVersion>> {
        let sql =
            "SELECT body, digest FROM version WHERE model = $1 AND version > $2 ORDER BY version LIMIT $3";
        let after = after.map_or(0, Version::get);
        let is_it = |row: &ModelVersion| row.model == *model && row.version.get() > after;
        let versions = self.rows("version", sql, &[&model.as_str(), &integer(after), &page(limit)], is_it)?;
        if versions.is_sorted_by(|a, b| a.version < b.version) {
            Ok(versions)
        } else {
            Err(self.changed("version"))
        }
    }

    fn aliases(&self, model: &ModelName) -> Result<Vec<AliasChange>> {
        let sql = "SELECT body, digest FROM alias WHERE model = $1 ORDER BY alias";
        self.rows("alias", sql, &[&model.as_str()], |row: &AliasChange| row.moved.model == *model)
    }

    fn alias_history(&self, model: &ModelName, alias: &Alias) -> Result<Vec<AliasChange>> {
        let sql = "SELECT body, digest FROM alias_change WHERE model = $1 AND alias = $2 ORDER BY sequence";
        let is_it = |row: &AliasChange| row.moved.model == *model && row.moved.alias == *alias;
        self.rows("alias_change", sql, &[&model.as_str(), &alias.as_str()], is_it)
    }

    fn alias(&self, model: &ModelName, alias: &Alias) -> Result<Option<AliasChange>> {
        let sql = "SELECT body, digest FROM alias WHERE model = $1 AND alias = $2";
        let is_it = |row: &AliasChange| row.moved.model == *model && row.moved.alias == *alias;
        Ok(self.rows("alias", sql, &[&model.as_str(), &alias.as_str()], is_it)?.pop())
    }

    fn write(&mut self, row: Row) -> Result<()> {
        match row {
            Row::Entry(entry) => {
                let (sequence, hash): (i64, &[u8]) = (integer(entry.sequence), entry.hash.as_bytes());
                self.execute(
                    "INSERT INTO audit VALUES ($1, $2, $3)",
                    &[&sequence, &entry.canonical(), &hash],
                )?;
                entry.request.as_ref().map_or(Ok(()), |request| {
                    self.execute("INSERT INTO request VALUES ($1, $2)", &[&request.as_str(), &sequence])
                })
            }
            Row::Model(model) => {
                let sql = "INSERT INTO model VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO UPDATE
                    SET deleted = excluded.deleted, body = excluded.body, digest = excluded.digest";
                self.write_row("model", sql, &[&model.name.as_str(), &model.deleted], &model)
            }
            Row::Version(version) => {
                let sql = "INSERT INTO version VALUES ($1, $2, $3, $4)
                    ON CONFLICT (model, version) DO UPDATE SET body = excluded.body, digest = excluded.digest";
                let key: [&(dyn ToSql + Sync); 2] =
                    [&version.model.as_str(), &integer(version.version.get())];
                self.write_row("version", sql, &key, &version)
            }
            Row::NoVersion(model, version) => {
                let sql = "DELETE FROM version WHERE model = $1 AND version = $2";
                self.execute(sql, &[&model.as_str(), &integer(version.get())])
            }
            Row::Alias(change) => self.write_alias(&change),
        }
    }
}

impl PostgresTables<'_, '_> {
    fn write_alias(&self, change: &AliasChange) -> Result<()> {
        let (model, alias) = (change.moved.model.as_str(), change.moved.alias.as_str());
        let key: [&(dyn ToSql + Sync); 3] = [&model, &alias, &integer(change.sequence)];
        self.write_row("alias_change", "INSERT INTO alias_change VALUES ($1, $2, $3, $4, $5)", &key, change)?;
        match change.target() {
            Some(target) => {
                let sql = "INSERT INTO alias VALUES ($1, $2, $3, $4, $5) ON CONFLICT (model, alias) DO UPDATE
                    SET version = excluded.version, body = excluded.body, digest = excluded.digest";
                self.write_row("alias", sql, &[&model, &alias, &integer(target.get())], change)
            }
            None => self.execute("DELETE FROM alias WHERE model = $1 AND alias = $2", &[&model, &alias]),
        }
    }
}

/// How many entries are read at once.
const PAGE: usize = 1000;

fn page(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
