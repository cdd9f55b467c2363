use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::digest::HashingReader;
use super::dir::Dir;
use super::memory::missing;
use super::{ArtifactStore, Digest, VerifiedReader, verify};
use crate::error::{Error, Result};
use crate::interrupt;

/// Artifacts in a local folder, for any number of threads and processes. Clones share the folder.
///
/// Content lies at `sha256/ab/cdef...`, read-only. It is written to `partial/`, flushed to the disk and renamed, and the
/// folders are flushed too: a reader never sees a part of it, and what was acknowledged survives a crash. What a killed
/// process left in `partial/` is removed when the folder is opened.
///
/// The root may be a symbolic link. Below it, folders and regular files alone are opened, on Unix by descriptor: a link, a
/// pipe, a socket or a device in the place of one is [`Corrupt`](Error::Corrupt), is not followed and not waited for. Where
/// content belongs, [putting](ArtifactStore::put) that content replaces whatever lies there.
#[derive(Clone, Debug)]
pub struct FolderStore {
    options: Arc<FolderOptions>,
}

/// How a folder of artifacts is opened.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore::artifact::FolderOptions;
///
/// let options = FolderOptions::new("artifacts").with_max_bytes(8 << 30).with_lock_timeout(Duration::from_secs(1));
/// assert_eq!(options.max_bytes, 8 << 30);
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FolderOptions {
    /// The folder. A relative path is resolved when it is opened.
    pub root: PathBuf,
    /// The largest artifact that is put or read, in bytes. Default 64 GiB: above today's largest weights, below a sparse file
    /// that would be read for hours.
    pub max_bytes: u64,
    /// How long a put waits for a process that removes what killed writers left. Default 5 s: that takes milliseconds, so
    /// that a longer wait is for something stuck.
    pub lock_timeout: Duration,
}

