use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_queue::ArrayQueue;
use crossbeam_utils::CachePadded;
use mlcore::arrow::array::RecordBatch;
use mlcore::artifact::Digest;
use mlcore::batch::{Batch, Tensor};
use mlcore::name::{Arm, RequestId, Version};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::packed::Packed;
use super::request::{Input, OutcomeId};
use super::row_buffer::RowBuffer;
use super::shadow::ShadowRun;

/// What a request brought, as it was recorded.
#[derive(Clone, Debug, Default)]
pub enum RecordedInput {
    /// Nothing: the request failed before its input was read.
    #[default]
    None,
    /// One raw record.
    Row(RowBuffer),
    /// The caller's table of raw records.
    Table(Arc<RecordBatch>),
    /// Tensors, sharing the caller's elements.
    Tensors(Batch),
}

/// One line of the prediction log: everything needed to explain, replay or judge one decision.
#[derive(Clone, Debug)]
pub struct Record {
    /// The caller's id, where it gave one.
    pub request: Option<RequestId>,
    /// Under which the outcome will arrive.
    pub outcome_id: OutcomeId,
    /// The arm that the policy chose.
    pub arm: Arm,
    /// The version that answered.
    pub version: Version,
    /// The probability with which the policy chose the arm.
    pub propensity: f64,
    /// XXH3-128 of the model's input tensors (elements in row-major order, in the machine's byte order), with their
    /// names where there are several; 0 after an error.
    pub features_digest: u128,
    /// The content hash of the feature plan that made them.
    pub plan: Option<Digest>,
    /// From the call to the answer.
    pub latency: Duration,
    /// What came in.
    pub input: RecordedInput,
    /// What the model answered; empty after an error.
    pub outputs: Batch,
    /// The meaning of the error, where the run failed: see [`mlcore::Error::kind`].
    pub error: Option<&'static str>,
}

/// XXH3-128 of the elements: of one tensor's memory, or of several tensors' names and memories in their order.
pub(crate) fn digest(inputs: &Batch) -> u128 {
    if let (1, Some(bytes)) = (inputs.len(), inputs.first().and_then(Tensor::as_bytes)) {
        return xxh3_128(bytes);
    }
    let mut hasher = Xxh3::new();
    for (name, tensor) in inputs.iter() {
        hasher.update(name.as_bytes());
        if let Some(bytes) = tensor.as_bytes() {
            hasher.update(bytes);
        } else if let Ok(texts) = tensor.texts() {
            for text in texts {
                hasher.update(&(text.len() as u64).to_le_bytes());
                hasher.update(text.as_bytes());
            }
        } else if let Ok(values) = tensor.values::<bool>() {
            values.iter().for_each(|value| hasher.update(&[u8::from(*value)]));
        }
    }
    hasher.digest128()
}

/// A record on its way, in memory that is used again.
#[derive(Debug)]
pub(crate) struct Slip {
    /// Without the outputs, which are packed.
    pub(crate) record: Record,
    pub(crate) outputs: Packed,
    pub(crate) epoch: u32,
    /// Is it evidence for the policy? A failure that is the caller's own is not.
    pub(crate) counts: bool,
}

/// A bounded queue that never blocks: what does not fit is dropped and counted.
///
/// Slips that were worked off travel back to the path of the requests, so that recording a row allocates nothing once
/// warm, and nothing is freed by another thread than the one that allocated it.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: ArrayQueue<Item>,
    spare: ArrayQueue<Box<Slip>>,
    /// Written by requests beside what all of them read.
    dropped: CachePadded<AtomicU64>,
}

/// What the path of the requests hands over.
#[derive(Debug)]
pub(crate) enum Item {
    Record(Box<Slip>),
    Outcome { id: OutcomeId, label: f64 },
    Shadow(Box<ShadowRun>),
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self {
            waiting: ArrayQueue::new(capacity),
            spare: ArrayQueue::new(capacity.min(MOST_SPARE)),
            dropped: CachePadded::new(AtomicU64::new(0)),
        }
    }

    /// Puts `item` in, or drops it and counts.
    pub(crate) fn push(&self, item: Item) {
        if let Err(item) = self.waiting.push(item) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            if let Item::Record(slip) = item {
                self.recycle(slip);
            }
        }
    }

    pub(crate) fn pop(&self) -> Option<Item> {
        self.waiting.pop()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// How many items did not fit since the start.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// A slip for `record`, whose input and outputs are still to be filled in: memory that was used before, if there is any.
    pub(crate) fn slip(&self, record: Record, epoch: u32) -> Box<Slip> {
        match self.spare.pop() {
            Some(mut slip) => {
                let input = std::mem::take(&mut slip.record.input);
                slip.record = Record { input, ..record };
                slip.epoch = epoch;
                slip
            }
            None => Box::new(Slip { record, outputs: Packed::default(), epoch, counts: true }),
        }
    }

    /// Takes the memory of a slip back.
    pub(crate) fn recycle(&self, mut slip: Box<Slip>) {
        slip.outputs.clear();
        if !matches!(slip.record.input, RecordedInput::Row(_)) {
            slip.record.input = RecordedInput::None;
        }
        slip.record.request = None;
        slip.record.outputs = Batch::default();
        // A full shelf means there are enough of them: this one is freed.
        drop(self.spare.push(slip));
    }
}

impl RecordedInput {
    /// Records `input`: rows are copied, into memory that was used before where there is some; the rest is shared.
    pub(crate) fn fill(&mut self, input: Input<'_>) {
        match (input, &mut *self) {
            (Input::Row(row), Self::Row(buffer)) => buffer.copy(row),
            (Input::Row(row), _) => {
                let mut buffer = RowBuffer::default();
                buffer.copy(row);
                *self = Self::Row(buffer);
            }
            (Input::Table(table), _) => *self = Self::Table(table.clone()),
            (Input::Tensors(tensors), _) => *self = Self::Tensors(tensors.clone()),
        }
    }
}

/// Slips that are kept for later: as many as come in the few milliseconds for which a worker sleeps.
const MOST_SPARE: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_the_newest_and_counts() {
        let queue = Queue::new(2);
        for sequence in 0..5 {
            queue.push(Item::Outcome { id: OutcomeId::generated(1, sequence), label: 0.0 });
        }
        let popped = || match queue.pop() {
            Some(Item::Outcome { id, .. }) => Some(id),
            _ => None,
        };
        let [first, second] = [0, 1].map(|sequence| Some(OutcomeId::generated(1, sequence)));
        assert_eq!((popped(), popped(), popped()), (first, second, None));
        assert_eq!(queue.dropped(), 3);
    }
}
