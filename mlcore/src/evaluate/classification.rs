//! Metrics of predicted labels.

use super::averaged::Counts;
use super::input::{Call, average, weight};
use super::metric::Metric;
use crate::error::Result;
use crate::interrupt::Pace;
use crate::memory;
use crate::stats::Sum;

/// These metrics by name, where a ratio without a denominator is 0.
pub(super) const METRICS: &[(&str, Metric)] = &[
    ("accuracy_score", Metric::Labels(accuracy_score)),
    ("precision_score", Metric::Binary(|truth, pred, weight| precision_score(truth, pred, weight, ZERO))),
    ("recall_score", Metric::Binary(|truth, pred, weight| recall_score(truth, pred, weight, ZERO))),
    ("f1_score", Metric::Binary(|truth, pred, weight| f1_score(truth, pred, weight, ZERO))),
];

const ZERO: ZeroDivision = ZeroDivision::Zero;

/// The share of rows whose label was predicted: scikit-learn's `accuracy_score`.
///
/// # Errors
/// [`Error::InvalidInput`](crate::Error::InvalidInput) for no rows, differing lengths, and weights that are negative, not
/// finite or all 0.
pub fn accuracy_score<L: PartialEq>(
    y_true: &[L],
    y_pred: &[L],
    sample_weight: Option<&[f64]>,
) -> Result<f64> {
    Call { metric: "accuracy_score" }.check_rows(y_true.len(), ("y_pred", y_pred.len()), sample_weight)?;
    Ok(average(y_true.iter().zip(y_pred).map(|(truth, pred)| f64::from(truth == pred)), sample_weight))
}

/// How often each label was predicted as each other: what [`confusion_matrix`] answers.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct ConfusionMatrix<L> {
    /// The label of each row and each column.
    pub labels: Vec<L>,
    /// A row for each true label, and in it a column for each predicted one: the weight of such rows, their number where
    /// there are no weights.
    pub matrix: Vec<Vec<f64>>,
}

/// How often each label was predicted as each other: scikit-learn's `confusion_matrix`.
///
/// `labels` says which labels count and in which order; rows with any other are left out. `None` is all labels that
/// occur, sorted.
///
/// # Errors
/// [`Error::InvalidInput`](crate::Error::InvalidInput) for no rows, differing lengths, unusable weights, and `labels` that
/// are empty, repeat themselves or do not occur in `y_true`.
///
/// ```
/// use mlcore::evaluate::confusion_matrix;
///
/// let counted = confusion_matrix(&[2, 0, 2, 2, 0, 1], &[0, 0, 2, 2, 0, 2], None, None)?;
/// assert_eq!(counted.labels, [0, 1, 2]);
/// assert_eq!(counted.matrix[2], [1.0, 0.0, 2.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn confusion_matrix<L: Ord + Clone>(
    y_true: &[L],
    y_pred: &[L],
    labels: Option<&[L]>,
    sample_weight: Option<&[f64]>,
) -> Result<ConfusionMatrix<L>> {
    let call = Call { metric: "confusion_matrix" };
    call.check_rows(y_true.len(), ("y_pred", y_pred.len()), sample_weight)?;
    if labels.is_some_and(|labels| !labels.iter().any(|label| y_true.contains(label))) {
        return Err(call.refuse("labels", "at least one of them must occur in y_true"));
    }
    let labels = call.labels(y_true, y_pred, labels)?;
    let mut pace = Pace::default();
    let count = labels.known.len();
    let mut sums = memory::zeros::<Sum>("confusion_matrix", "labels", &[count, count])?;
    for (row, (truth, pred)) in y_true.iter().zip(y_pred).enumerate() {
        pace.check(call.metric, 1)?;
        if let (Some(truth), Some(pred)) = (labels.position(truth), labels.position(pred))
            && let Some(sum) = sums.get_mut(truth * count + pred)
        {
            sum.add(weight(sample_weight, row));
        }
    }
    let row = |sums: &[Sum]| sums.iter().copied().map(Sum::value).collect();
    let matrix = sums.chunks(count.max(1)).map(row).collect();
    Ok(ConfusionMatrix { labels: labels.known, matrix })
}

