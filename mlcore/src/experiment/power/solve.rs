//! Power of a test of two means, and what gives a power, with statsmodels' names and numbers.

use super::super::root;
use crate::error::{Error, Result};
use crate::stats::{Alternative, nct, norm, t};

/// The distribution of the test whose power is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum PowerDistribution {
    /// The normal distribution: statsmodels' `NormalIndPower`.
    #[default]
    Normal,
    /// The t distribution with one common variance: statsmodels' `TTestIndPower`.
    T,
}

crate::words! { PowerDistribution, "distribution": Normal = "normal", T = "t" }

/// Effect, sample size and power of a test of two independent means: three, of which two give the third.
///
/// An effect is standardised: the difference of the means over the standard deviation. `nobs1` are the units of the first arm; the
/// second has `ratio` times as many.
///
/// # Source
/// statsmodels 0.15, `NormalIndPower`, `TTestIndPower` and `zt_ind_solve_power`; the defaults of `ratio` and `alternative` are theirs,
/// and `alpha` is 0.05.
///
/// ```
/// use mlcore::experiment::PowerAnalysis;
///
/// let analysis = PowerAnalysis::default();
/// let nobs1 = analysis.nobs1(0.1, 0.8)?;
/// assert!((nobs1 - 1569.772).abs() < 1e-3);
/// assert!((analysis.power(0.1, nobs1)? - 0.8).abs() < 1e-12);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct PowerAnalysis {
    /// The distribution of the test. Default: normal.
    pub distribution: PowerDistribution,
    /// How often the test may see an effect where there is none. Default: 0.05.
    pub alpha: f64,
    /// The units of the second arm for each of the first. Default: 1.
    pub ratio: f64,
    /// Which effects count. Default: either way.
    pub alternative: Alternative,
}

impl Default for PowerAnalysis {
    fn default() -> Self {
        Self {
            distribution: PowerDistribution::default(),
            alpha: 0.05,
            ratio: 1.0,
            alternative: Alternative::default(),
        }
    }
}

impl PowerAnalysis {
    /// Sets the distribution of the test.
    #[must_use]
    pub fn with_distribution(mut self, distribution: PowerDistribution) -> Self {
        self.distribution = distribution;
        self
    }

    /// Sets how often the test may see an effect where there is none.
    #[must_use]
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets the units of the second arm for each of the first.
    #[must_use]
    pub fn with_ratio(mut self, ratio: f64) -> Self {
        self.ratio = ratio;
        self
    }

    /// Sets which effects count.
    #[must_use]
    pub fn with_alternative(mut self, alternative: Alternative) -> Self {
        self.alternative = alternative;
        self
    }

    /// How often the test sees this effect with `nobs1` units in the first arm.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for options that cannot be meant, an effect that is not finite, and for too few units: with the t
    /// distribution both arms together need more than two.
    pub fn power(&self, effect_size: f64, nobs1: f64) -> Result<f64> {
        self.check()?;
        check_effect(effect_size)?;
        let fewest = self.fewest();
        if !(nobs1 > fewest && nobs1.is_finite()) {
            let problem = format!("{nobs1} units are not more than {fewest}");
            return Err(Error::invalid_input(OPERATION, "nobs1", problem));
        }
        Ok(self.of(effect_size, nobs1))
    }

    /// The units of the first arm with which the test sees this effect with a probability of `power`.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where the effect is 0 or lies on the side that does not count, where `power` is not between `alpha` and
    /// 1, and where no number of units up to 1e15 is enough.
    pub fn nobs1(&self, effect_size: f64, power: f64) -> Result<f64> {
        self.check()?;
        check_effect(effect_size)?;
        self.check_power(power)?;
        let is_seen = match self.alternative {
            Alternative::TwoSided => effect_size != 0.0,
            Alternative::Greater => effect_size > 0.0,
            Alternative::Less => effect_size < 0.0,
        };
        if !is_seen {
            let problem = format!("an effect of {effect_size} is not one that the test looks for");
            return Err(Error::invalid_input(OPERATION, "effect_size", problem)
                .remedy("give an effect on the side of the alternative"));
        }
        // With a fifth of a degree of freedom no test sees anything, and its critical value is still a number.
        let low = self.fewest() * 1.1 + 1e-9;
        let missing = |nobs1: f64| self.of(effect_size, nobs1) - power;
        if missing(low) >= 0.0 {
            return Ok(low);
        }
        root::above(low, 2.0 * low + 10.0, MOST_UNITS, missing).ok_or_else(|| {
            Error::invalid_input(
                OPERATION,
                "effect_size",
                format!("{effect_size} needs more than 1e15 units"),
            )
            .remedy("plan for a larger effect")
        })
    }

