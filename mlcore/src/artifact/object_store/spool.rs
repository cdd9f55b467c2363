//! Content on its way: hashed while it is read, in memory while it is small, in a file of its own otherwise.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::PUT;
use super::options::ObjectStoreOptions;
use crate::artifact::folder::create_unique;
use crate::artifact::{Digest, HashingReader, verify};
use crate::error::{Error, Result};

/// Content whose digest is known.
pub(super) struct Spooled {
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) source: Source,
}

pub(super) enum Source {
    Memory(Bytes),
    File(Scratch),
}

impl Spooled {
    /// Reads `content` to its end.
    pub(super) fn of(content: &mut dyn Read, options: &ObjectStoreOptions) -> Result<Self> {
        let mut content = HashingReader::new(content);
        let mut begin = Vec::new();
        let failed = |cause| Error::from_io(PUT, "content", cause);
        // One byte more than fits says that there is more.
        content.by_ref().take(options.part_bytes + 1).read_to_end(&mut begin).map_err(failed)?;
        let whole = |size: u64| {
            if size <= options.max_bytes {
                return Ok(());
            }
            let problem = format!("it has more than {} bytes", options.max_bytes);
            Err(Error::invalid_input(PUT, "content", problem).remedy("open the store with a larger limit"))
        };
        whole(content.count())?;
        if content.count() <= options.part_bytes {
            let (digest, size) = (content.digest(), content.count());
            return Ok(Self { digest, size, source: Source::Memory(begin.into()) });
        }
        let mut scratch = Scratch::make(&options.spool)?;
        let full = |cause| Error::from_io(PUT, options.spool.display().to_string(), cause);
        scratch.file.write_all(&begin).map_err(full)?;
        drop(begin);
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = verify::read_retrying(&mut content, &mut buffer).map_err(failed)?;
            if count == 0 {
                break;
            }
            whole(content.count())?;
            scratch.file.write_all(buffer.get(..count).unwrap_or_default()).map_err(full)?;
        }
        Ok(Self { digest: content.digest(), size: content.count(), source: Source::File(scratch) })
    }
}

/// A file that nobody else opens, and that is gone with its handle.
pub(super) struct Scratch {
    file: File,
    path: Option<PathBuf>,
}

impl Scratch {
    fn make(folder: &Path) -> Result<Self> {
        let failed = |cause| Error::from_io(PUT, folder.display().to_string(), cause);
        make_folder(folder)?;
        let (file, path) = create_unique(&|name| {
            let path = folder.join(format!("{name}.spool"));
            private(OpenOptions::new().read(true).write(true).create_new(true))
                .open(&path)
                .map(|file| (file, path))
        })
        .map_err(failed)?;
        // Where a file lives on without a name, a killed process leaves nothing.
        let path = if cfg!(unix) && fs::remove_file(&path).is_ok() { None } else { Some(path) };
        Ok(Self { file, path })
    }

    /// The bytes from `start` on.
    pub(super) fn part(&mut self, start: u64, bytes: u64) -> Result<Bytes> {
        use io::Seek as _;
        let failed = |cause| Error::from_io(PUT, "content on its way", cause);
        let mut part = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
        self.file.seek(io::SeekFrom::Start(start)).map_err(failed)?;
        self.file.read_exact(&mut part).map_err(failed)?;
        Ok(part.into())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            drop(fs::remove_file(path));
        }
    }
}

/// Makes the folder, readable for this user alone.
pub(super) fn make_folder(folder: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|cause| Error::from_io(PUT, folder.display().to_string(), cause))
}

/// A file that is readable for this user alone, and no link.
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC);
    }
    options
}

const BUFFER_BYTES: usize = 256 << 10;
