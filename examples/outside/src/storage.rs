//! Where models are kept: an `ArtifactStore`, and a `Registry` over `registry::backend`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mlcore::artifact::{ArtifactStore, Digest, VerifiedReader};
use mlcore::name::{Alias, ModelName, Version};
use mlcore::registry::backend::{self, Decided, MemoryTables, Tables};
use mlcore::registry::{AliasChange, AuditEntry, AuditHead, Change, Model, ModelVersion, Mutation, Registry};
use mlcore::{Error, Result};

/// Contents by their digest, as long as it lives.
#[derive(Debug, Default)]
pub struct Shelf(Mutex<BTreeMap<Digest, Vec<u8>>>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ArtifactStore for Shelf {
    fn put(&self, content: &mut dyn Read) -> Result<Digest> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map_err(|cause| Error::from_io("put artifact", "content", cause))?;
        let digest = Digest::of(&bytes);
        lock(&self.0).insert(digest, bytes);
        Ok(digest)
    }

    fn open(&self, digest: &Digest) -> Result<VerifiedReader> {
        let missing = || Error::not_found("open artifact", digest.to_string(), "nothing has this digest");
        let bytes = lock(&self.0).get(digest).cloned().ok_or_else(missing)?;
        Ok(VerifiedReader::new(*digest, bytes.len() as u64, Box::new(Cursor::new(bytes))))
    }

    fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        Ok(lock(&self.0).get(digest).map(|bytes| bytes.len() as u64))
    }

    fn list(&self, after: Option<&Digest>, limit: usize) -> Result<Vec<Digest>> {
        let later = |digest: &&Digest| after.is_none_or(|after| *digest > after);
        Ok(lock(&self.0).keys().filter(later).take(limit).copied().collect())
    }

    fn delete(&self, digest: &Digest) -> Result<bool> {
        Ok(lock(&self.0).remove(digest).is_some())
    }
}

/// A registry of one process. Its file is the log, an audit entry in each line; its tables are what replaying it gives.
#[derive(Debug)]
pub struct LineRegistry(Mutex<(File, MemoryTables)>);

/// From a file that was opened for reading and appending.
impl TryFrom<File> for LineRegistry {
    type Error = Error;

    fn try_from(file: File) -> Result<Self> {
        let mut tables = MemoryTables::default();
        for line in BufReader::new(&file).lines() {
            let line = line.map_err(|cause| Error::from_io("open registry", "log", cause))?;
            let entry: AuditEntry = serde_json::from_str(&line)
                .map_err(|cause| Error::corrupt("open registry", "log", cause.to_string()))?;
            backend::replay(&mut tables, &entry)?;
        }
        Ok(Self(Mutex::new((file, tables))))
    }
}

/// Appends the entry durably; a line that was written in part is taken back.
fn append(file: &mut File, entry: &AuditEntry) -> io::Result<()> {
    let (line, end) = ([&serde_json::to_vec(entry)?[..], b"\n"].concat(), file.metadata()?.len());
    file.write_all(&line).and_then(|()| file.sync_data()).inspect_err(|_| drop(file.set_len(end)))
}

/// The reading methods, each answered by a function of the tables.
macro_rules! reads {
    ($($method:ident($($name:ident: $type:ty),*) -> $answer:ty = $read:path;)+) => {$(
        fn $method(&self, $($name: $type),*) -> Result<$answer> {
            $read(&lock(&self.0).1, $($name),*)
        }
    )+};
}

impl Registry for LineRegistry {
    fn apply(&self, mutation: &Mutation, change: &Change) -> Result<AuditEntry> {
        let (file, tables) = &mut *lock(&self.0);
        match backend::decide(tables, mutation, change)? {
            Decided::Repeated(entry) => Ok(entry),
            Decided::New(entry) => {
                append(file, &entry).map_err(|cause| Error::from_io("change registry", "log", cause))?;
                backend::replay(tables, &entry).map(|_| entry)
            }
        }
    }

    reads! {
        model(name: &ModelName) -> Model = backend::model;
        models(after: Option<&ModelName>, limit: usize) -> Vec<Model> = Tables::models;
        version(model: &ModelName, version: Version) -> ModelVersion = backend::version;
        versions(model: &ModelName, after: Option<Version>, limit: usize) -> Vec<ModelVersion> = Tables::versions;
        alias(model: &ModelName, alias: &Alias) -> Option<Version> = backend::alias;
        aliases(model: &ModelName) -> Vec<(Alias, Version)> = backend::aliases;
        alias_history(model: &ModelName, alias: &Alias) -> Vec<AliasChange> = Tables::alias_history;
        audit(from: u64, limit: usize) -> Vec<AuditEntry> = Tables::entries;
        verify() -> AuditHead = backend::verify;
    }
}
