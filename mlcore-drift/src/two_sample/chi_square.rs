//! Pearson's chi-square test of two samples of a category.

use mlcore::stats::{Chi2Options, chi2_two_sample};
use mlcore::{Result, interrupt};
use serde::{Deserialize, Serialize};

use super::chance::{Chance, replaced, totals};
use super::{CompiledTest, DriftTest, Effect, Needs, Note, Score};
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
/// fewer than [`pool_below`](Self::with_pool_below) rows (default 5, Cochran's rule) are one row of the table together,
/// and [`Note::PooledCategories`] says how many they were. Among themselves they are compared by the same statistic, and by
/// how many of them only one sample has; the distribution of both is what chance gives at these counts, rows of both samples
/// being exchanged, which holds at any cardinality. The p-value is three times the smallest of the three comparisons
/// (Bonferroni). The statistic is scipy's, nothing pooled.
///
/// **Values that never repeat.** Of ids every sample has its own, changed or not. Where not even the replacement of all
/// values could be told from chance, [`Score::replaced_pvalue`] is large, and a monitor gives no judgement.
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
/// Sources: scipy 1.17.1; W. G. Cochran, "Some Methods for Strengthening the Common chi^2 Tests" (1954); H. Cramer,
/// "Mathematical Methods of Statistics" (1946), 21.9; for rare categories T. Lewis, I. W. Saunders and M. Westcott,
/// Biometrika 71 (1984), and for V beyond chance W. Bergsma, "A bias-correction for Cramer's V" (2013).
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
        interrupt::check(OPERATION)?;
        let counts: Vec<(u64, u64)> = rows.iter().map(|(_, a, b)| (*a, *b)).collect();
        let overflow = (reference.overflow(), current.overflow());
        let table = Table::of(&counts, overflow, self);
        let pvalue = table.pvalue()?;
        interrupt::check(OPERATION)?;
        let replaced_pvalue = Table::of(&replaced(&counts), overflow, self).pvalue()?;
        interrupt::check(OPERATION)?;
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
        if !table.pool.is_empty() {
            let count = table.pool.len() as u64;
            notes.push(Note::PooledCategories { count, expected_below: self.pool_below });
        }
        let score = Score::new(table.statistic()?, Effect::new("Cramer's V", table.cramers_v()));
        interrupt::check(OPERATION)?;
        Ok(score
            .with_pvalue(pvalue)
            .with_replaced_pvalue(replaced_pvalue)
            .with_reference_len(n)
            .with_current_len(m)
            .with_notes(notes))
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

    fn needs(&self) -> Needs {
        Needs::Counts
    }
}

const OPERATION: &str = "compare with chi_square";

/// The table that is tested: counts in the reference and in the current sample.
struct Table {
    /// A row per category that is kept apart, and one for all others.
    rows: Vec<(u64, u64)>,
    /// The categories that are one row together.
    pool: Vec<(u64, u64)>,
    /// The rows whose category a bounded counter did not keep.
    overflow: (u64, u64),
    /// All rows of either sample.
    total: (f64, f64),
}

impl Table {
    /// Which categories are pooled depends on their counts in both samples together and on nothing else. Under the null
    /// hypothesis these say nothing about the difference; choosing by one sample would make chance look like drift
    /// (the categories that are frequent in one sample are, on average, less so in the next).
    fn of(counts: &[(u64, u64)], overflow: (u64, u64), test: &ChiSquare) -> Self {
        let known = totals(counts);
        let (n, m) = ((known.0 + overflow.0) as f64, (known.1 + overflow.1) as f64);
        let smaller_share = n.min(m) / (n + m);
        let is_rare = |(a, b): (u64, u64)| (a + b) as f64 * smaller_share < test.pool_below;
        // A category that a full counter did not keep may be among the others.
        let is_unknown = |(a, b): (u64, u64)| (a == 0 && overflow.0 > 0) || (b == 0 && overflow.1 > 0);
        let most_frequent = least_kept(counts, test.max_categories);
        let (mut rows, pool): (Vec<_>, Vec<_>) = counts
            .iter()
            .partition(|pair| pair.0 + pair.1 >= most_frequent && !is_rare(**pair) && !is_unknown(**pair));
        let (a, b) = totals(&pool);
        let others = (a + overflow.0, b + overflow.1);
        if others != (0, 0) {
            match rows.iter_mut().min_by_key(|row| row.0 + row.1) {
                // Too rare even together: the rarest category that stands alone takes them in.
                Some(rarest) if is_rare(others) => *rarest = (rarest.0 + others.0, rarest.1 + others.1),
                _ => rows.push(others),
            }
        }
        Self { rows, pool, overflow, total: (n, m) }
    }

