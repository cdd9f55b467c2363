use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use mlcore::batch::Batch;
use mlcore::name::Arm;
use mlcore::{Error, Result};

use super::schedule::{Next, Place, Schedule};
use super::slot::{Run, Slot, options_until};
use super::{BatchOptions, BatchRun};
use crate::Endpoint;
use crate::endpoint::LoadedModel;

/// What hears of runs.
pub(super) type OnRun = dyn Fn(&BatchRun) + Send + Sync;

/// What callers and threads of a batcher share.
pub(super) struct Shared {
    pub(super) endpoint: Endpoint,
    pub(super) options: BatchOptions,
    pub(super) on_run: Option<Box<OnRun>>,
    state: Mutex<Lanes>,
    /// Tells an idle thread that there is something to do.
    changed: Condvar,
}

/// Everything that waits or runs, and how many threads wait for something to do.
#[derive(Default)]
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    idle: usize,
    is_closed: bool,
}

/// The requests of one version and arm.
pub(super) struct Lane {
    /// Does not keep a version in memory that answers no more.
    model: Weak<LoadedModel>,
    arm: Arm,
    is_shared: bool,
    pub(super) schedule: Schedule<Arc<Slot>>,
    /// Requests in a run that have a deadline.
    under_way: BTreeMap<(Duration, usize), Arc<Slot>>,
}

impl Lanes {
    /// The lane of this version and arm.
    pub(super) fn lane(
        &mut self,
        model: &Arc<LoadedModel>,
        arm: &Arm,
        is_shared: bool,
        options: &BatchOptions,
    ) -> &mut Lane {
        let position = self.position(model, arm, is_shared).unwrap_or_else(|| {
            // Versions that answer no more make room.
            self.lanes.retain(|lane| lane.model.strong_count() > 0 || lane.schedule.running() > 0);
            let options = if is_shared {
                options.clone()
            } else {
                BatchOptions::default()
                    .with_max_batch_size(1)
                    .with_max_queue_size(options.max_queue_size)
                    .with_instance_count(MOST_ALONE)
            };
            self.lanes.push(Lane {
                model: Arc::downgrade(model),
                arm: arm.clone(),
                is_shared,
                schedule: Schedule::unchecked(options),
                under_way: BTreeMap::new(),
            });
            self.lanes.len() - 1
        });
        &mut self.lanes[position]
    }

    fn position(&self, model: &Arc<LoadedModel>, arm: &Arm, is_shared: bool) -> Option<usize> {
        self.lanes.iter().position(|lane| {
            lane.model.as_ptr() == Arc::as_ptr(model) && lane.arm == *arm && lane.is_shared == is_shared
        })
    }

    fn lane_of(&mut self, slot: &Slot) -> Option<&mut Lane> {
        let position = self.position(&slot.model, &slot.arm, slot.is_shared)?;
        self.lanes.get_mut(position)
    }

    /// Requests whose time is over, and whether they are in a run.
    fn expired(&mut self, now: Duration) -> Vec<(Arc<Slot>, bool)> {
        let mut expired = Vec::new();
        for lane in &mut self.lanes {
            expired.extend(lane.schedule.expired(now).into_iter().map(|slot| (slot, false)));
            while let Some(first) = lane.under_way.first_entry()
                && first.key().0 <= now
            {
                expired.push((first.remove(), true));
            }
        }
        expired
    }

    /// The requests that run next, or when there may be some.
    fn next(&mut self, now: Duration) -> Next<Arc<Slot>> {
        let mut soonest: Option<Duration> = None;
        for lane in &mut self.lanes {
            let due = match lane.schedule.next(now) {
                Next::Run(slots) => {
                    let deadlines = slots.iter().filter_map(|slot| Some((key(slot, slot.deadline?), slot)));
                    lane.under_way.extend(deadlines.map(|(key, slot)| (key, slot.clone())));
                    return Next::Run(slots);
                }
                Next::Wait(due) => due,
            };
            let first = lane.under_way.keys().next().map(|(deadline, _)| *deadline);
            soonest = [soonest, due, first].into_iter().flatten().min();
        }
        Next::Wait(soonest)
    }

    /// Requests that wait.
    #[cfg(all(feature = "http", feature = "metrics"))]
    pub(super) fn waiting(&self) -> usize {
        self.lanes.iter().map(|lane| lane.schedule.waiting()).sum()
    }

