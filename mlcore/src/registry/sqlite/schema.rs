//! The tables of the file, their version and its migration.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::error::{commit_meaning, damaged, meaning};
use super::proof::End;
use super::tables::SqlTables;
use super::{commitment, verify};
use crate::error::{Error, Result};

/// `mlcr` in the header of the file: it is one of ours.
const APPLICATION_ID: i32 = 0x6d6c_6372;

/// Each brings the file from the version of its position to the next; none is ever edited after a release.
const MIGRATIONS: [&str; 3] = [
    include_str!("migrations/0001_registry.sql"),
    include_str!("migrations/0002_metrics.sql"),
    include_str!("migrations/0003_commitment.sql"),
];

const VERSION: i32 = MIGRATIONS.len() as i32;

/// Makes the tables where the file is new, and brings those of an older version up to date.
pub(super) fn migrate(connection: &mut Connection, file: &Path) -> Result<()> {
    if version(connection, file)? == Some(VERSION) {
        return check(connection, file);
    }
    let failed = meaning(MIGRATE, file);
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
    // Somebody else may have been here in between.
    let from = version(&transaction, file)?.unwrap_or(0);
    if from == VERSION {
        drop(transaction);
        return check(connection, file);
    }
    for sql in MIGRATIONS.iter().skip(usize::try_from(from).unwrap_or(0)) {
        transaction.execute_batch(sql).map_err(&failed)?;
    }
    // Files of the versions before 3 have no commitments. What is committed to is what the log gives.
    let end = verify::replay(&transaction, file)?;
    let root = commitment::build(&transaction, file)?;
    if end.sequence > 0 {
        let end = End { sequence: end.sequence, hash: end.hash, root };
        SqlTables::unchecked(&transaction, file).write_end(&end)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(&failed)?;
    transaction.pragma_update(None, "user_version", VERSION).map_err(&failed)?;
    transaction.commit().map_err(commit_meaning(MIGRATE, file))?;
    check(connection, file)
}

/// Fails unless the file has exactly the tables of this version: none is missing or changed, and nothing (a trigger, a
/// view) was added that would act behind our back.
pub(super) fn check(connection: &Connection, file: &Path) -> Result<()> {
    match version(connection, file)? {
        Some(VERSION) => {}
        Some(older) => {
            let problem = format!("it has version {older}, and this mlcore reads version {VERSION}");
            return Err(Error::unsupported(OPEN, file.display().to_string(), problem)
                .remedy("open it once for writing, which brings it up to date"));
        }
        None => {
            return Err(Error::invalid_input(OPEN, file.display().to_string(), "the file is empty")
                .remedy("open it once for writing, which makes a registry of it"));
        }
    }
    let failed = meaning(OPEN, file);
    let expected = Connection::open_in_memory().map_err(&failed)?;
    make(&expected).map_err(&failed)?;
    if listing(connection).map_err(&failed)? == listing(&expected).map_err(&failed)? {
        return Ok(());
    }
    Err(damaged(OPEN, file.display().to_string(), "its tables are not those that mlcore made".to_owned()))
}

/// The version of the file's tables; none for a new file. Fails for a file that is not ours or not for us.
pub(super) fn version(connection: &Connection, file: &Path) -> Result<Option<i32>> {
    let failed = meaning(OPEN, file);
    // One snapshot for all that is looked at: another process may be making the tables just now.
    let _snapshot = connection
        .is_autocommit()
        .then(|| connection.unchecked_transaction())
        .transpose()
        .map_err(&failed)?;
    let pragma =
        |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(&failed);
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let subject = || file.display().to_string();
    match (application, version) {
        (APPLICATION_ID, 1..=VERSION) => Ok(Some(version)),
        (APPLICATION_ID, newer) if newer > VERSION => {
            let problem = format!("it has version {newer}, and this mlcore reads up to version {VERSION}");
            Err(Error::unsupported(OPEN, subject(), problem).remedy("use the newer mlcore that wrote it"))
        }
        (APPLICATION_ID, odd) => Err(damaged(OPEN, subject(), format!("there is no version {odd}"))),
        (0, 0) if listing(connection).map_err(&failed)?.is_empty() => Ok(None),
        _ => Err(Error::invalid_input(OPEN, subject(), "it is an SQLite file of another program")
            .remedy("give the registry a file of its own")),
    }
}

/// Makes the tables in an empty database.
pub(super) fn make(connection: &Connection) -> rusqlite::Result<()> {
    MIGRATIONS.iter().try_for_each(|sql| connection.execute_batch(sql))
}

fn listing(connection: &Connection) -> rusqlite::Result<Vec<(String, String, Option<String>)>> {
    let mut statement =
        connection.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")?;
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.collect()
}

const OPEN: &str = "open registry";
const MIGRATE: &str = "migrate registry";
