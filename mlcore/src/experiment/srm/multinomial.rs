//! The sequential test of a sample ratio.

use serde::{Deserialize, Serialize};

use super::check_weights;
use crate::error::{Error, Result};
use crate::stats::dirichlet_multinomial_log_ratio;

/// A test of the sample ratio that may be looked at after every unit: the p-value stays above `alpha` for ever with a probability of
/// `1 - alpha` where the units are assigned by the weights.
///
/// The alternative is a Dirichlet distribution around the weights; its `concentration` says how close a mismatch is looked for.
/// Counts and the smallest p-value so far are all that is kept.
///
/// # Source
/// M. Lindon and A. Malek, "Anytime-valid inference for multinomial count data" (2022); `ssrm-test` 0.1.5, whose default of the
/// concentration, 10,000, is kept. The logarithm of the Bayes factor is a sum of deviances, in which nothing cancels at
/// millions of units.
///
/// ```
/// use mlcore::experiment::SequentialSrm;
///
/// let mut test = SequentialSrm::new(&[0.5, 0.5])?;
/// for _ in 0..20 {
///     test.update(&[520, 480])?;
/// }
/// assert!(test.pvalue() < 0.01);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct SequentialSrm {
    /// The shares under the null hypothesis.
    shares: Vec<f64>,
    /// The parameters of the Dirichlet distribution.
    dirichlet: Vec<f64>,
    counts: Vec<u64>,
    pvalue: f64,
}

#[derive(Deserialize)]
struct Stored {
    shares: Vec<f64>,
    dirichlet: Vec<f64>,
    counts: Vec<u64>,
    pvalue: f64,
}

impl TryFrom<Stored> for SequentialSrm {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let Stored { shares, dirichlet, counts, pvalue } = stored;
        let new = Self::with_dirichlet(&shares, &dirichlet)?;
        if counts.len() != shares.len() || !(0.0..=1.0).contains(&pvalue) {
            let problem =
                format!("{} counts of {} arms, and a p-value of {pvalue}", counts.len(), shares.len());
            return Err(Error::corrupt("read sample ratio test", "", problem));
        }
        Ok(Self { counts, pvalue, ..new })
    }
}

impl SequentialSrm {
    /// ssrm-test's `dirichlet_concentration`.
    pub const DEFAULT_CONCENTRATION: f64 = 10_000.0;

    /// For arms of these weights.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for fewer than two arms, and for a weight that is not positive and finite.
    pub fn new(weights: &[f64]) -> Result<Self> {
        Self::with_concentration(weights, Self::DEFAULT_CONCENTRATION)
    }

    /// With a concentration of the alternative around the weights; a larger one looks for smaller mismatches.
    ///
    /// # Errors
    /// As [`new`](Self::new), and where the concentration is not positive and finite.
    pub fn with_concentration(weights: &[f64], concentration: f64) -> Result<Self> {
        let total = check_weights(weights.len(), weights)?;
        let dirichlet: Vec<f64> = weights.iter().map(|weight| weight / total * concentration).collect();
        Self::with_dirichlet(weights, &dirichlet)
    }

    /// With the parameters of the Dirichlet distribution of the alternative, one for each arm.
    ///
    /// # Errors
    /// As [`new`](Self::new), and for parameters that are not positive and finite, or not as many.
    pub fn with_dirichlet(weights: &[f64], dirichlet: &[f64]) -> Result<Self> {
        let total = check_weights(weights.len(), weights)?;
        let shares: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
        if dirichlet.len() != shares.len() {
            let problem = format!("there are {} for {} arms", dirichlet.len(), shares.len());
            return Err(Error::invalid_input(super::OPERATION, "dirichlet", problem));
        }
        for (subject, numbers) in [("weights", &shares[..]), ("dirichlet", dirichlet)] {
            if let Some(number) = numbers.iter().find(|number| !(**number > 0.0 && number.is_finite())) {
                let problem = format!("{number} is not positive and finite");
                return Err(Error::invalid_input(super::OPERATION, subject, problem)
                    .remedy("leave out arms that get no units"));
            }
        }
        let counts = vec![0; shares.len()];
        Ok(Self { shares, dirichlet: dirichlet.to_vec(), counts, pvalue: 1.0 })
    }

    /// Adds the units that came to each arm since the last look, and looks.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where the number of counts is another; nothing was added.
    pub fn update(&mut self, counts: &[u64]) -> Result<()> {
        if counts.len() != self.counts.len() {
            let problem = format!("there are {} counts of {} arms", counts.len(), self.counts.len());
            return Err(Error::invalid_input(super::OPERATION, "counts", problem));
        }
        for (sum, count) in self.counts.iter_mut().zip(counts) {
            *sum = sum.saturating_add(*count);
        }
        self.pvalue = self.pvalue.min((-self.log_bayes_factor()).exp());
        Ok(())
    }

    /// Adds the units of another replica, and looks. The p-value of the other is left alone: the smaller of two valid p-values is none.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where weights or parameters differ; nothing was added.
    pub fn absorb(&mut self, other: &Self) -> Result<()> {
        if self.shares != other.shares || self.dirichlet != other.dirichlet {
            return Err(Error::invalid_input(super::OPERATION, "weights", "those of the two tests differ"));
        }
        self.update(&other.counts)
    }

    /// The units of each arm.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The smallest p-value of all looks so far.
    #[must_use]
    pub fn pvalue(&self) -> f64 {
        self.pvalue
    }

    /// The logarithm of how much more likely the counts are under a mismatch.
    #[must_use]
    pub fn log_bayes_factor(&self) -> f64 {
        dirichlet_multinomial_log_ratio(&self.counts, &self.shares, &self.dirichlet)
    }

    /// The probability of a mismatch, where it had the odds `prior_odds` before; ssrm-test's default is 1.
    #[must_use]
    pub fn posterior_probability(&self, prior_odds: f64) -> f64 {
        let log_odds = self.log_bayes_factor() + prior_odds.ln();
        1.0 / (1.0 + (-log_odds).exp())
    }

    /// The share of all units that each arm has; 0 of none.
    #[must_use]
    pub fn observed(&self) -> Vec<f64> {
        let total: f64 = self.counts.iter().map(|count| *count as f64).sum();
        self.counts.iter().map(|count| if total == 0.0 { 0.0 } else { *count as f64 / total }).collect()
    }
}
