//! How much two models differ on the same rows, and how surely: what one model finds hard the other usually does too,
//! so the difference is known far better than either value.

use crate::interrupt;
use crate::stats::{Moments, Sum, norm, t};

/// A difference `challenger - champion` and its two-sided interval.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Difference {
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Difference {
    /// Of what cannot be compared.
    pub(super) const UNKNOWN: Self = Self { value: f64::NAN, low: f64::NAN, high: f64::NAN };

    fn around(value: f64, centre: f64, half_width: f64) -> Self {
        Self { value, low: centre - half_width, high: centre + half_width }
    }
}

/// The difference of two means over the same rows: the interval of the paired t-test, as
/// `scipy.stats.ttest_rel(challenger, champion).confidence_interval(1 - alpha)`. NaN for fewer than two rows.
pub(super) fn mean_difference(champion: &[f64], challenger: &[f64], alpha: f64) -> Difference {
    let differences: Vec<f64> = challenger.iter().zip(champion).map(|(b, a)| b - a).collect();
    let moments = Moments::from_slice(&differences);
    let n = moments.count() as f64;
    let half_width = -t::ppf(alpha / 2.0, n - 1.0) * (moments.variance() / n).sqrt();
    Difference::around(moments.mean(), moments.mean(), half_width)
}

/// The difference of two smooth statistics over the same rows, by the delta method: a row's influence is how the statistic
/// changes with the row's weight, and the difference varies as the mean of the differences of influences does, with t's
/// quantile for its few rows.
///
/// Source: A. W. van der Vaart, "Asymptotic Statistics" (1998), chapters 3 and 20; for ratios also A. Deng, U. Knoblich and
/// J. Lu, "Applying the Delta Method in Metric Analytics", KDD 2018.
pub(super) fn delta_difference(
    [before, after]: [f64; 2],
    champion: &[f64],
    challenger: &[f64],
    alpha: f64,
) -> Difference {
    let around_zero = mean_difference(champion, challenger, alpha);
    Difference::around(after - before, after - before, (around_zero.high - around_zero.low) / 2.0)
}

/// The difference of two proportions over the same rows: the interval of Agresti and Min.
///
/// Only rows on which the models disagree tell them apart (as in McNemar's test). Half a row is added to each of the four
/// cells, so that models which never disagreed are not taken for certainly equal.
///
/// Source: A. Agresti and Y. Min, "Simple improved confidence intervals for comparing matched proportions", Statistics
/// in Medicine 24 (2005), section 2.3.
pub(super) fn proportion_difference(champion: &[bool], challenger: &[bool], alpha: f64) -> Difference {
    let rows = champion.iter().zip(challenger);
    let (mut lost, mut won) = (0_u64, 0_u64);
    for (before, after) in rows {
        lost += u64::from(*before && !after);
        won += u64::from(*after && !before);
    }
    let n = champion.len() as f64;
    let (lost, won) = (lost as f64, won as f64);
    let (padded, balance) = (n + 2.0, won - lost);
    let error = ((lost + won + 1.0) - balance * balance / padded).sqrt() / padded;
    let interval = Difference::around(balance / n, balance / padded, norm::isf(alpha / 2.0) * error);
    Difference { low: interval.low.max(-1.0), high: interval.high.min(1.0), ..interval }
}

/// The difference of two areas under the ROC curve over the same rows: the interval of DeLong.
///
/// Takes O(n log n) by midranks. NaN unless there are two rows of each class. The interval is asymptotic and has no
/// width where both models rank perfectly.
///
/// Source: E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, Biometrics 44 (1988); the midranks: X. Sun and W. Xu,
/// IEEE Signal Processing Letters 21 (2014).
pub(super) fn roc_auc_difference(
    y_true: &[bool],
    champion: &[f64],
    challenger: &[f64],
    alpha: f64,
) -> Difference {
    let (before, after) = (placements(y_true, champion), placements(y_true, challenger));
    let mut variance = 0.0;
    let mut mean = f64::NAN;
    for class in [false, true] {
        let of_class = y_true.iter().zip(before.iter().zip(&after)).filter(|(label, _)| **label == class);
        let differences: Vec<f64> = of_class.map(|(_, (before, after))| after - before).collect();
        let moments = Moments::from_slice(&differences);
        variance += moments.variance() / moments.count() as f64;
        mean = moments.mean();
    }
    Difference::around(mean, mean, norm::isf(alpha / 2.0) * variance.sqrt())
}

