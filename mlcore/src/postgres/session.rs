//! One connection and the thread that it belongs to.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;

use postgres::types::ToSql;
use postgres::{CancelToken, Client, NoTls, Row, Statement, Transaction};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::meaning;
use super::options::PostgresOptions;
use super::tls;
use crate::error::{Error, Result};
use crate::interrupt;

/// How connections are made.
pub(super) struct Server {
    pub(super) options: PostgresOptions,
    tls: Option<MakeRustlsConnect>,
}

/// A connection, with the statements that it has prepared.
pub(super) struct Connection {
    pub(super) client: Client,
    prepared: HashMap<String, Statement>,
}

/// Statements within a connection or a transaction of it.
pub(crate) struct Statements<'a> {
    way: Way<'a>,
    prepared: &'a mut HashMap<String, Statement>,
    operation: &'static str,
    server: &'a str,
}

enum Way<'a> {
    Alone(&'a mut Client),
    Together(Transaction<'a>),
}

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// A thread that holds a connection and does what it is handed; it ends when the session is dropped.
pub(super) struct Session {
    jobs: Sender<Job>,
    cancel: CancelToken,
    tls: Option<MakeRustlsConnect>,
}

impl Server {
    pub(super) fn new(options: PostgresOptions) -> Result<Self> {
        options.check()?;
        let tls = if options.wants_tls() {
            Some(tls::connector(options.root_certificates.as_deref())?)
        } else {
            None
        };
        Ok(Self { options, tls })
    }

    fn connect(&self) -> std::result::Result<Connection, postgres::Error> {
        let config = self.options.config.clone();
        let mut client = match self.tls.clone() {
            Some(tls) => config.connect(tls)?,
            None => config.connect(NoTls)?,
        };
        let (schema, timeout) = (&self.options.schema, self.options.statement_timeout.as_millis());
        // An acknowledged change is on the server's disk, whatever the database's own setting says.
        client.batch_execute(&format!(
            "SET synchronous_commit = on; SET statement_timeout = {timeout}; SET lock_timeout = {timeout}; \
             SET idle_in_transaction_session_timeout = {timeout}; SET search_path = {schema}, pg_temp"
        ))?;
        Ok(Connection { client, prepared: HashMap::new() })
    }
}

impl Session {
    pub(super) fn open(operation: &'static str, server: &Arc<Server>) -> Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (told, opened) = mpsc::channel();
        let own = Arc::clone(server);
        let started = thread::Builder::new().name("mlcore-postgres".to_owned()).spawn(move || {
            let mut connection = match own.connect() {
                Ok(connection) => connection,
                // Who asked may have given up.
                Err(cause) => return drop(told.send(Err(cause))),
            };
            if told.send(Ok(connection.client.cancel_token())).is_err() {
                return;
            }
            for job in queue {
                job(&mut connection);
                if connection.client.is_closed() {
                    return;
                }
            }
        });
        let subject = server.options.subject();
        started.map_err(|cause| Error::from_io(operation, subject, cause))?;
        let cancel = match wait(&opened, || {}, true) {
            Waited::Answered(Ok(cancel)) => cancel,
            Waited::Answered(Err(cause)) => return Err(meaning(operation, subject)(cause)),
            Waited::Stopped => return Err(Error::interrupted(operation, subject, "it was told to stop")),
            Waited::Gone => {
                return Err(Error::internal(operation, subject, "the thread of a connection is gone"));
            }
        };
        Ok(Self { jobs, cancel, tls: server.tls.clone() })
    }

    /// Has the connection's thread do `work`, and waits for it. Answers whether it was told to stop meanwhile, too: a
    /// cancellation that came late would meet the next statement of the connection.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> (Option<T>, bool) {
        let (told, answer) = mpsc::channel();
        let job: Job = Box::new(move |connection| drop(told.send(work(connection))));
        if self.jobs.send(job).is_err() {
            return (None, false);
        }
        let mut is_cancelled = false;
        let waited = wait(
            &answer,
            || {
                is_cancelled = true;
                self.cancel();
            },
            false,
        );
        match waited {
            Waited::Answered(answer) => (Some(answer), is_cancelled),
            Waited::Stopped | Waited::Gone => (None, is_cancelled),
        }
    }

    /// Asks the server to end the running statement, from a thread without any runtime.
    fn cancel(&self) {
        let (cancel, tls) = (self.cancel.clone(), self.tls.clone());
        let asked = thread::Builder::new().name("mlcore-postgres-cancel".to_owned()).spawn(move || {
            let cancelled = match tls {
                Some(tls) => cancel.cancel_query(tls),
                None => cancel.cancel_query(NoTls),
            };
            if let Err(cause) = cancelled {
                tracing::debug!(%cause, "a statement could not be cancelled");
            }
        });
        if let Err(cause) = asked {
            tracing::debug!(%cause, "there is no thread to cancel a statement with");
        }
    }
}

