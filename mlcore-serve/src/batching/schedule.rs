use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use mlcore::Result;
use smallvec::SmallVec;

use super::BatchOptions;

/// Says which requests of one version and arm run together, and when: the decisions of a [`Batcher`](super::Batcher) without
/// its threads.
///
/// It reads no clock: every call gets the time, as a duration since some fixed moment. The same arrivals at the same times give
/// the same batches, so that a log of traffic can be replayed against other options:
///
/// ```
/// use std::time::Duration;
///
/// use mlcore_serve::batching::{Arrival, BatchOptions, Next, Schedule};
///
/// let options = BatchOptions::default().with_max_batch_size(4);
/// let mut schedule = Schedule::new(options)?;
/// let micros = Duration::from_micros;
///
/// // Nothing runs, so the first request runs at once; three others come while it does.
/// schedule.push(micros(0), Arrival::new(1), "a");
/// assert_eq!(schedule.next(micros(0)), Next::Run(vec!["a"]));
/// for (at, name) in [(10, "b"), (20, "c"), (30, "d")] {
///     schedule.push(micros(at), Arrival::new(1), name);
///     assert_eq!(schedule.next(micros(at)), Next::Wait(None));
/// }
/// schedule.ended(micros(500));
/// assert_eq!(schedule.next(micros(500)), Next::Run(vec!["b", "c", "d"]));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug)]
pub struct Schedule<T> {
    options: BatchOptions,
    /// Those that wait, by level and arrival.
    levels: BTreeMap<u32, VecDeque<Waiting<T>>>,
    /// When those that have a deadline expire, and their level.
    expiries: BTreeMap<(Duration, u64), u32>,
    waiting: usize,
    running: usize,
    arrivals: u64,
    /// The smoothed time of a run.
    expected: Duration,
}

/// What a schedule knows of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    kind: u128,
    rows: usize,
    priority: u32,
    expires: Option<Duration>,
}

/// Where a request waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    level: u32,
    number: u64,
}

/// What is to be done now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Next<T> {
    /// These requests run together; [`Schedule::ended`] is called when they have.
    Run(Vec<T>),
    /// Nothing before this time, unless a request arrives or a run ends.
    Wait(Option<Duration>),
}

#[derive(Debug)]
struct Waiting<T> {
    item: T,
    number: u64,
    kind: u128,
    /// What it counts for in a batch: its rows, and one where it has none.
    size: usize,
    arrived: Duration,
    expires: Option<Duration>,
}

impl Arrival {
    /// A request of so many rows, of the only kind.
    #[must_use]
    pub fn new(rows: usize) -> Self {
        Self { kind: 0, rows, priority: 0, expires: None }
    }

    /// The same of another kind: only requests of one kind run together.
    #[must_use]
    pub fn with_kind(mut self, kind: u128) -> Self {
        self.kind = kind;
        self
    }

    /// The same of this priority, of which 1 is the highest; 0 names none.
    #[must_use]
    pub fn with_priority(mut self, priority: u32) -> Self {
        self.priority = priority;
        self
    }

    /// The same that must be run before this time.
    #[must_use]
    pub fn with_expiry(mut self, expires: Option<Duration>) -> Self {
        self.expires = expires;
        self
    }
}

impl<T> Schedule<T> {
    /// A schedule of which nothing is known yet.
    ///
    /// # Errors
    /// As [`BatchOptions::check`].
    pub fn new(options: BatchOptions) -> Result<Self> {
        options.check()?;
        Ok(Self::unchecked(options))
    }

    pub(super) fn unchecked(options: BatchOptions) -> Self {
        let levels = BTreeMap::new();
        let expiries = BTreeMap::new();
        Self { options, levels, expiries, waiting: 0, running: 0, arrivals: 0, expected: Duration::ZERO }
    }

