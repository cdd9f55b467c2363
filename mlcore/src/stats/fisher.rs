//! Fisher's exact test of a 2 x 2 table, with scipy's numbers.

use super::Alternative;
use super::special::hypergeometric::Hypergeometric;
use crate::error::{Error, Result};
use crate::interrupt::{self, Pace};

/// What [`fisher_exact`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct FisherResult {
    /// The sample odds ratio `a d / (b c)`: infinite where `b` or `c` is 0, NaN where a row or a column is empty.
    pub statistic: f64,
    /// The probability of such a table, or one further out, if rows and columns are independent.
    pub pvalue: f64,
}

/// Tests whether rows and columns of a 2 x 2 table of counts are independent: `scipy.stats.fisher_exact(table,
/// alternative)`.
///
/// All margins are fixed, so that the first count is hypergeometric. [`Alternative::TwoSided`] adds up all tables that are
/// no likelier than this one; [`Alternative::Less`] and [`Alternative::Greater`] are about the odds ratio. A row or column
/// without any count is p-value 1 and a statistic of NaN, as in scipy. The time is that of a few standard deviations of the
/// first count, a thousand steps for a million rows.
///
/// Two tables count as equally likely within 1e-11 (scipy: 1e-14, by which rounding parts some that are equal).
///
/// Sources: R. A. Fisher, "Statistical Methods for Research Workers" (1934), 21.02; scipy 1.17.1.
///
/// # Errors
///
/// [`Error::InvalidInput`] if the counts add up to more than 2^64; [`Error::Interrupted`].
///
/// ```
/// use mlcore::stats::{Alternative, fisher_exact};
///
/// let result = fisher_exact(&[[8, 2], [1, 5]], Alternative::TwoSided)?;
/// assert_eq!(result.statistic, 20.0);
/// assert!((result.pvalue - 0.034_965_034_965_034_975).abs() < 1e-15);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn fisher_exact(table: &[[u64; 2]; 2], alternative: Alternative) -> Result<FisherResult> {
    let [[a, b], [c, d]] = *table;
    let margins = || {
        let (row, column) = (a.checked_add(b)?, a.checked_add(c)?);
        let other_row = c.checked_add(d)?;
        Some((row, other_row, column, Hypergeometric::new(row, other_row, column)?))
    };
    let Some((row, other_row, column, of)) = margins() else {
        return Err(Error::invalid_input(OPERATION, "table", "its counts add up to more than 2^64"));
    };
    let other_column = row - a + d;
    if [row, other_row, column, other_column].contains(&0) {
        return Ok(FisherResult { statistic: f64::NAN, pvalue: 1.0 });
    }
    let statistic = if b > 0 && c > 0 { a as f64 / b as f64 * (d as f64 / c as f64) } else { f64::INFINITY };
    interrupt::check(OPERATION)?;
    let mut pace = Pace::default();
    let pvalue = match alternative {
        Alternative::TwoSided => of.no_likelier_than(a, &mut pace),
        Alternative::Less => of.at_most(a, &mut pace),
        Alternative::Greater => of.at_least(a, &mut pace),
    };
    interrupt::check(OPERATION)?;
    Ok(FisherResult { statistic, pvalue: pvalue.min(1.0) })
}

const OPERATION: &str = "fisher_exact";
