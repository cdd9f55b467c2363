//! The difference between two arms: estimate, interval, p-value.

mod difference;
mod inference;
mod non_inferiority;

use serde::{Deserialize, Serialize};

pub use self::difference::Difference;
pub use self::inference::Inference;
pub use self::non_inferiority::{NonInferiority, PreferredDirection};

pub(super) use self::difference::Contrast;
use super::{Answer, Estimate, JointMoments, NoVerdict};
use crate::error::{Error, Result};
use crate::stats::Alternative;

/// Options of [`Effect::between`]; the defaults are gbstats': the relative difference, tested two-sidedly by Welch's t at 0.05.
///
/// ```
/// use mlcore::experiment::{Difference, EffectOptions, Inference};
///
/// let options = EffectOptions::default().with_difference(Difference::Absolute).with_inference(Inference::Normal);
/// assert_eq!((options.alpha, options.value), (0.05, 0.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EffectOptions {
    /// Relative to the control, or absolute. Default: relative.
    pub difference: Difference,
    /// How often the interval may miss. Default: 0.05.
    pub alpha: f64,
    /// Which differences `treatment - control` count as evidence. Default: either.
    pub alternative: Alternative,
    /// The difference under the null hypothesis: gbstats' `test_value`. Default: 0.
    pub value: f64,
    /// How interval and p-value are made. Default: Welch's t.
    pub inference: Inference,
}

impl Default for EffectOptions {
    fn default() -> Self {
        Self {
            difference: Difference::default(),
            alpha: 0.05,
            alternative: Alternative::default(),
            value: 0.0,
            inference: Inference::default(),
        }
    }
}

impl EffectOptions {
    /// Sets what the difference is relative to.
    #[must_use]
    pub fn with_difference(mut self, difference: Difference) -> Self {
        self.difference = difference;
        self
    }

    /// Sets how often the interval may miss.
    #[must_use]
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets which differences count as evidence.
    #[must_use]
    pub fn with_alternative(mut self, alternative: Alternative) -> Self {
        self.alternative = alternative;
        self
    }

    /// Sets the difference under the null hypothesis.
    #[must_use]
    pub fn with_value(mut self, value: f64) -> Self {
        self.value = value;
        self
    }

    /// Sets how interval and p-value are made.
    #[must_use]
    pub fn with_inference(mut self, inference: Inference) -> Self {
        self.inference = inference;
        self
    }

    /// Whether the options can be meant.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where `alpha` is not inside `(0, 1)`, `value` is not finite, or a parameter of the inference is not
    /// positive.
    pub fn check(&self) -> Result<()> {
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return Err(Error::invalid_input(
                OPERATION,
                "alpha",
                format!("{} is not inside (0, 1)", self.alpha),
            )
            .remedy("give a probability, such as 0.05"));
        }
        if !self.value.is_finite() {
            return Err(Error::invalid_input(OPERATION, "value", format!("{} is not finite", self.value)));
        }
        self.inference.check()
    }
}

const OPERATION: &str = "compare arms";

/// The difference of a metric between two arms. Every number is finite, but for the open end of a one-sided interval and the
/// degrees of freedom of a normal test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Effect {
    /// What the difference is relative to.
    pub difference: Difference,
    /// Treatment less control.
    pub estimate: f64,
    /// The standard error of the estimate.
    pub standard_error: f64,
    /// The lower end of the interval; minus infinity for [`Alternative::Less`].
    #[serde(with = "crate::exact")]
    pub low: f64,
    /// The upper end of the interval; infinity for [`Alternative::Greater`].
    #[serde(with = "crate::exact")]
    pub high: f64,
    /// The p-value of the null hypothesis; always valid where the inference is sequential.
    pub pvalue: f64,
    /// Degrees of freedom; infinite for all but Welch's t.
    #[serde(with = "crate::exact")]
    pub df: f64,
}

