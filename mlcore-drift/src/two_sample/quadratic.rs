//! Distances of histograms that are sums over bins and quadratic where little changed.

use mlcore::stats::chi2;

use super::Score;
use super::chance::Chance;
use crate::bins::{BinCounts, Shares};

/// A distance `D = sum(part(p, q))` over bins, with `p` and `q` the shares of the reference and of the current sample.
///
/// Of samples of `n` and `m` values `scale n m / (n + m) D` is chi-square distributed with `bins - 1` degrees of freedom if
/// nothing changed, because `D` is then half its second derivative times `sum((p - q)^2 / p)`. What chance gives on average
/// follows from it. Where categories are rare (fewer than five rows expected) neither holds, and both are those of exchanging
/// rows between the samples, at these counts.
///
/// Source: I. Csiszar and P. C. Shields, "Information Theory and Statistics: A Tutorial" (2004), 4.
pub(super) struct Quadratic {
    pub(super) part: fn((f64, f64)) -> f64,
    pub(super) scale: f64,
}

impl Quadratic {
    /// The distance of these shares.
    pub(super) fn of(&self, shares: &Shares) -> f64 {
        shares.pairs().map(self.part).sum()
    }

    /// What chance gives on average; of shares as counted, or of smoothed ones.
    pub(super) fn by_chance(&self, counts: &BinCounts, is_smoothed: bool) -> f64 {
        let (n, m) = totals(counts);
        let smoothed = counts.smoothed();
        let part = |a: f64, b: f64| (self.part)(if is_smoothed { smoothed(a, b) } else { (a / n, b / m) });
        match rare(counts, part) {
            Some(chance) => chance.mean(),
            None => degrees_of_freedom(counts) * (1.0 / n + 1.0 / m) / self.scale,
        }
    }

    /// The p-value, for which half a count is added to every bin that either sample reaches.
    pub(super) fn pvalue(&self, counts: &BinCounts) -> f64 {
        let distance = self.of(&counts.smoothed_shares());
        let smoothed = counts.smoothed();
        if let Some(chance) = rare(counts, |a, b| (self.part)(smoothed(a, b))) {
            return chance.pvalue(distance);
        }
        let ((n, m), degrees_of_freedom) = (totals(counts), degrees_of_freedom(counts));
        if degrees_of_freedom == 0.0 {
            return 1.0;
        }
        chi2::sf(self.scale * (n * m / (n + m)) * distance.max(0.0), degrees_of_freedom)
    }

    /// The score with its p-value, and with that of categories that were all replaced.
    pub(super) fn with_pvalues(&self, score: Score, counts: &BinCounts) -> Score {
        score
            .with_pvalue(self.pvalue(counts))
            .with_replaced_pvalue(counts.replaced().map(|all| self.pvalue(&all)))
    }
}

/// The values of reference and current sample that the bins hold.
pub(super) fn totals(counts: &BinCounts) -> (f64, f64) {
    let total = |counts: &[u64]| counts.iter().sum::<u64>() as f64;
    (total(&counts.reference), total(&counts.current))
}

fn degrees_of_freedom(counts: &BinCounts) -> f64 {
    (counts.reached() as f64 - 1.0).max(0.0)
}

/// What chance makes of a sum over categories, where some are rare.
fn rare(counts: &BinCounts, term: impl Fn(f64, f64) -> f64) -> Option<Chance> {
    counts.has_rare_categories().then(|| Chance::of(&counts.reached_pairs(), term)).flatten()
}
