//! Opening the file, and the connections that are open.

use std::cell::RefCell;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction};

use super::SqliteOptions;
use super::kept::Kept;
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
    target: Target,
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
    pub(super) fn open(options: &SqliteOptions, noted: Option<&AuditHead>) -> Result<Self> {
        let target = options.target(OPEN)?;
        let path = &target.path;
        // Before the log is looked at, which may grow meanwhile: the kept head never leads.
        let kept = Kept::beside(path).read()?;
        if kept.sequence > 0 && !path.exists() {
            let problem = format!("the file is gone, although {} entries were acknowledged", kept.sequence);
            return Err(Error::corrupt(OPEN, path.display().to_string(), problem).remedy(
                "restore it from a backup; to begin a new registry here, remove the file that ends in -head beside it",
            ));
        }
        let locks = Protected::new(path);
        let (name, connection) = if options.is_read_only() {
            // It may lie on a disk that cannot be written.
            target.open_read_only(|connection| SCHEMA.check(connection, path))?
        } else {
            let name = uri(path, "");
            let look = |connection: &Connection| SCHEMA.version(connection, path).map(drop);
            let connection =
                target.open_writer(&name, look, |connection| schema::migrate(connection, path))?;
            (name, connection)
        };
        let session = Session::new(connection, &kept);
        session.check(path)?;
        if let Some(head) = noted {
            session.check_through(path, head)?;
        }
        let (readers, writer) = if options.is_read_only() {
            (vec![session], None)
        } else {
            (Vec::new(), Some(Writer { session, files: Files::new(path, CHANGE) }))
        };
        let connections = Self {
            kept: Kept::beside(path),
            head: kept,
            target,
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
        &self.target.path
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
        sql::begin(writer, self.path(), CHANGE, self.target.busy_timeout)
    }

    /// A new connection that reads.
    pub(super) fn reader(&self) -> Result<Connection> {
        self.target.open_reader(&self.name)
    }

    /// Reads with a connection that nobody else uses meanwhile.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Session) -> Result<T>) -> Result<T> {
        let waiting = || self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = waiting().pop();
        let session = match idle {
            Some(session) => session,
            None => Session::new(self.target.open_reader(&self.name)?, &self.head),
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
pub(super) const OPEN: &str = "open registry";
const READ: &str = "read registry";
