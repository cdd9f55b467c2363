//! An experiment planned from what a metric was before.

use serde::{Deserialize, Serialize};

use super::super::{Difference, Estimate};
use super::solve::check_share;
use super::{PowerAnalysis, PowerDistribution};
use crate::error::{Error, Result};
use crate::stats::norm;

/// The units that an experiment needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SampleSize {
    /// Units of the control.
    pub control: u64,
    /// Units of the treatment.
    pub treatment: u64,
}

/// A plan for any metric that has an [`Estimate`]: means, proportions, ratios by the delta method, quantiles, adjusted means. What
/// the metric was before says how it varies.
///
/// Effects are in the units of the difference: 0.02 is two percent of the mean where it is relative.
///
/// ```
/// use mlcore::experiment::{Design, Estimate, JointMoments};
///
/// // A ratio: clicks over views of each user of last week.
/// let users: JointMoments = (0..1000).map(|i| (f64::from(i % 4), f64::from(1 + i % 9))).collect();
/// let design = Design::new(users.ratio().known().copied().unwrap());
/// let size = design.sample_size(0.05, 0.8)?;
/// let seen = design.minimum_detectable_effect(size.control as f64, 0.8)?;
/// assert!((seen - 0.05).abs() < 1e-4);
/// assert!(design.power(0.05, size.control as f64)? >= 0.8);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Design {
    /// The metric before the experiment.
    pub pilot: Estimate,
    /// What effects are relative to. Default: the mean.
    pub difference: Difference,
    /// Alpha, ratio of the arms, alternative, distribution.
    pub analysis: PowerAnalysis,
}

impl Design {
    /// A plan from what the metric was before, two-sided at 0.05, with equal arms.
    #[must_use]
    pub fn new(pilot: Estimate) -> Self {
        Self { pilot, difference: Difference::default(), analysis: PowerAnalysis::default() }
    }

    /// Sets what effects are relative to.
    #[must_use]
    pub fn with_difference(mut self, difference: Difference) -> Self {
        self.difference = difference;
        self
    }

    /// Sets alpha, the ratio of the arms, the alternative and the distribution.
    #[must_use]
    pub fn with_analysis(mut self, analysis: PowerAnalysis) -> Self {
        self.analysis = analysis;
        self
    }

    /// The units that see `effect` with a probability of `power`, rounded up.
    ///
    /// # Errors
    /// As [`PowerAnalysis::nobs1`], and [`Error::InvalidInput`] where the mean is 0 and effects are relative to it.
    pub fn sample_size(&self, effect: f64, power: f64) -> Result<SampleSize> {
        let control = self.analysis.nobs1(effect * self.standardised()?, power)?;
        let treatment = control * self.analysis.ratio;
        Ok(SampleSize { control: control.ceil() as u64, treatment: treatment.ceil() as u64 })
    }

    /// How often the test sees `effect` with so many units in the control.
    ///
    /// # Errors
    /// As [`PowerAnalysis::power`].
    pub fn power(&self, effect: f64, control: f64) -> Result<f64> {
        self.analysis.power(effect * self.standardised()?, control)
    }

    /// The smallest effect that the test sees with a probability of `power`, with so many units in the control.
    ///
    /// # Errors
    /// As [`PowerAnalysis::effect_size`].
    pub fn minimum_detectable_effect(&self, control: f64, power: f64) -> Result<f64> {
        Ok(self.analysis.effect_size(control, power)? / self.standardised()?)
    }

    /// The standardised effect of an effect of 1.
    fn standardised(&self) -> Result<f64> {
        let deviation = self.pilot.variance.sqrt();
        match self.difference {
            Difference::Absolute => Ok(1.0 / deviation),
            Difference::Relative if self.pilot.unadjusted_mean != 0.0 => {
                Ok(self.pilot.unadjusted_mean.abs() / deviation)
            }
            Difference::Relative => {
                Err(Error::invalid_input("plan experiment", "mean", "effects are relative to a mean of 0")
                    .remedy("plan for an absolute difference"))
            }
        }
    }
}

/// The units of both arms that spotify-confidence's `ZTest` plans for, rounded up as it rounds: for each arm, then for all traffic.
///
/// `effect` is absolute. A binary metric that is not tested for non-inferiority has the treatment's variance at
/// `control.mean + effect`. `kappa` is the control's units for each unit of the treatment, `proportion_of_total` the share of the
/// traffic that takes part. The analysis' alternative says whether `alpha` has one side or two.
///
/// # Errors
/// [`Error::InvalidInput`] for an effect of 0, and for parameters that cannot be meant.
///
/// # Source
/// spotify-confidence 4.1, `z_test_computer.required_sample_size`.
///
/// ```
/// use mlcore::experiment::{Estimate, PowerAnalysis, required_sample_size};
///
/// let control = Estimate::of_proportion(1_000, 10_000).known().copied().unwrap();
/// let total = required_sample_size(&control, 0.01, 0.8, 1.0, true, &PowerAnalysis::default())?;
/// assert_eq!(total, 29_498);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn required_sample_size(
    control: &Estimate,
    effect: f64,
    power: f64,
    proportion_of_total: f64,
    is_binary: bool,
    analysis: &PowerAnalysis,
) -> Result<u64> {
    const OPERATION: &str = "plan experiment";
    check_share("alpha", analysis.alpha)?;
    check_share("power", power)?;
    if effect == 0.0 || !effect.is_finite() {
        return Err(Error::invalid_input(OPERATION, "effect", format!("{effect} needs no number of units")));
    }
    if !(proportion_of_total > 0.0 && proportion_of_total <= 1.0) {
        let problem = format!("{proportion_of_total} is no share of the traffic");
        return Err(Error::invalid_input(OPERATION, "proportion_of_total", problem));
    }
    if !(analysis.ratio > 0.0 && analysis.ratio.is_finite()) {
        return Err(Error::invalid_input(OPERATION, "ratio", format!("{} is not positive", analysis.ratio)));
    }
    if analysis.distribution != PowerDistribution::Normal {
        return Err(Error::unsupported(OPERATION, "distribution", "this plan is for a z-test")
            .remedy("use PowerAnalysis for a t-test"));
    }
    let kappa = 1.0 / analysis.ratio;
    let tail = match analysis.alternative {
        crate::stats::Alternative::TwoSided => analysis.alpha / 2.0,
        crate::stats::Alternative::Less | crate::stats::Alternative::Greater => analysis.alpha,
    };
    let changed = control.mean + effect;
    let of_treatment = if is_binary { changed * (1.0 - changed) } else { control.variance };
    if of_treatment < 0.0 {
        let problem = format!("a proportion of {changed} is none");
        return Err(Error::invalid_input(OPERATION, "effect", problem).remedy("plan for a smaller effect"));
    }
    let critical = (norm::isf(tail) + norm::ppf(power)) / effect.abs();
    let treatment = (critical * critical * (control.variance / kappa + of_treatment)).ceil();
    Ok(((treatment + treatment * kappa) / proportion_of_total).ceil() as u64)
}
