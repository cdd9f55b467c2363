use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

/// Numbers that no two calls share, in order on each thread.
///
/// A thread takes a block of them at a time, because a counter that all threads write makes them wait for each other.
#[derive(Debug)]
pub(crate) struct Sequence {
    /// Which of the sequences of this process it is.
    own: u64,
    next: CachePadded<AtomicU64>,
}

impl Sequence {
    pub(crate) fn new() -> Self {
        static SEQUENCES: AtomicU64 = AtomicU64::new(1);
        Self { own: SEQUENCES.fetch_add(1, Ordering::Relaxed), next: CachePadded::new(AtomicU64::new(0)) }
    }

    pub(crate) fn next(&self) -> u64 {
        thread_local! {
            /// The sequence that this thread asked last, and the numbers of its block that are left.
            static BLOCK: Cell<(u64, u64, u64)> = const { Cell::new((0, 0, 0)) };
        }
        BLOCK.with(|block| {
            let (sequence, next, end) = block.get();
            if sequence == self.own && next < end {
                block.set((sequence, next + 1, end));
                return next;
            }
            let next = self.next.fetch_add(NUMBERS, Ordering::Relaxed);
            block.set((self.own, next + 1, next + NUMBERS));
            next
        })
    }
}

/// Numbers that a thread takes at once.
const NUMBERS: u64 = 64;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread;

    use super::*;

    #[test]
    fn numbers_are_in_order_on_a_thread_and_unique_among_all() {
        let (sequence, other) = (Sequence::new(), Sequence::new());
        assert_eq!((0..200).map(|_| sequence.next()).collect::<Vec<_>>(), (0..200).collect::<Vec<_>>());
        // Asked in turn with another one, it goes on behind its blocks.
        let mut seen: HashSet<u64> = (0..200).collect();
        let mut last = 199;
        for number in 0..10 {
            assert_eq!(other.next() % NUMBERS, 0, "{number}");
            let next = sequence.next();
            assert!(seen.insert(next) && next > last);
            last = next;
        }
        let mut all: Vec<u64> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..300).map(|_| sequence.next()).collect::<Vec<_>>()))
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(all.len(), 1200);
        all.retain(|number| !seen.insert(*number));
        assert!(all.is_empty(), "{all:?}");
    }
}
