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

use std::sync::MutexGuard;

use mlcore::{Result, interrupt};

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
    ///
    /// Where the caller is to [stop](mlcore::interrupt), what is left waits for the next call, verdicts too, and no decision is
    /// begun. A record with the window that it completes, and a decision with the versions that it loads, are whole.
    pub fn process(&self) -> Vec<Event> {
        let Some(mut events) = self.work_off() else { return Vec::new() };
        events.extend(interrupt::shield(|| self.follow_policy()));
        events
    }

    /// Works records and outcomes off; `None` where the caller is to stop. Holds the consumer, and nothing that a request, a
    /// release or a question needs.
    fn work_off(&self) -> Option<Vec<Event>> {
        let mut consumer = self.consumer().ok()?;
        let deployment = self.inner.deployment.load_full();
        let mut kinds = interrupt::shield(|| consumer.follow(&deployment.columns));
        // Looked at before the records are: a caller that reported one of these outcomes had its prediction, whose record is
        // therefore among those that are drained now. An outcome that comes later waits for the next call.
        let outcomes = self.inner.queue.outcomes();
        self.inner.queue.drain(|slip| consumer.record(slip, &*deployment.policy));
        for _ in 0..outcomes {
            if interrupt::is_stopped() {
                break;
            }
            let Some(reported) = self.inner.queue.pop_outcome() else { break };
            interrupt::shield(|| consumer.outcome(reported, &deployment));
        }
        // What was found so far is told by the next call; only news of columns, which comes once, is told at once.
        if kinds.is_empty() && interrupt::is_stopped() {
            return None;
        }
        kinds.extend(consumer.refused_outcomes());
        kinds.extend(consumer.verdicts().map(|verdict| EventKind::Judged { verdict: Box::new(verdict) }));
        kinds.extend(consumer.invalid_answers());
        kinds.extend(self.inner.shadows.invalid_answers());
        Some(kinds.into_iter().map(|kind| self.event(kind)).collect())
    }

    pub(super) fn consumer(&self) -> Result<MutexGuard<'_, Consumer>> {
        // Only joins and windows live behind it: what a panic left there is still usable.
        interrupt::lock("process", &self.inner.consumer)
    }
}
