//! Artifacts as the files of a folder.

use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use mlcore::{Error, Result};

use super::{ArtifactFile, ArtifactTree, FoundArtifact, IncomingArtifact};

/// Artifacts as plain files below a folder: `1/<run>/artifacts/model.pkl` is a file of this path.
///
/// A file is written beside the tree and moved into its place once the disk has it. Links are not followed, wherever they lead.
#[derive(Debug)]
pub struct ArtifactFolder {
    root: PathBuf,
    /// Tells files apart that are written at the same time.
    next: AtomicU64,
}

impl ArtifactFolder {
    /// Opens a folder, and makes it where there is none.
    ///
    /// # Errors
    /// [`PermissionDenied`](Error::PermissionDenied) and others, as the system says.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        let failed = |cause| Error::from_io("open artifacts", root.display().to_string(), cause);
        fs::create_dir_all(&root).map_err(failed)?;
        let root = root.canonicalize().map_err(failed)?;
        let partial = root.join(PARTIAL);
        // What a process left that was killed is no part of anything.
        match fs::remove_dir_all(&partial) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(failed(cause)),
            _ => {}
        }
        fs::create_dir(&partial).map_err(failed)?;
        Ok(Self { root, next: AtomicU64::new(0) })
    }

    /// The place of a path, none of whose folders is a link.
    fn place(&self, path: &str) -> Result<PathBuf> {
        let mut place = self.root.clone();
        let mut parts = path.split('/').filter(|part| !part.is_empty()).peekable();
        while let Some(part) = parts.next() {
            if part == ".." || part == "." || part.contains(['\\', '\0']) {
                return Err(Error::invalid_input(OPERATION, path, "the path leaves the artifacts"));
            }
            place.push(part);
            let is_last = parts.peek().is_none();
            match fs::symlink_metadata(&place) {
                Ok(found) if found.is_symlink() => {
                    return Err(Error::invalid_input(OPERATION, path, "a link lies on the path"));
                }
                Ok(found) if !is_last && !found.is_dir() => {
                    return Err(Error::invalid_input(OPERATION, path, "a file lies on the path"));
                }
                Ok(_) => {}
                // What is below it is not there either.
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
                Err(cause) => return Err(Error::from_io(OPERATION, path, cause)),
            }
        }
        Ok(place)
    }
}

impl ArtifactTree for ArtifactFolder {
    fn read(&self, path: &str, from: u64) -> Result<ArtifactFile> {
        let place = self.place(path)?;
        let failed = |cause| Error::from_io("read artifact", path, cause);
        let mut file = File::open(&place).map_err(failed)?;
        let found = file.metadata().map_err(failed)?;
        if !found.is_file() {
            return Err(Error::invalid_input("read artifact", path, "it is no file"));
        }
        if from > 0 {
            file.seek(SeekFrom::Start(from)).map_err(failed)?;
        }
        Ok(ArtifactFile::new(found.len(), Box::new(file)))
    }

    fn create(&self, path: &str) -> Result<Box<dyn IncomingArtifact>> {
        let target = self.place(path)?;
        if path.is_empty() || target.is_dir() {
            return Err(Error::invalid_input("write artifact", path, "a folder has this path"));
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let partial = self.root.join(PARTIAL).join(format!("{}-{number}", std::process::id()));
        let subject = path.to_owned();
        let file = File::create_new(&partial)
            .map_err(|cause| Error::from_io("write artifact", subject.as_str(), cause))?;
        let file = Some(file);
        Ok(Box::new(Incoming { root: self.root.clone(), file, partial, target, subject }))
    }

    fn list(&self, path: &str) -> Result<Vec<FoundArtifact>> {
        let place = match self.place(path) {
            Ok(place) if place.is_dir() => place,
            Ok(_) => return Ok(Vec::new()),
            // Below a file there is nothing.
            Err(Error::InvalidInput(context)) if context.problem().starts_with("a file") => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let failed = |cause| Error::from_io("list artifacts", path, cause);
        let mut found = Vec::new();
        for entry in fs::read_dir(&place).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if path.is_empty() && name == PARTIAL {
                continue;
            }
            match entry.metadata() {
                Ok(own) if own.is_dir() => found.push(FoundArtifact::folder(name)),
                Ok(own) if own.is_file() => found.push(FoundArtifact::file(name, own.len())),
                // Links, and what is gone meanwhile.
                _ => {}
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    fn delete(&self, path: &str) -> Result<()> {
        let place = match self.place(path) {
            Ok(place) if place != self.root => place,
            Ok(_) => return Err(Error::invalid_input("delete artifact", path, "it is the whole tree")),
            Err(error) => return Err(error),
        };
        let removed = match fs::symlink_metadata(&place) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&place),
            Ok(_) => fs::remove_file(&place),
            Err(cause) => Err(cause),
        };
        match removed {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                Err(Error::from_io("delete artifact", path, cause))
            }
            _ => Ok(()),
        }
    }
}

/// A file that lies beside the tree until it is whole.
struct Incoming {
    root: PathBuf,
    file: Option<File>,
    partial: PathBuf,
    target: PathBuf,
    subject: String,
}

impl Incoming {
    fn failed(&self, cause: io::Error) -> Error {
        Error::from_io("write artifact", self.subject.as_str(), cause)
    }

    /// Makes the folders above the file; each is on the disk before what lies in it.
    fn make_folders(&self) -> io::Result<()> {
        let mut place = self.root.clone();
        let parent = self.target.parent().unwrap_or(&self.root);
        let below = parent.strip_prefix(&self.root).unwrap_or(Path::new(""));
        for part in below.components() {
            let above = place.clone();
            place.push(part);
            match fs::create_dir(&place) {
                Ok(()) => sync_folder(&above)?,
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(())
    }
}

impl IncomingArtifact for Incoming {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(bytes).map_err(|cause| Error::from_io("write artifact", self.subject.as_str(), cause))
    }

    fn commit(mut self: Box<Self>) -> Result<()> {
        if let Some(file) = self.file.take() {
            file.sync_all().map_err(|cause| self.failed(cause))?;
        }
        self.make_folders().map_err(|cause| self.failed(cause))?;
        if self.target.is_dir() {
            let error = Error::invalid_input("write artifact", &*self.subject, "a folder has this path");
            return Err(error);
        }
        fs::rename(&self.partial, &self.target).map_err(|cause| self.failed(cause))?;
        let parent = self.target.parent().unwrap_or(&self.root);
        sync_folder(parent).map_err(|cause| self.failed(cause))
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Once it is committed there is nothing here.
        let _ = fs::remove_file(&self.partial);
    }
}

/// Names in a folder are on the disk only then.
fn sync_folder(folder: &Path) -> io::Result<()> {
    match cfg!(unix) {
        true => File::open(folder)?.sync_all(),
        false => Ok(()),
    }
}

/// Where files lie until they are whole; no path of a client leads there.
pub(in crate::mlflow) const PARTIAL: &str = ".mlcore-partial";
const OPERATION: &str = "find artifact";
