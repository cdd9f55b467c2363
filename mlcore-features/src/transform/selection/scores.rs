//! How much each column tells of a target: scikit-learn's `f_classif`, `f_regression`, `r_regression` and `chi2`.

use std::collections::HashMap;

use mlcore::Result;
use mlcore::arrow::array::ArrayRef;
use mlcore::batch::{ColumnView, OwnedValue};
use mlcore::stats::{beta, chi2, pairwise_sum};

use crate::transform::encoder::categories::count;
use crate::transform::input::{self, FitColumn};
use crate::transform::numeric;

/// A score, greater for columns that tell more, and the probability of one as great where the column tells nothing.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Score {
    pub(super) score: f64,
    pub(super) pvalue: f64,
}

/// The class of each row, from 0, and how many there are.
#[derive(Debug)]
pub(super) struct Classes {
    of_row: Vec<usize>,
    sizes: Vec<u64>,
}

impl Classes {
    /// The classes that a target holds, in ascending order, of which there must be two.
    pub(super) fn several(target: &ArrayRef, operation: &'static str) -> Result<Self> {
        let column = input::target(target, operation)?;
        let classes = Self::read(&column)?;
        if classes.sizes.len() < 2 {
            return Err(column
                .error("it holds one class only")
                .remedy("fit on rows of at least two classes, or score by f_regression"));
        }
        Ok(classes)
    }

    /// The classes that a target holds, which are no points of a scale.
    pub(super) fn discrete(target: &ArrayRef, operation: &'static str) -> Result<Self> {
        let column = input::target(target, operation)?;
        if column.dtype().is_float() {
            let numbers = column.numbers()?;
            if let Some(row) = numbers.iter().position(|value| !value.is_nan() && value.fract() != 0.0) {
                return Err(column
                    .error(format!("row {row} holds {}, and classes are no fractions", numbers[row]))
                    .remedy("score by mutual_info_regression, or bin the target first"));
            }
        }
        Self::read(&column)
    }

    /// The class of each row, from 0.
    pub(super) fn of_rows(&self) -> &[usize] {
        &self.of_row
    }

    fn read(column: &FitColumn) -> Result<Self> {
        let counted = count(column)?;
        if counted.last().is_some_and(|(value, _)| value.is_missing()) {
            return Err(column.error("it holds missing values").remedy("leave rows without a target out"));
        }
        let positions: HashMap<String, usize> =
            counted.iter().enumerate().map(|(position, (value, _))| (value.to_string(), position)).collect();
        let view = column.view()?;
        let of_row = (0..column.len()).map(|row| class(&positions, &view, row)).collect();
        Ok(Self { of_row, sizes: counted.into_iter().map(|(_, count)| count).collect() })
    }

    /// The sum of the values of each class, and of all.
    fn sums(&self, values: &[f64]) -> (Vec<f64>, f64) {
        let mut sums = vec![0.0; self.sizes.len()];
        for (value, class) in values.iter().zip(&self.of_row) {
            if let Some(sum) = sums.get_mut(*class) {
                *sum += value;
            }
        }
        let all = sums.iter().sum();
        (sums, all)
    }
}

fn class(positions: &HashMap<String, usize>, view: &ColumnView<'_>, row: usize) -> usize {
    positions.get(&OwnedValue::from(view.value(row)).to_string()).copied().unwrap_or_default()
}

/// The analysis of variance of the values between the classes: is the mean the same in all of them?
pub(super) fn f_classif(values: &[f64], classes: &Classes) -> Score {
    let rows = values.len() as f64;
    let (sums, all) = classes.sums(values);
    let squares: f64 = values.iter().map(|value| value * value).sum();
    let correction = all * all / rows;
    let total = squares - correction;
    let of_class = sums.iter().zip(&classes.sizes).map(|(sum, size)| sum * sum / *size as f64);
    let between = of_class.sum::<f64>() - correction;
    let freedom_between = classes.sizes.len() as f64 - 1.0;
    let freedom_within = rows - classes.sizes.len() as f64;
    let score = (between / freedom_between) / ((total - between) / freedom_within);
    Score { score, pvalue: f_sf(score, freedom_between, freedom_within) }
}

/// Pearson's correlation of the values and the target; 0 where it is undefined because one of them is constant.
pub(super) fn correlation(values: &[f64], target: &[f64]) -> f64 {
    let rows = values.len();
    let (mean, target_mean) = (numeric::mean(values), numeric::mean(target));
    let centred = |row: usize| target[row] - target_mean;
    let square_sum = pairwise_sum(rows, &|row| values[row] * values[row]);
    let norm = (square_sum - rows as f64 * (mean * mean)).sqrt();
    let target_norm = pairwise_sum(rows, &|row| centred(row) * centred(row)).sqrt();
    let product = pairwise_sum(rows, &|row| centred(row) * values[row]);
    let correlation = product / norm / target_norm;
    if correlation.is_nan() { 0.0 } else { correlation }
}

/// The regression of the target on the values: is there a linear trend? What is undefined because one of them is constant
/// scores 0, and a perfect trend the greatest number.
pub(super) fn f_regression(values: &[f64], target: &[f64]) -> Score {
    let correlation = correlation(values, target);
    let freedom = values.len() as f64 - 2.0;
    let explained = correlation * correlation;
    let score = explained / (1.0 - explained) * freedom;
    match score {
        score if score.is_nan() => Score { score: 0.0, pvalue: 1.0 },
        score if score.is_infinite() => Score { score: f64::MAX, pvalue: f_sf(score, 1.0, freedom) },
        score => Score { score, pvalue: f_sf(score, 1.0, freedom) },
    }
}

/// The chi-square distance of the sums of the classes from those of equal shares: the values count occurrences.
pub(super) fn chi_square(values: &[f64], classes: &Classes) -> Score {
    let rows = values.len() as f64;
    let (sums, all) = classes.sums(values);
    let of_class = sums.iter().zip(&classes.sizes).map(|(sum, size)| {
        let expected = *size as f64 / rows * all;
        (sum - expected) * (sum - expected) / expected
    });
    let score: f64 = of_class.sum();
    Score { score, pvalue: chi2::sf(score, classes.sizes.len() as f64 - 1.0) }
}

/// `P(X > x)` of Fisher's F distribution.
fn f_sf(x: f64, numerator: f64, denominator: f64) -> f64 {
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x.is_infinite() {
        return 0.0;
    }
    beta::cdf(denominator / (denominator + numerator * x), denominator / 2.0, numerator / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The p-value of F is that of a squared t.
    #[test]
    fn fishers_f_of_one_numerator_is_a_squared_t() {
        for (t, freedom) in [(0.0, 3.0), (0.5, 1.0), (2.0, 7.0), (9.0, 40.0)] {
            let expected = 2.0 * mlcore::stats::t::sf(t, freedom);
            assert!((f_sf(t * t, 1.0, freedom) - expected).abs() <= 1e-13 * expected);
        }
        assert_eq!(f_sf(f64::INFINITY, 1.0, 2.0), 0.0);
        assert!(f_sf(f64::NAN, 1.0, 2.0).is_nan());
    }
}
