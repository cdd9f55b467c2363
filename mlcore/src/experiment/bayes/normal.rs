//! A normal posterior of the effect, with gbstats' priors and numbers.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::experiment::effect::Contrast;
use crate::experiment::{Answer, Difference, Estimate, NoVerdict, PreferredDirection};
use crate::stats::norm;

/// What is believed of the effect beforehand; by default nothing, as in gbstats.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GaussianPrior {
    /// Its mean. Default: 0.
    pub mean: f64,
    /// Its variance. Default: 1.
    pub variance: f64,
    /// Whether it counts at all. Default: false.
    pub proper: bool,
}

impl Default for GaussianPrior {
    fn default() -> Self {
        Self { mean: 0.0, variance: 1.0, proper: false }
    }
}

impl GaussianPrior {
    /// A prior that counts.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where the mean is not finite, or the variance not positive and finite.
    pub fn new(mean: f64, variance: f64) -> Result<Self> {
        let prior = Self { mean, variance, proper: true };
        prior.check()?;
        Ok(prior)
    }

    fn check(&self) -> Result<()> {
        if self.mean.is_finite() && self.variance > 0.0 && self.variance.is_finite() {
            return Ok(());
        }
        let problem = format!("a mean of {} and a variance of {} are no prior", self.mean, self.variance);
        Err(Error::invalid_input(OPERATION, "prior", problem)
            .remedy("give a finite mean and a positive variance"))
    }
}

/// Options of [`BayesianEffect::between`]; the defaults are gbstats'.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct BayesianOptions {
    /// What the difference is relative to. Default: the control.
    pub difference: Difference,
    /// The credible interval holds all but this of the posterior. Default: 0.05.
    pub alpha: f64,
    /// What is believed of the effect beforehand.
    pub prior: GaussianPrior,
    /// What the prior is relative to: it is rescaled where the difference is of the other kind. Default: the control.
    pub prior_type: Difference,
    /// Whether more is better; gbstats' `inverse` is [`PreferredDirection::Decrease`].
    pub preferred_direction: PreferredDirection,
}

impl Default for BayesianOptions {
    fn default() -> Self {
        Self {
            difference: Difference::default(),
            alpha: 0.05,
            prior: GaussianPrior::default(),
            prior_type: Difference::default(),
            preferred_direction: PreferredDirection::default(),
        }
    }
}

impl BayesianOptions {
    /// Sets what the difference is relative to.
    #[must_use]
    pub fn with_difference(mut self, difference: Difference) -> Self {
        self.difference = difference;
        self
    }

    /// Sets what the credible interval leaves out.
    #[must_use]
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets what is believed beforehand, and what that is relative to.
    #[must_use]
    pub fn with_prior(mut self, prior: GaussianPrior, prior_type: Difference) -> Self {
        (self.prior, self.prior_type) = (prior, prior_type);
        self
    }

    /// Sets whether more is better.
    #[must_use]
    pub fn with_preferred_direction(mut self, preferred_direction: PreferredDirection) -> Self {
        self.preferred_direction = preferred_direction;
        self
    }
}

/// The posterior of a difference.
///
/// ```
/// use mlcore::experiment::{BayesianEffect, BayesianOptions, Estimate};
///
/// let [control, treatment] = [100, 130].map(|successes| Estimate::of_proportion(successes, 1_000));
/// let effect = BayesianEffect::between(control, treatment, &BayesianOptions::default())?;
/// let effect = effect.known().unwrap();
/// assert!(effect.chance_to_win > 0.95 && effect.risk[1] < effect.risk[0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BayesianEffect {
    /// The mean of the posterior.
    pub estimate: f64,
    /// Its standard deviation.
    pub standard_deviation: f64,
    /// The lower end of the credible interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// How likely the treatment is better than the control.
    pub chance_to_win: f64,
    /// What is lost on average, in the units of the difference, by the choice of the control, and by that of the treatment.
    pub risk: [f64; 2],
}

impl BayesianEffect {
    /// Compares two arms.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for options that cannot be meant.
    ///
    /// # Source
    /// gbstats 0.8, `EffectBayesianABTest`; the risks are its means of truncated normal distributions in closed form.
    pub fn between(
        control: Answer<Estimate>,
        treatment: Answer<Estimate>,
        options: &BayesianOptions,
    ) -> Result<Answer<Self>> {
        options.prior.check()?;
        if !(options.alpha > 0.0 && options.alpha < 1.0) {
            let problem = format!("{} is not inside (0, 1)", options.alpha);
            return Err(Error::invalid_input(OPERATION, "alpha", problem));
        }
        let effect = || -> Result<Self, NoVerdict> {
            let (control, treatment) = (control.into_result()?, treatment.into_result()?);
            let contrast = Contrast::of(&control, &treatment, options.difference)?;
            Ok(Self::posterior(&contrast, control.unadjusted_mean.abs(), options))
        };
        Ok(effect().into())
    }

    fn posterior(contrast: &Contrast, base: f64, options: &BayesianOptions) -> Self {
        let scale = match (options.difference, options.prior_type) {
            (Difference::Relative, Difference::Absolute) => 1.0 / base,
            (Difference::Absolute, Difference::Relative) => base,
            (Difference::Relative, Difference::Relative) | (Difference::Absolute, Difference::Absolute) => {
                1.0
            }
        };
        let (mut precision, mut weighted) =
            (1.0 / contrast.squared_error, contrast.estimate / contrast.squared_error);
        let variance = options.prior.variance * scale * scale;
        // A relative prior of a control of 0 says that there is no effect, and no more than that.
        if options.prior.proper && variance > 0.0 {
            precision += 1.0 / variance;
            weighted += options.prior.mean * scale / variance;
        }
        let (mean, deviation) = (weighted / precision, (1.0 / precision).sqrt());
        let width = norm::isf(options.alpha / 2.0) * deviation;
        let standardised = mean / deviation;
        let density = (-0.5 * standardised * standardised).exp() / std::f64::consts::TAU.sqrt();
        let gain = mean * norm::cdf(standardised) + deviation * density;
        let loss = deviation * density - mean * norm::sf(standardised);
        let (chance_to_win, risk) = match options.preferred_direction {
            PreferredDirection::Increase => (norm::cdf(standardised), [gain, loss]),
            PreferredDirection::Decrease => (norm::sf(standardised), [loss, gain]),
        };
        // Far in a tail the two parts of a risk cancel to less than nothing.
        let risk = risk.map(|risk| risk.max(0.0));
        Self {
            estimate: mean,
            standard_deviation: deviation,
            low: mean - width,
            high: mean + width,
            chance_to_win,
            risk,
        }
    }
}

const OPERATION: &str = "compare arms";
