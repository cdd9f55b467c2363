//! Where the log ended, in a file of its own beside the registry: `registry.db-head`.
//!
//! The write-ahead log holds what was acknowledged last. SQLite takes a log that is gone, or cut, for one that is shorter; the
//! kept head says that it was longer. It is written after each commit, so that a crash in between leaves one that lags, which
//! is no fault; it never leads.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::artifact::Digest;
use crate::error::{Error, Result};
use crate::registry::AuditHead;

/// The file of the head of one registry.
#[derive(Debug)]
pub(super) struct Kept {
    path: PathBuf,
}

impl Kept {
    /// The file beside `registry`, or beside what that links to, as SQLite keeps its log.
    pub(super) fn beside(registry: &Path) -> Self {
        let mut path = fs::canonicalize(registry).unwrap_or_else(|_| registry.to_owned()).into_os_string();
        path.push("-head");
        Self { path: path.into() }
    }

    /// The latest head that was kept; that of an empty log where none was.
    pub(super) fn read(&self) -> Result<AuditHead> {
        let failed = |cause| Error::from_io("read kept head", self.path.display().to_string(), cause);
        let file = match open(OpenOptions::new().read(true), &self.path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(AuditHead::default()),
            opened => opened.map_err(failed)?,
        };
        let mut text = Vec::new();
        file.take(2 * SLOT_BYTES).read_to_end(&mut text).map_err(failed)?;
        // A slot that was being written when the power failed says nothing; the other one lags.
        let heads = text.chunks(SLOT_BYTES as usize).filter_map(parse);
        Ok(heads.max_by_key(|head| head.sequence).unwrap_or_default())
    }

    /// Keeps `head`. The change is on the disk already, so that failing only leaves a head that lags.
    pub(super) fn write(&self, head: &AuditHead) {
        let write = || {
            let mut file = open(OpenOptions::new().write(true).create(true).truncate(false), &self.path)?;
            // Two slots in turn: one of them is whole at any time.
            file.seek(SeekFrom::Start(head.sequence % 2 * SLOT_BYTES))?;
            file.write_all(slot(head).as_bytes())
        };
        if let Err(cause) = write() {
            tracing::warn!(file = %self.path.display(), %cause, "the head of the registry's log was not kept");
        }
    }
}

fn slot(head: &AuditHead) -> String {
    let text = format!("{:20} {}", head.sequence, head.hash);
    let check = Digest::of(&text).to_hex();
    let check = check.get(..CHECK_DIGITS).unwrap_or_default();
    let width = SLOT_BYTES as usize - 1;
    format!("{:<width$}\n", format!("{text} {check}"))
}

fn parse(slot: &[u8]) -> Option<AuditHead> {
    let text = std::str::from_utf8(slot).ok()?;
    let mut words = text.split_whitespace();
    let (sequence, hash) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let head = AuditHead::noted(sequence, hash);
    (self::slot(&head) == text).then_some(head)
}

/// Opens a regular file, follows no link and waits for nothing.
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file = options.open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "it is no regular file"))
    }
}

const SLOT_BYTES: u64 = 128;
const CHECK_DIGITS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_whole_slot_counts() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::beside(&folder.path().join("registry.db"));
        assert_eq!(kept.read().unwrap(), AuditHead::default());
        let head = |sequence: u64| AuditHead::noted(sequence, Digest::of(sequence.to_string()));
        for sequence in [1, 2, 3] {
            kept.write(&head(sequence));
            assert_eq!(kept.read().unwrap(), head(sequence));
        }
        kept.write(&head(2));
        assert_eq!(
            kept.read().unwrap(),
            head(3),
            "a late writer of another process overwrites nothing newer"
        );
        let whole = fs::read(&kept.path).unwrap();
        for torn in [whole[..200].to_vec(), [&whole[..130], b"x", &whole[131..]].concat()] {
            fs::write(&kept.path, torn).unwrap();
            assert_eq!(kept.read().unwrap(), head(2));
        }
        fs::write(&kept.path, b"").unwrap();
        assert_eq!(kept.read().unwrap(), AuditHead::default());
    }
}
