//! The Epps-Singleton test of two samples, with scipy's choices and numbers.

mod eigen;
mod quartiles;
mod waves;

use super::chi2;
use crate::error::{Error, Result};
use crate::interrupt;
use waves::Waves;

/// Options of [`epps_singleton_2samp`]; the defaults are scipy's.
///
/// ```
/// use mlcore::stats::EppsSingletonOptions;
///
/// assert_eq!(EppsSingletonOptions::default().t, [0.4, 0.8]);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EppsSingletonOptions {
    /// Where the characteristic functions are compared, in units of one over the semi-interquartile range: numbers above 0, at
    /// most [`MOST_POINTS`](Self::MOST_POINTS) of them. Default: 0.4 and 0.8, as Epps and Singleton advise.
    pub t: Vec<f64>,
    /// Whose covariance the difference is measured by.
    pub covariance: EppsSingletonCovariance,
}

/// The covariance that [`epps_singleton_2samp`] measures the difference of characteristic functions by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum EppsSingletonCovariance {
    /// Each sample's own, as in scipy. That of a small sample beside a large one is known badly, and the test rejects too often:
    /// 114 values beside 475 in 9 of 100 cases at a nominal 5.
    #[default]
    Separate,
    /// One of both samples, which is theirs if nothing changed: it holds the level at any sizes.
    Pooled,
}

crate::words! { EppsSingletonCovariance, "covariance": Separate = "separate", Pooled = "pooled" }

impl Default for EppsSingletonOptions {
    fn default() -> Self {
        Self { t: vec![0.4, 0.8], covariance: EppsSingletonCovariance::default() }
    }
}

impl EppsSingletonOptions {
    /// The most points at which characteristic functions are compared.
    pub const MOST_POINTS: usize = 32;

    /// Sets where the characteristic functions are compared.
    #[must_use]
    pub fn with_t(mut self, t: impl Into<Vec<f64>>) -> Self {
        self.t = t.into();
        self
    }

    /// Sets whose covariance the difference is measured by.
    #[must_use]
    pub fn with_covariance(mut self, covariance: EppsSingletonCovariance) -> Self {
        self.covariance = covariance;
        self
    }
}

/// What [`epps_singleton_2samp`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct EppsSingletonResult {
    /// `W`, with the correction for small samples.
    pub statistic: f64,
    /// The probability of such a statistic, or a larger one, if both samples come from one distribution.
    pub pvalue: f64,
    /// How far apart the samples are, in standard deviations of what is compared: the root of `W (n + m) / (n m)`, without the
    /// correction. It does not grow with the samples, as the statistic does. (scipy has no such number.)
    pub distance: f64,
}

/// Tests whether two samples come from one distribution, continuous or not: `scipy.stats.epps_singleton_2samp(x, y, t)`.
///
/// It compares the empirical characteristic functions at a few points: means of cosines and sines, which see a shift, a
/// spread and other shapes. The p-value is that of the chi-square distribution with as many degrees of freedom as the covariance
/// matrix of these means has dimensions, twice as many as points where values are not few. A NaN or an infinity makes
/// all numbers NaN.
///
/// # Errors
///
/// [`Error::InvalidInput`] for a sample of fewer than five values; for points that are not above 0 and finite, and none or too many of
/// them; and where the middle half of all values is one value, so that there is no interquartile range.
///
/// # Source
///
/// scipy 1.17.1; T. W. Epps and K. J. Singleton, "An omnibus test for the two-sample problem using the empirical characteristic
/// function" (1986).
///
/// ```
/// use mlcore::stats::{EppsSingletonOptions, epps_singleton_2samp};
///
/// let x: Vec<f64> = (0..100).map(|i| f64::from(i) * 0.37 % 1.0).collect();
/// let y: Vec<f64> = (0..80).map(|i| f64::from(i) * 0.73 % 1.2).collect();
/// let result = epps_singleton_2samp(&x, &y, &EppsSingletonOptions::default())?;
/// assert!((result.statistic - 12.379_957_9).abs() < 1e-6);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn epps_singleton_2samp(
    x: &[f64],
    y: &[f64],
    options: &EppsSingletonOptions,
) -> Result<EppsSingletonResult> {
    check(x, y, &options.t)?;
    interrupt::check(OPERATION)?;
    if !x.iter().chain(y).fold(true, |finite, value| finite & value.is_finite()) {
        return Ok(EppsSingletonResult { statistic: f64::NAN, pvalue: f64::NAN, distance: f64::NAN });
    }
    let scale = quartiles::interquartile_range(x, y)? / 2.0;
    if scale == 0.0 {
        let problem = "the middle half of all values is one value, so that the interquartile range is 0";
        return Err(Error::invalid_input(OPERATION, "x and y", problem)
            .remedy("use another test, or epps_singleton_2samp_scaled with a scale of your own"));
    }
    epps_singleton_2samp_scaled(x, y, scale, options)
}

