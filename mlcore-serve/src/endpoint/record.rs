use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_queue::ArrayQueue;
use mlcore::arrow::array::RecordBatch;
use mlcore::artifact::Digest;
use mlcore::batch::{Batch, Tensor};
use mlcore::name::{Arm, RequestId, Version};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::request::{Input, OutcomeId};
use super::row_buffer::RowBuffer;

/// What a request brought, as it was recorded.
#[derive(Clone, Debug, Default)]
pub enum RecordedInput {
    /// Nothing: the request failed before its input was read.
    #[default]
    None,
    /// One raw record.
    Row(RowBuffer),
    /// A table of raw records, sharing the caller's columns.
    Table(RecordBatch),
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

/// A bounded queue that never blocks: what does not fit is dropped and counted.
///
/// Emptied row buffers travel back to the request path, so that recording a row allocates nothing once warm.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    waiting: ArrayQueue<T>,
    spare: ArrayQueue<RowBuffer>,
    dropped: AtomicU64,
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self {
            waiting: ArrayQueue::new(capacity),
            spare: ArrayQueue::new(capacity.min(1024)),
            dropped: AtomicU64::new(0),
        }
    }

    /// Puts `item` in, or drops it and counts.
    pub(crate) fn push(&self, item: T) {
        if self.waiting.push(item).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.waiting.pop()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// How many items did not fit since the start.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// The input as it is recorded: rows are copied into memory that was used before, the rest is shared.
    pub(crate) fn recorded(&self, input: Input<'_>) -> RecordedInput {
        match input {
            Input::Row(row) => {
                let mut buffer = self.spare.pop().unwrap_or_default();
                buffer.copy(row);
                RecordedInput::Row(buffer)
            }
            Input::Table(table) => RecordedInput::Table(table.clone()),
            Input::Tensors(tensors) => RecordedInput::Tensors(tensors.clone()),
        }
    }

    /// Takes the memory of a recorded input back.
    pub(crate) fn recycle(&self, input: RecordedInput) {
        if let RecordedInput::Row(buffer) = input {
            // A full shelf means there are enough of them: this one is freed.
            drop(self.spare.push(buffer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_the_newest_and_counts() {
        let queue = Queue::new(2);
        for item in 0..5 {
            queue.push(item);
        }
        assert_eq!((queue.pop(), queue.pop(), queue.pop()), (Some(0), Some(1), None));
        assert_eq!(queue.dropped(), 3);
    }
}