    /// The smallest p-value of the table and of the pooled categories among themselves, times their number.
    fn pvalue(&self) -> Result<f64> {
        let table = match self.rows.len() {
            0 | 1 => None,
            _ => {
                let (x, y): (Vec<u64>, Vec<u64>) = self.rows.iter().copied().unzip();
                Some(chi2_two_sample(&x, &y, &Chi2Options::default().with_correction(false))?.pvalue)
            }
        };
        let (a, b) = totals(&self.pool);
        let pvalues = [table, self.pool_pvalue(pearson(a as f64, b as f64)), self.pool_pvalue(one_sided)];
        let made: Vec<f64> = pvalues.into_iter().flatten().collect();
        let smallest = made.iter().copied().reduce(f64::min);
        Ok(smallest.map_or(1.0, |pvalue| (pvalue * made.len() as f64).min(1.0)))
    }

    /// The p-value of a sum over the pooled categories; `None` if chance could not have changed it.
    fn pool_pvalue(&self, term: impl Fn(f64, f64) -> f64) -> Option<f64> {
        let chance = self.chance(&term)?;
        let statistic = self.pool.iter().map(|(a, b)| term(*a as f64, *b as f64)).sum();
        (!chance.is_fixed()).then(|| chance.pvalue(statistic))
    }

    /// What chance makes of the pooled categories. Those that a bounded counter kept are no fair choice of all.
    fn chance(&self, term: impl Fn(f64, f64) -> f64) -> Option<Chance> {
        if self.overflow == (0, 0) { Chance::of(&self.pool, term) } else { None }
    }

    /// Pearson's statistic, nothing pooled.
    fn statistic(&self) -> Result<f64> {
        if self.rows.len() > 1 && self.pool.is_empty() {
            let (x, y): (Vec<u64>, Vec<u64>) = self.rows.iter().copied().unzip();
            return Ok(chi2_two_sample(&x, &y, &Chi2Options::default().with_correction(false))?.statistic);
        }
        let table: f64 = self.rows.iter().map(|row| self.pearson(*row)).sum();
        let pool: f64 = self.pool.iter().map(|row| self.pearson(*row)).sum();
        Ok((table + pool - self.pearson(totals(&self.pool))).max(0.0))
    }

    fn pearson(&self, (a, b): (u64, u64)) -> f64 {
        if a + b == 0 { 0.0 } else { pearson(self.total.0, self.total.1)(a as f64, b as f64) }
    }

    fn cramers_v(&self) -> f64 {
        let (n, m) = self.total;
        let term = |a: f64, b: f64| {
            let (p, q) = (a / n, b / m);
            if p + q == 0.0 { 0.0 } else { (p - q) * (p - q) / (p + q) }
        };
        let sum = |rows: &[(u64, u64)]| rows.iter().map(|(a, b)| term(*a as f64, *b as f64)).sum::<f64>();
        let (a, b) = totals(&self.pool);
        let (p, q) = (a as f64 / n, b as f64 / m);
        // What the pooled categories have in common enters with their row; what is left is all theirs if they are disjoint.
        let left = p + q - term(a as f64, b as f64);
        let mass = |a: f64, b: f64| one_sided(a, b) * (a / n + b / m);
        let beyond = self.beyond_chance(p + q, term).max(self.beyond_chance(p + q, mass));
        ((sum(&self.rows) + beyond * left) / 2.0).sqrt().min(1.0)
    }

    /// How far a sum over the pooled categories lies beyond what chance gives, as a share of the way to `most`.
    fn beyond_chance(&self, most: f64, term: impl Fn(f64, f64) -> f64) -> f64 {
        let Some(chance) = self.chance(&term) else { return 0.0 };
        let room = most - chance.mean();
        if room <= 1e-9 * most {
            return 0.0;
        }
        let found: f64 = self.pool.iter().map(|(a, b)| term(*a as f64, *b as f64)).sum();
        ((found - chance.mean()) / room).clamp(0.0, 1.0)
    }
}

/// Whether only one sample has the category.
fn one_sided(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 { 1.0 } else { 0.0 }
}

/// A category's part of Pearson's statistic of two samples of these sizes.
fn pearson(n: f64, m: f64) -> impl Fn(f64, f64) -> f64 {
    let share = m / (n + m);
    move |a, b| {
        let expected = (a + b) * share;
        (b - expected) * (b - expected) / (expected * (1.0 - share))
    }
}

/// The count, both samples together, that a category needs to be among the `most` most frequent; equal ones stay
/// together, so that at most `most` categories reach it.
fn least_kept(counts: &[(u64, u64)], most: usize) -> u64 {
    if counts.len() <= most {
        return 0;
    }
    let mut counts: Vec<u64> = counts.iter().map(|(a, b)| a + b).collect();
    let (_, first_left_out, _) = counts.select_nth_unstable_by(most, |a, b| b.cmp(a));
    *first_left_out + 1
}
