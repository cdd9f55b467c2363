//! The mixture sequential probability ratio test with a normal mixture.

/// The likelihood ratio of an estimate, mixed over normal effects around the null hypothesis: mSPRT.
///
/// For an estimate with the squared standard error `V` and effects of the scale `tau` the ratio is
/// `sqrt(V / (V + tau^2)) exp(tau^2 estimate^2 / (2 V (V + tau^2)))`. It is a martingale over looks where there is no effect, so
/// that one over it is a p-value at every look at once.
///
/// # Source
/// R. Johari, L. Pekelis and D. J. Walsh, "Always valid inference: bringing sequential analysis to A/B testing" (2015).
///
/// ```
/// use mlcore::experiment::NormalMixture;
///
/// let mixture = NormalMixture::of(0.1, 0.01);
/// assert!(mixture.pvalue(0.0) == 1.0 && mixture.pvalue(0.6) < 1e-3);
/// // The interval ends where the p-value is alpha.
/// assert!((mixture.pvalue(mixture.half_width(0.05)) - 0.05).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormalMixture {
    squared_scale: f64,
    squared_error: f64,
}

impl NormalMixture {
    /// For effects of the scale `effect_scale`, and an estimate of this squared standard error; both are positive.
    #[must_use]
    pub fn of(effect_scale: f64, squared_error: f64) -> Self {
        Self { squared_scale: effect_scale * effect_scale, squared_error }
    }

    /// The logarithm of the likelihood ratio at an estimate of the effect.
    #[must_use]
    pub fn log_ratio(&self, estimate: f64) -> f64 {
        let sum = self.squared_error + self.squared_scale;
        let exponent = self.squared_scale * estimate * estimate / (2.0 * self.squared_error * sum);
        exponent - 0.5 * (self.squared_scale / self.squared_error).ln_1p()
    }

    /// The p-value of "there is no effect" at this look.
    #[must_use]
    pub fn pvalue(&self, estimate: f64) -> f64 {
        let log = self.log_ratio(estimate);
        if log.is_nan() { f64::NAN } else { (-log).exp().min(1.0) }
    }

    /// Half the width of the two-sided interval of level `1 - alpha`.
    #[must_use]
    pub fn half_width(&self, alpha: f64) -> f64 {
        let sum = self.squared_error + self.squared_scale;
        let evidence = -2.0 * alpha.ln() + (self.squared_scale / self.squared_error).ln_1p();
        (evidence * self.squared_error * sum / self.squared_scale).sqrt()
    }
}
