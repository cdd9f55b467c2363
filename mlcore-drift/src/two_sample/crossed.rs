//! Tests of the table of categories by sample: Pearson's chi-square and the G-test.

use mlcore::stats::{Chi2Options, Lambda, PowerDivergenceOptions, chi2_two_sample, power_divergence};
use mlcore::{Error, Result, interrupt};

use super::chance::{Chance, replaced, totals};
use super::{CompiledTest, Effect, Needs, Note, Score};
use crate::sample::{Categories, Kind, Sample};

/// A test of the table of categories by sample: its struct, its options, and what it compiles to.
macro_rules! crossed_test {
    (
        $(#[$about:meta])*
        pub struct $test:ident {
            name: $name:literal,
            operation: $operation:literal,
            lambda: $lambda:expr,
            legend: $legend:literal,
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Debug, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $test {
            pool_below: f64,
            max_categories: usize,
            goodness_of_fit: bool,
        }

        impl Default for $test {
            fn default() -> Self {
                Self { pool_below: 5.0, max_categories: 1000, goodness_of_fit: false }
            }
        }

        impl $test {
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
        }

        impl $crate::two_sample::DriftTest for $test {
            fn name(&self) -> &str {
                $name
            }

            fn options(&self) -> ::mlcore::Result<$crate::catalog::TestOptions> {
                $crate::catalog::TestOptions::of(self)
            }

            fn legend(&self) -> &str {
                $legend
            }

            fn applies_to(&self, _kind: $crate::sample::Kind) -> bool {
                true
            }

            /// 0.05: an even split that moves to 55:45.
            fn default_minimum_effect(&self) -> f64 {
                0.05
            }

            fn compile(
                &self,
                reference: &$crate::sample::Sample,
            ) -> ::mlcore::Result<Box<dyn $crate::two_sample::CompiledTest>> {
                $crate::two_sample::crossed::Crossed {
                    operation: $operation,
                    lambda: $lambda,
                    pool_below: self.pool_below,
                    max_categories: self.max_categories,
                    goodness_of_fit: self.goodness_of_fit,
                }
                .compile(reference)
            }
        }
    };
}
pub(super) use crossed_test;

/// How categories are crossed with the samples, and by which statistic the table is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crossed {
    pub(super) operation: &'static str,
    /// [`Lambda::PEARSON`] or [`Lambda::LOG_LIKELIHOOD`].
    pub(super) lambda: Lambda,
    /// Categories of which either sample should have fewer rows are pooled.
    pub(super) pool_below: f64,
    /// At most so many categories are kept apart.
    pub(super) max_categories: usize,
    /// Whether the reference's shares are taken as exact.
    pub(super) goodness_of_fit: bool,
}

#[derive(Debug)]
struct Compiled {
    test: Crossed,
    kind: Kind,
    counts: Categories,
}

impl CompiledTest for Compiled {
    fn compare(&self, current: &Sample) -> Result<Score> {
        let counted = current.require_counts(self.test.operation, "current")?;
        current.require_kind(self.test.operation, self.kind)?;
        self.test.score(&self.counts, &counted)
    }

    fn needs(&self) -> Needs {
        Needs::Counts
    }
}

impl Crossed {
    /// The test of many current samples against `reference`.
    pub(super) fn compile(self, reference: &Sample) -> Result<Box<dyn CompiledTest>> {
        if !(0.0..=f64::MAX).contains(&self.pool_below) {
            let problem = format!("{} is no number of rows: 0 pools none", self.pool_below);
            return Err(
                Error::invalid_input(self.operation, "pool_below", problem).remedy("5 is the default")
            );
        }
        let counts = reference.require_counts(self.operation, "reference")?.into_owned();
        Ok(Box::new(Compiled { test: self, kind: reference.kind(), counts }))
    }

    /// The score of two samples that were counted.
    fn score(&self, reference: &Categories, current: &Categories) -> Result<Score> {
        if self.goodness_of_fit {
            return self.fit(reference, current);
        }
        let (n, m) = (reference.total(), current.total());
        let rows = reference.union(current);
        interrupt::check(self.operation)?;
        let counts: Vec<(u64, u64)> = rows.iter().map(|(_, a, b)| (*a, *b)).collect();
        let overflow = (reference.overflow(), current.overflow());
        let table = Table::of(&counts, overflow, self);
        let pvalue = table.pvalue()?;
        interrupt::check(self.operation)?;
        let replaced_pvalue = Table::of(&replaced(&counts), overflow, self).pvalue()?;
        interrupt::check(self.operation)?;
        let mut notes = one_sided_categories(&rows, reference, current);
        if !table.pool.is_empty() {
            let count = table.pool.len() as u64;
            notes.push(Note::PooledCategories { count, expected_below: self.pool_below });
        }
        let score = Score::new(table.statistic()?, Effect::new("Cramer's V", table.cramers_v()));
        interrupt::check(self.operation)?;
        Ok(score
            .with_pvalue(pvalue)
            .with_replaced_pvalue(replaced_pvalue)
            .with_reference_len(n)
            .with_current_len(m)
            .with_notes(notes))
    }

    /// The test of the current counts against the shares of the reference, which are taken as exact: nothing is pooled.
    fn fit(&self, reference: &Categories, current: &Categories) -> Result<Score> {
        let (n, m) = (reference.total(), current.total());
        let mut rows = reference.union(current);
        interrupt::check(self.operation)?;
        let notes = one_sided_categories(&rows, reference, current);
        if (reference.overflow(), current.overflow()) != (0, 0) {
            rows.push(("(all others)", reference.overflow(), current.overflow()));
        }
        let scale = m as f64 / n as f64;
        let (expected, observed): (Vec<f64>, Vec<f64>) =
            rows.iter().map(|(_, a, b)| (*a as f64 * scale, *b as f64)).unzip();
        let (statistic, pvalue) = if rows.len() < 2 {
            (0.0, 1.0)
        } else {
            let options = PowerDivergenceOptions::default().with_f_exp(&expected).with_lambda(self.lambda);
            let result = power_divergence(&observed, &options)?;
            // Of a category that the reference lacks; JSON has no infinity.
            (result.statistic.clamp(0.0, f64::MAX), result.pvalue)
        };
        let squares = rows.iter().map(|(_, a, b)| balanced(*a as f64 / n as f64, *b as f64 / m as f64));
        let cramers_v = (squares.sum::<f64>() / 2.0).sqrt().min(1.0);
        interrupt::check(self.operation)?;
        Ok(Score::new(statistic, Effect::new("Cramer's V", cramers_v))
            .with_pvalue(pvalue)
            .with_reference_len(n)
            .with_current_len(m)
            .with_notes(notes))
    }
}

/// The notes of the categories that only one sample has.
fn one_sided_categories(
    rows: &[(&str, u64, u64)],
    reference: &Categories,
    current: &Categories,
) -> Vec<Note> {
    let (n, m) = (reference.total(), current.total());
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
    notes
}

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
    lambda: Lambda,
}

