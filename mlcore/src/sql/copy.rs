//! A second file that holds what the first one did at one moment.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::error::meaning;
use crate::error::{Error, Result};

/// Copies what `connection` reads from the file `from` into the new file `to`, while others write it. The copy appears whole or not at
/// all, on the disk, once `check` has found it good under another name; `settle` writes what belongs beside it.
pub(crate) fn copy<T>(
    operation: &'static str,
    connection: &Connection,
    (from, to): (&Path, &Path),
    check: impl FnOnce(&Path) -> Result<T>,
    settle: impl FnOnce(&Path, &T),
) -> Result<T> {
    let io = |path: &Path, cause| Error::from_io(operation, path.display().to_string(), cause);
    let to = std::path::absolute(to).map_err(|cause| io(to, cause))?;
    if to.symlink_metadata().is_ok() {
        let problem = "there is a file of this name";
        return Err(Error::already_exists(operation, to.display().to_string(), problem)
            .remedy("name a file that does not exist yet"));
    }
    let partial = Partial::beside(operation, &to)?;
    let Some(name) = partial.path.to_str() else {
        return Err(Error::invalid_input(operation, to.display().to_string(), "the path is no Unicode"));
    };
    connection.execute("VACUUM INTO ?1", (name,)).map_err(meaning(operation, from))?;
    File::open(&partial.path).and_then(|file| file.sync_all()).map_err(|cause| io(&to, cause))?;
    let found = check(&partial.path)?;
    // A name that somebody took meanwhile is not taken away again: linking fails where renaming would replace.
    fs::hard_link(&partial.path, &to).map_err(|cause| io(&to, cause))?;
    settle(&to, &found);
    if let Some(folder) = to.parent() {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|cause| io(&to, cause))?;
    }
    Ok(found)
}

/// A file that is removed again, whatever happens.
struct Partial {
    path: PathBuf,
}

impl Partial {
    fn beside(operation: &'static str, to: &Path) -> Result<Self> {
        let mut path = to.as_os_str().to_owned();
        path.push(format!("-partial-{}", std::process::id()));
        let path = PathBuf::from(path);
        if path.symlink_metadata().is_ok() {
            let problem = "another backup is being written";
            return Err(Error::already_exists(operation, path.display().to_string(), problem)
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
