//! Rows, read and written within one transaction of somebody else's. What is read is checked against the audit.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use mlcore::artifact::Digest;
use mlcore::interrupt::paced;
use mlcore::name::RequestId;
use mlcore::sql::{damaged, meaning};
use mlcore::{Error, Result};
use rusqlite::{Connection, OptionalExtension, Params, Row};
use serde_json::Value;

use super::super::decide::Next;
use super::super::snapshot::Record;
use super::super::version::{History, Kept, OldVersions, digest_of};
use super::super::{AuditEntry, Interval, Materialised, Snapshot};
use crate::store::definition::{
    Definition, Repository, ViewVersion, canonical_text, content_digest, json_of,
};

#[derive(Debug)]
pub(super) struct Tables<'a> {
    connection: &'a Connection,
    file: &'a Path,
    operation: &'static str,
}

impl<'a> Tables<'a> {
    pub(super) fn new(connection: &'a Connection, file: &'a Path, operation: &'static str) -> Self {
        Self { connection, file, operation }
    }

    pub(super) fn damaged(&self, problem: String) -> Error {
        damaged(self.operation, self.file.display().to_string(), problem)
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> Error {
        meaning(self.operation, self.file)
    }

    fn run(&self, sql: &str, values: impl Params) -> Result<()> {
        let run = || self.connection.prepare_cached(sql)?.execute(values).map(drop);
        run().map_err(self.failed())
    }

    fn one<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        let one = || self.connection.prepare_cached(sql)?.query_row(values, read).optional();
        one().map_err(self.failed())
    }

