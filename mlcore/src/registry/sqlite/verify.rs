//! Replaying the log into tables of its own, and comparing them with those that are stored.

use std::cell::RefCell;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::proof::Known;
use super::schema::SCHEMA;
use super::tables::SqlTables;
use super::{commitment, values};
use crate::error::Result;
use crate::interrupt;
use crate::registry::backend::{self, Row, Tables};
use crate::registry::{AuditEntry, AuditHead};
use crate::sql::{STEPS_OF_A_CHECK, damaged, meaning};

/// Replays the log in one snapshot of the file, and compares every column of every row with what it gives.
pub(super) fn verify(connection: &Connection, file: &Path, known: &RefCell<Known>) -> Result<AuditHead> {
    check_pages(connection, file)?;
    SCHEMA.check(connection, file)?;
    let stored = SqlTables::new(connection, file, known)?;
    let replayed = Replayed::of(&stored, file)?;
    let root = commitment::build(&replayed.connection, file)?;
    compare(connection, &replayed.connection, file, "commitment", "*", "node > 0")?;
    let end = stored.end();
    if (end.sequence, end.hash, end.root) != (replayed.head.sequence, replayed.head.hash, root) {
        return Err(differs(file, "commitment"));
    }
    Ok(replayed.head)
}

/// Replays the log of a file without commitments, and compares the rows with what it gives.
pub(super) fn replay(connection: &Connection, file: &Path) -> Result<AuditHead> {
    Ok(Replayed::of(&SqlTables::unchecked(connection, file), file)?.head)
}

/// What a log gives, in a temporary database: it keeps little in memory, whatever the length of the log.
struct Replayed {
    connection: Connection,
    head: AuditHead,
}

impl Replayed {
    fn of(stored: &SqlTables<'_>, file: &Path) -> Result<Self> {
        let failed = meaning(VERIFY, file);
        // The empty name is a file that nobody else sees and that is removed when it is closed.
        let mut connection = Connection::open("").map_err(&failed)?;
        connection.progress_handler(STEPS_OF_A_CHECK, Some(interrupt::is_stopped)).map_err(&failed)?;
        SCHEMA.make(&connection).map_err(&failed)?;
        connection.set_prepared_statement_cache_capacity(32);
        connection
            .execute_batch(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; BEGIN;",
            )
            .map_err(&failed)?;
        let mut tables = SqlTables::unchecked(&connection, file);
        let mut head = AuditHead::default();
        stored.each("SELECT line, hash FROM audit ORDER BY sequence", (), |row| {
            let entry = stored.open_entry(row)?;
            entry.check_follows(&head)?;
            head = entry.head();
            for row in backend::evolve(&tables, &entry)? {
                match row {
                    Row::Entry(entry) => tables.write_number(&entry)?,
                    row => tables.write(row)?,
                }
            }
            Ok(true)
        })?;
        let compare =
            |table, columns| compare(stored.connection(), &connection, file, table, columns, "TRUE");
        compare("audit", "sequence, hash")?;
        compare("request", "*")?;
        compare("model", "*")?;
        compare("version", "*")?;
        compare("alias", "*")?;
        compare("alias_change", "*")?;
        Ok(Self { connection, head })
    }
}

impl SqlTables<'_> {
    /// Writes of an entry what other rows name it by: its line is in the log that is replayed.
    fn write_number(&self, entry: &AuditEntry) -> Result<()> {
        let mut columns = values::entry_values(entry);
        if let Some(line) = columns.get_mut(1) {
            *line = Value::Text(String::new());
        }
        self.insert("INSERT INTO audit VALUES (?1, ?2, ?3)", columns)?;
        match values::request_values(entry) {
            Some(columns) => self.insert("INSERT OR REPLACE INTO request VALUES (?1, ?2)", columns),
            None => Ok(()),
        }
    }
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

/// Fails unless a table holds the same rows in two databases; both are read in the order of its key.
fn compare(
    stored: &Connection,
    due: &Connection,
    file: &Path,
    table: &'static str,
    columns: &'static str,
    those: &'static str,
) -> Result<()> {
    let failed = meaning(VERIFY, file);
    // Each table is one tree, which is read in the order of its key.
    let sql = format!("SELECT {columns} FROM {table} WHERE {those}");
    let (mut stored, mut due) = (stored.prepare(&sql).map_err(&failed)?, due.prepare(&sql).map_err(&failed)?);
    let count = stored.column_count();
    let (mut stored, mut due) = (stored.query(()).map_err(&failed)?, due.query(()).map_err(&failed)?);
    loop {
        match (stored.next().map_err(&failed)?, due.next().map_err(&failed)?) {
            (None, None) => return Ok(()),
            (Some(stored), Some(due)) => {
                for column in 0..count {
                    if stored.get_ref(column).map_err(&failed)? != due.get_ref(column).map_err(&failed)? {
                        return Err(differs(file, table));
                    }
                }
            }
            _ => return Err(differs(file, table)),
        }
    }
}

fn differs(file: &Path, table: &'static str) -> crate::Error {
    let problem = format!("the table {table} is not what the audit log gives");
    damaged(VERIFY, file.display().to_string(), problem)
}

const VERIFY: &str = "verify registry";
