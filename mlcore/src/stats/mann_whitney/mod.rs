//! The Mann-Whitney U test, with scipy's choices and numbers.

mod exact;

use serde::{Deserialize, Serialize};

use super::sorted::{SortedSample, both, visit_tied};
use super::{Alternative, norm};
use crate::error::Result;
use crate::interrupt;

/// How the p-value of [`mannwhitneyu`] is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum MannWhitneyMethod {
    /// [`Exact`](Self::Exact) where a sample has at most 8 observations and no two are equal, else
    /// [`Asymptotic`](Self::Asymptotic).
    #[default]
    Auto,
    /// From the number of orders of the observations, as if no two were equal.
    Exact,
    /// From the normal distribution, corrected for ties.
    Asymptotic,
}

crate::words! { MannWhitneyMethod, "method": Auto = "auto", Exact = "exact", Asymptotic = "asymptotic" }

/// Options of [`mannwhitneyu`]; the defaults are scipy's.
///
/// ```
/// use mlcore::stats::{Alternative, MannWhitneyOptions};
///
/// let options = MannWhitneyOptions::default().with_alternative(Alternative::Less);
/// assert!(options.use_continuity);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MannWhitneyOptions {
    /// Whether half a step is taken off the statistic for the normal distribution. Default: true.
    pub use_continuity: bool,
    /// Which shift counts: [`Alternative::Less`] for a first sample of smaller values. Default: either.
    pub alternative: Alternative,
    /// How the p-value is computed.
    pub method: MannWhitneyMethod,
}

impl Default for MannWhitneyOptions {
    fn default() -> Self {
        Self {
            use_continuity: true,
            alternative: Alternative::default(),
            method: MannWhitneyMethod::default(),
        }
    }
}

impl MannWhitneyOptions {
    /// Sets whether half a step is taken off the statistic for the normal distribution.
    #[must_use]
    pub fn with_use_continuity(mut self, use_continuity: bool) -> Self {
        self.use_continuity = use_continuity;
        self
    }

    /// Sets the alternative hypothesis.
    #[must_use]
    pub fn with_alternative(mut self, alternative: Alternative) -> Self {
        self.alternative = alternative;
        self
    }

    /// Sets how the p-value is computed.
    #[must_use]
    pub fn with_method(mut self, method: MannWhitneyMethod) -> Self {
        self.method = method;
        self
    }
}

/// What [`mannwhitneyu`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct MannWhitneyResult {
    /// The number of pairs in which the observation of the first sample is the larger one, ties counted as halves.
    pub statistic: f64,
    /// The probability of such a statistic, or one further out, if both samples come from one distribution.
    pub pvalue: f64,
}

/// Tests whether one of two samples tends to larger values: `scipy.stats.mannwhitneyu(x, y, ..)`.
///
/// The statistic is that of the first sample, from 0 to `n m`. Ties, infinities and signed zeros are welcome; a NaN makes
/// statistic and p-value NaN. Where all observations are equal the p-value is 1.
///
/// Ranks, ties and the exact distribution are counted in whole numbers, so that nothing is lost at a million
/// observations. [`MannWhitneyMethod::Auto`] leaves the exact distribution where it would take more than 128 MB (8 observations
/// against more than a million), which scipy does not compute either.
///
/// # Errors
///
/// [`Error::InvalidInput`](crate::Error::InvalidInput) for an empty sample, and for [`MannWhitneyMethod::Exact`] of samples so
/// large that the distribution would take more than 128 MB.
///
/// # Source
///
/// scipy 1.17.1; H. B. Mann and D. R. Whitney, "On a test of whether one of two random variables is stochastically larger
/// than the other" (1947).
///
/// ```
/// use mlcore::stats::{MannWhitneyOptions, mannwhitneyu};
///
/// let males = [19.0, 22.0, 16.0, 29.0, 24.0];
/// let females = [20.0, 11.0, 17.0, 12.0];
/// let result = mannwhitneyu(&males, &females, &MannWhitneyOptions::default())?;
/// assert_eq!(result.statistic, 17.0);
/// assert!((result.pvalue - 1.0 / 9.0).abs() < 1e-15);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn mannwhitneyu(x: &[f64], y: &[f64], options: &MannWhitneyOptions) -> Result<MannWhitneyResult> {
    let (x, y) = (SortedSample::of(OPERATION, "x", x)?, SortedSample::of(OPERATION, "y", y)?);
    mannwhitneyu_sorted(&x, &y, options)
}

