//! The population stability index: Evidently's numbers, and a sound value beside them.
//!
//! `PSI = sum((p - q) ln(p / q))` over bins, with `p` and `q` the shares of the reference and of the current sample: the
//! symmetric Kullback-Leibler divergence of the two histograms. Two things make the bare formula unsound, and
//! [`PsiRecipe::Quantile`] and [`PsiRecipe::Uniform`] mend them:
//!
//! - **An empty bin** makes it infinite, and lifting zeros to some epsilon makes the answer depend on the epsilon (one
//!   bin of 1 % that empties: 0.046 to 0.323 for 1e-4 to 1e-16). Here half a count is added to every bin that either sample
//!   reaches (Jeffreys' prior).
//! - **Chance** alone gives `(bins - 1)(1/n + 1/m)` on average: with 100 rows each and 10 bins, 85 % of unchanged columns
//!   exceed 0.1. Here [`PsiResult::psi_corrected`] subtracts it, and a p-value comes from `n m / (n + m) PSI`, which is
//!   chi-square distributed with `bins - 1` degrees of freedom if nothing changed.
//!
//! Sources: evidently 0.7.23; D. Wu and D. Olson, "Enterprise risk management: coping with model risk in a large bank"
//! (2010); B. Yurdakul and J. Naranjo, "Statistical properties of the population stability index" (2020).

mod bins;
mod evidently;
mod histogram;

use mlcore::stats::chi2;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use self::bins::Bins;
use self::evidently::EvidentlyReference;
use super::{CompiledTest, DriftTest, Effect, Note, Score};
use crate::sample::{Categories, Kind, Sample};

/// How the bins are chosen and empty ones treated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PsiRecipe {
    /// Bins that hold equal shares of the reference (numpy's `quantile`), open at both ends; a value that fills more
    /// than one bin gets a bin of its own. Half a count is added to each bin.
    #[default]
    Quantile,
    /// Bins of equal width between the smallest and the largest value of the reference, open at both ends. Half a count
    /// is added to each bin.
    Uniform,
    /// The numbers of Evidently 0.7.23: Sturges' bins of equal width over both samples together, categories by value if
    /// the reference has at most 20 distinct ones, zeros lifted to 0.0001 (or to a millionth of the smallest share, if
    /// that is at most 0.0001), infinities dropped. No p-value, no correction, and `bins` is ignored.
    Evidently,
}

/// Options of [`psi`].
///
/// ```
/// use mlcore_drift::two_sample::psi::{PsiOptions, PsiRecipe};
///
/// let options = PsiOptions::default().bins(20).recipe(PsiRecipe::Uniform);
/// assert_eq!(options.bins, 20);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PsiOptions {
    /// The number of bins of a numeric column (default 10, as in credit scoring, where the index comes from; 2 to 1,000).
    /// Ties can make them fewer. A categorical column has a bin per category.
    pub bins: usize,
    /// How they are chosen.
    pub recipe: PsiRecipe,
}

/// The most bins that [`PsiOptions`] takes: beyond it a bin says nothing.
pub const MAX_BINS: usize = 1000;

impl Default for PsiOptions {
    fn default() -> Self {
        Self { bins: 10, recipe: PsiRecipe::Quantile }
    }
}

impl PsiOptions {
    /// Sets the number of bins of a numeric column.
    #[must_use]
    pub fn bins(mut self, bins: usize) -> Self {
        self.bins = bins;
        self
    }

    /// Sets how bins are chosen.
    #[must_use]
    pub fn recipe(mut self, recipe: PsiRecipe) -> Self {
        self.recipe = recipe;
        self
    }

    fn check(&self) -> Result<()> {
        if (2..=MAX_BINS).contains(&self.bins) {
            return Ok(());
        }
        let problem = format!("{} bins; 2 to {MAX_BINS} are possible", self.bins);
        Err(Error::invalid_input(OPERATION, "bins", problem).remedy("10 is the custom"))
    }
}

