use std::fs;
use std::path::Path;
use std::sync::Arc;

use mlcore::{Error, Result};

use super::{FeatureStore, FeatureStoreBuilder, LocalSources};
use crate::store::online::{EmbeddedOptions, EmbeddedStore};
use crate::store::registry::SqliteDefinitions;

/// The files of a store in a folder.
const DEFINITIONS: &str = "definitions.db";
const ONLINE: &str = "online.redb";

impl FeatureStore {
    /// Opens a project's store in a folder, which is made where there is none: definitions in SQLite, the online store in a file beside it,
    /// and files of sources relative to the folder. Needs the features `sqlite` and `embedded`.
    ///
    /// One process at a time may have it open, because the online store is locked.
    ///
    /// ```
    /// use mlcore_features::store::feature_store::FeatureStore;
    ///
    /// # let folder = tempfile::tempdir().map_err(|error| mlcore::Error::from_io("make folder", "", error))?;
    /// let store = FeatureStore::open(folder.path().join("features"), "rides")?;
    /// assert!(store.snapshot()?.repository().is_empty());
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`SqliteDefinitions::open`] and [`EmbeddedStore::open`]; those of the system, for a folder that cannot be made.
    pub fn open(folder: impl AsRef<Path>, project: &str) -> Result<Self> {
        Self::builder_in(folder, project)?.build()
    }

    /// The same, with more to be said, such as plans, a clock, and tables of Arrow.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn builder_in(folder: impl AsRef<Path>, project: &str) -> Result<FeatureStoreBuilder> {
        let folder = folder.as_ref();
        fs::create_dir_all(folder)
            .map_err(|cause| Error::from_io("open feature store", folder.display().to_string(), cause))?;
        let definitions = SqliteDefinitions::open(folder.join(DEFINITIONS), project)?;
        let online = EmbeddedStore::open(folder.join(ONLINE), EmbeddedOptions::default())?;
        let sources = LocalSources::new(folder);
        Ok(Self::builder(Arc::new(definitions), Arc::new(online)).sources(Arc::new(sources)))
    }
}
