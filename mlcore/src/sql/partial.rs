use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

/// How many files this process has begun.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// A file that is being written beside the one that it becomes; it is removed again, whatever happens.
#[derive(Debug)]
pub struct Partial {
    path: PathBuf,
    to: PathBuf,
    operation: &'static str,
}

impl Partial {
    /// Begins to write `to`, which must not exist.
    pub fn of(to: &Path, operation: &'static str) -> Result<Self> {
        let to = std::path::absolute(to)
            .map_err(|cause| Error::from_io(operation, to.display().to_string(), cause))?;
        if to.symlink_metadata().is_ok() {
            let error =
                Error::already_exists(operation, to.display().to_string(), "there is a file of this name");
            return Err(error.remedy("name a file that does not exist yet"));
        }
        if !to.parent().is_some_and(Path::is_dir) {
            let subject = to.display().to_string();
            return Err(Error::not_found(operation, subject, "its folder does not exist")
                .remedy("create the folder first"));
        }
        // One that could not be removed is in nobody's way.
        let path = loop {
            let mut path = to.as_os_str().to_owned();
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            path.push(format!("-partial-{}-{count}", std::process::id()));
            let path = PathBuf::from(path);
            if path.symlink_metadata().is_err() {
                break path;
            }
        };
        Ok(Self { path, to, operation })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file becomes, as an absolute path.
    pub fn to(&self) -> &Path {
        &self.to
    }

    /// Makes the disk know what is in the file.
    pub fn sync(&self) -> Result<()> {
        File::open(&self.path).and_then(|file| file.sync_all()).map_err(|cause| self.failed(cause))
    }

    /// Gives the file its name.
    pub fn link(&self) -> Result<()> {
        // A name that somebody took meanwhile is not taken away again: linking fails where renaming would replace.
        fs::hard_link(&self.path, &self.to).map_err(|cause| self.failed(cause))
    }

    /// Makes the disk know the name.
    pub fn sync_folder(&self) -> Result<()> {
        let Some(folder) = self.to.parent() else { return Ok(()) };
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|cause| self.failed(cause))
    }

    fn failed(&self, cause: std::io::Error) -> Error {
        Error::from_io(self.operation, self.to.display().to_string(), cause)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm", "-journal", "-head"] {
            let mut path = self.path.as_os_str().to_owned();
            path.push(end);
            // It may never have been made.
            drop(fs::remove_file(path));
        }
    }
}
