//! The population stability index: Evidently's numbers, and a sound value beside them.
//!
//! `PSI = sum((p - q) ln(p / q))` over bins, with `p` and `q` the shares of the reference and of the current sample: the
//! symmetric Kullback-Leibler divergence of the two histograms. Two things make the bare formula unsound, and
//! [`Recipe::Quantile`] and [`Recipe::Uniform`] mend them:
//!
//! - **An empty bin** makes it infinite, and lifting zeros to some epsilon makes the answer depend on the epsilon (one
//!   bin of 1 % that empties: 0.046 to 0.323 for 1e-4 to 1e-16). Here half a count is added to every bin that either sample
//!   reaches (Jeffreys' prior).
//! - **Chance** alone gives `(bins - 1)(1/n + 1/m)` on average: with 100 rows each and 10 bins, 85 % of unchanged columns
//!   exceed 0.1. Here [`PsiResult::psi_corrected`] subtracts it, and a p-value comes from `n m / (n + m) PSI`, which is
//!   chi-square distributed with `bins - 1` degrees of freedom if nothing changed. Where categories are rare (fewer than
//!   five rows expected) neither holds: what chance gives, and the p-value, are then those of exchanging rows between the
//!   samples, at these counts. At high cardinality the index would otherwise not see that every category was replaced.
//!
//! Sources: evidently 0.7.23; D. Wu and D. Olson, "Enterprise risk management: coping with model risk in a large bank"
//! (2010); B. Yurdakul and J. Naranjo, "Statistical properties of the population stability index" (2020).

use mlcore::stats::chi2;
use mlcore::{Error, Result, interrupt};
use serde::{Deserialize, Serialize};

use super::chance::Chance;
use super::{CompiledTest, DriftTest, Effect, Needs, Note, Score};
use crate::bins::{BinCounts, BinnedReference, Binning, Recipe};
use crate::catalog::TestOptions;
use crate::sample::{Kind, Sample};

/// What [`psi`] found.
#[derive(Clone, PartialEq, Debug, Default)]
#[non_exhaustive]
pub struct PsiResult {
    /// **The headline**: the index over the bins, zeros treated as the recipe says. By custom less than 0.1 is stable
    /// and more than 0.25 a major change.
    pub psi: f64,
    /// [`psi`](Self::psi) less what chance gives on average; negative where samples agree better than chance. Equal to
    /// `psi` for [`Recipe::Evidently`].
    pub psi_corrected: f64,
    /// The probability of such an index, or a larger one, if nothing changed; `None` for [`Recipe::Evidently`].
    pub pvalue: Option<f64>,
    /// The p-value, had every category been replaced by another one; `None` for numbers and for [`Recipe::Evidently`]. Where
    /// it is large the index sees no change at all: see [`Score::replaced_pvalue`].
    pub replaced_pvalue: Option<f64>,
    /// Bins or categories that either sample reaches, less one.
    pub degrees_of_freedom: usize,
    /// The edges of numeric bins, one more than there are bins, the outer ones infinite (finite for
    /// [`Recipe::Evidently`]); a bin holds its lower edge and not its upper one. Empty where categories were
    /// compared.
    pub edges: Vec<f64>,
    /// The categories that were compared; empty where the bins are numeric.
    pub categories: Vec<String>,
    /// The share of the reference in each bin or category, as counted.
    pub reference_share: Vec<f64>,
    /// The share of the current sample in each bin or category, as counted.
    pub current_share: Vec<f64>,
    /// The number of values of the reference.
    pub reference_len: u64,
    /// The number of values of the current sample.
    pub current_len: u64,
    /// What a reader of the numbers should know.
    pub notes: Vec<Note>,
}

/// The population stability index of two samples of a column.
///
/// # Errors
/// [`Error::InvalidInput`] for a sample without values, two samples of different kinds, what [`BinnedReference::new`]
/// refuses, [`Recipe::NannyMl`], which has no such index, and [`Recipe::Frouros`].
///
/// ```
/// use mlcore_drift::sample::Sample;
/// use mlcore_drift::bins::Binning;
/// use mlcore_drift::two_sample::psi::psi;
///
/// let reference = Sample::from_numbers((0..1000).map(f64::from).collect());
/// let current = Sample::from_numbers((0..1000).map(|i| f64::from(i) * 0.9).collect());
/// let result = psi(&reference, &current, &Binning::default())?;
/// assert!((result.psi - 0.424).abs() < 1e-3 && result.psi_corrected < result.psi);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn psi(reference: &Sample, current: &Sample, binning: &Binning) -> Result<PsiResult> {
    check(binning)?;
    let counts = BinnedReference::count_once(OPERATION, reference, current, binning)?;
    PsiResult::new(counts, binning.recipe)
}

/// The population stability index as a drift test; the effect size is the index less what chance gives, at least 0.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Psi {
    binning: Binning,
}

impl Psi {
    /// The test with these bins.
    #[must_use]
    pub fn new(binning: Binning) -> Self {
        Self { binning }
    }
}

