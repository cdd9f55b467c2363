//! Must a policy have earned enough on the log of another before it may answer?

use serde::{Deserialize, Serialize};

use super::gate::OPERATION;
use super::off_policy::OffPolicyEstimate;
use super::requirement::Requirement;
use super::verdict::{Check, Digits};
use crate::error::{Error, Result};

/// What a challenger must surely have earned on the prediction log, by an [`OffPolicyEstimate`].
///
/// Margins are against the policy that wrote the log, row by row; a limit is against the lower end of the interval of the value. An
/// estimate that stands on few rows of the challenger's own proves nothing, whatever its interval says.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OffPolicyRequirement {
    /// What is asked of the rewards, of which more is better.
    pub requirement: Requirement,
    /// The smallest [effective sample size](OffPolicyEstimate::effective_sample_size) that counts as evidence. Default: 100, where the
    /// normal approximation of the intervals begins to hold.
    pub min_effective_sample_size: f64,
}

impl OffPolicyRequirement {
    /// Asks this of the rewards.
    #[must_use]
    pub fn new(requirement: Requirement) -> Self {
        Self { requirement, min_effective_sample_size: 100.0 }
    }

    /// Sets the smallest effective sample size that counts as evidence.
    #[must_use]
    pub fn with_min_effective_sample_size(mut self, min_effective_sample_size: f64) -> Self {
        self.min_effective_sample_size = min_effective_sample_size;
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        self.requirement.check_of(NAME)?;
        if self.min_effective_sample_size.is_finite() && self.min_effective_sample_size >= 0.0 {
            return Ok(());
        }
        let problem = format!("{} is no size of a sample", self.min_effective_sample_size);
        Err(Error::invalid_input(OPERATION, "min_effective_sample_size", problem)
            .remedy("pass a finite number of 0 or more"))
    }

    pub(super) fn judge(&self, estimate: Option<&OffPolicyEstimate>) -> Check {
        let Some(estimate) = estimate else {
            return Check::plain(NAME, false, "off_policy: nobody estimated what the challenger would earn");
        };
        let OffPolicyEstimate { value, interval, logged_value, gain, gain_interval, .. } = *estimate;
        let rows = estimate.effective_sample_size;
        let is_enough = rows >= self.min_effective_sample_size;
        let (is_shown, margin, claim) = match self.requirement {
            Requirement::NotWorseBy(margin) => (
                gain_interval.0 > -margin,
                margin,
                format!("a loss of less than {} must be sure", Digits(margin)),
            ),
            Requirement::BetterBy(margin) => (
                gain_interval.0 > margin,
                margin,
                format!("a gain of more than {} must be sure", Digits(margin)),
            ),
            Requirement::Reaches(limit) => {
                (interval.0 >= limit, limit, format!("at least {} must be sure", Digits(limit)))
            }
        };
        let sentence = format!(
            "off_policy: it would earn {} ({} to {}) where {} was earned, a gain of {} ({} to {}), by {} effective rows, of \
             which {} are needed; {claim}",
            Digits(value),
            Digits(interval.0),
            Digits(interval.1),
            Digits(logged_value),
            Digits(gain),
            Digits(gain_interval.0),
            Digits(gain_interval.1),
            Digits(rows),
            Digits(self.min_effective_sample_size),
        );
        Check {
            champion: Some(logged_value),
            challenger: Some(value),
            difference: Some(gain),
            interval: Some([gain_interval.0, gain_interval.1]),
            margin: Some(margin),
            // A number that is none shows nothing.
            ..Check::plain(NAME, is_shown && is_enough, sentence)
        }
    }
}

/// What the check is called.
const NAME: &str = "off_policy";
