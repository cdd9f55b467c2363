//! Counts of categories with uncertain shares.

use super::special::deviance::{deviance, stirling_error};

/// The logarithm of how much more likely the counts of categories are with shares of a Dirichlet distribution than with fixed
/// shares: the Bayes factor of the multinomial test.
///
/// It is a sum of deviances and of what Stirling's formula leaves out, in which nothing of the size `n ln n` cancels. Shares sum up
/// to 1; shares and parameters are positive. NaN where the lengths differ.
///
/// # Source
/// M. Lindon and A. Malek, "Anytime-valid inference for multinomial count data" (2022), eq. 5; the form after C. Loader (2000).
///
/// ```
/// use mlcore::stats::dirichlet_multinomial_log_ratio;
///
/// // A uniform distribution of the share: the counts 3 and 1 have the probability 1 / 5.
/// let ratio = dirichlet_multinomial_log_ratio(&[3, 1], &[0.5, 0.5], &[1.0, 1.0]);
/// assert!((ratio - (0.2_f64 / 0.25).ln()).abs() < 1e-14);
/// ```
#[must_use]
pub fn dirichlet_multinomial_log_ratio(counts: &[u64], shares: &[f64], parameters: &[f64]) -> f64 {
    if counts.len() != shares.len() || counts.len() != parameters.len() {
        return f64::NAN;
    }
    let before: f64 = parameters.iter().sum();
    let after = before + counts.iter().map(|count| *count as f64).sum::<f64>();
    let mut ratio = log_shift(before, after);
    for ((count, share), parameter) in counts.iter().zip(shares).zip(parameters) {
        let grown = parameter + *count as f64;
        ratio += deviance(grown, after * share) - deviance(*parameter, before * share);
        ratio -= log_shift(*parameter, grown);
    }
    ratio
}

/// What `ln(Gamma(before) / Gamma(after))` has beside the terms `x ln x - x`.
fn log_shift(before: f64, after: f64) -> f64 {
    0.5 * (after / before).ln() + stirling_error(before) - stirling_error(after)
}
