//! Stopping a long call before it is done: by Ctrl-C in Python, by a flag of another thread in Rust.
//!
//! A caller wraps a call in [`scope`] and hands in a function that says whether to stop. Long operations of all crates ask it
//! by [`check`], at most once in [`INTERVAL`], and end with [`Error::Interrupted`]; nothing is changed then, and the call may be
//! repeated. Once the answer was yes it stays yes until the scope ends.
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicBool, Ordering};
//!
//! use mlcore::stats::{KsOptions, ks_2samp};
//! use mlcore::{Error, interrupt};
//!
//! let stop = Arc::new(AtomicBool::new(false));
//! let (x, y) = (vec![0.0; 1000], vec![1.0; 1000]);
//!
//! // Another thread holds a clone of `stop`; here it is set at once.
//! stop.store(true, Ordering::Relaxed);
//! let result = interrupt::scope(
//!     move || stop.load(Ordering::Relaxed),
//!     || ks_2samp(&x, &y, &KsOptions::default()),
//! );
//! assert!(matches!(result, Err(Error::Interrupted(_))));
//!
//! // The next call is not concerned.
//! assert!(ks_2samp(&x, &y, &KsOptions::default()).is_ok());
//! # Ok::<(), Error>(())
//! ```
//!
//! # Cost
//! Without a scope a check is one branch on a thread-local flag. Within one it reads the monotonic clock (some 25 ns), so that a
//! loop checks once per block of work and not per value: [`paced`] and [`Pace`] count.
//!
//! # Threads
//! A scope belongs to the thread that opened it, and its function is asked on that thread only: CPython tells of signals on
//! its main thread. A loop that shares its work out to other threads takes [`handle`] before it starts them and runs each
//! in [`Handle::enter`]; they stop as soon as the first thread has asked, and so the first thread must take part in the work
//! or [`check`] while it waits.
//!
//! # What cannot be stopped
//! A custom [`Runner`](crate::runner::Runner) or test that does not check goes on to its end, and so do a flush to the disk, the
//! commit of a transaction, and a step of some ten milliseconds such as the sort of a part. A model on ONNX Runtime ends between
//! two kernels; one that is a single kernel, such as a forest over many rows, goes on in a thread of its own, whose answer
//! nobody gets, while the call ends.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::atomic::{self, AtomicBool};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// A scope's function is asked at most this often: soon enough for somebody who waits, and so seldom that waiting for
/// Python's interpreter costs a long call next to nothing.
pub const INTERVAL: Duration = Duration::from_millis(50);

/// What a scope has found out.
struct Scope {
    stop: Box<dyn Fn() -> bool>,
    /// Set once and read by other threads.
    stopped: Arc<AtomicBool>,
    /// When the function is asked next; `None` before the first check.
    next: Cell<Option<Instant>>,
    outer: Option<Rc<Scope>>,
}

thread_local! {
    static IS_ACTIVE: Cell<bool> = const { Cell::new(false) };
    static CURRENT: RefCell<Option<Rc<Scope>>> = const { RefCell::new(None) };
}

/// Runs `work`, whose long operations on this thread end with [`Error::Interrupted`] soon after `stop` has answered `true`.
///
/// `stop` is asked by the first check, and from then on once in [`INTERVAL`]. A scope within a scope asks both functions. See
/// the [module](self) for an example.
pub fn scope<T>(stop: impl Fn() -> bool + 'static, work: impl FnOnce() -> T) -> T {
    open(Box::new(stop), Arc::default(), work)
}

fn open<T>(stop: Box<dyn Fn() -> bool>, stopped: Arc<AtomicBool>, work: impl FnOnce() -> T) -> T {
    let outer = CURRENT.with_borrow(Clone::clone);
    let scope = Scope { stop, stopped, next: Cell::new(None), outer: outer.clone() };
    // Also when the work panics.
    let _restored = Restored(outer);
    CURRENT.set(Some(Rc::new(scope)));
    IS_ACTIVE.set(true);
    work()
}

struct Restored(Option<Rc<Scope>>);

impl Drop for Restored {
    fn drop(&mut self) {
        let outer = self.0.take();
        IS_ACTIVE.set(outer.is_some());
        CURRENT.set(outer);
    }
}

impl Scope {
    fn is_stopped(&self) -> bool {
        if self.stopped.load(atomic::Ordering::Relaxed) {
            return true;
        }
        if self.next.get().is_some_and(|next| Instant::now() < next) {
            return false;
        }
        let is_stopped = self.outer.as_ref().is_some_and(|outer| outer.is_stopped()) || (self.stop)();
        self.stopped.store(is_stopped, atomic::Ordering::Relaxed);
        // From now on, not from before: the function may have waited.
        self.next.set(Some(Instant::now() + INTERVAL));
        is_stopped
    }
}

