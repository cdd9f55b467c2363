//! The connections that are open, and transactions on them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::error::{came_of_loss, commit_meaning, is_in_the_way};
use super::options::PostgresOptions;
use super::session::{Connection, Server, Session, Statements};
use crate::error::{Error, Result};
use crate::interrupt;

/// What a piece of work does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    /// One statement that reads.
    Statement,
    /// Several statements that read one state.
    Read,
    /// Several statements that write, all or none of them.
    Write,
}

/// At most so many connections, opened when they are needed and used again.
pub(crate) struct Pool {
    server: Arc<Server>,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Session>,
    /// Those that are idle, in use or being opened.
    open: usize,
}

/// A connection that is used; it goes back when it is dropped.
struct Lease<'p> {
    pool: &'p Pool,
    session: Option<Session>,
}

impl Pool {
    /// No connection so far.
    pub(crate) fn new(options: PostgresOptions) -> Result<Self> {
        Ok(Self { server: Arc::new(Server::new(options)?), state: Mutex::default(), freed: Condvar::new() })
    }

    pub(crate) fn options(&self) -> &PostgresOptions {
        &self.server.options
    }

    /// Has one connection do `work`, in one transaction where `access` says so.
    ///
    /// What was not committed did not happen: `work` is done again on another connection when its own is gone, as after a
    /// restart of the server, and when another transaction was in the way.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        operation: &'static str,
        access: Access,
        work: impl Fn(&mut Statements<'_>) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        let work = Arc::new(work);
        let mut attempt = 1;
        loop {
            let mut lease = self.lease(operation)?;
            let (own, server) = (Arc::clone(&work), Arc::clone(&self.server));
            let outcome = lease.run(operation, move |connection| {
                carry_out(connection, operation, server.options.subject(), access, &*own)
            });
            let error = match outcome {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let is_worth_it = match &error {
                Error::OutcomeUnknown(_) => false,
                error => came_of_loss(error) || is_in_the_way(error),
            };
            if came_of_loss(&error) {
                lease.discard();
            }
            drop(lease);
            if !is_worth_it || attempt == ATTEMPTS {
                return Err(error);
            }
            attempt += 1;
            interrupt::sleep(operation, PAUSE)?;
        }
    }

    fn lease(&self, operation: &'static str) -> Result<Lease<'_>> {
        let options = &self.server.options;
        let started = Instant::now();
        let mut state = self.state();
        loop {
            if let Some(session) = state.idle.pop() {
                return Ok(Lease { pool: self, session: Some(session) });
            }
            if state.open < options.connections.get() {
                state.open += 1;
                drop(state);
                // Counted already, so that it is given back whether or not it opens.
                let mut lease = Lease { pool: self, session: None };
                lease.session = Some(Session::open(operation, &self.server)?);
                return Ok(lease);
            }
            let left = options.connect_timeout.saturating_sub(started.elapsed());
            if left.is_zero() {
                let problem = format!("all {} connections are in use", options.connections);
                return Err(Error::overloaded(operation, options.subject(), problem)
                    .remedy("repeat it, or allow more connections"));
            }
            interrupt::check(operation)?;
            let waited = self.freed.wait_timeout(state, left.min(interrupt::INTERVAL));
            state = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing is left half done in between.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("options", &self.server.options).finish_non_exhaustive()
    }
}

impl Lease<'_> {
    fn run<T: Send + 'static>(
        &mut self,
        operation: &'static str,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Some(session) = &self.session else {
            return Err(Error::internal(operation, "", "a connection was given back before it was used"));
        };
        let (answer, is_cancelled) = session.run(work);
        if answer.is_none() || is_cancelled {
            self.discard();
        }
        if is_cancelled && matches!(answer, Some(Err(Error::Timeout(_)))) {
            // The connection's thread does not know whose wish it was.
            interrupt::check(operation)?;
        }
        answer.unwrap_or_else(|| {
            let subject = self.pool.server.options.subject();
            Err(Error::outcome_unknown(operation, subject, "the thread of its connection ended")
                .remedy("repeat it with the same request id, or read what is there first"))
        })
    }

    /// Closes the connection in the place of giving it back.
    fn discard(&mut self) {
        self.session = None;
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        match self.session.take() {
            Some(session) => state.idle.push(session),
            None => state.open -= 1,
        }
        self.pool.freed.notify_one();
    }
}

/// In the connection's thread.
fn carry_out<T>(
    connection: &mut Connection,
    operation: &'static str,
    server: &str,
    access: Access,
    work: &dyn Fn(&mut Statements<'_>) -> Result<T>,
) -> Result<T> {
    if access == Access::Statement {
        return work(&mut connection.alone(operation, server));
    }
    let mut statements = connection.together(operation, server, access == Access::Read)?;
    // Dropping them undoes what was written.
    let answer = work(&mut statements)?;
    match statements.commit() {
        Ok(()) => Ok(answer),
        // Nothing was written that could be lost.
        Err(_) if access == Access::Read => Ok(answer),
        Err(cause) => Err(commit_meaning(operation, server, cause)),
    }
}

/// A connection may be gone since it was last used, and so may the next one that was idle.
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);