impl DriftTest for Psi {
    fn name(&self) -> &str {
        "psi"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "PSI: population stability index over ten bins of equal share, half a count added to each; by custom below 0.1 is stable."
    }

    fn applies_to(&self, _kind: Kind) -> bool {
        true
    }

    /// 0.1: by custom the end of "stable", and Evidently's threshold.
    fn default_minimum_effect(&self) -> f64 {
        0.1
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        check(&self.binning)?;
        let bins = BinnedReference::new(OPERATION, reference, &self.binning)?;
        Ok(Box::new(Compiled { bins, recipe: self.binning.recipe }))
    }

    fn compare(&self, reference: &Sample, current: &Sample) -> Result<Score> {
        Ok(psi(reference, current, &self.binning)?.into_score())
    }
}

#[derive(Debug)]
struct Compiled {
    bins: BinnedReference,
    recipe: Recipe,
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        Ok(PsiResult::new(self.bins.count(current)?, self.recipe)?.into_score())
    }

    fn needs(&self) -> Needs {
        self.bins.needs()
    }
}

const OPERATION: &str = "compare with psi";

fn check(binning: &Binning) -> Result<()> {
    match binning.recipe {
        Recipe::Quantile | Recipe::Uniform | Recipe::Evidently => Ok(()),
        Recipe::NannyMl | Recipe::Frouros => {
            let problem = match binning.recipe {
                Recipe::NannyMl => "NannyML has no population stability index",
                _ => "frouros makes zeros the smallest float there is, so that an empty bin adds hundreds",
            };
            Err(Error::invalid_input(OPERATION, "recipe", problem)
                .remedy("use one of quantile, uniform, evidently"))
        }
    }
}

impl PsiResult {
    /// # Errors
    /// [`Error::Interrupted`], also where that kept values from being counted.
    fn new(mut counts: BinCounts, recipe: Recipe) -> Result<Self> {
        interrupt::check(OPERATION)?;
        let bare = match recipe {
            Recipe::Quantile | Recipe::Uniform | Recipe::NannyMl | Recipe::Frouros => Self {
                replaced_pvalue: counts.replaced().and_then(|all| Self::smoothed(&all).pvalue),
                ..Self::smoothed(&counts)
            },
            Recipe::Evidently => Self::lifted(&counts),
        };
        let shares = counts.shares();
        let mut notes = bare.notes;
        notes.append(&mut counts.notes);
        interrupt::check(OPERATION)?;
        Ok(Self {
            edges: counts.edges,
            categories: counts.categories,
            reference_share: shares.reference,
            current_share: shares.current,
            reference_len: counts.reference_len,
            current_len: counts.current_len,
            notes,
            ..bare
        })
    }

    /// Half a count added to each bin; what chance gives is known.
    fn smoothed(counts: &BinCounts) -> Self {
        let total = |counts: &[u64]| counts.iter().sum::<u64>() as f64;
        let (n, m) = (total(&counts.reference), total(&counts.current));
        let psi: f64 = counts.smoothed_shares().pairs().map(term).sum();
        let degrees_of_freedom = (counts.reached() as f64 - 1.0).max(0.0);
        let (by_chance, pvalue) = match Self::chance(counts) {
            Some(chance) => (chance.mean(), chance.pvalue(psi)),
            None if degrees_of_freedom == 0.0 => (0.0, 1.0),
            None => {
                let pvalue = chi2::sf(n * m / (n + m) * psi, degrees_of_freedom);
                (degrees_of_freedom * (1.0 / n + 1.0 / m), pvalue)
            }
        };
        Self {
            psi,
            psi_corrected: psi - by_chance,
            pvalue: Some(pvalue),
            replaced_pvalue: None,
            degrees_of_freedom: degrees_of_freedom as usize,
            ..Self::default()
        }
    }

    /// What chance gives where categories are rare.
    fn chance(counts: &BinCounts) -> Option<Chance> {
        let smoothed = counts.smoothed();
        let of_counts = |a, b| term(smoothed(a, b));
        counts.has_rare_categories().then(|| Chance::of(&counts.reached_pairs(), of_counts)).flatten()
    }

    /// Zeros lifted; the index as it is.
    fn lifted(counts: &BinCounts) -> Self {
        let (shares, note) = counts.lifted_shares();
        let psi = shares.pairs().map(term).sum();
        Self {
            psi,
            psi_corrected: psi,
            pvalue: None,
            degrees_of_freedom: shares.reference.len().saturating_sub(1),
            notes: note.into_iter().collect(),
            ..Self::default()
        }
    }

    fn into_score(self) -> Score {
        let score = Score::new(self.psi, Effect::new("PSI", self.psi_corrected.max(0.0)))
            .with_reference_len(self.reference_len)
            .with_current_len(self.current_len)
            .with_notes(self.notes);
        Score { pvalue: self.pvalue, replaced_pvalue: self.replaced_pvalue, ..score }
    }
}

fn term((p, q): (f64, f64)) -> f64 {
    (p - q) * (p / q).ln()
}
