use std::time::Duration;

/// How long a policy has held, and what was told of it.
///
/// A release that waits for data is in order, and told of after an [hour](Holding::FIRST) and whenever that time has doubled.
/// One that waits for an arm that does not answer is told of at once, and once.
#[derive(Debug, Default)]
pub(crate) struct Holding {
    /// By the endpoint's clock.
    since: Option<Duration>,
    /// After so long it is told of next.
    next: Option<Duration>,
    lacking: Option<String>,
}

impl Holding {
    /// The time after which a release that waits for data is told of.
    const FIRST: Duration = Duration::from_secs(3_600);

    /// The policy decided something, or is another one.
    pub(crate) fn end(&mut self) {
        *self = Self::default();
    }

    /// The reason that is to be told, if it is news: `lacking` where an arm does not answer, else the policy's own `reason`.
    pub(crate) fn news(&mut self, now: Duration, lacking: Option<String>, reason: &str) -> Option<String> {
        let held = now.saturating_sub(*self.since.get_or_insert(now));
        if lacking != self.lacking {
            self.lacking.clone_from(&lacking);
            if lacking.is_some() {
                return lacking;
            }
        }
        let due = self.next.unwrap_or(Self::FIRST);
        if held < due {
            return None;
        }
        self.next = Some(held.saturating_mul(2));
        let lasted = format!("for {held:.0?} nothing was decided");
        Some(format!("{lasted}: {}", lacking.as_deref().unwrap_or(reason)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_told_of_after_an_hour_and_when_it_has_doubled() {
        let mut holding = Holding::default();
        let told: Vec<u64> = (0..1_000)
            .filter(|minute| {
                let now = Duration::from_secs(500 + 60 * minute);
                holding
                    .news(now, None, "12 of 100 samples")
                    .is_some_and(|told| told.ends_with("12 of 100 samples"))
            })
            .collect();
        assert_eq!(told, [60, 120, 240, 480, 960]);
        holding.end();
        assert_eq!(holding.news(Duration::from_secs(90_000), None, ""), None);
    }

    #[test]
    fn an_absent_arm_is_told_of_at_once() {
        let mut holding = Holding::default();
        let absent = || Some("canary is not set".to_owned());
        assert_eq!(holding.news(Duration::ZERO, absent(), "no samples"), absent());
        assert_eq!(holding.news(Duration::from_secs(1), absent(), "no samples"), None);
        assert_eq!(holding.news(Duration::from_secs(2), None, "no samples"), None);
        assert_eq!(holding.news(Duration::from_secs(3), absent(), "no samples"), absent());
        let told = holding.news(Duration::from_secs(3_600), absent(), "no samples").unwrap();
        assert_eq!(told, "for 3600s nothing was decided: canary is not set");
    }
}
