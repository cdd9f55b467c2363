use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mlcore::artifact::{ArtifactStore, Digest, HashingReader, MemoryStore, VerifiedReader};
use mlcore::{Error, Result};

use super::temporary::Temporary;

/// The artifacts of a folder's model: read from its files again, and verified, whenever they are asked for.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// What lies in no file of its own.
    kept: MemoryStore,
    paths: Mutex<BTreeMap<Digest, PathBuf>>,
    /// The file whose content is put next.
    next: Mutex<Option<PathBuf>>,
    /// Where they lie, where they are gone with the model.
    _folder: Option<Temporary>,
}

impl Files {
    /// Files of this folder, which is kept as long.
    pub(super) fn of(folder: Option<Temporary>) -> Self {
        Self { _folder: folder, ..Self::default() }
    }

    /// The content that is put next is that of this file, and stays there: it is hashed on its way, and never in memory as a whole.
    pub(super) fn next_is(&self, path: &Path) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(path.to_owned());
    }

    fn paths(&self) -> MutexGuard<'_, BTreeMap<Digest, PathBuf>> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, digest: &Digest) -> Result<Option<(File, u64)>> {
        let Some(path) = self.paths().get(digest).cloned() else { return Ok(None) };
        let failed = |cause| Error::from_io("open artifact", path.display().to_string(), cause);
        let file = File::open(&path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        Ok(Some((file, size)))
    }
}

impl ArtifactStore for Files {
    fn put(&self, content: &mut dyn Read) -> Result<Digest> {
        let Some(path) = self.next.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return self.kept.put(content);
        };
        let mut content = HashingReader::new(content);
        io::copy(&mut content, &mut io::sink())
            .map_err(|cause| Error::from_io("put artifact", path.display().to_string(), cause))?;
        let digest = content.digest();
        self.paths().insert(digest, path);
        Ok(digest)
    }

    fn open(&self, digest: &Digest) -> Result<VerifiedReader> {
        match self.file(digest)? {
            Some((file, size)) => Ok(VerifiedReader::new(*digest, size, Box::new(file))),
            None => self.kept.open(digest),
        }
    }

    fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        match self.file(digest)? {
            Some((_, size)) => Ok(Some(size)),
            None => self.kept.size(digest),
        }
    }

    fn list(&self, after: Option<&Digest>, limit: usize) -> Result<Vec<Digest>> {
        let mut all = self.kept.list(after, limit)?;
        let paths = self.paths();
        all.extend(paths.keys().filter(|digest| after.is_none_or(|after| *digest > after)));
        drop(paths);
        all.sort_unstable();
        all.dedup();
        all.truncate(limit);
        Ok(all)
    }

    fn delete(&self, digest: &Digest) -> Result<bool> {
        let was_file = self.paths().remove(digest).is_some();
        Ok(self.kept.delete(digest)? || was_file)
    }
}
