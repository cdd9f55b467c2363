//! Metrics of the scores of more than two classes: a column of scores for each.

use super::averaged::Average;
use super::input::{Call, average as mean, weight};
use super::probability::{Probability, minus_log};
use super::ranking::{average_precision_of, roc_auc_of};
use crate::error::Result;
use crate::stats::Sum;

/// How an area under a curve, which compares two classes, is made of several: scikit-learn's `multi_class`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum MultiClass {
    /// Each class is compared with all others together.
    OneVsRest,
    /// Each class is compared with each other one, and both rank the rows of the two: Hand and Till (2001).
    OneVsOne,
}

crate::words! { MultiClass, "multi_class": OneVsRest = "ovr", OneVsOne = "ovo" }

/// The mean negative log-likelihood of the labels of any number of classes: scikit-learn's `log_loss`.
///
/// `y_proba` holds a row of probabilities for each label, row after row, with a column for each class. The columns are in the
/// ascending order of `labels`; `None` is all labels that occur. Probabilities are clipped to `[eps, 1 - eps]`, where `eps` is
/// the [epsilon](Probability::EPSILON) of their type.
///
/// ```
/// use mlcore::evaluate::multiclass_log_loss;
///
/// let y_proba = [0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.2, 0.2, 0.6];
/// let loss = multiclass_log_loss(&["cat", "dog", "emu"], &y_proba, None, None)?;
/// assert!((loss + (0.7_f64.ln() + 0.8_f64.ln() + 0.6_f64.ln()) / 3.0).abs() < 1e-12);
/// # Ok::<(), mlcore::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidInput`](crate::Error::InvalidInput) for no rows, differing lengths, unusable weights, values that are no
/// probabilities, rows that do not sum to 1 (by the square root of `eps`, where scikit-learn warns), a label that is not among
/// `labels`, and `labels` that are fewer than two, repeat themselves or are not in ascending order.
pub fn multiclass_log_loss<L: Ord + Clone, P: Probability>(
    y_true: &[L],
    y_proba: &[P],
    labels: Option<&[L]>,
    sample_weight: Option<&[f64]>,
) -> Result<f64> {
    let call = Call { metric: "log_loss" };
    let classes = Classes::of(call, y_true, labels, ("y_proba", y_proba.len()), sample_weight)?;
    let rows = y_proba.chunks_exact(classes.count);
    for (row, own) in rows.clone().enumerate() {
        call.check_probabilities("y_proba", own.iter().copied().map(P::widened)).map_err(|_| {
            call.refuse("y_proba", format!("row {row} holds what is no probability between 0 and 1"))
        })?;
    }
    classes.check_sums(
        "y_proba",
        rows.clone().map(|own| sum(own.iter().copied().map(P::widened))),
        |sum| (sum - 1.0).abs() <= P::EPSILON.sqrt(),
    )?;
    let losses = rows.zip(&classes.of_rows).map(|(own, class)| {
        let own = own.get(*class).copied().map_or(f64::NAN, P::widened);
        P::rounded(minus_log(own, P::EPSILON))
    });
    let mean = mean(losses, sample_weight);
    // Weights are f64, and numpy averages in the wider of the two types.
    Ok(if sample_weight.is_some() { mean } else { P::rounded(mean) })
}

/// The area under the curve of each class against all others: scikit-learn's `roc_auc_score` with `multi_class="ovr"` and
/// `average=None`.
///
/// `y_score` holds a row of probabilities for each label, row after row, with a column for each class. The columns are in the
/// ascending order of `labels`; `None` is all labels that occur.
///
/// # Errors
/// As [`multiclass_roc_auc_score`].
pub fn roc_auc_scores_by_class<L: Ord + Clone>(
    y_true: &[L],
    y_score: &[f64],
    labels: Option<&[L]>,
    sample_weight: Option<&[f64]>,
) -> Result<Vec<f64>> {
    let classes = roc_auc_classes(y_true, y_score, labels, sample_weight)?;
    (0..classes.count)
        .map(|class| classes.against_the_rest(roc_auc_of, y_score, class, sample_weight))
        .collect()
}