    /// Lets a request wait; answers where, or `None` where the queue is full and `item` is dropped.
    pub fn push(&mut self, now: Duration, arrival: Arrival, item: T) -> Option<Place> {
        if self.is_full() {
            return None;
        }
        let Arrival { kind, rows, priority, expires } = arrival;
        let number = self.arrivals;
        self.arrivals += 1;
        let level = self.options.level(priority);
        if let Some(expires) = expires {
            self.expiries.insert((expires, number), level);
        }
        let waiting = Waiting { item, number, kind, size: rows.max(1), arrived: now, expires };
        self.levels.entry(level).or_default().push_back(waiting);
        self.waiting += 1;
        Some(Place { level, number })
    }

    /// Begins the run of a request that needs no queue, because nothing waits, a run may begin and no delay is asked for.
    pub fn begin_alone(&mut self) -> bool {
        let may = self.waiting == 0 && self.may_run() && self.options.max_queue_delay.is_zero();
        self.running += usize::from(may);
        may
    }

    /// Takes the requests that run next. Those that have expired are to be [taken](Self::expired) out before.
    pub fn next(&mut self, now: Duration) -> Next<T> {
        let first_expiry = self.expiries.keys().next().map(|(expires, _)| *expires);
        if !self.may_run() || self.waiting == 0 {
            return Next::Wait(first_expiry);
        }
        match self.choose(now) {
            Ok((kind, members)) => {
                self.running += 1;
                Next::Run(self.take(kind, members))
            }
            Err(due) => Next::Wait(Some(first_expiry.map_or(due, |expires| expires.min(due)))),
        }
    }

    /// A run has ended, and took so long.
    pub fn ended(&mut self, took: Duration) {
        self.running = self.running.saturating_sub(1);
        self.expected = match self.expected {
            Duration::ZERO => took,
            before => before - before / 8 + took / 8,
        };
    }

    /// Takes a request out whose caller has gone; `None` where it waits no more.
    pub fn cancel(&mut self, place: Place) -> Option<T> {
        let queue = self.levels.get_mut(&place.level)?;
        let position = queue.binary_search_by_key(&place.number, |waiting| waiting.number).ok()?;
        let waiting = queue.remove(position)?;
        self.forget(&waiting);
        Some(waiting.item)
    }

    /// Takes the requests out that should have run before now, the earliest first.
    pub fn expired(&mut self, now: Duration) -> Vec<T> {
        let mut expired = Vec::new();
        while let Some((&(expires, number), &level)) = self.expiries.first_key_value()
            && expires <= now
        {
            expired.extend(self.cancel(Place { level, number }));
            self.expiries.remove(&(expires, number));
        }
        expired
    }

    /// How many requests wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many runs are under way.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running
    }

    /// Whether no other request may wait.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.waiting >= self.options.max_queue_size
    }

    /// Whether another run may begin.
    pub(super) fn may_run(&self) -> bool {
        self.running < self.options.instance_count
    }

    /// Whether some that wait have a deadline.
    pub(super) fn has_expiries(&self) -> bool {
        !self.expiries.is_empty()
    }

    /// The kind and the number of the requests that run now, or when some will.
    fn choose(&self, now: Duration) -> Result<(u128, usize), Duration> {
        let mut forming: SmallVec<[Forming; 4]> = SmallVec::new();
        for waiting in self.levels.values().flatten() {
            let position = forming.iter().position(|own| own.kind == waiting.kind);
            // Without a delay the first runs, whatever waits behind it.
            let may_begin = forming.is_empty() || !self.options.max_queue_delay.is_zero();
            let position = match position {
                Some(position) => position,
                None if may_begin && forming.len() < MOST_KINDS => {
                    forming.push(Forming::new(waiting.kind));
                    forming.len() - 1
                }
                None => continue,
            };
            if let Some(own) = forming.get_mut(position) {
                own.add(waiting, &self.options, self.expected);
                if position == 0 && own.is_full {
                    break;
                }
            }
        }
        let ready = forming.iter().find(|own| own.is_ready(now));
        match ready {
            Some(ready) => Ok((ready.kind, ready.preferred.unwrap_or(ready.members))),
            None => Err(forming.iter().map(|own| own.due).min().unwrap_or(Duration::MAX)),
        }
    }

    /// Takes the first `members` requests of a kind out, in their order.
    fn take(&mut self, kind: u128, members: usize) -> Vec<T> {
        let mut taken = Vec::with_capacity(members);
        let mut passed = VecDeque::new();
        for queue in self.levels.values_mut() {
            while taken.len() < members
                && let Some(waiting) = queue.pop_front()
            {
                if waiting.kind == kind { taken.push(waiting) } else { passed.push_back(waiting) }
            }
            // Those of other kinds keep their places.
            while let Some(waiting) = passed.pop_back() {
                queue.push_front(waiting);
            }
        }
        taken.iter().for_each(|waiting| self.forget(waiting));
        taken.into_iter().map(|waiting| waiting.item).collect()
    }

    fn forget(&mut self, waiting: &Waiting<T>) {
        self.waiting -= 1;
        if let Some(expires) = waiting.expires {
            self.expiries.remove(&(expires, waiting.number));
        }
    }
}

