//! What waits in memory, and what became of what was accepted.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Flushed;
use super::options::BufferOptions;
use super::record::Record;
use super::settle::Settled;
use super::spool::{Spool, SpoolMark};
use crate::error::{Error, Result};
use crate::interrupt;

/// What the threads of a buffer share.
pub(super) struct Shared {
    options: BufferOptions,
    state: Mutex<State>,
    /// Something is to be done.
    work: Condvar,
    /// Something was settled.
    settled: Condvar,
    spool: Option<Mutex<Spool>>,
}

#[derive(Default)]
struct State {
    /// In order. Records are never moved while the lock is held: a vector of them all would hold up its callers.
    chunks: VecDeque<Chunk>,
    records: usize,
    bytes: usize,
    /// Those in the spool that are not written yet.
    spooled: u64,
    /// Records are on their way from the queue into the spool, so that newer ones may not pass them.
    is_spooling: bool,
    /// The writer has records in hand.
    is_writing: bool,
    accepted: u64,
    written: u64,
    refused: u64,
    dropped: u64,
    flushes: usize,
    /// A flush began: a tracker that was away is asked at once.
    is_hurried: bool,
    is_closed: bool,
    first_refusal: Option<String>,
    /// Why the tracker did not take anything the last time.
    failure: Option<String>,
}

/// Records that lie together, and the bytes that they take.
#[derive(Default)]
struct Chunk {
    records: Vec<Record>,
    bytes: usize,
}

/// What the writer has in hand.
pub(super) struct Taken {
    pub(super) records: Vec<Record>,
    /// Where the spool was read up to, if they came from there: they stay in it until they are settled.
    mark: Option<SpoolMark>,
}

impl Shared {
    pub(super) fn new(options: &BufferOptions) -> Result<Self> {
        if options.queue_bytes == 0 {
            return Err(Error::invalid_input("buffer tracking", "queue_bytes", "the queue has no room")
                .remedy("leave it at its default"));
        }
        let spool = options.spool.as_deref().map(Spool::open).transpose()?;
        let left = spool.as_ref().map_or(0, Spool::records);
        // What an earlier process accepted is settled by this buffer.
        let state = State { spooled: left, accepted: left, ..State::default() };
        Ok(Self {
            options: options.clone(),
            state: Mutex::new(state),
            work: Condvar::new(),
            settled: Condvar::new(),
            spool: spool.map(Mutex::new),
        })
    }

    pub(super) fn options(&self) -> &BufferOptions {
        &self.options
    }

