use std::sync::Arc;

use super::{MemoryTracker, Tracker};
use crate::error::{Error, Result};
use crate::url::{scheme, shown};

/// Opens the tracker that a URL names:
///
/// | URL | tracker |
/// |---|---|
/// | `memory:` | a new [`MemoryTracker`] |
/// | `sqlite:///relative/path`, `sqlite:////absolute/path` | `SqliteTracker`, a file that is made where it does not exist |
/// | `sqlite:///path?mode=rw` | the file must exist |
/// | `sqlite:///path?mode=ro` | it is only read |
/// | `postgresql://user:password@host:port/database` | `PostgresTracker`, whose tables are made where there are none; see `PostgresOptions` |
///
/// A relative path is resolved once: changing the working directory later changes nothing.
///
/// ```
/// use mlcore::time::Timestamp;
/// use mlcore::tracking::{self, TrackerExt};
///
/// let tracker = tracking::open("memory:")?;
/// assert_eq!(tracker.default_experiment(Timestamp::from_millis(0))?.name, "Default");
/// let error = tracking::open("redis://host").err().map(|error| error.to_string());
/// assert!(error.is_some_and(|text| text.contains("sqlite:///")));
/// # Ok::<(), mlcore::Error>(())
/// ```
///
/// # Errors
/// [`InvalidInput`](Error::InvalidInput) for any other URL, [`Unsupported`](Error::Unsupported) for one that this build
/// has no backend for, and as the backend's own opening.
pub fn open(url: &str) -> Result<Arc<dyn Tracker>> {
    match scheme(url) {
        Some("memory") if url == "memory:" => Ok(Arc::new(MemoryTracker::new())),
        Some("sqlite") => open_sqlite(url),
        Some("postgresql" | "postgres") => open_postgres(url),
        _ => Err(unknown(url)),
    }
}

/// The URL of the tracker that belongs to a registry, for programs that are told one URL for both: `memory:` to `memory:`; to
/// a file the file beside it, with `.tracking` after its name and the same `mode`; to a database the same, in whose schema
/// both have their tables.
///
/// Two files, because each has a lock of its writers: who logs a million points keeps nobody from moving an alias.
///
/// ```
/// # #[cfg(feature = "sqlite")] {
/// let url = mlcore::tracking::tracker_url("sqlite:////srv/models/registry.db?mode=ro")?;
/// assert_eq!(url, "sqlite:////srv/models/registry.db.tracking?mode=ro");
/// # }
/// # Ok::<(), mlcore::Error>(())
/// ```
///
/// # Errors
/// As [`open`], for the URL of no registry.
pub fn tracker_url(registry: &str) -> Result<String> {
    match scheme(registry) {
        Some("memory") if registry == "memory:" => Ok(registry.to_owned()),
        Some("sqlite") => beside(registry),
        Some("postgresql" | "postgres") => Ok(registry.to_owned()),
        _ => Err(unknown(registry)),
    }
}

#[cfg(feature = "sqlite")]
fn open_sqlite(url: &str) -> Result<Arc<dyn Tracker>> {
    Ok(Arc::new(super::SqliteTracker::open_url(url)?))
}

#[cfg(feature = "sqlite")]
fn beside(registry: &str) -> Result<String> {
    // What the registry refuses has nothing beside it.
    super::SqliteOptions::of_url("open tracker", registry)?;
    Ok(match registry.split_once('?') {
        Some((file, query)) => format!("{file}.tracking?{query}"),
        None => format!("{registry}.tracking"),
    })
}

#[cfg(feature = "postgres")]
fn open_postgres(url: &str) -> Result<Arc<dyn Tracker>> {
    Ok(Arc::new(super::PostgresTracker::open(url)?))
}

#[cfg(not(feature = "postgres"))]
fn open_postgres(url: &str) -> Result<Arc<dyn Tracker>> {
    Err(Error::unsupported("open tracker", shown(url), "this build of mlcore was made without PostgreSQL")
        .remedy("build it with the feature postgres of the crate mlcore"))
}

#[cfg(not(feature = "sqlite"))]
fn open_sqlite(url: &str) -> Result<Arc<dyn Tracker>> {
    Err(left_out(url))
}

#[cfg(not(feature = "sqlite"))]
fn beside(registry: &str) -> Result<String> {
    Err(left_out(registry))
}

#[cfg(not(feature = "sqlite"))]
fn left_out(url: &str) -> Error {
    Error::unsupported("open tracker", shown(url), "this build of mlcore was made without SQLite")
        .remedy("build it with the feature sqlite of the crate mlcore")
}

fn unknown(url: &str) -> Error {
    let problem = match scheme(url) {
        Some("memory") => "a tracker in memory has no name".to_owned(),
        Some(scheme) => format!("there is no kind of tracker called {scheme}"),
        None => "it does not say which kind of tracker it is".to_owned(),
    };
    Error::invalid_input("open tracker", shown(url), problem).remedy(
        "use memory:, sqlite:///relative/path, sqlite:////absolute/path or postgresql://user@host/database",
    )
}