impl Table {
    /// Which categories are pooled depends on their counts in both samples together and on nothing else. Under the null
    /// hypothesis these say nothing about the difference; choosing by one sample would make chance look like drift
    /// (the categories that are frequent in one sample are, on average, less so in the next).
    fn of(counts: &[(u64, u64)], overflow: (u64, u64), test: &Crossed) -> Self {
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
        Self { rows, pool, overflow, total: (n, m), lambda: test.lambda }
    }

    /// The smallest p-value of the table and of the pooled categories among themselves, times their number.
    fn pvalue(&self) -> Result<f64> {
        let table = match self.rows.len() {
            0 | 1 => None,
            _ => {
                let (x, y): (Vec<u64>, Vec<u64>) = self.rows.iter().copied().unzip();
                Some(chi2_two_sample(&x, &y, &self.options())?.pvalue)
            }
        };
        let (a, b) = totals(&self.pool);
        let part = part(self.lambda, a as f64, b as f64);
        let pvalues = [table, self.pool_pvalue(part), self.pool_pvalue(one_sided)];
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

    fn options(&self) -> Chi2Options {
        Chi2Options::default().with_correction(false).with_lambda(self.lambda)
    }

    /// The statistic, nothing pooled.
    fn statistic(&self) -> Result<f64> {
        if self.rows.len() > 1 && self.pool.is_empty() {
            let (x, y): (Vec<u64>, Vec<u64>) = self.rows.iter().copied().unzip();
            return Ok(chi2_two_sample(&x, &y, &self.options())?.statistic);
        }
        let table: f64 = self.rows.iter().map(|row| self.part(*row)).sum();
        let pool: f64 = self.pool.iter().map(|row| self.part(*row)).sum();
        Ok((table + pool - self.part(totals(&self.pool))).max(0.0))
    }

    fn part(&self, (a, b): (u64, u64)) -> f64 {
        if a + b == 0 { 0.0 } else { part(self.lambda, self.total.0, self.total.1)(a as f64, b as f64) }
    }

    fn cramers_v(&self) -> f64 {
        let (n, m) = self.total;
        let term = |a: f64, b: f64| balanced(a / n, b / m);
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

/// A category's part of twice the squared V of two samples that weigh alike.
fn balanced(p: f64, q: f64) -> f64 {
    if p + q == 0.0 { 0.0 } else { (p - q) * (p - q) / (p + q) }
}

/// Whether only one sample has the category.
fn one_sided(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 { 1.0 } else { 0.0 }
}

/// A category's part of the statistic of two samples of these sizes.
fn part(lambda: Lambda, n: f64, m: f64) -> impl Fn(f64, f64) -> f64 {
    let share = m / (n + m);
    let is_pearson = lambda == Lambda::PEARSON;
    let twice_log =
        |count: f64, expected: f64| if count == 0.0 { 0.0 } else { 2.0 * count * (count / expected).ln() };
    move |a, b| {
        let expected = (a + b) * share;
        if is_pearson {
            (b - expected) * (b - expected) / (expected * (1.0 - share))
        } else {
            twice_log(a, (a + b) * (1.0 - share)) + twice_log(b, expected)
        }
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
