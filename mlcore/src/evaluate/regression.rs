//! Metrics of predicted numbers.

use super::input::{Call, average, weight};
use super::metric::Metric;
use crate::error::Result;
use crate::stats::Sum;

/// These metrics by name.
pub(super) const METRICS: &[(&str, Metric)] = &[
    ("mean_absolute_error", Metric::Values(mean_absolute_error)),
    ("mean_squared_error", Metric::Values(mean_squared_error)),
    ("mean_absolute_percentage_error", Metric::Values(mean_absolute_percentage_error)),
    ("root_mean_squared_error", Metric::Values(root_mean_squared_error)),
    ("r2_score", Metric::Values(r2_score)),
];

/// The mean distance: scikit-learn's `mean_absolute_error`.
///
/// # Errors
/// [`Error::InvalidInput`](crate::Error::InvalidInput) for no rows, differing lengths, unusable weights, and NaN or
/// infinite values.
pub fn mean_absolute_error(y_true: &[f64], y_pred: &[f64], sample_weight: Option<&[f64]>) -> Result<f64> {
    mean_loss("mean_absolute_error", absolute_error_of, y_true, y_pred, sample_weight)
}

/// The distance of one prediction.
pub(super) fn absolute_error_of(truth: f64, pred: f64) -> f64 {
    (truth - pred).abs()
}

/// The mean squared distance: scikit-learn's `mean_squared_error`.
///
/// # Errors
/// As [`mean_absolute_error`].
pub fn mean_squared_error(y_true: &[f64], y_pred: &[f64], sample_weight: Option<&[f64]>) -> Result<f64> {
    mean_loss("mean_squared_error", squared_error_of, y_true, y_pred, sample_weight)
}

/// The squared distance of one prediction.
pub(super) fn squared_error_of(truth: f64, pred: f64) -> f64 {
    let distance = truth - pred;
    distance * distance
}

/// The mean distance relative to the truth: scikit-learn's `mean_absolute_percentage_error`, as a share and no percentage.
///
/// A truth nearer to 0 than 2^-52 counts as 2^-52, so that such a row outweighs all others: leave the metric alone where
/// the truth can be 0.
///
/// # Errors
/// As [`mean_absolute_error`].
///
/// ```
/// use mlcore::evaluate::mean_absolute_percentage_error;
///
/// assert_eq!(mean_absolute_percentage_error(&[4.0, 10.0], &[5.0, 10.0], None)?, 0.125);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn mean_absolute_percentage_error(
    y_true: &[f64],
    y_pred: &[f64],
    sample_weight: Option<&[f64]>,
) -> Result<f64> {
    mean_loss("mean_absolute_percentage_error", relative_error_of, y_true, y_pred, sample_weight)
}

/// The distance of one prediction, relative to the truth.
pub(super) fn relative_error_of(truth: f64, pred: f64) -> f64 {
    (truth - pred).abs() / truth.abs().max(f64::EPSILON)
}

/// The root of the mean squared distance: scikit-learn's `root_mean_squared_error`.
///
/// # Errors
/// As [`mean_absolute_error`].
pub fn root_mean_squared_error(y_true: &[f64], y_pred: &[f64], sample_weight: Option<&[f64]>) -> Result<f64> {
    mean_loss("root_mean_squared_error", squared_error_of, y_true, y_pred, sample_weight).map(f64::sqrt)
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
        unexplained.add(weight * squared_error_of(*truth, *pred));
        total.add(weight * squared_error_of(*truth, mean));
    }
    Ok(match (unexplained.value(), total.value()) {
        (0.0, _) => 1.0,
        (_, 0.0) => 0.0,
        (unexplained, total) => 1.0 - unexplained / total,
    })
}

/// The weighted mean of a loss per row.
fn mean_loss(
    metric: &'static str,
    loss: fn(f64, f64) -> f64,
    y_true: &[f64],
    y_pred: &[f64],
    sample_weight: Option<&[f64]>,
) -> Result<f64> {
    check(metric, y_true, y_pred, sample_weight)?;
    Ok(average(y_true.iter().zip(y_pred).map(|(truth, pred)| loss(*truth, *pred)), sample_weight))
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
