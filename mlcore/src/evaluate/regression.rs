//! Metrics of predicted numbers.

use super::input::{Call, Sum, average, weight};
use crate::error::Result;

/// The mean distance: scikit-learn's `mean_absolute_error`.
///
/// # Errors
/// [`Error::InvalidInput`](crate::Error::InvalidInput) for no rows, differing lengths, unusable weights, and NaN or
/// infinite values.
pub fn mean_absolute_error(y_true: &[f64], y_pred: &[f64], sample_weight: Option<&[f64]>) -> Result<f64> {
    check("mean_absolute_error", y_true, y_pred, sample_weight)?;
    Ok(average(y_true.iter().zip(y_pred).map(|(truth, pred)| (truth - pred).abs()), sample_weight))
}

/// The mean squared distance: scikit-learn's `mean_squared_error`.
///
/// # Errors
/// As [`mean_absolute_error`].
pub fn mean_squared_error(y_true: &[f64], y_pred: &[f64], sample_weight: Option<&[f64]>) -> Result<f64> {
    check("mean_squared_error", y_true, y_pred, sample_weight)?;
    Ok(average(y_true.iter().zip(y_pred).map(|(truth, pred)| squared(truth - pred)), sample_weight))
}

/// The root of the mean squared distance: scikit-learn's `root_mean_squared_error`.
///
/// # Errors
/// As [`mean_absolute_error`].
pub fn root_mean_squared_error(y_true: &[f64], y_pred: &[f64], sample_weight: Option<&[f64]>) -> Result<f64> {
    check("root_mean_squared_error", y_true, y_pred, sample_weight)?;
    mean_squared_error(y_true, y_pred, sample_weight).map(f64::sqrt)
}

/// The share of the variance that is explained: scikit-learn's `r2_score`.
///
/// At most 1, and below 0 for a model worse than the mean. As in scikit-learn, where the truth is constant a perfect
/// prediction scores 1 and any other 0.
///
/// # Errors
/// As [`mean_absolute_error`], and for fewer than two rows (scikit-learn warns and answers NaN).
pub fn r2_score(y_true: &[f64], y_pred: &[f64], sample_weight: Option<&[f64]>) -> Result<f64> {
    let call = check("r2_score", y_true, y_pred, sample_weight)?;
    if y_true.len() < 2 {
        return Err(call.refuse("y_true", "it has one row, and the score needs a variance"));
    }
    let mean = average(y_true.iter().copied(), sample_weight);
    let (mut unexplained, mut total) = (Sum::default(), Sum::default());
    for (row, (truth, pred)) in y_true.iter().zip(y_pred).enumerate() {
        let weight = weight(sample_weight, row);
        unexplained.add(weight * squared(truth - pred));
        total.add(weight * squared(truth - mean));
    }
    Ok(match (unexplained.value(), total.value()) {
        (0.0, _) => 1.0,
        (_, 0.0) => 0.0,
        (unexplained, total) => 1.0 - unexplained / total,
    })
}

fn check(
    metric: &'static str,
    y_true: &[f64],
    y_pred: &[f64],
    sample_weight: Option<&[f64]>,
) -> Result<Call> {
    let call = Call { metric };
    call.check_rows(y_true.len(), ("y_pred", y_pred.len()), sample_weight)?;
    call.check_finite("y_true", y_true)?;
    call.check_finite("y_pred", y_pred)?;
    Ok(call)
}

fn squared(value: f64) -> f64 {
    value * value
}