/// The requests of one kind that would run together.
struct Forming {
    kind: u128,
    members: usize,
    size: usize,
    /// The most members that have a preferred size together.
    preferred: Option<usize>,
    is_full: bool,
    /// When they run even if no other request comes.
    due: Duration,
}

impl Forming {
    fn new(kind: u128) -> Self {
        Self { kind, members: 0, size: 0, preferred: None, is_full: false, due: Duration::MAX }
    }

    fn add<T>(&mut self, waiting: &Waiting<T>, options: &BatchOptions, expected: Duration) {
        let size = self.size.saturating_add(waiting.size);
        // One that does not fit ends the batch, so that no smaller one overtakes it for ever.
        self.is_full |= self.members > 0 && size > options.max_batch_size;
        if self.is_full {
            return;
        }
        (self.members, self.size) = (self.members + 1, size);
        self.is_full = size >= options.max_batch_size;
        if options.preferred_batch_size.contains(&size) {
            self.preferred = Some(self.members);
        }
        self.due = self.due.min(waiting.arrived.saturating_add(options.max_queue_delay));
        if let Some(expires) = waiting.expires {
            // Half of its time is left for the run, and for a thread that is late.
            let half = waiting.arrived + expires.saturating_sub(waiting.arrived) / 2;
            self.due = self.due.min(expires.saturating_sub(expected)).min(half);
        }
    }

    fn is_ready(&self, now: Duration) -> bool {
        self.is_full || self.preferred.is_some() || self.due <= now
    }
}

