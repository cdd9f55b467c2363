//! Proportions with a beta prior, without a normal approximation.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::experiment::quadrature::panel;
use crate::experiment::root;
use crate::stats::{ConfidenceInterval, beta};

/// A beta distribution of a proportion.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BetaPrior {
    /// Successes that were seen beforehand, and one more for the uniform distribution.
    pub alpha: f64,
    /// Failures likewise.
    pub beta: f64,
}

impl Default for BetaPrior {
    /// The uniform distribution.
    fn default() -> Self {
        Self { alpha: 1.0, beta: 1.0 }
    }
}

impl BetaPrior {
    /// A prior of these shapes.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where a shape is not from 0.01 to 1e12.
    pub fn new(alpha: f64, beta: f64) -> Result<Self> {
        for (subject, shape) in [("alpha", alpha), ("beta", beta)] {
            if !(0.01..=1e12).contains(&shape) {
                return Err(Error::invalid_input(OPERATION, subject, format!("{shape} is no shape"))
                    .remedy("give a number from 0.01 to 1e12; 1 and 1 are the uniform distribution"));
            }
        }
        Ok(Self { alpha, beta })
    }
}

/// Two proportions as two independent beta distributions: posteriors of a Beta-Binomial model.
///
/// The answers are integrals, to about 1e-13.
///
/// ```
/// use mlcore::experiment::{BetaBinomial, BetaPrior};
///
/// let arms = BetaBinomial::of([10, 16], [100, 100], BetaPrior::default())?;
/// assert!(arms.chance_to_win() > 0.85 && arms.chance_to_win() < 0.92);
/// let [control, treatment] = arms.expected_loss();
/// assert!(control > treatment);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BetaBinomial {
    control: BetaPrior,
    treatment: BetaPrior,
}

impl BetaBinomial {
    /// The posteriors after so many successes of so many units in control and treatment, from one prior.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for more successes than units, and for more than 1e12 units.
    pub fn of(successes: [u64; 2], counts: [u64; 2], prior: BetaPrior) -> Result<Self> {
        let arm = |at: usize| {
            let (successes, count) = (successes[at], counts[at]);
            let Some(failures) = count.checked_sub(successes) else {
                let problem = format!("{successes} successes in {count} units");
                return Err(Error::invalid_input(OPERATION, "successes", problem));
            };
            BetaPrior::new(prior.alpha + successes as f64, prior.beta + failures as f64)
        };
        Ok(Self { control: arm(0)?, treatment: arm(1)? })
    }

    /// The posterior means of control and treatment.
    #[must_use]
    pub fn means(&self) -> [f64; 2] {
        [self.control, self.treatment].map(|arm| arm.alpha / (arm.alpha + arm.beta))
    }

    /// The probability that the treatment's proportion is the larger one.
    #[must_use]
    pub fn chance_to_win(&self) -> f64 {
        let [control, treatment] = self.ordered();
        if spread(control) < spread(treatment) {
            over(control, |x| beta::sf(x, treatment.alpha, treatment.beta))
        } else {
            over(treatment, |x| beta::cdf(x, control.alpha, control.beta))
        }
        .clamp(0.0, 1.0)
    }

    /// What is lost of the proportion on average by the choice of the control, and by that of the treatment.
    #[must_use]
    pub fn expected_loss(&self) -> [f64; 2] {
        let swapped = Self { control: self.treatment, treatment: self.control };
        [self.gain(), swapped.gain()]
    }

    /// The interval that the difference of the proportions, treatment less control, lies in with a probability of `1 - alpha`, as
    /// likely below as above it.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where `alpha` is not inside `(0, 1)`.
    pub fn credible_interval(&self, alpha: f64) -> Result<ConfidenceInterval> {
        if !(alpha > 0.0 && alpha < 1.0) {
            return Err(Error::invalid_input(OPERATION, "alpha", format!("{alpha} is not inside (0, 1)")));
        }
        let quantile = |share: f64| {
            root::between(-1.0, 1.0, |difference| self.at_most(difference) - share).unwrap_or(f64::NAN)
        };
        Ok(ConfidenceInterval { low: quantile(alpha / 2.0), high: quantile(1.0 - alpha / 2.0) })
    }

