//! What the two threads of a buffer do.

use std::time::Duration;

use super::queue::Shared;
use super::settle::settle;
use crate::tracking::Tracker;

/// Writes what waits, in order, until the buffer is closed.
pub(super) fn write(shared: &Shared, tracker: &dyn Tracker) {
    while let Some(taken) = shared.next() {
        let mut pause = SHORTEST;
        loop {
            match settle(tracker, &taken.records) {
                Ok(settled) => {
                    shared.settle(&taken, settled);
                    break;
                }
                Err(error) if shared.wait_after(&error, pause) => pause = (pause * 2).min(LONGEST),
                Err(_) => return shared.leave(&taken),
            }
        }
    }
}

/// Moves the queue into the spool whenever the writer does not keep up, until the buffer is closed.
pub(super) fn spool(shared: &Shared) {
    while let Some(records) = shared.next_to_spool() {
        if !shared.spill(records) {
            std::thread::sleep(LONGEST);
        }
    }
}

const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);
