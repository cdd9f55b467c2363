//! The two-sample Cramer-von Mises test, with scipy's choices and numbers.

mod exact;

use serde::{Deserialize, Serialize};

use super::sorted::{BlockSum, SortedSample, both, visit_in_order, visit_tied};
use super::special::quadratic_limit::cramer_von_mises_sf;
use crate::error::{Error, Result};
use crate::interrupt;

/// How the p-value of [`cramervonmises_2samp`] is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum CramerVonMisesMethod {
    /// [`Exact`](Self::Exact) where neither sample has more than 20 observations, else [`Asymptotic`](Self::Asymptotic).
    #[default]
    Auto,
    /// From the number of orders of the observations, as if no two were equal.
    Exact,
    /// From the limit for large samples, moved to the statistic's mean and variance.
    Asymptotic,
    /// As [`Auto`](Self::Auto) where no two observations are equal, and else the mean of `(F - G)^2` over all observations, with
    /// the limit moved to the mean and the variance that it has with these ties. scipy has no such method.
    AutoTies,
}

crate::words! {
    CramerVonMisesMethod, "method":
    Auto = "auto", Exact = "exact", Asymptotic = "asymptotic", AutoTies = "auto_ties"
}

/// Options of [`cramervonmises_2samp`]; the defaults are scipy's.
///
/// ```
/// use mlcore::stats::{CramerVonMisesMethod, CramerVonMisesOptions};
///
/// let options = CramerVonMisesOptions::default().with_method(CramerVonMisesMethod::Asymptotic);
/// assert_eq!(options.method.name(), "asymptotic");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CramerVonMisesOptions {
    /// How the p-value is computed.
    pub method: CramerVonMisesMethod,
}

impl CramerVonMisesOptions {
    /// Sets how the p-value is computed.
    #[must_use]
    pub fn with_method(mut self, method: CramerVonMisesMethod) -> Self {
        self.method = method;
        self
    }
}

/// What [`cramervonmises_2samp`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct CramerVonMisesResult {
    /// Anderson's `T`.
    pub statistic: f64,
    /// The probability of such a statistic, or a larger one, if both samples come from one continuous distribution.
    pub pvalue: f64,
    /// How far apart the samples are, from 0 to 1: the root of the mean of `(F - G)^2` over all observations, where `F` and
    /// `G` are the empirical distribution functions. It does not grow with the samples, as the statistic does. (scipy has
    /// no such number.)
    pub distance: f64,
}

/// Tests whether two samples come from one continuous distribution: `scipy.stats.cramervonmises_2samp(x, y, method=..)`.
///
/// Ties have their mean rank, as in scipy, whose statistic then depends on the order in which equal observations would have
/// stood: of samples of different sizes that are half zeros it rejects every pair, changed or not.
/// [`CramerVonMisesMethod::AutoTies`] holds its level. Infinities and signed zeros are welcome; a NaN makes all numbers NaN.
///
/// The statistic is computed in whole numbers and rounded once: scipy subtracts two numbers of size `n`, which costs it six
/// digits at a million observations. The asymptotic p-value keeps its digits in the tail, where scipy's series is
/// subtracted from 1: below about 1e-6 of scipy's p-values few digits are left, and below 1e-16 they are 0.
///
/// # Errors
///
/// [`Error::InvalidInput`] for a sample of fewer than two observations, and for [`CramerVonMisesMethod::Exact`] of samples so large
/// that the exact distribution cannot be had: some 60 of each.
///
/// # Source
///
/// scipy 1.17.1; T. W. Anderson, "On the distribution of the two-sample Cramer-von Mises criterion" (1962).
///
/// ```
/// use mlcore::stats::{CramerVonMisesOptions, cramervonmises_2samp};
///
/// let (x, y) = ([0.1, 0.4, 0.7, 0.2], [0.5, 0.9, 0.8, 0.95, 0.6]);
/// let result = cramervonmises_2samp(&x, &y, &CramerVonMisesOptions::default())?;
/// assert!((result.statistic - 0.459_259_259_259_259_26).abs() < 1e-15);
/// assert!((result.pvalue - 0.063_492_063_492_063_49).abs() < 1e-15);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn cramervonmises_2samp(
    x: &[f64],
    y: &[f64],
    options: &CramerVonMisesOptions,
) -> Result<CramerVonMisesResult> {
    let (x, y) = (SortedSample::of(OPERATION, "x", x)?, SortedSample::of(OPERATION, "y", y)?);
    cramervonmises_2samp_sorted(&x, &y, options)
}

