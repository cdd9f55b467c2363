//! Precision, recall and F1 of each of several labels, and their averages.

use super::classification::ZeroDivision;
use super::input::{Call, weight};
use crate::error::Result;
use crate::interrupt::Pace;
use crate::stats::Sum;

/// How the scores of several labels become one: scikit-learn's `average`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Average {
    /// Of the hits and errors of all labels together.
    Micro,
    /// The mean of the labels' scores, whatever their numbers of rows are.
    Macro,
    /// The mean that counts each label by its rows.
    Weighted,
}

crate::words! { Average, "average": Micro = "micro", Macro = "macro", Weighted = "weighted" }

/// Precision, recall and F1.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct LabelScores {
    /// Of the rows predicted to have the label, the share that has it.
    pub precision: f64,
    /// Of the rows that have the label, the share that was predicted so.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
}

/// The scores of several labels: what [`precision_recall_fscore_support`] answers.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct ScoresByLabel<L> {
    /// The labels, in the order of the other lists.
    pub labels: Vec<L>,
    /// The scores of each.
    pub scores: Vec<LabelScores>,
    /// The weight of the rows that have each label; their number where there are no weights.
    pub support: Vec<f64>,
    counts: Vec<Counts>,
    zero_division: ZeroDivision,
}

/// Precision, recall and F1 of each label by itself: scikit-learn's `precision_recall_fscore_support`.
///
/// `labels` says which labels count and in which order, those that do not occur too. `None` is all labels that occur, sorted.
///
/// ```
/// use mlcore::evaluate::{Average, ZeroDivision, precision_recall_fscore_support};
///
/// let (y_true, y_pred) = (["cat", "dog", "dog", "emu"], ["cat", "cat", "dog", "dog"]);
/// let scores = precision_recall_fscore_support(&y_true, &y_pred, None, None, ZeroDivision::Zero)?;
/// assert_eq!(scores.labels, ["cat", "dog", "emu"]);
/// assert_eq!(scores.scores[0].recall, 1.0);
/// assert_eq!(scores.average(Average::Micro).f1, 0.5);
/// # Ok::<(), mlcore::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidInput`](crate::Error::InvalidInput) for no rows, differing lengths, unusable weights, and `labels` that
/// are empty or repeat themselves.
pub fn precision_recall_fscore_support<L: Ord + Clone>(
    y_true: &[L],
    y_pred: &[L],
    labels: Option<&[L]>,
    sample_weight: Option<&[f64]>,
    zero_division: ZeroDivision,
) -> Result<ScoresByLabel<L>> {
    let call = Call { metric: "precision_recall_fscore_support" };
    call.check_rows(y_true.len(), ("y_pred", y_pred.len()), sample_weight)?;
    let labels = call.labels(y_true, y_pred, labels)?;
    if labels.known.is_empty() {
        return Err(call.refuse("labels", "there are none"));
    }
    let mut sums = vec![[Sum::default(); 3]; labels.known.len()];
    let mut pace = Pace::default();
    for (row, (truth, pred)) in y_true.iter().zip(y_pred).enumerate() {
        pace.check(call.metric, 1)?;
        let weight = weight(sample_weight, row);
        let (truth, pred) = (labels.position(truth), labels.position(pred));
        if let Some([positive, _, hits]) = truth.and_then(|truth| sums.get_mut(truth)) {
            positive.add(weight);
            if truth == pred {
                hits.add(weight);
            }
        }
        if let Some([_, predicted, _]) = pred.and_then(|pred| sums.get_mut(pred)) {
            predicted.add(weight);
        }
    }
    let counts: Vec<Counts> = sums.into_iter().map(|sums| Counts::of(sums.map(Sum::value))).collect();
    Ok(ScoresByLabel {
        scores: counts.iter().map(|counts| counts.scores(zero_division)).collect(),
        support: counts.iter().map(|counts| counts.positive).collect(),
        labels: labels.known,
        counts,
        zero_division,
    })
}

impl<L> ScoresByLabel<L> {
    /// The scores of all labels together. Where a ratio without a denominator is NaN, such labels are left out.
    #[must_use]
    pub fn average(&self, average: Average) -> LabelScores {
        if average == Average::Micro {
            let sum = |of: fn(&Counts) -> f64| {
                let mut sum = Sum::default();
                sum.extend(self.counts.iter().map(of));
                sum.value()
            };
            let counts = [sum(|own| own.positive), sum(|own| own.predicted), sum(|own| own.hits)];
            return Counts::of(counts).scores(self.zero_division);
        }
        let by_rows = average == Average::Weighted;
        let mean = |of: fn(&LabelScores) -> f64| {
            let scored =
                || self.scores.iter().map(of).zip(&self.support).filter(|(score, _)| !score.is_nan());
            let averaged = |weight: fn(f64) -> f64| {
                let (mut total, mut weights) = (Sum::default(), Sum::default());
                for (score, support) in scored() {
                    total.add(score * weight(*support));
                    weights.add(weight(*support));
                }
                total.value() / weights.value()
            };
            // Labels without rows weigh alike, as in scikit-learn, where there are no others.
            let weighs = by_rows && scored().any(|(_, support)| *support != 0.0);
            if weighs { averaged(|support| support) } else { averaged(|_| 1.0) }
        };
        LabelScores {
            precision: mean(|scores| scores.precision),
            recall: mean(|scores| scores.recall),
            f1: mean(|scores| scores.f1),
        }
    }
}

/// The weight of the rows that have a label, are predicted to, and both.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Counts {
    pub(super) positive: f64,
    pub(super) predicted: f64,
    pub(super) hits: f64,
}

impl Counts {
    pub(super) fn of([positive, predicted, hits]: [f64; 3]) -> Self {
        Self { positive, predicted, hits }
    }

    pub(super) fn scores(&self, zero_division: ZeroDivision) -> LabelScores {
        LabelScores {
            precision: zero_division.ratio(self.hits, self.predicted),
            recall: zero_division.ratio(self.hits, self.positive),
            f1: zero_division.ratio(2.0 * self.hits, self.positive + self.predicted),
        }
    }
}
