use std::sync::Arc;

use mlcore::Error;
use mlcore::batch::{Batch, Tensor};
use mlcore::name::{Arm, Version};
use smallvec::SmallVec;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::{Packed, Record, RecordedInput};
use crate::endpoint::decide::{Decided, OutcomeId};
use crate::endpoint::input::{Input, Request};
use crate::endpoint::run::Answer;

/// A record on its way, in memory that is used again.
#[derive(Debug)]
pub(crate) struct Slip {
    /// Without the outputs, which are packed.
    pub(crate) record: Record,
    pub(crate) outputs: Packed,
    /// How many rows were answered, where outputs are of as many: else 1.
    pub(crate) rows: usize,
    /// Whether the answer says how fast and how reliable the arm is. The caller's own mistakes do not.
    pub(crate) is_evidence: bool,
}

impl Slip {
    /// A slip for an answer of this arm, whose rest is still to be filled in.
    pub(crate) fn new(arm: &Arm, version: Version) -> Self {
        let record = Record::new(OutcomeId::of_halves(0, 0), arm.clone(), version);
        Self { record, outputs: Packed::default(), rows: 1, is_evidence: true }
    }

    /// Fills the record in, but for its latency, which is measured last.
    ///
    /// The slip held another request's record before; most fields are equal in both and are not written again.
    pub(crate) fn fill(
        &mut self,
        decided: &Decided,
        request: Request<'_>,
        answer: &Answer,
        (kept, names): (Kept, &Arc<[String]>),
    ) {
        let (assignment, model) = (decided.assignment(), decided.model());
        set(&mut self.is_evidence, answer.is_evidence);
        let rows = |outputs: &Batch| request.with_input(|input| rows(input, outputs));
        set(&mut self.rows, answer.outputs.as_ref().map_or(1, rows));
        let record = &mut self.record;
        record.outcome_id = decided.outcome_id();
        set(&mut record.request, request.id.cloned());
        // Not cloned in vain: the count behind a long name is one that all threads share.
        if record.arm != *decided.arm() {
            record.arm.clone_from(decided.arm());
        }
        set(&mut record.version, model.version().version);
        set(&mut record.propensity, assignment.propensity);
        set(&mut record.epoch, assignment.epoch);
        record.context.copy(request.context);
        if kept.records {
            set(&mut record.unit, Some(request.unit.clone()));
            fill_probabilities(&mut record.probabilities, decided, request);
        }
        record.looked_up.fill(kept.records.then_some(request.prepared).flatten(), names);
        record.failed_expectations.clear();
        if let Some(prepared) = request.prepared {
            record.failed_expectations.extend_from_slice(prepared.failed_expectations());
        }
        set(&mut record.plan, model.version().lineage.plan_digest());
        set(&mut record.served_by, answer.served_by);
        set(&mut record.error, answer.outputs.as_ref().err().map(Error::kind));
        let has_inputs = answer.outputs.is_ok() && !answer.inputs.is_empty();
        set(&mut record.features_digest, if has_inputs && kept.records { digest(&answer.inputs) } else { 0 });
        if kept.inputs {
            request.with_input(|input| record.input.fill(input, decided.names()));
        }
        if let (Ok(outputs), true) = (&answer.outputs, kept.outputs) {
            self.outputs.pack(outputs);
        }
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

/// The probabilities of all arms, as the policy of the decision tells them; none where they are not those of the decision.
fn fill_probabilities(own: &mut Vec<(Arm, f64)>, decided: &Decided, request: Request<'_>) {
    let (assignment, arms) = (decided.assignment(), decided.deployment().arms());
    if decided.is_pinned() {
        own.clear();
        return;
    }
    let told: SmallVec<[f64; 8]> = if assignment.propensity == 1.0 || arms.len() <= 2 {
        let others = 1.0 - assignment.propensity;
        let of = |position| if position == assignment.position { assignment.propensity } else { others };
        (0..arms.len()).map(of).collect()
    } else {
        decided.probabilities(request)
    };
    // A policy that moved on since the decision tells of other shares.
    if told.len() != arms.len() || told.get(assignment.position) != Some(&assignment.propensity) {
        own.clear();
        return;
    }
    let same = own.len() == arms.len()
        && own
            .iter()
            .zip(arms)
            .zip(&told)
            .all(|(((arm, before), (other, _)), now)| arm == other && before == now);
    if !same {
        own.clear();
        own.extend(arms.iter().map(|(arm, _)| arm.clone()).zip(told));
    }
}

/// What somebody will look at, and is therefore kept of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    /// Whole records: there is a sink.
    pub(crate) records: bool,
    /// What requests brought: there is a sink or a monitor.
    pub(crate) inputs: bool,
    /// What was answered: there is a sink or a loss.
    pub(crate) outputs: bool,
}

/// Writes only what changes: memory that nobody writes stays in the caches of the processor that asks and of the one that works
/// records off, and need not travel between them.
pub(crate) fn set<T: PartialEq>(place: &mut T, value: T) {
    if *place != value {
        *place = value;
    }
}

/// How many rows have an answer, and so an outcome, of their own.
fn rows(input: Input<'_>, outputs: &Batch) -> usize {
    let asked = match input {
        Input::Row(_) | Input::Entities => 1,
        Input::Table(table) => table.num_rows(),
        Input::Tensors(batch) => batch.rows().unwrap_or(1),
    };
    if asked > 1 && outputs.rows() == Some(asked) { asked } else { 1 }
}

/// XXH3-128 of the elements: of one tensor's memory, or of several tensors' names and memories in their order.
fn digest(inputs: &Batch) -> u128 {
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