/// [`cramervonmises_2samp`] of samples that are sorted already.
///
/// # Errors
///
/// As [`cramervonmises_2samp`].
pub fn cramervonmises_2samp_sorted(
    x: &SortedSample,
    y: &SortedSample,
    options: &CramerVonMisesOptions,
) -> Result<CramerVonMisesResult> {
    for (subject, sample) in [("x", x), ("y", y)] {
        if sample.len() < 2 {
            return Err(Error::invalid_input(OPERATION, subject, "it has a single observation")
                .remedy("pass at least two observations in each sample"));
        }
    }
    interrupt::check(OPERATION)?;
    let Some((x, y)) = both(x, y) else {
        return Ok(CramerVonMisesResult { statistic: f64::NAN, pvalue: f64::NAN, distance: f64::NAN });
    };
    let criterion = Criterion::of(x, y);
    interrupt::check(OPERATION)?;
    let (n, m) = (x.len() as f64, y.len() as f64);
    let distance = if criterion.has_ties {
        distance_of_tied(x, y)
    } else {
        (criterion.statistic() * (n + m) / (n * m)).sqrt()
    };
    if options.method == CramerVonMisesMethod::AutoTies && criterion.has_ties {
        let statistic = distance * distance * n * m / (n + m);
        let pvalue = Ties::of(x, y).pvalue(statistic, n, m);
        return Ok(CramerVonMisesResult { statistic, pvalue, distance });
    }
    let is_exact = match options.method {
        CramerVonMisesMethod::Auto | CramerVonMisesMethod::AutoTies => x.len().max(y.len()) <= LARGEST_EXACT,
        CramerVonMisesMethod::Exact => true,
        CramerVonMisesMethod::Asymptotic => false,
    };
    let statistic = criterion.statistic();
    let pvalue = if is_exact {
        exact::at_least(x.len(), y.len(), criterion.quadrupled)?
    } else {
        asymptotic(statistic, n, m)
    };
    Ok(CramerVonMisesResult { statistic, pvalue, distance })
}

/// The root of the mean of `(F - G)^2` over all observations; without ties the statistic says as much.
fn distance_of_tied(x: &[f64], y: &[f64]) -> f64 {
    let (n, m) = (x.len() as f64, y.len() as f64);
    let mut differences = BlockSum::default();
    visit_tied(x, y, |tied| {
        let together = (tied.upto[0] - tied.before[0]) + (tied.upto[1] - tied.before[1]);
        let difference = tied.upto[0] as f64 * m - tied.upto[1] as f64 * n;
        differences.add(together as f64 * difference * difference);
    });
    (differences.value() / (n + m)).sqrt() / (n * m)
}

const OPERATION: &str = "cramervonmises_2samp";
/// Up to this size of both samples the exact distribution is the default: as in scipy.
const LARGEST_EXACT: usize = 20;

/// What the test asks of the order of two samples.
struct Criterion {
    sizes: [i128; 2],
    /// Four times Anderson's `U`: with mean ranks, which are halves at most, a whole number.
    quadrupled: i128,
    has_ties: bool,
}

impl Criterion {
    fn of(x: &[f64], y: &[f64]) -> Self {
        let (mut of_x, mut of_y) = (Squares::default(), Squares::default());
        let mut has_ties = false;
        visit_tied(x, y, |tied| {
            let together = (tied.upto[0] - tied.before[0]) + (tied.upto[1] - tied.before[1]);
            // Twice the mean rank of these observations.
            let rank = (tied.before[0] + tied.before[1] + tied.upto[0] + tied.upto[1] + 1) as i64;
            of_x.add(rank, together, tied.before[0], tied.upto[0]);
            of_y.add(rank, together, tied.before[1], tied.upto[1]);
            has_ties |= together > 1;
        });
        let sizes = [x.len() as i128, y.len() as i128];
        Self { sizes, quadrupled: sizes[0] * of_x.total() + sizes[1] * of_y.total(), has_ties }
    }

    /// `U / (n m (n + m)) - (4 n m - 1) / (6 (n + m))`, with a single rounding of the numerator.
    fn statistic(&self) -> f64 {
        let [n, m] = self.sizes;
        let numerator = 6 * self.quadrupled - 4 * n * m * (4 * n * m - 1);
        numerator as f64 / (24 * n * m) as f64 / (n + m) as f64
    }
}

/// What ties make of the limit.
struct Ties {
    /// The mean of `H (1 - H)` over all observations, where `H` is the distribution function of both samples together.
    mean: f64,
    /// The mean of `(min(H, K) - H K)^2` over all pairs of observations.
    square: f64,
}

