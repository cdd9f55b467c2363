use std::sync::Arc;

use super::{MemoryRegistry, Registry};
use crate::error::{Error, Result};
use crate::url::{scheme, shown};

/// Opens the registry that a URL names:
///
/// | URL | registry |
/// |---|---|
/// | `memory:` | a new [`MemoryRegistry`] |
/// | `sqlite:///relative/path`, `sqlite:////absolute/path` | `SqliteRegistry`, a file that is made where it does not exist |
/// | `sqlite:///path?mode=rw` | the file must exist |
/// | `sqlite:///path?mode=ro` | it is only read |
/// | `postgresql://user:password@host:port/database` | `PostgresRegistry`, whose tables are made where there are none; see `PostgresOptions` |
///
/// A relative path is resolved once: changing the working directory later changes nothing.
///
/// ```
/// use mlcore::name::ModelName;
/// use mlcore::registry::{self, Change, RegistryExt};
/// use mlcore::time::Timestamp;
///
/// let registry = registry::open("memory:")?;
/// registry.create_model(ModelName::new("churn")?, &Change::new("ana", Timestamp::default()))?;
/// let error = registry::open("redis://host").err().map(|error| error.to_string());
/// assert!(error.is_some_and(|text| text.contains("sqlite:///")));
/// # Ok::<(), mlcore::Error>(())
/// ```
///
/// # Errors
/// [`InvalidInput`](Error::InvalidInput) for any other URL, [`Unsupported`](Error::Unsupported) for one that this build
/// has no backend for, and as the backend's own opening.
pub fn open(url: &str) -> Result<Arc<dyn Registry>> {
    match scheme(url) {
        Some("memory") if url == "memory:" => Ok(Arc::new(MemoryRegistry::new())),
        Some("sqlite") => open_sqlite(url),
        Some("postgresql" | "postgres") => open_postgres(url),
        _ => Err(unknown(url)),
    }
}

/// The URL of the artifacts that belong to a registry: `memory:` to `memory:`, and to a file the folder beside it, with
/// `.artifacts` after its name. [`artifact::open`](crate::artifact::open) takes it.
///
/// # Errors
/// As [`open`]; [`Unsupported`](Error::Unsupported) for a database, beside which there is no folder.
pub fn artifacts_url(url: &str) -> Result<String> {
    match scheme(url) {
        Some("memory") if url == "memory:" => Ok(url.to_owned()),
        Some("sqlite") => sqlite_artifacts(url),
        Some("postgresql" | "postgres") => {
            Err(Error::unsupported("find artifacts", shown(url), "a database has no folder beside it")
                .remedy("name the store of its artifacts, a folder that all its users reach"))
        }
        _ => Err(unknown(url)),
    }
}

#[cfg(feature = "sqlite")]
fn open_sqlite(url: &str) -> Result<Arc<dyn Registry>> {
    Ok(Arc::new(super::SqliteRegistry::open_url(url)?))
}

#[cfg(feature = "sqlite")]
fn sqlite_artifacts(url: &str) -> Result<String> {
    let file = super::SqliteOptions::of_url("open registry", url)?.path;
    // It came from a URL, so that it is text.
    let folder = format!("{}.artifacts", file.display());
    // A relative folder may look like a URL; from here it does not.
    Ok(if file.is_absolute() { folder } else { format!("./{folder}") })
}

#[cfg(feature = "postgres")]
fn open_postgres(url: &str) -> Result<Arc<dyn Registry>> {
    Ok(Arc::new(super::PostgresRegistry::open(url)?))
}

#[cfg(not(feature = "postgres"))]
fn open_postgres(url: &str) -> Result<Arc<dyn Registry>> {
    Err(Error::unsupported("open registry", shown(url), "this build of mlcore was made without PostgreSQL")
        .remedy("build it with the feature postgres of the crate mlcore"))
}

#[cfg(not(feature = "sqlite"))]
fn open_sqlite(url: &str) -> Result<Arc<dyn Registry>> {
    Err(left_out(url))
}

#[cfg(not(feature = "sqlite"))]
fn sqlite_artifacts(url: &str) -> Result<String> {
    Err(left_out(url))
}

#[cfg(not(feature = "sqlite"))]
fn left_out(url: &str) -> Error {
    Error::unsupported("open registry", shown(url), "this build of mlcore was made without SQLite")
        .remedy("build it with the feature sqlite of the crate mlcore")
}

fn unknown(url: &str) -> Error {
    let problem = match scheme(url) {
        Some("memory") => "a registry in memory has no name".to_owned(),
        Some(scheme) => format!("there is no kind of registry called {scheme}"),
        None => "it does not say which kind of registry it is".to_owned(),
    };
    Error::invalid_input("open registry", shown(url), problem).remedy(
        "use memory:, sqlite:///relative/path, sqlite:////absolute/path or postgresql://user@host/database",
    )
}
