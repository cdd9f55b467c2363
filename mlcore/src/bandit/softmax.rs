use serde::{Deserialize, Serialize};

use super::policy::{Rule, check, normalised};
use super::{ArmStatistics, Support};
use crate::error::Result;

/// Arms in proportion to `exp(mean / tau)`. An arm without outcomes has a mean of 0.
///
/// # Source
/// Parameter, default and probabilities: mabwiser 2.7 (`LearningPolicy.Softmax`), which draws a second time around them (from a
/// Dirichlet distribution) and takes the largest. Here an arm answers with exactly this probability.
///
/// ```
/// use mlcore::bandit::{ArmStatistics, BanditPolicy, Softmax};
///
/// let arms = [ArmStatistics::of(&[1.0]), ArmStatistics::of(&[1.0])];
/// assert_eq!(BanditPolicy::from(Softmax::default()).probabilities(&arms), [0.5, 0.5]);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Softmax {
    /// The temperature, in the unit of the rewards: the higher, the more it explores. Above 0.
    pub tau: f64,
}

impl Default for Softmax {
    fn default() -> Self {
        Self { tau: 1.0 }
    }
}

impl Rule for Softmax {
    fn check(&self) -> Result<()> {
        check("softmax", "tau", self.tau, self.tau > 0.0 && self.tau.is_finite(), "above 0, and finite")
    }

    fn support(&self) -> Support {
        Support::Real
    }

    fn scores(&self, arms: &[ArmStatistics]) -> Vec<f64> {
        arms.iter().map(ArmStatistics::mean).collect()
    }

    fn probabilities(&self, arms: &[ArmStatistics]) -> Vec<f64> {
        let scores = self.scores(arms);
        let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        normalised(scores.into_iter().map(|score| ((score - highest) / self.tau).exp()).collect())
    }
}
