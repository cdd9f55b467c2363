//! A second file that is the registry at one moment, and the registry of a log.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Transaction;

use super::kept::Kept;
use super::proof::End;
use super::tables::SqlTables;
use super::{SqliteAccess, SqliteOptions, SqliteRegistry, commitment, require_near};
use crate::artifact::Digest;
use crate::error::{Error, Result};
use crate::name::{ModelName, Version};
use crate::registry::backend;
use crate::registry::{AuditEntry, AuditHead, Event, Registry};
use crate::sql::{Partial, damaged, meaning};

/// Copies the registry into the file `to` while others read and write it; see
/// [`SqliteRegistry::back_up`](super::SqliteRegistry::back_up).
pub(super) fn back_up(registry: &SqliteRegistry, to: &Path) -> Result<AuditHead> {
    let partial = Partial::of(to, OPERATION)?;
    registry.connections.copy(partial.path())?;
    partial.sync()?;
    let head = {
        let options = SqliteOptions::new(partial.path()).with_access(SqliteAccess::ReadOnly);
        SqliteRegistry::open_with(&options)?.verify()?
    };
    partial.link()?;
    Kept::beside(partial.to()).write(&head);
    partial.sync_folder()?;
    Ok(head)
}

/// Writes a log into the empty tables of a transaction, and the tree of hashes of what it gives.
pub(super) fn restore(
    transaction: &Transaction<'_>,
    file: &Path,
    log: &mut dyn Iterator<Item = Result<AuditEntry>>,
) -> Result<End> {
    let mut tables = SqlTables::unchecked(transaction, file);
    let mut state = None;
    let mut last: BTreeMap<ModelName, Version> = BTreeMap::new();
    let mut near = log.map(|entry| {
        let entry = entry?;
        state = entry.state;
        match &entry.event {
            Event::CreateVersion { version, content, .. } => {
                let before = last.insert(content.model.clone(), *version);
                require_near(RESTORE, &content.model, *version, before)?;
            }
            Event::RenameModel { model, name, .. } => {
                if let Some(version) = last.get(model).copied() {
                    last.insert(name.clone(), version);
                }
            }
            // No other event gives a number.
            _ => {}
        }
        Ok(entry)
    });
    let head = backend::restore(&mut tables, &mut near)?;
    if head.sequence == 0 {
        return Ok(End::EMPTY);
    }
    let root = commitment::build(transaction, file)?;
    if state.is_some_and(|state: Digest| state != root) {
        let problem = "the last entry of the log names other rows than the log gives".to_owned();
        return Err(damaged(RESTORE, file.display().to_string(), problem));
    }
    let end = End { sequence: head.sequence, hash: head.hash, root };
    tables.write_end(&end)?;
    Ok(end)
}

impl super::connection::Connections {
    /// Copies what the file holds at one moment into a new file.
    fn copy(&self, to: &Path) -> Result<()> {
        let connection = self.reader()?;
        let Some(name) = to.to_str() else {
            return Err(Error::invalid_input(OPERATION, to.display().to_string(), "the path is no Unicode"));
        };
        connection.execute("VACUUM INTO ?1", (name,)).map_err(meaning(OPERATION, self.path())).map(drop)
    }
}

const OPERATION: &str = "back up registry";
const RESTORE: &str = "restore registry";
