//! Taking over what MLflow has stored, and giving it back.
//!
//! | | |
//! |---|---|
//! | [`import`] | takes over a store, whichever of the two it is |
//! | [`import_database`] | the SQLite database of an MLflow server |
//! | `import_folder` | the folder `mlruns` of a client without a server (feature `mlruns`) |
//! | [`export_database`] | writes a database that MLflow's server and client open |
//!
//! Artifacts stay where they lie, whichever way.

mod database;
mod export;
#[cfg(feature = "mlruns")]
mod folder;
mod rows;
mod store;
mod take;

use std::path::Path;

use self::database::Source;
pub use self::export::{Exported, export_database};
use super::Tracker;
use crate::error::Result;

/// What an import took over, and what it could not.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Imported {
    /// Experiments, those that were there included.
    pub experiments: u64,
    /// Runs, those that were there included.
    pub runs: u64,
    /// Points of metrics.
    pub points: u64,
    /// Parameters, of runs and logged models.
    pub params: u64,
    /// Tags, of experiments, runs and logged models.
    pub tags: u64,
    /// Datasets that runs read.
    pub datasets: u64,
    /// Logged models, those that were there included.
    pub models: u64,
    /// What was left out, and why, in words: the first [`MOST_LEFT`].
    pub left: Vec<String>,
    /// How many things were left out.
    pub left_out: u64,
}

/// So many things that were left out are told.
pub const MOST_LEFT: usize = 1000;

impl Imported {
    fn leave(&mut self, what: impl FnOnce() -> String) {
        leave(&mut self.left, &mut self.left_out, what);
    }
}

fn leave(left: &mut Vec<String>, count: &mut u64, what: impl FnOnce() -> String) {
    *count += 1;
    if left.len() < MOST_LEFT {
        left.push(what());
    }
}

/// Takes over a store of MLflow's: [`import_database`] of a file, `import_folder` of a folder.
///
/// ```no_run
/// use mlcore::tracking::{SqliteTracker, mlflow};
///
/// let tracker = SqliteTracker::open("registry.db.tracking")?;
/// let imported = mlflow::import("mlruns", &tracker)?;
/// println!("{} runs", imported.runs);
/// imported.left.iter().for_each(|left| println!("left: {left}"));
/// # Ok::<(), mlcore::Error>(())
/// ```
///
/// # Errors
/// Those of the two; [`Unsupported`](crate::Error::Unsupported) for a folder where this build lacks the feature `mlruns`.
pub fn import(path: impl AsRef<Path>, tracker: &dyn Tracker) -> Result<Imported> {
    let path = path.as_ref();
    if path.is_dir() { import_any_folder(path, tracker) } else { import_database(path, tracker) }
}

#[cfg(feature = "mlruns")]
fn import_any_folder(path: &Path, tracker: &dyn Tracker) -> Result<Imported> {
    import_folder(path, tracker)
}

#[cfg(not(feature = "mlruns"))]
fn import_any_folder(path: &Path, _: &dyn Tracker) -> Result<Imported> {
    let problem = "this build of mlcore was made without MLflow's folders";
    Err(crate::error::Error::unsupported("import store", path.display().to_string(), problem)
        .remedy("build it with the feature mlruns of the crate mlcore"))
}

/// Takes over the experiments, runs and logged models of an MLflow server's SQLite database (3.0 to 3.17) with their ids. The
/// database is only read, in one snapshot.
///
/// - Ids, times, stages, names, histories, datasets, inputs and outputs are taken as they are. NaN is NaN; the largest finite
///   numbers, as which MLflow stores infinities, become infinities again.
/// - Artifacts stay where they lie; their places follow from those of their experiments. A run or model whose files lie elsewhere
///   is told as left.
/// - What is against the [rules](super::limits), such as a text that is too long, is left out and told; everything else is taken.
/// - Traces, evaluations and registered models are not looked at.
///
/// Each run is seen with its first hundred thousand points or not at all. To import again what was imported, or what an import
/// that was stopped had begun, changes nothing that is there and adds what is missing; runs that are deleted in the tracker stay
/// as they are.
///
/// ```no_run
/// use mlcore::tracking::{SqliteTracker, mlflow};
///
/// let tracker = SqliteTracker::open("registry.db.tracking")?;
/// let imported = mlflow::import_database("mlflow.db", &tracker)?;
/// println!("{} runs", imported.runs);
/// imported.left.iter().for_each(|left| println!("left: {left}"));
/// # Ok::<(), mlcore::Error>(())
/// ```
///
/// # Errors
/// [`NotFound`](crate::Error::NotFound) for no file, [`Corrupt`](crate::Error::Corrupt) and
/// [`InvalidInput`](crate::Error::InvalidInput) for one that is no database of MLflow,
/// [`Unsupported`](crate::Error::Unsupported) for one of an older or newer version,
/// [`AlreadyExists`](crate::Error::AlreadyExists) where the tracker has another experiment of the same id or name, and as
/// [`Tracker::write`].
pub fn import_database(path: impl AsRef<Path>, tracker: &dyn Tracker) -> Result<Imported> {
    let mut source = Source::open(path.as_ref())?;
    take::all(&mut source, tracker)
}

/// Takes over the experiments, runs and logged models of a folder `mlruns`, where MLflow's client keeps them without a server, by
/// the same rules as [`import_database`]. It is only read, and not in one snapshot: import it when nobody writes to it.
///
/// - What is half written (a line or a description that is cut), of another experiment than its folder, too large or too deep is
///   left out and told, and so are links, none of which is followed.
/// - The step of a point with a dataset is what was logged. MLflow's own client reads 0 there.
/// - A folder does not know in which order datasets and models were logged; they come in the order of their folders' names.
///
/// # Errors
/// [`NotFound`](crate::Error::NotFound) for no folder, [`InvalidInput`](crate::Error::InvalidInput) for one that is no store of
/// MLflow, [`AlreadyExists`](crate::Error::AlreadyExists) where the tracker has another experiment of the same id or name,
/// [`Unavailable`](crate::Error::Unavailable) where the disk fails, and as [`Tracker::write`].
#[cfg(feature = "mlruns")]
pub fn import_folder(path: impl AsRef<Path>, tracker: &dyn Tracker) -> Result<Imported> {
    let mut folder = folder::Folder::open(path.as_ref())?;
    take::all(&mut folder, tracker)
}
