//! Artifacts: the files of runs and logged models, which clients send through the server and read from it.

#[cfg(feature = "server")]
mod bucket;
mod folder;
mod handlers;
mod media;
mod outgoing;
mod path;

use std::io::Read;

use mlcore::Result;

#[cfg(feature = "server")]
pub use self::bucket::ArtifactBucket;
pub use self::folder::ArtifactFolder;
pub(super) use self::folder::PARTIAL;
pub(super) use self::handlers::{
    delete, get, get_of_model, get_of_run, get_of_version, list, list_of_model, list_of_run, no_multipart,
    no_presigned, no_presigned_download, no_presigned_upload, take_upload, upload_path,
};
pub(super) use self::media::{disposition, media_type};
pub(crate) use self::outgoing::Outgoing;
pub(super) use self::path::safe;

/// Where a server keeps the files that clients name by `mlflow-artifacts:/`.
///
/// Paths are relative, with `/` between their parts; none of these is empty, `.` or `..`, or holds a control character or a
/// backslash. Folders arise with the files in them.
///
/// Contract:
/// - a file is seen whole or not at all: what is being sent takes its place when it [commits](IncomingArtifact::commit);
/// - what was committed survives the process, and a loss of power where the storage does;
/// - nothing outside the tree is read or written, whatever links somebody has put into it.
///
/// ```
/// use std::io::Read;
///
/// use mlcore_serve::mlflow::{ArtifactFolder, ArtifactTree};
///
/// let place = tempfile::tempdir()?;
/// let tree = ArtifactFolder::open(place.path().join("files"))?;
/// let mut file = tree.create("1/run/note.txt")?;
/// file.write(b"a note")?;
/// file.commit()?;
/// let mut text = String::new();
/// tree.read("1/run/note.txt", 2)?.content.read_to_string(&mut text)?;
/// assert_eq!(text, "note");
/// assert_eq!(tree.list("1")?[0].name, "run");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait ArtifactTree: Send + Sync {
    /// Opens a file for reading from its byte `from` on.
    ///
    /// # Errors
    /// [`NotFound`](mlcore::Error::NotFound), [`InvalidInput`](mlcore::Error::InvalidInput) for a folder, and where it cannot
    /// be read.
    fn read(&self, path: &str, from: u64) -> Result<ArtifactFile>;

    /// Begins a file, which takes the place of the one that is there when it commits.
    ///
    /// # Errors
    /// [`InvalidInput`](mlcore::Error::InvalidInput) where a folder has this path or, in storage that has folders, a file lies above it, and where it cannot
    /// be written.
    fn create(&self, path: &str) -> Result<Box<dyn IncomingArtifact>>;

    /// What lies in a folder, by name; nothing where there is no such folder. The empty path is the tree itself.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn list(&self, path: &str) -> Result<Vec<FoundArtifact>>;

    /// Removes a file, or a folder with all that lies in it. What is not there stays so.
    ///
    /// # Errors
    /// Where it cannot be removed.
    fn delete(&self, path: &str) -> Result<()>;
}

/// A file that is being sent. Given up before it commits, it leaves nothing.
pub trait IncomingArtifact: Send {
    /// Appends bytes.
    ///
    /// # Errors
    /// [`StorageFull`](mlcore::Error::StorageFull), and where it cannot be written.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;

    /// Puts the file in its place.
    ///
    /// # Errors
    /// Where it cannot be put there.
    fn commit(self: Box<Self>) -> Result<()>;
}

/// A file that is read.
#[non_exhaustive]
pub struct ArtifactFile {
    /// Bytes of the whole file.
    pub size: u64,
    /// Its bytes, from where it was opened.
    pub content: Box<dyn Read + Send>,
}

impl ArtifactFile {
    /// A file of this size.
    #[must_use]
    pub fn new(size: u64, content: Box<dyn Read + Send>) -> Self {
        Self { size, content }
    }
}

impl std::fmt::Debug for ArtifactFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArtifactFile").field("size", &self.size).finish_non_exhaustive()
    }
}

/// What lies in a folder.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FoundArtifact {
    /// The last part of its path.
    pub name: String,
    /// Bytes of a file; none of a folder.
    pub size: Option<u64>,
}

impl FoundArtifact {
    /// A file.
    #[must_use]
    pub fn file(name: impl Into<String>, size: u64) -> Self {
        Self { name: name.into(), size: Some(size) }
    }

    /// A folder.
    #[must_use]
    pub fn folder(name: impl Into<String>) -> Self {
        Self { name: name.into(), size: None }
    }
}
