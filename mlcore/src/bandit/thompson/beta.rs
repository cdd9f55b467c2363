use serde::{Deserialize, Serialize};

use super::posterior::Posterior;
use super::probabilities_of_best;
use crate::bandit::policy::{Rule, check};
use crate::bandit::{ArmStatistics, Support};
use crate::error::Result;

/// Thompson's policy for rewards of 0 and 1: the mean of an arm has a beta distribution.
///
/// A reward between 0 and 1 counts as that fraction of a success. The score of an arm is the mean of its posterior.
///
/// # Source
/// W. R. Thompson, "On the likelihood that one unknown probability exceeds another" (1933); parameters and defaults:
/// river 0.26 (`proba.Beta`) and mabwiser 2.7 (`LearningPolicy.ThompsonSampling`), which draw where this computes.
///
/// ```
/// use mlcore::bandit::{ArmStatistics, BanditPolicy, ThompsonBeta};
///
/// let policy = BanditPolicy::from(ThompsonBeta::default());
/// let arms = [ArmStatistics::of(&[1.0]), ArmStatistics::of(&[0.0])];
/// // Of two means with densities 2x and 2(1 - x) the first is the greater one in five of six cases.
/// assert!((policy.probabilities(&arms)[0] - 5.0 / 6.0).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThompsonBeta {
    /// The successes that are believed before the first, above 0.
    pub alpha: f64,
    /// The failures that are believed before the first, above 0.
    pub beta: f64,
}

impl Default for ThompsonBeta {
    fn default() -> Self {
        Self { alpha: 1.0, beta: 1.0 }
    }
}

impl ThompsonBeta {
    fn shapes(&self, arm: &ArmStatistics) -> (f64, f64) {
        let successes = arm.sum.clamp(0.0, arm.count.max(0.0));
        (self.alpha + successes, self.beta + (arm.count - successes).max(0.0))
    }
}

impl Rule for ThompsonBeta {
    fn check(&self) -> Result<()> {
        for (name, value) in [("alpha", self.alpha), ("beta", self.beta)] {
            check("thompson_beta", name, value, (1e-6..=1e12).contains(&value), "from 1e-6 to 1e12")?;
        }
        Ok(())
    }

    fn support(&self) -> Support {
        Support::UnitInterval
    }

    fn scores(&self, arms: &[ArmStatistics]) -> Vec<f64> {
        let mean = |arm| {
            let (a, b) = self.shapes(arm);
            a / (a + b)
        };
        arms.iter().map(mean).collect()
    }

    fn probabilities(&self, arms: &[ArmStatistics]) -> Vec<f64> {
        let posterior = |arm| {
            let (a, b) = self.shapes(arm);
            Posterior::beta(a, b)
        };
        probabilities_of_best(&arms.iter().map(posterior).collect::<Vec<_>>())
    }
}
