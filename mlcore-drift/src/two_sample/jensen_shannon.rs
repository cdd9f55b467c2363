//! The Jensen-Shannon distance of two histograms, or its square, as a drift test.

use mlcore::stats::jensenshannon_part;
use mlcore::{Error, Result, interrupt};
use serde::{Deserialize, Serialize};

use super::quadratic::Quadratic;
use super::{CompiledTest, DriftTest, Effect, Needs, Score};
use crate::bins::{BinCounts, BinnedReference, Binning, Recipe};
use crate::catalog::TestOptions;
use crate::sample::{Kind, Sample};

/// Jensen and Shannon's distance of the shares per bin or category: how far both lie from the distribution halfway between.
///
/// With `m = (p + q) / 2` the divergence is `JS = sum(p ln(p / m) + q ln(q / m)) / 2`. **Two conventions** are in use, and the
/// numbers of one are the squares of the other's: [`JensenShannonMeasure::Distance`] is `sqrt(JS)`, as scipy, Evidently and
/// NannyML have it; [`JensenShannonMeasure::Divergence`] is `JS`, as papers and Spark's users have it. The
/// [base](Self::with_base) of the logarithm is the second choice: of disjoint shares the distance is `sqrt(ln 2)` with the
/// natural logarithm (scipy's default, and Evidently's) and 1 with base 2 (NannyML's). An empty bin needs no epsilon.
///
/// **Chance** alone gives a divergence of about `(bins - 1)(1/n + 1/m) / 8`: with 100 rows each and 10 bins a distance of 0.15,
/// beyond the usual threshold of 0.1. So the effect is what is left without it, and a p-value comes from `8 n m / (n + m) JS`,
/// which is chi-square distributed with `bins - 1` degrees of freedom if nothing changed; for it half a count is added to every
/// bin that either sample reaches. Where categories are rare (fewer than five rows expected) both are those of exchanging rows
/// between the samples, at these counts.
///
/// [`Recipe::Evidently`] and [`Recipe::NannyMl`] give the numbers of these libraries, without a p-value: the distance is the
/// effect, with the natural logarithm in the first and base 2 in the second unless another base is asked for.
///
/// Sources: J. Lin, "Divergence measures based on the Shannon entropy" (1991); D. M. Endres and J. E. Schindelin, "A new metric
/// for probability distributions" (2003); evidently 0.7.23; nannyml 0.13.1.
///
/// ```
/// use mlcore_drift::Sample;
/// use mlcore_drift::two_sample::{DriftTest, JensenShannon};
///
/// let sample = |free: usize, pro: usize| Sample::categorical([vec!["free"; free], vec!["pro"; pro]].concat());
/// let score = JensenShannon::default().with_base(2.0).compare(&sample(500, 0), &sample(0, 300))?;
/// assert_eq!(score.statistic, 1.0);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JensenShannon {
    bins: usize,
    recipe: Recipe,
    missing_bin: bool,
    measure: JensenShannonMeasure,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<f64>,
}

/// Which of two numbers is called after Jensen and Shannon.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum JensenShannonMeasure {
    /// The root of the divergence, which is a metric: scipy, Evidently, NannyML.
    #[default]
    Distance,
    /// The divergence.
    Divergence,
}

mlcore::words! { JensenShannonMeasure, "measure": Distance = "distance", Divergence = "divergence" }

impl Default for JensenShannon {
    fn default() -> Self {
        Self::new(Binning::default())
    }
}

impl JensenShannon {
    /// The test with these bins.
    #[must_use]
    pub fn new(binning: Binning) -> Self {
        let Binning { bins, recipe, missing_bin, .. } = binning;
        Self { bins, recipe, missing_bin, measure: JensenShannonMeasure::default(), base: None }
    }

    /// Sets whether the number is the distance or the divergence.
    #[must_use]
    pub fn with_measure(mut self, measure: JensenShannonMeasure) -> Self {
        self.measure = measure;
        self
    }