/// The area under the curve of several classes: scikit-learn's `roc_auc_score` with its `multi_class` and `average`.
///
/// `y_score` is as [`roc_auc_scores_by_class`] takes it. With [`MultiClass::OneVsOne`] an average is that of the pairs of
/// classes, and [`Average::Weighted`] counts a pair by its rows.
///
/// ```
/// use mlcore::evaluate::{Average, MultiClass, multiclass_roc_auc_score};
///
/// let y_true = [0, 1, 2, 2];
/// let y_score = [0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.2, 0.2, 0.6, 0.5, 0.3, 0.2];
/// let auc = multiclass_roc_auc_score(&y_true, &y_score, None, MultiClass::OneVsRest, Average::Macro, None)?;
/// assert_eq!(auc, 1.0);
/// # Ok::<(), mlcore::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidInput`](crate::Error::InvalidInput) for no rows, differing lengths, unusable weights, NaN or infinite scores,
/// rows that do not sum to 1, labels as [`multiclass_log_loss`] refuses them, a class without rows where its score is asked
/// for, and, as in scikit-learn, weights or [`Average::Micro`] with [`MultiClass::OneVsOne`].
pub fn multiclass_roc_auc_score<L: Ord + Clone>(
    y_true: &[L],
    y_score: &[f64],
    labels: Option<&[L]>,
    multi_class: MultiClass,
    average: Average,
    sample_weight: Option<&[f64]>,
) -> Result<f64> {
    let classes = roc_auc_classes(y_true, y_score, labels, sample_weight)?;
    match multi_class {
        MultiClass::OneVsRest => classes.averaged(roc_auc_of, y_score, average, sample_weight),
        MultiClass::OneVsOne if sample_weight.is_some() => Err(classes
            .call
            .refuse("sample_weight", "pairs of classes are not weighed")
            .remedy("pass multi_class=\"ovr\", or no weights")),
        MultiClass::OneVsOne => classes.pairs(y_score, average),
    }
}

/// The average precision of each class against all others: scikit-learn's `average_precision_score` of several classes with
/// `average=None`.
///
/// `y_score` holds a row of scores for each label, row after row, with a column for each class that occurs, in ascending order.
///
/// # Errors
/// As [`multiclass_average_precision_score`].
pub fn average_precision_scores_by_class<L: Ord + Clone>(
    y_true: &[L],
    y_score: &[f64],
    sample_weight: Option<&[f64]>,
) -> Result<Vec<f64>> {
    let classes = Classes::of(AVERAGE_PRECISION, y_true, None, (SCORE, y_score.len()), sample_weight)?;
    (0..classes.count)
        .map(|class| classes.against_the_rest(average_precision_of, y_score, class, sample_weight))
        .collect()
}

/// The average precision of several classes, each against all others: scikit-learn's `average_precision_score`.
///
/// `y_score` is as [`average_precision_scores_by_class`] takes it.
///
/// # Errors
/// [`Error::InvalidInput`](crate::Error::InvalidInput) for no rows, differing lengths, unusable weights, NaN or infinite scores,
/// and fewer than two classes.
pub fn multiclass_average_precision_score<L: Ord + Clone>(
    y_true: &[L],
    y_score: &[f64],
    average: Average,
    sample_weight: Option<&[f64]>,
) -> Result<f64> {
    let classes = Classes::of(AVERAGE_PRECISION, y_true, None, (SCORE, y_score.len()), sample_weight)?;
    classes.averaged(average_precision_of, y_score, average, sample_weight)
}

const AVERAGE_PRECISION: Call = Call { metric: "average_precision_score" };
const SCORE: &str = "y_score";

fn roc_auc_classes<L: Ord + Clone>(
    y_true: &[L],
    y_score: &[f64],
    labels: Option<&[L]>,
    sample_weight: Option<&[f64]>,
) -> Result<Classes> {
    let call = Call { metric: "roc_auc_score" };
    let classes = Classes::of(call, y_true, labels, (SCORE, y_score.len()), sample_weight)?;
    call.check_finite(SCORE, y_score)?;
    let sums = y_score.chunks_exact(classes.count).map(|own| sum(own.iter().copied()));
    // numpy's allclose, as scikit-learn asks it.
    classes.check_sums(SCORE, sums, |sum| (1.0 - sum).abs() <= 1e-8 + 1e-5 * sum.abs())?;
    Ok(classes)
}

/// A metric that compares two classes: by the truth, the scores and the weights.
type Binary = fn(Call, &[bool], &[f64], Option<&[f64]>) -> Result<f64>;

/// The classes, and that of each row.
struct Classes {
    call: Call,
    count: usize,
    of_rows: Vec<usize>,
}

