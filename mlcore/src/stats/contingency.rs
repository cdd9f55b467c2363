//! Tests of independence in a contingency table, Pearson's chi-square before all, with scipy's numbers and refusals.

use super::Lambda;
use super::power_divergence::{chi2_tail, statistic};
use crate::error::{Error, Result};
use crate::interrupt::{self, Pace};

/// Options of [`chi2_contingency`]; the defaults are scipy's.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Chi2Options {
    /// Yates' continuity correction where there is one degree of freedom (default: true).
    pub correction: bool,
    /// Which statistic of the power divergence family (default: Pearson's).
    pub lambda: Lambda,
}

impl Default for Chi2Options {
    fn default() -> Self {
        Self { correction: true, lambda: Lambda::PEARSON }
    }
}

impl Chi2Options {
    /// Sets whether Yates' correction is applied where there is one degree of freedom.
    #[must_use]
    pub fn with_correction(mut self, correction: bool) -> Self {
        self.correction = correction;
        self
    }

    /// Sets which statistic it is: [`Lambda::LOG_LIKELIHOOD`] makes it a G-test.
    #[must_use]
    pub fn with_lambda(mut self, lambda: impl Into<Lambda>) -> Self {
        self.lambda = lambda.into();
        self
    }
}

/// What [`chi2_contingency`] found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Chi2Result {
    /// Pearson's chi-square, or what the option `lambda` asks for.
    pub statistic: f64,
    /// The probability of such a statistic, or a larger one, if rows and columns are independent.
    pub pvalue: f64,
    /// Degrees of freedom: `(rows - 1) (columns - 1)`.
    pub dof: usize,
    /// The frequencies expected under independence, row by row.
    pub expected_freq: Vec<Vec<f64>>,
}

/// Tests whether rows and columns of a table of counts are independent: `scipy.stats.chi2_contingency(table, correction,
/// lambda_)`.
///
/// `table` is any slice of rows of equal length: `&[[f64; 3]]`, `&[Vec<f64>]`, `&[&[f64]]`. With a single row or a
/// single column the answer is statistic 0, p-value 1, as in scipy. A NaN or an infinite count makes the statistic and
/// the p-value NaN.
///
/// # Errors
///
/// [`Error::InvalidInput`] if the table is empty or ragged, if a count is negative, or if a row or column adds up to
/// zero, so that an expected frequency is zero; the error names the place.
///
/// ```
/// use mlcore::stats::{Chi2Options, chi2_contingency};
///
/// let result = chi2_contingency(&[[10.0, 10.0, 20.0], [20.0, 20.0, 20.0]], &Chi2Options::default())?;
/// assert!((result.statistic - 2.777_777_777_777_777_7).abs() < 1e-14);
/// assert!((result.pvalue - 0.249_352_208_777_296_2).abs() < 1e-14);
/// assert_eq!(result.dof, 2);
/// assert_eq!(result.expected_freq[0], [12.0, 12.0, 16.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn chi2_contingency<Row: AsRef<[f64]>>(table: &[Row], options: &Chi2Options) -> Result<Chi2Result> {
    let columns = table.first().map_or(0, |row| row.as_ref().len());
    if columns == 0 {
        return Err(invalid("table", "it has no cells".into()));
    }
    let mut pace = Pace::default();
    for (i, row) in table.iter().enumerate() {
        let row = row.as_ref();
        pace.check(OPERATION, row.len())?;
        if row.len() != columns {
            return Err(invalid(
                "table",
                format!("row {i} has {} columns where row 0 has {columns}", row.len()),
            ));
        }
        if let Some(j) = row.iter().position(|&count| count < 0.0) {
            return Err(invalid(
                "table",
                format!("the count in row {i}, column {j} is negative: {}", row[j]),
            ));
        }
    }
    let row_totals: Vec<f64> = table.iter().map(|row| row.as_ref().iter().sum()).collect();
    let mut column_totals = vec![0.0; columns];
    for row in table {
        column_totals.iter_mut().zip(row.as_ref()).for_each(|(total, &count)| *total += count);
    }
    let total: f64 = row_totals.iter().sum();
    let expected_freq: Vec<Vec<f64>> = row_totals
        .iter()
        .map(|&row| column_totals.iter().map(|&column| row * column / total).collect())
        .collect();
    interrupt::check(OPERATION)?;
    if let Some((i, j)) = first_zero(&expected_freq) {
        let (what, place) = if column_totals[j] == 0.0 { ("column", j) } else { ("row", i) };
        let problem =
            format!("the expected frequency in row {i}, column {j} is zero: {what} {place} is empty");
        return Err(invalid("table", problem).remedy("drop rows and columns without any count"));
    }
    let dof = (table.len() - 1) * (columns - 1);
    let (statistic, pvalue) = if dof == 0 {
        (0.0, 1.0)
    } else {
        let yates = options.correction && dof == 1;
        let observed = table.iter().flat_map(|row| row.as_ref().iter().copied());
        let cells = observed.zip(expected_freq.iter().flatten().copied());
        let corrected = cells.map(|(observed, expected)| match yates {
            true => (towards(observed, expected), expected),
            false => (observed, expected),
        });
        let statistic = statistic(corrected, options.lambda);
        (statistic, chi2_tail(statistic, dof as f64))
    };
    Ok(Chi2Result { statistic, pvalue, dof, expected_freq })
}

/// [`chi2_contingency`] of the 2 x k table that two samples of one categorical column make: how often each of the same
/// k categories occurs in `x` and in `y`. The totals may differ.
///
/// # Errors
///
/// As [`chi2_contingency`]: in particular a category that occurs in neither sample.
///
/// ```
/// use mlcore::stats::{Chi2Options, chi2_two_sample};
///
/// let result = chi2_two_sample(&[500, 300, 200], &[60, 20, 20], &Chi2Options::default())?;
/// assert_eq!(result.dof, 2);
/// assert!((result.statistic - 4.910_714_285_714_284).abs() < 1e-12);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn chi2_two_sample(x: &[u64], y: &[u64], options: &Chi2Options) -> Result<Chi2Result> {
    if x.len() != y.len() {
        let problem = format!("{} categories against {}", x.len(), y.len());
        return Err(invalid("counts", problem).remedy("count both samples over the same categories"));
    }
    let counts = |sample: &[u64]| sample.iter().map(|&count| count as f64).collect::<Vec<f64>>();
    chi2_contingency(&[counts(x), counts(y)], options)
}

const OPERATION: &str = "chi2_contingency";

fn invalid(subject: &'static str, problem: String) -> Error {
    Error::invalid_input(OPERATION, subject, problem)
}

fn first_zero(rows: &[Vec<f64>]) -> Option<(usize, usize)> {
    rows.iter().enumerate().find_map(|(i, row)| row.iter().position(|&cell| cell == 0.0).map(|j| (i, j)))
}

/// Yates' correction: half a count closer, but no further than the difference, as in scipy since 1.7.
fn towards(observed: f64, expected: f64) -> f64 {
    let difference = expected - observed;
    observed + difference.abs().min(0.5).copysign(difference)
}
