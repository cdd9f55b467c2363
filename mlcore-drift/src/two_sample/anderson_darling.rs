//! The Anderson-Darling test of two samples as a drift test.

use mlcore::Result;
use mlcore::stats::{
    AndersonMethod, AndersonOptions, AndersonVariant, PermutationOptions, SortedSample, anderson_ksamp_sorted,
};
use serde::{Deserialize, Serialize};

use super::ordered::Ordered;
use super::{CompiledTest, DriftTest, Effect, Score};
use crate::catalog::TestOptions;
use crate::sample::{Kind, Sample};

/// The squared difference of the two empirical distribution functions, which weighs more in the tails; the statistic is that
/// of `scipy.stats.anderson_ksamp`. It is Evidently's `anderson`.
///
/// **The p-value** of scipy, and so of Evidently, comes from a table that ends at 0.001: corrected for 50 columns it can
/// never be small enough for a verdict; and it knows nothing of ties, for which it is up to five times too small. By default the p-value
/// comes from the limiting distribution of two large samples, which has no end, moved to the variance that ties make;
/// [`AndersonMethod::Interpolate`] gives scipy's.
///
/// The effect size is the root of the mean of `(F - G)^2 / (H (1 - H))` over all observations, where `H` is the distribution
/// function of both samples together: differences of shares in units of their own standard deviation. It does not grow
/// with the samples; a shift of a normal column by `s` standard deviations gives about `0.7 s`. Evidently has a threshold of
/// 0.1 for the p-value alone.
///
/// Columns of which every value in both samples is the same have effect 0 and p-value 1, where scipy refuses.
///
/// Sources: scipy 1.17.1; evidently 0.7.23; F. W. Scholz and M. A. Stephens, "K-sample Anderson-Darling tests" (1987);
/// N. V. Smirnov (1936) for the limiting distribution.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AndersonDarling {
    /// Which of the statistics of Scholz and Stephens is taken. Default: the one for any data.
    pub variant: AndersonVariant,
    /// How the p-value is computed.
    pub method: AndersonMethod,
    /// How often rows are exchanged for [`AndersonMethod::Permutation`].
    pub n_resamples: usize,
    /// The seed of that.
    pub seed: u64,
}

impl Default for AndersonDarling {
    fn default() -> Self {
        let PermutationOptions { n_resamples, seed, .. } = PermutationOptions::default();
        Self { variant: AndersonVariant::default(), method: AndersonMethod::Asymptotic, n_resamples, seed }
    }
}

impl AndersonDarling {
    /// Sets which statistic is taken.
    #[must_use]
    pub fn with_variant(mut self, variant: AndersonVariant) -> Self {
        self.variant = variant;
        self
    }

    /// Sets how the p-value is computed.
    #[must_use]
    pub fn with_method(mut self, method: AndersonMethod) -> Self {
        self.method = method;
        self
    }

    /// Sets how often rows are exchanged.
    #[must_use]
    pub fn with_n_resamples(mut self, n_resamples: usize) -> Self {
        self.n_resamples = n_resamples;
        self
    }

    /// Sets the seed of the random numbers.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    fn permutations(&self) -> PermutationOptions {
        PermutationOptions::default().with_n_resamples(self.n_resamples).with_seed(self.seed)
    }
}

impl DriftTest for AndersonDarling {
    fn name(&self) -> &str {
        "anderson"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "Weighted root mean square of F - G (Anderson-Darling): shares of rows by which the two samples disagree about \
         \u{201c}how many are below x\u{201d}, in units of their own standard deviation."
    }

    fn applies_to(&self, kind: Kind) -> bool {
        kind == Kind::Numeric
    }

    /// 0.09: a shift of an eighth of a standard deviation.
    fn default_minimum_effect(&self) -> f64 {
        0.09
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        let options = AndersonOptions::default()
            .with_variant(self.variant)
            .with_method(self.method)
            .with_permutations(self.permutations());
        Ok(Box::new(Compiled { reference: Ordered::new(OPERATION, reference)?, options }))
    }
}

const OPERATION: &str = "compare with anderson";
const EFFECT: &str = "weighted root mean square of F - G";

#[derive(Debug)]
struct Compiled {
    reference: Ordered,
    options: AndersonOptions,
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        self.reference.compare(current, |x, y| {
            let (n, m) = (x.len() as f64, y.len() as f64);
            let score = if is_constant(x, y) {
                Score::new(0.0, Effect::new(EFFECT, 0.0)).with_pvalue(1.0)
            } else {
                let result = anderson_ksamp_sorted(&[x, y], &self.options)?;
                let effect = (result.criterion * (n + m) / (n * m)).sqrt();
                Score::new(result.statistic, Effect::new(EFFECT, effect)).with_pvalue(result.pvalue)
            };
            Ok(score.with_reference_len(x.len() as u64).with_current_len(y.len() as u64))
        })
    }
}

/// Whether all values of both samples are one.
fn is_constant(x: &SortedSample, y: &SortedSample) -> bool {
    let ends = |sample: &SortedSample| {
        sample.values().and_then(|sorted| sorted.first().copied().zip(sorted.last().copied()))
    };
    matches!((ends(x), ends(y)), (Some((a, b)), Some((c, d))) if a == b && c == d && a == c)
}