/// [`mannwhitneyu`] of samples that are sorted already.
///
/// # Errors
///
/// As [`mannwhitneyu`].
pub fn mannwhitneyu_sorted(
    x: &SortedSample,
    y: &SortedSample,
    options: &MannWhitneyOptions,
) -> Result<MannWhitneyResult> {
    interrupt::check(OPERATION)?;
    let Some((x, y)) = both(x, y) else {
        return Ok(MannWhitneyResult { statistic: f64::NAN, pvalue: f64::NAN });
    };
    let ranks = Ranks::of(x, y);
    interrupt::check(OPERATION)?;
    let (n1, n2) = (x.len() as u64, y.len() as u64);
    let pairs = n1 * n2;
    let (tail, times) = match options.alternative {
        Alternative::Greater => (ranks.doubled, 1.0),
        Alternative::Less => (2 * pairs - ranks.doubled, 1.0),
        Alternative::TwoSided => (ranks.doubled.max(2 * pairs - ranks.doubled), 2.0),
    };
    let may_be_exact = n1.min(n2) <= LARGEST_EXACT && ranks.ties == 0;
    let is_exact = match options.method {
        MannWhitneyMethod::Exact => true,
        MannWhitneyMethod::Asymptotic => false,
        MannWhitneyMethod::Auto => may_be_exact && exact::fits(n1, n2, tail / 2),
    };
    let pvalue = if is_exact {
        exact::at_least(n1, n2, tail / 2)?
    } else {
        norm::sf(ranks.standardised(tail, n1, n2, options.use_continuity))
    };
    Ok(MannWhitneyResult { statistic: ranks.doubled as f64 / 2.0, pvalue: (times * pvalue).clamp(0.0, 1.0) })
}

const OPERATION: &str = "mannwhitneyu";
/// Up to this size of the smaller sample the exact distribution is the default: as in scipy.
const LARGEST_EXACT: u64 = 8;

/// What the test asks of the order of two samples.
struct Ranks {
    /// Twice the statistic of the first sample.
    doubled: u64,
    /// The sum of `t^3 - t` over all values, each of which occurs `t` times.
    ties: u128,
}

impl Ranks {
    fn of(x: &[f64], y: &[f64]) -> Self {
        let mut ranks = Self { doubled: 0, ties: 0 };
        visit_tied(x, y, |tied| {
            let of_x = (tied.upto[0] - tied.before[0]) as u64;
            let of_y = (tied.upto[1] - tied.before[1]) as u64;
            ranks.doubled += of_x * (2 * tied.before[1] as u64 + of_y);
            let together = u128::from(of_x + of_y);
            if together > 1 {
                ranks.ties += together * (together * together - 1);
            }
        });
        ranks
    }

    /// How many standard deviations half of `doubled` lies above its mean; infinite where there is no deviation.
    fn standardised(&self, doubled: u64, n1: u64, n2: u64, use_continuity: bool) -> f64 {
        let (pairs, n) = (n1 * n2, u128::from(n1 + n2));
        // n (n^2 - 1) - sum(t^3 - t), which is 0 where all are equal: in whole numbers nothing cancels.
        let untied = n * (n * n - 1) - self.ties;
        let variance = pairs as f64 / 12.0 * (untied as f64 / (n * (n - 1).max(1)) as f64);
        let above = (doubled as i64 - pairs as i64) as f64 / 2.0 - if use_continuity { 0.5 } else { 0.0 };
        if above == 0.0 { 0.0 } else { above / variance.sqrt() }
    }
}
