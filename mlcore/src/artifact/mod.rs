//! Bytes by content: models, feature plans and reports, stored under their SHA-256 and verified while they are read.
//!
//! [`ArtifactStore`] is the seam, [`MemoryStore`] the reference, [`FolderStore`] the local disk, `ObjectStore` (feature
//! `object-store`) a bucket. What callers want beyond
//! the seam is in [`ArtifactStoreExt`]; models of several files are a [`Package`]. Who made them says an
//! `Envelope`, and whom a host believes a `VerifyPolicy` (feature `signatures`).

mod digest;
#[cfg(unix)]
mod dir;
#[cfg(not(unix))]
#[path = "dir_by_path.rs"]
mod dir;
mod extension;
mod file;
mod folder;
mod memory;
#[cfg(feature = "object-store")]
mod object_store;
mod open;
mod package;
#[cfg(feature = "signatures")]
mod signature;
mod verify;

use std::io::Read;

pub use self::digest::{Digest, HashingReader};
#[cfg(feature = "mlruns")]
pub(crate) use self::dir::Dir;
pub use self::extension::ArtifactStoreExt;
pub use self::file::ImportOptions;
pub(crate) use self::folder::create_unique;
pub use self::folder::{FolderOptions, FolderStore};
pub use self::memory::MemoryStore;
#[cfg(feature = "object-store")]
pub use self::object_store::{
    Credentials, FoundObject, ObjectStore, ObjectStoreKind, ObjectStoreOptions, ObjectVersion,
};
pub use self::open::open;
pub use self::package::{Package, PackageFile, PackagePath};
#[cfg(feature = "signatures")]
pub use self::signature::{
    Envelope, KeyRing, PublicKey, SigningKey, Statement, TrustedKey, Verified, VerifyPolicy,
};
pub use self::verify::VerifiedReader;
use crate::error::Result;

/// Stores bytes under their digest.
///
/// Contract, proved for any implementation by `conformance::artifact_store`:
/// - what `put` acknowledged survives the process, and is there when the store is opened again, where it outlives its
///   handles at all;
/// - content that fails while it is put leaves nothing that a reader can see;
/// - putting the same content twice stores it once, and is no error; what was deleted may be put again;
/// - a reader hands out the last byte only after all bytes were found to be those that were put: [`VerifiedReader`] does;
/// - handles may be shared by threads and, where the store outlives processes, by processes.
///
/// Errors have the meanings that the methods name; their words are free.
///
/// ```
/// use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, MemoryStore};
///
/// let artifacts = MemoryStore::new();
/// let digest = artifacts.put_bytes(b"a model")?;
/// assert_eq!(&*artifacts.read(&digest)?, b"a model");
/// assert_eq!(artifacts.size(&digest)?, Some(7));
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait ArtifactStore: Send + Sync {
    /// Stores everything that `content` gives and answers its digest. It is durable when this returns.
    ///
    /// `content` may give a few bytes at a time, and be [interrupted](std::io::ErrorKind::Interrupted) in between, which
    /// ends nothing. [`HashingReader`] computes the digest on the way.
    ///
    /// # Errors
    /// [`StorageFull`](crate::Error::StorageFull) and [`PermissionDenied`](crate::Error::PermissionDenied) where nothing
    /// can be written. An [`Error`](crate::Error) that `content` fails with comes through as it is, which
    /// [`Error::from_io`](crate::Error::from_io) sees to. Nothing is stored then.
    fn put(&self, content: &mut dyn Read) -> Result<Digest>;

    /// A reader of the content that was put under `digest`.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound) when nothing has this digest. Content that is no longer what was put is
    /// found while reading: the reader fails with [`std::io::ErrorKind::InvalidData`], which
    /// [`Error::from_io`](crate::Error::from_io) turns into [`Corrupt`](crate::Error::Corrupt).
    fn open(&self, digest: &Digest) -> Result<VerifiedReader>;

    /// The size of the content in bytes, or none when nothing has this digest.
    ///
    /// # Errors
    /// Where the store cannot be asked.
    fn size(&self, digest: &Digest) -> Result<Option<u64>>;

    /// Up to `limit` digests in ascending order, beginning after `after` whether or not that is there.
    ///
    /// # Errors
    /// Where the store cannot be asked.
    fn list(&self, after: Option<&Digest>, limit: usize) -> Result<Vec<Digest>>;

    /// Forgets the content; readers that are open read on. Answers whether there was any.
    ///
    /// The store does not know who still needs it: a registry's versions, a package's manifest.
    ///
    /// # Errors
    /// [`PermissionDenied`](crate::Error::PermissionDenied) where nothing can be written.
    fn delete(&self, digest: &Digest) -> Result<bool>;
}

#[deny(clippy::missing_trait_methods)]
impl<S: ArtifactStore + ?Sized> ArtifactStore for std::sync::Arc<S> {
    fn put(&self, content: &mut dyn Read) -> Result<Digest> {
        (**self).put(content)
    }

    fn open(&self, digest: &Digest) -> Result<VerifiedReader> {
        (**self).open(digest)
    }

    fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        (**self).size(digest)
    }

    fn list(&self, after: Option<&Digest>, limit: usize) -> Result<Vec<Digest>> {
        (**self).list(after, limit)
    }

    fn delete(&self, digest: &Digest) -> Result<bool> {
        (**self).delete(digest)
    }
}
