//! Which file a URL means, and what may be done with it.

use std::path::PathBuf;

use super::holds;
use crate::error::{Error, Result};
use crate::url::shown;

/// What may be done with an SQLite file.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SqliteAccess {
    /// Read, write, and create it where it does not exist.
    Create,
    /// Read and write a file that exists.
    ReadWrite,
    /// Read a file that exists, on a disk that need not be writable.
    ReadOnly,
}

crate::words! {
    SqliteAccess, "access to an SQLite file": Create = "create", ReadWrite = "read_write", ReadOnly = "read_only",
}

/// The file of `sqlite:///relative/path` or `sqlite:////absolute/path`, as SQLAlchemy and MLflow write them; with `?mode=ro`
/// read-only, with `?mode=rw` only if the file exists.
pub(super) fn file_of(open: &'static str, url: &str) -> Result<(PathBuf, SqliteAccess)> {
    let refuse = |problem: String| {
        Err(Error::invalid_input(open, shown(url), problem)
            .remedy("write sqlite:///relative/path or sqlite:////absolute/path"))
    };
    let Some(rest) = url.strip_prefix("sqlite:///") else {
        return refuse("it is no URL of an SQLite file".to_owned());
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if path.is_empty() || path == ":memory:" {
        let held = holds(open);
        return refuse(format!("it names no file; the URL of a {held} in memory is memory:"));
    }
    let access = match query {
        "" => SqliteAccess::Create,
        "mode=rw" => SqliteAccess::ReadWrite,
        "mode=ro" => SqliteAccess::ReadOnly,
        _ => return refuse("of its query only mode=rw and mode=ro are known".to_owned()),
    };
    Ok((path.into(), access))
}
