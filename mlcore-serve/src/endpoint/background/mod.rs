//! What happens off the path of the requests: outcomes are joined, monitors judge, shadows run.

mod consumer;
mod latencies;
mod ledger;
mod loss;
mod news;
mod shadow;
mod sink;
mod tally;
mod watch;
mod worker;

use std::sync::{MutexGuard, PoisonError};

pub(crate) use self::consumer::Consumer;
pub use self::loss::Loss;
pub(crate) use self::loss::{REPORT, Scoring, check_finite};
pub use self::shadow::ShadowComparison;
pub(crate) use self::shadow::{ShadowInput, ShadowRun, Shadows};
pub use self::sink::RecordSink;
pub use self::tally::Counts;
pub(crate) use self::tally::Tally;
pub(crate) use self::watch::{Watch, Watched};
pub use self::worker::Worker;
#[cfg(doc)]
use super::InvalidAnswer;
use super::{Endpoint, Event, EventKind};

impl Endpoint {
    /// Works off what the requests have queued, and carries out what the policy then decides. Answers what happened,
    /// oldest first.
    ///
    /// Records reach the sinks, the monitors and the policy; outcomes are joined with their predictions. Shadows are left
    /// to [`Endpoint::run_shadows`], which a host without a worker calls as well.
    ///
    /// A change that fails (the registry is locked, an alias was moved by somebody else) is an event, changes nothing and
    /// is tried again by the next call; requests go on meanwhile. Of two threads that call this at once each waits for the
    /// other's records, and one carries the decision out.
    pub fn process(&self) -> Vec<Event> {
        let mut events = self.work_off();
        events.extend(self.follow_policy());
        events
    }

    /// Works records and outcomes off. Holds the consumer, and nothing that a request, a release or a question needs.
    fn work_off(&self) -> Vec<Event> {
        let mut consumer = self.consumer();
        let deployment = self.inner.deployment.load_full();
        let mut kinds = consumer.follow(&deployment.columns);
        // Looked at before the records are: a caller that reported one of these outcomes had its prediction, whose record is
        // therefore among those that are drained now. An outcome that comes later waits for the next call.
        let outcomes = self.inner.queue.outcomes();
        self.inner.queue.drain(|slip| consumer.record(slip, &*deployment.policy));
        for _ in 0..outcomes {
            let Some(reported) = self.inner.queue.pop_outcome() else { break };
            consumer.outcome(reported, &deployment);
        }
        kinds.extend(consumer.refused_outcomes());
        kinds.extend(consumer.verdicts().map(|verdict| EventKind::Judged { verdict: Box::new(verdict) }));
        kinds.extend(consumer.invalid_answers());
        kinds.extend(self.inner.shadows.invalid_answers());
        kinds.into_iter().map(|kind| self.event(kind)).collect()
    }

    pub(super) fn consumer(&self) -> MutexGuard<'_, Consumer> {
        // Only joins and windows live behind it: what a panic left there is still usable.
        self.inner.consumer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
