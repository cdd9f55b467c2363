//! Student's and Welch's t-test for the means of two independent samples, with scipy's numbers.

use super::{Alternative, Moments, t};
use crate::error::{Error, Result};
use crate::interrupt;

/// Options of [`ttest_ind`]; the defaults are scipy's, [`welch`](Self::welch) is what is usually wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TTestOptions {
    /// Assume one common variance (Student), or not (Welch). Default: true.
    pub equal_var: bool,
    /// Which difference `mean(x) - mean(y)` counts as evidence. Default: either.
    pub alternative: Alternative,
}

impl Default for TTestOptions {
    fn default() -> Self {
        Self { equal_var: true, alternative: Alternative::TwoSided }
    }
}

impl TTestOptions {
    /// Welch's test: `equal_var=False`.
    #[must_use]
    pub fn welch() -> Self {
        Self { equal_var: false, ..Self::default() }
    }

    /// Sets whether one common variance is assumed.
    #[must_use]
    pub fn with_equal_var(mut self, equal_var: bool) -> Self {
        self.equal_var = equal_var;
        self
    }

    /// Sets the alternative hypothesis.
    #[must_use]
    pub fn with_alternative(mut self, alternative: Alternative) -> Self {
        self.alternative = alternative;
        self
    }
}

/// What [`ttest_ind`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct TTestResult {
    /// The difference of the means over its standard error.
    pub statistic: f64,
    /// The probability of such a statistic, or one further out, if the means are equal.
    pub pvalue: f64,
    /// Degrees of freedom: `n1 + n2 - 2`, or those of Welch and Satterthwaite.
    pub df: f64,
}

/// Tests whether two independent samples have the same mean: `scipy.stats.ttest_ind(x, y, equal_var=.., alternative=..)`.
///
/// A NaN or an infinity anywhere, numbers whose sum overflows, or no variance and no difference make statistic and p-value
/// NaN, as in scipy. One observation in a sample does so for Welch's test; Student's takes the variance of the other sample.
///
/// # Errors
///
/// [`Error::InvalidInput`] if a sample is empty.
///
/// ```
/// use mlcore::stats::{TTestOptions, ttest_ind};
///
/// let test = ttest_ind(&[1.0, 2.0, 3.0, 4.0], &[2.0, 4.0, 6.0, 8.0, 10.0], &TTestOptions::welch())?;
/// assert!((test.statistic - -2.251_436_323_159_369_5).abs() < 1e-12);
/// assert!((test.df - 5.520_787_746_170_678).abs() < 1e-12);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn ttest_ind(x: &[f64], y: &[f64], options: &TTestOptions) -> Result<TTestResult> {
    for (subject, sample) in [("x", x), ("y", y)] {
        if sample.is_empty() {
            return Err(Error::invalid_input("ttest_ind", subject, "the sample is empty")
                .remedy("pass at least two observations in each sample"));
        }
    }
    interrupt::check("ttest_ind")?;
    let x = Moments::from_slice(x);
    interrupt::check("ttest_ind")?;
    Ok(ttest_ind_from_moments(&x, &Moments::from_slice(y), options))
}

/// [`ttest_ind`] from counts, means and variances: `scipy.stats.ttest_ind_from_stats`. NaN where there are too few values.
#[must_use]
pub fn ttest_ind_from_moments(x: &Moments, y: &Moments, options: &TTestOptions) -> TTestResult {
    let (n1, n2) = (x.count() as f64, y.count() as f64);
    let (variance1, variance2) = (x.variance(), y.variance());
    let (df, squared_error) = if options.equal_var {
        let df = n1 + n2 - 2.0;
        // A single observation has no variance, and no part in the pooled one either.
        let squares = |count, variance: f64| if count == 1.0 { 0.0 } else { (count - 1.0) * variance };
        let pooled = (squares(n1, variance1) + squares(n2, variance2)) / df;
        (df, pooled * (1.0 / n1 + 1.0 / n2))
    } else {
        let (error1, error2) = (variance1 / n1, variance2 / n2);
        let sum = error1 + error2;
        let df = sum * sum / (error1 * error1 / (n1 - 1.0) + error2 * error2 / (n2 - 1.0));
        // Without variance the degrees of freedom do not matter, as long as they are some.
        (if df.is_nan() { 1.0 } else { df }, sum)
    };
    let statistic = (x.mean() - y.mean()) / squared_error.sqrt();
    let pvalue = match options.alternative {
        Alternative::TwoSided => 2.0 * t::sf(statistic.abs(), df),
        Alternative::Less => t::cdf(statistic, df),
        Alternative::Greater => t::sf(statistic, df),
    };
    TTestResult { statistic, pvalue, df }
}
