use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::digest::HashingReader;
use super::memory::missing;
use super::{ArtifactStore, Digest, VerifiedReader, verify};
use crate::error::{Error, Result};

/// Artifacts in a local folder, for any number of threads and processes. Clones share the folder.
///
/// Content lies at `sha256/ab/cdef...`, read-only. It is written to `partial/`, flushed to the disk and renamed, and the
/// folders are flushed too: a reader never sees a part of it, and what was acknowledged survives a crash. What a killed
/// process left in `partial/` is removed when the folder is opened.
#[derive(Clone, Debug)]
pub struct FolderStore {
    root: Arc<Path>,
}

impl FolderStore {
    /// Opens the folder `root`, which the first artifact makes where it does not exist.
    ///
    /// A folder that can only be read is opened too; then [`put`](ArtifactStore::put) fails. A relative path is resolved
    /// now: changing the working directory later changes nothing.
    ///
    /// # Errors
    /// [`InvalidInput`](Error::InvalidInput) when `root` is no folder, [`PermissionDenied`](Error::PermissionDenied)
    /// when it cannot be read.
    pub fn open(root: impl AsRef<Path>) -> Result<Self> {
        const OPERATION: &str = "open artifact folder";
        let root = root.as_ref();
        let failed = |cause| Error::from_io(OPERATION, root.display().to_string(), cause);
        match fs::metadata(root) {
            Ok(found) if !found.is_dir() => {
                return Err(Error::invalid_input(OPERATION, root.display().to_string(), "it is no folder"));
            }
            Ok(_) => drop(fs::read_dir(root).map_err(failed)?),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(failed(cause)),
        }
        let root = std::path::absolute(root).map_err(failed)?;
        let store = Self { root: root.into() };
        store.remove_partials();
        Ok(store)
    }

    /// Removes what killed writers left. Every living writer holds the lock shared, so that the one who gets it alone knows
    /// all files there to be orphans. A folder that cannot be locked or written is left as it is.
    fn remove_partials(&self) {
        let Ok(lock) = File::options().write(true).open(self.lock_path()) else { return };
        if lock.try_lock().is_err() {
            return;
        }
        for entry in fs::read_dir(self.partial_path()).into_iter().flatten().flatten() {
            drop(fs::remove_file(entry.path()));
        }
    }

    /// Makes the folder where it does not exist, so that the disk knows it.
    fn make(&self) -> io::Result<()> {
        let new = self.root.ancestors().take_while(|folder| !folder.exists()).count();
        fs::create_dir_all(&self.root)?;
        self.root.ancestors().skip(1).take(new).try_for_each(sync_folder)
    }

    /// Stores `content` under a name of its own in `partial/`, and renames it when it is whole.
    fn write(&self, content: &mut dyn Read) -> Result<Digest> {
        let failed = |cause| Error::from_io(PUT, self.root.display().to_string(), cause);
        self.make().and_then(|()| fs::create_dir_all(self.partial_path())).map_err(failed)?;
        let lock = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.lock_path())
            .map_err(failed)?;
        // Where locks are unknown, only the removal of orphans is lost, and that tries the same lock.
        drop(lock.lock_shared());

        let (mut file, path) = create_unique(&|name| {
            let path = self.partial_path().join(name);
            Ok((File::create_new(&path)?, path))
        })
        .map_err(failed)?;
        let mut partial = Partial { path, renamed: false };
        let digest = copy(content, &mut file)?;
        make_readonly(&file).and_then(|()| file.sync_all()).map_err(failed)?;
        drop(file);

        let target = self.path(&digest);
        let shelf = target.parent().unwrap_or(&self.root);
        fs::create_dir_all(shelf).map_err(failed)?;
        // Equal content may be there already. Replacing it is harmless, and mends it where it was damaged.
        fs::rename(&partial.path, &target).map_err(failed)?;
        partial.renamed = true;
        // Another writer may have made the shelf and the folder above just now: the disk need not know them yet.
        shelf.ancestors().take(3).try_for_each(sync_folder).map_err(failed)?;
        Ok(digest)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.to_hex();
        let (shelf, name) = hex.split_at(2);
        self.root.join(ALGORITHM).join(shelf).join(name)
    }

    fn partial_path(&self) -> PathBuf {
        self.root.join("partial")
    }

    fn lock_path(&self) -> PathBuf {
        self.root.join("writers.lock")
    }
}

