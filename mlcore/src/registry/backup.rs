//! A registry as text: its audit log, line by line, which any backend is made of again.
//!
//! | line | what it holds |
//! |---|---|
//! | the first | `{"mlcore_registry_log":1}`, the version of this form |
//! | one for each entry | `{"entry":..,"hash":".."}`: the [canonical](AuditEntry::canonical) text as it is hashed, and its hash |
//! | the last | `{"head":{"sequence":..,"hash":".."}}`: so a log that was cut is told from one that is shorter |

use std::io::{BufRead, Read, Write};

use serde::{Deserialize, Serialize};

use super::backend::limits::MOST_ENTRY_BYTES;
use super::{AuditEntry, AuditHead, Registry};
use crate::artifact::Digest;
use crate::error::{Error, Result};
use crate::interrupt;

/// Writes the whole log of a registry as lines of JSON, and answers the head that they end with: note it elsewhere.
///
/// A log only grows, so that what is written while others change the registry is the registry as it was at that head. It ends when it
/// has caught up with them.
///
/// ```
/// # use mlcore::name::ModelName;
/// # use mlcore::registry::{Change, MemoryRegistry, Registry, RegistryExt};
/// # use mlcore::time::Timestamp;
/// use mlcore::registry::{export_log, import_log};
///
/// # let registry = MemoryRegistry::new();
/// registry.create_model(ModelName::new("churn")?, &Change::new("ana", Timestamp::default()))?;
/// let mut lines = Vec::new();
/// let head = export_log(&registry, &mut lines)?;
///
/// let restored = MemoryRegistry::new();
/// assert_eq!(import_log(&restored, &mut lines.as_slice(), Some(&head))?, head);
/// assert_eq!(restored.verify()?, head);
/// # Ok::<(), mlcore::Error>(())
/// ```
///
/// # Errors
/// Where the registry cannot be read, [`Corrupt`](Error::Corrupt) for a log whose chain is broken, and where nothing can be written.
pub fn export_log<R: Registry + ?Sized>(registry: &R, to: &mut dyn Write) -> Result<AuditHead> {
    let failed = |cause| Error::from_io(EXPORT, "log", cause);
    writeln!(to, "{FIRST}").map_err(failed)?;
    let mut head = AuditHead::default();
    for entry in entries(registry) {
        interrupt::check(EXPORT)?;
        let entry = entry?;
        entry.check_follows(&head)?;
        head = entry.head();
        writeln!(to, "{BEFORE}{}{BETWEEN}{}{AFTER}", entry.canonical(), entry.hash).map_err(failed)?;
    }
    let last = Last { head: EndOfLog { sequence: head.sequence, hash: head.hash } };
    let last = serde_json::to_string(&last)
        .map_err(|cause| Error::internal(EXPORT, "log", cause.to_string()).caused_by(cause))?;
    writeln!(to, "{last}").and_then(|()| to.flush()).map_err(failed)?;
    Ok(head)
}

/// Makes an empty registry, of any backend, what an [exported](export_log) log says: all of it, or nothing of it where the log does not
/// verify. `noted` is the head that was noted when it was exported, which the log must end with.
///
/// # Errors
/// [`Corrupt`](Error::Corrupt) for a log that was cut or changed, or does not end with `noted`,
/// [`Unsupported`](Error::Unsupported) for the form of a newer version, and as [`Registry::restore`].
pub fn import_log<R: Registry + ?Sized>(
    registry: &R,
    from: &mut dyn BufRead,
    noted: Option<&AuditHead>,
) -> Result<AuditHead> {
    let mut lines =
        Lines { from, number: 0, head: AuditHead::default(), noted: noted.copied(), is_over: false };
    lines.first()?;
    registry.restore(&mut lines)
}

/// Makes the empty registry `to` what `from` is, such as a PostgreSQL one of an SQLite one.
///
/// # Errors
/// As [`export_log`] and [`Registry::restore`].
pub fn copy_log<R: Registry + ?Sized, S: Registry + ?Sized>(from: &R, to: &S) -> Result<AuditHead> {
    to.restore(&mut entries(from))
}

