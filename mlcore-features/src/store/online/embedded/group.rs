//! Writers that come at once share a transaction, and so one flush of the disk.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use mlcore::{Error, Result};

use super::database::{Database, PATIENCE, Snapshot, guarded, is_of_the_disk};
use super::error::meaning;
use super::write::Transaction;

/// What whoever writes holds.
#[derive(Default)]
pub(super) struct Writing {
    /// The transaction that writers share until the last of them ends it.
    open: Option<Group>,
    /// The number of the last transaction that was begun, and of the last that has ended.
    begun: u64,
    ended: u64,
    /// Transactions of which nothing was stored, and how many writers do not know that yet.
    abandoned: Vec<(u64, usize)>,
    /// `None` after a failure.
    pub(super) database: Option<redb::Database>,
}

/// A transaction, and who waits for its end.
struct Group {
    transaction: redb::WriteTransaction,
    number: u64,
    /// How many writers have written in it, but for the one that ends it.
    members: usize,
    has_changed: bool,
}

/// As many writers as threads that write at once on a large machine; then somebody has waited long enough.
const MOST_MEMBERS: usize = 64;

impl Writing {
    /// Says whether the transaction of this number was abandoned, to one of its writers.
    fn was_abandoned(&mut self, number: u64) -> bool {
        let Some(place) = self.abandoned.iter().position(|(own, _)| *own == number) else { return false };
        if let Some((_, left)) = self.abandoned.get_mut(place) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.abandoned.swap_remove(place);
            }
        }
        true
    }
}

impl Database {
    /// Runs a writer in a transaction, which is on the disk when this returns; an error leaves nothing of it.
    ///
    /// Where others wait to write, they write into the same transaction, and the last of them ends it for all. When one of them fails, the
    /// transaction ends without effect, and the others begin anew: `change` may run more than once.
    pub(super) fn write<T>(
        &self,
        operation: &'static str,
        change: impl Fn(&mut Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        loop {
            if let Some(answer) = self.write_in_group(operation, &change)? {
                return Ok(answer);
            }
        }
    }

    /// One try; nothing where it is to be repeated.
    fn write_in_group<T>(
        &self,
        operation: &'static str,
        change: &impl Fn(&mut Transaction<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut writing = self.writer();
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        let written = self.join(&mut writing, operation, change);
        let (answer, number, is_last) = match written {
            Ok(written) => written,
            Err(error) => {
                self.abandon(&mut writing);
                if is_of_the_disk(&error) {
                    self.close(&mut writing);
                }
                return Err(error);
            }
        };
        if is_last {
            return self.commit(&mut writing, operation).map(|()| Some(answer));
        }
        while writing.ended < number {
            writing = self.ended.wait(writing).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(if writing.was_abandoned(number) { None } else { Some(answer) })
    }

    /// Writes into the transaction that is open, or into a new one; answers its number, and whether nobody else is to write into it.
    fn join<T>(
        &self,
        writing: &mut Writing,
        operation: &'static str,
        change: &impl Fn(&mut Transaction<'_>) -> Result<T>,
    ) -> Result<(T, u64, bool)> {
        let failed = |cause: redb::TransactionError| meaning(operation, self.path(), cause);
        if writing.open.is_none() {
            let database = self.opened(&mut writing.database, PATIENCE)?;
            let transaction = guarded(operation, self.path(), || database.begin_write().map_err(failed))?;
            writing.begun += 1;
            let number = writing.begun;
            writing.open = Some(Group { transaction, number, members: 0, has_changed: false });
        }
        let Some(group) = &mut writing.open else {
            return Err(Error::internal(operation, "transaction", "it was not begun"));
        };
        let (answer, has_changed) = guarded(operation, self.path(), || {
            let mut own = Transaction::new(&group.transaction, operation, self.path());
            let answer = change(&mut own)?;
            Ok((answer, own.has_changed()))
        })?;
        group.has_changed |= has_changed;
        let is_last = group.members >= MOST_MEMBERS || self.waiting.load(Ordering::SeqCst) == 0;
        group.members += usize::from(!is_last);
        Ok((answer, group.number, is_last))
    }

    /// Ends the open transaction, where there is one, for all who wrote into it.
    fn commit(&self, writing: &mut Writing, operation: &'static str) -> Result<()> {
        let Some(Group { transaction, number, members, has_changed }) = writing.open.take() else {
            return Ok(());
        };
        let failed = |cause: redb::Error| meaning(operation, self.path(), cause);
        let database = writing.database.as_ref();
        let committed = guarded(operation, self.path(), || {
            if !has_changed {
                return transaction.abort().map_err(|cause| failed(cause.into()));
            }
            transaction.commit().map_err(|cause| failed(cause.into()))?;
            let database = database.ok_or_else(|| failed(redb::Error::PreviousIo))?;
            self.publish(Some(Snapshot::of(database, self.path())?));
            Ok(())
        });
        writing.ended = writing.ended.max(number);
        if committed.is_err() && members > 0 {
            writing.abandoned.push((number, members));
        }
        self.ended.notify_all();
        if committed.as_ref().err().is_some_and(is_of_the_disk) {
            self.close(writing);
        }
        committed
    }

    /// Ends the open transaction, where there is one, without effect: who wrote into it begins anew.
    pub(super) fn abandon(&self, writing: &mut Writing) {
        let Some(Group { transaction, number, members, .. }) = writing.open.take() else { return };
        // A transaction that cannot be aborted has no effect either.
        let _ = guarded("abort transaction", self.path(), || {
            drop(transaction);
            Ok(())
        });
        writing.ended = writing.ended.max(number);
        if members > 0 {
            writing.abandoned.push((number, members));
        }
        self.ended.notify_all();
    }

    /// Gives the pages that nothing uses back to the file system. Reads and writes that come meanwhile wait; those that are under way end first.
    pub(super) fn compact(&self, patience: Duration) -> Result<()> {
        const COMPACT: &str = "compact online store";
        let mut writing = self.writer();
        self.commit(&mut writing, COMPACT)?;
        self.opened(&mut writing.database, PATIENCE)?;
        // A snapshot that is read holds pages.
        self.publish(None);
        let end = Instant::now() + patience;
        let compacted = loop {
            let Some(database) = &mut writing.database else {
                break Err(meaning(COMPACT, self.path(), redb::Error::PreviousIo));
            };
            let tried = guarded(COMPACT, self.path(), || Ok(database.compact()))?;
            match tried {
                Ok(_) => break Ok(()),
                Err(redb::CompactionError::TransactionInProgress) if Instant::now() < end => {
                    thread::sleep(Duration::from_millis(1));
                }
                Err(redb::CompactionError::TransactionInProgress) => {
                    let problem = "readers hold a snapshot of it for too long";
                    break Err(Error::unavailable(COMPACT, self.path().display().to_string(), problem)
                        .remedy("compact it at a time of fewer reads"));
                }
                Err(cause) => break Err(meaning(COMPACT, self.path(), cause)),
            }
        };
        if compacted.as_ref().err().is_some_and(is_of_the_disk) {
            self.close(&mut writing);
        } else if let Some(database) = &writing.database {
            self.publish(Some(Snapshot::of(database, self.path())?));
        }
        compacted
    }
}