    pub(super) fn each<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
        mut visit: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let mut statement = self.connection.prepare_cached(sql).map_err(self.failed())?;
        let mut rows = statement.query(values).map_err(self.failed())?;
        while let Some(row) = rows.next().map_err(self.failed())? {
            visit(read(row).map_err(self.failed())?)?;
        }
        Ok(())
    }

    pub(super) fn begin_project(&self, project: &str) -> Result<()> {
        self.run("INSERT INTO project (id, name) VALUES (1, ?1)", (project,))
    }

    /// Fails unless the file is this project's.
    pub(super) fn check_project(&self, project: &str) -> Result<()> {
        let found = self.one("SELECT name FROM project", (), |row| row.get::<_, String>(0))?;
        match found {
            Some(own) if own == project => Ok(()),
            Some(own) => {
                let problem =
                    format!("it holds the definitions of the project {own:?}, and {project:?} is asked for");
                Err(Error::invalid_input(self.operation, self.file.display().to_string(), problem)
                    .remedy("name the project of the file, or give the project a file of its own"))
            }
            None => Err(self.damaged("it says no project".to_owned())),
        }
    }

    /// The last revision and the hash of its entry.
    pub(super) fn head(&self) -> Result<(u64, Digest)> {
        let sql = "SELECT revision, hash FROM audit ORDER BY revision DESC LIMIT 1";
        match self.one(sql, (), |row| Ok((revision_at(row, 0)?, row.get::<_, Vec<u8>>(1)?)))? {
            None => Ok((0, Digest::ZERO)),
            Some((revision, hash)) => Ok((revision, self.digest(&hash)?)),
        }
    }

    fn digest(&self, bytes: &[u8]) -> Result<Digest> {
        let bytes: [u8; 32] =
            bytes.try_into().map_err(|_| self.damaged("a digest is not 32 bytes".to_owned()))?;
        Ok(Digest::from_bytes(bytes))
    }

    /// All objects, which are those that the last entry of the audit knows.
    pub(super) fn snapshot(&self, project: &str) -> Result<Snapshot> {
        let last = match self.head()? {
            (0, _) => None,
            (revision, _) => self.entries(revision, 1)?.into_iter().next(),
        };
        let mut definitions = Vec::new();
        let mut records = BTreeMap::new();
        let sql = "SELECT kind, name, body, record FROM definition ORDER BY kind, name";
        let texts = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        self.each(sql, (), texts, |(kind, name, body, record): (String, String, String, String)| {
            let unreadable =
                |problem: String| self.damaged(format!("the {kind} {name:?} cannot be read: {problem}"));
            let definition: Definition =
                serde_json::from_str(&body).map_err(|cause| unreadable(cause.to_string()))?;
            let record: Record =
                serde_json::from_str(&record).map_err(|cause| unreadable(cause.to_string()))?;
            let id = definition.id();
            if (id.kind.name(), id.name.as_str()) != (kind.as_str(), name.as_str()) {
                return Err(unreadable(format!("it says that it is the {id}")));
            }
            if definition.digest()? != record.digest {
                return Err(unreadable("it is not what was applied".to_owned()));
            }
            records.insert(id, record);
            definitions.push(Arc::new(definition));
            mlcore::interrupt::check(self.operation)
        })?;
        let (revision, head, root) =
            last.map_or((0, Digest::ZERO, None), |entry| (entry.revision, entry.hash, Some(entry.root)));
        if Snapshot::root(&records)? != root.map_or_else(|| Snapshot::root(&BTreeMap::new()), Ok)? {
            return Err(self.damaged(format!("its objects are not those of revision {revision}")));
        }
        let versions = OldVersions::new(project, self);
        let repository = Repository::with_versions(project.to_owned(), definitions, &versions)
            .map_err(|error| self.damaged(format!("its objects do not go together: {error}")))?;
        Ok(Snapshot { revision, head, repository, records })
    }

    pub(super) fn entries(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>> {
        let mut entries = Vec::new();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = "SELECT revision, body, hash FROM audit WHERE revision >= ?1 ORDER BY revision LIMIT ?2";
        let row =
            |row: &Row<'_>| Ok((revision_at(row, 0)?, row.get::<_, String>(1)?, row.get::<_, Vec<u8>>(2)?));
        self.each(sql, (number(from), limit), row, |(revision, body, hash)| {
            let entry =
                AuditEntry::parse(&body, self.digest(&hash)?).map_err(|problem| self.damaged(problem))?;
            if entry.revision != revision {
                return Err(
                    self.damaged(format!("audit entry {revision} is that of revision {}", entry.revision))
                );
            }
            entries.push(entry);
            mlcore::interrupt::check(self.operation)
        })?;
        Ok(entries)
    }

    pub(super) fn versions(&self, view: &str) -> Result<Vec<ViewVersion>> {
        let mut versions = Vec::new();
        let sql = "SELECT version FROM view_version WHERE view = ?1 ORDER BY version";
        self.each(
            sql,
            (view,),
            |row| row.get::<_, u32>(0),
            |version| {
                versions.push(ViewVersion::new(version));
                Ok(())
            },
        )?;
        Ok(versions)
    }

    /// Writes what an apply comes to.
    pub(super) fn write(&self, next: &Next) -> Result<()> {
        let entry = &next.entry;
        let request = entry.request.as_ref().map(RequestId::as_str);
        self.run(
            "INSERT INTO audit (revision, request, body, hash) VALUES (?1, ?2, ?3, ?4)",
            (number(entry.revision), request, entry.text()?, entry.hash.as_bytes()),
        )?;
        for id in paced(&next.removed) {
            self.run("DELETE FROM definition WHERE kind = ?1 AND name = ?2", (id.kind.name(), &id.name))?;
        }
        for id in paced(&next.written) {
            let parts = next.snapshot.repository.definition(id).zip(next.snapshot.records.get(id));
            let Some((definition, record)) = parts else { continue };
            let (body, record) = (canonical_text(&json_of(definition)?), canonical_text(&json_of(record)?));
            self.run(
                "INSERT OR REPLACE INTO definition (kind, name, body, record) VALUES (?1, ?2, ?3, ?4)",
                (id.kind.name(), &id.name, body, record),
            )?;
        }
        for kept in paced(&next.kept) {
            self.run(
                "INSERT INTO view_version (view, version, revision, body) VALUES (?1, ?2, ?3, ?4)",
                (&kept.view, kept.version.get(), number(kept.revision), kept.text()?),
            )?;
        }
        for change in paced(next.diff.changes.iter().filter(|change| change.id.kind.is_view())) {
            let name = &change.id.name;
            match change.version_after {
                Some(_) if change.materialise.is_some() => self.forget_materialised(name)?,
                Some(version) if change.version_before.is_some_and(|before| before != version) => {
                    let mut known = self.materialised(name, change.version_before.unwrap_or_default())?;
                    known.version = version;
                    if !known.intervals().is_empty() {
                        self.write_materialised(name, &known)?;
                    }
                }
                Some(_) => {}
                None => self.forget_materialised(name)?,
            }
        }
        mlcore::interrupt::check(self.operation)
    }

    fn forget_materialised(&self, view: &str) -> Result<()> {
        self.run("DELETE FROM materialised WHERE view = ?1", (view,))
    }

    /// What is stored online of this version; nothing where another version was stored.
    pub(super) fn materialised(&self, view: &str, version: ViewVersion) -> Result<Materialised> {
        let sql = "SELECT version, intervals, digest FROM materialised WHERE view = ?1";
        let row =
            |row: &Row<'_>| Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?, row.get::<_, Vec<u8>>(2)?));
        let Some((stored, text, digest)) = self.one(sql, (view,), row)? else {
            return Ok(Materialised::of(version));
        };
        let broken = || self.damaged(format!("what was materialised of {view} is not what was recorded"));
        if self.digest(&digest)? != materialised_digest(view, stored, &text) || stored != version.get() {
            return Err(broken());
        }
        let intervals: Vec<Interval> = serde_json::from_str(&text).map_err(|_| broken())?;
        Materialised::stored(version, intervals).ok_or_else(broken)
    }

    pub(super) fn write_materialised(&self, view: &str, materialised: &Materialised) -> Result<()> {
        let version = materialised.version.get();
        let text = canonical_text(&json_of(&materialised.intervals())?);
        let digest = materialised_digest(view, version, &text);
        self.run(
            "INSERT OR REPLACE INTO materialised (view, version, intervals, digest) VALUES (?1, ?2, ?3, ?4)",
            (view, version, text, digest.as_bytes()),
        )
    }

    /// All that was kept of versions, as names.
    pub(super) fn all_versions(&self) -> Result<Vec<(String, ViewVersion)>> {
        let mut all = Vec::new();
        let sql = "SELECT view, version FROM view_version ORDER BY view, version";
        self.each(
            sql,
            (),
            |row| Ok((row.get(0)?, row.get(1)?)),
            |(view, version): (String, u32)| {
                all.push((view, ViewVersion::new(version)));
                Ok(())
            },
        )?;
        Ok(all)
    }
}

