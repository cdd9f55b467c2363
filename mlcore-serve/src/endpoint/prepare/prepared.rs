use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{RowBuffer, RowScratch};
use mlcore::time::Timestamp;
use mlcore_features::store::key::EntityKey;

use super::read::{Read, age};
use super::status::FeatureStatus;
use crate::endpoint::input::{Input, Request};
use crate::endpoint::run::Answer;

/// What was found out about a request before its run: see [`Endpoint::prepare`](crate::Endpoint::prepare). Its memory is used again.
#[derive(Default)]
pub struct Prepared {
    parts: Option<Box<Parts>>,
    answer: Option<Answer>,
    spent: Duration,
}

/// The parts of it.
#[derive(Default)]
pub(super) struct Parts {
    entities: Vec<EntityKey>,
    pub(super) selected: Vec<EntityKey>,
    pub(super) reads: Vec<Read>,
    now: Timestamp,
    pub(super) row: RowBuffer,
    pub(super) merged: Merged,
    /// The expectations that were not met.
    pub(super) failed: Vec<String>,
}

/// What takes the place of what the request brought.
#[derive(Default)]
pub(super) enum Merged {
    #[default]
    Nothing,
    /// The row of the parts.
    Row,
    Table(Arc<RecordBatch>),
}

impl Merged {
    pub(super) fn of(table: RecordBatch) -> Self {
        Self::Table(Arc::new(table))
    }
}

/// Boxes, as a request takes one and hands it on: the parts are large.
type Spare = Vec<Box<Parts>>;

thread_local!(static SPARE: RefCell<Spare> = const { RefCell::new(Vec::new()) });
/// A thread prepares one request at a time, and one that waits for batches a few more.
const MOST_SPARE: usize = 8;
/// Parts of requests of more entities are freed.
const MOST_KEPT: usize = 1024;

impl Parts {
    /// Memory that was used before, where there is some.
    pub(super) fn take() -> Box<Self> {
        let spare = SPARE.try_with(|spare| spare.try_borrow_mut().ok()?.pop()).ok().flatten();
        spare.unwrap_or_default()
    }

    /// Keeps which entities were looked up, and when.
    pub(super) fn looked_up(&mut self, entities: &[EntityKey], now: Timestamp) {
        self.entities.extend_from_slice(entities);
        self.now = now;
    }

    /// Calls `use_input` with what was made of the request, or with its `own` input.
    pub(super) fn with_input<R>(&self, own: Input<'_>, use_input: impl FnOnce(Input<'_>) -> R) -> R {
        match &self.merged {
            Merged::Nothing => use_input(own),
            Merged::Table(table) => use_input(Input::Table(table)),
            Merged::Row => {
                thread_local!(static SCRATCH: Cell<RowScratch> = Cell::default());
                // One that uses it within finds an empty one.
                let mut scratch = SCRATCH.take();
                let used = scratch.with(&self.row, |row| use_input(Input::Row(row)));
                SCRATCH.set(scratch);
                used
            }
        }
    }

    fn recycle(mut self: Box<Self>) {
        if self.entities.len() > MOST_KEPT {
            return;
        }
        self.entities.clear();
        self.selected.clear();
        self.failed.clear();
        self.merged = Merged::Nothing;
        // A thread that ends keeps nothing.
        let _ = SPARE.try_with(|spare| {
            if let Ok(mut spare) = spare.try_borrow_mut()
                && spare.len() < MOST_SPARE
            {
                spare.push(self);
            }
        });
    }
}

impl Prepared {
    pub(super) fn new(parts: Box<Parts>, answer: Option<Answer>, spent: Duration) -> Self {
        Self { parts: Some(parts), answer, spent }
    }

    /// Takes the answer that is known before the run: why the request is refused, or what it falls back to. None where it is to run.
    #[must_use]
    pub fn take_answer(&mut self) -> Option<Answer> {
        self.answer.take()
    }

    /// How long it took.
    #[must_use]
    pub fn spent(&self) -> Duration {
        self.spent
    }

    /// The expectations that the request does not meet, in words.
    #[must_use]
    pub fn failed_expectations(&self) -> &[String] {
        self.parts.as_ref().map_or(&[], |parts| &parts.failed)
    }

    /// The entities whose features were looked up.
    pub(crate) fn entities(&self) -> &[EntityKey] {
        self.parts.as_ref().map_or(&[], |parts| &parts.entities)
    }

    /// What became of the features of an entity, with their ages in microseconds, lookup by lookup.
    pub(crate) fn found(&self, entity: usize) -> impl Iterator<Item = (FeatureStatus, Option<i64>)> {
        let parts = self.parts.as_deref();
        let reads = parts.map_or(&[][..], |parts| parts.reads.as_slice());
        reads.iter().flat_map(move |read| {
            read.of_entity(entity).map(move |(one, _)| {
                (one.status, age(one, parts.map_or_else(Timestamp::default, |parts| parts.now)))
            })
        })
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take() {
            parts.recycle();
        }
    }
}

impl<'a> Request<'a> {
    /// The same request with what was found out about it, for its run and its record.
    #[must_use]
    pub fn with_prepared(mut self, prepared: &'a Prepared) -> Self {
        self.prepared = Some(prepared);
        self
    }

    /// Calls `use_input` with what the plan is to read: what was made of the request, or what it brought.
    pub(crate) fn with_input<R>(self, use_input: impl FnOnce(Input<'_>) -> R) -> R {
        let parts = self.prepared.and_then(|prepared| prepared.parts.as_deref());
        match parts {
            None => use_input(self.input),
            Some(parts) => parts.with_input(self.input, use_input),
        }
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("entities", &self.entities()).finish_non_exhaustive()
    }
}
