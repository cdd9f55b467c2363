//! Writers of several threads share one transaction, and one flush to the disk.
//!
//! A thread that finds the connection in use leaves its edits in a queue and waits for the connection. Whichever has it next
//! writes all that wait, each apart from the others by a savepoint, and tells them once the disk has it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::Connection;

use super::database::SqliteDatabase;
use super::{CHANGE, Shared};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::sql::{self, Files, commit_meaning, meaning};
use crate::tracking::database::SqlTables;
use crate::tracking::{Edit, rules};

/// What threads want written, in the order in which they asked.
#[derive(Debug, Default)]
pub(super) struct Queue(Mutex<Vec<Arc<Pending>>>);

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

impl Queue {
    /// Takes what waits, the oldest first.
    fn take(&self) -> Vec<Arc<Pending>> {
        let mut waiting = guarded(&self.0);
        let (mut edits, mut count) = (0, 0);
        for pending in waiting.iter() {
            if edits >= MOST_EDITS {
                break;
            }
            edits += pending.edits.len();
            count += 1;
        }
        waiting.drain(..count).collect()
    }

    /// Takes one back; says whether it was still there.
    fn withdraw(&self, pending: &Arc<Pending>) -> bool {
        let mut waiting = guarded(&self.0);
        let place = waiting.iter().position(|other| Arc::ptr_eq(other, pending));
        place.map(|place| waiting.remove(place)).is_some()
    }
}

impl Shared {
    /// Writes edits, alone or with those of other threads. Answers when they are on the disk, or will never be.
    pub(super) fn write(&self, writer: &Mutex<Writer>, edits: &[Edit]) -> Result<()> {
        match writer.try_lock() {
            Ok(mut writer) => return self.lead(&mut writer, edits, &self.queue.take()),
            // A panic has rolled its transaction back.
            Err(TryLockError::Poisoned(writer)) => {
                return self.lead(&mut writer.into_inner(), edits, &self.queue.take());
            }
            Err(TryLockError::WouldBlock) => {}
        }
        let pending = Arc::new(Pending { edits: edits.to_vec(), answer: Mutex::default() });
        guarded(&self.queue.0).push(Arc::clone(&pending));
        let mut writer = match interrupt::lock(CHANGE, writer) {
            Ok(writer) => writer,
            Err(stopped) if self.queue.withdraw(&pending) => return Err(stopped),
            // It is being written: soon there is an answer.
            Err(_) => guarded(writer),
        };
        if let Some(answer) = guarded(&pending.answer).take() {
            return answer;
        }
        self.queue.withdraw(&pending);
        self.lead(&mut writer, edits, &self.queue.take())
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