/// For each row, the share of rows of the other class that it is ranked right against, ties counting half.
fn placements(y_true: &[bool], scores: &[f64]) -> Vec<f64> {
    let all = midranks(scores, |_| true);
    let positive = midranks(scores, |row| y_true.get(row) == Some(&true));
    let negative = midranks(scores, |row| y_true.get(row) == Some(&false));
    let positives = y_true.iter().filter(|label| **label).count() as f64;
    let negatives = y_true.len() as f64 - positives;
    let ranks = all.iter().zip(positive.iter().zip(&negative));
    let place = |(label, (all, (positive, negative))): (&bool, (&f64, (&f64, &f64)))| {
        if *label { (all - positive) / negatives } else { 1.0 - (all - negative) / positives }
    };
    y_true.iter().zip(ranks).map(place).collect()
}

/// The rank of each chosen row among the chosen ones, from 1, ties sharing their mean rank; 0 for the others.
fn midranks(scores: &[f64], chosen: impl Fn(usize) -> bool) -> Vec<f64> {
    let mut order: Vec<(f64, usize)> =
        scores.iter().copied().zip(0..).filter(|(_, row)| chosen(*row)).collect();
    interrupt::sort_unstable_by(&mut order, |a, b| a.0.total_cmp(&b.0));
    let mut ranks = vec![0.0; scores.len()];
    let mut before = 0_usize;
    for tied in order.chunk_by(|a, b| a.0 == b.0) {
        // Ranks before + 1 to before + n have this mean.
        let rank = before as f64 + (tied.len() as f64 + 1.0) / 2.0;
        for (_, row) in tied {
            if let Some(slot) = ranks.get_mut(*row) {
                *slot = rank;
            }
        }
        before += tied.len();
    }
    ranks
}

/// The mean of a value per row.
pub(super) fn mean(values: &[f64]) -> f64 {
    let mut sum = Sum::default();
    sum.extend(values.iter().copied());
    sum.value() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_their_mean_rank() {
        assert_eq!(midranks(&[2.0, 1.0, 2.0, 0.0, 2.0], |row| row != 3), [3.0, 1.0, 3.0, 0.0, 3.0]);
    }

    #[test]
    fn swapping_the_models_mirrors_the_interval() {
        let y_true = [true, true, true, false, false, false];
        let (a, b) = ([0.9, 0.4, 0.6, 0.5, 0.2, 0.1], [0.8, 0.9, 0.3, 0.4, 0.4, 0.2]);
        let (right, left) = (|p: &[f64; 6]| p.map(|p| p > 0.5), 0.05);
        let pairs = [
            (roc_auc_difference(&y_true, &a, &b, left), roc_auc_difference(&y_true, &b, &a, left)),
            (mean_difference(&a, &b, left), mean_difference(&b, &a, left)),
            (
                proportion_difference(&right(&a), &right(&b), left),
                proportion_difference(&right(&b), &right(&a), left),
            ),
        ];
        for (forth, back) in pairs {
            assert!(forth.low <= forth.value && forth.value <= forth.high, "{forth:?}");
            assert!((forth.value + back.value).abs() < 1e-15 && (forth.low + back.high).abs() < 1e-15);
        }
    }

    #[test]
    fn models_that_never_disagreed_are_not_certainly_equal() {
        let same = [true; 50];
        let difference = proportion_difference(&same, &same, 0.05);
        assert_eq!(difference.value, 0.0);
        assert!(difference.low < -0.02 && difference.high > 0.02, "{difference:?}");
    }
}
