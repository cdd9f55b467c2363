//! The G-test of two samples of a category.

use mlcore::stats::Lambda;

use super::crossed::crossed_test;

crossed_test! {
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
    pub struct GTest {
        name: "g_test",
        operation: "compare with g_test",
        lambda: Lambda::LOG_LIKELIHOOD,
        legend: "Cramer's V (G-test): 0 for equal shares, 1 for disjoint categories; two even halves that move to 55:45 give \
                 0.05.",
    }
}
