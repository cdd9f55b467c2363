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
use mlcore::rollout::Draw;

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
        // Where the arm itself failed, its shadows may know better; what the caller did wrong is nothing to compare.
        if answer.outputs.is_ok() || answer.is_evidence {
            self.queue_shadows(&decided, request, &answer);
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

    fn queue_shadows(&self, decided: &Decided, request: Request<'_>, answer: &Answer) {
        let shadows = decided.assignment().shadows;
        if shadows.is_empty() {
            return;
        }
        let (now, is_behind) = (self.inner.clock.elapsed(), self.inner.queue.is_behind());
        let bits = decided.outcome_id().to_u128();
        for position in shadows.iter() {
            let (arm, shadow) = decided.deployment().at(position);
            // Asked before anything is copied: what is dropped shall cost the request nothing.
            if !self.inner.shadows.admits(arm, now, is_behind) {
                continue;
            }
            let inputs = &answer.inputs;
            let input = if !inputs.is_empty() && shadow.reads_like(decided.model()) {
                ShadowInput::Shared(inputs.clone())
            } else {
                let mut own = RecordedInput::None;
                request.with_input(|input| own.fill(input, decided.names()));
                ShadowInput::Own(own)
            };
            self.inner.shadows.push(ShadowRun {
                deployment: decided.deployment().clone(),
                position,
                input,
                primary: answer.outputs.as_ref().ok().cloned(),
                latency: now.saturating_sub(decided.started()),
                // Bits of the id that the policy does not draw by: it hashes them once more.
                draw: Draw::new((bits >> 64) as u64 ^ bits as u64),
            });
        }
    }
}
