//! Writers of several threads share one transaction, and one flush to the disk.
//!
//! One thread at a time leads: it writes its own edits and those of all that wait, each apart from the others by a savepoint, and
//! tells them once the disk has it. Those that come meanwhile wait for the next leader, who is one of them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::database::SqliteDatabase;
use super::{CHANGE, Shared};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::sql::{self, Files, commit_meaning, meaning};
use crate::tracking::database::SqlTables;
use crate::tracking::{Edit, rules};

/// What threads want written, and whether one of them leads.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Somebody came, or a leader has ended.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// In the order in which they asked.
    waiting: Vec<Arc<Pending>>,
    is_led: bool,
    /// How many the last leader wrote for, and how long that took.
    last: (usize, Duration),
}

/// What one thread wants written, and what became of it.
#[derive(Debug)]
struct Pending {
    edits: Vec<Edit>,
    answer: Mutex<Option<Result<()>>>,
}

/// The connection that writes, and the files that it writes.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) files: Files,
}

/// More edits are not written at once: those who wait for the first would wait for all.
const MOST_EDITS: usize = 10_000;

impl Pending {
    fn tell(&self, answer: Result<()>) {
        *guarded(&self.answer) = Some(answer);
    }
}

/// Leads until it is dropped.
struct Leading<'q> {
    queue: &'q Queue,
    count: usize,
    began: Instant,
}

impl Queue {
    /// Leads, with those that wait, where nobody else does.
    fn lead(&self) -> Option<(Leading<'_>, Vec<Arc<Pending>>)> {
        let mut state = guarded(&self.state);
        if state.is_led {
            return None;
        }
        state.is_led = true;
        Some(self.gather(state))
    }

