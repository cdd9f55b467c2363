//! Weights in files beside the model. They are read here, by paths that stay inside the model's folder, and handed to
//! ONNX Runtime as bytes: it opens no file, so what was checked is what is loaded.

use std::fs::{self, File, Metadata};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use super::options::Limits;
use crate::error::{Error, Result};

/// One file of weights.
#[derive(Debug)]
pub(super) struct ExternalData {
    /// Its name in the model.
    pub(super) location: String,
    pub(super) bytes: Vec<u8>,
}

/// The folder a model's files may lie in, or none for a model from memory.
pub(super) struct Folder<'a> {
    pub(super) model: &'a str,
    pub(super) path: Option<&'a Path>,
}

/// The most files that one model may spread over.
const MOST_FILES: usize = 4096;

impl Folder<'_> {
    /// Refuses every location that could lead out of the folder by its text alone.
    pub(super) fn check(&self, locations: &[String]) -> Result<()> {
        if locations.len() > MOST_FILES {
            return Err(self.refused(format!("its weights lie in more than {MOST_FILES} files")));
        }
        for location in locations {
            self.check_one(location)?;
        }
        Ok(())
    }

    /// Reads the files, at most `limits.max_model_bytes` less the model's own `model_bytes`.
    pub(super) fn read(
        &self,
        locations: &[String],
        model_bytes: u64,
        limits: &Limits,
    ) -> Result<Vec<ExternalData>> {
        let Some(folder) = self.path else {
            return match locations.is_empty() {
                true => Ok(Vec::new()),
                false => Err(self
                    .refused("its weights lie in other files, and a model from memory has no folder")
                    .remedy("pass its file instead of its bytes, or save it as one file")),
            };
        };
        let mut left = limits.max_model_bytes.saturating_sub(model_bytes);
        let mut files = Vec::with_capacity(locations.len());
        for location in locations {
            let bytes = self.read_one(folder, location, left)?;
            left = left.saturating_sub(bytes.len() as u64);
            files.push(ExternalData { location: location.clone(), bytes });
        }
        Ok(files)
    }

    /// What is refused here is not repeated in the message: it is a path that somebody put there.
    fn check_one(&self, location: &str) -> Result<()> {
        let problem = if location.contains("_ORT_MEM_ADDR_") {
            "the location of its weights is one that ONNX Runtime reads as an address in memory"
        } else if location.is_empty() || location.contains('\0') {
            "the location of its weights is no file name"
        // Both separators and a drive's colon count everywhere: a model is made on one system and run on another.
        } else if location.contains(['\\', ':']) || Path::new(location).is_absolute() {
            "the location of its weights is no path relative to its folder"
        } else if Path::new(location).components().any(|part| part == Component::ParentDir) {
            "the location of its weights leaves its folder"
        } else {
            return Ok(());
        };
        Err(self.refused(problem).remedy("save it with its weights beside it, named by relative paths"))
    }

    fn read_one(&self, folder: &Path, location: &str, most: u64) -> Result<Vec<u8>> {
        let unreadable = |cause: std::io::Error| {
            self.refused(format!("its weights at {location:?} cannot be read: {}", cause.kind()))
                .remedy("keep the files of weights where the model expects them")
        };
        let resolve = || -> std::io::Result<(PathBuf, PathBuf)> {
            Ok((folder.canonicalize()?, folder.join(location).canonicalize()?))
        };
        let (root, path) = resolve().map_err(unreadable)?;
        if !path.starts_with(&root) {
            return Err(
                self.refused(format!("its weights at {location:?} are a link that leaves its folder"))
            );
        }
        // A pipe would block the open; what it is by then is checked again on the open file.
        let before = fs::symlink_metadata(&path).map_err(unreadable)?;
        if !before.is_file() {
            return Err(self.refused(format!("its weights at {location:?} are no regular file")));
        }
        let mut file = File::open(&path).map_err(unreadable)?;
        let opened = file.metadata().map_err(unreadable)?;
        if !is_same(&before, &opened) || resolve().map_err(unreadable)?.1 != path {
            return Err(self.refused(format!("its weights at {location:?} changed while they were opened")));
        }
        if link_count(&opened) > 1 {
            return Err(self
                .refused(format!(
                    "its weights at {location:?} are a hard link, which may belong to another folder"
                ))
                .remedy("copy the file"));
        }
        if opened.len() > most {
            return Err(self
                .refused(format!("with its weights at {location:?} it has more bytes than are allowed"))
                .remedy("raise the limit max_model_bytes if you trust the model"));
        }
        let mut bytes = Vec::new();
        let capacity = usize::try_from(opened.len()).unwrap_or(usize::MAX);
        bytes.try_reserve_exact(capacity).map_err(|_| {
            Error::overloaded("load model", self.model, format!("no memory for the weights at {location:?}"))
        })?;
        file.by_ref().take(opened.len()).read_to_end(&mut bytes).map_err(unreadable)?;
        Ok(bytes)
    }

    fn refused(&self, problem: impl Into<String>) -> Error {
        Error::invalid_model("load model", self.model, problem)
    }
}

#[cfg(unix)]
fn is_same(before: &Metadata, opened: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    opened.is_file() && before.dev() == opened.dev() && before.ino() == opened.ino()
}

#[cfg(unix)]
fn link_count(file: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    file.nlink()
}

#[cfg(not(unix))]
fn is_same(before: &Metadata, opened: &Metadata) -> bool {
    opened.is_file() && before.len() == opened.len()
}

#[cfg(not(unix))]
fn link_count(_file: &Metadata) -> u64 {
    1
}
