//! The Hellinger distance of two histograms as a drift test.

use mlcore::{Result, interrupt};
use serde::{Deserialize, Serialize};

use super::quadratic::Quadratic;
use super::{CompiledTest, DriftTest, Effect, Needs, Score};
use crate::bins::{BinCounts, BinnedReference, Binning, Recipe};
use crate::catalog::TestOptions;
use crate::sample::{Kind, Sample};

/// The Hellinger distance `H = sqrt(sum((sqrt p - sqrt q)^2) / 2)` of the shares per bin or category: 0 for equal shares, 1
/// for disjoint ones. An empty bin needs no epsilon.
///
/// **Chance** alone gives `H^2` of about `(bins - 1)(1/n + 1/m) / 8`: with 100 rows each and 10 bins a distance of 0.15,
/// beyond the usual threshold of 0.1. So the effect is what is left of `H` without it, and a p-value comes from
/// `8 n m / (n + m) H^2`, which is chi-square distributed with `bins - 1` degrees of freedom if nothing changed; for it half
/// a count is added to every bin that either sample reaches. Where categories are rare (fewer than five rows expected) both
/// are those of exchanging rows between the samples, at these counts: the distribution does not hold at high cardinality.
///
/// [`Recipe::Evidently`], [`Recipe::NannyMl`] and [`Recipe::Frouros`] give the numbers of these libraries: the distance is the
/// effect, without a p-value. Evidently adds up `1 - sum(sqrt(p q))`, in single precision for a `float32` column, and overflows where bins
/// are narrower than 1e-154; here such columns have the distance that the formula means.
///
/// Sources: evidently 0.7.23; nannyml 0.13.1; frouros 0.9.0; E. Hellinger (1909); M. F. Freeman and J. W. Tukey, "Transformations related
/// to the angular and the square root" (1950).
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hellinger {
    binning: Binning,
}

impl Hellinger {
    /// The test with these bins.
    #[must_use]
    pub fn new(binning: Binning) -> Self {
        Self { binning }
    }
}

impl DriftTest for Hellinger {
    fn name(&self) -> &str {
        "hellinger"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "H (Hellinger): the distance of the shares per bin, 0 for equal ones, 1 for disjoint ones; two even halves that \
         move to 55:45 give 0.035."
    }

    fn applies_to(&self, _kind: Kind) -> bool {
        true
    }

    /// 0.1: the threshold of Evidently and NannyML, a shift by about 0.3 standard deviations.
    fn default_minimum_effect(&self) -> f64 {
        0.1
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        let binning = self.binning.with_distinct_values(true);
        let bins = BinnedReference::new("compare with hellinger", reference, &binning)?;
        Ok(Box::new(Compiled { bins, recipe: binning.recipe }))
    }
}

#[derive(Debug)]
struct Compiled {
    bins: BinnedReference,
    recipe: Recipe,
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        let counts = self.bins.count(current)?;
        interrupt::check("compare with hellinger")?;
        let score = match self.recipe {
            Recipe::Quantile | Recipe::Uniform => sound(&counts),
            Recipe::Evidently => bare((SQUARED.of(&counts.shares()) + unequal_widths(&counts)).max(0.0)),
            Recipe::NannyMl | Recipe::Frouros => bare(SQUARED.of(&counts.shares())),
        };
        interrupt::check("compare with hellinger")?;
        Ok(score
            .with_reference_len(counts.reference_len)
            .with_current_len(counts.current_len)
            .with_notes(counts.notes))
    }

    fn needs(&self) -> Needs {
        self.bins.needs()
    }
}

/// The distance as the libraries report it.
fn bare(squared: f64) -> Score {
    let distance = squared.sqrt();
    Score::new(distance, Effect::new("H", distance))
}

/// The distance, with a p-value and without what chance gives.
fn sound(counts: &BinCounts) -> Score {
    let observed = SQUARED.of(&counts.shares());
    let effect = (observed - SQUARED.by_chance(counts, false)).max(0.0).sqrt();
    SQUARED.with_pvalues(Score::new(observed.sqrt(), Effect::new("H", effect)), counts)
}

/// `H^2`, from differences, so that nothing is lost where shares are nearly equal.
const SQUARED: Quadratic = Quadratic { part, scale: 8.0 };

/// A bin's part of `H^2`.
fn part((p, q): (f64, f64)) -> f64 {
    (p.sqrt() - q.sqrt()).powi(2) / 2.0
}

/// Evidently divides each share by the width of its own bin and multiplies by the mean width: equal, but for rounding
/// where values are large and bins narrow. What that adds to `H^2`; nothing where the shares are equal.
fn unequal_widths(counts: &BinCounts) -> f64 {
    let shares = counts.shares();
    let (Some(first), Some(last)) = (counts.edges.first(), counts.edges.last()) else { return 0.0 };
    if shares.reference == shares.current {
        return 0.0;
    }
    let mean_width = (last - first) / (counts.edges.len() - 1) as f64;
    let widths = counts.edges.windows(2).map(|pair| pair[1] - pair[0]);
    shares.pairs().zip(widths).map(|((p, q), width)| (p * q).sqrt() * (1.0 - mean_width / width)).sum()
}