impl Classes {
    /// The classes of `labels`, or of all labels that occur; there are `values` scores.
    fn of<L: Ord + Clone>(
        call: Call,
        y_true: &[L],
        labels: Option<&[L]>,
        (subject, values): (&'static str, usize),
        sample_weight: Option<&[f64]>,
    ) -> Result<Self> {
        let known = call.labels(y_true, &[], labels)?;
        if !known.known.is_sorted() {
            let remedy = "give labels and columns in ascending order, as predict_proba does";
            return Err(call.refuse("labels", "they are not in ascending order").remedy(remedy));
        }
        let count = known.known.len();
        call.check_rows(y_true.len(), (subject, y_true.len()), sample_weight)?;
        if count < 2 {
            let remedy = "pass labels=, all classes that there are";
            return Err(call.refuse("y_true", "only one class is present").remedy(remedy));
        }
        if values != y_true.len() * count {
            let columns = values / y_true.len();
            let problem = if columns * y_true.len() == values {
                format!("it has {columns} columns, and there are {count} classes")
            } else {
                format!("it has {values} values, and {} rows of {count} classes are expected", y_true.len())
            };
            return Err(call.refuse(subject, problem).remedy("pass a column for each class, and labels="));
        }
        let mut of_rows = Vec::with_capacity(y_true.len());
        for (row, label) in y_true.iter().enumerate() {
            match known.position(label) {
                Some(class) => of_rows.push(class),
                None => {
                    return Err(call.refuse("y_true", format!("the label of row {row} is not among labels")));
                }
            }
        }
        Ok(Self { call, count, of_rows })
    }

    fn check_sums(
        &self,
        subject: &'static str,
        mut sums: impl Iterator<Item = f64>,
        is_one: impl Fn(f64) -> bool,
    ) -> Result<()> {
        match sums.position(|sum| !is_one(sum)) {
            None => Ok(()),
            Some(row) => Err(self
                .call
                .refuse(subject, format!("row {row} does not sum to 1"))
                .remedy("pass probabilities, as predict_proba answers them")),
        }
    }

    fn against_the_rest(
        &self,
        metric: Binary,
        y_score: &[f64],
        class: usize,
        sample_weight: Option<&[f64]>,
    ) -> Result<f64> {
        let truth: Vec<bool> = self.of_rows.iter().map(|own| *own == class).collect();
        metric(self.call, &truth, &column(y_score, self.count, class), sample_weight).map_err(|error| {
            // The binary metrics say what is wrong with both classes; here it is one of several.
            let problem = format!("class {class}, counted from 0: {}", error.context().problem());
            let remedy = "evaluate on rows of every class, or average by \"weighted\" or \"micro\"";
            self.call.refuse("y_true", problem).remedy(remedy)
        })
    }

    fn averaged(
        &self,
        metric: Binary,
        y_score: &[f64],
        average: Average,
        sample_weight: Option<&[f64]>,
    ) -> Result<f64> {
        if average == Average::Micro {
            let classes = 0..self.count;
            let truth: Vec<bool> =
                self.of_rows.iter().flat_map(|own| classes.clone().map(|class| class == *own)).collect();
            let weights: Option<Vec<f64>> = sample_weight.map(|weights| {
                weights.iter().flat_map(|weight| std::iter::repeat_n(*weight, self.count)).collect()
            });
            return metric(self.call, &truth, y_score, weights.as_deref());
        }
        let mut support = vec![Sum::default(); self.count];
        for (row, class) in self.of_rows.iter().enumerate() {
            if let Some(sum) = support.get_mut(*class) {
                sum.add(weight(sample_weight, row));
            }
        }
        let (mut total, mut weights) = (Sum::default(), Sum::default());
        for (class, support) in support.into_iter().map(Sum::value).enumerate() {
            let by = if average == Average::Weighted { support } else { 1.0 };
            // What has no weight need not be defined.
            if by > 0.0 {
                total.add(by * self.against_the_rest(metric, y_score, class, sample_weight)?);
                weights.add(by);
            }
        }
        Ok(total.value() / weights.value())
    }

    /// The mean of the areas of all pairs of classes that occur.
    fn pairs(&self, y_score: &[f64], average: Average) -> Result<f64> {
        if average == Average::Micro {
            let remedy = "pass average=\"macro\" or \"weighted\", or multi_class=\"ovr\"";
            return Err(self
                .call
                .refuse("average", "pairs of classes have no \"micro\" average")
                .remedy(remedy));
        }
        let present: Vec<usize> = (0..self.count).filter(|class| self.of_rows.contains(class)).collect();
        let (mut total, mut weights) = (Sum::default(), Sum::default());
        for (place, a) in present.iter().enumerate() {
            for b in present.iter().skip(place + 1) {
                let rows: Vec<usize> = (0..self.of_rows.len())
                    .filter(|row| self.of_rows.get(*row).is_some_and(|own| own == a || own == b))
                    .collect();
                let area = |class: &usize| {
                    let truth: Vec<bool> =
                        rows.iter().map(|row| self.of_rows.get(*row) == Some(class)).collect();
                    let scores: Vec<f64> = rows
                        .iter()
                        .filter_map(|row| y_score.get(row * self.count + class))
                        .copied()
                        .collect();
                    roc_auc_of(self.call, &truth, &scores, None)
                };
                let by = if average == Average::Weighted { rows.len() as f64 } else { 1.0 };
                total.add(by * (area(a)? + area(b)?) / 2.0);
                weights.add(by);
            }
        }
        if weights.value() == 0.0 {
            let remedy = "evaluate on rows of several classes";
            return Err(self
                .call
                .refuse("y_true", "only one class is present, and pairs are compared")
                .remedy(remedy));
        }
        Ok(total.value() / weights.value())
    }
}

fn column(y_score: &[f64], count: usize, class: usize) -> Vec<f64> {
    y_score.iter().skip(class).step_by(count).copied().collect()
}

fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let mut sum = Sum::default();
    sum.extend(values);
    sum.value()
}
