use serde::{Deserialize, Serialize};

use super::policy::{Rule, check, normalised};
use super::{ArmStatistics, Support};
use crate::error::Result;

/// Exponential weights for exploration and exploitation: holds against rewards that an adversary chooses.
///
/// The weight of an arm is `exp(gamma / K * sum of reward / propensity)`, and its probability
/// `(1 - gamma) * weight / sum of weights + gamma / K`. Each reward is divided by the propensity with which its arm was assigned,
/// so that one which comes late counts as it should. It takes rewards from 0 to 1.
///
/// # Source
/// P. Auer, N. Cesa-Bianchi, Y. Freund and R. E. Schapire, "The nonstochastic multiarmed bandit problem" (2002), figure 1;
/// parameter: river 0.26 (`bandit.Exp3`), which has no default for it. Here the weights are kept as logarithms, and do not
/// overflow.
///
/// ```
/// use mlcore::bandit::{ArmStatistics, BanditPolicy, Exp3};
///
/// let arms = [ArmStatistics::of(&[1.0]), ArmStatistics::of(&[0.0])];
/// let shares = BanditPolicy::from(Exp3 { gamma: 0.1 }).probabilities(&arms);
/// let weight = f64::exp(0.05);
/// assert!((shares[0] - (0.9 * weight / (weight + 1.0) + 0.05)).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exp3 {
    /// The share of requests that explore, and how fast it learns, 0 to 1.
    pub gamma: f64,
}

impl Rule for Exp3 {
    fn check(&self) -> Result<()> {
        check("exp3", "gamma", self.gamma, (0.0..=1.0).contains(&self.gamma), "from 0 to 1")
    }

    fn support(&self) -> Support {
        Support::UnitInterval
    }

    fn scores(&self, arms: &[ArmStatistics]) -> Vec<f64> {
        let rate = self.gamma / arms.len().max(1) as f64;
        arms.iter().map(|arm| rate * arm.inverse_propensity_sum).collect()
    }

    fn probabilities(&self, arms: &[ArmStatistics]) -> Vec<f64> {
        let logarithms = self.scores(arms);
        let highest = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights = normalised(logarithms.into_iter().map(|weight| (weight - highest).exp()).collect());
        let explored = self.gamma / arms.len().max(1) as f64;
        weights.into_iter().map(|weight| (1.0 - self.gamma) * weight + explored).collect()
    }
}