/// What a ratio is when its denominator is 0: scikit-learn's `zero_division`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum ZeroDivision {
    /// 0, as scikit-learn's default answers (beside a warning).
    #[default]
    Zero,
    /// 1.
    One,
    /// NaN.
    NaN,
}

impl ZeroDivision {
    pub(super) fn ratio(self, numerator: f64, denominator: f64) -> f64 {
        match self {
            _ if denominator != 0.0 => numerator / denominator,
            Self::Zero => 0.0,
            Self::One => 1.0,
            Self::NaN => f64::NAN,
        }
    }
}

/// Of the rows predicted positive, the share that is: scikit-learn's `precision_score`, binary.
///
/// # Errors
/// As [`accuracy_score`].
pub fn precision_score(
    y_true: &[bool],
    y_pred: &[bool],
    sample_weight: Option<&[f64]>,
    zero_division: ZeroDivision,
) -> Result<f64> {
    Ok(counted("precision_score", y_true, y_pred, sample_weight)?.scores(zero_division).precision)
}

/// Of the positive rows, the share that was predicted so: scikit-learn's `recall_score`, binary.
///
/// # Errors
/// As [`accuracy_score`].
pub fn recall_score(
    y_true: &[bool],
    y_pred: &[bool],
    sample_weight: Option<&[f64]>,
    zero_division: ZeroDivision,
) -> Result<f64> {
    Ok(counted("recall_score", y_true, y_pred, sample_weight)?.scores(zero_division).recall)
}

/// The harmonic mean of precision and recall: scikit-learn's `f1_score`, binary.
///
/// # Errors
/// As [`accuracy_score`].
pub fn f1_score(
    y_true: &[bool],
    y_pred: &[bool],
    sample_weight: Option<&[f64]>,
    zero_division: ZeroDivision,
) -> Result<f64> {
    Ok(counted("f1_score", y_true, y_pred, sample_weight)?.scores(zero_division).f1)
}

/// Which rows carry the label `pos_label`, for the binary metrics.
///
/// # Errors
/// [`Error::InvalidInput`](crate::Error::InvalidInput) when there are more than two labels, or two and neither is it.
///
/// ```
/// use mlcore::evaluate::binary_labels;
///
/// assert_eq!(binary_labels(&["no", "yes", "no"], &"yes")?, [false, true, false]);
/// assert!(binary_labels(&[0, 1, 2], &1).is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn binary_labels<L: PartialEq>(labels: &[L], pos_label: &L) -> Result<Vec<bool>> {
    let call = Call { metric: "binary_labels" };
    let mut other = None;
    for label in labels.iter().filter(|label| *label != pos_label) {
        match other {
            None => other = Some(label),
            Some(first) if first == label => {}
            Some(_) if labels.contains(pos_label) => {
                return Err(call.refuse("labels", "there are more than two labels"));
            }
            Some(_) => return Err(call.refuse("pos_label", "it is none of the labels")),
        }
    }
    Ok(labels.iter().map(|label| label == pos_label).collect())
}

/// The weight of the rows that are positive, are predicted so, and both.
fn counted(
    metric: &'static str,
    y_true: &[bool],
    y_pred: &[bool],
    sample_weight: Option<&[f64]>,
) -> Result<Counts> {
    Call { metric }.check_rows(y_true.len(), ("y_pred", y_pred.len()), sample_weight)?;
    let mut sums = [Sum::default(); 3];
    for (row, (truth, pred)) in y_true.iter().zip(y_pred).enumerate() {
        let weight = weight(sample_weight, row);
        for (sum, counts) in sums.iter_mut().zip([*truth, *pred, *truth && *pred]) {
            if counts {
                sum.add(weight);
            }
        }
    }
    Ok(Counts::of(sums.map(Sum::value)))
}
