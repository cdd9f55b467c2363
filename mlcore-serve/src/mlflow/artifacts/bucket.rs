//! Artifacts as the objects of a bucket.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mlcore::artifact::{FoundObject, ObjectStore, ObjectStoreOptions};
use mlcore::{Error, Result};

use super::{ArtifactFile, ArtifactTree, FoundArtifact, IncomingArtifact};
use crate::models::Temporary;

/// Artifacts as objects of an S3-compatible store, of Google Cloud Storage or of Azure, at their paths below a prefix.
///
/// A file is taken into a temporary file of this machine, and sent when it is whole. A bucket has no folders: they are what paths
/// have before their slashes, so that a file may lie where the path of another one leads through.
///
/// ```no_run
/// use mlcore_serve::mlflow::{ArtifactBucket, ArtifactTree};
///
/// let tree = ArtifactBucket::open("s3://models/prod/mlflow?region=eu-central-1")?;
/// assert!(tree.list("1")?.is_empty());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug)]
pub struct ArtifactBucket {
    bucket: ObjectStore,
    /// Where files wait until they are whole; it goes with the tree.
    partial: Arc<Temporary>,
    next: AtomicU64,
}

impl ArtifactBucket {
    /// The artifacts of a URL; see [`ObjectStoreOptions::from_url`]. Nothing is asked yet.
    ///
    /// # Errors
    /// As [`ObjectStore::open_with`], and what the system says where no temporary folder can be made.
    pub fn open(url: &str) -> Result<Self> {
        Self::open_with(&ObjectStoreOptions::from_url(url)?)
    }

    /// The artifacts of a store that is opened in another way.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(options: &ObjectStoreOptions) -> Result<Self> {
        let partial = Arc::new(Temporary::new("")?);
        Ok(Self { bucket: ObjectStore::open_with(options)?, partial, next: AtomicU64::new(0) })
    }
}

impl ArtifactTree for ArtifactBucket {
    fn read(&self, path: &str, from: u64) -> Result<ArtifactFile> {
        if path.is_empty() {
            return Err(Error::invalid_input(READ, path, "it is no file"));
        }
        match self.bucket.open_object(path, from) {
            Ok((size, content)) => Ok(ArtifactFile::new(size, content)),
            Err(Error::NotFound(_)) if !self.bucket.list_objects(path)?.is_empty() => {
                Err(Error::invalid_input(READ, path, "it is no file"))
            }
            Err(error) => Err(error),
        }
    }

    fn create(&self, path: &str) -> Result<Box<dyn IncomingArtifact>> {
        if path.is_empty() || !self.bucket.list_objects(path)?.is_empty() {
            return Err(Error::invalid_input(WRITE, path, "a folder has this path"));
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let partial = self.partial.path().join(number.to_string());
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).open(&partial);
        let file = file.map_err(|cause| Error::from_io(WRITE, path, cause))?;
        let (bucket, path, folder) = (self.bucket.clone(), path.to_owned(), self.partial.clone());
        Ok(Box::new(Incoming { bucket, path, partial, file: Some(file), _folder: folder }))
    }

    fn list(&self, path: &str) -> Result<Vec<FoundArtifact>> {
        let of = |found: FoundObject| FoundArtifact { name: found.name, size: found.size };
        Ok(self.bucket.list_objects(path)?.into_iter().map(of).collect())
    }

    fn delete(&self, path: &str) -> Result<()> {
        if path.is_empty() {
            return Err(Error::invalid_input("delete artifact", path, "it is the whole tree"));
        }
        self.bucket.delete_objects(path)
    }
}

/// A file that waits on this machine until it is whole.
struct Incoming {
    bucket: ObjectStore,
    path: String,
    partial: PathBuf,
    file: Option<File>,
    _folder: Arc<Temporary>,
}

impl IncomingArtifact for Incoming {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(bytes).map_err(|cause| Error::from_io(WRITE, self.path.as_str(), cause))
    }

    fn commit(mut self: Box<Self>) -> Result<()> {
        // Written in whole: what is read below is the file itself, from its beginning.
        drop(self.file.take());
        let mut file =
            File::open(&self.partial).map_err(|cause| Error::from_io(WRITE, self.path.as_str(), cause))?;
        self.bucket.put_object(&self.path, &mut file).map(drop)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // It is of no use any more, sent or given up.
        let _ = std::fs::remove_file(&self.partial);
    }
}

const READ: &str = "read artifact";
const WRITE: &str = "write artifact";
