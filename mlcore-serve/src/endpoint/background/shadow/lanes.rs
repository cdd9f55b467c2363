use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_queue::ArrayQueue;
use crossbeam_utils::CachePadded;
use mlcore::name::{Arm, Version};
use mlcore::rollout::Tolerance;
use mlcore::{Result, memory};
use serde::Serialize;

use super::budget::Meter;
use super::comparison::Compared;
use super::{ShadowBudget, ShadowRun};
use crate::endpoint::decide::Deployment;
use crate::endpoint::release::EventKind;

/// What became of the runs of a shadow since the start, for a status page or a metric.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ShadowCounts {
    /// The shadow's arm.
    pub arm: Arm,
    /// Runs that were done, and are in its comparison until a release begins another one.
    pub done: u64,
    /// Runs that wait now.
    pub waiting: usize,
    /// Runs that were dropped because too many waited.
    pub queue_full: u64,
    /// Runs that were dropped because the shadow had used its share of a core.
    pub over_budget: u64,
    /// Runs that were dropped because the endpoint was behind with its records.
    pub under_load: u64,
    /// Runs that still waited when a release ended what they are compared with, or the worker or the caller was stopped.
    pub superseded: u64,
}

impl ShadowCounts {
    /// The runs that were dropped, for whatever reason.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.queue_full + self.over_budget + self.under_load + self.superseded
    }
}

/// Why a run was dropped.
#[derive(Clone, Copy)]
pub(super) enum Dropped {
    QueueFull,
    OverBudget,
    UnderLoad,
    Superseded,
}

/// How shadows are run and compared, while an endpoint is built.
#[derive(Debug, Default)]
pub(crate) struct ShadowOptions {
    pub(crate) budget: ShadowBudget,
    pub(crate) budgets: Vec<(Arm, ShadowBudget)>,
    pub(crate) tolerance: Tolerance,
}

/// The runs that wait, by shadow, and how the answers of those that ran compare.
#[derive(Debug)]
pub(crate) struct Shadows {
    lanes: Box<[Lane]>,
    tolerance: Tolerance,
    /// Held for the moment in which one run is added, never while a model runs.
    comparisons: Mutex<Vec<Compared>>,
}

/// The runs of one arm, apart from those of others: a slow shadow fills no queue but its own.
#[derive(Debug)]
pub(crate) struct Lane {
    arm: Arm,
    waiting: ArrayQueue<Box<ShadowRun>>,
    pub(super) meter: Meter,
    done: AtomicU64,
    dropped: CachePadded<Drops>,
}

/// How many runs were dropped, by reason.
#[derive(Debug, Default)]
struct Drops {
    queue_full: AtomicU64,
    over_budget: AtomicU64,
    under_load: AtomicU64,
    superseded: AtomicU64,
}

impl Shadows {
    /// Makes a lane for each arm.
    pub(crate) fn new(options: &ShadowOptions, arms: &[Arm]) -> Result<Self> {
        if let Some((arm, _)) = options.budgets.iter().find(|(arm, _)| !arms.contains(arm)) {
            let problem = "a shadow has a budget, and the endpoint does not have the arm";
            return Err(mlcore::Error::invalid_input("build endpoint", arm.as_str(), problem)
                .remedy("build the endpoint with this arm"));
        }
        let lane = |arm: &Arm| {
            let own = options.budgets.iter().rev().find(|(own, _)| own == arm);
            let budget = own.map_or(options.budget, |(_, budget)| *budget);
            budget.check(arm.as_str())?;
            let waiting = budget.waiting.max(1);
            memory::require::<[usize; 4]>("build endpoint", "shadow_capacity", &[arms.len(), waiting])?;
            Ok(Lane {
                arm: arm.clone(),
                waiting: ArrayQueue::new(waiting),
                meter: Meter::new(budget.core_share),
                done: AtomicU64::new(0),
                dropped: CachePadded::default(),
            })
        };
        Ok(Self {
            lanes: arms.iter().map(lane).collect::<Result<_>>()?,
            tolerance: options.tolerance,
            comparisons: Mutex::default(),
        })
    }

