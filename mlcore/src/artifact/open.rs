use std::sync::Arc;

use super::{ArtifactStore, FolderStore, MemoryStore};
use crate::error::{Error, Result};
use crate::url::{file_path, scheme, shown};

/// Opens the store that a URL or path names:
///
/// | URL | store |
/// |---|---|
/// | `memory:` | a new [`MemoryStore`] |
/// | `file:///absolute/path`, `/absolute/path`, `relative/path` | [`FolderStore`], which is made with the first artifact |
/// | `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix` | `ObjectStore`, with credentials of the environment; see `ObjectStoreOptions` |
///
/// A relative path is resolved once: changing the working directory later changes nothing. A path whose beginning looks
/// like a scheme is written with `./` before it.
///
/// ```
/// use mlcore::artifact::{self, ArtifactStoreExt};
///
/// let artifacts = artifact::open("memory:")?;
/// let digest = artifacts.put_bytes(b"a model")?;
/// assert!(artifacts.contains(&digest)?);
/// # Ok::<(), mlcore::Error>(())
/// ```
///
/// # Errors
/// [`InvalidInput`](Error::InvalidInput) for any other URL, [`Unsupported`](Error::Unsupported) for one that this build has no
/// store for, and as [`FolderStore::open`].
pub fn open(url: &str) -> Result<Arc<dyn ArtifactStore>> {
    const OPERATION: &str = "open artifact store";
    let problem = match scheme(url) {
        Some("memory") if url == "memory:" => return Ok(Arc::new(MemoryStore::new())),
        Some("file") => return Ok(Arc::new(FolderStore::open(file_path(OPERATION, url)?)?)),
        Some("s3" | "gs" | "az") => return open_object_store(url),
        None if !url.is_empty() => return Ok(Arc::new(FolderStore::open(url)?)),
        None => "it is empty".to_owned(),
        Some("memory") => "a store in memory has no name".to_owned(),
        Some(scheme) => format!("there is no kind of artifact store called {scheme}"),
    };
    Err(Error::invalid_input(OPERATION, shown(url), problem)
        .remedy("use memory:, file:///absolute/path, the path of a folder, or s3://bucket/prefix"))
}

#[cfg(feature = "object-store")]
fn open_object_store(url: &str) -> Result<Arc<dyn ArtifactStore>> {
    Ok(Arc::new(super::ObjectStore::open(url)?))
}

#[cfg(not(feature = "object-store"))]
fn open_object_store(url: &str) -> Result<Arc<dyn ArtifactStore>> {
    Err(Error::unsupported(
        "open artifact store",
        shown(url),
        "this build of mlcore was made without object stores",
    )
    .remedy("build it with the feature object-store of the crate mlcore"))
}