impl Effect {
    /// Compares two arms.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for options that cannot be meant.
    ///
    /// # Source
    /// gbstats 0.8, `frequentist/tests.py`. Two things differ on purpose: an absolute difference needs no control that differs
    /// from 0, and the interval of [`Alternative::Less`] ends above the estimate, not below it.
    ///
    /// ```
    /// use mlcore::experiment::{Effect, EffectOptions, Estimate};
    ///
    /// let control = Estimate::of_proportion(200, 2_000);
    /// let treatment = Estimate::of_proportion(260, 2_000);
    /// let effect = Effect::between(control, treatment, &EffectOptions::default())?;
    /// let lift = effect.known().unwrap();
    /// assert!((lift.estimate - 0.3).abs() < 1e-12 && lift.low > 0.0 && lift.pvalue < 0.01);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    pub fn between(
        control: Answer<Estimate>,
        treatment: Answer<Estimate>,
        options: &EffectOptions,
    ) -> Result<Answer<Self>> {
        options.check()?;
        let effect = || -> Result<Self, NoVerdict> {
            let contrast =
                Contrast::of(&control.into_result()?, &treatment.into_result()?, options.difference)?;
            let inferred = options.inference.of(&contrast, options)?;
            let effect = Self {
                difference: options.difference,
                estimate: contrast.estimate,
                standard_error: contrast.squared_error.sqrt(),
                low: inferred.low,
                high: inferred.high,
                pvalue: inferred.pvalue,
                df: inferred.df,
            };
            let known =
                [effect.low, effect.high, effect.pvalue, effect.df].iter().all(|number| !number.is_nan());
            if known { Ok(effect) } else { Err(NoVerdict::NotFinite) }
        };
        Ok(effect().into())
    }

    /// The estimate and the interval as totals over all traffic: gbstats' difference type `scaled`. `traffic_proportion` is the share of
    /// the traffic that the treatment of `count` units had, over `phase_length_days` days.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a relative difference, and where the share or the days are not positive.
    pub fn scaled(&self, count: u64, traffic_proportion: f64, phase_length_days: f64) -> Result<Self> {
        let is_positive = |number: f64| number > 0.0 && number.is_finite();
        if self.difference == Difference::Relative {
            return Err(Error::invalid_input("scale effect", "difference", "it is relative")
                .remedy("compare the arms by their absolute difference"));
        }
        if !(is_positive(traffic_proportion) && is_positive(phase_length_days)) {
            let problem = format!("{traffic_proportion} of the traffic over {phase_length_days} days");
            return Err(Error::invalid_input("scale effect", "traffic", problem));
        }
        let factor = count as f64 / traffic_proportion / phase_length_days;
        Ok(Self {
            estimate: self.estimate * factor,
            standard_error: self.standard_error * factor,
            low: self.low * factor,
            high: self.high * factor,
            ..*self
        })
    }
}

/// Adjusts both arms by a covariate from before the experiment (CUPED): `theta` is the slope over both arms together. Where the
/// covariate says nothing the arms stay as they are.
///
/// # Source
/// A. Deng, Y. Xu, R. Kohavi and T. Walker, "Improving the sensitivity of online controlled experiments by utilizing
/// pre-experiment data" (2013); gbstats 0.8, `compute_theta`.
///
/// ```
/// use mlcore::experiment::{JointMoments, cuped};
///
/// let arm = |more: f64| (0..100).map(|i| (f64::from(i) + more + f64::from(i % 3), f64::from(i))).collect::<JointMoments>();
/// let [control, treatment] = cuped(&arm(0.0), &arm(1.0));
/// assert!(control.known().unwrap().variance < 1.0);
/// assert!((treatment.known().unwrap().mean - control.known().unwrap().mean - 1.0).abs() < 1e-12);
/// ```
pub fn cuped(control: &JointMoments, treatment: &JointMoments) -> [Answer<Estimate>; 2] {
    let theta = control.merge(treatment).theta();
    [control, treatment].map(|arm| if theta == 0.0 { arm.first() } else { arm.adjusted(theta) })
}
