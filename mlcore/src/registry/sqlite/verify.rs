use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::error::{damaged, meaning};
use super::schema;
use super::tables::{self, SqlTables};
use crate::error::Result;
use crate::registry::AuditHead;
use crate::registry::backend::{self, MemoryTables, Tables};

/// Replays the log in one snapshot of the file, and compares every column of every row with what it gives.
pub(super) fn verify(connection: &Connection, file: &Path) -> Result<AuditHead> {
    let snapshot = connection.unchecked_transaction().map_err(meaning(VERIFY, file))?;
    check_pages(&snapshot, file)?;
    schema::check(&snapshot, file)?;
    let stored = SqlTables { connection: &snapshot, file };

    let mut replayed = MemoryTables::default();
    stored.each("SELECT line, hash FROM audit ORDER BY sequence", (), |row| {
        backend::replay(&mut replayed, &stored.open_entry(row)?)?;
        Ok(true)
    })?;

    let entries = replayed.entries.iter();
    compare(&stored, "audit", "sequence", entries.clone().map(|entry| Ok(tables::entry_values(entry))))?;
    let requests = replayed.requests.values().filter_map(|sequence| {
        let position = usize::try_from(sequence.checked_sub(1)?).ok()?;
        tables::request_values(replayed.entries.get(position)?).map(Ok)
    });
    compare(&stored, "request", "id", requests)?;
    compare(&stored, "model", "name", replayed.models.values().map(tables::model_values))?;
    let versions = replayed.versions.values().flat_map(|versions| versions.values());
    compare(&stored, "version", "model, version", versions.map(tables::version_values))?;
    let histories = || replayed.histories.values().flat_map(|aliases| aliases.values());
    let latest = histories().filter_map(|history| history.last());
    compare(
        &stored,
        "alias",
        "model, alias",
        latest.filter_map(|change| tables::alias_values(change).transpose()),
    )?;
    let changes = histories().flatten().map(tables::alias_change_values);
    compare(&stored, "alias_change", "model, alias, sequence", changes)?;
    replayed.head()
}

/// SQLite's own check: trees in order, no page lost or used twice.
fn check_pages(connection: &Connection, file: &Path) -> Result<()> {
    let failed = meaning(VERIFY, file);
    let mut statement = connection.prepare("PRAGMA integrity_check(1)").map_err(&failed)?;
    let found: String = statement.query_row((), |row| row.get(0)).map_err(&failed)?;
    if found == "ok" {
        return Ok(());
    }
    Err(damaged(VERIFY, file.display().to_string(), format!("its pages are damaged: {found}")))
}

/// Fails unless `table`, in the order of its key, holds exactly the `expected` rows.
fn compare(
    stored: &SqlTables<'_>,
    table: &'static str,
    key: &'static str,
    mut expected: impl Iterator<Item = Result<Vec<Value>>>,
) -> Result<()> {
    let differs = || {
        let problem = format!("the table {table} is not what the audit log gives");
        damaged(VERIFY, stored.file.display().to_string(), problem)
    };
    stored.each(&format!("SELECT * FROM {table} ORDER BY {key}"), (), |row| {
        let expected = expected.next().transpose()?.ok_or_else(differs)?;
        for (column, value) in expected.iter().enumerate() {
            if row.get::<_, Value>(column).map_err(meaning(VERIFY, stored.file))? != *value {
                return Err(differs());
            }
        }
        Ok(true)
    })?;
    if expected.next().is_some() { Err(differs()) } else { Ok(()) }
}

const VERIFY: &str = "verify registry";
