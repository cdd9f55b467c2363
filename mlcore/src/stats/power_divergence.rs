//! Cressie and Read's power divergence: Pearson's chi-square, the G-test and their kin, with scipy's numbers.

use std::str::FromStr;

use super::{Sum, chi2};
use crate::error::{Error, Result};
use crate::interrupt::{self, Pace};
use crate::words;

/// Which member of Cressie and Read's family a statistic is: scipy's `lambda_`, by name or by number.
///
/// ```
/// use mlcore::stats::Lambda;
///
/// assert_eq!("log-likelihood".parse::<Lambda>()?, Lambda::LOG_LIKELIHOOD);
/// assert_eq!(Lambda::CRESSIE_READ.value(), 2.0 / 3.0);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lambda(f64);

impl Lambda {
    /// `pearson`: the sum of `(observed - expected)^2 / expected`.
    pub const PEARSON: Self = Self(1.0);
    /// `log-likelihood`: the G-test, twice the sum of `observed ln(observed / expected)`.
    pub const LOG_LIKELIHOOD: Self = Self(0.0);
    /// `freeman-tukey`: four times the sum of `(sqrt(observed) - sqrt(expected))^2`.
    pub const FREEMAN_TUKEY: Self = Self(-0.5);
    /// `mod-log-likelihood`: twice the sum of `expected ln(expected / observed)`.
    pub const MOD_LOG_LIKELIHOOD: Self = Self(-1.0);
    /// `neyman`: the sum of `(observed - expected)^2 / observed`.
    pub const NEYMAN: Self = Self(-2.0);
    /// `cressie-read`: the power that its authors recommend, 2/3.
    pub const CRESSIE_READ: Self = Self(2.0 / 3.0);

    /// The power.
    #[must_use]
    pub fn value(self) -> f64 {
        self.0
    }

    /// A cell's part of the statistic.
    pub(super) fn term(self, observed: f64, expected: f64) -> f64 {
        let twice_log =
            |of: f64, ratio: f64| if of == 0.0 && !ratio.is_nan() { 0.0 } else { 2.0 * of * ratio.ln() };
        match self.0 {
            1.0 => (observed - expected) * (observed - expected) / expected,
            0.0 => twice_log(observed, observed / expected),
            -1.0 => twice_log(expected, expected / observed),
            // What the general form tends to as the count does to 0; scipy multiplies 0 by infinity.
            power if observed == 0.0 && power < 0.0 && expected > 0.0 => {
                if power > -1.0 {
                    0.0
                } else {
                    f64::INFINITY
                }
            }
            power => observed * ((observed / expected).powf(power) - 1.0) / (0.5 * power * (power + 1.0)),
        }
    }
}

impl Default for Lambda {
    /// Pearson's.
    fn default() -> Self {
        Self::PEARSON
    }
}

impl From<f64> for Lambda {
    fn from(power: f64) -> Self {
        Self(power)
    }
}

impl FromStr for Lambda {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match NAMES.iter().find(|(known, _)| *known == name) {
            Some((_, lambda)) => Ok(*lambda),
            None => Err(words::unknown("lambda_", name, &NAMES.map(|(known, _)| known))),
        }
    }
}

/// The names, as scipy has them.
const NAMES: [(&str, Lambda); 6] = [
    ("pearson", Lambda::PEARSON),
    ("log-likelihood", Lambda::LOG_LIKELIHOOD),
    ("freeman-tukey", Lambda::FREEMAN_TUKEY),
    ("mod-log-likelihood", Lambda::MOD_LOG_LIKELIHOOD),
    ("neyman", Lambda::NEYMAN),
    ("cressie-read", Lambda::CRESSIE_READ),
];

/// Options of [`power_divergence`]; the defaults are scipy's.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct PowerDivergenceOptions<'a> {
    /// The expected frequencies (default: the mean of the observed ones for each).
    pub f_exp: Option<&'a [f64]>,
    /// What is taken from the degrees of freedom beside the one that the total takes (default: 0).
    pub ddof: u64,
    /// Which statistic (default: Pearson's).
    pub lambda: Lambda,
}

impl<'a> PowerDivergenceOptions<'a> {
    /// Sets the expected frequencies.
    #[must_use]
    pub fn with_f_exp(mut self, expected: &'a [f64]) -> Self {
        self.f_exp = Some(expected);
        self
    }

    /// Sets what is taken from the degrees of freedom, one for each parameter that was fitted to the data.
    #[must_use]
    pub fn with_ddof(mut self, ddof: u64) -> Self {
        self.ddof = ddof;
        self
    }

