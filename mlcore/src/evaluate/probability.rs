//! Metrics of predicted probabilities.

use super::input::{Call, average};
use super::metric::Metric;
use crate::error::Result;

/// These metrics by name.
pub(super) const METRICS: &[(&str, Metric)] =
    &[("log_loss", Metric::Scores(log_loss)), ("brier_score_loss", Metric::Scores(brier_score_loss))];

/// The mean negative log-likelihood of the labels: scikit-learn's `log_loss` with `labels=[False, True]`.
///
/// `y_proba` is the probability of `true`. Probabilities are clipped to `[eps, 1 - eps]` with `eps` = 2^-52, so that a
/// certain and wrong prediction costs 36.04 and not infinity.
///
/// # Errors
/// [`Error::InvalidInput`](crate::Error::InvalidInput) for no rows, differing lengths, unusable weights, and values that
/// are no probabilities.
pub fn log_loss(y_true: &[bool], y_proba: &[f64], sample_weight: Option<&[f64]>) -> Result<f64> {
    let call = Call { metric: "log_loss" };
    call.check_rows(y_true.len(), ("y_proba", y_proba.len()), sample_weight)?;
    call.check_probabilities("y_proba", y_proba)?;
    let losses = y_true.iter().zip(y_proba).map(|(label, probability)| log_loss_of(*label, *probability));
    Ok(average(losses, sample_weight))
}

/// The log loss of one prediction, `probability` being that of `true`: what a rollout observes when a label arrives.
///
/// [`log_loss`] is the mean of these. NaN for what is no probability.
#[must_use]
pub fn log_loss_of(label: bool, probability: f64) -> f64 {
    if !(0.0..=1.0).contains(&probability) {
        return f64::NAN;
    }
    let likelihood = if label { probability } else { 1.0 - probability };
    -likelihood.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
}

/// The mean squared distance of probability and label, 0 to 1: scikit-learn's `brier_score_loss`, binary.
///
/// # Errors
/// As [`log_loss`].
pub fn brier_score_loss(y_true: &[bool], y_proba: &[f64], sample_weight: Option<&[f64]>) -> Result<f64> {
    let call = Call { metric: "brier_score_loss" };
    call.check_rows(y_true.len(), ("y_proba", y_proba.len()), sample_weight)?;
    call.check_probabilities("y_proba", y_proba)?;
    let losses = y_true.iter().zip(y_proba).map(|(label, probability)| brier_loss_of(*label, *probability));
    Ok(average(losses, sample_weight))
}

/// The squared distance of one probability from its label.
pub(super) fn brier_loss_of(label: bool, probability: f64) -> f64 {
    let distance = f64::from(label) - probability;
    distance * distance
}
