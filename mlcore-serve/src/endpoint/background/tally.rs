use std::sync::atomic::{AtomicU64, Ordering};

/// Counts that any thread may read at once, whatever else goes on.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    abandoned: AtomicU64,
}

impl Tally {
    /// Counts a decision that was dropped without a record.
    pub(crate) fn abandon(&self) {
        self.abandoned.fetch_add(1, Ordering::Relaxed);
    }

    /// Decisions that were dropped without a record.
    pub(crate) fn abandoned(&self) -> u64 {
        self.abandoned.load(Ordering::Relaxed)
    }
}