/// The entries of a registry, page by page.
fn entries<R: Registry + ?Sized>(registry: &R) -> impl Iterator<Item = Result<AuditEntry>> {
    let mut page = Vec::new().into_iter();
    let (mut next, mut is_over) = (1, false);
    std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        if let Some(entry) = page.next() {
            return Some(Ok(entry));
        }
        match registry.audit(next, PAGE) {
            Ok(read) => {
                page = read.into_iter();
                let first: Option<AuditEntry> = page.next();
                is_over = first.is_none();
                next = next.saturating_add(u64::try_from(page.len()).unwrap_or(u64::MAX)).saturating_add(1);
                first.map(Ok)
            }
            Err(error) => {
                is_over = true;
                Some(Err(error))
            }
        }
    })
}

/// The entries of an exported log. The last line is checked before the end is told.
struct Lines<'a> {
    from: &'a mut dyn BufRead,
    number: u64,
    head: AuditHead,
    noted: Option<AuditHead>,
    is_over: bool,
}

impl Lines<'_> {
    fn first(&mut self) -> Result<()> {
        let line = self.line()?;
        if line == FIRST {
            return Ok(());
        }
        match serde_json::from_str::<First>(&line) {
            Ok(First { mlcore_registry_log }) if mlcore_registry_log > VERSION => {
                let problem =
                    format!("it is of version {mlcore_registry_log}, and this mlcore reads {VERSION}");
                Err(Error::unsupported(IMPORT, "log", problem).remedy("use a newer mlcore"))
            }
            _ => Err(self.damaged("it does not begin as the log of a registry does")),
        }
    }

    fn line(&mut self) -> Result<String> {
        self.number += 1;
        let mut line = String::new();
        let read = Read::take(&mut *self.from, MOST_LINE_BYTES).read_line(&mut line);
        read.map_err(|cause| match cause.kind() {
            std::io::ErrorKind::InvalidData => self.damaged("it is no text"),
            _ => Error::from_io(IMPORT, "log", cause),
        })?;
        match line.pop() {
            Some('\n') => Ok(line),
            _ => Err(self.damaged("it ends in the middle")),
        }
    }

    fn read(&mut self) -> Result<Option<AuditEntry>> {
        let line = self.line()?;
        if let Some(rest) = line.strip_prefix(BEFORE) {
            let split = rest.strip_suffix(AFTER).and_then(|rest| rest.rsplit_once(BETWEEN));
            let Some((canonical, hash)) = split else { return Err(self.damaged("it is no entry")) };
            let hash: Digest = hash.parse().map_err(|_| self.damaged("its hash is none"))?;
            let entry = AuditEntry::parse(canonical, hash)?;
            entry.check_follows(&self.head)?;
            self.head = entry.head();
            return Ok(Some(entry));
        }
        let Ok(Last { head }) = serde_json::from_str(&line) else {
            return Err(self.damaged("it is neither an entry nor the end"));
        };
        if (head.sequence, head.hash) != (self.head.sequence, self.head.hash) {
            return Err(self.damaged("the end is not that of the entries before it"));
        }
        if self.noted.is_some_and(|noted| (noted.sequence, noted.hash) != (head.sequence, head.hash)) {
            return Err(self.damaged("the log does not end with the head that was noted"));
        }
        let rest = self.from.fill_buf().map_err(|cause| Error::from_io(IMPORT, "log", cause))?;
        if rest.is_empty() { Ok(None) } else { Err(self.damaged("something follows the end")) }
    }

    fn damaged(&self, problem: &str) -> Error {
        Error::corrupt(IMPORT, format!("line {}", self.number), problem.to_owned())
            .remedy("take another export of the registry")
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<AuditEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let read = self.read().transpose();
        self.is_over = !matches!(read, Some(Ok(_)));
        read
    }
}

#[derive(Deserialize)]
struct First {
    mlcore_registry_log: u64,
}

#[derive(Serialize, Deserialize)]
struct Last {
    head: EndOfLog,
}

#[derive(Serialize, Deserialize)]
struct EndOfLog {
    sequence: u64,
    hash: Digest,
}

const EXPORT: &str = "export log";
const IMPORT: &str = "import log";
const VERSION: u64 = 1;
const FIRST: &str = "{\"mlcore_registry_log\":1}";
const BEFORE: &str = "{\"entry\":";
const BETWEEN: &str = ",\"hash\":\"";
const AFTER: &str = "\"}";
const PAGE: usize = 1000;
/// An entry, and what stands around it.
const MOST_LINE_BYTES: u64 = MOST_ENTRY_BYTES as u64 + 256;
