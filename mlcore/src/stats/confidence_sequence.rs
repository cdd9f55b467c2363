//! Intervals that stay valid however often they are looked at.

use super::{Alternative, ConfidenceInterval, Moments};
use crate::error::{Error, Result};

/// An asymptotic confidence sequence for a mean, by the normal mixture.
///
/// A fixed-horizon interval looked at after every window is wrong far more often than its `alpha`. This one covers the
/// mean at all times at once with probability `1 - alpha`, as long as the variance is well estimated (so: not from the
/// first few dozen values), at the price of being about twice as wide. It is narrowest near the sample size it was tuned
/// for.
///
/// # Source
///
/// I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy and A. Ramdas, "Time-uniform central limit theory and asymptotic
/// confidence sequences" (2021), Theorem 2.2 and Appendix B; the tuning and the two-sample form are those of GrowthBook's
/// sequential tests.
///
/// ```
/// use mlcore::stats::ConfidenceSequence;
///
/// let sequence = ConfidenceSequence::new(0.05)?;
/// let (n, variance) = (5_000.0, 4.0);
/// let fixed_horizon = 1.959_963_984_540_054 * (variance / n as f64).sqrt();
/// let ratio = sequence.half_width(n, variance) / fixed_horizon;
/// assert!(ratio > 1.4 && ratio < 1.8, "{ratio}");
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfidenceSequence {
    alpha: f64,
    rho: f64,
}

impl ConfidenceSequence {
    /// The sample size that [`new`](Self::new) tunes for: GrowthBook's default, a day or two of a small service.
    pub const DEFAULT_TUNING: f64 = 5_000.0;

    /// A sequence of level `1 - alpha`, tuned for [`DEFAULT_TUNING`](Self::DEFAULT_TUNING) values.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if `alpha` is not inside `(0, 1)`.
    pub fn new(alpha: f64) -> Result<Self> {
        Self::tuned_for(alpha, Self::DEFAULT_TUNING)
    }

    /// A sequence of level `1 - alpha` that is narrowest around `n` values.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if `alpha` is not inside `(0, 1)` or `n` is not positive and finite.
    pub fn tuned_for(alpha: f64, n: f64) -> Result<Self> {
        if !(alpha > 0.0 && alpha < 1.0) {
            let problem = format!("{alpha} is not inside (0, 1)");
            return Err(Error::invalid_input("build confidence sequence", "alpha", problem));
        }
        if !(n > 0.0 && n.is_finite()) {
            let problem = format!("{n} is no sample size");
            return Err(Error::invalid_input("build confidence sequence", "n", problem));
        }
        let log_alpha = -2.0 * alpha.ln();
        Ok(Self { alpha, rho: ((log_alpha + log_alpha.ln_1p()) / n).sqrt() })
    }

    /// The probability of ever missing the mean.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The scale of the mixture.
    #[must_use]
    pub fn rho(&self) -> f64 {
        self.rho
    }

    /// Half the width of the two-sided interval around the mean of `n` values of the given variance; NaN for `n <= 0`.
    #[must_use]
    pub fn half_width(&self, n: f64, variance: f64) -> f64 {
        let grown = self.grown(n);
        (2.0 * variance * grown * (grown.sqrt() / self.alpha).ln()).sqrt() / (n * self.rho)
    }

    /// How far a one-sided bound is from the mean of `n` values of the given variance; NaN for `n <= 0`.
    #[must_use]
    pub fn one_sided_width(&self, n: f64, variance: f64) -> f64 {
        let grown = self.grown(n);
        (2.0 * variance * grown * (grown.sqrt() / (2.0 * self.alpha)).ln_1p()).sqrt() / (n * self.rho)
    }

    /// The interval for a mean; infinite while fewer than two values are there.
    #[must_use]
    pub fn interval(&self, values: &Moments) -> ConfidenceInterval {
        let n = values.count() as f64;
        around(values.mean(), self.half_width(n, values.variance()))
    }

    /// The interval for `mean(x) - mean(y)` of two independent streams; infinite while either has fewer than two values.
    #[must_use]
    pub fn difference(&self, x: &Moments, y: &Moments, alternative: Alternative) -> ConfidenceInterval {
        let (n1, n2) = (x.count() as f64, y.count() as f64);
        let n = n1 + n2;
        let variance = n * (x.variance() / n1 + y.variance() / n2);
        let difference = x.mean() - y.mean();
        match alternative {
            Alternative::TwoSided => around(difference, self.half_width(n, variance)),
            Alternative::Less => {
                let interval = around(difference, self.one_sided_width(n, variance));
                ConfidenceInterval { low: f64::NEG_INFINITY, ..interval }
            }
            Alternative::Greater => {
                let interval = around(difference, self.one_sided_width(n, variance));
                ConfidenceInterval { high: f64::INFINITY, ..interval }
            }
        }
    }

    /// The always-valid p-value of "the mean is zero" at an estimate from `n` values of the given variance: the smallest
    /// `alpha` whose two-sided interval, with the same mixture, leaves zero out.
    #[must_use]
    pub fn pvalue(&self, estimate: f64, n: f64, variance: f64) -> f64 {
        let grown = self.grown(n);
        let scaled = n * self.rho * estimate;
        let log_evidence = scaled * scaled / (2.0 * variance * grown) - 0.5 * grown.ln();
        if log_evidence.is_nan() { f64::NAN } else { (-log_evidence).exp().min(1.0) }
    }

    /// The always-valid p-value of "the mean is not positive" at an estimate from `n` values of the given variance: the smallest
    /// `alpha` whose one-sided bound, with the same mixture, lies above zero.
    #[must_use]
    pub fn one_sided_pvalue(&self, estimate: f64, n: f64, variance: f64) -> f64 {
        let grown = self.grown(n);
        let scaled = n * self.rho * estimate;
        let evidence = (scaled * scaled / (2.0 * variance * grown)).exp_m1();
        let pvalue = grown.sqrt() / (2.0 * evidence);
        if pvalue.is_nan() || estimate.is_nan() {
            f64::NAN
        } else if estimate <= 0.0 {
            1.0
        } else {
            pvalue.min(1.0)
        }
    }

    fn grown(&self, n: f64) -> f64 {
        if n > 0.0 { n * self.rho * self.rho + 1.0 } else { f64::NAN }
    }
}

/// The interval around a centre; everything if either is unknown.
fn around(centre: f64, half_width: f64) -> ConfidenceInterval {
    let (low, high) = (centre - half_width, centre + half_width);
    if low.is_nan() || high.is_nan() {
        return ConfidenceInterval { low: f64::NEG_INFINITY, high: f64::INFINITY };
    }
    ConfidenceInterval { low, high }
}
