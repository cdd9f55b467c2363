//! Opening a file, and beginning to write to it.

use std::ffi::c_int;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::error::{damaged, meaning};
use crate::error::{Error, Result};
use crate::interrupt;

/// More threads than this may read at once; a connection beyond it is closed after use.
pub const MOST_IDLE_READERS: usize = 16;
/// A statement asks whether to stop after so many instructions of SQLite's machine, less than a millisecond.
pub const STEPS_OF_A_CHECK: c_int = 10_000;
const PAGE_BYTES: u64 = 4096;

/// Which file is opened, and how.
#[derive(Clone, Debug)]
pub struct Target {
    /// An absolute path: connections are opened later too, when the working directory may be another.
    pub path: PathBuf,
    pub may_create: bool,
    pub busy_timeout: Duration,
    pub max_bytes: Option<u64>,
    /// What opening it is called.
    pub open: &'static str,
}

impl Target {
    /// Names what SQLite would only call "unable to open".
    ///
    /// It must not open the file: where locks are POSIX's, closing it again would drop those that this process holds on it.
    pub fn check_place(&self) -> Result<()> {
        let subject = || self.path.display().to_string();
        match fs::metadata(&self.path) {
            Ok(found) if found.is_file() => Ok(()),
            Ok(_) => {
                Err(Error::invalid_input(self.open, subject(), "it is no regular file").remedy("name a file"))
            }
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                if !self.path.parent().is_some_and(Path::is_dir) {
                    return Err(Error::not_found(self.open, subject(), "its folder does not exist")
                        .remedy("create the folder first"));
                }
                if !self.may_create {
                    return Err(Error::not_found(self.open, subject(), "there is no such file")
                        .remedy("open it with access that creates it"));
                }
                Ok(())
            }
            Err(cause) => Err(Error::from_io(self.open, subject(), cause)),
        }
    }

    /// Opens the file for writing: with a write-ahead log, each commit flushed to the disk. `look` sees it first, so that
    /// another program's file is left as it is; `migrate` then makes its tables.
    pub fn open_writer(
        &self,
        name: &str,
        look: impl Fn(&Connection) -> Result<()>,
        migrate: impl Fn(&mut Connection) -> Result<()>,
    ) -> Result<Connection> {
        self.patiently(|| {
            let mut connection = self.try_open_writer(name, &look)?;
            migrate(&mut connection)?;
            Ok(connection)
        })
    }

    fn try_open_writer(&self, name: &str, look: impl Fn(&Connection) -> Result<()>) -> Result<Connection> {
        let failed = meaning(self.open, &self.path);
        let subject = || self.path.display().to_string();
        let create = if self.may_create { OpenFlags::SQLITE_OPEN_CREATE } else { OpenFlags::empty() };
        let connection = self.connect(name, OpenFlags::SQLITE_OPEN_READ_WRITE | create)?;
        // SQLite opens what it may not write read-only, without a word.
        if connection.is_readonly("main").map_err(&failed)? {
            return Err(Error::permission_denied(self.open, subject(), "the file cannot be written")
                .remedy("let the process write the file and its folder, or open it read-only"));
        }
        look(&connection)?;
        let mode: String = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
            .map_err(&failed)?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(Error::unsupported(self.open, subject(), "its disk offers no write-ahead log")
                .remedy("put it on a local disk"));
        }
        connection.pragma_update(None, "synchronous", "FULL").map_err(&failed)?;
        if let Some(bytes) = self.max_bytes {
            let pages = i64::try_from(bytes / PAGE_BYTES).unwrap_or(i64::MAX).max(1);
            connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).map_err(&failed)?;
        }
        Ok(connection)
    }

    /// Opens the file for reading.
    pub fn open_reader(&self, name: &str) -> Result<Connection> {
        self.patiently(|| self.connect(name, OpenFlags::SQLITE_OPEN_READ_ONLY))
    }

    /// Opens a file that may lie on a disk that cannot be written, where SQLite cannot keep the index of its write-ahead log.
    /// Answers the name under which it is opened again, too.
    pub fn open_read_only(&self, check: impl Fn(&Connection) -> Result<()>) -> Result<(String, Connection)> {
        let open = |name: String| {
            let connection = self.open_reader(&name)?;
            check(&connection)?;
            Ok((name, connection))
        };
        match open(uri(&self.path, "")) {
            Err(Error::PermissionDenied(context)) => {
                let mut log = self.path.as_os_str().to_owned();
                log.push("-wal");
                // Without a log the file alone is whole; with one, reading it alone would miss what was acknowledged.
                if fs::metadata(PathBuf::from(log)).is_ok_and(|found| found.len() > 0) {
                    return Err(Error::PermissionDenied(context));
                }
                open(uri(&self.path, "?immutable=1"))
            }
            opened => opened,
        }
    }

    /// Repeats an opening that another process stands in the way of, as long as the caller is willing to wait.
    ///
    /// SQLite does not wait where two waiting processes could block each other for ever: when a new file is switched to its
    /// write-ahead log, or the last connection of another process just takes that log away.
    fn patiently(&self, mut open: impl FnMut() -> Result<Connection>) -> Result<Connection> {
        let started = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            match open() {
                Err(Error::Unavailable(_)) if started.elapsed() < self.busy_timeout => {
                    interrupt::sleep(self.open, pause)?;
                    pause = (pause * 2).min(Duration::from_millis(50));
                }
                opened => return opened,
            }
        }
    }

    fn connect(&self, name: &str, access: OpenFlags) -> Result<Connection> {
        let failed = meaning(self.open, &self.path);
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let mut connection = Connection::open_with_flags(name, flags).map_err(&failed)?;
        connection.busy_timeout(self.busy_timeout).map_err(&failed)?;
        connection.progress_handler(STEPS_OF_A_CHECK, Some(interrupt::is_stopped)).map_err(&failed)?;
        for (setting, on) in [
            (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
            (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true),
        ] {
            connection.set_db_config(setting, on).map_err(&failed)?;
        }
        // The first look at the file.
        connection.pragma_query_value(None, "schema_version", |row| row.get::<_, i64>(0)).map_err(
            |cause| match cause.sqlite_error_code() {
                Some(rusqlite::ErrorCode::NotADatabase) => {
                    damaged(self.open, self.path.display().to_string(), "it is no SQLite file".to_owned())
                        .caused_by(cause)
                }
                _ => failed(cause),
            },
        )?;
        connection.pragma_update(None, "cell_size_check", true).map_err(&failed)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(connection)
    }
}

