//! Opening the file, and the connections that are open.

use std::cell::RefCell;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction};

use super::kept::Kept;
use super::options::{SqliteAccess, SqliteOptions};
use super::proof::Known;
use super::schema::{self, SCHEMA};
use super::tables::SqlTables;
use crate::error::{Error, Result};
use crate::interrupt;
use crate::registry::AuditHead;
use crate::sql::{self, Files, MOST_IDLE_READERS, Protected, Target, meaning, uri};

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
        target(&options).check_place()?;
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
            (Vec::new(), Some(Writer { session, files: Files::new(options.path(), CHANGE) }))
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
        interrupt::lock(CHANGE, writer)
    }

    fn read_only(&self) -> Error {
        Error::permission_denied(CHANGE, self.path().display().to_string(), "it was opened read-only")
            .remedy("open it with access to write")
    }

    /// Begins to write, once no other process does.
    pub(super) fn begin<'c>(&self, writer: &'c Connection) -> Result<Transaction<'c>> {
        sql::begin(writer, self.path(), CHANGE, self.options.busy_timeout)
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

const CHANGE: &str = "change registry";
const OPEN: &str = "open registry";
const READ: &str = "read registry";

fn open_writer(options: &SqliteOptions, name: &str) -> Result<Connection> {
    let path = options.path();
    target(options).open_writer(
        name,
        |connection| SCHEMA.version(connection, path).map(drop),
        |connection| schema::migrate(connection, path),
    )
}

fn open_reader(options: &SqliteOptions, name: &str) -> Result<Connection> {
    target(options).open_reader(name)
}

fn target(options: &SqliteOptions) -> Target {
    Target {
        path: options.path().to_owned(),
        may_create: options.access == SqliteAccess::Create,
        busy_timeout: options.busy_timeout,
        max_bytes: options.max_bytes,
        open: OPEN,
    }
}

/// Opens a file that may lie on a disk that cannot be written.
fn open_read_only(options: &SqliteOptions) -> Result<(String, Connection)> {
    target(options).open_read_only(|connection| SCHEMA.check(connection, options.path()))
}