    /// Whether a run could begin, or something happens with time.
    fn needs_a_thread(&self) -> bool {
        let needs = |lane: &Lane| {
            !lane.under_way.is_empty()
                || lane.schedule.has_expiries()
                || (lane.schedule.waiting() > 0 && lane.schedule.may_run())
        };
        self.lanes.iter().any(needs)
    }
}

/// Where a request in a run stands among the others: by its deadline, and by where it lies in memory, which no two share.
fn key(slot: &Arc<Slot>, deadline: Duration) -> (Duration, usize) {
    (deadline, Arc::as_ptr(slot).addr())
}

impl Shared {
    pub(super) fn new(endpoint: Endpoint, options: BatchOptions) -> Self {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Self { endpoint, options, on_run: None, state, changed }
    }

    pub(super) fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Duration {
        self.endpoint.clock().elapsed()
    }

    /// No other request comes: threads end when nothing waits.
    pub(super) fn close(&self) {
        self.lanes().is_closed = true;
        self.changed.notify_all();
    }

    /// Takes a request out whose caller has gone.
    pub(super) fn cancel(&self, slot: &Arc<Slot>, place: Place) {
        let mut lanes = self.lanes();
        let Some(lane) = lanes.lane_of(slot) else { return };
        let taken = lane.schedule.cancel(place);
        if let Some(deadline) = slot.deadline {
            lane.under_way.remove(&key(slot, deadline));
        }
        drop(lanes);
        drop(taken);
    }

    /// A run on the caller's own thread has ended.
    pub(super) fn ended_alone(self: &Arc<Self>, model: &Arc<LoadedModel>, arm: &Arm, took: Duration) {
        let mut lanes = self.lanes();
        if let Some(position) = lanes.position(model, arm, true)
            && let Some(lane) = lanes.lanes.get_mut(position)
        {
            lane.schedule.ended(took);
        }
        self.summon(lanes);
    }

    /// Sees to it that a thread does what is to be done.
    pub(super) fn summon(self: &Arc<Self>, lanes: MutexGuard<'_, Lanes>) {
        if !lanes.needs_a_thread() {
            return;
        }
        if lanes.idle > 0 {
            drop(lanes);
            self.changed.notify_one();
            return;
        }
        drop(lanes);
        let shared = self.clone();
        let builder = thread::Builder::new().name("mlcore-batches".to_owned());
        if builder.spawn(move || shared.work(Until::Idle)).is_err() {
            // The system gives no thread: the caller's does what waits.
            self.work(Until::NothingIsReady);
        }
    }

    /// Runs what waits, and ends what has expired.
    fn work(self: &Arc<Self>, until: Until) {
        let mut lanes = self.lanes();
        loop {
            let now = self.now();
            let expired = lanes.expired(now);
            if !expired.is_empty() {
                drop(lanes);
                for (slot, was_running) in expired {
                    slot.expire(now, was_running);
                }
                lanes = self.lanes();
                continue;
            }
            let due = match lanes.next(now) {
                Next::Run(slots) => {
                    // Somebody else looks after the others meanwhile.
                    self.summon(lanes);
                    self.run(&slots);
                    lanes = self.lanes();
                    if let Some(lane) = slots.first().and_then(|slot| lanes.lane_of(slot)) {
                        let deadlines = slots.iter().filter_map(|slot| Some(key(slot, slot.deadline?)));
                        for key in deadlines {
                            lane.under_way.remove(&key);
                        }
                        lane.schedule.ended(self.now().saturating_sub(now));
                    }
                    continue;
                }
                Next::Wait(due) => due,
            };
            if until == Until::NothingIsReady || (lanes.is_closed && due.is_none()) {
                break;
            }
            lanes.idle += 1;
            let pause =
                due.map_or(LONGEST_IDLE, |due| due.saturating_sub(now).clamp(SHORTEST_PAUSE, LONGEST_PAUSE));
            let (woken, timed_out) =
                self.changed.wait_timeout(lanes, pause).unwrap_or_else(PoisonError::into_inner);
            lanes = woken;
            lanes.idle -= 1;
            if timed_out.timed_out() && due.is_none() && !lanes.needs_a_thread() {
                break;
            }
        }
    }