    pub(super) fn has_spool(&self) -> bool {
        self.spool.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spool(&self) -> Option<MutexGuard<'_, Spool>> {
        self.spool.as_ref().map(|spool| spool.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a record, unless there is no room.
    pub(super) fn push(&self, record: Record) -> bool {
        let bytes = record.bytes();
        let mut state = self.state();
        if state.is_closed || state.bytes.saturating_add(bytes) > self.options.queue_bytes {
            state.dropped += 1;
            return false;
        }
        if state.chunks.back().is_none_or(|chunk| chunk.records.len() >= CHUNK) {
            state.chunks.push_back(Chunk { records: Vec::with_capacity(CHUNK), bytes: 0 });
        }
        if let Some(chunk) = state.chunks.back_mut() {
            chunk.records.push(record);
            chunk.bytes += bytes;
        }
        let half = self.options.queue_bytes / 2;
        let is_crossing = state.bytes < half && state.bytes + bytes >= half;
        state.bytes += bytes;
        state.records += 1;
        state.accepted += 1;
        // Waking a thread takes longer than all else here.
        let wakes = is_crossing || state.records == AT_ONCE;
        drop(state);
        if wakes {
            self.work.notify_all();
        }
        true
    }

    /// What is to be written next, once there is something; none when the buffer is closed and empty.
    pub(super) fn next(&self) -> Option<Taken> {
        let mut state = self.state();
        let mut is_due = false;
        loop {
            if state.spooled > 0 {
                drop(state);
                if let Some(taken) = self.read_spool() {
                    return Some(taken);
                }
                state = self.state();
                continue;
            }
            let wants = is_due || state.flushes > 0 || state.is_closed || state.records >= AT_ONCE;
            if !state.is_spooling && state.records > 0 && wants {
                state.is_writing = true;
                let chunks = state.take(AT_ONCE);
                drop(state);
                return Some(Taken { records: flat(chunks), mark: None });
            }
            if state.is_closed && state.records == 0 && !state.is_spooling {
                return None;
            }
            let waited = self.work.wait_timeout(state, self.options.interval);
            let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            (state, is_due) = (woken, timeout.timed_out());
        }
    }

    fn read_spool(&self) -> Option<Taken> {
        let (records, mark, lost) = self.spool()?.read(AT_ONCE);
        let mut state = self.state();
        let lost = lost.min(state.spooled);
        state.spooled -= lost;
        state.dropped += lost;
        state.accepted = state.accepted.saturating_sub(lost);
        if records.is_empty() {
            state.spooled = 0;
            drop(state);
            self.settled.notify_all();
            return None;
        }
        state.is_writing = true;
        Some(Taken { records, mark: Some(mark) })
    }

    /// What was in the writer's hand has been written or refused.
    pub(super) fn settle(&self, taken: &Taken, settled: Settled) {
        if let (Some(mark), Some(mut spool)) = (&taken.mark, self.spool()) {
            spool.advance(mark);
        }
        let mut state = self.state();
        state.is_writing = false;
        state.failure = None;
        if taken.mark.is_some() {
            state.spooled = state.spooled.saturating_sub(taken.records.len() as u64);
        }
        state.written += settled.written;
        state.refused += settled.refused;
        if state.first_refusal.is_none() {
            state.first_refusal = settled.first_refusal;
        }
        drop(state);
        self.settled.notify_all();
    }

    /// The tracker took nothing. Waits a little; false when the buffer was closed meanwhile.
    pub(super) fn wait_after(&self, error: &Error, pause: Duration) -> bool {
        let mut state = self.state();
        if state.failure.is_none() {
            tracing::warn!(%error, "a tracker does not take what is logged; it is asked again");
        }
        state.failure = Some(error.to_string());
        let mut left = if state.flushes > 0 { pause.min(interrupt::INTERVAL) } else { pause };
        while !state.is_closed && !state.is_hurried && !left.is_zero() {
            let step = left.min(interrupt::INTERVAL);
            let waited = self.work.wait_timeout(state, step);
            state = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
            left -= step;
        }
        state.is_hurried = false;
        !state.is_closed
    }

    /// The buffer is closed, and the tracker away: what is in hand and in the queue goes to the spool.
    pub(super) fn leave(&self, taken: &Taken) {
        let mut state = self.state();
        state.is_writing = false;
        let queued = flat(state.take(usize::MAX));
        let is_new = taken.mark.is_none();
        let kept = match self.spool() {
            Some(mut spool) => spool.leave(if is_new { &taken.records } else { &[] }, &queued),
            None => Err(Error::unavailable("finish tracking", "spool", "there is none")),
        };
        let count = queued.len() as u64 + if is_new { taken.records.len() as u64 } else { 0 };
        match kept {
            Ok(()) => state.spooled += count,
            Err(error) => {
                state.dropped += count;
                state.accepted -= count;
                tracing::error!(%error, lost = count, "what was logged is lost");
            }
        }
    }

    /// What the spooler is to move: all of the queue, once it is half full and the writer does not keep up; none when the
    /// buffer is closed.
    pub(super) fn next_to_spool(&self) -> Option<Vec<Record>> {
        let mut state = self.state();
        loop {
            if state.is_closed {
                return None;
            }
            if state.bytes < self.options.queue_bytes / 2 {
                // Who fills the half of it, and who closes the buffer, says so.
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let is_behind = state.is_writing || state.spooled > 0;
            let has_room = self
                .spool()
                .is_some_and(|spool| spool.bytes() + state.bytes as u64 <= self.options.spool_bytes);
            if is_behind && has_room {
                state.is_spooling = true;
                let chunks = state.take(usize::MAX);
                drop(state);
                return Some(flat(chunks));
            }
            let waited = self.work.wait_timeout(state, interrupt::INTERVAL);
            state = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
        }
    }

    /// Appends what was taken to the spool; what cannot be goes back to the head of the queue.
    pub(super) fn spill(&self, records: Vec<Record>) -> bool {
        let appended = self.spool().map_or(Ok(()), |mut spool| spool.append(&records));
        let mut state = self.state();
        state.is_spooling = false;
        let is_kept = match appended {
            Ok(()) => {
                state.spooled += records.len() as u64;
                true
            }
            Err(error) => {
                tracing::warn!(%error, "a tracker's queue cannot be spooled");
                state.put_back(records);
                false
            }
        };
        drop(state);
        self.work.notify_all();
        is_kept
    }

    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.work.notify_all();
    }

    /// Lets others have the files of the spool.
    pub(super) fn release_spool(&self) {
        if let Some(mut spool) = self.spool() {
            spool.release();
        }
    }

    pub(super) fn progress(&self) -> Flushed {
        let state = self.state();
        Flushed {
            written: state.written,
            refused: state.refused,
            dropped: state.dropped,
            waiting: state.accepted.saturating_sub(state.written + state.refused),
        }
    }

    pub(super) fn first_refusal(&self) -> Option<String> {
        self.state().first_refusal.clone()
    }

    /// How many were accepted so far; the writer hurries until [`end_flush`](Self::end_flush).
    pub(super) fn begin_flush(&self) -> u64 {
        let mut state = self.state();
        state.flushes += 1;
        state.is_hurried = true;
        let accepted = state.accepted;
        drop(state);
        self.work.notify_all();
        accepted
    }

    pub(super) fn end_flush(&self) {
        let mut state = self.state();
        state.flushes = state.flushes.saturating_sub(1);
    }

    /// Waits a moment for so many to be settled.
    pub(super) fn wait_settled(&self, wanted: u64) -> Option<Flushed> {
        let is_settled = |state: &State| state.written + state.refused >= wanted.min(state.accepted);
        let state = self.state();
        if !is_settled(&state) {
            let waited = self.settled.wait_timeout(state, interrupt::INTERVAL);
            let state = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
            if !is_settled(&state) {
                return None;
            }
        } else {
            drop(state);
        }
        Some(self.progress())
    }

    /// The error of a flush that waited too long.
    pub(super) fn away(&self) -> Error {
        let waiting = self.progress().waiting;
        let failure = self.state().failure.clone().unwrap_or_else(|| "it is still writing".to_owned());
        Error::unavailable(super::FLUSH, "tracker", format!("{waiting} things wait for it: {failure}"))
            .remedy("flush again once it is back")
    }
}

impl State {
    /// Chunks of about `most` records from the head of the queue.
    fn take(&mut self, most: usize) -> Vec<Chunk> {
        let chunks = most.div_ceil(CHUNK).min(self.chunks.len());
        let taken: Vec<Chunk> = self.chunks.drain(..chunks).collect();
        self.records -= taken.iter().map(|chunk| chunk.records.len()).sum::<usize>();
        self.bytes -= taken.iter().map(|chunk| chunk.bytes).sum::<usize>();
        taken
    }

    fn put_back(&mut self, records: Vec<Record>) {
        let bytes = records.iter().map(Record::bytes).sum();
        self.records += records.len();
        self.bytes += bytes;
        self.chunks.push_front(Chunk { records, bytes });
    }
}

fn flat(chunks: Vec<Chunk>) -> Vec<Record> {
    chunks.into_iter().flat_map(|chunk| chunk.records).collect()
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Records that lie together.
const CHUNK: usize = 512;
/// Records that are written together: more make a transaction no cheaper.
const AT_ONCE: usize = 8192;
