//! What a gate compares, and how surely.

use serde::{Deserialize, Serialize};

use super::gate::OPERATION;
use super::paired::{Difference, mean, mean_difference, proportion_difference, roc_auc_difference};
use super::probability::{brier_loss_of, log_loss_of};
use super::ranking::roc_auc_score;
use super::verdict::{Check, Digits};
use crate::error::{Error, Result};

/// What is true of the held-out rows.
#[derive(Clone, Copy, Debug)]
pub enum Truth<'a> {
    /// Their classes.
    Labels(&'a [bool]),
    /// Their values.
    Values(&'a [f64]),
}

impl Truth<'_> {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Labels(labels) => labels.len(),
            Self::Values(values) => values.len(),
        }
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A metric that can be compared row by row, and the interval of its difference.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateMetric {
    /// [`roc_auc_score`](super::roc_auc_score) of labels; DeLong's interval, which has no width where both models rank
    /// perfectly: there only the least numbers of rows speak.
    RocAuc,
    /// [`log_loss`](super::log_loss) of labels; the paired t interval.
    LogLoss,
    /// [`brier_score_loss`](super::brier_score_loss) of labels; the paired t interval.
    BrierScore,
    /// [`accuracy_score`](super::accuracy_score) of labels; Agresti and Min's interval for matched proportions.
    Accuracy {
        /// A probability above it is a prediction of `true`.
        threshold: f64,
    },
    /// [`mean_absolute_error`](super::mean_absolute_error) of values; the paired t interval.
    MeanAbsoluteError,
    /// [`mean_squared_error`](super::mean_squared_error) of values; the paired t interval.
    MeanSquaredError,
}

/// What is asked of the challenger's metric, in the metric's own unit.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// Surely worse by less than this (non-inferiority): the whole interval lies on the good side of the margin.
    NotWorseBy(f64),
    /// Surely better by more than this (superiority).
    BetterBy(f64),
    /// Its value is at least this good, whatever the champion's is: a point estimate against a limit.
    Reaches(f64),
}

impl Requirement {
    pub(super) fn check(self, metric: GateMetric) -> Result<()> {
        let (number, valid) = match self {
            Self::NotWorseBy(margin) | Self::BetterBy(margin) => {
                (margin, margin.is_finite() && margin >= 0.0)
            }
            Self::Reaches(limit) => (limit, limit.is_finite()),
        };
        if valid {
            return Ok(());
        }
        let problem = format!("{number} is no margin or limit; margins are finite and 0 or more");
        Err(Error::invalid_input(OPERATION, metric.name(), problem))
    }
}

