//! The k-sample Anderson-Darling test, with scipy's choices and numbers.

mod pvalue;
mod statistic;

use serde::{Deserialize, Serialize};

use super::Alternative;
use super::permutation::{PermutationOptions, permutation_test};
use super::sorted::SortedSample;
use crate::error::{Error, Result};
use crate::interrupt;

/// Which of the statistics of Scholz and Stephens [`anderson_ksamp`] takes. Without ties all are nearly the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum AndersonVariant {
    /// Equation 7: distribution functions that are half way up at each value. For any data.
    #[default]
    Midrank,
    /// Equation 6: distribution functions that are continuous from the right.
    Right,
    /// Equation 3: for data without ties.
    Continuous,
}

crate::words! { AndersonVariant, "variant": Midrank = "midrank", Right = "right", Continuous = "continuous" }

/// How the p-value of [`anderson_ksamp`] is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum AndersonMethod {
    /// From the published table by interpolation, never below 0.001 and never above 0.25: scipy's default.
    #[default]
    Interpolate,
    /// From the limiting distribution of two large samples, moved to the statistic's mean and variance, which ties enlarge; any
    /// p-value. scipy does not have it.
    Asymptotic,
    /// By exchanging observations between the samples: [`permutation_test`].
    Permutation,
}

crate::words! {
    AndersonMethod, "method":
    Interpolate = "interpolate", Asymptotic = "asymptotic", Permutation = "permutation",
}

/// Options of [`anderson_ksamp`]; the defaults are scipy's.
///
/// ```
/// use mlcore::stats::{AndersonMethod, AndersonOptions, AndersonVariant};
///
/// let options = AndersonOptions::default().with_variant(AndersonVariant::Right);
/// assert_eq!(options.method, AndersonMethod::Interpolate);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AndersonOptions {
    /// Which statistic is taken.
    pub variant: AndersonVariant,
    /// How the p-value is computed.
    pub method: AndersonMethod,
    /// How observations are exchanged for [`AndersonMethod::Permutation`]. Large statistics count as evidence, whatever
    /// alternative stands here.
    pub permutations: PermutationOptions,
}

impl AndersonOptions {
    /// Sets which statistic is taken.
    #[must_use]
    pub fn with_variant(mut self, variant: AndersonVariant) -> Self {
        self.variant = variant;
        self
    }

    /// Sets how the p-value is computed.
    #[must_use]
    pub fn with_method(mut self, method: AndersonMethod) -> Self {
        self.method = method;
        self
    }

    /// Sets how observations are exchanged.
    #[must_use]
    pub fn with_permutations(mut self, permutations: PermutationOptions) -> Self {
        self.permutations = permutations;
        self
    }
}

/// What [`anderson_ksamp`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct AndersonResult {
    /// The statistic less its mean, over its standard deviation.
    pub statistic: f64,
    /// The probability of such a statistic, or a larger one, if all samples come from one distribution.
    pub pvalue: f64,
    /// What the standardised statistic exceeds with probability 0.25, 0.1, 0.05, 0.025, 0.01, 0.005 and 0.001.
    pub critical_values: [f64; 7],
    /// The statistic itself, `A^2` of Scholz and Stephens: its mean is the number of samples less 1. (scipy does not say.)
    pub criterion: f64,
}

