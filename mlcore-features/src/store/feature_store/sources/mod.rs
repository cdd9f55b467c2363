//! Where the tables of sources are.

#[cfg(feature = "object-store")]
mod bucket;
#[cfg(feature = "parquet")]
mod folder;
mod local;
#[cfg(feature = "postgres")]
mod postgres;

use std::fmt;

use mlcore::arrow::array::RecordBatch;
use mlcore::{Error, Result};

#[cfg(feature = "parquet")]
pub(super) use self::folder::write;
pub use self::local::LocalSources;
use crate::store::definition;
use crate::store::offline::Source;

/// Finds the table that a source of the definitions means. [`LocalSources`] finds files, tables of Arrow,
/// and tables of the PostgreSQL server that it is told of.
///
/// ```
/// use mlcore::Result;
/// use mlcore::arrow::array::RecordBatch;
/// use mlcore_features::store::definition;
/// use mlcore_features::store::feature_store::{LocalSources, Sources};
/// use mlcore_features::store::offline::Source;
///
/// /// Warehouses of a team, and files for all that is no warehouse's.
/// #[derive(Debug)]
/// struct Team(LocalSources, RecordBatch);
///
/// impl Sources for Team {
///     fn open(&self, source: &definition::Source) -> Result<Box<dyn Source + '_>> {
///         match source.name() {
///             "warehouse" => Ok(Box::new(&self.1)),
///             _ => self.0.open(source),
///         }
///     }
/// }
/// ```
pub trait Sources: fmt::Debug + Send + Sync {
    /// The table of a source that holds history.
    ///
    /// # Errors
    /// [`Unsupported`](Error::Unsupported) for a kind that is not known here, [`NotFound`](Error::NotFound) for a table that is not there;
    /// those of the table.
    fn open(&self, source: &definition::Source) -> Result<Box<dyn Source + '_>>;

    /// Adds rows to the history of a source, whose columns these are. What was acknowledged is read by each later
    /// [`open`](Self::open). Default: it cannot.
    ///
    /// # Errors
    /// [`Unsupported`](Error::Unsupported) for a source that cannot be added to; [`SchemaMismatch`](Error::SchemaMismatch) for rows with
    /// other columns than the table; those of writing.
    fn append(&self, source: &definition::Source, rows: &RecordBatch) -> Result<()> {
        let _ = rows;
        Err(unappendable(source, "its kind of source is only read"))
    }
}

pub(super) fn unappendable(source: &definition::Source, problem: impl Into<String>) -> Error {
    Error::unsupported(APPEND, source.name(), problem)
        .remedy("push to the online store alone, or let the view's batch source be a folder of Parquet files")
}

const OPERATION: &str = "open source";
const APPEND: &str = "append to source";
