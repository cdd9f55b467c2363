//! Tests of two proportions, made of each category against all others.

use mlcore::{Result, interrupt};

use super::chance::{replaced, totals};
use super::{Effect, Score};
use crate::sample::Categories;

/// How a test of two proportions compares samples of a category.
pub(super) struct OneAgainstRest {
    pub(super) operation: &'static str,
    /// Statistic and p-value of how many rows of either sample, reference first, have a category; neither is NaN.
    pub(super) test: TwoRates,
}

/// Of how many rows of two samples have a category, and of how many rows there are.
type TwoRates = fn([u64; 2], [u64; 2]) -> Result<(f64, f64)>;

impl OneAgainstRest {
    /// Of two categories the second in the order of their text is compared; of more each, and the p-value is Simes'. Of more than
    /// two those of which either sample should have fewer than five rows are one category together.
    pub(super) fn score(&self, reference: &Categories, current: &Categories) -> Result<Score> {
        let rows = [reference.total(), current.total()];
        let union = reference.union(current);
        interrupt::check(self.operation)?;
        let mut counts: Vec<(u64, u64)> = union.iter().map(|(_, a, b)| (*a, *b)).collect();
        if (reference.overflow(), current.overflow()) != (0, 0) {
            counts.push((reference.overflow(), current.overflow()));
        }
        let (statistic, pvalue, difference) = self.surest(&counts, rows)?;
        let (_, replaced_pvalue, _) = self.surest(&replaced(&counts), rows)?;
        Ok(Score::new(statistic, Effect::new("difference of rates", difference))
            .with_pvalue(pvalue)
            .with_replaced_pvalue(replaced_pvalue)
            .with_reference_len(rows[0])
            .with_current_len(rows[1]))
    }

    /// The statistic of the category that changed most surely, the p-value of all together, and the largest difference.
    fn surest(&self, counts: &[(u64, u64)], rows: [u64; 2]) -> Result<(f64, f64, f64)> {
        let compared = compared(counts);
        let mut found = Vec::with_capacity(compared.len());
        let mut largest = 0.0_f64;
        for (a, b) in compared {
            interrupt::check(self.operation)?;
            found.push((self.test)([a, b], rows)?);
            largest = largest.max((a as f64 / rows[0] as f64 - b as f64 / rows[1] as f64).abs());
        }
        interrupt::sort_unstable_by(&mut found, |x, y| {
            x.1.total_cmp(&y.1).then(y.0.abs().total_cmp(&x.0.abs()))
        });
        interrupt::check(self.operation)?;
        let tests = found.len() as f64;
        let simes =
            found.iter().enumerate().map(|(place, (_, pvalue))| pvalue * tests / (place as f64 + 1.0));
        let pvalue = simes.fold(1.0, f64::min);
        let statistic = found.first().map_or(0.0, |(statistic, _)| *statistic);
        Ok((statistic, pvalue, largest))
    }
}

/// The categories that are compared with all others.
fn compared(counts: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let counts: Vec<(u64, u64)> = counts.iter().copied().filter(|pair| *pair != (0, 0)).collect();
    match counts.as_slice() {
        [] | [_] => Vec::new(),
        [_, second] => vec![*second],
        many => {
            let (n, m) = totals(many);
            let smaller_share = n.min(m) as f64 / (n + m) as f64;
            let is_rare = |(a, b): &(u64, u64)| ((a + b) as f64) * smaller_share < FEWEST_EXPECTED;
            let (rare, mut apart): (Vec<_>, Vec<_>) = many.iter().partition(|pair| is_rare(pair));
            let others = totals(&rare);
            if others != (0, 0) && !(is_rare(&others) && apart.len() > 1) {
                apart.push(others);
            }
            match apart.as_slice() {
                [] | [_] => Vec::new(),
                [_, second] => vec![*second],
                many => many.to_vec(),
            }
        }
    }
}

/// W. G. Cochran, "Some Methods for Strengthening the Common chi^2 Tests" (1954).
const FEWEST_EXPECTED: f64 = 5.0;
