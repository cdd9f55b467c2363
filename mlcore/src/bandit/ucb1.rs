use serde::{Deserialize, Serialize};

use super::policy::{Rule, check, greedy};
use super::{ArmStatistics, Support};
use crate::error::Result;

/// The arm whose upper confidence bound is the highest: `mean + alpha * sqrt(2 ln(N) / n)` of `n` outcomes of the arm and `N` of
/// all.
///
/// An arm without outcomes comes first. Several with one bound share the requests.
///
/// # Source
/// P. Auer, N. Cesa-Bianchi and P. Fischer, "Finite-time analysis of the multiarmed bandit problem" (2002). Parameter, default
/// and bound: mabwiser 2.7 (`LearningPolicy.UCB1`); river calls `alpha` `delta`. To mabwiser the bound of an arm without
/// outcomes is 0, so that it never comes where the others have rewards above 0; here it is infinite, as in river.
///
/// ```
/// use mlcore::bandit::{ArmStatistics, BanditPolicy, Ucb1};
///
/// let policy = BanditPolicy::from(Ucb1::default());
/// let arms = [ArmStatistics::of(&[1.0, 1.0, 0.0]), ArmStatistics::of(&[0.5])];
/// assert_eq!(policy.probabilities(&arms), [0.0, 1.0]);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ucb1 {
    /// How much it explores, 0 or more.
    pub alpha: f64,
}

impl Default for Ucb1 {
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

impl Rule for Ucb1 {
    fn check(&self) -> Result<()> {
        check(
            "ucb1",
            "alpha",
            self.alpha,
            self.alpha >= 0.0 && self.alpha.is_finite(),
            "0 or more, and finite",
        )
    }

    fn support(&self) -> Support {
        Support::Real
    }

    fn scores(&self, arms: &[ArmStatistics]) -> Vec<f64> {
        // Weights that fade may leave less than one outcome, whose logarithm is negative.
        let total = arms.iter().map(|arm| arm.count).sum::<f64>().max(1.0);
        let bound = |arm: &ArmStatistics| match arm.count > 0.0 {
            true => arm.mean() + self.alpha * (2.0 * total.ln() / arm.count).sqrt(),
            false => f64::INFINITY,
        };
        arms.iter().map(bound).collect()
    }

    fn probabilities(&self, arms: &[ArmStatistics]) -> Vec<f64> {
        greedy(&self.scores(arms))
    }
}