/// So many kinds are looked at for one that is ready; the others come when one of these has run.
const MOST_KINDS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    fn schedule(options: BatchOptions) -> Schedule<u32> {
        Schedule::new(options.with_max_batch_size(8)).unwrap()
    }

    #[test]
    fn nothing_waits_while_nothing_runs() {
        let mut own = schedule(BatchOptions::default());
        assert!(own.begin_alone() && !own.begin_alone());
        own.push(micros(1), Arrival::new(1), 1);
        own.ended(micros(5));
        assert!(!own.begin_alone(), "others came first");
        assert_eq!(own.next(micros(5)), Next::Run(vec![1]));
        assert_eq!((own.waiting(), own.running()), (0, 1));
    }

    #[test]
    fn a_batch_ends_before_the_request_that_does_not_fit() {
        let mut own = schedule(BatchOptions::default());
        for (item, rows) in [3, 4, 2, 1, 20, 0].into_iter().enumerate() {
            own.push(micros(0), Arrival::new(rows), item as u32);
        }
        let mut batches = Vec::new();
        while let Next::Run(batch) = own.next(micros(1)) {
            batches.push(batch);
            own.ended(micros(1));
        }
        assert_eq!(batches, [vec![0, 1], vec![2, 3], vec![4], vec![5]]);
    }

    #[test]
    fn a_delay_ends_with_time_size_or_deadline() {
        let options = || BatchOptions::default().with_max_queue_delay(micros(100));
        let mut own = schedule(options());
        assert!(!own.begin_alone());
        own.push(micros(10), Arrival::new(3), 1);
        own.push(micros(20), Arrival::new(3), 2);
        assert_eq!(own.next(micros(20)), Next::Wait(Some(micros(110))));
        own.push(micros(30), Arrival::new(2), 3);
        assert_eq!(own.next(micros(30)), Next::Run(vec![1, 2, 3]));
        own.ended(micros(15));
        own.push(micros(200), Arrival::new(1), 4);
        own.push(micros(210), Arrival::new(1).with_expiry(Some(micros(260))), 5);
        assert_eq!(own.next(micros(210)), Next::Wait(Some(micros(235))));
        assert_eq!(own.next(micros(235)), Next::Run(vec![4, 5]));
        own.ended(micros(15));
        // So that the run, which takes 15, ends in time.
        own.push(micros(300), Arrival::new(1).with_expiry(Some(micros(320))), 6);
        assert_eq!(own.next(micros(300)), Next::Wait(Some(micros(305))));
        assert_eq!(own.next(micros(305)), Next::Run(vec![6]));
        let mut own = schedule(options().with_preferred_batch_size([2, 4]));
        for item in 1..=5 {
            own.push(micros(0), Arrival::new(1), item);
        }
        assert_eq!(own.next(micros(0)), Next::Run(vec![1, 2, 3, 4]));
        own.ended(micros(1));
        assert_eq!(own.next(micros(0)), Next::Wait(Some(micros(100))));
        assert_eq!(own.next(micros(100)), Next::Run(vec![5]));
    }

    #[test]
    fn levels_go_first_and_kinds_stay_apart() {
        let mut own = schedule(BatchOptions::default().with_priority_levels(3, 2));
        let arrival = |kind, priority| Arrival::new(1).with_kind(kind).with_priority(priority);
        for (item, (kind, priority)) in [(1, 3), (2, 0), (1, 0), (2, 1), (1, 2)].into_iter().enumerate() {
            own.push(micros(0), arrival(kind, priority), item as u32);
        }
        assert_eq!(own.next(micros(0)), Next::Run(vec![3, 1]));
        own.ended(micros(1));
        assert_eq!(own.next(micros(0)), Next::Run(vec![2, 4, 0]));
    }

    #[test]
    fn a_kind_that_is_ready_does_not_wait_for_one_before_it() {
        let mut own = schedule(BatchOptions::default().with_max_queue_delay(micros(100)));
        own.push(micros(0), Arrival::new(1).with_kind(1), 1);
        own.push(micros(1), Arrival::new(8).with_kind(2), 2);
        assert_eq!(own.next(micros(1)), Next::Run(vec![2]));
        own.ended(micros(1));
        assert_eq!(own.next(micros(2)), Next::Wait(Some(micros(100))));
    }

    #[test]
    fn what_has_gone_or_expired_does_not_run() {
        let mut own = schedule(BatchOptions::default().with_max_queue_size(3));
        let first = own.push(micros(0), Arrival::new(1), 1).unwrap();
        own.push(micros(0), Arrival::new(1).with_expiry(Some(micros(50))), 2);
        own.push(micros(0), Arrival::new(1).with_expiry(Some(micros(90))), 3);
        assert_eq!(own.push(micros(0), Arrival::new(1), 4), None);
        assert_eq!((own.cancel(first), own.cancel(first)), (Some(1), None));
        assert_eq!((own.expired(micros(49)), own.expired(micros(50))), (vec![], vec![2]));
        assert!(own.begin_alone() || own.waiting() == 1);
        assert_eq!(own.next(micros(60)), Next::Run(vec![3]));
        assert_eq!(own.next(micros(60)), Next::Wait(None));
    }
}
