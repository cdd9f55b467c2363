//! Files of records that did not fit into the queue.
//!
//! A buffer has at most two of its own: that into which it spills, and one that comes before it, for what was in the writer's
//! hand at the end. Those of processes that are gone are read first, and removed when they were read.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::record::Record;
use crate::error::{Error, Result};

/// Files that are read from the first to the last; the last one is written.
pub(super) struct Spool {
    folder: PathBuf,
    name: String,
    files: VecDeque<SpoolFile>,
}

struct SpoolFile {
    path: PathBuf,
    /// Locked as long as this process lives.
    file: File,
    /// Where the next record to be written by the tracker begins.
    read: u64,
    /// Where the last whole record ends.
    end: u64,
    records: u64,
    /// Whether it is this buffer's to write to.
    is_own: bool,
}

/// How far a file was read.
#[derive(Debug)]
pub(super) struct SpoolMark {
    path: PathBuf,
    read: u64,
    records: u64,
}

impl Spool {
    /// The spool in a folder, which is made where it does not exist.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let failed = |cause| Error::from_io(OPEN, folder.display().to_string(), cause);
        fs::create_dir_all(folder).map_err(failed)?;
        let mut left: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let is_spool = path.file_name().and_then(|name| name.to_str()).is_some_and(is_spool);
            if is_spool && fs::symlink_metadata(&path).is_ok_and(|found| found.is_file()) {
                left.push(path);
            }
        }
        // In the order in which they were begun.
        left.sort();
        let mut files = VecDeque::new();
        for path in left {
            match SpoolFile::adopt(&path) {
                Ok(Some(file)) => files.push_back(file),
                Ok(None) => {}
                Err(cause) => tracing::warn!(file = %path.display(), %cause, "a spool cannot be taken over"),
            }
        }
        let spool = Self { folder: folder.to_owned(), name: unique_name(), files };
        // That the folder can be written is found out now, and not when the queue is full.
        let probe = spool.path(OWN);
        File::create_new(&probe).and_then(|_| fs::remove_file(&probe)).map_err(failed)?;
        Ok(spool)
    }

    fn path(&self, part: &str) -> PathBuf {
        self.folder.join(format!("{}-{part}{SUFFIX}", self.name))
    }

    /// The records that wait.
    pub(super) fn records(&self) -> u64 {
        self.files.iter().map(|file| file.records).sum()
    }

    /// The bytes of the files.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.end).sum()
    }

    /// Appends records.
    pub(super) fn append(&mut self, records: &[Record]) -> Result<()> {
        if !self.files.back().is_some_and(|file| file.is_own) {
            let path = self.path(OWN);
            self.files.push_back(SpoolFile::create(path)?);
        }
        self.files.back_mut().map_or(Ok(()), |file| file.append(records))
    }

    /// Keeps what was in the writer's hand, which comes before what was spooled meanwhile, and what was in the queue, which comes
    /// after it.
    pub(super) fn leave(&mut self, in_hand: &[Record], queued: &[Record]) -> Result<()> {
        if !in_hand.is_empty() {
            let mut file = SpoolFile::create(self.path(BEFORE))?;
            file.append(in_hand)?;
            self.files.push_front(file);
        }
        if queued.is_empty() { Ok(()) } else { self.append(queued) }
    }

    /// Up to `most` records from the head, which stay there until the mark is [passed](Self::advance), and how many were lost
    /// in files that could not be read: these are set aside.
    pub(super) fn read(&mut self, most: usize) -> (Vec<Record>, SpoolMark, u64) {
        let mut lost = 0;
        loop {
            let Some(file) = self.files.front_mut() else {
                return (Vec::new(), SpoolMark { path: PathBuf::new(), read: 0, records: 0 }, lost);
            };
            match file.read(most) {
                Ok((records, _)) if records.is_empty() => self.remove_first(),
                Ok((records, read)) => {
                    let mark = SpoolMark { path: file.path.clone(), read, records: records.len() as u64 };
                    return (records, mark, lost);
                }
                Err(error) => {
                    tracing::error!(%error, lost = file.records, "a spool cannot be read, and is set aside");
                    lost += file.records;
                    let aside = file.path.with_extension("damaged");
                    drop(fs::rename(&file.path, aside));
                    self.files.pop_front();
                }
            }
        }
    }

    /// Goes past what was settled.
    pub(super) fn advance(&mut self, mark: &SpoolMark) {
        let Some(file) = self.files.front_mut().filter(|file| file.path == mark.path) else { return };
        file.read = mark.read;
        file.records = file.records.saturating_sub(mark.records);
        if file.read >= file.end {
            self.remove_first();
        }
    }

    /// Closes the files, so that another buffer takes them over.
    pub(super) fn release(&mut self) {
        self.files.clear();
    }

    fn remove_first(&mut self) {
        if let Some(file) = self.files.pop_front()
            && let Err(cause) = fs::remove_file(&file.path)
        {
            // Its records would be written once more by the next process, which changes nothing.
            tracing::warn!(file = %file.path.display(), %cause, "a spool that was read cannot be removed");
        }
    }
}

