use std::time::Duration;

/// When something that failed is tried again, and whether its failure is news.
///
/// The first time it is tried again at once, because a registry that was busy for a moment is free in the next; from then on
/// after a tenth of a second, and after twice as long each time, up to a minute. A reason is told of once.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    failed: u32,
    /// By the endpoint's clock.
    next: Duration,
    told: Option<String>,
}

impl Attempts {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(60);

    /// It worked, or is about something else.
    pub(crate) fn end(&mut self) {
        *self = Self::default();
    }

    /// Whether it may be tried.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        now >= self.next
    }

    /// It failed for this reason; answers it where it is news.
    pub(crate) fn fail(&mut self, now: Duration, reason: String) -> Option<String> {
        let delay = match self.failed {
            0 => Duration::ZERO,
            earlier => Self::FIRST.saturating_mul(1 << (earlier - 1).min(16)).min(Self::LONGEST),
        };
        self.failed = self.failed.saturating_add(1);
        self.next = now.saturating_add(delay);
        if self.told.as_ref() == Some(&reason) {
            return None;
        }
        self.told = Some(reason.clone());
        Some(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_of_once_and_tried_ever_more_seldom() {
        let mut attempts = Attempts::default();
        let (mut tried, mut told) = (Vec::new(), 0);
        for millis in 0..200_000 {
            let now = Duration::from_millis(millis);
            if attempts.is_due(now) {
                tried.push(millis);
                told += usize::from(attempts.fail(now, "busy".to_owned()).is_some());
            }
        }
        assert_eq!(tried[..6], [0, 1, 101, 301, 701, 1_501]);
        assert_eq!(tried[tried.len() - 1] - tried[tried.len() - 2], 60_000);
        assert_eq!(told, 1);
        assert!(attempts.fail(Duration::MAX, "locked".to_owned()).is_some());
        attempts.end();
        assert!(
            attempts.is_due(Duration::ZERO) && attempts.fail(Duration::ZERO, "locked".to_owned()).is_some()
        );
    }
}