/// What [`psi`] found.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct PsiResult {
    /// **The headline**: the index over the bins, zeros treated as the recipe says. By custom less than 0.1 is stable
    /// and more than 0.25 a major change.
    pub psi: f64,
    /// [`psi`](Self::psi) less what chance gives on average; negative where samples agree better than chance. Equal to
    /// `psi` for [`PsiRecipe::Evidently`].
    pub psi_corrected: f64,
    /// The probability of such an index, or a larger one, if nothing changed; `None` for [`PsiRecipe::Evidently`].
    pub pvalue: Option<f64>,
    /// Bins or categories that either sample reaches, less one.
    pub degrees_of_freedom: usize,
    /// The edges of numeric bins, one more than there are bins, the outer ones infinite (finite for
    /// [`PsiRecipe::Evidently`]); a bin holds its lower edge and not its upper one. Empty where categories were
    /// compared.
    pub edges: Vec<f64>,
    /// The categories that were compared; empty where the bins are numeric.
    pub categories: Vec<String>,
    /// The share of the reference in each bin or category, as counted.
    pub reference_share: Vec<f64>,
    /// The share of the current sample in each bin or category, as counted.
    pub current_share: Vec<f64>,
    /// What a reader of the numbers should know.
    pub notes: Vec<Note>,
}

/// The population stability index of two samples of a column.
///
/// # Errors
/// [`Error::InvalidInput`] for a sample without values, two samples of different kinds, a number of bins outside 2 to
/// [`MAX_BINS`], and with [`PsiRecipe::Evidently`] where numpy refuses the range of the data.
///
/// ```
/// use mlcore_drift::sample::Sample;
/// use mlcore_drift::two_sample::psi::{PsiOptions, psi};
///
/// let reference = Sample::from_numbers((0..1000).map(f64::from).collect());
/// let current = Sample::from_numbers((0..1000).map(|i| f64::from(i) * 0.9).collect());
/// let result = psi(&reference, &current, &PsiOptions::default())?;
/// assert!((result.psi - 0.424).abs() < 1e-3 && result.psi_corrected < result.psi);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn psi(reference: &Sample, current: &Sample, options: &PsiOptions) -> Result<PsiResult> {
    options.check()?;
    reference.require_values(OPERATION, "reference")?;
    current.require_values(OPERATION, "current")?;
    current.require_kind(OPERATION, reference.kind())?;
    if options.recipe == PsiRecipe::Evidently {
        return evidently::psi(reference, current);
    }
    CompiledPsi::new(reference, options)?.psi(current)
}

/// The population stability index as a drift test; the effect size is the index less what chance gives, at least 0.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Psi {
    options: PsiOptions,
}

impl Psi {
    /// The test with these bins.
    #[must_use]
    pub fn new(options: PsiOptions) -> Self {
        Self { options }
    }
}

impl DriftTest for Psi {
    fn name(&self) -> &str {
        match self.options.recipe {
            PsiRecipe::Evidently => "psi_evidently",
            PsiRecipe::Quantile | PsiRecipe::Uniform => "psi",
        }
    }

    fn applies_to(&self, _kind: Kind) -> bool {
        true
    }

    /// 0.1: by custom the end of "stable", and Evidently's threshold.
    fn default_minimum_effect(&self) -> f64 {
        0.1
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        self.options.check()?;
        reference.require_values(OPERATION, "reference")?;
        Ok(match self.options.recipe {
            PsiRecipe::Evidently => Box::new(EvidentlyReference::new(reference)?),
            PsiRecipe::Quantile | PsiRecipe::Uniform => Box::new(CompiledPsi::new(reference, &self.options)?),
        })
    }

    fn compare(&self, reference: &Sample, current: &Sample) -> Result<Score> {
        Ok(psi(reference, current, &self.options)?.into_score(reference, current))
    }
}

impl PsiResult {
    fn into_score(self, reference: &Sample, current: &Sample) -> Score {
        Score {
            statistic: self.psi,
            pvalue: self.pvalue,
            effect: Effect::new("PSI", self.psi_corrected.max(0.0)),
            reference_len: reference.len(),
            current_len: current.len(),
            notes: self.notes,
        }
    }
}

const OPERATION: &str = "compare with psi";

