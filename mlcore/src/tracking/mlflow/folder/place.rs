//! Files and folders below the root of a store: none is reached through a link, none is larger than what MLflow writes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use super::yaml::Mapping;
use crate::artifact::Dir;
use crate::error::{Error, Result};
use crate::tracking::limits::MOST_KEY_CHARS;
use crate::tracking::mlflow::Imported;

/// A folder of a store.
pub(super) struct Place {
    dir: Dir,
    /// Its path from the root, for people.
    shown: String,
}

/// A file below a folder whose names are keys.
pub(super) struct Keyed {
    /// Its path from that folder: a key may have slashes.
    pub(super) key: String,
    pub(super) file: File,
    pub(super) shown: String,
}

pub(super) const READ: &str = "import store";
pub(super) const META: &str = "meta.yaml";
/// A dataset's profile may have sixteen million characters, of up to four bytes.
const MOST_META_BYTES: u64 = 80 << 20;
/// More than any parameter or tag may have, in bytes.
const MOST_TEXT_BYTES: u64 = 256 << 10;
/// More than a line of a metric may have: numbers, an id and a dataset.
const MOST_LINE_BYTES: u64 = 8 << 10;
/// No key of so many characters has more folders. Each is an open file while it is read.
const MOST_DEPTH: usize = MOST_KEY_CHARS / 2;

impl Place {
    pub(super) fn root(dir: Dir) -> Self {
        Self { dir, shown: String::new() }
    }

    pub(super) fn shown(&self, name: &str) -> String {
        if self.shown.is_empty() { name.to_owned() } else { format!("{}/{name}", self.shown) }
    }

    pub(super) fn is_folder(&self, name: &str) -> bool {
        self.dir.is_folder(name)
    }

    pub(super) fn folder(&self, name: &str) -> Result<Self> {
        let shown = self.shown(name);
        match self.dir.dir(name) {
            Ok(dir) => Ok(Self { dir, shown }),
            Err(cause) => Err(failed(shown, cause)),
        }
    }

    /// The names in the folder, in ascending order.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        self.dir.names().map_err(|cause| failed(self.shown.clone(), cause))
    }

    /// The names of the folders in it. What is neither folder nor file, such as a link, is left.
    pub(super) fn folders(&self, imported: &mut Imported) -> Result<Vec<String>> {
        let mut folders = Vec::new();
        for name in self.names()? {
            if self.is_folder(&name) {
                folders.push(name);
            } else if let Err(error) = self.open(&name) {
                leave(error, imported)?;
            }
        }
        Ok(folders)
    }

    pub(super) fn open(&self, name: &str) -> Result<File> {
        self.dir.regular(name).map_err(|cause| failed(self.shown(name), cause))
    }

    pub(super) fn meta(&self) -> Result<Mapping> {
        let text = read(self.open(META)?, self.shown(META), MOST_META_BYTES)?;
        Mapping::read(&text).map_err(|problem| self.broken(problem))
    }

    /// The error of a description that is not as MLflow writes it.
    pub(super) fn broken(&self, problem: String) -> Error {
        Error::corrupt(READ, self.shown(META), problem)
    }

    /// The files below a folder, and the texts in them: parameters or tags. A folder that is absent has none.
    pub(super) fn pairs(&self, folder: &str, imported: &mut Imported) -> Result<Vec<(String, String)>> {
        let mut pairs = Vec::new();
        self.each_key(folder, imported, &mut |keyed, imported| {
            match read(keyed.file, keyed.shown, MOST_TEXT_BYTES) {
                Ok(text) => pairs.push((keyed.key, text)),
                Err(error) => leave(error, imported)?,
            }
            Ok(())
        })?;
        Ok(pairs)
    }

    /// Hands over the files below a folder, in the order of their keys' parts.
    pub(super) fn each_key(
        &self,
        folder: &str,
        imported: &mut Imported,
        take: &mut dyn FnMut(Keyed, &mut Imported) -> Result<()>,
    ) -> Result<()> {
        match self.folder(folder) {
            Ok(folder) => folder.each_below("", MOST_DEPTH, imported, take),
            Err(Error::NotFound(_)) => Ok(()),
            Err(error) => leave(error, imported),
        }
    }

    fn each_below(
        &self,
        before: &str,
        depth: usize,
        imported: &mut Imported,
        take: &mut dyn FnMut(Keyed, &mut Imported) -> Result<()>,
    ) -> Result<()> {
        let Some(depth) = depth.checked_sub(1) else {
            imported.leave(|| told(&self.shown, "it lies deeper than any key"));
            return Ok(());
        };
        for name in self.names()? {
            let key = format!("{before}{name}");
            if self.is_folder(&name) {
                match self.folder(&name) {
                    Ok(folder) => folder.each_below(&format!("{key}/"), depth, imported, take)?,
                    Err(error) => leave(error, imported)?,
                }
                continue;
            }
            match self.open(&name) {
                Ok(file) => take(Keyed { key, file, shown: self.shown(&name) }, imported)?,
                Err(error) => leave(error, imported)?,
            }
        }
        Ok(())
    }
}

