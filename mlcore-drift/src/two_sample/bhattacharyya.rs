//! The Bhattacharyya distance of two histograms as a drift test.

use mlcore::{Result, interrupt};
use serde::{Deserialize, Serialize};

use super::quadratic::Quadratic;
use super::{CompiledTest, DriftTest, Effect, Needs, Score};
use crate::bins::{BinCounts, BinnedReference, Binning};
use crate::catalog::TestOptions;
use crate::sample::{Kind, Sample};

/// The Bhattacharyya distance `B = 1 - sum(sqrt(p q))` of the shares per bin or category: 0 for equal shares, 1 for disjoint ones.
///
/// It is frouros' number of this name, and the square of the [Hellinger](super::Hellinger) distance; what textbooks call so is
/// `-ln(1 - B)`, which is infinite for disjoint shares. Here it is added up from differences, `sum((sqrt p - sqrt q)^2) / 2`, so
/// that nothing is lost where shares are nearly equal (frouros answers 1e-16 or -1e-16 for equal ones).
///
/// **Chance** alone gives about `(bins - 1)(1/n + 1/m) / 8`: the effect is what is left without it, and the p-value is Hellinger's.
/// [`Recipe::Frouros`](crate::bins::Recipe::Frouros) gives frouros' number, without a p-value, in its bins; those of Evidently and
/// NannyML do the same in theirs.
///
/// Sources: A. Bhattacharyya, "On a measure of divergence between two multinomial populations" (1946); frouros 0.9.0.
///
/// ```
/// use mlcore_drift::Sample;
/// use mlcore_drift::two_sample::{Bhattacharyya, DriftTest};
///
/// let sample = |free: usize, pro: usize| Sample::categorical([vec!["free"; free], vec!["pro"; pro]].concat());
/// let score = Bhattacharyya::default().compare(&sample(500, 500), &sample(900, 100))?;
/// assert!((score.statistic - 0.105_572_809_000_084_1).abs() < 1e-15);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bhattacharyya {
    binning: Binning,
}

impl Bhattacharyya {
    /// The test with these bins.
    #[must_use]
    pub fn new(binning: Binning) -> Self {
        Self { binning }
    }
}

impl DriftTest for Bhattacharyya {
    fn name(&self) -> &str {
        "bhattacharyya"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "B (Bhattacharyya): the square of the Hellinger distance of the shares per bin, 0 for equal ones, 1 for disjoint ones; two \
         even halves that move to 55:45 give 0.0013."
    }

    fn applies_to(&self, _kind: Kind) -> bool {
        true
    }

    /// 0.01: the square of Hellinger's 0.1, because frouros has no threshold.
    fn default_minimum_effect(&self) -> f64 {
        0.01
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
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
        let distance = DISTANCE.of(&counts.shares());
        let score = if self.is_sound {
            let effect = (distance - DISTANCE.by_chance(&counts, false)).max(0.0);
            DISTANCE.with_pvalues(Score::new(distance, Effect::new("B", effect)), &counts)
        } else {
            Score::new(distance, Effect::new("B", distance))
        };
        interrupt::check(OPERATION)?;
        let BinCounts { reference_len, current_len, notes, .. } = counts;
        Ok(score.with_reference_len(reference_len).with_current_len(current_len).with_notes(notes))
    }

    fn needs(&self) -> Needs {
        self.bins.needs()
    }
}

const OPERATION: &str = "compare with bhattacharyya";
const DISTANCE: Quadratic = Quadratic { part: |(p, q)| (p.sqrt() - q.sqrt()).powi(2) / 2.0, scale: 8.0 };
