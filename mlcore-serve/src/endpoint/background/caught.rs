use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::news::News;
use crate::endpoint::release::{EventKind, words_of};

/// Panics of code that was handed to the endpoint: caught, counted and told of. None of them ends a worker.
#[derive(Debug, Default)]
pub(crate) struct Caught {
    count: AtomicU64,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    news: News,
    problem: String,
}

impl Caught {
    /// Answers what `work` does; none where it panics. What it left half done it must cope with itself.
    pub(crate) fn guard<T>(&self, place: &str, work: impl FnOnce() -> T) -> Option<T> {
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(answer) => Some(answer),
            Err(panic) => {
                self.note(format!("{place} panicked: {}", words_of(&*panic)));
                None
            }
        }
    }

    #[cold]
    fn note(&self, problem: String) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.news.add();
        last.problem = problem;
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// The panics since the last call, where they are news.
    pub(crate) fn event(&self) -> Option<EventKind> {
        // Every round of a worker asks, and most often there was none ever.
        if self.count() == 0 {
            return None;
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let count = last.news.tell()?;
        Some(EventKind::Panicked { count, problem: last.problem.clone() })
    }
}
