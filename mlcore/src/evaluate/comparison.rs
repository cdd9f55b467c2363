//! The ways to compare two models on the same rows.

use super::paired::{Difference, mean, mean_difference, proportion_difference, roc_auc_difference};
use super::ranking::roc_auc_score;
use super::requirement::Truth;
use crate::error::Result;

/// How two models are compared by a metric: what it is row by row, and which interval its difference has.
#[derive(Clone, Copy)]
pub(super) enum Comparison {
    /// The area under the ROC curve, with DeLong's interval.
    Ranking,
    /// The share of probabilities on the right side of the threshold, with Agresti and Min's interval.
    Hits { threshold: f64 },
    /// The mean loss of the probabilities of `true`, with the paired t interval.
    LossOfLabels(fn(bool, f64) -> f64),
    /// The mean loss of predicted values, with the paired t interval.
    LossOfValues(fn(f64, f64) -> f64),
}

impl Comparison {
    pub(super) fn higher_is_better(self) -> bool {
        match self {
            Self::Ranking | Self::Hits { .. } => true,
            Self::LossOfLabels(_) | Self::LossOfValues(_) => false,
        }
    }

    pub(super) fn of_values(self) -> bool {
        match self {
            Self::Ranking | Self::Hits { .. } | Self::LossOfLabels(_) => false,
            Self::LossOfValues(_) => true,
        }
    }

    /// Why these predictions cannot be compared.
    pub(super) fn unusable(self, predictions: &[f64]) -> Option<String> {
        let (valid, problem): (fn(f64) -> bool, _) = match self {
            Self::LossOfLabels(_) => (|value| (0.0..=1.0).contains(&value), "no probability between 0 and 1"),
            Self::Ranking | Self::Hits { .. } | Self::LossOfValues(_) => (f64::is_finite, "NaN or infinite"),
        };
        let row = predictions.iter().position(|value| !valid(*value))?;
        Some(format!("the prediction of row {row} is {problem}"))
    }

    /// Champion's and challenger's value, and their difference. The truth is of the kind that is compared.
    pub(super) fn compare(
        self,
        truth: Truth<'_>,
        champion: &[f64],
        challenger: &[f64],
        alpha: f64,
    ) -> Result<([f64; 2], Difference)> {
        let (labels, values): (&[bool], &[f64]) = match truth {
            Truth::Labels(labels) => (labels, &[]),
            Truth::Values(values) => (&[], values),
        };
        let both = [champion, challenger];
        let means = |[champion, challenger]: [Vec<f64>; 2]| {
            let difference = mean_difference(&champion, &challenger, alpha);
            ([mean(&champion), mean(&challenger)], difference)
        };
        Ok(match self {
            Self::Ranking => {
                let areas =
                    [roc_auc_score(labels, champion, None)?, roc_auc_score(labels, challenger, None)?];
                (areas, roc_auc_difference(labels, champion, challenger, alpha))
            }
            Self::Hits { threshold } => {
                let hit = |predictions: &[f64]| -> Vec<bool> {
                    labels.iter().zip(predictions).map(|(label, p)| (*p > threshold) == *label).collect()
                };
                let [champion, challenger] = both.map(hit);
                let share =
                    |hits: &[bool]| hits.iter().filter(|hit| **hit).count() as f64 / hits.len() as f64;
                let difference = proportion_difference(&champion, &challenger, alpha);
                ([share(&champion), share(&challenger)], difference)
            }
            Self::LossOfLabels(loss) => means(both.map(|predictions| row_by_row(labels, predictions, loss))),
            Self::LossOfValues(loss) => means(both.map(|predictions| row_by_row(values, predictions, loss))),
        })
    }
}

fn row_by_row<T: Copy>(truth: &[T], predictions: &[f64], loss: fn(T, f64) -> f64) -> Vec<f64> {
    truth.iter().zip(predictions).map(|(truth, prediction)| loss(*truth, *prediction)).collect()
}