    /// How likely the difference is at most this.
    fn at_most(&self, difference: f64) -> f64 {
        let (control, treatment) = (self.control, self.treatment);
        // Where the other proportion would leave [0, 1] its distribution has an end, which no rule may pass over.
        let end = |low: f64, high: f64| if difference > 0.0 { high } else { low };
        if spread(control) < spread(treatment) {
            let end = end(-difference, 1.0 - difference);
            over_parts(control, end, |x| beta::cdf(x + difference, treatment.alpha, treatment.beta))
        } else {
            let end = end(1.0 + difference, difference);
            over_parts(treatment, end, |x| beta::sf(x - difference, control.alpha, control.beta))
        }
    }

    /// The mean of the difference where it is positive, and 0 where it is not.
    fn gain(&self) -> f64 {
        let [control, treatment] = self.ordered();
        let mean = |arm: BetaPrior| arm.alpha / (arm.alpha + arm.beta);
        let gain = if spread(control) < spread(treatment) {
            over(control, |x| {
                mean(treatment) * beta::sf(x, treatment.alpha + 1.0, treatment.beta)
                    - x * beta::sf(x, treatment.alpha, treatment.beta)
            })
        } else {
            over(treatment, |x| {
                x * beta::cdf(x, control.alpha, control.beta)
                    - mean(control) * beta::cdf(x, control.alpha + 1.0, control.beta)
            })
        };
        gain.max(0.0)
    }

    /// Control and treatment, mirrored at one half where both proportions are high: floats are finer near 0.
    fn ordered(&self) -> [BetaPrior; 2] {
        let is_high = |arm: BetaPrior| arm.alpha > arm.beta;
        if is_high(self.control) && is_high(self.treatment) {
            let mirrored = |arm: BetaPrior| BetaPrior { alpha: arm.beta, beta: arm.alpha };
            return [mirrored(self.treatment), mirrored(self.control)];
        }
        [self.control, self.treatment]
    }
}

const OPERATION: &str = "compare proportions";
/// Weights that are smaller than this share of the largest one reach no digit.
const NEGLIGIBLE: f64 = 1e-19;
/// More steps than the longest tail, of a shape of 0.01, has.
const MOST_STEPS: usize = 200_000;

/// About the standard deviation of the logarithm of the odds.
fn spread(arm: BetaPrior) -> f64 {
    (1.0 / arm.alpha + 1.0 / arm.beta).sqrt()
}

/// The mean of a function of a proportion: the trapezoidal rule over the logarithm of the odds, where the density is smooth and
/// falls on both sides whatever the shapes are, so that the rule is exact to the last digits.
fn over(arm: BetaPrior, of: impl Fn(f64) -> f64) -> f64 {
    let step = spread(arm).min(1.0) / 4.0;
    let mode = (arm.alpha / arm.beta).ln();
    let term = |log_odds: f64| {
        let x = 1.0 / (1.0 + (-log_odds).exp());
        let weight = beta::logit_pdf(log_odds, arm.alpha, arm.beta);
        (weight, if weight > 0.0 { weight * of(x) } else { 0.0 })
    };
    let (most, mut sum) = term(mode);
    let mut weights = most;
    for direction in [-step, step] {
        for place in 1..MOST_STEPS {
            let (weight, value) = term(mode + place as f64 * direction);
            weights += weight;
            sum += value;
            if weight < NEGLIGIBLE * most {
                break;
            }
        }
    }
    // The weights sum up to one over the step, but for the rounding of the density, which so is taken out.
    sum / weights
}

/// The same for a function that is smooth on both sides of `end` alone: by panels that begin there.
fn over_parts(arm: BetaPrior, end: f64, of: impl Fn(f64) -> f64) -> f64 {
    let weight = |log_odds: f64| beta::logit_pdf(log_odds, arm.alpha, arm.beta);
    let mode = (arm.alpha / arm.beta).ln();
    let (most, at) = (weight(mode), (end / (1.0 - end)).ln());
    if at.is_nan() || weight(at) < NEGLIGIBLE * most {
        return over(arm, of);
    }
    let width = spread(arm).min(1.0);
    let (mut weights, mut sum) = (0.0, 0.0);
    for direction in [-width, width] {
        for number in 0..MOST_STEPS {
            let from = at + number as f64 * direction;
            for (place, share) in panel(from, from + direction) {
                let mass = weight(place) * share.abs();
                weights += mass;
                sum += if mass > 0.0 { mass * of(1.0 / (1.0 + (-place).exp())) } else { 0.0 };
            }
            let next = from + direction;
            if (next - mode) * direction > 0.0 && weight(next) < NEGLIGIBLE * most {
                break;
            }
        }
    }
    sum / weights
}
