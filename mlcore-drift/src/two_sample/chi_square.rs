//! Pearson's chi-square test of two samples of a category.

use mlcore::stats::Lambda;

use super::crossed::crossed_test;

crossed_test! {
    /// Pearson's chi-square test of the table of categories by sample: `scipy.stats.chi2_contingency` without continuity
    /// correction.
    ///
    /// The two samples may have different totals and different categories: a category that only one of them has is a row
    /// with a zero, and is reported ([`Note::NewCategories`](super::Note::NewCategories), [`Note::VanishedCategories`](super::Note::VanishedCategories)). Numbers are compared as
    /// categories by value.
    ///
    /// **Rare categories.** The chi-square distribution does not hold where few rows are expected: for 50 Zipf-distributed
    /// categories and 100 rows, a nominal 5 % alarms in 12.6 % of cases. So categories of which either sample should have
    /// fewer than [`pool_below`](Self::with_pool_below) rows (default 5, Cochran's rule) are one row of the table together,
    /// and [`Note::PooledCategories`](super::Note::PooledCategories) says how many they were. Among themselves they are compared by the same statistic, and by
    /// how many of them only one sample has; the distribution of both is what chance gives at these counts, rows of both samples
    /// being exchanged, which holds at any cardinality. The p-value is three times the smallest of the three comparisons
    /// (Bonferroni). The statistic is scipy's, nothing pooled.
    ///
    /// **Values that never repeat.** Of ids every sample has its own, changed or not. Where not even the replacement of all
    /// values could be told from chance, [`Score::replaced_pvalue`](super::Score::replaced_pvalue) is large, and a monitor gives no judgement.
    ///
    /// **High cardinality.** At most [`max_categories`](Self::with_max_categories) (default 1,000, the most frequent of both
    /// samples together) are kept apart; the rest is pooled and compared like rare ones.
    ///
    /// **Effect size.** Cramer's V of the table with both samples weighted equally,
    /// `V = sqrt(sum((p - q)^2 / (p + q)) / 2)`: 0 for equal shares, 1 for disjoint categories. It equals the V of the table
    /// where the totals are equal; the plain V shrinks as one sample outgrows the other, and would make the threshold of a
    /// monitor depend on the size of its window. Two even halves that move to 55:45 give 0.05. Pooled categories enter with
    /// what they have beyond chance: two samples of ids differ in every category, by chance alone.
    ///
    /// **Against an exact reference.** Evidently's `chisquare` takes the reference's shares as if they were known exactly. Where both
    /// samples are equally large, a nominal 5 % then alarms falsely in 17 of 100 cases for two categories and in 49 for ten, and one
    /// row of a new category always does. [`with_goodness_of_fit`](Self::with_goodness_of_fit) does the same: nothing is pooled, and the
    /// p-value is that of `scipy.stats.chisquare`.
    ///
    /// Sources: scipy 1.17.1; evidently 0.7.23; W. G. Cochran, "Some Methods for Strengthening the Common chi^2 Tests" (1954); H. Cramer,
    /// "Mathematical Methods of Statistics" (1946), 21.9; for rare categories T. Lewis, I. W. Saunders and M. Westcott,
    /// Biometrika 71 (1984), and for V beyond chance W. Bergsma, "A bias-correction for Cramer's V" (2013).
    pub struct ChiSquare {
        name: "chi_square",
        operation: "compare with chi_square",
        lambda: Lambda::PEARSON,
        legend: "Cramer's V (chi-square): 0 for equal shares, 1 for disjoint categories; two even halves that move to 55:45 \
                 give 0.05.",
    }
}
