//! A second file that is the registry at one moment, and the registry of a log.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

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
use crate::sql::{damaged, meaning};

/// Copies the registry into the file `to` while others read and write it; see
/// [`SqliteRegistry::back_up`](super::SqliteRegistry::back_up).
pub(super) fn back_up(registry: &SqliteRegistry, to: &Path) -> Result<AuditHead> {
    let to = std::path::absolute(to).map_err(|cause| io(to, cause))?;
    let subject = || to.display().to_string();
    if to.symlink_metadata().is_ok() {
        return Err(Error::already_exists(OPERATION, subject(), "there is a file of this name")
            .remedy("name a file that does not exist yet"));
    }
    let partial = Partial::beside(&to)?;
    registry.connections.copy(&partial.path)?;
    File::open(&partial.path).and_then(|file| file.sync_all()).map_err(|cause| io(&to, cause))?;
    let head = {
        let options = SqliteOptions::new(&partial.path).with_access(SqliteAccess::ReadOnly);
        SqliteRegistry::open_with(&options)?.verify()?
    };
    // A name that somebody took meanwhile is not taken away again: linking fails where renaming would replace.
    fs::hard_link(&partial.path, &to).map_err(|cause| io(&to, cause))?;
    Kept::beside(&to).write(&head);
    sync_folder(&to)?;
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

/// A file that is removed again, whatever happens.
struct Partial {
    path: PathBuf,
}

impl Partial {
    fn beside(to: &Path) -> Result<Self> {
        let mut path = to.as_os_str().to_owned();
        path.push(format!("-partial-{}", std::process::id()));
        let path = PathBuf::from(path);
        if path.symlink_metadata().is_ok() {
            return Err(Error::already_exists(
                OPERATION,
                path.display().to_string(),
                "another backup is being written",
            )
            .remedy("remove the file where that one was stopped"));
        }
        Ok(Self { path })
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm", "-journal", "-head"] {
            let mut path = self.path.as_os_str().to_owned();
            path.push(end);
            // It may never have been made.
            drop(fs::remove_file(path));
        }
    }
}

fn sync_folder(file: &Path) -> Result<()> {
    let Some(folder) = file.parent() else { return Ok(()) };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|cause| io(file, cause))
}

fn io(path: &Path, cause: std::io::Error) -> Error {
    Error::from_io(OPERATION, path.display().to_string(), cause)
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