    /// Sets the base of the logarithm, above 1; unless set it is that of the recipe's library, and `e` otherwise.
    #[must_use]
    pub fn with_base(mut self, base: f64) -> Self {
        self.base = Some(base);
        self
    }

    /// What natural logarithms are divided by.
    fn scale(&self) -> Result<f64> {
        match (self.base, self.recipe) {
            (Some(base), _) if base > 1.0 && base.is_finite() => Ok(base.ln()),
            (Some(base), _) => {
                Err(Error::invalid_input(OPERATION, "base", format!("{base} is no number above 1"))
                    .remedy("use 2 for bits, and leave it out for the natural logarithm"))
            }
            (None, Recipe::NannyMl) => Ok(std::f64::consts::LN_2),
            (None, Recipe::Quantile | Recipe::Uniform | Recipe::Evidently | Recipe::Frouros) => Ok(1.0),
        }
    }
}

impl DriftTest for JensenShannon {
    fn name(&self) -> &str {
        "jensen_shannon"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "JS (Jensen-Shannon): how far the shares per bin lie from the distribution halfway between, 0 for equal ones; as a distance \
         two even halves that move to 55:45 give 0.035."
    }

    fn applies_to(&self, _kind: Kind) -> bool {
        true
    }

    /// 0.1: the threshold of Evidently and NannyML, a shift by about 0.3 standard deviations; its square of a divergence.
    fn default_minimum_effect(&self) -> f64 {
        match self.measure {
            JensenShannonMeasure::Distance => 0.1,
            JensenShannonMeasure::Divergence => 0.01,
        }
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        if self.recipe == Recipe::Frouros {
            let problem =
                "frouros smooths two histograms of different bins here, which no other library does";
            return Err(Error::invalid_input(OPERATION, "recipe", problem)
                .remedy("use one of quantile, uniform, evidently, nannyml"));
        }
        let binning = Binning::default()
            .with_bins(self.bins)
            .with_recipe(self.recipe)
            .with_missing_bin(self.missing_bin);
        let bins = BinnedReference::new(OPERATION, reference, &binning)?;
        Ok(Box::new(Compiled {
            bins,
            is_sound: binning.is_ours(),
            measure: self.measure,
            scale: self.scale()?,
        }))
    }
}

#[derive(Debug)]
struct Compiled {
    bins: BinnedReference,
    is_sound: bool,
    measure: JensenShannonMeasure,
    /// What natural logarithms are divided by.
    scale: f64,
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        let counts = self.bins.count(current)?;
        interrupt::check(OPERATION)?;
        let divergence = DIVERGENCE.of(&counts.shares());
        let score = if self.is_sound {
            let effect = (divergence - DIVERGENCE.by_chance(&counts, false)).max(0.0);
            DIVERGENCE.with_pvalues(self.score(divergence, effect), &counts)
        } else {
            self.score(divergence, divergence)
        };
        interrupt::check(OPERATION)?;
        let BinCounts { reference_len, current_len, notes, .. } = counts;
        Ok(score.with_reference_len(reference_len).with_current_len(current_len).with_notes(notes))
    }

    fn needs(&self) -> Needs {
        self.bins.needs()
    }
}

impl Compiled {
    /// The score of divergences in natural logarithms.
    fn score(&self, statistic: f64, effect: f64) -> Score {
        let [statistic, effect] = [statistic, effect].map(|divergence| divergence / self.scale);
        match self.measure {
            JensenShannonMeasure::Distance => {
                Score::new(statistic.sqrt(), Effect::new("JS distance", effect.sqrt()))
            }
            JensenShannonMeasure::Divergence => Score::new(statistic, Effect::new("JS divergence", effect)),
        }
    }
}

const OPERATION: &str = "compare with jensen_shannon";
const DIVERGENCE: Quadratic = Quadratic { part: |(p, q)| jensenshannon_part(p, q), scale: 8.0 };