impl Ties {
    fn of(x: &[f64], y: &[f64]) -> Self {
        let all = (x.len() + y.len()) as f64;
        // `below` is the mean of `H^2` over the observations so far, as a share of all.
        let (mut mean, mut square, mut below) = (0.0, 0.0, 0.0);
        visit_in_order(&[x, y], |before, upto| {
            let [first, last] = [before, upto].map(|counts| counts.iter().sum::<usize>() as f64);
            let (share, h) = ((last - first) / all, last / all);
            let (own, rest) = (share * h * h, 1.0 - h);
            mean += share * h * rest;
            square += share * rest * rest * (2.0 * below + own);
            below += own;
        });
        Self { mean, square }
    }

    /// The p-value of `n m / (n + m)` times the mean of `(F - G)^2`, which exchanging rows between samples gives a mean of
    /// exactly `mean` times `N / (N - 1)`, and in the limit a variance of twice `square`. Without ties the limit's are 1/6 and 1/45.
    fn pvalue(&self, statistic: f64, n: f64, m: f64) -> f64 {
        let all = n + m;
        // Of finite samples, as without ties.
        let variance = 2.0 * self.square * 45.0 * anderson_variance(n, m);
        if variance <= 0.0 {
            // All observations are equal.
            return 1.0;
        }
        let moved = 1.0 / 6.0 + (statistic - self.mean * all / (all - 1.0)) / (45.0 * variance).sqrt();
        cramer_von_mises_sf(moved)
    }
}

/// A sum of squares below 2^62: in 64 bits, until these are full.
#[derive(Default)]
struct Squares {
    part: u64,
    whole: u128,
}

impl Squares {
    /// Adds `(rank - 2 place)^2` for the places after `before`, up to `upto`; `together` observations of both samples are equal.
    #[inline(always)]
    fn add(&mut self, rank: i64, together: usize, before: usize, upto: usize) {
        if together == 1 {
            // Of which sample it is cannot be predicted.
            let difference = (rank - 2 * (before as i64 + 1)).unsigned_abs();
            self.put((upto - before) as u64 * difference * difference);
            return;
        }
        for place in before + 1..=upto {
            // At most twice the size of the other sample, 2^31.
            let difference = (rank - 2 * place as i64).unsigned_abs();
            self.put(difference * difference);
        }
    }

    #[inline(always)]
    fn put(&mut self, square: u64) {
        self.part += square;
        if self.part >> 62 != 0 {
            self.whole += u128::from(std::mem::take(&mut self.part));
        }
    }

    fn total(&self) -> i128 {
        (self.whole + u128::from(self.part)) as i128
    }
}

fn asymptotic(statistic: f64, n: f64, m: f64) -> f64 {
    // Equations 11 and 15 of Anderson.
    let mean = (1.0 + 1.0 / (n + m)) / 6.0;
    let moved = 1.0 / 6.0 + (statistic - mean) / (45.0 * anderson_variance(n, m)).sqrt();
    cramer_von_mises_sf(moved)
}

/// The variance of the statistic without ties: equation 14 of Anderson.
fn anderson_variance(n: f64, m: f64) -> f64 {
    let (all, pairs) = (n + m, n * m);
    (all + 1.0) * (4.0 * pairs * all - 3.0 * (n * n + m * m) - 2.0 * pairs) / (45.0 * all * all * 4.0 * pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::SplitMix64;

    #[test]
    fn the_moments_among_ties_are_those_over_all_pairs() {
        let mut random = SplitMix64::new(5);
        for (n, m, step) in [(40, 60, 1.0), (200, 90, 0.25), (7, 5, 2.0), (150, 150, 1e-9)] {
            let mut of = |count: usize| -> Vec<f64> {
                let mut values: Vec<f64> =
                    (0..count).map(|_| (random.normal() / step).round() * step).collect();
                values.sort_by(f64::total_cmp);
                values
            };
            let (x, y) = (of(n), of(m));
            let all: Vec<f64> = x.iter().chain(&y).map(|value| value + 0.0).collect();
            let h =
                |value: f64| all.iter().filter(|other| **other <= value).count() as f64 / all.len() as f64;
            let shares: Vec<f64> = all.iter().map(|value| h(*value)).collect();
            let mean = shares.iter().map(|h| h * (1.0 - h)).sum::<f64>() / all.len() as f64;
            let pairs = shares.iter().flat_map(|h| shares.iter().map(move |k| (h.min(*k) - h * k).powi(2)));
            let square = pairs.sum::<f64>() / (all.len() * all.len()) as f64;
            let ties = Ties::of(&x, &y);
            assert!((ties.mean - mean).abs() < 1e-12 * mean.abs().max(1e-3), "{} {mean}", ties.mean);
            assert!(
                (ties.square - square).abs() < 1e-12 * square.abs().max(1e-3),
                "{} {square}",
                ties.square
            );
        }
    }
}