/// Runs a step that must be whole: nothing stops it, whatever [`scope`] it is in.
///
/// For code that writes several things of which none may stand alone. It is kept short, and the loop around it checks.
pub fn shield<T>(step: impl FnOnce() -> T) -> T {
    if !is_active() {
        return step();
    }
    let _restored = Restored(CURRENT.take());
    IS_ACTIVE.set(false);
    step()
}

/// Whether this thread is within a [`scope`].
#[inline]
#[must_use]
pub fn is_active() -> bool {
    IS_ACTIVE.get()
}

/// Whether to stop. For loops that have no error to answer with: they end early, and whoever called them asks [`check`]
/// before it uses what they made.
#[inline]
#[must_use]
pub fn is_stopped() -> bool {
    is_active() && ask()
}

#[cold]
fn ask() -> bool {
    // Not borrowed while the function runs, which may open a scope itself.
    CURRENT.with_borrow(Clone::clone).is_some_and(|scope| scope.is_stopped())
}

/// Ends a long operation that is to stop: called by its loops once per block of work.
///
/// # Errors
/// [`Error::Interrupted`] within a [`scope`] that says to stop.
#[inline]
pub fn check(operation: &'static str) -> Result<()> {
    if is_stopped() { Err(interrupted(operation)) } else { Ok(()) }
}

#[cold]
fn interrupted(operation: &'static str) -> Error {
    Error::interrupted(operation, "", "the caller asked it to stop before it was done")
        .remedy("repeat the call: nothing was changed")
}

/// Counts units of work, such as cells or bytes, so that a tight loop checks once per [block](Pace::BLOCK).
///
/// ```
/// use mlcore::interrupt::Pace;
///
/// fn sum(rows: &[Vec<f64>]) -> mlcore::Result<f64> {
///     let (mut pace, mut sum) = (Pace::default(), 0.0);
///     for row in rows {
///         pace.check("sum", row.len())?;
///         sum += row.iter().sum::<f64>();
///     }
///     Ok(sum)
/// }
/// assert_eq!(sum(&[vec![1.0, 2.0], vec![3.0]])?, 6.0);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Pace(usize);

impl Default for Pace {
    /// The first unit checks.
    fn default() -> Self {
        Self(Self::BLOCK)
    }
}

impl Pace {
    /// So many units of some nanoseconds each take far less than [`INTERVAL`], and far longer than a check.
    pub const BLOCK: usize = 1 << 14;

    /// Counts the units that come next, and [checks](check) at the end of a block.
    ///
    /// # Errors
    /// As [`check`].
    #[inline]
    pub fn check(&mut self, operation: &'static str, units: usize) -> Result<()> {
        if self.is_stopped(units) { Err(interrupted(operation)) } else { Ok(()) }
    }

    /// The same for a loop that has no error to answer with; see [`is_stopped`].
    #[inline]
    pub fn is_stopped(&mut self, units: usize) -> bool {
        self.0 = self.0.saturating_add(units);
        if self.0 < Self::BLOCK {
            return false;
        }
        self.0 = 0;
        is_stopped()
    }
}

/// The items of an iterator, which ends early when the caller is to stop: [`check`] behind the loop says so.
///
/// For loops of some nanoseconds or more per item; it counts as [`Pace`] does.
///
/// ```
/// use mlcore::interrupt::{check, paced};
///
/// let distinct: std::collections::HashSet<u32> = paced([1, 2, 2]).collect();
/// check("count")?;
/// assert_eq!(distinct.len(), 2);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[inline]
pub fn paced<I: IntoIterator>(items: I) -> impl Iterator<Item = I::Item> {
    let mut pace = Pace::default();
    items.into_iter().take_while(move |_| !pace.is_stopped(1))
}

/// Sorts as `sort_unstable_by` does, and ends early, in no order, when the caller is to stop: [`check`] behind it says so.
///
/// Long slices are sorted by parts and merged. Equal values may stand in another order than `sort_unstable_by`
/// leaves them in, which is the same with and without a [`scope`].
pub fn sort_unstable_by<T>(values: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    // Tens of milliseconds each: what owns memory, such as text, takes far longer to compare than numbers.
    let most = if std::mem::needs_drop::<T>() { 1 << 15 } else { 1 << 18 };
    if values.len() <= most {
        values.sort_unstable_by(compare);
        return;
    }
    for part in values.chunks_mut(most) {
        if is_stopped() {
            return;
        }
        part.sort_unstable_by(&mut compare);
    }
    let mut sorted = most;
    while sorted < values.len() {
        for pair in values.chunks_mut(2 * sorted).filter(|pair| pair.len() > sorted) {
            if is_stopped() {
                return;
            }
            // The stable sort finds the two parts that are in order already, and merges them.
            pair.sort_by(&mut compare);
        }
        sorted *= 2;
    }
}

/// Waits, and ends when the caller is to stop.
///
/// # Errors
/// As [`check`].
pub fn sleep(operation: &'static str, duration: Duration) -> Result<()> {
    if !is_active() {
        thread::sleep(duration);
        return Ok(());
    }
    let begin = Instant::now();
    loop {
        check(operation)?;
        let left = duration.saturating_sub(begin.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(INTERVAL));
    }
}

