//! What the path of the requests hands over to the thread that works it off.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use crossbeam_queue::ArrayQueue;
use crossbeam_utils::CachePadded;
use mlcore::interrupt;
use mlcore::name::{Arm, Version};
use mlcore::{Result, memory};

use super::outcome::{Reported, ReportedMeasure};
use super::slip::Slip;

/// Bounded queues that never block: what does not fit is dropped and counted.
///
/// Threads put their records into different shards, because processors that write into one place wait for each other.
/// Slips that were worked off travel back to where they came from, so that recording a row allocates nothing once warm,
/// and nothing is freed by another thread than the one that allocated it.
#[derive(Debug)]
pub(crate) struct Queue {
    shards: Box<[CachePadded<Shard>]>,
    /// Apart from the records: see [`Queue::outcomes`].
    outcomes: ArrayQueue<Reported>,
    measures: ArrayQueue<ReportedMeasure>,
    /// Written by requests beside what all of them read.
    dropped_records: CachePadded<AtomicU64>,
    dropped_outcomes: AtomicU64,
}

#[derive(Debug)]
struct Shard {
    waiting: ArrayQueue<Box<Slip>>,
    spare: ArrayQueue<Box<Slip>>,
}

impl Queue {
    /// Makes room for so many records, and for as many outcomes.
    pub(crate) fn new(capacity: usize) -> Result<Self> {
        let capacity = capacity.max(1);
        // A place holds its value and a stamp; there are as many for spare records and for outcomes.
        const OPERATION: &str = "build endpoint";
        memory::require::<[(usize, Reported); 2]>(OPERATION, "queue_capacity", &[capacity])?;
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let shards = processors.min(MOST_SHARDS).min(capacity / FEWEST_OF_SHARD).max(1);
        Ok(Self {
            shards: (0..shards)
                // Together exactly the capacity.
                .map(|shard| Shard::new(capacity / shards + usize::from(shard < capacity % shards)))
                .map(CachePadded::new)
                .collect(),
            outcomes: ArrayQueue::new(capacity),
            measures: ArrayQueue::new(capacity.min(MOST_MEASURES)),
            dropped_records: CachePadded::new(AtomicU64::new(0)),
            dropped_outcomes: AtomicU64::new(0),
        })
    }

    /// The shards, that of this thread first.
    fn shards(&self) -> impl Iterator<Item = &Shard> {
        let (others, own) = self.shards.split_at(number_of_thread() % self.shards.len());
        own.iter().chain(others).map(|shard| &**shard)
    }

    /// Puts a record in, or drops it and counts.
    pub(crate) fn push(&self, slip: Box<Slip>) {
        // A full shard does not mean a full queue: one thread may use the room of all, and pays for it by meeting others.
        let mut left = slip;
        for shard in self.shards() {
            match shard.waiting.push(left) {
                Ok(()) => return,
                Err(slip) => left = slip,
            }
        }
        // A count that people read orders nothing.
        tell_of(self.dropped_records.fetch_add(1, Ordering::Relaxed), "records");
        // The record is lost, its memory is not: under overload an allocation per request would make things worse.
        if let Some(own) = self.shards().next() {
            own.recycle(left);
        }
    }

    /// Puts an outcome in, or drops it and counts.
    pub(crate) fn push_outcome(&self, reported: Reported) {
        if self.outcomes.push(reported).is_err() {
            tell_of(self.dropped_outcomes.fetch_add(1, Ordering::Relaxed), "outcomes");
        }
    }

    /// Puts a number or a verdict in, or drops it and counts it among the outcomes.
    pub(crate) fn push_measure(&self, reported: ReportedMeasure) {
        if self.measures.push(reported).is_err() {
            tell_of(self.dropped_outcomes.fetch_add(1, Ordering::Relaxed), "measures");
        }
    }

    /// Hands the records over that wait, those of one thread in their order; what arrives meanwhile waits for the next
    /// call, so that this one ends. So do the others where the caller is to [stop](mlcore::interrupt), and each that is handed
    /// over is taken as a whole. Their memory is used again.
    pub(crate) fn drain(&self, mut take: impl FnMut(&mut Slip)) {
        for shard in &self.shards {
            for _ in 0..shard.waiting.len() {
                if interrupt::is_stopped() {
                    return;
                }
                let Some(mut slip) = shard.waiting.pop() else { break };
                interrupt::shield(|| take(&mut slip));
                shard.recycle(slip);
            }
        }
    }

    /// How many outcomes wait. A caller that reports an outcome had its prediction, so the records of these were queued before:
    /// [drain](Queue::drain) first, then [pop](Queue::pop_outcome) so many.
    pub(crate) fn outcomes(&self) -> usize {
        self.outcomes.len()
    }

    /// The oldest outcome.
    pub(crate) fn pop_outcome(&self) -> Option<Reported> {
        self.outcomes.pop()
    }

    /// How many measures wait, as [`outcomes`](Queue::outcomes) says of those.
    pub(crate) fn measures(&self) -> usize {
        self.measures.len()
    }

