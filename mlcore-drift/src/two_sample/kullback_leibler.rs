//! The Kullback-Leibler divergence of two histograms as a drift test.

use mlcore::{Error, Result, interrupt};
use serde::{Deserialize, Serialize};

use super::quadratic::Quadratic;
use super::{CompiledTest, DriftTest, Effect, Needs, Score};
use crate::bins::{BinCounts, BinnedReference, Binning, Recipe, Shares};
use crate::catalog::TestOptions;
use crate::sample::{Kind, Sample};

/// The Kullback-Leibler divergence `KL = sum(p ln(p / q))` of the reference's shares `p` from the current ones `q`: what it costs,
/// in nats a row, to expect the current distribution where the reference holds. It has a direction, and 0 says that both are
/// equal.
///
/// **An empty bin** makes it infinite, and lifting zeros to some epsilon makes the answer depend on the epsilon. Here half a
/// count is added to every bin that either sample reaches (Jeffreys' prior). **Chance** alone gives about
/// `(bins - 1)(1/n + 1/m) / 2`: with 100 rows each and 10 bins 0.09, next to the usual threshold of 0.1. So the effect is what is
/// left without it, and a p-value comes from `2 n m / (n + m) KL`, which is chi-square distributed with `bins - 1` degrees of
/// freedom if nothing changed; where categories are rare both are those of exchanging rows between the samples.
///
/// [`Recipe::Evidently`] gives the number of Evidently's `kl_div`, zeros lifted as it does, without a p-value. NannyML has no such
/// divergence, and frouros' is infinite where a bin is empty: their recipes are refused.
///
/// Sources: S. Kullback and R. A. Leibler, "On information and sufficiency" (1951); evidently 0.7.23.
///
/// ```
/// use mlcore_drift::Sample;
/// use mlcore_drift::two_sample::{DriftTest, KullbackLeibler};
///
/// let reference = Sample::from_numbers((0..1000).map(f64::from).collect());
/// let current = Sample::from_numbers((0..1000).map(|i| f64::from(i) + 300.0).collect());
/// let score = KullbackLeibler::default().compare(&reference, &current)?;
/// assert!(score.effect.value > 0.1 && score.pvalue.unwrap() < 1e-9);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KullbackLeibler {
    binning: Binning,
}

impl KullbackLeibler {
    /// The test with these bins.
    #[must_use]
    pub fn new(binning: Binning) -> Self {
        Self { binning }
    }
}

impl DriftTest for KullbackLeibler {
    fn name(&self) -> &str {
        "kullback_leibler"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "KL (Kullback-Leibler): the divergence of the reference's shares per bin from the current ones in nats, 0 for equal ones; \
         two even halves that move to 55:45 give 0.005."
    }

    fn applies_to(&self, _kind: Kind) -> bool {
        true
    }

    /// 0.1: the threshold of Evidently, a shift by nearly half a standard deviation.
    fn default_minimum_effect(&self) -> f64 {
        0.1
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        let refuse = |problem: &str| {
            Err(Error::invalid_input(OPERATION, "recipe", problem)
                .remedy("use one of quantile, uniform, evidently"))
        };
        match self.binning.recipe {
            Recipe::Quantile | Recipe::Uniform | Recipe::Evidently => {}
            Recipe::NannyMl => return refuse("NannyML has no Kullback-Leibler divergence"),
            Recipe::Frouros => return refuse("the divergence of frouros is infinite where a bin is empty"),
        }
        let bins = BinnedReference::new(OPERATION, reference, &self.binning)?;
        Ok(Box::new(Compiled { bins, is_sound: self.binning.is_ours() }))
    }
}

#[derive(Debug)]
struct Compiled {
    bins: BinnedReference,
    is_sound: bool,
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        let counts = self.bins.count(current)?;
        interrupt::check(OPERATION)?;
        let score = if self.is_sound {
            let divergence = DIVERGENCE.of(&counts.smoothed_shares()).max(0.0);
            let effect = (divergence - DIVERGENCE.by_chance(&counts, true)).max(0.0);
            DIVERGENCE.with_pvalues(Score::new(divergence, Effect::new("KL", effect)), &counts)
        } else {
            lifted(&counts)
        };
        interrupt::check(OPERATION)?;
        let BinCounts { reference_len, current_len, notes, .. } = counts;
        Ok(score.with_reference_len(reference_len).with_current_len(current_len).with_notes(notes))
    }

    fn needs(&self) -> Needs {
        self.bins.needs()
    }
}

/// Zeros lifted, and shares that add up to more than 1 then divided by their sum.
fn lifted(counts: &BinCounts) -> Score {
    let (Shares { mut reference, mut current, .. }, note) = counts.lifted_shares();
    for shares in [&mut reference, &mut current] {
        let total: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= total);
    }
    let pairs = reference.iter().copied().zip(current.iter().copied());
    // Rounding leaves something of equal shares.
    let divergence = pairs.map(part).sum::<f64>().max(0.0);
    Score::new(divergence, Effect::new("KL", divergence)).with_notes(note)
}

fn part((p, q): (f64, f64)) -> f64 {
    if p == 0.0 { 0.0 } else { p * (p / q).ln() }
}

const OPERATION: &str = "compare with kullback_leibler";
const DIVERGENCE: Quadratic = Quadratic { part, scale: 2.0 };