    /// Sets which statistic it is.
    #[must_use]
    pub fn with_lambda(mut self, lambda: impl Into<Lambda>) -> Self {
        self.lambda = lambda.into();
        self
    }
}

/// What [`power_divergence`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct PowerDivergenceResult {
    /// The statistic.
    pub statistic: f64,
    /// The probability of such a statistic, or a larger one, if the frequencies are as expected.
    pub pvalue: f64,
}

/// Tests whether categories occur as often as expected: `scipy.stats.power_divergence(f_obs, f_exp, ddof, lambda_=..)`.
///
/// With [`Lambda::PEARSON`] it is `scipy.stats.chisquare`, with [`Lambda::LOG_LIKELIHOOD`] the G-test. A NaN or an infinite
/// frequency makes the answer NaN; so do no degrees of freedom. A category that occurs and was not expected makes the
/// statistic infinite and the p-value 0. One that was expected and does not occur adds nothing where the power is above -1
/// and makes the statistic infinite where it is not (scipy answers NaN for `freeman-tukey` and `neyman`).
///
/// Source: N. Cressie and T. R. C. Read, "Multinomial Goodness-of-Fit Tests" (1984); scipy 1.17.1.
///
/// # Errors
///
/// [`Error::InvalidInput`] if there are no categories, if there are not as many expected as observed frequencies, and if
/// their sums differ by more than 1.5e-8 of the smaller one; [`Error::Interrupted`].
///
/// ```
/// use mlcore::stats::{Lambda, PowerDivergenceOptions, power_divergence};
///
/// let options = PowerDivergenceOptions::default().with_lambda(Lambda::LOG_LIKELIHOOD);
/// let result = power_divergence(&[16.0, 18.0, 16.0, 14.0, 12.0, 12.0], &options)?;
/// assert!((result.statistic - 2.006_573_162_632_537_8).abs() < 1e-12);
/// assert!((result.pvalue - 0.848_234_767_793_997_7).abs() < 1e-12);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn power_divergence(
    f_obs: &[f64],
    options: &PowerDivergenceOptions<'_>,
) -> Result<PowerDivergenceResult> {
    let categories = f_obs.len();
    if categories == 0 {
        return Err(Error::invalid_input(OPERATION, "f_obs", "there are no categories"));
    }
    let observed: f64 = sum(f_obs)?;
    if let Some(f_exp) = options.f_exp {
        if f_exp.len() != categories {
            let problem = format!("{} frequencies for {categories} categories", f_exp.len());
            return Err(Error::invalid_input(OPERATION, "f_exp", problem));
        }
        let expected = sum(f_exp)?;
        let difference = (observed - expected).abs() / observed.min(expected);
        if difference > f64::EPSILON.sqrt() {
            let problem = format!("they add up to {expected} where the observed ones add up to {observed}");
            return Err(Error::invalid_input(OPERATION, "f_exp", problem)
                .remedy("multiply them by the ratio of the totals"));
        }
    }
    let mean = observed / categories as f64;
    let expected = |place: usize| match options.f_exp {
        Some(f_exp) => f_exp.get(place).copied().unwrap_or(f64::NAN),
        None => mean,
    };
    let cells = f_obs.iter().enumerate().map(|(place, observed)| (*observed, expected(place)));
    let statistic = statistic(cells, options.lambda);
    interrupt::check(OPERATION)?;
    let dof = categories as f64 - 1.0 - options.ddof as f64;
    Ok(PowerDivergenceResult { statistic, pvalue: chi2_tail(statistic, dof) })
}

/// The p-value of a statistic that may be infinite.
pub(super) fn chi2_tail(statistic: f64, dof: f64) -> f64 {
    if statistic.is_nan() || dof.is_nan() || dof <= 0.0 {
        f64::NAN
    } else if statistic == f64::INFINITY {
        0.0
    } else {
        chi2::sf(statistic.max(0.0), dof)
    }
}

/// The statistic of pairs of observed and expected frequencies.
pub(super) fn statistic(cells: impl Iterator<Item = (f64, f64)>, lambda: Lambda) -> f64 {
    // Compensated, so that a table of a million cells keeps its last digits.
    let mut sum = Sum::default();
    sum.extend(interrupt::paced(cells).map(|(observed, expected)| lambda.term(observed, expected)));
    sum.value()
}

fn sum(frequencies: &[f64]) -> Result<f64> {
    let mut pace = Pace::default();
    let mut sum = Sum::default();
    for part in frequencies.chunks(1024) {
        pace.check(OPERATION, part.len())?;
        part.iter().for_each(|frequency| sum.add(*frequency));
    }
    Ok(sum.value())
}

const OPERATION: &str = "power_divergence";
