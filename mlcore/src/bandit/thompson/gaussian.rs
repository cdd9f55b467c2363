use serde::{Deserialize, Serialize};

use super::posterior::Posterior;
use super::probabilities_of_best;
use crate::bandit::policy::{Rule, check};
use crate::bandit::{ArmStatistics, Support};
use crate::error::Result;

/// Thompson's policy for rewards that are any numbers: they are normal, and the mean of an arm has Student's t distribution, or a
/// normal one where the scale of the rewards is known.
///
/// What is believed of mean and variance before the first outcome is a normal-inverse-gamma distribution. It is that of rewards
/// around 0 with a variance of about 1: rewards of another scale want another `beta`, or another unit. The score of an arm is the
/// mean of its posterior.
///
/// # Source
/// K. P. Murphy, "Conjugate Bayesian analysis of the Gaussian distribution" (2007), sections 2 and 6. river 0.26 draws from
/// the distribution of the rewards instead (`proba.Gaussian`), which does not narrow while outcomes come in, so that it explores
/// for ever.
///
/// ```
/// use mlcore::bandit::{ArmStatistics, BanditPolicy, ThompsonGaussian};
///
/// let policy = BanditPolicy::from(ThompsonGaussian::default().with_sigma(1.0));
/// let arms = [ArmStatistics::of(&[1.0]), ArmStatistics::of(&[0.0])];
/// // Two means, 1/2 and 0, each with a variance of 1/2: their difference is above 0 with a probability of Phi(1/2).
/// assert!((policy.probabilities(&arms)[0] - mlcore::stats::norm::cdf(0.5)).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThompsonGaussian {
    /// The mean that is believed before the first outcome.
    pub mu: f64,
    /// The outcomes that this belief is worth, above 0.
    pub kappa: f64,
    /// Half of the outcomes that the belief about the variance is worth, 0.5 or more.
    pub alpha: f64,
    /// Half of the squared deviations that are believed, above 0.
    pub beta: f64,
    /// The standard deviation of rewards, where it is known; `alpha` and `beta` then count for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigma: Option<f64>,
}

impl Default for ThompsonGaussian {
    fn default() -> Self {
        Self { mu: 0.0, kappa: 1.0, alpha: 1.0, beta: 1.0, sigma: None }
    }
}

impl ThompsonGaussian {
    /// The same of rewards whose standard deviation is known.
    #[must_use]
    pub fn with_sigma(mut self, sigma: f64) -> Self {
        self.sigma = Some(sigma);
        self
    }

    fn mean(&self, arm: &ArmStatistics) -> f64 {
        (self.kappa * self.mu + arm.sum) / (self.kappa + arm.count)
    }

    fn posterior(&self, arm: &ArmStatistics) -> Posterior {
        let (mean, kappa) = (self.mean(arm), self.kappa + arm.count);
        if let Some(sigma) = self.sigma {
            return Posterior::normal(mean, sigma / kappa.sqrt());
        }
        let surprise = arm.mean() - self.mu;
        let alpha = self.alpha + 0.5 * arm.count;
        let between = self.kappa * (arm.count / kappa) * surprise * surprise;
        let beta = self.beta + 0.5 * (arm.squared_deviations.max(0.0) + between);
        Posterior::student_t(mean, (beta / (alpha * kappa)).sqrt(), 2.0 * alpha)
    }
}

impl Rule for ThompsonGaussian {
    fn check(&self) -> Result<()> {
        let Self { mu, kappa, alpha, beta, sigma } = *self;
        check("thompson_gaussian", "mu", mu, mu.abs() <= 1e100, "from -1e100 to 1e100")?;
        check("thompson_gaussian", "kappa", kappa, (1e-6..=1e12).contains(&kappa), "from 1e-6 to 1e12")?;
        // With less than one degree of freedom hardly anything is believed within the reach of floats.
        check("thompson_gaussian", "alpha", alpha, (0.5..=1e12).contains(&alpha), "from 0.5 to 1e12")?;
        for (name, value) in [("beta", beta), ("sigma", sigma.unwrap_or(1.0))] {
            check(
                "thompson_gaussian",
                name,
                value,
                (1e-100..=1e100).contains(&value),
                "from 1e-100 to 1e100",
            )?;
        }
        Ok(())
    }

    fn support(&self) -> Support {
        Support::Real
    }

    fn scores(&self, arms: &[ArmStatistics]) -> Vec<f64> {
        arms.iter().map(|arm| self.mean(arm)).collect()
    }

    fn probabilities(&self, arms: &[ArmStatistics]) -> Vec<f64> {
        probabilities_of_best(&arms.iter().map(|arm| self.posterior(arm)).collect::<Vec<_>>())
    }
}
