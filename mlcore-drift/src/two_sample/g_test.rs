//! The G-test of two samples of a category.

use mlcore::Result;
use mlcore::stats::Lambda;
use serde::{Deserialize, Serialize};

use super::crossed::Crossed;
use super::{CompiledTest, DriftTest, Needs, Score};
use crate::catalog::TestOptions;
use crate::sample::{Categories, Kind, Sample};

/// The G-test of the table of categories by sample: `scipy.stats.chi2_contingency(table, correction=False,
/// lambda_="log-likelihood")`, twice the logarithm of how much likelier the data are if the two distributions differ.
///
/// It is [chi-square](super::ChiSquare) with another statistic, whose chi-square distribution it shares: categories of which fewer
/// than [`pool_below`](Self::with_pool_below) rows are expected (default 5) are pooled and compared by what chance makes of them,
/// at most [`max_categories`](Self::with_max_categories) are kept apart, and the effect is Cramer's V with both samples weighted
/// equally.
///
/// **Against an exact reference.** Evidently's `g_test` takes the reference's counts as if they were expected exactly, which alarms
/// too often by far, and refuses samples of different sizes. [`with_goodness_of_fit`](Self::with_goodness_of_fit) gives its p-value
/// for equal sizes, and scales the expected counts where sizes differ, as Evidently's chi-square does.
///
/// Sources: scipy 1.17.1; evidently 0.7.23; R. R. Sokal and F. J. Rohlf, "Biometry" (1981), 17.
///
/// ```
/// use mlcore_drift::Sample;
/// use mlcore_drift::two_sample::{DriftTest, GTest};
///
/// let sample = |free: usize, pro: usize| Sample::categorical([vec!["free"; free], vec!["pro"; pro]].concat());
/// let score = GTest::default().compare(&sample(500, 500), &sample(550, 450))?;
/// assert!((score.statistic - 5.014_648_3).abs() < 1e-6 && score.pvalue.unwrap() < 0.05);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GTest {
    pool_below: f64,
    max_categories: usize,
    goodness_of_fit: bool,
}

impl Default for GTest {
    fn default() -> Self {
        Self { pool_below: 5.0, max_categories: 1000, goodness_of_fit: false }
    }
}

impl GTest {
    /// Pools categories of which either sample should have fewer rows than this; 0 pools none, as scipy.
    #[must_use]
    pub fn with_pool_below(mut self, expected: f64) -> Self {
        self.pool_below = expected;
        self
    }

    /// Keeps at most this many categories apart.
    #[must_use]
    pub fn with_max_categories(mut self, most: usize) -> Self {
        self.max_categories = most;
        self
    }

    /// Sets whether the reference's shares are taken as exact, as Evidently does.
    #[must_use]
    pub fn with_goodness_of_fit(mut self, exact_reference: bool) -> Self {
        self.goodness_of_fit = exact_reference;
        self
    }

    fn crossed(self) -> Crossed {
        Crossed {
            operation: OPERATION,
            lambda: Lambda::LOG_LIKELIHOOD,
            pool_below: self.pool_below,
            max_categories: self.max_categories,
            goodness_of_fit: self.goodness_of_fit,
        }
    }
}

impl DriftTest for GTest {
    fn name(&self) -> &str {
        "g_test"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "Cramer's V (G-test): 0 for equal shares, 1 for disjoint categories; two even halves that move to 55:45 give 0.05."
    }

    fn applies_to(&self, _kind: Kind) -> bool {
        true
    }

    /// 0.05: an even split that moves to 55:45.
    fn default_minimum_effect(&self) -> f64 {
        0.05
    }

    fn compile(&self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        let counts = reference.require_counts(OPERATION, "reference")?.into_owned();
        Ok(Box::new(Compiled { test: *self, kind: reference.kind(), counts }))
    }
}

#[derive(Debug)]
struct Compiled {
    test: GTest,
    kind: Kind,
    counts: Categories,
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        let counted = current.require_counts(OPERATION, "current")?;
        current.require_kind(OPERATION, self.kind)?;
        self.test.crossed().score(&self.counts, &counted)
    }

    fn needs(&self) -> Needs {
        Needs::Counts
    }
}

const OPERATION: &str = "compare with g_test";
