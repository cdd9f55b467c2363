//! Taking over what an MLflow server has stored.

mod database;
mod registered;
mod take;

use std::path::Path;

use self::database::Source;
pub use self::registered::{Registered, RegisteredModel, RegisteredVersion, registered_models};
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
        self.left_out += 1;
        if self.left.len() < MOST_LEFT {
            self.left.push(what());
        }
    }
}

/// Takes over the experiments, runs and logged models of an MLflow server's SQLite database (3.0 to 3.17) with their ids. The
/// database is only read, in one snapshot.
///
/// - Ids, times, stages, names, histories, datasets, inputs and outputs are taken as they are. NaN is NaN; the largest finite
///   numbers, as which MLflow stores infinities, become infinities again.
/// - Artifacts stay where they lie; their places follow from those of their experiments. A run or model whose files lie elsewhere
///   is told as left.
/// - What is against the [rules](super::limits), such as a text that is too long, is left out and told; everything else is taken.
/// - Traces and evaluations are not looked at; registered models are read by [`registered_models`].
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
    let source = Source::open(path.as_ref())?;
    take::all(&source, tracker)
}
