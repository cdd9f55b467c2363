//! Metrics of scores that rank: only their order counts.

use super::input::{Call, weight};
use super::metric::Metric;
use crate::error::Result;
use crate::interrupt;
use crate::stats::Sum;

/// These metrics by name.
pub(super) const METRICS: &[(&str, Metric)] = &[
    ("roc_auc_score", Metric::Scores(roc_auc_score)),
    ("average_precision_score", Metric::Scores(average_precision_score)),
];

/// The probability that a positive row scores above a negative one, ties counting half: scikit-learn's
/// `roc_auc_score`, binary.
///
/// # Errors
/// [`Error::InvalidInput`](crate::Error::InvalidInput) for no rows, differing lengths, unusable weights, NaN or infinite
/// scores, and rows of one class only, for which the metric is not defined (scikit-learn warns and answers NaN).
pub fn roc_auc_score(y_true: &[bool], y_score: &[f64], sample_weight: Option<&[f64]>) -> Result<f64> {
    roc_auc_of(Call { metric: "roc_auc_score" }, y_true, y_score, sample_weight)
}

pub(super) fn roc_auc_of(
    call: Call,
    y_true: &[bool],
    y_score: &[f64],
    sample_weight: Option<&[f64]>,
) -> Result<f64> {
    let ranking = Ranking::of(call, y_true, y_score, sample_weight)?;
    let Some(Step { hits: positive, alarms: negative }) = ranking.last() else {
        return Err(call.refuse("y_true", "no row has a weight"));
    };
    if !(positive > 0.0 && negative > 0.0) {
        return Err(call
            .refuse("y_true", "only one class is present, and the metric compares two")
            .remedy("evaluate on rows of both classes"));
    }
    let mut area = Sum::default();
    let mut before = Step::default();
    for step in ranking.steps {
        area.add((step.alarms - before.alarms) * (step.hits + before.hits));
        before = step;
    }
    Ok(area.value() / (2.0 * positive * negative))
}

/// The mean precision over the recalls, as a step function: scikit-learn's `average_precision_score`, binary.
///
/// # Errors
/// As [`roc_auc_score`], but only positive rows are needed (without one scikit-learn warns and answers 0).
pub fn average_precision_score(
    y_true: &[bool],
    y_score: &[f64],
    sample_weight: Option<&[f64]>,
) -> Result<f64> {
    average_precision_of(Call { metric: "average_precision_score" }, y_true, y_score, sample_weight)
}

pub(super) fn average_precision_of(
    call: Call,
    y_true: &[bool],
    y_score: &[f64],
    sample_weight: Option<&[f64]>,
) -> Result<f64> {
    let ranking = Ranking::of(call, y_true, y_score, sample_weight)?;
    let Some(positive) = ranking.last().map(|step| step.hits).filter(|positive| *positive > 0.0) else {
        return Err(call
            .refuse("y_true", "no positive row is present, so there is no recall")
            .remedy("evaluate on rows of both classes"));
    };
    let mut total = Sum::default();
    let mut before = 0.0;
    for Step { hits, alarms } in ranking.steps {
        // A precision of 0 / 0 belongs to rows without weight, which recall nothing either.
        if hits > before {
            total.add((hits - before) * (hits / (hits + alarms)));
        }
        before = hits;
    }
    Ok(total.value() / positive)
}

/// The weight of positive and of negative rows that score at least so high.
#[derive(Clone, Copy, Default)]
struct Step {
    hits: f64,
    alarms: f64,
}

/// One step per distinct score, from the highest down.
struct Ranking {
    steps: Vec<Step>,
}

impl Ranking {
    fn of(call: Call, y_true: &[bool], y_score: &[f64], sample_weight: Option<&[f64]>) -> Result<Self> {
        call.check_rows(y_true.len(), ("y_score", y_score.len()), sample_weight)?;
        call.check_finite("y_score", y_score)?;
        let mut rows: Vec<(f64, bool, f64)> = y_score
            .iter()
            .zip(y_true)
            .enumerate()
            .map(|(row, (score, label))| (*score, *label, weight(sample_weight, row)))
            .collect();
        interrupt::sort_unstable_by(&mut rows, |a, b| b.0.total_cmp(&a.0));
        interrupt::check(call.metric)?;
        let (mut hits, mut alarms) = (Sum::default(), Sum::default());
        let mut steps = Vec::new();
        let mut rows = rows.into_iter().peekable();
        while let Some((score, label, weight)) = rows.next() {
            let of_its_class = if label { &mut hits } else { &mut alarms };
            of_its_class.add(weight);
            if rows.peek().is_none_or(|next| next.0 != score) {
                steps.push(Step { hits: hits.value(), alarms: alarms.value() });
            }
        }
        Ok(Self { steps })
    }

    fn last(&self) -> Option<Step> {
        self.steps.last().copied()
    }
}
