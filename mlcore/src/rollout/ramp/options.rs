use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Guardrail, Metric, Traffic};
use crate::error::{Error, Result};

/// How a canary's share grows, and what stops it.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RampOptions {
    /// The canary's share of units at each step, growing, within `(0, 1)`. After the last one it is promoted; a last step
    /// of 1 says the same and may be left out, because a canary without a control beside it has nothing to be compared
    /// with. At most 255.
    pub steps: Vec<f64>,
    /// What must not get worse.
    pub guardrails: Vec<Guardrail>,
    /// The probability of ever rolling back a canary that is within all margins and limits, and of ever letting one grow
    /// that is beyond a margin.
    pub alpha: f64,
    /// Values of each metric that each arm must have in a step before it may end. The inference is asymptotic:
    /// fewer than some dozens do not tell the variance.
    pub min_samples: u64,
    /// How long a step may last without an answer; `None` waits.
    pub max_hold: Option<Duration>,
    /// What happens after `max_hold`.
    pub expiry: Expiry,
    /// What the release is expected to meet: [warned](Self::warnings) of is what it cannot decide by that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
}

impl RampOptions {
    /// Steps of 5, 20 and 50 %, `alpha` 0.05, at least 100 samples an arm and step, no time limit.
    #[must_use]
    pub fn new(guardrails: impl IntoIterator<Item = Guardrail>) -> Self {
        Self {
            steps: vec![0.05, 0.2, 0.5],
            guardrails: guardrails.into_iter().collect(),
            alpha: 0.05,
            min_samples: 100,
            max_hold: None,
            expiry: Expiry::default(),
            traffic: None,
        }
    }

    /// Sets the steps.
    #[must_use]
    pub fn with_steps(mut self, steps: impl Into<Vec<f64>>) -> Self {
        self.steps = steps.into();
        self
    }

    /// Sets the number of samples that each arm needs in a step.
    #[must_use]
    pub fn with_min_samples(mut self, min_samples: u64) -> Self {
        self.min_samples = min_samples;
        self
    }

    /// Sets the probability of a wrong decision.
    #[must_use]
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets a time limit for each step, and what happens after it.
    #[must_use]
    pub fn with_max_hold(mut self, max_hold: Duration, expiry: Expiry) -> Self {
        (self.max_hold, self.expiry) = (Some(max_hold), expiry);
        self
    }

    /// Says what the release is expected to meet, so that a plan that cannot decide is warned of.
    ///
    /// ```
    /// use mlcore::rollout::{Guardrail, Metric, RampOptions, Traffic};
    ///
    /// let traffic = Traffic::new(Metric::ErrorRate, 0.02, 0.02)?.with_requests(5_000);
    /// let options = RampOptions::new([Guardrail::new(Metric::ErrorRate, 0.01)?]).with_traffic(traffic);
    /// assert!(options.warnings()[0].starts_with("step 1 (5 % of the units): error rate worse by 0.02 takes about"));
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    #[must_use]
    pub fn with_traffic(mut self, traffic: Traffic) -> Self {
        self.traffic = Some(traffic);
        self
    }

    /// Whether no step ends without losses: there is a guardrail on them, and no time limit withdraws the canary instead.
    pub(in crate::rollout) fn waits_for_losses(&self) -> bool {
        let watched = self.guardrails.iter().any(|guardrail| guardrail.metric == Metric::Loss);
        watched && !(self.max_hold.is_some() && self.expiry == Expiry::RollBack)
    }

    /// The steps at which both arms answer.
    pub(in crate::rollout) fn shares(&self) -> &[f64] {
        match self.steps.split_last() {
            Some((last, before)) if *last == 1.0 => before,
            _ => &self.steps,
        }
    }

    /// Refuses what no ramp can be built from, also when it was read from a file.
    pub(super) fn check(&self) -> Result<()> {
        let refuse =
            |subject: &str, problem: String| Err(Error::invalid_input("build ramp", subject, problem));
        let shares = self.shares();
        let within = shares.iter().all(|share| *share > 0.0 && *share < 1.0);
        if shares.is_empty() || shares.len() > MOST_STEPS || !within || !shares.is_sorted_by(|a, b| a < b) {
            let problem =
                format!("{:?} are not 1 to {MOST_STEPS} growing shares between 0 and 1", self.steps);
            return refuse("steps", problem);
        }
        if self.guardrails.is_empty() {
            return refuse("guardrails", "there is none, so nothing could ever be excluded".into());
        }
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return refuse("alpha", format!("{} is not between 0 and 1", self.alpha));
        }
        self.guardrails.iter().try_for_each(Guardrail::check)?;
        self.traffic.as_ref().map_or(Ok(()), |traffic| self.expected_requests(traffic).map(drop))
    }
}

/// What happens when a step has lasted too long without an answer: `roll_back` or `hold`.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Expiry {
    /// The canary is withdrawn: what cannot be shown harmless does not stay.
    #[default]
    RollBack,
    /// It keeps its share, and the reason says so.
    Hold,
}

crate::words! { Expiry, "expiry": RollBack = "roll_back", Hold = "hold" }

/// The most steps: an epoch counts them in one byte, and keeps one value for "none".
const MOST_STEPS: usize = 255;
