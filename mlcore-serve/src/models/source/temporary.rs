use std::path::{Path, PathBuf};

use mlcore::{Error, Result};

/// A folder of this process that is removed in the end.
#[derive(Debug)]
pub(crate) struct Temporary(PathBuf);

impl Temporary {
    /// Makes one; `remedy` says what else can be done where none can be made.
    pub(crate) fn new(remedy: &str) -> Result<Self> {
        let base = std::env::temp_dir();
        for _ in 0..MOST_TRIES {
            let folder = base.join(format!("mlcore-serve-{:016x}", random()));
            match make_private(&folder) {
                Ok(()) => return Ok(Self(folder)),
                Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(cause) => {
                    return Err(Error::from_io("make folder", folder.display().to_string(), cause)
                        .remedy(format!("set TMPDIR to a folder that can be written{remedy}")));
                }
            }
        }
        let problem = "every name that was tried is taken";
        Err(Error::unavailable("make folder", base.display().to_string(), problem))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

/// Makes a folder that nobody else can look into.
fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What cannot be removed is left to whoever cleans the temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A number that no other process is likely to have.
fn random() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};

    RandomState::new().hash_one(std::process::id())
}

const MOST_TRIES: usize = 16;