impl GateMetric {
    /// The metric's name, as in a [`Check`].
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RocAuc => "roc_auc",
            Self::LogLoss => "log_loss",
            Self::BrierScore => "brier_score",
            Self::Accuracy { .. } => "accuracy",
            Self::MeanAbsoluteError => "mean_absolute_error",
            Self::MeanSquaredError => "mean_squared_error",
        }
    }

    /// Is more better?
    #[must_use]
    pub fn higher_is_better(self) -> bool {
        matches!(self, Self::RocAuc | Self::Accuracy { .. })
    }

    /// Does it go with the truth?
    pub(super) fn check(self, truth: Truth<'_>) -> Result<()> {
        let of_values = matches!(self, Self::MeanAbsoluteError | Self::MeanSquaredError);
        if of_values == matches!(truth, Truth::Values(_)) {
            return Ok(());
        }
        let problem = if of_values { "it compares values, and the truth is labels" } else { LABELS_NEEDED };
        Err(Error::invalid_input(OPERATION, self.name(), problem))
    }

    /// Why these predictions cannot be judged by it.
    pub(super) fn unusable(self, predictions: &[f64]) -> Option<String> {
        let (valid, what): (fn(f64) -> bool, _) = match self {
            Self::LogLoss | Self::BrierScore => {
                (|value| (0.0..=1.0).contains(&value), "no probability between 0 and 1")
            }
            _ => (f64::is_finite, "NaN or infinite"),
        };
        let row = predictions.iter().position(|value| !valid(*value))?;
        Some(format!("the prediction of row {row} is {what}"))
    }

    /// Compares the champion's predictions with the challenger's.
    pub(super) fn judge(
        self,
        requirement: Requirement,
        truth: Truth<'_>,
        predictions: [&[f64]; 2],
        alpha: f64,
    ) -> Check {
        let [champion, challenger] = predictions;
        if let Some(problem) = self.unusable(challenger) {
            return Check::plain(self.name(), false, format!("{}: {problem}", self.name()));
        }
        let (values, difference) = match self.compare(truth, champion, challenger, alpha) {
            Ok(compared) => compared,
            Err(error) => {
                let problem = error.context().problem();
                return Check::plain(self.name(), false, format!("{}: {problem}", self.name()));
            }
        };
        self.answer(requirement, values, difference, alpha)
    }

    /// Champion's and challenger's value, and their difference.
    fn compare(
        self,
        truth: Truth<'_>,
        champion: &[f64],
        challenger: &[f64],
        alpha: f64,
    ) -> Result<([f64; 2], Difference)> {
        if let (Self::RocAuc, Truth::Labels(labels)) = (self, truth) {
            let values = [roc_auc_score(labels, champion, None)?, roc_auc_score(labels, challenger, None)?];
            return Ok((values, roc_auc_difference(labels, champion, challenger, alpha)));
        }
        let [first, second] = [champion, challenger].map(|predictions| self.per_row(truth, predictions));
        let difference = match self {
            Self::Accuracy { .. } => {
                let right = |values: &[f64]| values.iter().map(|value| *value == 1.0).collect::<Vec<_>>();
                proportion_difference(&right(&first), &right(&second), alpha)
            }
            _ => mean_difference(&first, &second, alpha),
        };
        Ok(([mean(&first), mean(&second)], difference))
    }

    /// The value whose mean the metric is, row by row.
    fn per_row(self, truth: Truth<'_>, predictions: &[f64]) -> Vec<f64> {
        let of_labels = |labels: &[bool], value: fn(bool, f64) -> f64| -> Vec<f64> {
            labels.iter().zip(predictions).map(|(label, prediction)| value(*label, *prediction)).collect()
        };
        match (truth, self) {
            (Truth::Labels(labels), Self::LogLoss) => of_labels(labels, log_loss_of),
            (Truth::Labels(labels), Self::BrierScore) => of_labels(labels, brier_loss_of),
            (Truth::Labels(labels), Self::Accuracy { threshold }) => {
                let right = |(label, p): (&bool, &f64)| f64::from((*p > threshold) == *label);
                labels.iter().zip(predictions).map(right).collect()
            }
            (Truth::Labels(_), _) => Vec::new(),
            (Truth::Values(values), _) => {
                let squared = self == Self::MeanSquaredError;
                let distance = |(value, prediction): (&f64, &f64)| {
                    let distance = (value - prediction).abs();
                    if squared { distance * distance } else { distance }
                };
                values.iter().zip(predictions).map(distance).collect()
            }
        }
    }

    fn answer(self, requirement: Requirement, values: [f64; 2], difference: Difference, alpha: f64) -> Check {
        let [champion, challenger] = values;
        // From here on, more is better.
        let sign = if self.higher_is_better() { 1.0 } else { -1.0 };
        let gain = sign * difference.value;
        let (least, most) =
            if sign > 0.0 { (difference.low, difference.high) } else { (-difference.high, -difference.low) };
        let (margin, passed, asked) = match requirement {
            Requirement::NotWorseBy(margin) => {
                (margin, least > -margin, format!("may surely be worse by less than {}", Digits(margin)))
            }
            Requirement::BetterBy(margin) => {
                (margin, least > margin, format!("must surely be better by more than {}", Digits(margin)))
            }
            Requirement::Reaches(limit) => {
                let bound = if sign > 0.0 { "at least" } else { "at most" };
                (limit, sign * challenger >= sign * limit, format!("must be {bound} {}", Digits(limit)))
            }
        };
        let sentence = format!(
            "{} {} against {}: {} by {} ({} % interval {} to {}); it {asked}",
            self.name(),
            Digits(challenger),
            Digits(champion),
            if gain >= 0.0 { "better" } else { "worse" },
            Digits(gain.abs()),
            // The product of 1 - 0.05 and 100 is 95 only after rounding.
            ((1.0 - alpha) * 1e6).round() / 1e4,
            Digits(least),
            Digits(most),
        );
        Check {
            champion: finite(champion),
            challenger: finite(challenger),
            difference: finite(difference.value),
            interval: finite(difference.low).zip(finite(difference.high)).map(<[f64; 2]>::from),
            margin: Some(margin),
            ..Check::plain(self.name(), passed, sentence)
        }
    }
}

/// A number that JSON can carry.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

const LABELS_NEEDED: &str = "it compares labels, and the truth is values";