    /// Takes those that wait, the oldest first. Those that were written for last are on their way with the next edits: for a tenth
    /// of what a flush takes they are waited for, so that two halves do not take turns.
    fn gather<'q>(&'q self, mut state: MutexGuard<'q, State>) -> (Leading<'q>, Vec<Arc<Pending>>) {
        let (due, patience) = (state.last.0.saturating_sub(1), state.last.1 / 10);
        let began = Instant::now();
        while state.waiting.len() < due {
            let left = patience.saturating_sub(began.elapsed());
            if left.is_zero() {
                break;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let (mut edits, mut count) = (0, 0);
        for pending in &state.waiting {
            if edits >= MOST_EDITS {
                break;
            }
            edits += pending.edits.len();
            count += 1;
        }
        let others = state.waiting.drain(..count).collect();
        (Leading { queue: self, count: count + 1, began: Instant::now() }, others)
    }

    /// Waits until a leader has written `pending`, or nobody leads: then this thread does.
    fn wait(&self, pending: &Arc<Pending>) -> Result<Option<(Leading<'_>, Vec<Arc<Pending>>)>> {
        let mut state = guarded(&self.state);
        loop {
            if guarded(&pending.answer).is_some() {
                return Ok(None);
            }
            let place = state.waiting.iter().position(|other| Arc::ptr_eq(other, pending));
            if !state.is_led {
                place.map(|place| state.waiting.remove(place));
                state.is_led = true;
                return Ok(Some(self.gather(state)));
            }
            // Once a leader has taken it there is an answer soon.
            if let Some(place) = place
                && let Err(stopped) = interrupt::check(CHANGE)
            {
                state.waiting.remove(place);
                return Err(stopped);
            }
            state = if interrupt::is_active() {
                self.changed
                    .wait_timeout(state, interrupt::INTERVAL)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            } else {
                self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }
}

impl Drop for Leading<'_> {
    /// Also after a panic, which has rolled its transaction back: those that were not told lead themselves.
    fn drop(&mut self) {
        let mut state = guarded(&self.queue.state);
        state.is_led = false;
        state.last = (self.count, self.began.elapsed());
        drop(state);
        self.queue.changed.notify_all();
    }
}

impl Shared {
    /// Writes edits, alone or with those of other threads. Answers when they are on the disk, or will never be.
    pub(super) fn write(&self, writer: &Mutex<Writer>, edits: &[Edit]) -> Result<()> {
        if let Some((_leading, others)) = self.queue.lead() {
            return self.lead(&mut guarded(writer), edits, &others);
        }
        let pending = Arc::new(Pending { edits: edits.to_vec(), answer: Mutex::default() });
        guarded(&self.queue.state).waiting.push(Arc::clone(&pending));
        self.queue.changed.notify_all();
        match self.queue.wait(&pending)? {
            Some((_leading, others)) => self.lead(&mut guarded(writer), edits, &others),
            None => guarded(&pending.answer)
                .take()
                .unwrap_or_else(|| Err(Error::internal(CHANGE, "", "an answer was there, and is gone"))),
        }
    }

    fn lead(&self, writer: &mut Writer, own: &[Edit], others: &[Arc<Pending>]) -> Result<()> {
        if others.is_empty() {
            return self.alone(writer, own);
        }
        match self.together(writer, own, others) {
            Ok((answer, answers)) => {
                others.iter().zip(answers).for_each(|(pending, answer)| pending.tell(answer));
                answer
            }
            Err(Error::OutcomeUnknown(context)) => {
                for pending in others {
                    let again = Error::outcome_unknown(CHANGE, context.subject(), context.problem());
                    pending.tell(Err(again.remedy(context.remedy().unwrap_or_default())));
                }
                Err(Error::OutcomeUnknown(context))
            }
            // Nothing was written, for a reason that may be one writer's: a full disk, or one that is told to stop.
            Err(_) => {
                for pending in others {
                    pending.tell(interrupt::shield(|| self.alone(writer, &pending.edits)));
                }
                self.alone(writer, own)
            }
        }
    }

    /// One transaction for one writer.
    fn alone(&self, writer: &mut Writer, edits: &[Edit]) -> Result<()> {
        let file = &self.target.path;
        // The lock is taken before anything is read: what is decided on cannot change until it is written.
        let transaction = sql::begin(&writer.connection, file, CHANGE, self.target.busy_timeout)?;
        writer.files.check()?;
        self.apply(&transaction, edits)?;
        transaction.commit().map_err(commit_meaning(CHANGE, file))?;
        writer.files.check_written()
    }

    /// One transaction for all, and an answer for each; an error where nobody's was written.
    fn together(
        &self,
        writer: &mut Writer,
        own: &[Edit],
        others: &[Arc<Pending>],
    ) -> Result<(Result<()>, Vec<Result<()>>)> {
        let file = &self.target.path;
        let transaction = sql::begin(&writer.connection, file, CHANGE, self.target.busy_timeout)?;
        writer.files.check()?;
        let answer = self.apart(&transaction, own)?;
        let others = others.iter().map(|pending| self.apart(&transaction, &pending.edits));
        let answers = others.collect::<Result<_>>()?;
        transaction.commit().map_err(commit_meaning(CHANGE, file))?;
        writer.files.check_written()?;
        Ok((answer, answers))
    }

    /// Writes edits so that they leave nothing where they are refused; an error where the transaction as a whole is lost.
    fn apart(&self, connection: &Connection, edits: &[Edit]) -> Result<Result<()>> {
        let run = |sql: &str| {
            let mut statement = connection.prepare_cached(sql)?;
            statement.execute(()).map(drop)
        };
        let failed = meaning(CHANGE, &self.target.path);
        run("SAVEPOINT writer").map_err(&failed)?;
        let applied = self.apply(connection, edits);
        if connection.is_autocommit() {
            return Err(applied
                .err()
                .unwrap_or_else(|| Error::internal(CHANGE, "", "a transaction ended early")));
        }
        if applied.is_err() {
            run("ROLLBACK TO writer").map_err(&failed)?;
        }
        run("RELEASE writer").map_err(&failed)?;
        Ok(applied)
    }

    fn apply(&self, connection: &Connection, edits: &[Edit]) -> Result<()> {
        let database = SqliteDatabase::new(connection, &self.target.path, CHANGE);
        let mut tables = SqlTables::new(&database);
        edits.iter().try_for_each(|edit| rules::apply(&mut tables, edit))
    }
}

fn guarded<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half done in between.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
