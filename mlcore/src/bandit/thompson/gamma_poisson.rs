use serde::{Deserialize, Serialize};

use super::posterior::Posterior;
use super::probabilities_of_best;
use crate::bandit::policy::{Rule, check};
use crate::bandit::{ArmStatistics, Support};
use crate::error::Result;

/// Thompson's policy for counts, such as items in a basket: rewards are Poisson, and the mean of an arm has a gamma distribution.
///
/// The score of an arm is the mean of its posterior.
///
/// # Source
/// A. Gelman et al., "Bayesian Data Analysis" (3rd edition, 2013), section 2.6: `shape` and `rate` are its alpha and beta.
///
/// ```
/// use mlcore::bandit::{ArmStatistics, BanditPolicy, ThompsonGammaPoisson};
///
/// let policy = BanditPolicy::from(ThompsonGammaPoisson::default());
/// let arms = [ArmStatistics::of(&[3.0, 1.0]), ArmStatistics::default()];
/// assert_eq!(policy.scores(&arms), [5.0 / 3.0, 1.0]);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThompsonGammaPoisson {
    /// The sum of rewards that is believed before the first outcome, above 0.
    pub shape: f64,
    /// The outcomes that it is believed of, above 0.
    pub rate: f64,
}

impl Default for ThompsonGammaPoisson {
    fn default() -> Self {
        Self { shape: 1.0, rate: 1.0 }
    }
}

impl ThompsonGammaPoisson {
    fn shape_and_rate(&self, arm: &ArmStatistics) -> (f64, f64) {
        (self.shape + arm.sum.max(0.0), self.rate + arm.count.max(0.0))
    }
}

impl Rule for ThompsonGammaPoisson {
    fn check(&self) -> Result<()> {
        for (name, value) in [("shape", self.shape), ("rate", self.rate)] {
            check(
                "thompson_gamma_poisson",
                name,
                value,
                (1e-6..=1e12).contains(&value),
                "from 1e-6 to 1e12",
            )?;
        }
        Ok(())
    }

    fn support(&self) -> Support {
        Support::NonNegative
    }

    fn scores(&self, arms: &[ArmStatistics]) -> Vec<f64> {
        let mean = |arm| {
            let (shape, rate) = self.shape_and_rate(arm);
            shape / rate
        };
        arms.iter().map(mean).collect()
    }

    fn probabilities(&self, arms: &[ArmStatistics]) -> Vec<f64> {
        let posterior = |arm| {
            let (shape, rate) = self.shape_and_rate(arm);
            Posterior::gamma(shape, rate)
        };
        probabilities_of_best(&arms.iter().map(posterior).collect::<Vec<_>>())
    }
}
