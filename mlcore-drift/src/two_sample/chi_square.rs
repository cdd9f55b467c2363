//! Pearson's chi-square test of two samples of a category.

use mlcore::Result;
use mlcore::stats::{Chi2Options, chi2_two_sample};
use serde::{Deserialize, Serialize};

use super::{CompiledTest, DriftTest, Effect, Note, Score};
use crate::catalog::TestOptions;
use crate::sample::{Categories, Kind, Sample};

/// Pearson's chi-square test of the table of categories by sample: `scipy.stats.chi2_contingency` without continuity
/// correction.
///
/// The two samples may have different totals and different categories: a category that only one of them has is a row
/// with a zero, and is reported ([`Note::NewCategories`], [`Note::VanishedCategories`]). Numbers are compared as
/// categories by value.
///
/// **Rare categories.** The chi-square distribution does not hold where few rows are expected: for 50 Zipf-distributed
/// categories and 100 rows, a nominal 5 % alarms in 12.6 % of cases. So categories of which either sample should have
/// fewer than [`pool_below`](Self::with_pool_below) rows (default 5, Cochran's rule) are counted together, and
/// [`Note::PooledCategories`] says how many they were. New and vanished categories are reported even when they are
/// pooled; a column of ids, where every category is rare, has nothing left to test and scores 0 with p-value 1.
///
/// **High cardinality.** At most [`max_categories`](Self::with_max_categories) (default 1,000, the most frequent of both
/// samples together) are kept apart; the rest is pooled like rare ones.
///
/// **Effect size.** Cramer's V of the table with both samples weighted equally,
/// `V = sqrt(sum((p - q)^2 / (p + q)) / 2)`: 0 for equal shares, 1 for disjoint categories. It equals the V of the table
/// where the totals are equal; the plain V shrinks as one sample outgrows the other, and would make the threshold of a
/// monitor depend on the size of its window. Two even halves that move to 55:45 give 0.05.
///
/// Sources: scipy 1.17.1; W. G. Cochran, "Some Methods for Strengthening the Common chi^2 Tests" (1954); H. Cramer,
/// "Mathematical Methods of Statistics" (1946), 21.9.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChiSquare {
    pool_below: f64,
    max_categories: usize,
}

impl Default for ChiSquare {
    fn default() -> Self {
        Self { pool_below: 5.0, max_categories: 1000 }
    }
}

impl ChiSquare {
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

    fn score(&self, reference: &Categories, current: &Categories) -> Result<Score> {
        let (n, m) = (reference.total(), current.total());
        let rows = reference.union(current);
        let table = Table::of(&rows, (reference, current), self);
        let (statistic, pvalue) = match table.rows.len() {
            0 | 1 => (0.0, 1.0),
            _ => {
                let (x, y): (Vec<u64>, Vec<u64>) = table.rows.iter().copied().unzip();
                let result = chi2_two_sample(&x, &y, &Chi2Options::default().with_correction(false))?;
                (result.statistic, result.pvalue)
            }
        };
        let mut notes = Vec::new();
        let only = |new: bool| -> Vec<(&str, u64)> {
            let one_sided = rows.iter().filter(|(_, a, b)| if new { *a == 0 } else { *b == 0 });
            one_sided.map(|(name, a, b)| (*name, a + b)).collect()
        };
        let (new, vanished) = (only(true), only(false));
        if !new.is_empty() {
            let (count, share, examples) = Note::examples(&new, current.overflow(), m);
            notes.push(Note::NewCategories { count, share, examples });
        }
        if !vanished.is_empty() {
            let (count, share, examples) = Note::examples(&vanished, reference.overflow(), n);
            notes.push(Note::VanishedCategories { count, share, examples });
        }
        if table.pooled > 0 {
            notes.push(Note::PooledCategories { count: table.pooled, expected_below: self.pool_below });
        }
        Ok(Score {
            statistic,
            pvalue: Some(pvalue),
            effect: Effect::new("Cramer's V", table.cramers_v(n as f64, m as f64)),
            reference_len: n,
            current_len: m,
            notes,
        })
    }
}

impl DriftTest for ChiSquare {
    fn name(&self) -> &str {
        "chi_square"
    }

    fn options(&self) -> Result<TestOptions> {
        TestOptions::of(self)
    }

    fn legend(&self) -> &str {
        "Cramer's V (chi-square): 0 for equal shares, 1 for disjoint categories; two even halves that move to 55:45 give 0.05."
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
    test: ChiSquare,
    kind: Kind,
    counts: Categories,
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        let counted = current.require_counts(OPERATION, "current")?;
        current.require_kind(OPERATION, self.kind)?;
        self.test.score(&self.counts, &counted)
    }
}

const OPERATION: &str = "compare with chi_square";

/// The table that is tested: counts in the reference and in the current sample, a row per category and one for the pool.
struct Table {
    rows: Vec<(u64, u64)>,
    pooled: u64,
}

impl Table {
    /// Which categories are pooled depends on their counts in both samples together and on nothing else. Under the null
    /// hypothesis these say nothing about the difference; choosing by one sample would make chance look like drift
    /// (the categories that are frequent in one sample are, on average, less so in the next).
    fn of(
        union: &[(&str, u64, u64)],
        (reference, current): (&Categories, &Categories),
        test: &ChiSquare,
    ) -> Self {
        let (n, m) = (reference.total() as f64, current.total() as f64);
        let smaller_share = n.min(m) / (n + m);
        let is_rare = |(a, b): (u64, u64)| (a + b) as f64 * smaller_share < test.pool_below;
        let most_frequent = least_kept(union, test.max_categories);
        let mut table = Self { rows: Vec::with_capacity(union.len()), pooled: 0 };
        let mut pool = (reference.overflow(), current.overflow());
        for &(_, a, b) in union {
            if a + b >= most_frequent && !is_rare((a, b)) {
                table.rows.push((a, b));
            } else {
                pool = (pool.0 + a, pool.1 + b);
                table.pooled += 1;
            }
        }
        if pool == (0, 0) {
            return table;
        }
        match table.rows.iter_mut().min_by_key(|row| row.0 + row.1) {
            // Too rare even together: the rarest category that stands alone takes them in.
            Some(rarest) if is_rare(pool) => *rarest = (rarest.0 + pool.0, rarest.1 + pool.1),
            _ => table.rows.push(pool),
        }
        table
    }

    fn cramers_v(&self, n: f64, m: f64) -> f64 {
        let sum: f64 = self
            .rows
            .iter()
            .map(|&(a, b)| {
                let (p, q) = (a as f64 / n, b as f64 / m);
                (p - q) * (p - q) / (p + q)
            })
            .sum();
        (sum / 2.0).sqrt().min(1.0)
    }
}

/// The count, both samples together, that a category needs to be among the `most` most frequent; equal ones stay
/// together, so that at most `most` categories reach it.
fn least_kept(union: &[(&str, u64, u64)], most: usize) -> u64 {
    if union.len() <= most {
        return 0;
    }
    let mut counts: Vec<u64> = union.iter().map(|(_, a, b)| a + b).collect();
    let (_, first_left_out, _) = counts.select_nth_unstable_by(most, |a, b| b.cmp(a));
    *first_left_out + 1
}
