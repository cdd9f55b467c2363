use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use super::{ArtifactStore, Digest, HashingReader, VerifiedReader};
use crate::error::{Error, Result};

/// Artifacts in memory: the reference, and what tests use. Clones share the content.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    contents: Arc<RwLock<BTreeMap<Digest, Arc<[u8]>>>>,
}

impl MemoryStore {
    /// A store that holds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl ArtifactStore for MemoryStore {
    fn put(&self, content: &mut dyn Read) -> Result<Digest> {
        let mut bytes = Vec::new();
        let mut content = HashingReader::new(content);
        content.read_to_end(&mut bytes).map_err(|cause| Error::from_io("put artifact", "content", cause))?;
        let digest = content.digest();
        self.contents.write().unwrap_or_else(PoisonError::into_inner).insert(digest, bytes.into());
        Ok(digest)
    }

    fn open(&self, digest: &Digest) -> Result<VerifiedReader> {
        let contents = self.contents.read().unwrap_or_else(PoisonError::into_inner);
        let bytes = contents.get(digest).cloned().ok_or_else(|| missing(digest))?;
        Ok(VerifiedReader::new(*digest, bytes.len() as u64, Box::new(Cursor::new(bytes))))
    }

    fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        let contents = self.contents.read().unwrap_or_else(PoisonError::into_inner);
        Ok(contents.get(digest).map(|bytes| bytes.len() as u64))
    }

    fn list(&self, after: Option<&Digest>, limit: usize) -> Result<Vec<Digest>> {
        let contents = self.contents.read().unwrap_or_else(PoisonError::into_inner);
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(contents.range((start, Bound::Unbounded)).map(|(digest, _)| *digest).take(limit).collect())
    }

    fn delete(&self, digest: &Digest) -> Result<bool> {
        Ok(self.contents.write().unwrap_or_else(PoisonError::into_inner).remove(digest).is_some())
    }
}

pub(super) fn missing(digest: &Digest) -> Error {
    Error::not_found("open artifact", digest.to_string(), "nothing with this digest is stored")
        .remedy("put it, or open the store that has it")
}
