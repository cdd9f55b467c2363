//! Opening the file, and the connections that are open.

use std::cell::RefCell;
use std::ffi::c_int;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::error::{damaged, meaning};
use super::files::Files;
use super::kept::Kept;
use super::locks::Protected;
use super::options::{SqliteAccess, SqliteOptions};
use super::proof::Known;
use super::schema;
use super::tables::SqlTables;
use crate::error::{Error, Result};
use crate::interrupt;
use crate::registry::AuditHead;

/// One connection that writes, and as many that read as threads read at once.
#[derive(Debug)]
pub(super) struct Connections {
    options: SqliteOptions,
    /// The file as SQLite is given it: on a disk that cannot be written it says so.
    name: String,
    kept: Kept,
    /// What was kept when it was opened: every connection finds it in the log.
    head: AuditHead,
    readers: Mutex<Vec<Session>>,
    /// Closed last, because only a connection that may write leaves one whole file without a log beside it.
    writer: Option<Mutex<Writer>>,
    _locks: Protected,
}

/// A connection, and what it has checked of the file.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) known: RefCell<Known>,
}

/// The connection that writes, and the files that it writes.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) session: Session,
    pub(super) files: Files,
}

impl Session {
    /// A connection to a file whose log must go through `head`.
    fn new(connection: Connection, head: &AuditHead) -> Self {
        Self { connection, known: RefCell::new(Known::new(head)) }
    }

    /// Looks where the log ends, and whether the rows' root is the one that its last entry names.
    fn check(&self, file: &Path) -> Result<()> {
        self.read(file, |session| SqlTables::new(&session.connection, file, &session.known).map(drop))
    }

    /// Fails unless the log goes through a head that was noted elsewhere.
    fn check_through(&self, file: &Path, head: &AuditHead) -> Result<()> {
        let known = RefCell::new(Known::new(head));
        self.read(file, |session| SqlTables::new(&session.connection, file, &known).map(drop))
    }

    /// Reads in one snapshot.
    fn read<T>(&self, file: &Path, read: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        let run = |sql| self.connection.prepare_cached(sql)?.execute(()).map(drop);
        run("BEGIN").map_err(meaning(READ, file))?;
        let answer = read(self);
        // Nothing was written: what ends a transaction that only read does not matter.
        drop(run("COMMIT"));
        answer
    }
}

impl Connections {
    pub(super) fn open(mut options: SqliteOptions) -> Result<Self> {
        // Connections are opened later too, when the working directory may be another.
        options.path = std::path::absolute(options.path())
            .map_err(|cause| Error::from_io(OPEN, options.path().display().to_string(), cause))?;
        check_place(&options)?;
        // Before the log is looked at, which may grow meanwhile: the kept head never leads.
        let kept = Kept::beside(options.path()).read()?;
        if kept.sequence > 0 && !options.path().exists() {
            let problem = format!("the file is gone, although {} entries were acknowledged", kept.sequence);
            return Err(Error::corrupt(OPEN, options.path().display().to_string(), problem).remedy(
                "restore it from a backup; to begin a new registry here, remove the file that ends in -head beside it",
            ));
        }
        let locks = Protected::new(options.path());
        let (name, connection) = if options.is_read_only() {
            open_read_only(&options)?
        } else {
            let name = uri(options.path(), "");
            let connection = open_writer(&options, &name)?;
            (name, connection)
        };
        let session = Session::new(connection, &kept);
        session.check(options.path())?;
        if let Some(head) = &options.head {
            session.check_through(options.path(), head)?;
        }
        let (readers, writer) = if options.is_read_only() {
            (vec![session], None)
        } else {
            (Vec::new(), Some(Writer { session, files: Files::new(options.path()) }))
        };
        let connections = Self {
            kept: Kept::beside(options.path()),
            head: kept,
            options,
            name,
            readers: Mutex::new(readers),
            writer: writer.map(Mutex::new),
            _locks: locks,
        };
        connections.keep_head(&kept);
        Ok(connections)
    }

