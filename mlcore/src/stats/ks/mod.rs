//! The two-sample Kolmogorov-Smirnov test, with scipy's choices and numbers.
//!
//! [`ks_2samp`] compares two samples; [`KsReference`] keeps one of them ready, for monitors that compare every
//! window with the same reference. Both give the same answers to the last bit.

mod buckets;
mod candidates;
mod exact;
mod reference;
mod search;
mod statistic;

pub use reference::KsReference;
use serde::{Deserialize, Serialize};

use super::Alternative;
use super::special::kolmogorov::kolmogorov_sf;
use crate::error::{Error, Result};
use crate::interrupt;
use search::{Deviation, Extremes};

/// Up to this size of the larger sample [`KsMethod::Auto`] computes the exact distribution, unless told otherwise: as
/// scipy does.
pub const MAX_AUTO_N: usize = 10_000;

/// How the p-value of [`ks_2samp`] is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum KsMethod {
    /// [`Exact`](Self::Exact) while neither sample is larger than [`KsOptions::max_auto_n`], else
    /// [`Asymptotic`](Self::Asymptotic).
    #[default]
    Auto,
    /// From the number of lattice paths, without approximation.
    Exact,
    /// From the one-sample distribution at `n m / (n + m)` (two-sided), or Hodges' formula 5.3 (one-sided).
    Asymptotic,
}

crate::words! { KsMethod, "method": Auto = "auto", Exact = "exact", Asymptotic = "asymp" }

/// Options of [`ks_2samp`]; the defaults are scipy's.
///
/// ```
/// use mlcore::stats::{Alternative, KsMethod, KsOptions};
///
/// let options = KsOptions::default().with_method(KsMethod::Asymptotic).with_alternative(Alternative::Less);
/// assert_eq!(options.method, KsMethod::Asymptotic);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct KsOptions {
    /// How the p-value is computed.
    pub method: KsMethod,
    /// Up to this size of the larger sample [`KsMethod::Auto`] is exact; [`MAX_AUTO_N`], scipy's, by default.
    pub max_auto_n: usize,
    /// Which deviations count, in terms of the distribution functions: see [`ks_2samp`].
    pub alternative: Alternative,
}

impl Default for KsOptions {
    fn default() -> Self {
        Self { method: KsMethod::default(), max_auto_n: MAX_AUTO_N, alternative: Alternative::default() }
    }
}

impl KsOptions {
    /// Sets how the p-value is computed.
    #[must_use]
    pub fn with_method(mut self, method: KsMethod) -> Self {
        self.method = method;
        self
    }

    /// Sets up to which size of the larger sample [`KsMethod::Auto`] is exact.
    #[must_use]
    pub fn with_max_auto_n(mut self, observations: usize) -> Self {
        self.max_auto_n = observations;
        self
    }

    /// Sets the alternative hypothesis.
    #[must_use]
    pub fn with_alternative(mut self, alternative: Alternative) -> Self {
        self.alternative = alternative;
        self
    }
}

/// What [`ks_2samp`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct KsResult {
    /// The largest difference between the two empirical distribution functions, from 0 to 1.
    pub statistic: f64,
    /// The probability of such a difference, or a larger one, between samples of one continuous distribution.
    pub pvalue: f64,
    /// The observation at which the difference is largest.
    pub statistic_location: f64,
    /// `1` where the first sample's distribution function is the higher one there, else `-1`.
    pub statistic_sign: i8,
    /// The method behind the p-value: never [`KsMethod::Auto`], and [`KsMethod::Asymptotic`] where the exact
    /// computation was asked for and is out of reach (scipy warns and does the same).
    pub method_used: KsMethod,
}

/// Tests whether two samples come from the same continuous distribution: `scipy.stats.ks_2samp`.
///
/// With `F` and `G` the empirical distribution functions of `x` and `y`, the statistic is `max |F - G|`
/// ([`Alternative::TwoSided`]), `max (F - G)` ([`Alternative::Greater`]) or `max (G - F)` ([`Alternative::Less`]).
/// Samples of different sizes, ties, infinities and signed zeros are welcome. A NaN in either sample makes the
/// statistic, its location and the p-value NaN (scipy's `nan_policy="propagate"`): drop or impute first if that is
/// not what you want. One observation against one has no asymptotic p-value: NaN, in scipy too.
///
/// Cost: linear in the sizes for ordinary data, `O(n log n)` at worst. The asymptotic p-value, and the exact one of two
/// samples of one size, usually cost microseconds; the exact one of different sizes takes time in proportion to
/// `n m` times the statistic, some ten milliseconds at the largest sizes that [`KsMethod::Auto`] leaves to it.
///
/// # Errors
///
/// [`Error::InvalidInput`] if a sample is empty.
///
/// # Source
///
/// scipy 1.17.1; J. L. Hodges, "The Significance Probability of the Smirnov Two-Sample Test" (1958).
///
/// ```
/// use mlcore::stats::{KsOptions, ks_2samp};
///
/// let x = [0.1, 0.4, 0.7, 0.2];
/// let y = [0.5, 0.9, 0.8, 0.95, 0.6];
/// let result = ks_2samp(&x, &y, &KsOptions::default())?;
/// assert!((result.statistic - 0.75).abs() < 1e-15);
/// assert!((result.pvalue - 0.142_857_142_857_142_85).abs() < 1e-15);
/// assert_eq!((result.statistic_location, result.statistic_sign), (0.4, 1));
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn ks_2samp(x: &[f64], y: &[f64], options: &KsOptions) -> Result<KsResult> {
    require_observations("x", x)?;
    require_observations("y", y)?;
    interrupt::check(OPERATION)?;
    conclude(statistic::extremes(x, y, options.alternative), x.len(), y.len(), options)
}

