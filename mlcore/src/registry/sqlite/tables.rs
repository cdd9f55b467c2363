//! Rows on disk: how they are written, and how they are found changed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Params, Row as SqlRow};
use serde::de::DeserializeOwned;

use super::commitment::{self, Update};
use super::proof::{self, End, Known, Proof};
use super::values::{
    alias_change_values, alias_values, entry_values, model_values, request_values, version_values,
};
use crate::artifact::Digest;
use crate::error::{Error, Result};
use crate::interrupt::Pace;
use crate::name::{Alias, ModelName, RequestId, Version};
use crate::registry::backend::{self, Row, Tables};
use crate::registry::row::{integer, row_digest};
use crate::registry::{AliasChange, AuditEntry, AuditHead, Model, ModelVersion};
use crate::sql::{damaged, meaning};

/// The tables through one connection, in one transaction.
pub(super) struct SqlTables<'a> {
    connection: &'a Connection,
    file: &'a Path,
    /// What rows are compared with; none while a log is replayed into tables of its own.
    known: Option<&'a RefCell<Known>>,
    /// What the next entry makes of the tree of hashes.
    pending: RefCell<Option<Update>>,
}

impl<'a> SqlTables<'a> {
    /// Tables whose rows are compared with what the log says.
    pub(super) fn new(connection: &'a Connection, file: &'a Path, known: &'a RefCell<Known>) -> Result<Self> {
        let tables = Self { connection, file, known: Some(known), pending: RefCell::default() };
        if let Some(proof) = tables.proof() {
            proof.begin()?;
        }
        Ok(tables)
    }

    /// Tables that nobody else writes, without commitments.
    pub(super) fn unchecked(connection: &'a Connection, file: &'a Path) -> Self {
        Self { connection, file, known: None, pending: RefCell::default() }
    }

