use std::sync::Arc;
use std::time::Duration;

use mlcore::arrow::array::RecordBatch;
use mlcore::artifact::Digest;
use mlcore::batch::{Batch, Tensor};
use mlcore::name::{Arm, RequestId, Version};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::packed::Packed;
use super::row_buffer::RowBuffer;
use crate::endpoint::input::{Input, OutcomeId};

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

impl Slip {
    /// A slip for an answer of this arm, whose rest is still to be filled in.
    pub(crate) fn new(arm: &Arm, version: Version) -> Self {
        let record = Record {
            request: None,
            outcome_id: OutcomeId::generated(0, 0),
            arm: arm.clone(),
            version,
            propensity: 1.0,
            features_digest: 0,
            plan: None,
            latency: Duration::ZERO,
            input: RecordedInput::None,
            outputs: Batch::default(),
            error: None,
        };
        Self { record, outputs: Packed::default(), epoch: 0, counts: true }
    }

    /// Lets go of what is shared or large; what is small stays, most often to be what it will be again.
    pub(crate) fn clear(&mut self) {
        if !self.outputs.is_empty() {
            self.outputs.clear();
        }
        if !matches!(self.record.input, RecordedInput::Row(_) | RecordedInput::None) {
            self.record.input = RecordedInput::None;
        }
        if !self.record.outputs.is_empty() {
            self.record.outputs = Batch::default();
        }
    }
}

/// Writes only what changes: memory that nobody writes stays in the caches of the processor that asks and of the one that works
/// records off, and need not travel between them.
pub(crate) fn set<T: PartialEq>(place: &mut T, value: T) {
    if *place != value {
        *place = value;
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