/// Tests whether samples come from one distribution: `scipy.stats.anderson_ksamp(samples, variant=.., method=..)`.
///
/// Compared with [`cramervonmises_2samp`](super::cramervonmises_2samp) differences in the tails weigh more. Infinities
/// and signed zeros are welcome; a NaN makes statistic and p-value NaN.
///
/// scipy counts in 64-bit integers for [`AndersonVariant::Right`] and [`AndersonVariant::Continuous`], which overflow in large
/// samples that differ much; here they do not. Two samples cost one pass over both in order.
///
/// Ties leave the mean of the statistic what it is and enlarge its variance, up to three and a half times for a column of two values.
/// scipy's table knows nothing of them, so that a p-value of 0.01 there comes about five times in a hundred;
/// [`AndersonMethod::Asymptotic`] allows for them where the variant is [`AndersonVariant::Midrank`].
///
/// # Errors
///
/// [`Error::InvalidInput`] for fewer than two samples, an empty one, fewer than four observations in all, observations that
/// are all equal, and [`AndersonMethod::Asymptotic`] of more than two samples.
///
/// # Source
///
/// scipy 1.17.1; F. W. Scholz and M. A. Stephens, "K-sample Anderson-Darling tests" (1987).
///
/// ```
/// use mlcore::stats::{AndersonOptions, anderson_ksamp};
///
/// let (x, y) = ([0.1, 0.4, 0.7, 0.2], [0.5, 0.9, 0.8, 0.95, 0.6]);
/// let result = anderson_ksamp(&[&x, &y], &AndersonOptions::default())?;
/// assert!((result.statistic - 2.198_750_989_224).abs() < 1e-9);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn anderson_ksamp(samples: &[&[f64]], options: &AndersonOptions) -> Result<AndersonResult> {
    let sorted: Vec<SortedSample> =
        samples.iter().map(|sample| SortedSample::of(OPERATION, "samples", sample)).collect::<Result<_>>()?;
    anderson_ksamp_sorted(&sorted.iter().collect::<Vec<_>>(), options)
}

/// [`anderson_ksamp`] of samples that are sorted already.
///
/// # Errors
///
/// As [`anderson_ksamp`].
pub fn anderson_ksamp_sorted(samples: &[&SortedSample], options: &AndersonOptions) -> Result<AndersonResult> {
    interrupt::check(OPERATION)?;
    let refuse = |problem: &str, remedy: &str| {
        Err(Error::invalid_input(OPERATION, "samples", problem.to_owned()).remedy(remedy.to_owned()))
    };
    let sizes: Vec<usize> = samples.iter().map(|sample| sample.len()).collect();
    if samples.len() < 2 {
        return refuse("there are fewer than two", "pass the samples that are compared");
    }
    let moments = pvalue::Moments::of(&sizes);
    let Some(sorted) = samples.iter().map(|sample| sample.values()).collect::<Option<Vec<&[f64]>>>() else {
        let critical_values = moments.critical_values();
        return Ok(AndersonResult {
            statistic: f64::NAN,
            pvalue: f64::NAN,
            critical_values,
            criterion: f64::NAN,
        });
    };
    let smallest = sorted.iter().filter_map(|sample| sample.first()).fold(f64::INFINITY, |a, b| a.min(*b));
    let largest = sorted.iter().filter_map(|sample| sample.last()).fold(f64::NEG_INFINITY, |a, b| a.max(*b));
    if smallest == largest {
        return refuse("all observations are equal", "compare columns of more than one value");
    }
    if sizes.iter().sum::<usize>() < 4 {
        return refuse("there are fewer than four observations", "pass at least four in all");
    }
    let (criterion, has_ties) = match (&sorted[..], options.variant) {
        ([x, y], AndersonVariant::Midrank) => statistic::midrank_criterion(x, y),
        // Ties enter the limit of the other variants in no way.
        (_, variant) => (statistic::criterion(&sorted, variant), false),
    };
    interrupt::check(OPERATION)?;
    let statistic = moments.standardised(criterion);
    let pvalue = match options.method {
        AndersonMethod::Interpolate => moments.interpolated(statistic),
        AndersonMethod::Asymptotic => {
            let [x, y] = sorted[..] else {
                return refuse(
                    "there are more than two for the limit of two",
                    "use interpolate or permutation",
                );
            };
            let spread = if has_ties { statistic::spread_by_ties(x, y) } else { 1.0 };
            interrupt::check(OPERATION)?;
            moments.limit(statistic, spread)
        }
        AndersonMethod::Permutation => {
            let permutations = options.permutations.with_alternative(Alternative::Greater);
            let exchanged = |samples: &[&[f64]]| {
                let sorted: Vec<Vec<f64>> =
                    samples.iter().map(|sample| super::sorted::ascending(sample)).collect();
                let sorted: Vec<&[f64]> = sorted.iter().map(Vec::as_slice).collect();
                Ok(statistic::criterion(&sorted, options.variant))
            };
            permutation_test(&sorted, exchanged, &permutations)?.pvalue
        }
    };
    Ok(AndersonResult { statistic, pvalue, critical_values: moments.critical_values(), criterion })
}

const OPERATION: &str = "anderson_ksamp";