/// [`epps_singleton_2samp`] with a scale of your own in the place of the semi-interquartile range of all values.
///
/// The test holds its level with any scale that does not depend on which sample a value is from.
///
/// # Errors
///
/// As [`epps_singleton_2samp`]; for a scale that is not above 0 and finite.
///
/// ```
/// use mlcore::stats::{EppsSingletonOptions, epps_singleton_2samp_scaled};
///
/// // Most values are 0, so that there is no interquartile range.
/// let x: Vec<f64> = (0..60).map(|i| if i % 5 == 0 { f64::from(i) } else { 0.0 }).collect();
/// let y: Vec<f64> = (0..60).map(|i| if i % 4 == 0 { f64::from(i) } else { 0.0 }).collect();
/// let result = epps_singleton_2samp_scaled(&x, &y, 10.0, &EppsSingletonOptions::default())?;
/// assert!(result.pvalue > 0.2);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn epps_singleton_2samp_scaled(
    x: &[f64],
    y: &[f64],
    scale: f64,
    options: &EppsSingletonOptions,
) -> Result<EppsSingletonResult> {
    check(x, y, &options.t)?;
    let points: Vec<f64> = options.t.iter().map(|t| t / scale).collect();
    if !(scale > 0.0 && points.iter().all(|point| *point > 0.0 && point.is_finite())) {
        let problem = format!("{scale} is not above 0, or too small or large for floats");
        return Err(Error::invalid_input(OPERATION, "scale", problem).remedy("scale the values first"));
    }
    let (waves_x, waves_y) = (Waves::of(x, &points)?, Waves::of(y, &points)?);
    let (n, m) = (x.len() as f64, y.len() as f64);
    let all = n + m;
    let (of_x, of_y) = match options.covariance {
        EppsSingletonCovariance::Separate => (all / n, all / m),
        EppsSingletonCovariance::Pooled => (all / m, all / n),
    };
    let covariance: Vec<Vec<f64>> = waves_x
        .covariance
        .iter()
        .zip(&waves_y.covariance)
        .map(|(x, y)| x.iter().zip(y).map(|(x, y)| of_x * x + of_y * y).collect())
        .collect();
    let difference: Vec<f64> = waves_x.means.iter().zip(&waves_y.means).map(|(x, y)| x - y).collect();
    let (norm, rank) = eigen::norm_by_inverse(covariance, &difference);
    let uncorrected = all * norm;
    let correction = if n.max(m) < SMALL {
        1.0 / (1.0 + all.powf(-0.45) + 10.1 * (n.powf(-1.7) + m.powf(-1.7)))
    } else {
        1.0
    };
    let statistic = uncorrected * correction;
    Ok(EppsSingletonResult {
        statistic,
        pvalue: chi2::sf(statistic, rank as f64),
        distance: (uncorrected * all / (n * m)).sqrt(),
    })
}

const OPERATION: &str = "epps_singleton_2samp";
/// Where both samples are smaller the statistic is corrected.
const SMALL: f64 = 25.0;
const FEWEST_VALUES: usize = 5;

fn check(x: &[f64], y: &[f64], t: &[f64]) -> Result<()> {
    for (subject, sample) in [("x", x), ("y", y)] {
        if sample.len() < FEWEST_VALUES {
            let problem = format!("it has {} values, and {FEWEST_VALUES} are the fewest", sample.len());
            return Err(Error::invalid_input(OPERATION, subject, problem).remedy("pass more values"));
        }
    }
    if t.is_empty() || t.len() > EppsSingletonOptions::MOST_POINTS {
        let problem = format!("{} points, and it may be 1 to {}", t.len(), EppsSingletonOptions::MOST_POINTS);
        return Err(Error::invalid_input(OPERATION, "t", problem).remedy("use 0.4 and 0.8"));
    }
    if let Some(point) = t.iter().find(|point| !(**point > 0.0 && point.is_finite())) {
        return Err(Error::invalid_input(OPERATION, "t", format!("{point} is not a finite number above 0"))
            .remedy("use 0.4 and 0.8"));
    }
    Ok(())
}