    /// Keeps where the log ends, if that is not kept yet.
    fn keep_head(&self, kept: &AuditHead) {
        let Ok(writer) = self.writer() else { return };
        let head = writer.session.known.borrow().head();
        if head.sequence > kept.sequence {
            self.kept.write(&head);
        }
    }

    pub(super) fn kept(&self) -> &Kept {
        &self.kept
    }

    pub(super) fn path(&self) -> &Path {
        self.options.path()
    }

    /// The connection that writes, once it is free.
    pub(super) fn writer(&self) -> Result<MutexGuard<'_, Writer>> {
        // A panic in between has rolled its transaction back.
        let Some(writer) = &self.writer else { return Err(self.read_only()) };
        interrupt::lock("change registry", writer)
    }

    fn read_only(&self) -> Error {
        Error::permission_denied(
            "change registry",
            self.path().display().to_string(),
            "it was opened read-only",
        )
        .remedy("open it with access to write")
    }

    /// Begins to write, once no other process does.
    ///
    /// SQLite's own wait cannot be stopped. So it is short, and repeated, where the caller may want to stop.
    pub(super) fn begin<'c>(&self, writer: &'c Connection) -> Result<Transaction<'c>> {
        const OPERATION: &str = "change registry";
        let failed = meaning(OPERATION, self.path());
        let begin = || Transaction::new_unchecked(writer, TransactionBehavior::Immediate);
        if !interrupt::is_active() {
            return begin().map_err(&failed);
        }
        let patience = self.options.busy_timeout;
        let started = Instant::now();
        writer.busy_timeout(interrupt::INTERVAL.min(patience)).map_err(&failed)?;
        let begun = loop {
            match begin().map_err(&failed) {
                Err(Error::Unavailable(_)) if started.elapsed() < patience => {
                    if let Err(stopped) = interrupt::check(OPERATION) {
                        break Err(stopped);
                    }
                }
                done => break done,
            }
        };
        writer.busy_timeout(patience).map_err(&failed)?;
        begun
    }

    /// Reads with a connection that nobody else uses meanwhile.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Session) -> Result<T>) -> Result<T> {
        let waiting = || self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = waiting().pop();
        let session = match idle {
            Some(session) => session,
            None => Session::new(open_reader(&self.options, &self.name)?, &self.head),
        };
        let answer = session.read(self.path(), read);
        let mut readers = waiting();
        // One whose snapshot could not be ended is closed.
        if readers.len() < MOST_IDLE_READERS && session.connection.is_autocommit() {
            readers.push(session);
        }
        answer
    }
}

/// More threads than this may read at once; a connection beyond it is closed after use.
const MOST_IDLE_READERS: usize = 16;
/// A statement asks whether to stop after so many instructions of SQLite's machine, less than a millisecond.
pub(super) const STEPS_OF_A_CHECK: c_int = 10_000;
const OPEN: &str = "open registry";
const READ: &str = "read registry";
const PAGE_BYTES: u64 = 4096;

/// Names what SQLite would only call "unable to open".
///
/// It must not open the file: where locks are POSIX's, closing it again would drop those that this process holds on it.
fn check_place(options: &SqliteOptions) -> Result<()> {
    let path = options.path();
    let subject = || path.display().to_string();
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(Error::invalid_input(OPEN, subject(), "it is no regular file").remedy("name a file")),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            if !path.parent().is_some_and(Path::is_dir) {
                return Err(Error::not_found(OPEN, subject(), "its folder does not exist")
                    .remedy("create the folder first"));
            }
            if options.access != SqliteAccess::Create {
                return Err(Error::not_found(OPEN, subject(), "there is no such file")
                    .remedy("open it with access that creates it"));
            }
            Ok(())
        }
        Err(cause) => Err(Error::from_io(OPEN, subject(), cause)),
    }
}

fn open_writer(options: &SqliteOptions, name: &str) -> Result<Connection> {
    patiently(options, || try_open_writer(options, name))
}

