//! A second file that is the tracker at one moment.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::Shared;
use crate::error::{Error, Result};
use crate::sql::{Partial, damaged, meaning};

/// Copies the tracker into the file `to` while others read and write it; see [`SqliteTracker::back_up`](super::SqliteTracker::back_up).
pub(super) fn back_up(shared: &Shared, to: &Path) -> Result<()> {
    let Shared { target, name, .. } = shared;
    let partial = Partial::of(to, OPERATION)?;
    let Some(path) = partial.path().to_str() else {
        return Err(Error::invalid_input(OPERATION, to.display().to_string(), "the path is no Unicode"));
    };
    let failed = meaning(OPERATION, &target.path);
    target.open_reader(name)?.execute("VACUUM INTO ?1", (path,)).map_err(&failed)?;
    partial.sync()?;
    let copy = Connection::open_with_flags(partial.path(), OpenFlags::SQLITE_OPEN_READ_ONLY);
    let found =
        copy.and_then(|copy| copy.query_row("PRAGMA quick_check(1)", (), |row| row.get::<_, String>(0)));
    let found = found.map_err(&failed)?;
    if found != "ok" {
        return Err(damaged(OPERATION, target.path.display().to_string(), found));
    }
    partial.link()?;
    partial.sync_folder()
}

const OPERATION: &str = "back up tracker";