    /// Runs these requests together, and answers each.
    fn run(&self, slots: &[Arc<Slot>]) {
        let open: Vec<&Slot> = slots.iter().map(|slot| &**slot).filter(|slot| slot.is_open()).collect();
        // As often as it takes to find the one among them that does not end in time, and once more.
        let mut timeouts = open.len().next_power_of_two().ilog2() + 2;
        // A waker of the host's may panic: nobody waits for ever because of it.
        if catch_unwind(AssertUnwindSafe(|| self.run_part(&open, &mut timeouts))).is_err() {
            for slot in open {
                let subject = slot.model.version().model.as_str();
                let problem = "what hears of runs, or of the answer to another request, panicked";
                slot.refuse(Error::internal("run batch", subject, problem), self.now());
            }
        }
    }

    /// Runs a part of a batch. One that fails is run again in halves, so that what fails is one request.
    fn run_part(&self, slots: &[&Slot], timeouts: &mut u32) {
        let Some(first) = slots.first() else { return };
        let began = self.now();
        if *timeouts == 0 {
            for slot in slots {
                let problem =
                    "runs for requests of the same batch did not end in time, and no other was begun";
                let run = Run { began, compute: Duration::ZERO, rows: 0, requests: slots.len() };
                slot.answer(
                    Err(Error::timeout("run batch", slot.model.version().model.as_str(), problem)),
                    run,
                );
            }
            return;
        }
        let deadlines = slots.iter().map(|slot| slot.deadline);
        let options = options_until(self.endpoint.run_options(), deadlines, began);
        let outputs = catch_unwind(AssertUnwindSafe(|| {
            let runner = first.model.runner();
            if slots.len() == 1 {
                return runner.run(&first.inputs, &options).map(|outputs| vec![outputs]);
            }
            let inputs: Vec<Batch> = slots.iter().map(|slot| slot.inputs.clone()).collect();
            let outputs = runner.run(&Batch::concat_rows(&inputs)?, &options)?;
            let mut start = 0;
            let mut own = |slot: &&Slot| {
                let range = start..start + slot.rows;
                start = range.end;
                outputs.rows_in(range)
            };
            slots.iter().map(&mut own).collect::<Result<Vec<Batch>>>()
        }));
        let outputs = outputs.unwrap_or_else(|_| {
            let subject = first.model.version().model.as_str();
            Err(Error::internal("run batch", subject, "joining the rows of its requests panicked"))
        });
        let (compute, requests) = (self.now().saturating_sub(began), slots.len());
        let rows = slots.iter().map(|slot| slot.rows).sum();
        let run = Run { began, compute, rows, requests };
        *timeouts -= u32::from(matches!(outputs, Err(Error::Timeout(_))));
        match outputs {
            Ok(outputs) => {
                self.tell(&first.model, run);
                for (slot, outputs) in slots.iter().zip(outputs) {
                    slot.answer(Ok(outputs), run);
                }
            }
            Err(error) if requests == 1 => first.answer(Err(error), run),
            Err(_) => {
                let (left, right) = slots.split_at(requests / 2);
                for half in [left, right] {
                    // Some may have gone or expired meanwhile.
                    let open: Vec<&Slot> = half.iter().copied().filter(|slot| slot.is_open()).collect();
                    self.run_part(&open, timeouts);
                }
            }
        }
    }

    /// Tells of a run that gave answers.
    pub(super) fn tell(&self, model: &LoadedModel, run: Run) {
        if let Some(on_run) = &self.on_run {
            let Run { compute, rows, requests, .. } = run;
            let run = BatchRun { version: model.version().version, rows, requests, compute };
            drop(catch_unwind(AssertUnwindSafe(|| on_run(&run))));
        }
    }
}

/// How long a thread works.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Nothing has come for a while.
    Idle,
    NothingIsReady,
}

/// A thread that had nothing to do for so long ends; the next burst starts one in some tens of microseconds.
const LONGEST_IDLE: Duration = Duration::from_secs(2);
/// The clock is looked at so often while something is to happen with time: it may be one that is set by hand.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
const SHORTEST_PAUSE: Duration = Duration::from_micros(50);
/// Runs at once of requests that share none: as many as threads should wait for one model.
const MOST_ALONE: usize = 64;