enum Waited<T> {
    Answered(T),
    Stopped,
    Gone,
}

/// Waits for an answer. When the caller is told to stop it calls `stop` once, and gives up if it `may_leave`.
fn wait<T>(answer: &Receiver<T>, mut stop: impl FnMut(), may_leave: bool) -> Waited<T> {
    if !interrupt::is_active() {
        return answer.recv().map_or(Waited::Gone, Waited::Answered);
    }
    let mut is_stopped = false;
    loop {
        match answer.recv_timeout(interrupt::INTERVAL) {
            Ok(answer) => return Waited::Answered(answer),
            Err(RecvTimeoutError::Disconnected) => return Waited::Gone,
            Err(RecvTimeoutError::Timeout) if !is_stopped && interrupt::is_stopped() => {
                is_stopped = true;
                stop();
                if may_leave {
                    return Waited::Stopped;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

impl Connection {
    /// Statements each of which is a transaction of its own.
    pub(super) fn alone<'a>(&'a mut self, operation: &'static str, server: &'a str) -> Statements<'a> {
        Statements { way: Way::Alone(&mut self.client), prepared: &mut self.prepared, operation, server }
    }

    /// Statements of one transaction, which [`Statements::commit`] ends.
    pub(super) fn together<'a>(
        &'a mut self,
        operation: &'static str,
        server: &'a str,
        reads: bool,
    ) -> Result<Statements<'a>> {
        // Writers exclude each other by a lock, which is taken before anything is read.
        let level = if reads {
            postgres::IsolationLevel::RepeatableRead
        } else {
            postgres::IsolationLevel::ReadCommitted
        };
        let begun = self.client.build_transaction().isolation_level(level).read_only(reads).start();
        let transaction = begun.map_err(meaning(operation, server))?;
        Ok(Statements { way: Way::Together(transaction), prepared: &mut self.prepared, operation, server })
    }
}

impl<'a> Statements<'a> {
    pub(crate) fn server(&self) -> &'a str {
        self.server
    }

    /// The rows of a statement with `$1`, `$2`, or with a mark `?` for each value in turn.
    pub(crate) fn query(&mut self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        let statement = self.prepare(sql)?;
        let found = match &mut self.way {
            Way::Alone(client) => client.query(&statement, values),
            Way::Together(transaction) => transaction.query(&statement, values),
        };
        found.map_err(meaning(self.operation, self.server))
    }

    pub(crate) fn execute(&mut self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64> {
        let statement = self.prepare(sql)?;
        let done = match &mut self.way {
            Way::Alone(client) => client.execute(&statement, values),
            Way::Together(transaction) => transaction.execute(&statement, values),
        };
        done.map_err(meaning(self.operation, self.server))
    }

    /// Several statements without values, whose text is not kept.
    pub(crate) fn batch(&mut self, sql: &str) -> Result<()> {
        let done = match &mut self.way {
            Way::Alone(client) => client.batch_execute(sql),
            Way::Together(transaction) => transaction.batch_execute(sql),
        };
        done.map_err(meaning(self.operation, self.server))
    }

    fn prepare(&mut self, sql: &str) -> Result<Statement> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let numbered = numbered(sql);
        let made = match &mut self.way {
            Way::Alone(client) => client.prepare(&numbered),
            Way::Together(transaction) => transaction.prepare(&numbered),
        };
        let statement = made.map_err(meaning(self.operation, self.server))?;
        if self.prepared.len() >= MOST_PREPARED {
            self.prepared.clear();
        }
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    pub(super) fn commit(self) -> std::result::Result<(), postgres::Error> {
        match self.way {
            Way::Alone(_) => Ok(()),
            Way::Together(transaction) => transaction.commit(),
        }
    }
}

/// A statement with a number after each mark, as PostgreSQL wants it.
fn numbered(sql: &str) -> Cow<'_, str> {
    if !sql.contains('?') {
        return Cow::Borrowed(sql);
    }
    let mut pieces = sql.split('?');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for (place, piece) in pieces.enumerate() {
        text.push_str(&format!("${}", place + 1));
        text.push_str(piece);
    }
    Cow::Owned(text)
}

/// Searches have many texts: those that a connection has prepared do not grow beyond this.
const MOST_PREPARED: usize = 256;
