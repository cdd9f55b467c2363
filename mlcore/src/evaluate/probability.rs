//! Metrics of predicted probabilities.

use half::f16;

use super::input::{Call, average};
use super::metric::Metric;
use crate::error::Result;

/// These metrics by name.
pub(super) const METRICS: &[(&str, Metric)] =
    &[("log_loss", Metric::Scores(log_loss)), ("brier_score_loss", Metric::Scores(brier_score_loss))];

/// A type in which a model answers probabilities: `f64`, `f32` or `f16`.
///
/// scikit-learn computes the losses in the type of the probabilities, and so do these metrics: `f32` is clipped at 2^-23
/// where `f64` is at 2^-52, and a certain and wrong prediction costs 15.94 and not 36.04.
///
/// ```
/// use mlcore::evaluate::log_loss;
///
/// assert!((log_loss(&[true], &[0.0_f32], None)? - 15.942_385).abs() < 1e-6);
/// assert!((log_loss(&[true], &[0.0_f64], None)? - 36.043_653).abs() < 1e-6);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait Probability: Copy + sealed::Sealed {
    /// The distance from 1 to the next larger number of the type.
    const EPSILON: f64;

    /// The same number.
    fn widened(self) -> f64;

    /// The nearest number of the type.
    #[must_use]
    fn rounded(value: f64) -> f64;
}

impl Probability for f64 {
    const EPSILON: f64 = f64::EPSILON;

    fn widened(self) -> f64 {
        self
    }

    fn rounded(value: f64) -> f64 {
        value
    }
}

impl Probability for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;

    fn widened(self) -> f64 {
        self.into()
    }

    fn rounded(value: f64) -> f64 {
        (value as Self).into()
    }
}

impl Probability for f16 {
    // 2^-10; half's own constant is no f64.
    const EPSILON: f64 = 1.0 / 1024.0;

    fn widened(self) -> f64 {
        self.to_f64()
    }

    fn rounded(value: f64) -> f64 {
        Self::from_f64(value).to_f64()
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f64 {}
    impl Sealed for f32 {}
    impl Sealed for half::f16 {}
}

/// The mean negative log-likelihood of the labels: scikit-learn's `log_loss` with `labels=[False, True]`.
///
/// `y_proba` is the probability of `true`. Probabilities are clipped to `[eps, 1 - eps]`, where `eps` is the
/// [epsilon](Probability::EPSILON) of their type.
///
/// # Errors
/// [`Error::InvalidInput`](crate::Error::InvalidInput) for no rows, differing lengths, unusable weights, and values that
/// are no probabilities.
pub fn log_loss<P: Probability>(
    y_true: &[bool],
    y_proba: &[P],
    sample_weight: Option<&[f64]>,
) -> Result<f64> {
    let rows = Rows::of("log_loss", y_true, y_proba, sample_weight)?;
    Ok(rows.mean(|label, [other, own]| P::rounded(minus_log(if label { own } else { other }, P::EPSILON))))
}

/// The log loss of one prediction, `probability` being that of `true`: what a rollout observes when a label arrives.
///
/// [`log_loss`] is the mean of these, which it also rounds to the type of the probability; here only the clipping is that of
/// the type. NaN for what is no probability.
///
/// ```
/// use mlcore::evaluate::log_loss_of;
///
/// assert!((log_loss_of(true, 0.0_f32) - 15.942_385).abs() < 1e-6, "clipped at 2^-23");
/// assert!((log_loss_of(true, 0.0_f64) - 36.043_653).abs() < 1e-6, "clipped at 2^-52");
/// ```
#[must_use]
pub fn log_loss_of<P: Probability>(label: bool, probability: P) -> f64 {
    let own = probability.widened();
    if !(0.0..=1.0).contains(&own) {
        return f64::NAN;
    }
    log_loss_within(label, own, P::EPSILON)
}

/// The same, clipped at another epsilon.
pub(super) fn log_loss_within(label: bool, probability: f64, epsilon: f64) -> f64 {
    minus_log(if label { probability } else { 1.0 - probability }, epsilon)
}

/// The mean squared distance of probability and label, 0 to 1: scikit-learn's `brier_score_loss`, binary.
///
/// # Errors
/// As [`log_loss`].
pub fn brier_score_loss<P: Probability>(
    y_true: &[bool],
    y_proba: &[P],
    sample_weight: Option<&[f64]>,
) -> Result<f64> {
    let rows = Rows::of("brier_score_loss", y_true, y_proba, sample_weight)?;
    let square = |distance: f64| P::rounded(P::rounded(distance) * P::rounded(distance));
    let both = rows.mean(|label, [other, own]| {
        P::rounded(square(f64::from(!label) - other) + square(f64::from(label) - own))
    });
    Ok(both * 0.5)
}

/// The squared distance of one probability from its label.
pub(super) fn brier_loss_of(label: bool, probability: f64) -> f64 {
    let distance = f64::from(label) - probability;
    distance * distance
}

/// The negative logarithm of a probability, clipped.
pub(super) fn minus_log(probability: f64, epsilon: f64) -> f64 {
    -probability.clamp(epsilon, 1.0 - epsilon).ln()
}

/// The labels and the probabilities of `true`, checked.
struct Rows<'a, P> {
    y_true: &'a [bool],
    y_proba: &'a [P],
    sample_weight: Option<&'a [f64]>,
}

impl<'a, P: Probability> Rows<'a, P> {
    fn of(
        metric: &'static str,
        y_true: &'a [bool],
        y_proba: &'a [P],
        sample_weight: Option<&'a [f64]>,
    ) -> Result<Self> {
        let call = Call { metric };
        call.check_rows(y_true.len(), ("y_proba", y_proba.len()), sample_weight)?;
        call.check_probabilities("y_proba", y_proba.iter().copied().map(P::widened))?;
        Ok(Self { y_true, y_proba, sample_weight })
    }

    /// The mean of a loss of each label and the probabilities of `false` and `true`.
    fn mean(&self, loss: impl Fn(bool, [f64; 2]) -> f64) -> f64 {
        let losses = self.y_true.iter().zip(self.y_proba).map(|(label, probability)| {
            let own = probability.widened();
            loss(*label, [P::rounded(1.0 - own), own])
        });
        let mean = average(losses, self.sample_weight);
        // Weights are f64, and numpy averages in the wider of the two types.
        if self.sample_weight.is_some() { mean } else { P::rounded(mean) }
    }
}
