use std::time::Duration;

/// Adds up time on a clock that starts anew with every process: what passes between two questions counts, what passes
/// between two processes does not.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct SinceAsked {
    last: Option<Duration>,
}

impl SinceAsked {
    /// The time since the last question, of which there is none before the first.
    pub(super) fn ask(&mut self, now: Duration) -> Duration {
        let passed = self.last.map_or(Duration::ZERO, |last| now.saturating_sub(last));
        self.last = Some(now);
        passed
    }
}