impl Keyed {
    /// Hands over one line after the other, without its end, or why there is no next one.
    pub(super) fn each_line(
        self,
        mut take: impl FnMut(std::result::Result<&str, String>) -> Result<()>,
    ) -> Result<()> {
        let told = |problem: &str| told(&self.shown, problem);
        let mut reader = BufReader::new(self.file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut piece = (&mut reader).take(MOST_LINE_BYTES);
            piece.read_until(b'\n', &mut line).map_err(|cause| failed(self.shown.clone(), cause))?;
            let Some(text) = line.strip_suffix(b"\n") else {
                return match line.len() as u64 {
                    0 => Ok(()),
                    MOST_LINE_BYTES => take(Err(told("a line is longer than any that MLflow writes"))),
                    _ => take(Err(told("its last line is cut, as one that was half written"))),
                };
            };
            match std::str::from_utf8(text) {
                Ok(text) => take(Ok(text))?,
                Err(_) => take(Err(told("a line is no UTF-8")))?,
            }
        }
    }
}

/// The text of a file.
fn read(file: File, shown: String, most: u64) -> Result<String> {
    let mut text = String::new();
    match file.take(most + 1).read_to_string(&mut text) {
        Ok(count) if count as u64 > most => {
            Err(Error::invalid_input(READ, shown, format!("it has more than {most} bytes")))
        }
        Ok(_) => Ok(text),
        // More of it was asked for than is read: a character may be cut there.
        Err(cause) if cause.kind() == io::ErrorKind::InvalidData => {
            Err(Error::corrupt(READ, shown, "it is no UTF-8, or longer than what MLflow writes"))
        }
        Err(cause) => Err(failed(shown, cause)),
    }
}

fn failed(shown: String, cause: io::Error) -> Error {
    match Error::from_io(READ, shown.as_str(), cause) {
        Error::NotFound(_) => Error::not_found(READ, shown, "it is missing"),
        // What lies there is another thing, which was said of its absolute path.
        Error::Corrupt(context) => Error::corrupt(READ, shown, context.problem()),
        error => error,
    }
}

/// Tells that something is left out; a disk or a system that fails ends the import.
pub(super) fn leave(error: Error, imported: &mut Imported) -> Result<()> {
    match error {
        Error::NotFound(_) | Error::Corrupt(_) | Error::InvalidInput(_) | Error::PermissionDenied(_) => {
            imported.leave(|| line(&error));
            Ok(())
        }
        _ => Err(error),
    }
}

/// What could be read; none where that is left.
pub(super) fn or_leave<T>(found: Result<T>, imported: &mut Imported) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) => leave(error, imported).map(|()| None),
    }
}

/// What is wrong with a file, as one line of bounded length, whatever its name.
pub(super) fn told(shown: &str, problem: impl Into<String>) -> String {
    line(&Error::corrupt(READ, shown, problem))
}

fn line(error: &Error) -> String {
    let text = error.to_string();
    text.strip_prefix(READ).unwrap_or(&text).trim_start().to_owned()
}