impl SpoolFile {
    fn create(path: PathBuf) -> Result<Self> {
        let failed = |cause| Error::from_io(OPEN, path.display().to_string(), cause);
        let file = OpenOptions::new().read(true).append(true).create_new(true).open(&path).map_err(failed)?;
        file.try_lock().map_err(|cause| failed(cause.into()))?;
        Ok(Self { file, read: 0, end: 0, records: 0, is_own: true, path })
    }

    /// The file of a process that is gone; none while it lives, and for a file of nothing.
    fn adopt(path: &Path) -> io::Result<Option<Self>> {
        let file = OpenOptions::new().read(true).append(true).open(path)?;
        if file.try_lock().is_err() {
            return Ok(None);
        }
        let mut adopted = Self { file, read: 0, end: 0, records: 0, is_own: false, path: path.to_owned() };
        let mut lines = BufReader::new(&adopted.file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = lines.read_until(b'\n', &mut line)?;
            if length == 0 {
                break;
            }
            if Record::of_line(&line).is_none() {
                // The process ended while it wrote; or what follows is not what it wrote.
                tracing::warn!(file = %path.display(), at = adopted.end, "a spool ends in a line that is damaged");
                break;
            }
            adopted.end += length as u64;
            adopted.records += 1;
        }
        drop(lines);
        if adopted.records == 0 {
            fs::remove_file(path)?;
            return Ok(None);
        }
        Ok(Some(adopted))
    }

    fn append(&mut self, records: &[Record]) -> Result<()> {
        let failed = |cause| Error::from_io("spool tracking", self.path.display().to_string(), cause);
        let mut lines = Vec::new();
        for record in records {
            record.write_line(&mut lines).map_err(|cause| failed(cause.into()))?;
        }
        if let Err(cause) = self.file.write_all(&lines) {
            // A part of a line would hide what comes after it.
            drop(self.file.set_len(self.end));
            return Err(failed(cause));
        }
        self.end += lines.len() as u64;
        self.records += records.len() as u64;
        Ok(())
    }

    fn read(&mut self, most: usize) -> Result<(Vec<Record>, u64)> {
        let failed = |cause| Error::from_io("read spool", self.path.display().to_string(), cause);
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.read)).map_err(failed)?;
        let mut lines = BufReader::with_capacity(1 << 16, file);
        let (mut records, mut read, mut line) = (Vec::new(), self.read, Vec::new());
        while records.len() < most && read < self.end {
            line.clear();
            let length = lines.read_until(b'\n', &mut line).map_err(failed)?;
            let record = Record::of_line(&line).ok_or_else(|| {
                Error::corrupt(
                    "read spool",
                    self.path.display().to_string(),
                    "a line is not as it was written",
                )
                .remedy("the records before it are written; remove the file")
            });
            match record {
                Ok(record) => records.push(record),
                Err(error) if records.is_empty() => return Err(error),
                // What comes before it is handed out first.
                Err(_) => break,
            }
            read += length as u64;
        }
        Ok((records, read))
    }
}

/// A name that no other buffer has: names sort by the time at which they were made, as nearly as it is known.
fn unique_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_micros();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}{since:020}-{}-{count}", std::process::id())
}

fn is_spool(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

const OPEN: &str = "open spool";
const PREFIX: &str = "mlcore-spool-";
const SUFFIX: &str = ".log";
/// The two files of a buffer, in the order of their names.
const BEFORE: &str = "0";
const OWN: &str = "1";