impl ArtifactStore for FolderStore {
    fn put(&self, content: &mut dyn Read) -> Result<Digest> {
        self.write(content)
    }

    fn open(&self, digest: &Digest) -> Result<VerifiedReader> {
        let failed = |cause: io::Error| match cause.kind() {
            io::ErrorKind::NotFound => missing(digest),
            _ => Error::from_io("open artifact", digest.to_string(), cause),
        };
        let file = File::open(self.path(digest)).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        Ok(VerifiedReader::new(*digest, size, Box::new(file)))
    }

    fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        match fs::metadata(self.path(digest)) {
            Ok(found) => Ok(Some(found.len())),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(Error::from_io("look up artifact", digest.to_string(), cause)),
        }
    }

    fn list(&self, after: Option<&Digest>, limit: usize) -> Result<Vec<Digest>> {
        let all = self.root.join(ALGORITHM);
        let mut listed = Vec::new();
        for shelf in names(&all)? {
            if listed.len() >= limit {
                break;
            }
            // Names that are no digests are not ours.
            let digests = names(&all.join(&shelf))?.into_iter();
            let digests = digests.filter_map(|name| format!("{shelf}{name}").parse::<Digest>().ok());
            listed.extend(digests.filter(|digest| after.is_none_or(|after| digest > after)));
        }
        listed.truncate(limit);
        Ok(listed)
    }

    fn delete(&self, digest: &Digest) -> Result<bool> {
        let path = self.path(digest);
        let failed = |cause| Error::from_io("delete artifact", digest.to_string(), cause);
        match fs::remove_file(&path) {
            Ok(()) => path.parent().map_or(Ok(()), sync_folder).map_err(failed).map(|()| true),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(cause) => Err(failed(cause)),
        }
    }
}

const PUT: &str = "put artifact";
const ALGORITHM: &str = "sha256";

/// A file that is removed again unless it was renamed.
struct Partial {
    path: PathBuf,
    renamed: bool,
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.renamed {
            drop(fs::remove_file(&self.path));
        }
    }
}

/// Copies `content` to `file` and answers its digest. Whose fault it was stays apart: a failed read keeps its meaning, a
/// failed write is the store's.
fn copy(content: &mut dyn Read, file: &mut dyn Write) -> Result<Digest> {
    let mut content = HashingReader::new(content);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = verify::read_retrying(&mut content, &mut buffer)
            .map_err(|cause| Error::from_io(PUT, "content", cause))?;
        if count == 0 {
            break;
        }
        file.write_all(buffer.get(..count).unwrap_or_default())
            .map_err(|cause| Error::from_io(PUT, "store", cause))?;
    }
    file.flush().map_err(|cause| Error::from_io(PUT, "store", cause))?;
    Ok(content.digest())
}

/// Large enough that hashing, not system calls, is the cost.
const BUFFER_BYTES: usize = 256 << 10;

/// The names in a folder in ascending order; none where there is no such folder.
fn names(folder: &Path) -> Result<Vec<String>> {
    let failed = |cause| Error::from_io("list artifacts", folder.display().to_string(), cause);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(failed(cause)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(failed)?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// Creates something under a name that nobody uses: process and count, and the next count where another machine's or
/// container's process of the same number was first.
pub(super) fn create_unique<T>(create: &dyn Fn(String) -> io::Result<T>) -> io::Result<T> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    loop {
        let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        match create(name) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
            done => return done,
        }
    }
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Other systems flush a folder's entries with its files, and cannot open folders.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

fn make_readonly(file: &File) -> io::Result<()> {
    let mut permissions = file.metadata()?.permissions();
    permissions.set_readonly(true);
    file.set_permissions(permissions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_named() {
        let mut full = File::options().write(true).open("/dev/full").unwrap();
        let error = copy(&mut &[7_u8; 10][..], &mut full).unwrap_err();
        assert!(matches!(error, Error::StorageFull(_)), "{error}");
        assert!(error.to_string().contains("free space"), "{error}");
    }
}