/// Repeats an opening that another process stands in the way of, as long as the caller is willing to wait.
///
/// SQLite does not wait where two waiting processes could block each other for ever: when a new file is switched to its
/// write-ahead log, or the last connection of another process just takes that log away.
fn patiently(options: &SqliteOptions, mut open: impl FnMut() -> Result<Connection>) -> Result<Connection> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        match open() {
            Err(Error::Unavailable(_)) if started.elapsed() < options.busy_timeout => {
                interrupt::sleep(OPEN, pause)?;
                pause = (pause * 2).min(Duration::from_millis(50));
            }
            opened => return opened,
        }
    }
}

fn try_open_writer(options: &SqliteOptions, name: &str) -> Result<Connection> {
    let path = options.path();
    let failed = meaning(OPEN, path);
    let create = match options.access {
        SqliteAccess::Create => OpenFlags::SQLITE_OPEN_CREATE,
        SqliteAccess::ReadWrite | SqliteAccess::ReadOnly => OpenFlags::empty(),
    };
    let mut connection = connect(options, name, OpenFlags::SQLITE_OPEN_READ_WRITE | create)?;
    // SQLite opens what it may not write read-only, without a word.
    if connection.is_readonly("main").map_err(&failed)? {
        return Err(Error::permission_denied(OPEN, path.display().to_string(), "the file cannot be written")
            .remedy("let the process write the file and its folder, or open it read-only"));
    }
    // Another program's file is left as it is.
    schema::version(&connection, path)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(&failed)?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(Error::unsupported(
            OPEN,
            path.display().to_string(),
            "its disk offers no write-ahead log",
        )
        .remedy("put it on a local disk"));
    }
    connection.pragma_update(None, "synchronous", "FULL").map_err(&failed)?;
    if let Some(bytes) = options.max_bytes {
        let pages = i64::try_from(bytes / PAGE_BYTES).unwrap_or(i64::MAX).max(1);
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).map_err(&failed)?;
    }
    schema::migrate(&mut connection, path)?;
    Ok(connection)
}

fn open_reader(options: &SqliteOptions, name: &str) -> Result<Connection> {
    patiently(options, || connect(options, name, OpenFlags::SQLITE_OPEN_READ_ONLY))
}

/// Opens a file that may lie on a disk that cannot be written, where SQLite cannot keep the index of its write-ahead log.
fn open_read_only(options: &SqliteOptions) -> Result<(String, Connection)> {
    let path = options.path();
    let open = |name: String| {
        let connection = open_reader(options, &name)?;
        schema::check(&connection, path)?;
        Ok((name, connection))
    };
    match open(uri(path, "")) {
        Err(Error::PermissionDenied(context)) => {
            let mut log = path.as_os_str().to_owned();
            log.push("-wal");
            // Without a log the file alone is whole; with one, reading it alone would miss what was acknowledged.
            if fs::metadata(PathBuf::from(log)).is_ok_and(|found| found.len() > 0) {
                return Err(Error::PermissionDenied(context));
            }
            open(uri(path, "?immutable=1"))
        }
        opened => opened,
    }
}

fn connect(options: &SqliteOptions, name: &str, access: OpenFlags) -> Result<Connection> {
    let failed = meaning(OPEN, options.path());
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let mut connection = Connection::open_with_flags(name, flags).map_err(&failed)?;
    connection.busy_timeout(options.busy_timeout).map_err(&failed)?;
    connection.progress_handler(STEPS_OF_A_CHECK, Some(interrupt::is_stopped)).map_err(&failed)?;
    for (setting, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true),
    ] {
        connection.set_db_config(setting, on).map_err(&failed)?;
    }
    // The first look at the file.
    connection.pragma_query_value(None, "schema_version", |row| row.get::<_, i64>(0)).map_err(|cause| {
        match cause.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => {
                damaged(OPEN, options.path().display().to_string(), "it is no SQLite file".to_owned())
                    .caused_by(cause)
            }
            _ => failed(cause),
        }
    })?;
    connection.pragma_update(None, "cell_size_check", true).map_err(&failed)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// The path as a URI, in which no character of it has a meaning.
fn uri(path: &Path, query: &str) -> String {
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
