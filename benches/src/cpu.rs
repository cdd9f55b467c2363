//! Processor time, which tells the truth about a call even where other programs take the cores.

use std::fs;

/// Seconds that the calling thread has run; `None` where the system does not say (it is read from Linux's `/proc`).
pub(crate) fn thread_seconds() -> Option<f64> {
    seconds_in("/proc/thread-self/schedstat")
}

/// Seconds that all living threads of this process have run together.
pub(crate) fn process_seconds() -> Option<f64> {
    let tasks = fs::read_dir("/proc/self/task").ok()?;
    tasks.flatten().map(|task| seconds_in(&task.path().join("schedstat").to_string_lossy())).sum()
}

fn seconds_in(file: &str) -> Option<f64> {
    let nanoseconds: f64 = fs::read_to_string(file).ok()?.split(' ').next()?.parse().ok()?;
    Some(nanoseconds * 1e-9)
}
