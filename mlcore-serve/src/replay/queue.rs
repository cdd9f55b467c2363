//! Events in the order of their times.

use std::collections::BTreeMap;
use std::time::Duration;

use mlcore::name::Arm;
use mlcore::rollout::Observation;

/// What happens at one moment.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// The request of this number is decided.
    Asked(usize),
    /// Something is seen of a request that the policy decided.
    Seen(Box<Seen>),
}

/// What is seen of a request, with the assignment that it had.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) request: usize,
    /// The name by which the policy knows the arm.
    pub(super) arm: Arm,
    pub(super) propensity: f64,
    pub(super) epoch: u32,
    pub(super) observation: Observation,
}

/// Events by their times, in microseconds; of one moment, in the order in which they were put in.
#[derive(Debug, Default)]
pub(super) struct Queue {
    events: BTreeMap<(i64, u64), Event>,
    sequence: u64,
}

impl Queue {
    pub(super) fn push(&mut self, time: i64, event: Event) {
        self.events.insert((time, self.sequence), event);
        self.sequence += 1;
    }

    pub(super) fn pop(&mut self) -> Option<(i64, Event)> {
        self.events.pop_first().map(|((time, _), event)| (time, event))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

/// The moment so long after `time`.
pub(super) fn later(time: i64, by: Duration) -> i64 {
    time.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX))
}

/// What lies between two moments; nothing where the second is the earlier one.
pub(super) fn between(start: i64, end: i64) -> Duration {
    Duration::from_micros(u64::try_from(end.saturating_sub(start)).unwrap_or(0))
}
