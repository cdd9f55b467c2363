//! When did the moves of an alias take place?

use super::AliasChange;
use crate::time::Timestamp;

/// When each move of an alias took place, in ascending order, in spite of single clocks that were wrong by more than a day.
pub(super) fn times(history: &[AliasChange]) -> Vec<Timestamp> {
    let is_far_after = |late: Timestamp, early: Timestamp| {
        late.as_micros().saturating_sub(early.as_micros()) > WRONG_CLOCK_MICROS
    };
    // Another change's clock was ahead where the latest time of the log is far from the move's own.
    let mut times: Vec<Timestamp> = history
        .iter()
        .map(
            |change| {
                if is_far_after(change.effective_at, change.at) { change.at } else { change.effective_at }
            },
        )
        .collect();
    // From the end: no later move reaches the time of a move whose clock was ahead.
    let (mut next, mut latest) = (None, None);
    for time in times.iter_mut().rev() {
        match (next, latest) {
            (Some(next), Some(latest)) if is_far_after(*time, latest) => *time = next,
            _ => latest = latest.max(Some(*time)),
        }
        next = Some(*time);
    }
    // From the beginning: a clock that went back reorders nothing.
    let mut reached = None;
    for time in &mut times {
        let latest = reached.map_or(*time, |reached: Timestamp| reached.max(*time));
        (*time, reached) = (latest, Some(latest));
    }
    times
}

/// One day: more than time zones and drifting clocks differ by.
const WRONG_CLOCK_MICROS: i64 = 24 * 60 * 60 * 1_000_000;