/// SQLite's integers have a sign; no registry comes to the end of them.
fn number(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

fn revision_at(row: &Row<'_>, place: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(place)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(place, number))
}

fn materialised_digest(view: &str, version: u32, text: &str) -> Digest {
    content_digest("materialised", &Value::from(vec![Value::from(view), version.into(), text.into()]))
}

impl History for Tables<'_> {
    fn last_version(&self, view: &str) -> Result<Option<ViewVersion>> {
        let sql = "SELECT max(version) FROM view_version WHERE view = ?1";
        Ok(self.one(sql, (view,), |row| row.get::<_, Option<u32>>(0))?.flatten().map(ViewVersion::new))
    }

    /// A version is what the entry that made it says.
    fn kept(&self, view: &str, version: ViewVersion) -> Result<Option<Kept>> {
        let sql = "SELECT revision, body FROM view_version WHERE view = ?1 AND version = ?2";
        let row = |row: &Row<'_>| Ok((revision_at(row, 0)?, row.get::<_, String>(1)?));
        let Some((revision, body)) = self.one(sql, (view, version.get()), row)? else { return Ok(None) };
        let entry = self.entries(revision, 1)?.into_iter().next();
        let made = entry.into_iter().flat_map(|entry| entry.changes).any(|change| {
            change.id.kind.is_view()
                && change.id.name == view
                && change.version == Some(version)
                && change.kept == Some(digest_of(&body))
        });
        if !made {
            return Err(self.damaged(format!("version {version} of {view} is not what was kept")));
        }
        Kept::parse(view, version, revision, &body).map(Some).map_err(|problem| self.damaged(problem))
    }

    fn entry_of(&self, request: &RequestId) -> Result<Option<AuditEntry>> {
        let sql = "SELECT revision FROM audit WHERE request = ?1";
        match self.one(sql, (request.as_str(),), |row| revision_at(row, 0))? {
            Some(revision) => Ok(self.entries(revision, 1)?.into_iter().next()),
            None => Ok(None),
        }
    }
}
