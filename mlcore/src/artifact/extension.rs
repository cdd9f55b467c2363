use std::io::Read;
use std::path::Path;

use super::{ArtifactStore, Digest, ImportOptions, Package, file};
use crate::error::{Error, Result};

/// What callers want of every [`ArtifactStore`].
pub trait ArtifactStoreExt: ArtifactStore {
    /// Stores `bytes`.
    ///
    /// # Errors
    /// As [`ArtifactStore::put`].
    fn put_bytes(&self, bytes: &[u8]) -> Result<Digest> {
        self.put(&mut { bytes })
    }

    /// Stores the content of one regular file.
    ///
    /// What is hashed is what is stored: the file is opened once, and only then looked at. A symbolic link, a folder, a
    /// device, a pipe and a file with a second name (a hard link) are refused, because each can show bytes that nobody
    /// meant to hand over, or never end.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound), [`InvalidInput`](crate::Error::InvalidInput) for anything but a regular file or for one
    /// above the limit, and as [`ArtifactStore::put`].
    fn put_file(&self, path: &Path, options: &ImportOptions) -> Result<Digest> {
        let mut file = file::open_regular(path, options)?;
        self.put(&mut file)
    }

    /// Stores every file of a folder and the manifest that names them, and answers the manifest's digest.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::Error::InvalidInput) for a folder that holds anything but regular files and folders, or a name
    /// that is no [`PackagePath`](super::PackagePath), and as [`put_file`](Self::put_file).
    fn put_folder(&self, folder: &Path, options: &ImportOptions) -> Result<Digest> {
        let package = Package::import(folder, &|path| {
            let mut file = file::open_regular(path, options)?;
            let digest = self.put(&mut file)?;
            Ok((digest, file.count()))
        })?;
        self.put_bytes(&package.to_json()?)
    }

    /// The manifest that [`put_folder`](Self::put_folder) stored.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound), [`Corrupt`](crate::Error::Corrupt), and [`InvalidInput`](crate::Error::InvalidInput) when the
    /// artifact is no manifest or has more than 16 MiB.
    fn package(&self, digest: &Digest) -> Result<Package> {
        Package::from_json(&self.read_up_to(digest, LARGEST_MANIFEST)?)
    }

    /// Writes the files of the package `digest` into `folder`, which must not exist yet and appears whole or not at all.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::Error::AlreadyExists), and as [`package`](Self::package) and [`read`](Self::read).
    fn materialize(&self, digest: &Digest, folder: &Path) -> Result<Package> {
        let package = self.package(digest)?;
        package.write(&|digest| self.open(digest), folder)?;
        Ok(package)
    }

    /// The whole content, verified. Its memory is its size: [`read_up_to`](Self::read_up_to) bounds it.
    ///
    /// # Errors
    /// [`NotFound`](crate::Error::NotFound), and [`Corrupt`](crate::Error::Corrupt) when it is not what was put.
    fn read(&self, digest: &Digest) -> Result<Vec<u8>> {
        self.read_up_to(digest, u64::MAX)
    }

    /// The whole content, verified, if it has at most `most` bytes.
    ///
    /// Content above 64 MiB is read twice: what is damaged, such as a file that was made large and empty, takes no memory.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::Error::InvalidInput) for larger content, and as [`read`](Self::read).
    fn read_up_to(&self, digest: &Digest, most: u64) -> Result<Vec<u8>> {
        let mut reader = self.open(digest)?;
        if reader.size() > most {
            let problem = format!("it has {} bytes, and at most {most} are read", reader.size());
            return Err(Error::invalid_input(READ, digest.to_string(), problem)
                .remedy("open it and read it piece by piece"));
        }
        let mut capacity = usize::try_from(reader.size()).unwrap_or(usize::MAX);
        if capacity > LARGEST_UNCHECKED {
            // The size is the store's claim until the content was seen.
            self.check(digest)?;
            reader = self.open(digest)?;
            capacity = LARGEST_UNCHECKED;
        }
        let mut bytes = Vec::with_capacity(capacity);
        reader.read_to_end(&mut bytes).map_err(|cause| Error::from_io(READ, digest.to_string(), cause))?;
        Ok(bytes)
    }

    /// Reads the whole content piece by piece and answers its size in bytes: it is what was put.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn check(&self, digest: &Digest) -> Result<u64> {
        let mut reader = self.open(digest)?;
        std::io::copy(&mut reader, &mut std::io::sink())
            .map_err(|cause| Error::from_io("check artifact", digest.to_string(), cause))
    }

    /// Whether anything is stored under this digest.
    ///
    /// # Errors
    /// As [`ArtifactStore::size`].
    fn contains(&self, digest: &Digest) -> Result<bool> {
        Ok(self.size(digest)?.is_some())
    }
}

impl<S: ArtifactStore + ?Sized> ArtifactStoreExt for S {}

const READ: &str = "read artifact";
const LARGEST_UNCHECKED: usize = 64 << 20;
/// Above what a manifest of the most files with the longest names takes.
const LARGEST_MANIFEST: u64 = 16 << 20;