/// Begins to write, once no other process does.
///
/// SQLite's own wait cannot be stopped. So it is short, and repeated, where the caller may want to stop.
pub fn begin<'c>(
    writer: &'c Connection,
    file: &Path,
    operation: &'static str,
    patience: Duration,
) -> Result<Transaction<'c>> {
    let failed = meaning(operation, file);
    let begin = || Transaction::new_unchecked(writer, TransactionBehavior::Immediate);
    if !interrupt::is_active() {
        return begin().map_err(&failed);
    }
    let started = Instant::now();
    writer.busy_timeout(interrupt::INTERVAL.min(patience)).map_err(&failed)?;
    let begun = loop {
        match begin().map_err(&failed) {
            Err(Error::Unavailable(_)) if started.elapsed() < patience => {
                if let Err(stopped) = interrupt::check(operation) {
                    break Err(stopped);
                }
            }
            done => break done,
        }
    };
    writer.busy_timeout(patience).map_err(&failed)?;
    begun
}

/// The path as a URI, in which no character of it has a meaning.
pub fn uri(path: &Path, query: &str) -> String {
    use std::fmt::Write as _;

    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte));
            }
            // Writing to a string cannot fail.
            other => drop(write!(uri, "%{other:02x}")),
        }
    }
    uri + query
}