impl FolderOptions {
    /// The folder `root` with the default limits.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), max_bytes: 64 << 30, lock_timeout: Duration::from_secs(5) }
    }

    /// Refuses artifacts above `bytes`.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Waits this long for another process.
    #[must_use]
    pub fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }
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
        Self::open_with(&FolderOptions::new(root.as_ref()))
    }

    /// Opens a folder with other limits.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(options: &FolderOptions) -> Result<Self> {
        const OPERATION: &str = "open artifact folder";
        let root = options.root.as_path();
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
        let store = Self { options: Arc::new(FolderOptions { root, ..options.clone() }) };
        // A folder that cannot be locked or written is left as it is.
        drop(store.remove_partials());
        Ok(store)
    }

    /// Removes what killed writers left. Every living writer holds the lock shared, so that the one who gets it alone knows
    /// all files there to be orphans.
    fn remove_partials(&self) -> io::Result<()> {
        let root = Dir::root(self.root())?;
        let lock = root.existing_lock_file(LOCK)?;
        if lock.try_lock().is_ok() {
            let partial = root.dir(PARTIAL)?;
            for name in partial.names()? {
                drop(partial.remove_file(&name));
            }
        }
        Ok(())
    }

    fn root(&self) -> &Path {
        &self.options.root
    }

    /// Makes the folder where it does not exist, so that the disk knows it.
    fn make(&self) -> io::Result<Dir> {
        let new = self.root().ancestors().take_while(|folder| !folder.exists()).count();
        fs::create_dir_all(self.root())?;
        let parents = self.root().ancestors().skip(1).take(new);
        parents.into_iter().try_for_each(|folder| Dir::root(folder)?.sync())?;
        Dir::root(self.root())
    }

    /// Stores `content` under a name of its own in `partial/`, and renames it when it is whole.
    fn write(&self, content: &mut dyn Read) -> Result<Digest> {
        let failed = |cause| Error::from_io(PUT, self.root().display().to_string(), cause);
        let root = self.make().map_err(failed)?;
        let folder = root.make(PARTIAL).map_err(failed)?;
        let lock = root.lock_file(LOCK).map_err(failed)?;
        self.lock_shared(&lock)?;

        let (mut file, name) =
            create_unique(&|name| Ok((folder.create_new(&name)?, name))).map_err(failed)?;
        let mut partial = Partial { folder: &folder, name, renamed: false };
        let digest = copy(content, &mut file, self.options.max_bytes)?;
        make_readonly(&file).and_then(|()| file.sync_all()).map_err(failed)?;
        drop(file);

        let (shelf, name) = place(&digest);
        let all = root.make(ALGORITHM).map_err(failed)?;
        let shelf = all.make(&shelf).map_err(failed)?;
        // Equal content may be there already. Replacing it is harmless, and mends it where it was damaged.
        folder
            .rename(&partial.name, &shelf, &name)
            .or_else(|cause| {
                if !shelf.is_folder(&name) {
                    return Err(cause);
                }
                // A folder in the place of content: moved away and kept, because nobody knows what is in it.
                create_unique(&|unique| shelf.rename(&name, &folder, &format!("displaced-{unique}")))?;
                folder.rename(&partial.name, &shelf, &name)
            })
            .map_err(failed)?;
        partial.renamed = true;
        // Another writer may have made the shelf and the folder above just now: the disk need not know them yet.
        [&shelf, &all, &root].into_iter().try_for_each(Dir::sync).map_err(failed)?;
        Ok(digest)
    }

    /// Keeps orphans from being removed as long as `lock` is open.
    fn lock_shared(&self, lock: &File) -> Result<()> {
        let started = Instant::now();
        loop {
            match lock.try_lock_shared() {
                Err(TryLockError::WouldBlock) if started.elapsed() < self.options.lock_timeout => {
                    interrupt::sleep(PUT, Duration::from_millis(2))?;
                }
                Err(TryLockError::WouldBlock) => {
                    let file = self.root().join(LOCK).display().to_string();
                    return Err(Error::unavailable(PUT, file, "another process holds this lock")
                        .remedy("end that process, or repeat the put later"));
                }
                // Where locks are unknown, only the removal of orphans is lost, and that tries the same lock.
                Ok(()) | Err(TryLockError::Error(_)) => return Ok(()),
            }
        }
    }

    /// The folder that holds the content of a digest, and its name there.
    fn shelf(&self, digest: &Digest) -> io::Result<(Dir, String)> {
        let (shelf, name) = place(digest);
        Ok((Dir::root(self.root())?.dir(ALGORITHM)?.dir(&shelf)?, name))
    }
}

impl ArtifactStore for FolderStore {
    fn put(&self, content: &mut dyn Read) -> Result<Digest> {
        self.write(content)
    }

    fn open(&self, digest: &Digest) -> Result<VerifiedReader> {
        const OPERATION: &str = "open artifact";
        let failed = |cause: io::Error| match cause.kind() {
            io::ErrorKind::NotFound => missing(digest),
            _ => Error::from_io(OPERATION, digest.to_string(), cause),
        };
        let (shelf, name) = self.shelf(digest).map_err(failed)?;
        let file = shelf.regular(&name).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        if size > self.options.max_bytes {
            let problem =
                format!("it has {size} bytes, and at most {} are put or read here", self.options.max_bytes);
            return Err(Error::corrupt(OPERATION, digest.to_string(), problem)
                .remedy("put the original content again, or open the folder with a larger limit"));
        }
        Ok(VerifiedReader::new(*digest, size, Box::new(file)))
    }

    fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        match self.shelf(digest).and_then(|(shelf, name)| shelf.size(&name)) {
            Ok(size) => Ok(Some(size)),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(Error::from_io("look up artifact", digest.to_string(), cause)),
        }
    }

    fn list(&self, after: Option<&Digest>, limit: usize) -> Result<Vec<Digest>> {
        let failed = |cause| Error::from_io("list artifacts", self.root().display().to_string(), cause);
        let all = match Dir::root(self.root()).and_then(|root| root.dir(ALGORITHM)) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            all => all.map_err(failed)?,
        };
        let mut listed = Vec::new();
        // Names that are no digests are not ours.
        let is_shelf = |name: &String| name.len() == 2 && name.bytes().all(|digit| digit.is_ascii_hexdigit());
        for shelf in all.names().map_err(failed)?.into_iter().filter(is_shelf) {
            if listed.len() >= limit {
                break;
            }
            let names = all.dir(&shelf).and_then(|folder| folder.names()).map_err(failed)?.into_iter();
            let digests = names.filter_map(|name| format!("{shelf}{name}").parse::<Digest>().ok());
            listed.extend(digests.filter(|digest| after.is_none_or(|after| digest > after)));
        }
        listed.truncate(limit);
        Ok(listed)
    }

    fn delete(&self, digest: &Digest) -> Result<bool> {
        let delete = || {
            let (shelf, name) = self.shelf(digest)?;
            shelf.remove_file(&name)?;
            shelf.sync()
        };
        match delete() {
            Ok(()) => Ok(true),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(cause) => Err(Error::from_io("delete artifact", digest.to_string(), cause)),
        }
    }
}

/// The names of the shelf of a digest and of its content there.
fn place(digest: &Digest) -> (String, String) {
    let mut hex = digest.to_hex();
    let name = hex.split_off(2);
    (hex, name)
}

/// The names in a folder that are text, in ascending order.
pub(super) fn names_in(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        names.extend(entry?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// The error for `found` in the place of `expected`; it passes through [`Error::from_io`].
pub(super) fn wrong_kind(path: &Path, found: &str, expected: &str) -> io::Error {
    let problem = format!("{found} lies in the place of {expected}");
    let remedy = "remove it, and put again what belongs there";
    let error = Error::corrupt("open artifact folder", path.display().to_string(), problem).remedy(remedy);
    io::Error::new(io::ErrorKind::InvalidData, error)
}

const PUT: &str = "put artifact";
const ALGORITHM: &str = "sha256";
const PARTIAL: &str = "partial";
const LOCK: &str = "writers.lock";

/// A file that is removed again unless it was renamed.
struct Partial<'a> {
    folder: &'a Dir,
    name: String,
    renamed: bool,
}

impl Drop for Partial<'_> {
    fn drop(&mut self) {
        if !self.renamed {
            drop(self.folder.remove_file(&self.name));
        }
    }
}

/// Copies `content` to `file` and answers its digest. Whose fault it was stays apart: a failed read keeps its meaning, a
/// failed write is the store's.
fn copy(content: &mut dyn Read, file: &mut dyn Write, max_bytes: u64) -> Result<Digest> {
    let mut content = HashingReader::new(content);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = verify::read_retrying(&mut content, &mut buffer)
            .map_err(|cause| Error::from_io(PUT, "content", cause))?;
        if count == 0 {
            break;
        }
        if content.count() > max_bytes {
            return Err(Error::invalid_input(PUT, "content", format!("it has more than {max_bytes} bytes"))
                .remedy("open the folder with a larger limit"));
        }
        file.write_all(buffer.get(..count).unwrap_or_default())
            .map_err(|cause| Error::from_io(PUT, "store", cause))?;
    }
    file.flush().map_err(|cause| Error::from_io(PUT, "store", cause))?;
    Ok(content.digest())
}

/// Large enough that hashing, not system calls, is the cost.
const BUFFER_BYTES: usize = 256 << 10;

/// Creates something under a name that nobody uses: process and count, and the next count where another machine's or
/// container's process of the same number was first.
pub(crate) fn create_unique<T>(create: &dyn Fn(String) -> io::Result<T>) -> io::Result<T> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    loop {
        let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        match create(name) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
            done => return done,
        }
    }
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
        let error = copy(&mut &[7_u8; 10][..], &mut full, 10).unwrap_err();
        assert!(matches!(error, Error::StorageFull(_)), "{error}");
        assert!(error.to_string().contains("free space"), "{error}");
    }
}
