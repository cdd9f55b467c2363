//! The ways to compare two models on the same rows.

use super::classification::{ZeroDivision, f1_score};
use super::input::Call;
use super::paired::{
    Difference, delta_difference, mean, mean_difference, proportion_difference, roc_auc_difference,
};
use super::ranking::roc_auc_score;
use super::regression::{r2_score, squared_error_of};
use super::requirement::Truth;
use crate::error::Result;

/// How two models are compared by a metric: what it is row by row, and which interval its difference has.
#[derive(Clone, Copy)]
pub(super) enum Comparison {
    /// The area under the ROC curve, with DeLong's interval.
    Ranking,
    /// The share of probabilities on the right side of the threshold, with Agresti and Min's interval.
    Hits { threshold: f64 },
    /// The mean loss of a label, the probability of `true`, and the epsilon of the probability's type; with the paired t
    /// interval.
    LossOfLabels(fn(bool, f64, f64) -> f64),
    /// F1 of probabilities above the threshold, with the interval of the delta method.
    F1 { threshold: f64 },
    /// The mean loss of predicted values, with the paired t interval.
    LossOfValues(fn(f64, f64) -> f64),
    /// The root of the mean squared distance of predicted values, with the interval of the delta method.
    RootMeanSquare,
    /// The share of the variance that predicted values explain, with the interval of the delta method.
    R2,
}

impl Comparison {
    pub(super) fn higher_is_better(self) -> bool {
        match self {
            Self::Ranking | Self::Hits { .. } | Self::F1 { .. } | Self::R2 => true,
            Self::LossOfLabels(_) | Self::LossOfValues(_) | Self::RootMeanSquare => false,
        }
    }

    pub(super) fn of_values(self) -> bool {
        match self {
            Self::Ranking | Self::Hits { .. } | Self::F1 { .. } | Self::LossOfLabels(_) => false,
            Self::LossOfValues(_) | Self::RootMeanSquare | Self::R2 => true,
        }
    }

    /// Why these predictions cannot be compared.
    pub(super) fn unusable(self, predictions: &[f64]) -> Option<String> {
        let (valid, problem): (fn(f64) -> bool, _) = match self {
            Self::LossOfLabels(_) => (|value| (0.0..=1.0).contains(&value), "no probability between 0 and 1"),
            Self::Ranking
            | Self::Hits { .. }
            | Self::F1 { .. }
            | Self::LossOfValues(_)
            | Self::RootMeanSquare
            | Self::R2 => (f64::is_finite, "NaN or infinite"),
        };
        let row = predictions.iter().position(|value| !valid(*value))?;
        Some(format!("the prediction of row {row} is {problem}"))
    }

    /// Champion's and challenger's value, and their difference. The truth is of the kind that is compared.
    pub(super) fn compare(
        self,
        truth: Truth<'_>,
        both: [&[f64]; 2],
        epsilon: f64,
        alpha: f64,
    ) -> Result<([f64; 2], Difference)> {
        let (labels, values): (&[bool], &[f64]) = match truth {
            Truth::Labels(labels) => (labels, &[]),
            Truth::Values(values) => (&[], values),
        };
        let [champion, challenger] = both;
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
            Self::LossOfLabels(loss) => means(both.map(|predictions| {
                row_by_row(labels, predictions, |label, probability| loss(label, probability, epsilon))
            })),
            Self::F1 { threshold } => {
                let mut scored = Vec::with_capacity(2);
                for predictions in both {
                    let pred: Vec<bool> = predictions.iter().map(|p| *p > threshold).collect();
                    scored.push(Influenced::f1(labels, &pred)?);
                }
                influenced(&scored, alpha)
            }
            Self::RootMeanSquare => {
                let of = |predictions: &[f64]| {
                    let squares = row_by_row(values, predictions, squared_error_of);
                    let value = mean(&squares).sqrt();
                    // The derivative of the root; a model without errors has none that could vary.
                    let slope = if value > 0.0 { 0.5 / value } else { 0.0 };
                    let influences = squares.iter().map(|square| (square - value * value) * slope).collect();
                    Influenced { value, influences }
                };
                influenced(&both.map(of), alpha)
            }
            Self::R2 => {
                let centre = mean(values);
                let spread = row_by_row(values, &vec![centre; values.len()], squared_error_of);
                let total = mean(&spread);
                if total == 0.0 {
                    let call = Call { metric: "r2" };
                    return Err(call.refuse("truth", "it is constant, and there is no variance to explain"));
                }
                let mut scored = Vec::with_capacity(2);
                for predictions in both {
                    let value = r2_score(values, predictions, None)?;
                    let squares = row_by_row(values, predictions, squared_error_of);
                    let unexplained = mean(&squares) / total;
                    let rows = squares.iter().zip(&spread);
                    let influences =
                        rows.map(|(square, spread)| (unexplained * spread - square) / total).collect();
                    scored.push(Influenced { value, influences });
                }
                influenced(&scored, alpha)
            }
            Self::LossOfValues(loss) => means(both.map(|predictions| row_by_row(values, predictions, loss))),
        })
    }
}

/// A statistic over rows, and how each row moves it.
struct Influenced {
    value: f64,
    influences: Vec<f64>,
}

impl Influenced {
    /// F1 = 2 hits / (positive + predicted), a ratio of means.
    fn f1(y_true: &[bool], y_pred: &[bool]) -> Result<Self> {
        let value = f1_score(y_true, y_pred, None, ZeroDivision::NaN)?;
        if value.is_nan() {
            let call = Call { metric: "f1" };
            return Err(call.refuse("predictions", "no row is positive, and none is predicted to be"));
        }
        let rows = || y_true.iter().zip(y_pred);
        let size = |(truth, pred): (&bool, &bool)| f64::from(u8::from(*truth) + u8::from(*pred));
        let sizes: Vec<f64> = rows().map(size).collect();
        let total = mean(&sizes);
        let hits = rows().map(|(truth, pred)| 2.0 * f64::from(*truth && *pred));
        let influences = hits.zip(&sizes).map(|(hits, size)| (hits - value * size) / total).collect();
        Ok(Self { value, influences })
    }
}

/// Two statistics of the same rows and their difference.
fn influenced(scored: &[Influenced], alpha: f64) -> ([f64; 2], Difference) {
    let [champion, challenger] = scored else { return ([f64::NAN; 2], Difference::UNKNOWN) };
    let values = [champion.value, challenger.value];
    (values, delta_difference(values, &champion.influences, &challenger.influences, alpha))
}

fn row_by_row<T: Copy>(truth: &[T], predictions: &[f64], loss: impl Fn(T, f64) -> f64) -> Vec<f64> {
    truth.iter().zip(predictions).map(|(truth, prediction)| loss(*truth, *prediction)).collect()
}