    pub(super) fn connection(&self) -> &'a Connection {
        self.connection
    }

    fn proof(&self) -> Option<Proof<'_>> {
        self.known.map(|known| Proof { connection: self.connection, file: self.file, known })
    }

    /// The value of a key, as the log has it.
    pub(super) fn committed(&self, key: &Digest) -> Result<Option<Digest>> {
        self.proof().map_or(Ok(None), |proof| proof.value(key))
    }

    pub(super) fn leaf(&self, node: i64) -> Result<Vec<u8>> {
        self.proof().map_or_else(|| Ok(Vec::new()), |proof| proof.leaf(node))
    }

    pub(super) fn nodes_above(&self, node: i64) -> Result<Vec<(i64, Vec<u8>)>> {
        self.proof().map_or_else(|| Ok(Vec::new()), |proof| proof.above(node))
    }

    /// Where the log ends by what this connection knows.
    pub(super) fn end(&self) -> End {
        self.proof().map_or(End::EMPTY, |proof| proof.end())
    }

    /// Fails unless the log gives `key` this value.
    fn check(&self, table: &'static str, key: &[&dyn Display], value: Option<Digest>) -> Result<()> {
        if self.known.is_none() || self.committed(&commitment::key(key))? == value {
            return Ok(());
        }
        Err(self.changed(table))
    }

    /// The name of the model before `name` in order; empty where it is the first.
    pub(super) fn model_before(&self, name: &ModelName) -> Result<String> {
        self.model_up_to("SELECT name FROM model WHERE name < ?1 ORDER BY name DESC LIMIT 1", name.as_str())
    }

    fn model_up_to(&self, sql: &str, name: &str) -> Result<String> {
        let failed = meaning(READ, self.file);
        let mut statement = self.connection.prepare_cached(sql).map_err(&failed)?;
        let before = statement.query_row((name,), |row| row.get(0)).optional().map_err(&failed)?;
        Ok(before.unwrap_or_default())
    }

    /// The digests of the versions of a chunk.
    pub(super) fn version_digests(&self, model: &ModelName, chunk: u64) -> Result<BTreeMap<u64, Digest>> {
        let mut digests = BTreeMap::new();
        self.chunk(model, chunk, |number, row| {
            digests.insert(number, self.text_and_digest(row)?.1);
            Ok(())
        })?;
        Ok(digests)
    }

    /// Calls `visit` with the number and the row of each version of a chunk, which are those that the log names.
    fn chunk(
        &self,
        model: &ModelName,
        chunk: u64,
        mut visit: impl FnMut(u64, &SqlRow<'_>) -> Result<()>,
    ) -> Result<()> {
        let sql = "SELECT body, digest, version FROM version
            WHERE model = ?1 AND version BETWEEN ?2 AND ?3 ORDER BY version";
        let (first, last) = commitment::numbers_of(chunk);
        let mut digests = Vec::new();
        self.each(sql, (model.as_str(), first, last), |row| {
            let number = row.get::<_, i64>(2).map_err(meaning(READ, self.file))?;
            let number = u64::try_from(number).unwrap_or(0);
            digests.push((number.to_be_bytes(), self.text_and_digest(row)?.1));
            visit(number, row)?;
            Ok(true)
        })?;
        let value = commitment::list_value(digests.iter().map(|(number, digest)| (number, digest)));
        self.check("version", &[&"versions", model, &chunk], value)
    }

    /// The digests of the aliases of a model that are set.
    pub(super) fn alias_digests(&self, model: &ModelName) -> Result<BTreeMap<Alias, Digest>> {
        let mut digests = BTreeMap::new();
        self.each_alias(model, |change, digest| {
            digests.insert(change.moved.alias, digest);
        })?;
        Ok(digests)
    }

    fn each_alias(&self, model: &ModelName, mut visit: impl FnMut(AliasChange, Digest)) -> Result<()> {
        let sql = "SELECT body, digest, alias FROM alias WHERE model = ?1 ORDER BY alias";
        let mut digests = Vec::new();
        self.each(sql, (model.as_str(),), |row| {
            let (change, digest) = self.open_row::<AliasChange>("alias", row)?;
            digests.push((row.get::<_, String>(2).map_err(meaning(READ, self.file))?, digest));
            visit(change, digest);
            Ok(true)
        })?;
        let value = commitment::list_value(digests.iter().map(|(alias, digest)| (alias, digest)));
        self.check("alias", &[&"aliases", model], value)
    }

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

    /// The row of a key, which must be the row that was asked for, and the one that the log names.
    fn row<T: DeserializeOwned>(
        &self,
        table: &'static str,
        sql: &str,
        params: impl Params,
        key: &[&dyn Display],
        is_it: impl Fn(&T) -> bool,
    ) -> Result<Option<T>> {
        let mut found = None;
        self.each(sql, params, |row| {
            found = Some(self.open_row(table, row)?);
            Ok(false)
        })?;
        let (row, digest) = found.unzip();
        self.check(table, key, digest)?;
        match row {
            Some(row) if !is_it(&row) => Err(self.changed(table)),
            row => Ok(row),
        }
    }

    fn open_row<T: DeserializeOwned>(&self, table: &'static str, row: &SqlRow<'_>) -> Result<(T, Digest)> {
        let (body, digest) = self.text_and_digest(row)?;
        if row_digest(table, body) != digest {
            return Err(self.changed(table));
        }
        let row = serde_json::from_str(body).map_err(|cause| self.changed(table).caused_by(cause))?;
        Ok((row, digest))
    }

    fn text_and_digest<'r>(&self, row: &'r SqlRow<'_>) -> Result<(&'r str, Digest)> {
        let failed = meaning(READ, self.file);
        let text = row.get_ref(0).map_err(&failed)?.as_str().map_err(|cause| failed(cause.into()))?;
        let digest = row.get::<_, [u8; 32]>(1).map_err(&failed)?;
        Ok((text, Digest::from_bytes(digest)))
    }

    fn changed(&self, table: &'static str) -> Error {
        let problem = format!("a row of the table {table} is not as it was written, by its audit log");
        damaged(READ, self.file.display().to_string(), problem)
    }

    fn execute(&self, sql: &str, params: impl Params) -> Result<()> {
        let failed = meaning(WRITE, self.file);
        let mut statement = self.connection.prepare_cached(sql).map_err(&failed)?;
        statement.execute(params).map_err(&failed).map(drop)
    }

    pub(super) fn insert(&self, sql: &str, values: Vec<Value>) -> Result<()> {
        self.execute(sql, rusqlite::params_from_iter(values))
    }

    /// Writes the nodes that the entry changes, whose root it names, and that the log ends with it.
    fn write_commitment(&self, entry: &AuditEntry) -> Result<()> {
        let Some(update) = self.pending.take() else { return Ok(()) };
        if entry.state != Some(update.root) {
            let problem = "an entry does not name the root of what it changes";
            return Err(Error::internal(WRITE, self.file.display().to_string(), problem));
        }
        for (node, body) in update.nodes {
            if commitment::is_absent(&body) {
                self.execute("DELETE FROM commitment WHERE node = ?1", (node,))?;
            } else {
                self.execute(WRITE_NODE, (node, body))?;
            }
        }
        let end = End { sequence: entry.sequence, hash: entry.hash, root: update.root };
        self.write_end(&end)
    }

    pub(super) fn write_end(&self, end: &End) -> Result<()> {
        self.execute(WRITE_NODE, (proof::END, end.to_bytes()))
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
        let end = self.end();
        let from = from.max(1);
        if limit == 0 || from > end.sequence {
            return Ok(Vec::new());
        }
        let mut entries: Vec<AuditEntry> = Vec::new();
        // Beyond what was asked for the log is followed to the next entry that the root covers.
        let (mut last, mut is_anchored) = (AuditHead::noted(from - 1, Digest::ZERO), false);
        self.each(
            "SELECT line, hash FROM audit WHERE sequence >= ?1 ORDER BY sequence",
            (integer(from),),
            |row| {
                let entry = self.open_entry(row)?;
                if entry.sequence != last.sequence + 1
                    || (entry.sequence > from && entry.previous != last.hash)
                {
                    return Err(self.changed("audit"));
                }
                last = entry.head();
                if entries.len() < limit {
                    entries.push(entry);
                }
                if last.sequence == end.sequence {
                    is_anchored = last.hash == end.hash;
                    return Ok(false);
                }
                if entries.len() == limit && last.sequence.is_multiple_of(commitment::CHUNK) {
                    self.check("audit", &[&"audit", &last.sequence], Some(last.hash))?;
                    is_anchored = true;
                }
                Ok(!is_anchored)
            },
        )?;
        if is_anchored { Ok(entries) } else { Err(self.changed("audit")) }
    }

    fn entry_of_request(&self, request: &RequestId) -> Result<Option<AuditEntry>> {
        let failed = meaning(READ, self.file);
        let mut statement =
            self.connection.prepare_cached("SELECT sequence FROM request WHERE id = ?1").map_err(&failed)?;
        let sequence: Option<i64> =
            statement.query_row((request.as_str(),), |row| row.get(0)).optional().map_err(&failed)?;
        let sequence = sequence.map(|sequence| u64::try_from(sequence).unwrap_or(0));
        self.check("request", &[&"request", request], sequence.map(commitment::request_value))?;
        let Some(sequence) = sequence else { return Ok(None) };
        let entry = self.entries(sequence, 1)?.pop();
        match entry.filter(|entry| entry.request.as_ref() == Some(request)) {
            Some(entry) => Ok(Some(entry)),
            None => Err(self.changed("request")),
        }
    }

    fn model(&self, name: &ModelName) -> Result<Option<Model>> {
        let sql = "SELECT body, digest FROM model WHERE name = ?1";
        let key: [&dyn Display; 2] = [&"model", name];
        self.row("model", sql, (name.as_str(),), &key, |model: &Model| model.name == *name)
    }

    fn models(&self, after: Option<&ModelName>, limit: usize) -> Result<Vec<Model>> {
        // The empty text is before every name. Deleted models are few; they are left out while reading.
        let after = after.map_or("", ModelName::as_str);
        let up_to = "SELECT name FROM model WHERE name <= ?1 ORDER BY name DESC LIMIT 1";
        let mut before = self.model_up_to(up_to, after)?;
        let sql = "SELECT body, digest FROM model WHERE name > ?1 ORDER BY name";
        let (mut models, mut is_whole) = (Vec::new(), true);
        self.each(sql, (after,), |row| {
            let (model, digest): (Model, _) = self.open_row("model", row)?;
            let own = commitment::key(&[&"model", &model.name]);
            self.check("model", &[&"next model", &before], Some(own))?;
            self.check("model", &[&"model", &model.name], Some(digest))?;
            before = model.name.to_string();
            if !model.deleted {
                models.push(model);
            }
            is_whole = models.len() < limit;
            Ok(is_whole)
        })?;
        if is_whole {
            self.check("model", &[&"next model", &before], None)?;
        }
        models.truncate(limit);
        Ok(models)
    }

    fn version(&self, model: &ModelName, version: Version) -> Result<Option<ModelVersion>> {
        let sql = "SELECT body, digest FROM version WHERE model = ?1 AND version = ?2";
        let key: [&dyn Display; 3] = [&"version", model, &version];
        self.row("version", sql, (model.as_str(), integer(version.get())), &key, |row: &ModelVersion| {
            row.model == *model && row.version == version
        })
    }

    fn versions(&self, model: &ModelName, after: Option<Version>, limit: usize) -> Result<Vec<ModelVersion>> {
        let after = after.map_or(0, Version::get);
        let last = self.model(model)?.and_then(|model| model.last_version).map_or(0, Version::get);
        let mut versions = Vec::new();
        if after >= last {
            return Ok(versions);
        }
        for chunk in commitment::chunk_of(after + 1)..=commitment::chunk_of(last) {
            if versions.len() >= limit {
                break;
            }
            self.chunk(model, chunk, |number, row| {
                if number > after && versions.len() < limit {
                    let (version, _): (ModelVersion, _) = self.open_row("version", row)?;
                    if version.model != *model || version.version.get() != number {
                        return Err(self.changed("version"));
                    }
                    versions.push(version);
                }
                Ok(())
            })?;
        }
        Ok(versions)
    }

    fn alias(&self, model: &ModelName, alias: &Alias) -> Result<Option<AliasChange>> {
        let sql = "SELECT body, digest FROM alias WHERE model = ?1 AND alias = ?2";
        let key: [&dyn Display; 3] = [&"alias", model, alias];
        self.row("alias", sql, (model.as_str(), alias.as_str()), &key, |row: &AliasChange| {
            row.moved.model == *model && row.moved.alias == *alias
        })
    }

    fn aliases(&self, model: &ModelName) -> Result<Vec<AliasChange>> {
        let mut aliases = Vec::new();
        self.each_alias(model, |change, _| aliases.push(change))?;
        Ok(aliases)
    }

    fn alias_history(&self, model: &ModelName, alias: &Alias) -> Result<Vec<AliasChange>> {
        let sql = "SELECT body, digest FROM alias_change WHERE model = ?1 AND alias = ?2 ORDER BY sequence";
        let (mut history, mut value) = (Vec::new(), None);
        self.each(sql, (model.as_str(), alias.as_str()), |row| {
            let (change, digest) = self.open_row("alias_change", row)?;
            value = Some(commitment::history_value(value, &digest));
            history.push(change);
            Ok(true)
        })?;
        self.check("alias_change", &[&"history", model, alias], value)?;
        Ok(history)
    }

    fn commitment(&self, entry: &AuditEntry) -> Result<Option<Digest>> {
        if self.known.is_none() {
            return Ok(None);
        }
        let update = commitment::update(self, &backend::evolve(self, entry)?)?;
        let root = update.root;
        self.pending.replace(Some(update));
        Ok(Some(root))
    }

    fn write(&mut self, row: Row) -> Result<()> {
        match row {
            Row::Entry(entry) => {
                self.write_commitment(&entry)?;
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
const WRITE_NODE: &str =
    "INSERT INTO commitment VALUES (?1, ?2) ON CONFLICT DO UPDATE SET body = excluded.body";
const READ: &str = "read registry";
const WRITE: &str = "change registry";
