//! What is kept of a request, and how it leaves the thread that asked: without a lock, in memory that is used again.

mod context;
mod input;
mod invalid;
mod line;
mod looked_up;
mod outcome;
mod packed;
mod prediction;
mod queue;
mod slip;
mod value;

use mlcore::Result;
use mlcore::batch::Batch;

pub use self::context::ContextBuffer;
#[cfg(feature = "log")]
pub(crate) use self::context::Pairs;
pub use self::input::RecordedInput;
pub use self::invalid::InvalidAnswer;
pub(crate) use self::invalid::every;
pub use self::line::Record;
pub(crate) use self::line::as_seconds;
pub use self::looked_up::LookedUp;
#[cfg(feature = "log")]
pub(crate) use self::looked_up::{KeyObject, key_of};
pub(crate) use self::outcome::{About, Reported, ReportedMeasure};
pub use self::outcome::{OutcomeRecord, OutcomeStatus};
pub(crate) use self::packed::Packed;
pub use self::prediction::Prediction;
pub(crate) use self::queue::Queue;
use self::slip::set;
pub(crate) use self::slip::{Kept, Slip};
#[cfg(feature = "log")]
pub(crate) use self::value::{Read, Written};
use super::Endpoint;
use super::background::{ShadowInput, ShadowRun};
use super::decide::Decided;
use super::input::Request;
use super::run::Answer;

impl Endpoint {
    /// Queues the record of an answered request and the runs of its shadows, and makes the prediction that the caller
    /// gets: the third part of [`Endpoint::predict`].
    ///
    /// `request` is the one that was decided. Nothing is waited for: what does not fit into the queue is dropped and
    /// counted.
    ///
    /// # Errors
    /// The error of the answer, which is recorded all the same.
    pub fn record(&self, mut decided: Decided, request: Request<'_>, answer: Answer) -> Result<Prediction> {
        decided.mark_recorded();
        let (arm, version) = (decided.arm(), decided.model().version().version);
        let mut slip = self.inner.queue.slip(arm, version);
        let inputs = self.inner.kept.inputs || decided.is_watched();
        let names = self.inner.preparation.lookups.shared_names();
        slip.fill(&decided, request, &answer, (Kept { inputs, ..self.inner.kept }, names));
        let outputs = answer.outputs.as_ref().ok();
        set(&mut slip.record.invalid, outputs.and_then(|outputs| self.inner.resolver.fault_of(outputs)));
        if let Ok(outputs) = &answer.outputs {
            self.queue_shadows(&decided, request, &answer.inputs, outputs);
        }
        if self.inner.kept.records {
            slip.record.at = Some(self.inner.clock.now());
        }
        slip.record.latency = self.inner.clock.elapsed().saturating_sub(decided.started());
        self.inner.queue.push(slip);
        Ok(Prediction {
            outputs: answer.outputs?,
            version,
            arm: arm.clone(),
            propensity: decided.assignment().propensity,
            outcome_id: decided.outcome_id(),
            served_by: answer.served_by,
        })
    }

    fn queue_shadows(&self, decided: &Decided, request: Request<'_>, inputs: &Batch, outputs: &Batch) {
        for position in decided.assignment().shadows.iter() {
            let (_, shadow) = decided.deployment().at(position);
            let input = if !inputs.is_empty() && shadow.reads_like(decided.model()) {
                ShadowInput::Shared(inputs.clone())
            } else {
                let mut own = RecordedInput::None;
                request.with_input(|input| own.fill(input, decided.names()));
                ShadowInput::Own(own)
            };
            let (deployment, primary) = (decided.deployment().clone(), outputs.clone());
            self.inner.shadows.push(ShadowRun { deployment, position, input, primary });
        }
    }
}
