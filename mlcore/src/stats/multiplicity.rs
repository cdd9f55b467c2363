//! Corrections for many tests at once, with the names and numbers of statsmodels' `multipletests`.

use crate::error::{Error, Result};
use crate::interrupt;

/// Which error rate a correction controls, and under which assumption; the words are statsmodels'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum Correction {
    /// `bonferroni`: family-wise error, any dependence, one step.
    Bonferroni,
    /// `holm`: family-wise error, any dependence, step-down; never weaker than Bonferroni.
    Holm,
    /// `fdr_bh`, Benjamini and Hochberg (1995): false discovery rate, independent or positively dependent tests.
    #[default]
    BenjaminiHochberg,
    /// `fdr_by`, Benjamini and Yekutieli (2001): false discovery rate under any dependence.
    BenjaminiYekutieli,
    /// `none`, which statsmodels lacks: each p-value by itself. Of twenty hypotheses that all hold, one is rejected at 0.05.
    None,
}

crate::words! {
    Correction, "correction":
    Bonferroni = "bonferroni", Holm = "holm", BenjaminiHochberg = "fdr_bh", BenjaminiYekutieli = "fdr_by",
    None = "none"
}

/// What [`multipletests`] decided, in the order of the p-values given.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MultipleTests {
    /// Whether each hypothesis is rejected at the level asked for.
    pub reject: Vec<bool>,
    /// Each p-value, corrected for the others; at most 1.
    pub pvals_corrected: Vec<f64>,
}

/// Corrects p-values for multiplicity: `statsmodels.stats.multitest.multipletests(pvals, alpha, method)`.
///
/// A NaN stands for a test that could not be made: it stays NaN, is not rejected and does not count as a member of the
/// family, as in R's `p.adjust` (statsmodels lets one NaN turn every corrected `fdr_bh` p-value into NaN).
///
/// # Errors
///
/// [`Error::InvalidInput`] if `alpha` or a p-value lies outside `[0, 1]`.
///
/// # Source
///
/// statsmodels 0.15, `stats/multitest.py`.
///
/// ```
/// use mlcore::stats::{Correction, multipletests};
///
/// let tests = multipletests(&[0.01, 0.04, 0.03, 0.5], 0.05, Correction::Holm)?;
/// assert_eq!(tests.reject, [true, false, false, false]);
/// assert_eq!(tests.pvals_corrected, [0.04, 0.09, 0.09, 0.5]);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn multipletests(pvals: &[f64], alpha: f64, correction: Correction) -> Result<MultipleTests> {
    if !(0.0..=1.0).contains(&alpha) {
        return Err(Error::invalid_input("multipletests", "alpha", format!("{alpha} is not in [0, 1]")));
    }
    if let Some(index) = pvals.iter().position(|p| !p.is_nan() && !(0.0..=1.0).contains(p)) {
        let problem = format!("{} is no probability", pvals[index]);
        return Err(Error::invalid_input("multipletests", format!("pvals[{index}]"), problem));
    }
    let mut order: Vec<usize> = (0..pvals.len()).filter(|&i| !pvals[i].is_nan()).collect();
    // By place where equal, as a stable sort leaves them.
    interrupt::check("multipletests")?;
    interrupt::sort_unstable_by(&mut order, |&a, &b| pvals[a].total_cmp(&pvals[b]).then(a.cmp(&b)));
    interrupt::check("multipletests")?;
    let ascending: Vec<f64> = order.iter().map(|&i| pvals[i]).collect();
    let (rejected, corrected) = match correction {
        Correction::Bonferroni => bonferroni(&ascending, alpha),
        Correction::Holm => holm(&ascending, alpha),
        Correction::BenjaminiHochberg => false_discovery(&ascending, alpha, 1.0),
        Correction::BenjaminiYekutieli => {
            let harmonic = (1..=ascending.len()).rev().map(|i| 1.0 / i as f64).sum();
            false_discovery(&ascending, alpha, harmonic)
        }
        Correction::None => ascending.iter().map(|&p| (p <= alpha, p)).unzip(),
    };
    let mut tests = MultipleTests { reject: vec![false; pvals.len()], pvals_corrected: pvals.to_vec() };
    for ((&index, reject), corrected) in order.iter().zip(rejected).zip(corrected) {
        tests.reject[index] = reject;
        tests.pvals_corrected[index] = corrected.min(1.0);
    }
    Ok(tests)
}

fn bonferroni(ascending: &[f64], alpha: f64) -> (Vec<bool>, Vec<f64>) {
    let family = ascending.len() as f64;
    ascending.iter().map(|&p| (p <= alpha / family, p * family)).unzip()
}

fn holm(ascending: &[f64], alpha: f64) -> (Vec<bool>, Vec<f64>) {
    let (mut rejecting, mut largest) = (true, 0.0f64);
    let remaining = (1..=ascending.len()).rev().map(|left| left as f64);
    ascending
        .iter()
        .zip(remaining)
        .map(|(&p, left)| {
            rejecting &= p <= alpha / left;
            largest = largest.max(p * left);
            (rejecting, largest)
        })
        .unzip()
}

fn false_discovery(ascending: &[f64], alpha: f64, dependence: f64) -> (Vec<bool>, Vec<f64>) {
    let family = ascending.len() as f64;
    let (mut rejecting, mut smallest) = (false, f64::INFINITY);
    let mut descending: Vec<(bool, f64)> = ascending
        .iter()
        .enumerate()
        .rev()
        .map(|(i, &p)| {
            let share = (i + 1) as f64 / family / dependence;
            rejecting |= p <= share * alpha;
            smallest = smallest.min(p / share);
            (rejecting, smallest)
        })
        .collect();
    descending.reverse();
    descending.into_iter().unzip()
}
