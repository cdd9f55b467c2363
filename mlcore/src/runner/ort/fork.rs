//! What a fork does to what lies below runners. A child has the memory of its parent and only the thread that forked: locks
//! that other threads held stay locked, and threads that others wait for are not there.
//!
//! The locks of this folder are taken before a fork and given back after it on both sides, so that no child inherits one
//! that nobody opens. Kept threads and the watchdog are forgotten in the child and started again when they are needed. The
//! number of forks tells what was made before one.

use std::sync::atomic::{AtomicU32, Ordering};

/// The forks between the first process and this one, as far as they were watched.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// A number that is another one in a child than in its parent.
pub(super) fn generation() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

#[cfg(unix)]
mod handlers {
    use std::cell::RefCell;
    use std::sync::MutexGuard;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::super::{helpers, runtime, watchdog};
    use super::FORKS;

    type Held = (
        MutexGuard<'static, Vec<runtime::OnnxRuntime>>,
        MutexGuard<'static, helpers::Idle>,
        MutexGuard<'static, watchdog::State>,
    );

    thread_local! {
        /// What the thread that forks holds meanwhile.
        static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
    }

    static IS_WATCHED: AtomicBool = AtomicBool::new(false);

    /// Has forks of this process handled from now on. To be called where none of the locks is held.
    #[expect(unsafe_code, reason = "a foreign interface")]
    pub(in super::super) fn watch() {
        if !IS_WATCHED.load(Ordering::Relaxed) && !IS_WATCHED.swap(true, Ordering::Relaxed) {
            // SAFETY: the handlers live as long as the library; the system forgets them where it is unloaded.
            unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
        }
    }

    extern "C" fn before() {
        // A thread that is about to end has no such place any more, and forks without.
        let _ = HELD.try_with(|held| {
            if let Ok(mut held) = held.try_borrow_mut() {
                *held = Some((runtime::loaded(), helpers::idle(), watchdog::state()));
            }
        });
    }

    extern "C" fn in_parent() {
        drop(HELD.try_with(|held| held.try_borrow_mut().map(|mut held| held.take())));
    }

    extern "C" fn in_child() {
        FORKS.fetch_add(1, Ordering::Relaxed);
        watchdog::forget_thread();
        let _ = HELD.try_with(|held| {
            if let Ok(mut held) = held.try_borrow_mut()
                && let Some((_, idle, _)) = held.as_mut()
            {
                idle.forget();
            }
        });
        in_parent();
    }
}

#[cfg(unix)]
pub(super) use self::handlers::watch;

/// Elsewhere there is no fork.
#[cfg(not(unix))]
pub(super) fn watch() {}