    /// The smallest effect that the test sees with a probability of `power`, with `nobs1` units in the first arm: the minimum
    /// detectable effect. Negative for [`Alternative::Less`].
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where `power` is not between `alpha` and 1, and for too few units.
    pub fn effect_size(&self, nobs1: f64, power: f64) -> Result<f64> {
        self.power(0.0, nobs1)?;
        self.check_power(power)?;
        let sign = if self.alternative == Alternative::Less { -1.0 } else { 1.0 };
        let missing = |effect: f64| self.of(sign * effect, nobs1) - power;
        let start = 1.0 / nobs1.sqrt();
        root::above(0.0, start, MOST_EFFECT, missing).map(|effect| sign * effect).ok_or_else(|| {
            Error::invalid_input(
                OPERATION,
                "nobs1",
                format!("{nobs1} units see no effect up to {MOST_EFFECT}"),
            )
            .remedy("plan for more units")
        })
    }

    fn of(&self, effect_size: f64, nobs1: f64) -> f64 {
        let nobs2 = nobs1 * self.ratio;
        let shift = effect_size / (1.0 / nobs1 + 1.0 / nobs2).sqrt();
        let df = nobs1 + nobs2 - 2.0;
        let above = |tail: f64| match self.distribution {
            PowerDistribution::Normal => norm::sf(norm::isf(tail) - shift),
            PowerDistribution::T => nct::sf(-t::ppf(tail, df), df, shift),
        };
        let below = |tail: f64| match self.distribution {
            PowerDistribution::Normal => norm::cdf(norm::ppf(tail) - shift),
            PowerDistribution::T => nct::cdf(t::ppf(tail, df), df, shift),
        };
        match self.alternative {
            Alternative::TwoSided => above(self.alpha / 2.0) + below(self.alpha / 2.0),
            Alternative::Greater => above(self.alpha),
            Alternative::Less => below(self.alpha),
        }
    }

    /// More units than this are needed.
    fn fewest(&self) -> f64 {
        match self.distribution {
            PowerDistribution::Normal => 0.0,
            PowerDistribution::T => 2.0 / (1.0 + self.ratio),
        }
    }

    fn check(&self) -> Result<()> {
        check_share("alpha", self.alpha)?;
        if self.ratio > 0.0 && self.ratio.is_finite() {
            return Ok(());
        }
        Err(Error::invalid_input(OPERATION, "ratio", format!("{} is not positive and finite", self.ratio)))
    }

    fn check_power(&self, power: f64) -> Result<()> {
        check_share("power", power)?;
        if power > self.alpha {
            return Ok(());
        }
        Err(Error::invalid_input(OPERATION, "power", format!("{power} is not above alpha, {}", self.alpha))
            .remedy("give a power such as 0.8"))
    }
}

const OPERATION: &str = "analyse power";
const MOST_UNITS: f64 = 1e15;
/// Beyond so many standard deviations every unit by itself would tell.
const MOST_EFFECT: f64 = 1e6;

pub(super) fn check_share(subject: &'static str, share: f64) -> Result<()> {
    if share > 0.0 && share < 1.0 {
        return Ok(());
    }
    Err(Error::invalid_input(OPERATION, subject, format!("{share} is not inside (0, 1)")))
}

fn check_effect(effect_size: f64) -> Result<()> {
    if effect_size.is_finite() {
        return Ok(());
    }
    Err(Error::invalid_input(OPERATION, "effect_size", format!("{effect_size} is not finite")))
}
