//! Folders by path, for systems whose standard library opens nothing relative to a folder. What lies there is looked at
//! before it is opened, so that a link or a pipe is refused; somebody may put one there in between.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::folder::{names_in, wrong_kind};

/// A folder. Names in it are single parts of a path.
#[derive(Debug)]
pub(crate) struct Dir {
    path: PathBuf,
}

impl Dir {
    pub(crate) fn root(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|_| Self { path: path.to_owned() })
    }

    pub(crate) fn dir(&self, name: &str) -> io::Result<Self> {
        let path = self.path.join(name);
        let found = fs::symlink_metadata(&path)?;
        if found.is_dir() { Ok(Self { path }) } else { Err(wrong_kind(&path, kind(&found), "a folder")) }
    }

    pub(super) fn make(&self, name: &str) -> io::Result<Self> {
        match fs::create_dir(self.path.join(name)) {
            Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => Err(cause),
            _ => self.dir(name),
        }
    }

    pub(crate) fn regular(&self, name: &str) -> io::Result<File> {
        self.size(name)?;
        File::open(self.path.join(name))
    }

    pub(super) fn lock_file(&self, name: &str) -> io::Result<File> {
        match self.size(name) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
            _ => File::options().write(true).create(true).truncate(false).open(self.path.join(name)),
        }
    }

    pub(super) fn existing_lock_file(&self, name: &str) -> io::Result<File> {
        self.size(name)?;
        File::options().write(true).open(self.path.join(name))
    }

    pub(super) fn create_new(&self, name: &str) -> io::Result<File> {
        File::create_new(self.path.join(name))
    }

    pub(super) fn size(&self, name: &str) -> io::Result<u64> {
        let path = self.path.join(name);
        let found = fs::symlink_metadata(&path)?;
        if found.is_file() { Ok(found.len()) } else { Err(wrong_kind(&path, kind(&found), "a regular file")) }
    }

    pub(crate) fn is_folder(&self, name: &str) -> bool {
        fs::symlink_metadata(self.path.join(name)).is_ok_and(|found| found.is_dir())
    }

    pub(super) fn rename(&self, name: &str, to: &Self, new_name: &str) -> io::Result<()> {
        fs::rename(self.path.join(name), to.path.join(new_name))
    }

    pub(super) fn remove_file(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        names_in(&self.path)
    }

    /// These systems flush a folder's entries with its files, and cannot open folders.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

fn kind(found: &fs::Metadata) -> &'static str {
    if found.is_symlink() {
        "a symbolic link"
    } else if found.is_dir() {
        "a folder"
    } else if found.is_file() {
        "a regular file"
    } else {
        "a device"
    }
}
