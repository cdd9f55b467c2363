//! The contracts of the feature store's traits as test suites: run them on your own implementation.
//!
//! A suite panics at the first broken promise, as a test does, and says which one it was.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test suite fails by panicking")]

mod definitions;
mod kit;
mod life;
mod rows;
mod series;
mod swaps;
mod times;

use std::sync::Arc;

pub use self::definitions::definitions;
use super::online::OnlineStore;

/// Holds a store to the contract of [`OnlineStore`], as its documentation states it. `open` opens the store of a place, which is
/// named by a short text: new and empty when the place is opened first, and with its content when it is opened again.
///
/// Proved: rows come back byte by byte, each key once and in order; newer wins in whatever order rows arrive, from one thread and
/// from several; batches, notes and series are idempotent; deleting, evicting and dropping take what they say and nothing of
/// neighbours whose names look alike; no read hands out what has expired; what
/// [`Capabilities`](super::online::Capabilities) promises. A store that is not durable is opened once for each place.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore_features::store::conformance;
/// use mlcore_features::store::online::MemoryStore;
///
/// conformance::online(|_| Arc::new(MemoryStore::new()));
/// ```
///
/// # Panics
/// When a promise is broken.
pub fn online(open: impl Fn(&str) -> Arc<dyn OnlineStore>) {
    rows::come_back(&*open("come-back"));
    rows::newer_wins(&*open("newer"));
    rows::are_checked(&*open("checked"));
    rows::threads_agree(&*open("threads"));
    series::are_bounded_and_ordered(&*open("series"));
    series::threads_agree(&*open("series-threads"));
    swaps::are_whole(&*open("swaps"));
    swaps::threads_lose_nothing(&*open("swaps-threads"));
    life::notes_are_kept(&*open("notes"));
    life::deleting_and_evicting(&*open("deleting"));
    life::dropping_takes_one_table(&*open("dropping"));
    times::nothing_expired_is_read(&open("times"));
    if open("durable").capabilities().is_durable() {
        life::outlives_its_handles(&open);
    }
}