    pub(crate) fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    fn lane(&self, arm: &Arm) -> Option<&Lane> {
        self.lanes.iter().find(|lane| lane.arm == *arm)
    }

    /// Whether a run of this shadow may be queued: asked before anything is copied for it. One that may not is counted.
    pub(crate) fn admits(&self, arm: &Arm, now: Duration, is_under_load: bool) -> bool {
        let Some(lane) = self.lane(arm) else { return false };
        let reason = if is_under_load {
            Dropped::UnderLoad
        } else if !lane.meter.admits(now) {
            Dropped::OverBudget
        } else if lane.waiting.is_full() {
            Dropped::QueueFull
        } else {
            return true;
        };
        lane.drop_one(reason);
        false
    }

    /// Puts a run in, or drops it and counts.
    pub(crate) fn push(&self, run: ShadowRun) {
        let Some(lane) = self.lane(run.arm()) else { return };
        if lane.waiting.push(Box::new(run)).is_err() {
            lane.drop_one(Dropped::QueueFull);
        }
    }

    /// Drops and counts the runs that wait.
    pub(crate) fn discard(&self) {
        for lane in &self.lanes {
            while lane.waiting.pop().is_some() {
                lane.drop_one(Dropped::Superseded);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.iter().all(Lane::is_empty)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.counts().dropped()).sum()
    }

    /// The counts of the arms that were ever to run as shadows.
    pub(crate) fn counts(&self) -> Vec<ShadowCounts> {
        let counts = self.lanes.iter().map(Lane::counts);
        counts.filter(|counts| counts.done + counts.dropped() > 0 || counts.waiting > 0).collect()
    }

    pub(crate) fn comparisons(&self) -> MutexGuard<'_, Vec<Compared>> {
        // Nothing that runs under it panics half-way through a comparison.
        self.comparisons.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The comparison of this version, begun where there is none.
    pub(super) fn compared<'a>(
        &self,
        comparisons: &'a mut Vec<Compared>,
        (arm, version): (&Arm, Version),
    ) -> Option<&'a mut Compared> {
        let known = comparisons.iter().position(|shadow| shadow.is_of(arm, version));
        let position = known.unwrap_or(comparisons.len());
        if known.is_none() {
            comparisons.push(Compared::new(arm.clone(), version, self.tolerance));
        }
        comparisons.get_mut(position)
    }

    /// The shadows whose answers were invalid, where that is news.
    pub(crate) fn invalid_answers(&self) -> Vec<EventKind> {
        self.comparisons().iter_mut().filter_map(Compared::invalid_event).collect()
    }

    /// Begins to compare anew where a release has replaced or withdrawn a version: what shadows were compared with is
    /// not what callers get now.
    pub(crate) fn follow(&self, before: &Deployment, after: &Deployment) {
        if !before.still_serves(after) {
            self.discard();
            self.comparisons().clear();
        }
    }
}

impl Lane {
    pub(super) fn arm(&self) -> &Arm {
        &self.arm
    }

    pub(super) fn pop(&self) -> Option<Box<ShadowRun>> {
        self.waiting.pop()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn count_done(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn drop_one(&self, reason: Dropped) {
        let count = match reason {
            Dropped::QueueFull => &self.dropped.queue_full,
            Dropped::OverBudget => &self.dropped.over_budget,
            Dropped::UnderLoad => &self.dropped.under_load,
            Dropped::Superseded => &self.dropped.superseded,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn counts(&self) -> ShadowCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ShadowCounts {
            arm: self.arm.clone(),
            done: read(&self.done),
            waiting: self.waiting.len(),
            queue_full: read(&self.dropped.queue_full),
            over_budget: read(&self.dropped.over_budget),
            under_load: read(&self.dropped.under_load),
            superseded: read(&self.dropped.superseded),
        }
    }
}
