//! The rows of an interval, ready to be written.

use std::sync::mpsc::sync_channel;
use std::thread;

use mlcore::{Error, Result, interrupt};

use super::OPERATION;
use super::pack::{Columns, entries};
use crate::store::definition::ResolvedView;
use crate::store::offline::LatestRows;
use crate::store::online::{Entry, Table};

/// The newest rows of keys in batches, each in the order of its keys, so that a file writes each of its pages once.
pub(super) struct Batches<'a> {
    rows: LatestRows<'a>,
    view: &'a ResolvedView,
    table: &'a Table,
    columns: &'a Columns,
    batch_rows: usize,
    waiting: Vec<Entry>,
    is_read: bool,
    is_over: bool,
}

/// Some rows, and whether they are the last ones.
pub(super) type Batch = (Vec<Entry>, bool);

impl<'a> Batches<'a> {
    pub(super) fn new(
        rows: LatestRows<'a>,
        view: &'a ResolvedView,
        table: &'a Table,
        columns: &'a Columns,
        batch_rows: usize,
    ) -> Self {
        Self { rows, view, table, columns, batch_rows, waiting: Vec::new(), is_read: false, is_over: false }
    }

    /// The next rows; a last batch comes in any case, without rows where there is none.
    fn next(&mut self) -> Result<Option<Batch>> {
        if self.is_over {
            return Ok(None);
        }
        // One row more than are wanted tells that others follow.
        while self.waiting.len() <= self.batch_rows && !self.is_read {
            match self.rows.next() {
                Some(batch) => {
                    let mut more = entries(OPERATION, self.view, self.table, &batch?, self.columns)?;
                    self.waiting.append(&mut more);
                }
                None => self.is_read = true,
            }
        }
        let rest = match self.waiting.len() > self.batch_rows {
            true => self.waiting.split_off(self.batch_rows),
            false => Vec::new(),
        };
        let mut batch = std::mem::replace(&mut self.waiting, rest);
        batch.sort_unstable_by(|one, other| one.key().cmp(other.key()));
        self.is_over = self.is_read && self.waiting.is_empty();
        Ok(Some((batch, self.is_over)))
    }

    /// Hands each batch to `put`.
    pub(super) fn each(mut self, mut put: impl FnMut(Batch) -> Result<()>) -> Result<()> {
        while let Some(batch) = self.next()? {
            put(batch)?;
        }
        Ok(())
    }

    /// The same, while a thread of its own calls `put`: one batch is read and packed while the one before is written.
    pub(super) fn each_beside(mut self, put: impl FnMut(Batch) -> Result<()> + Send) -> Result<()> {
        let caller = interrupt::handle();
        thread::scope(|scope| {
            let (sender, receiver) = sync_channel::<Batch>(1);
            let write = move || caller.enter(|| receiver.into_iter().try_for_each(put));
            let writer = thread::Builder::new()
                .spawn_scoped(scope, write)
                .map_err(|cause| Error::from_io(OPERATION, "threads", cause))?;
            let read = loop {
                match self.next() {
                    Ok(Some(batch)) => {
                        // A writer that has failed takes no more.
                        if sender.send(batch).is_err() {
                            break Ok(());
                        }
                    }
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            drop(sender);
            let written = writer.join();
            let written =
                written.unwrap_or_else(|_| Err(Error::internal(OPERATION, "threads", "a thread panicked")));
            read.and(written)
        })
    }
}