/// A reference whose bins are chosen and counted.
#[derive(Debug)]
struct CompiledPsi {
    reference: Counted,
    sample: Sample,
}

#[derive(Debug)]
enum Counted {
    Numeric { bins: Bins, counts: Vec<u64>, notes: Vec<Note> },
    Categorical(Categories),
}

impl CompiledPsi {
    fn new(reference: &Sample, options: &PsiOptions) -> Result<Self> {
        let counted = match reference.values() {
            None => Counted::Categorical(reference.counted().into_owned()),
            Some(values) => {
                let (bins, counts) = match options.recipe {
                    PsiRecipe::Uniform => {
                        let bins = Bins::uniform(reference.range(), options.bins);
                        let counts = bins.count(values);
                        (bins, counts)
                    }
                    _ => Bins::quantile(values, reference.range(), options.bins),
                };
                let notes = bins.point_masses(&counts, values.len());
                Counted::Numeric { bins, counts, notes }
            }
        };
        // Only the number of values is still needed, not the values.
        let sample = Sample::from_categories(Categories::with_overflow([("", reference.len())], 0), 0);
        Ok(Self { reference: counted, sample })
    }

    fn psi(&self, current: &Sample) -> Result<PsiResult> {
        current.require_values(OPERATION, "current")?;
        match &self.reference {
            Counted::Numeric { bins, counts, notes } => {
                let values = current.require_numbers(OPERATION, "current")?;
                let mut result = smoothed(counts, &bins.count(values));
                result.edges = bins.edges();
                result.notes =
                    notes.iter().cloned().chain(bins.out_of_range(values, current.range())).collect();
                Ok(result)
            }
            Counted::Categorical(reference) => {
                current.require_kind(OPERATION, Kind::Categorical)?;
                let counted = current.counted();
                let rows = reference.union(&counted);
                let (mut x, mut y): (Vec<u64>, Vec<u64>) = rows.iter().map(|(_, a, b)| (*a, *b)).unzip();
                let mut categories: Vec<String> = rows.iter().map(|(name, ..)| (*name).to_owned()).collect();
                if reference.overflow() + counted.overflow() > 0 {
                    x.push(reference.overflow());
                    y.push(counted.overflow());
                    categories.push("(all others)".to_owned());
                }
                Ok(PsiResult { categories, ..smoothed(&x, &y) })
            }
        }
    }
}

impl CompiledTest for CompiledPsi {
    fn compare(&self, current: &Sample) -> Result<Score> {
        Ok(self.psi(current)?.into_score(&self.sample, current))
    }
}

/// The index of two rows of counts, half a count added where either has one.
fn smoothed(reference: &[u64], current: &[u64]) -> PsiResult {
    let (n, m) = (reference.iter().sum::<u64>() as f64, current.iter().sum::<u64>() as f64);
    let reached = || reference.iter().zip(current).filter(|(a, b)| **a + **b > 0);
    let bins = reached().count() as f64;
    let (n_smoothed, m_smoothed) = (n + HALF * bins, m + HALF * bins);
    let psi: f64 =
        reached().map(|(a, b)| term((*a as f64 + HALF) / n_smoothed, (*b as f64 + HALF) / m_smoothed)).sum();
    let degrees_of_freedom = (bins - 1.0).max(0.0);
    let statistic = n * m / (n + m) * psi;
    let pvalue = if degrees_of_freedom == 0.0 { 1.0 } else { chi2::sf(statistic, degrees_of_freedom) };
    PsiResult {
        psi,
        psi_corrected: psi - degrees_of_freedom * (1.0 / n + 1.0 / m),
        pvalue: Some(pvalue),
        degrees_of_freedom: degrees_of_freedom as usize,
        edges: Vec::new(),
        categories: Vec::new(),
        reference_share: reference.iter().map(|a| *a as f64 / n).collect(),
        current_share: current.iter().map(|b| *b as f64 / m).collect(),
        notes: Vec::new(),
    }
}

/// The pseudo-count of Jeffreys' prior for a multinomial distribution.
const HALF: f64 = 0.5;

fn term(p: f64, q: f64) -> f64 {
    (p - q) * (p / q).ln()
}
