//! Counts that memory is not to hold: they lie in a file, in parts by the hashes of their keys, and are added up part by part.

use std::fs::{self, File, OpenOptions};
use std::hash::BuildHasher;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use mlcore::{Error, Result, interrupt};

use super::table::{Bytes, Entry};
use crate::validate::hash::Folded;

/// So many parts are added up one after the other, each in a part of the memory that all would take.
const PARTS: usize = 128;
const SPILL: &str = "spill counts";
/// A row, a count and the length of the key.
const HEAD_BYTES: usize = 20;

/// Keys and their counts in a file, which goes with it.
#[derive(Debug)]
pub(super) struct Spill {
    file: File,
    path: PathBuf,
    hasher: Folded,
    /// Where the blocks of each part lie: offset and length.
    blocks: Vec<Vec<(u64, usize)>>,
    end: u64,
}

impl Spill {
    /// A new file in this folder.
    pub(super) fn create(folder: &Path) -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("mlcore-counts-{}-{number}.tmp", std::process::id()));
            match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
                Ok(file) => {
                    // Where the system lets go of names, the file is gone with its process, however that ends.
                    #[cfg(unix)]
                    let _ = fs::remove_file(&path);
                    return Ok(Self {
                        file,
                        path,
                        hasher: Folded::default(),
                        blocks: vec![Vec::new(); PARTS],
                        end: 0,
                    });
                }
                // Another process of this number left it.
                Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(cause) => return Err(Error::from_io(SPILL, path.display().to_string(), cause)),
            }
        }
    }

    /// Writes keys with their counts, behind those that were written before.
    pub(super) fn write<'k>(&mut self, entries: impl Iterator<Item = (Key<'k>, Entry)>) -> Result<()> {
        let mut parts = vec![Vec::new(); PARTS];
        for (key, entry) in interrupt::paced(entries) {
            let hash = self.hasher.hash_one(Bytes(key.bytes()));
            let Some(part) = parts.get_mut((hash >> 32) as usize % PARTS) else { continue };
            let len = u32::try_from(key.bytes().len()).map_err(|_| {
                Error::unsupported(SPILL, "value", "a text is longer than 4 GB").remedy("leave it out")
            })?;
            part.extend(entry.first.to_le_bytes());
            part.extend(entry.count.to_le_bytes());
            part.extend(len.to_le_bytes());
            part.extend(key.bytes());
        }
        interrupt::check(SPILL)?;
        let told = |cause, path: &Path| Error::from_io(SPILL, path.display().to_string(), cause);
        self.file.seek(SeekFrom::Start(self.end)).map_err(|cause| told(cause, &self.path))?;
        for (part, blocks) in parts.iter().zip(&mut self.blocks).filter(|(part, _)| !part.is_empty()) {
            self.file.write_all(part).map_err(|cause| told(cause, &self.path))?;
            blocks.push((self.end, part.len()));
            self.end += part.len() as u64;
        }
        Ok(())
    }

    /// How many parts there are.
    pub(super) const fn parts() -> usize {
        PARTS
    }

    /// Tells of each key of a part with its counts, in the order in which they were written.
    pub(super) fn read(&mut self, part: usize, mut tell: impl FnMut(&[u8], Entry)) -> Result<()> {
        let path = self.path.display().to_string();
        let told = |cause| Error::from_io(SPILL, path.as_str(), cause);
        let mut block = Vec::new();
        for (offset, len) in self.blocks.get(part).into_iter().flatten() {
            interrupt::check(SPILL)?;
            block.resize(*len, 0);
            self.file.seek(SeekFrom::Start(*offset)).map_err(told)?;
            self.file.read_exact(&mut block).map_err(told)?;
            let mut rest = block.as_slice();
            while !rest.is_empty() {
                let (key, entry) = first_of(&mut rest).ok_or_else(|| {
                    Error::corrupt(SPILL, path.as_str(), "the file was changed while it was used")
                        .remedy("leave its folder to this program, and begin again")
                })?;
                tell(key, entry);
            }
        }
        Ok(())
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        if cfg!(not(unix)) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The bytes of a key.
#[derive(Clone, Copy)]
pub(super) enum Key<'a> {
    Word([u8; 8]),
    Bytes(&'a [u8]),
}

impl Key<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Word(word) => word,
            Self::Bytes(bytes) => bytes,
        }
    }
}

fn first_of<'b>(rest: &mut &'b [u8]) -> Option<(&'b [u8], Entry)> {
    let head: &[u8; HEAD_BYTES] = rest.split_off(..HEAD_BYTES)?.try_into().ok()?;
    let (first, count) = (head.first_chunk::<8>()?, head.get(8..16)?.first_chunk::<8>()?);
    let len = u32::from_le_bytes(*head.last_chunk::<4>()?) as usize;
    let key = rest.split_off(..len)?;
    Some((key, Entry { count: u64::from_le_bytes(*count), first: u64::from_le_bytes(*first) }))
}