/// Locks a mutex that another thread may hold for long, and ends when the caller is to stop. A poisoned one is taken as it is.
///
/// # Errors
/// As [`check`].
pub fn lock<'a, T: ?Sized>(operation: &'static str, mutex: &'a Mutex<T>) -> Result<MutexGuard<'a, T>> {
    /// Often enough that a lock that is free is taken soon.
    const PAUSE: Duration = Duration::from_micros(200);
    if !is_active() {
        return Ok(mutex.lock().unwrap_or_else(PoisonError::into_inner));
    }
    loop {
        match mutex.try_lock() {
            Ok(guard) => return Ok(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => check(operation)?,
        }
        thread::sleep(PAUSE);
    }
}

/// The scope of this thread, for threads that do part of its work; outside a scope there is none.
#[must_use]
pub fn handle() -> Handle {
    Handle(CURRENT.with_borrow(|scope| scope.as_ref().map(|scope| Arc::clone(&scope.stopped))))
}

/// The scope of another thread; see [`handle`].
///
/// ```
/// use mlcore::{Error, interrupt};
///
/// let result = interrupt::scope(|| true, || {
///     let handle = interrupt::handle();
///     std::thread::scope(|threads| {
///         let part = threads.spawn(move || handle.enter(|| loop {
///             interrupt::check("part of the work")?;
///         }));
///         interrupt::check("work").and_then(|()| part.join().unwrap_or(Ok(())))
///     })
/// });
/// assert!(matches!(result, Err(Error::Interrupted(_))));
/// ```
#[derive(Clone, Debug)]
pub struct Handle(Option<Arc<AtomicBool>>);

impl Handle {
    /// Runs `work`, which stops when the scope that the handle came from has been told to.
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(stopped) => {
                let stopped = Arc::clone(stopped);
                scope(move || stopped.load(atomic::Ordering::Relaxed), work)
            }
            None => work(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_scope_nothing_stops() {
        assert!(!is_active() && !is_stopped() && check("test").is_ok());
        assert_eq!(paced(0..100_000).count(), 100_000);
    }

    #[test]
    fn a_scope_stops_what_is_inside_and_nothing_after_it() {
        let error = scope(|| true, || check("work")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "work: the caller asked it to stop before it was done; repeat the call: nothing was changed"
        );
        assert!(error.is_transient() && !error.is_caller_fault() && error.kind() == "interrupted");
        assert!(check("work").is_ok() && !is_active());
        assert!(std::panic::catch_unwind(|| scope(|| true, || panic!("on purpose"))).is_err());
        assert!(!is_active() && handle().enter(|| check("work")).is_ok());
    }

    #[test]
    fn yes_stays_yes_and_is_asked_for_once_in_an_interval() {
        let asked = Rc::new(Cell::new(0));
        let counted = Rc::clone(&asked);
        let stop = move || {
            counted.set(counted.get() + 1);
            counted.get() == 2
        };
        scope(stop, || {
            assert!((0..1000).all(|_| !is_stopped()));
            assert_eq!(asked.get(), 1);
            thread::sleep(INTERVAL);
            assert!((0..1000).all(|_| is_stopped()));
            assert_eq!(asked.get(), 2);
        });
    }

    #[test]
    fn scopes_ask_the_ones_around_them() {
        let inner = scope(|| true, || scope(|| false, || check("work")));
        assert!(inner.is_err());
        scope(
            || false,
            || {
                assert!(scope(|| true, || check("work")).is_err());
                assert!(check("work").is_ok() && is_active());
            },
        );
    }

    #[test]
    fn a_shielded_step_is_whole() {
        scope(
            || true,
            || {
                assert!(shield(|| !is_active() && check("step").is_ok()));
                assert!(is_active() && check("work").is_err());
            },
        );
        assert!(!is_active() && shield(|| !is_active()));
    }

    #[test]
    fn loops_waits_and_locks_end() {
        let mutex = Mutex::new(());
        let held = mutex.lock().unwrap();
        scope(
            || true,
            || {
                assert_eq!(paced(0..100).count(), 0);
                assert!(sleep("wait", Duration::from_secs(3600)).is_err());
                assert!(lock("wait", &mutex).is_err());
            },
        );
        drop(held);
        scope(|| false, || assert!(lock("wait", &mutex).is_ok() && sleep("wait", Duration::ZERO).is_ok()));
    }

    #[test]
    fn long_slices_are_sorted() {
        let mut random = crate::stats::SplitMix64::new(3);
        let values: Vec<u64> = (0..3_500_000).map(|_| random.next_u64() >> 40).collect();
        let (mut sorted, mut expected) = (values.clone(), values);
        expected.sort_unstable();
        scope(|| false, || sort_unstable_by(&mut sorted, u64::cmp));
        assert!(sorted == expected);
        scope(|| true, || sort_unstable_by(&mut sorted, |a, b| b.cmp(a)));
        assert!(sorted == expected);
    }
}
