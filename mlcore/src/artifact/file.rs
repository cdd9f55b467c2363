use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use crate::error::{Error, Result};

/// How files are taken in.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// The largest single file, in bytes. Default 64 GiB: above today's largest weights, below a sparse file that would
    /// fill the disk.
    pub max_file_bytes: u64,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self { max_file_bytes: 64 << 30 }
    }
}

impl ImportOptions {
    /// Refuses files above `bytes`.
    #[must_use]
    pub fn with_max_file_bytes(mut self, bytes: u64) -> Self {
        self.max_file_bytes = bytes;
        self
    }
}

/// The content of one regular file, of the size that it had when it was opened.
#[derive(Debug)]
pub(super) struct RegularFile {
    file: File,
    size: u64,
    count: u64,
}

impl RegularFile {
    /// How many bytes were read.
    pub(super) fn count(&self) -> u64 {
        self.count
    }
}

impl Read for RegularFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.count += count as u64;
        if self.count > self.size || (count == 0 && !buffer.is_empty() && self.count < self.size) {
            let error = Error::conflict("import file", "", "the file changed while it was read")
                .remedy("import it again when nobody writes it");
            return Err(io::Error::other(error));
        }
        Ok(count)
    }
}

/// Opens `path` without following a link at its end and without waiting for the other end of a pipe, and only then asks
/// what it is: nobody can swap the file in between.
pub(super) fn open_regular(path: &Path, options: &ImportOptions) -> Result<RegularFile> {
    const OPERATION: &str = "import file";
    let subject = path.display().to_string();
    let refuse = |problem: String| {
        Err(Error::invalid_input(OPERATION, subject.clone(), problem)
            .remedy("copy the content into a regular file of its own and import that"))
    };
    let file = match open(path) {
        Ok(file) => file,
        Err(cause) => {
            return match std::fs::symlink_metadata(path) {
                Ok(found) if !found.is_file() => refuse(format!("it is {}", kind(&found))),
                _ => Err(Error::from_io(OPERATION, subject, cause)),
            };
        }
    };
    let found = file.metadata().map_err(|cause| Error::from_io(OPERATION, subject.clone(), cause))?;
    if !found.is_file() {
        return refuse(format!("it is {}", kind(&found)));
    }
    if names(&found) > 1 {
        return refuse("it has a second name (a hard link), perhaps outside of this folder".to_owned());
    }
    if found.len() > options.max_file_bytes {
        return refuse(format!(
            "it has {} bytes, and at most {} are taken",
            found.len(),
            options.max_file_bytes
        ));
    }
    Ok(RegularFile { file, size: found.len(), count: 0 })
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    File::options().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    if std::fs::symlink_metadata(path)?.is_file() {
        File::open(path)
    } else {
        Err(io::ErrorKind::InvalidInput.into())
    }
}

#[cfg(unix)]
fn names(found: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;

    found.nlink()
}

#[cfg(not(unix))]
fn names(_: &Metadata) -> u64 {
    1
}

fn kind(found: &Metadata) -> &'static str {
    if found.is_symlink() {
        "a symbolic link"
    } else if found.is_dir() {
        "a folder"
    } else {
        "a device, a pipe or a socket"
    }
}
