use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mlcore::{Error, Result};

/// What a shadow may take: how many of its runs may wait, and how much of a core it may use.
///
/// Nobody waits for a shadow, so that its runs are what is dropped first: beyond its budget a request does not even copy its input for
/// it. What is dropped is counted, by shadow and reason, in [`ShadowCounts`](super::ShadowCounts).
///
/// ```
/// use mlcore_serve::endpoint::ShadowBudget;
///
/// // A fifth of a core, whatever the traffic: of the requests that are more only a part is compared.
/// let budget = ShadowBudget::default().with_core_share(0.2).with_waiting(256);
/// assert_eq!((budget.core_share, budget.waiting), (0.2, 256));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ShadowBudget {
    /// How many of its runs may wait. 4,096 by default, far fewer than records: under load shadows are what is missed least.
    pub waiting: usize,
    /// The share of one core that its runs may take, over some seconds, by the endpoint's clock. 1 by default: all of the thread that a
    /// [worker](crate::endpoint::Worker) gives it. More than 1 helps a host that runs shadows on threads of its own.
    pub core_share: f64,
}

impl Default for ShadowBudget {
    fn default() -> Self {
        Self { waiting: 4_096, core_share: 1.0 }
    }
}

impl ShadowBudget {
    /// Sets how many of its runs may wait; at least one may.
    #[must_use]
    pub fn with_waiting(mut self, runs: usize) -> Self {
        self.waiting = runs;
        self
    }

    /// Sets the share of one core.
    #[must_use]
    pub fn with_core_share(mut self, share: f64) -> Self {
        self.core_share = share;
        self
    }

    /// Refuses what is no budget.
    pub(super) fn check(&self, subject: &str) -> Result<()> {
        if self.core_share > 0.0 && self.core_share.is_finite() {
            return Ok(());
        }
        let problem =
            format!("a core share of {} lets no run begin; it must be positive and finite", self.core_share);
        Err(Error::invalid_input("build endpoint", format!("shadow budget of {subject}"), problem)
            .remedy("give it a share such as 0.2, or leave the arm out of the shadows"))
    }
}

/// What a shadow has used of its core, by the generic cell rate algorithm of ATM (ITU-T I.371): each run that took `d` moves the time
/// from which on the budget is balanced by `d / share`.
#[derive(Debug)]
pub(super) struct Meter {
    share: f64,
    /// In nanoseconds of the endpoint's clock.
    balanced_at: AtomicU64,
    /// When the run began that is under way, plus one; 0 where there is none.
    begun: AtomicU64,
}

/// So long a shadow may run ahead of its budget: shorter, and runs in groups would be dropped which the budget has room for.
const AHEAD: Duration = Duration::from_secs(1);

impl Meter {
    pub(super) fn new(share: f64) -> Self {
        Self { share, balanced_at: AtomicU64::new(0), begun: AtomicU64::new(0) }
    }

    /// Whether another run may be begun, or be let wait. Never waits.
    pub(super) fn admits(&self, now: Duration) -> bool {
        let now = nanos(now);
        let settled = self.balanced_at.load(Ordering::Relaxed);
        // A run that never ends uses its budget up, too.
        let balanced_at = match self.begun.load(Ordering::Relaxed).checked_sub(1) {
            Some(begun) => settled.max(begun).saturating_add(self.price(now.saturating_sub(begun))),
            None => settled,
        };
        balanced_at <= now.saturating_add(nanos(AHEAD))
    }

    pub(super) fn begin(&self, now: Duration) {
        self.begun.store(nanos(now).saturating_add(1), Ordering::Relaxed);
    }

    /// Takes note of a run from `begun` to `now`.
    pub(super) fn end(&self, begun: Duration, now: Duration) {
        let (begun, price) = (nanos(begun), self.price(nanos(now.saturating_sub(begun))));
        let settle = |settled: u64| Some(settled.max(begun).saturating_add(price));
        // The closure always answers.
        let _ = self.balanced_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, settle);
        self.begun.store(0, Ordering::Relaxed);
    }

    fn price(&self, spent: u64) -> u64 {
        (spent as f64 / self.share) as u64
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs of `cost` whenever the budget admits one, asked every millisecond for `seconds`: the milliseconds that were used.
    fn used(share: f64, cost: u64, seconds: u64) -> u64 {
        let (meter, mut used, mut now) = (Meter::new(share), 0, 0);
        while now < 1_000 * seconds {
            let begun = Duration::from_millis(now);
            if meter.admits(begun) {
                meter.begin(begun);
                now += cost;
                meter.end(begun, Duration::from_millis(now));
                used += cost;
            } else {
                now += 1;
            }
        }
        used
    }

    #[test]
    fn a_shadow_uses_its_share_and_no_more() {
        // A second ahead, which is a fifth of a second used, and one run.
        for cost in [1, 7, 300] {
            let used = used(0.2, cost, 100);
            assert!((19_500..=20_200 + 2 * cost).contains(&used), "{cost}: {used}");
        }
        assert_eq!(used(1.0, 5, 10), 10_000);
    }

    #[test]
    fn a_run_that_never_ends_uses_the_budget_up_and_a_long_pause_saves_nothing() {
        let meter = Meter::new(0.5);
        meter.begin(Duration::from_secs(10));
        assert!(meter.admits(Duration::from_secs(11)) && !meter.admits(Duration::from_secs(13)));
        meter.end(Duration::from_secs(10), Duration::from_secs(13));
        assert!(!meter.admits(Duration::from_millis(14_900)) && meter.admits(Duration::from_secs(15)));
        meter.begin(Duration::from_secs(1_000));
        meter.end(Duration::from_secs(1_000), Duration::from_secs(1_002));
        assert!(!meter.admits(Duration::from_secs(1_002)));
        meter.end(Duration::MAX, Duration::MAX);
        assert!(ShadowBudget::default().with_core_share(0.0).check("dark").is_err());
        assert!(ShadowBudget::default().with_core_share(f64::NAN).check("dark").is_err());
    }
}
