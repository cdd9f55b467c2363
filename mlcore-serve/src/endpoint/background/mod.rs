//! What happens off the path of the requests: outcomes are joined, monitors judge, shadows run.

mod caught;
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

use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use mlcore::{Result, interrupt};
use mlcore_drift::monitor::{MonitorReference, WindowCounts};

pub(crate) use self::consumer::Consumer;
pub use self::loss::Loss;
pub(crate) use self::loss::{REPORT, Scoring, check_finite};
pub use self::shadow::{ShadowBudget, ShadowComparison, ShadowCounts};
pub(crate) use self::shadow::{ShadowInput, ShadowOptions, ShadowRun, Shadows};
pub use self::sink::RecordSink;
pub(crate) use self::tally::Tally;
pub use self::tally::{ArmCounts, Counts};
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
    /// A change that fails (the registry is locked) is an event, once for each reason, and changes nothing. It is tried again
    /// by the next call, and then ever more seldom, up to a minute; requests go on meanwhile. Where somebody else has moved an
    /// alias, another replica above all, the endpoint follows and decides anew. Of two threads that call this at once each
    /// waits for the other's records, and one carries the decision out.
    ///
    /// A panic in a sink, a loss, a policy or a monitor is caught, [counted](Counts::panics) and an event.
    ///
    /// Where the caller is to [stop](mlcore::interrupt), what is left waits for the next call, verdicts too, and no decision is
    /// begun. A record with the window that it completes, and a decision with the versions that it loads, are whole.
    pub fn process(&self) -> Vec<Event> {
        self.work(true)
    }

    /// As [`process`](Self::process); whether it follows the aliases, too.
    fn work(&self, follows: bool) -> Vec<Event> {
        let Some(mut events) = self.work_off() else { return Vec::new() };
        let caught = &self.inner.tally.caught;
        interrupt::shield(|| {
            if follows {
                events.extend(
                    caught.guard("following the aliases", || self.follow_aliases()).unwrap_or_default(),
                );
            }
            events.extend(caught.guard("the policy", || self.follow_policy()).unwrap_or_default());
        });
        events.extend(caught.event().map(|kind| self.event(kind)));
        self.inner.processed.store(as_micros(self.inner.clock.elapsed()), Ordering::Relaxed);
        events
    }

    /// How long ago records were worked off last, by the endpoint's clock, or the endpoint was built. Never waits.
    ///
    /// A sign of life for a health check: it grows where no worker runs and nobody calls [`process`](Self::process), and
    /// where one call takes long. Records are dropped then, as soon as the queue is full.
    #[must_use]
    pub fn since_processed(&self) -> Duration {
        let processed = Duration::from_micros(self.inner.processed.load(Ordering::Relaxed));
        self.inner.clock.elapsed().saturating_sub(processed)
    }

    /// The dropped records, outcomes and shadow runs, where they are news.
    fn dropped(&self, consumer: &mut Consumer) -> Option<EventKind> {
        let (records, outcomes) = self.inner.queue.dropped();
        let shadows = self.inner.shadows.dropped();
        let count = consumer.dropped(records + outcomes)?;
        let problem = format!(
            "{records} records and {outcomes} outcomes did not fit into their queues, and {shadows} shadow runs were dropped; \
             nobody had worked them off for {:.1?}: start a worker, or make the queue larger",
            self.since_processed()
        );
        Some(EventKind::Dropped { count, problem })
    }

    /// Works records and outcomes off; `None` where the caller is to stop. Holds the consumer, and nothing that a request, a
    /// release or a question needs.
    fn work_off(&self) -> Option<Vec<Event>> {
        let mut consumer = self.consumer().ok()?;
        let deployment = self.inner.deployment.load_full();
        let mut kinds = interrupt::shield(|| consumer.follow(&deployment));
        let dropped = self.dropped(&mut consumer);
        // Looked at before the records are: a caller that reported one of these outcomes had its prediction, whose record is
        // therefore among those that are drained now. An outcome that comes later waits for the next call.
        let (outcomes, measures) = (self.inner.queue.outcomes(), self.inner.queue.measures());
        self.inner.queue.drain(|slip| consumer.record(slip, &*deployment.policy));
        let at = self.inner.clock.now();
        // Before the outcomes: these use their predictions up.
        for _ in 0..measures {
            if interrupt::is_stopped() {
                break;
            }
            let Some(reported) = self.inner.queue.pop_measure() else { break };
            interrupt::shield(|| consumer.measure(reported, &deployment));
        }
        for _ in 0..outcomes {
            if interrupt::is_stopped() {
                break;
            }
            let Some(reported) = self.inner.queue.pop_outcome() else { break };
            interrupt::shield(|| consumer.outcome(reported, &deployment, at));
        }
        // What was found so far is told by the next call; only news of columns, which comes once, is told at once.
        if kinds.is_empty() && interrupt::is_stopped() {
            return None;
        }
        kinds.extend(dropped);
        kinds.extend(consumer.refused_outcomes());
        kinds.extend(consumer.verdicts().map(|verdict| EventKind::Judged { verdict: Box::new(verdict) }));
        kinds.extend(consumer.invalid_answers());
        kinds.extend(self.inner.shadows.invalid_answers());
        let mut events = std::mem::take(&mut *self.pending());
        events.extend(kinds.into_iter().map(|kind| self.event(kind)));
        Some(events)
    }

    /// Hands out what was counted for a fleet since the last time, by the reference of the default arm's version; `None` where
    /// it brings none, or the endpoint was not [asked](super::EndpointBuilder::with_fleet_counts) to count. Counts that
    /// cannot be delivered are [put back](Self::put_back_counts).
    ///
    /// # Errors
    /// [`Error::Interrupted`](mlcore::Error::Interrupted); nothing is handed out then.
    pub fn take_counts(&self) -> Result<Option<WindowCounts>> {
        self.consumer()?.own().take_counts()
    }

    /// Takes counts back that were handed out and did not arrive, so that they are in the next. Answers whether they were
    /// taken: after a release to a version of another reference they are not.
    ///
    /// # Errors
    /// [`Error::Interrupted`](mlcore::Error::Interrupted).
    pub fn put_back_counts(&self, counts: &WindowCounts) -> Result<bool> {
        Ok(self.consumer()?.own().put_back(counts))
    }

    /// The reference that rows are counted for, in the columns that the arms read: what a fleet is made of.
    ///
    /// # Errors
    /// [`Error::Interrupted`](mlcore::Error::Interrupted).
    pub fn monitor_reference(&self) -> Result<Option<MonitorReference>> {
        Ok(self.consumer()?.own().reference())
    }

    /// What happened on other threads and nobody was told of yet.
    fn pending(&self) -> MutexGuard<'_, Vec<Event>> {
        self.inner.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn consumer(&self) -> Result<MutexGuard<'_, Consumer>> {
        // Only joins and windows live behind it: what a panic left there is still usable.
        interrupt::lock("process", &self.inner.consumer)
    }
}

pub(crate) fn as_micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