    /// The oldest measure.
    pub(crate) fn pop_measure(&self) -> Option<ReportedMeasure> {
        self.measures.pop()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
            && self.measures.is_empty()
            && self.shards.iter().all(|shard| shard.waiting.is_empty())
    }

    /// Whether the records of this thread fill more than half of their room: what is missed less than they are should stay out.
    pub(crate) fn is_behind(&self) -> bool {
        self.shards().next().is_some_and(|own| own.waiting.len() > own.waiting.capacity() / 2)
    }

    /// How many records, and how many outcomes and measures, did not fit since the start.
    pub(crate) fn dropped(&self) -> (u64, u64) {
        (self.dropped_records.load(Ordering::Relaxed), self.dropped_outcomes.load(Ordering::Relaxed))
    }

    /// A slip to be filled in: memory that was used before, with what it held then, or a new one for this arm.
    pub(crate) fn slip(&self, arm: &Arm, version: Version) -> Box<Slip> {
        // Another shard's spare slips would be at hand, but were allocated by another thread.
        match self.shards().next().and_then(|own| own.spare.pop()) {
            Some(slip) => slip,
            None => Box::new(Slip::new(arm, version)),
        }
    }
}

impl Shard {
    fn new(capacity: usize) -> Self {
        Self { waiting: ArrayQueue::new(capacity), spare: ArrayQueue::new(capacity.min(MOST_SPARE)) }
    }

    /// Takes the memory of a slip back.
    fn recycle(&self, mut slip: Box<Slip>) {
        slip.clear();
        // A full shelf means there are enough of them: this one is freed.
        drop(self.spare.push(slip));
    }
}

/// Logs that something was dropped after so many others: the first one, and whenever their number has doubled. Where nobody
/// works a queue off, nobody is told by an event either.
fn tell_of(earlier: u64, what: &str) {
    let dropped = earlier.saturating_add(1);
    if dropped.is_power_of_two() {
        tracing::warn!(
            dropped,
            "an endpoint drops {what}: its queue is full, and is worked off too slowly or not at all"
        );
    }
}

/// Threads are numbered as they come.
fn number_of_thread() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static NUMBER: usize = THREADS.fetch_add(1, Ordering::Relaxed));
    NUMBER.with(|number| *number)
}

/// More threads than that share shards.
const MOST_SHARDS: usize = 16;
/// Measures come for a sample of the predictions or now and then, and each takes four times the memory of an outcome.
const MOST_MEASURES: usize = 8_192;
/// A small queue is not divided.
const FEWEST_OF_SHARD: usize = 1024;
/// Slips of a shard that are kept for later: as many as come in the few milliseconds for which a worker sleeps.
const MOST_SPARE: usize = 512;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::endpoint::decide::OutcomeId;

    fn push(queue: &Queue, sequence: u64) {
        let mut slip = queue.slip(&Arm::new("champion").unwrap(), Version::FIRST);
        slip.record.outcome_id = OutcomeId::of_halves(1, sequence);
        queue.push(slip);
    }

    fn drained(queue: &Queue) -> Vec<u64> {
        let mut ids = Vec::new();
        queue.drain(|slip| ids.push(slip.record.outcome_id.to_u128() as u64));
        ids
    }

    #[test]
    fn a_full_queue_drops_the_newest_and_counts() {
        // The second is large enough to be divided: one thread may fill all of it.
        for capacity in [2, 5 * FEWEST_OF_SHARD + 3] {
            let queue = Queue::new(capacity).unwrap();
            assert!(queue.is_empty());
            for sequence in 0..capacity as u64 + 3 {
                push(&queue, sequence);
                queue.push_outcome(Reported::of_request(OutcomeId::of_halves(1, sequence), 0.5));
            }
            assert_eq!(queue.dropped(), (3, 3));
            let ids: HashSet<u64> = drained(&queue).into_iter().collect();
            assert_eq!(ids, (0..capacity as u64).collect());
            assert_eq!(queue.outcomes(), capacity);
            assert_eq!(queue.pop_outcome(), Some(Reported::of_request(OutcomeId::of_halves(1, 0), 0.5)));
            assert!(!queue.is_empty());
        }
    }

    #[test]
    fn threads_keep_their_order_and_nothing_is_lost() {
        const THREADS: u64 = 8;
        const EACH: u64 = 500;
        let queue = Queue::new(100_000).unwrap();
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let queue = &queue;
                scope.spawn(move || {
                    for number in 0..EACH {
                        push(queue, thread * EACH + number);
                    }
                });
            }
        });
        let ids = drained(&queue);
        assert_eq!(ids.len() as u64, THREADS * EACH);
        for thread in 0..THREADS {
            let own: Vec<u64> = ids.iter().copied().filter(|id| id / EACH == thread).collect();
            assert_eq!(own, (thread * EACH..(thread + 1) * EACH).collect::<Vec<_>>());
        }
        assert_eq!((queue.dropped(), queue.is_empty()), ((0, 0), true));
    }
}