/// The p-value that [`ks_2samp`] gives a statistic of samples of these sizes, where the statistic alone is known.
///
/// # Errors
///
/// [`Error::InvalidInput`] for a statistic outside `[0, 1]` and a sample without observations.
///
/// ```
/// use mlcore::stats::{KsOptions, ks_2samp, ks_2samp_pvalue};
///
/// let options = KsOptions::default();
/// let whole = ks_2samp(&[0.1, 0.4, 0.7, 0.2], &[0.5, 0.9, 0.8], &options)?;
/// assert_eq!(ks_2samp_pvalue(whole.statistic, 4, 3, &options)?, whole.pvalue);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn ks_2samp_pvalue(statistic: f64, n1: usize, n2: usize, options: &KsOptions) -> Result<f64> {
    if !(0.0..=1.0).contains(&statistic) {
        return Err(Error::invalid_input("ks_2samp", "statistic", format!("{statistic} is not in [0, 1]")));
    }
    if n1 == 0 || n2 == 0 {
        return Err(Error::invalid_input("ks_2samp", "sizes", "a sample is empty")
            .remedy("pass at least one observation in each sample"));
    }
    let deviation = Deviation { size: statistic, location: f64::NAN };
    Ok(conclude(Some(Extremes { above: deviation, below: deviation }), n1, n2, options)?.pvalue)
}

fn require_observations(subject: &'static str, sample: &[f64]) -> Result<()> {
    if sample.is_empty() {
        return Err(Error::invalid_input("ks_2samp", subject, "the sample is empty")
            .remedy("pass at least one observation in each sample"));
    }
    Ok(())
}

/// Chooses the deviation that the alternative asks about and computes its p-value.
///
/// # Errors
///
/// [`Error::Interrupted`], also where that kept the extremes from being found.
fn conclude(extremes: Option<Extremes>, n1: usize, n2: usize, options: &KsOptions) -> Result<KsResult> {
    interrupt::check(OPERATION)?;
    let Some(Extremes { above, below }) = extremes else {
        return Ok(KsResult {
            statistic: f64::NAN,
            pvalue: f64::NAN,
            statistic_location: f64::NAN,
            statistic_sign: 1,
            method_used: planned_method(n1, n2, options),
        });
    };
    let below = Deviation { size: below.size.clamp(0.0, 1.0), ..below };
    let takes_below = match options.alternative {
        Alternative::Less => true,
        Alternative::Greater => false,
        Alternative::TwoSided => below.size > above.size,
    };
    let (deviation, statistic_sign) = if takes_below { (below, -1) } else { (above, 1) };
    let mut method_used = planned_method(n1, n2, options);
    let mut statistic = deviation.size;
    let mut pvalue = f64::NAN;
    if method_used == KsMethod::Exact {
        let exact = exact::attempt(n1, n2, statistic, options.alternative)?;
        statistic = exact.statistic;
        match exact.pvalue {
            Some(probability) => pvalue = probability,
            None => method_used = KsMethod::Asymptotic,
        }
    }
    if method_used == KsMethod::Asymptotic {
        pvalue = asymptotic(n1, n2, statistic, options.alternative);
    }
    Ok(KsResult {
        statistic,
        pvalue: pvalue.clamp(0.0, 1.0),
        // One zero, whichever the sort met first.
        statistic_location: deviation.location + 0.0,
        statistic_sign,
        method_used,
    })
}

pub(super) const OPERATION: &str = "ks_2samp";

/// The method before the exact computation has had a chance to fail.
fn planned_method(n1: usize, n2: usize, asked: &KsOptions) -> KsMethod {
    match asked.method {
        KsMethod::Auto if n1.max(n2) <= asked.max_auto_n => KsMethod::Exact,
        KsMethod::Auto | KsMethod::Asymptotic => KsMethod::Asymptotic,
        // The lattice has lcm(n1, n2) levels, which scipy counts in 32 bits.
        KsMethod::Exact => {
            let divisor = exact::greatest_common_divisor(n1, n2);
            let (n1_levels, n2_levels) = ((n1 / divisor) as f64, (n2 / divisor) as f64);
            if n1_levels >= f64::from(i32::MAX) / n2_levels { KsMethod::Asymptotic } else { KsMethod::Exact }
        }
    }
}

fn asymptotic(n1: usize, n2: usize, statistic: f64, alternative: Alternative) -> f64 {
    let (larger, smaller) = (n1.max(n2) as f64, n1.min(n2) as f64);
    let effective = larger * smaller / (larger + smaller);
    if alternative == Alternative::TwoSided {
        return kolmogorov_sf(effective.round_ties_even(), statistic);
    }
    let z = effective.sqrt() * statistic;
    let correction = (larger + 2.0 * smaller) / (larger * smaller * (larger + smaller)).sqrt();
    (-2.0 * z * z - 2.0 * z * correction / 3.0).exp()
}
