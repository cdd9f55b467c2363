//! Kuiper's test of two samples, with astropy's numbers.

use super::Alternative;
use super::ks::{KsMethod, KsOptions, KsReference, ks_2samp};
use crate::error::Result;

/// What [`kuiper_two`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct KuiperResult {
    /// `max(F - G) + max(G - F)`, from 0 to 1.
    pub statistic: f64,
    /// The probability of such a statistic, or a larger one, if both samples come from one continuous distribution.
    pub pvalue: f64,
}

/// Tests whether two samples come from one continuous distribution, equally well in the middle and in the tails:
/// `astropy.stats.kuiper_two(x, y)`.
///
/// The statistic adds the largest deviations of the two empirical distribution functions both ways, so that a spread, which
/// [`ks_2samp`] sees half of, counts in full; for values on a circle, such as times of day, it does not depend on where the
/// circle begins. Ties make the p-value too large. A NaN makes statistic and p-value NaN.
///
/// The p-value is the asymptotic one with its first correction, at `n m / (n + m)` observations. astropy leaves it for the exact
/// distribution of *one* sample below `3 (n + m) / (n m)`, and above 1/2 where `n m / (n + m)` happens to be a whole number; elsewhere
/// above 1/2 its numbers fall below 0. Here it serves up to 1/2, and above 1/2 Stephens' formula does.
///
/// The function of the same purpose in frouros 0.9 compares the Kolmogorov-Smirnov statistic with Kuiper's distribution, so
/// that it misses what it should find.
///
/// # Errors
///
/// [`Error::InvalidInput`](crate::Error::InvalidInput) if a sample is empty.
///
/// # Source
///
/// astropy 8.0; N. H. Kuiper, "Tests concerning random points on a circle" (1960); M. A. Stephens, "Use of the Kolmogorov-Smirnov,
/// Cramer-von Mises and related statistics without extensive tables" (1970).
///
/// ```
/// use mlcore::stats::kuiper_two;
///
/// let x: Vec<f64> = (0..100).map(f64::from).collect();
/// let y: Vec<f64> = (0..90).map(|i| 25.0 + f64::from(i) / 2.0).collect();
/// let result = kuiper_two(&x, &y)?;
/// assert!((result.statistic - 0.55).abs() < 1e-12 && result.pvalue < 1e-9, "{result:?}");
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn kuiper_two(x: &[f64], y: &[f64]) -> Result<KuiperResult> {
    both_ways(x.len(), y.len(), |options| Ok(ks_2samp(x, y, options)?.statistic))
}

impl KsReference {
    /// The same answer as [`kuiper_two`] of the reference and `current`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) if `current` is empty.
    pub fn kuiper_two(&self, current: &[f64]) -> Result<KuiperResult> {
        both_ways(self.len(), current.len(), |options| Ok(self.compare(current, options)?.statistic))
    }
}

fn both_ways(n: usize, m: usize, deviation: impl Fn(&KsOptions) -> Result<f64>) -> Result<KuiperResult> {
    // The p-value that goes unused costs microseconds.
    let options = KsOptions::default().with_method(KsMethod::Asymptotic);
    let above = deviation(&options.with_alternative(Alternative::Greater))?;
    let below = deviation(&options.with_alternative(Alternative::Less))?;
    let statistic = above + below;
    let (n, m) = (n as f64, m as f64);
    Ok(KuiperResult { statistic, pvalue: pvalue(statistic, n * m / (n + m)) })
}

fn pvalue(statistic: f64, effective: f64) -> f64 {
    if statistic.is_nan() {
        return f64::NAN;
    }
    let corrected = |statistic: f64| {
        let z = effective.sqrt() * statistic;
        sum(z, |square| 2.0 * (4.0 * square - 1.0))
            - 8.0 / 3.0 * statistic * sum(z, |square| square / (z * z) * (4.0 * square - 3.0))
    };
    let pvalue = if statistic <= MOST_CORRECTED {
        corrected(statistic)
    } else {
        let root = effective.sqrt();
        let stephens = (root + 0.155 + 0.24 / root) * statistic;
        // No larger than where the other formula ends.
        sum(stephens, |square| 2.0 * (4.0 * square - 1.0)).min(corrected(MOST_CORRECTED))
    };
    if effective.sqrt() * statistic < SMALLEST { 1.0 } else { pvalue.clamp(0.0, 1.0) }
}

/// The sum of `term((i z)^2) exp(-2 (i z)^2)` over `i = 1, 2, ..`.
fn sum(z: f64, term: impl Fn(f64) -> f64) -> f64 {
    let mut sum = 0.0;
    for i in 1..=MOST_TERMS {
        let square = (f64::from(i) * z).powi(2);
        let decay = (-2.0 * square).exp();
        if decay == 0.0 {
            break;
        }
        sum += term(square) * decay;
    }
    sum
}

/// Above it the correction outgrows what it corrects.
const MOST_CORRECTED: f64 = 0.5;
/// Below it the p-value is 1 to eleven digits.
const SMALLEST: f64 = 0.4;
/// Terms vanish at 19.3, which 0.4 reaches with the 49th.
const MOST_TERMS: u32 = 60;
