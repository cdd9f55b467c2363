//! What is known of an upload that is not complete: a small file that survives a crash.
//!
//! The first line names the upload, each further one a part that has arrived. A line that a crash cut is no line. Whoever holds
//! the file's lock goes on with the upload; others begin one of their own.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::options::ObjectStoreOptions;
use super::spool::{make_folder, private};
use crate::artifact::Digest;

/// The parts of an upload that have arrived, by number.
pub(super) struct Journal {
    file: Option<(File, PathBuf)>,
    upload: Option<Upload>,
    parts: BTreeMap<u64, String>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Upload {
    mlcore_upload: u32,
    id: String,
    key: String,
    size: u64,
    part_bytes: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    part: u64,
    content: String,
}

impl Journal {
    /// The journal of an upload to `key`. One that cannot be kept is not: then an upload begins anew after a failure.
    pub(super) fn open(options: &ObjectStoreOptions, key: &str, size: u64, part_bytes: u64) -> Self {
        let mut journal = Self { file: None, upload: None, parts: BTreeMap::new() };
        let name = Digest::of(format!("{}\n{key}", options.identity())).to_hex();
        let path = options.spool.join(format!("{name}.upload"));
        let mut open = OpenOptions::new();
        let opened = make_folder(&options.spool).ok().and_then(|()| {
            private(open.read(true).write(true).create(true).truncate(false)).open(&path).ok()
        });
        let Some(file) = opened.filter(|file| file.try_lock().is_ok()) else { return journal };
        let mut text = String::new();
        let is_read = (&file).take(MOST_BYTES).read_to_string(&mut text).is_ok();
        journal.file = Some((file, path));
        let mut lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        let upload = lines.next().and_then(|line| serde_json::from_str::<Upload>(line).ok());
        match upload.filter(|upload| {
            let ours = Upload { id: upload.id.clone(), ..Upload::of(key, size, part_bytes) };
            is_read && *upload == ours
        }) {
            Some(upload) => {
                let parts = lines.filter_map(|line| serde_json::from_str::<Part>(line).ok());
                journal.parts = parts.map(|part| (part.part, part.content)).collect();
                journal.upload = Some(upload);
                // What a crash cut would spoil the next line.
                if !text.is_empty() && !text.ends_with('\n') {
                    journal.write_line("");
                }
            }
            None => journal.clear(),
        }
        journal
    }

    /// The upload that is gone on with.
    pub(super) fn upload(&self) -> Option<&str> {
        self.upload.as_ref().map(|upload| upload.id.as_str())
    }

    pub(super) fn parts(&self) -> &BTreeMap<u64, String> {
        &self.parts
    }

    pub(super) fn begin(&mut self, id: &str, key: &str, size: u64, part_bytes: u64) {
        self.clear();
        let upload = Upload { id: id.to_owned(), ..Upload::of(key, size, part_bytes) };
        if let Ok(line) = serde_json::to_string(&upload) {
            self.write_line(&line);
        }
        self.upload = Some(upload);
    }

    pub(super) fn arrived(&mut self, part: u64, content: String) {
        if let Ok(line) = serde_json::to_string(&Part { part, content: content.clone() }) {
            self.write_line(&line);
        }
        self.parts.insert(part, content);
    }

    /// Goes on with nothing; the file is written anew when another upload has begun.
    pub(super) fn forget(&mut self) {
        (self.upload, self.parts) = (None, BTreeMap::new());
    }

    fn clear(&mut self) {
        self.forget();
        if let Some((file, _)) = &mut self.file
            && file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).is_err()
        {
            self.file = None;
        }
    }

    /// Removes the file: the upload is complete, or nobody can go on with it.
    pub(super) fn remove(self) {
        if let Some((file, path)) = self.file {
            // Before its lock goes, so that nobody opens what is about to be removed and keeps it for theirs.
            drop(fs::remove_file(path));
            drop(file);
        }
    }

    fn write_line(&mut self, line: &str) {
        if let Some((file, _)) = &mut self.file
            && file.seek(SeekFrom::End(0)).and_then(|_| writeln!(file, "{line}")).is_err()
        {
            self.file = None;
        }
    }
}

impl Upload {
    fn of(key: &str, size: u64, part_bytes: u64) -> Self {
        Self { mlcore_upload: 1, id: String::new(), key: key.to_owned(), size, part_bytes }
    }
}

/// Above what ten thousand parts take.
const MOST_BYTES: u64 = 16 << 20;
