use serde::{Deserialize, Serialize};

use super::policy::{Rule, check, greedy};
use super::{ArmStatistics, Support};
use crate::error::Result;

/// The arm whose upper confidence bound of Bernoulli rewards is the highest: the largest `q` with
/// `n kl(mean, q) <= ln(N) + c ln(ln(N))`. Its regret is the least that any policy can have, asymptotically.
///
/// It takes rewards from 0 to 1, also between them. An arm without outcomes comes first.
///
/// # Source
/// A. Garivier and O. Cappé, "The KL-UCB algorithm for bounded stochastic bandits and beyond" (2011); `c = 0` is what they
/// recommend in practice, and `c = 3` what their proof has.
///
/// ```
/// use mlcore::bandit::{ArmStatistics, BanditPolicy, KlUcb};
///
/// let policy = BanditPolicy::from(KlUcb::default());
/// let arms = [ArmStatistics::of(&[1.0, 0.0]), ArmStatistics::of(&[0.0, 0.0])];
/// // The larger root of kl(1/2, q) = ln(4) / 2, and that of kl(0, q) = ln(4) / 2.
/// let scores = policy.scores(&arms);
/// assert!((scores[0] - (0.5 + 0.75_f64.sqrt() / 2.0)).abs() < 1e-12);
/// assert!((scores[1] - 0.5).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KlUcb {
    /// The weight of the logarithm's logarithm, 0 or more.
    pub c: f64,
}

impl Rule for KlUcb {
    fn check(&self) -> Result<()> {
        check("kl_ucb", "c", self.c, self.c >= 0.0 && self.c.is_finite(), "0 or more, and finite")
    }

    fn support(&self) -> Support {
        Support::UnitInterval
    }

    fn scores(&self, arms: &[ArmStatistics]) -> Vec<f64> {
        let total = arms.iter().map(|arm| arm.count).sum::<f64>().max(1.0).ln();
        let reach = total + self.c * total.max(1.0).ln();
        let bound = |arm: &ArmStatistics| match arm.count > 0.0 {
            true => upper_bound(arm.mean().clamp(0.0, 1.0), reach / arm.count),
            false => f64::INFINITY,
        };
        arms.iter().map(bound).collect()
    }

    fn probabilities(&self, arms: &[ArmStatistics]) -> Vec<f64> {
        greedy(&self.scores(arms))
    }
}

/// The largest `q` whose divergence from `mean` is at most `divergence`, by bisection.
fn upper_bound(mean: f64, divergence: f64) -> f64 {
    let (mut low, mut high) = (mean, 1.0);
    // Each step halves the interval: after these its ends are neighbours.
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if bernoulli_divergence(mean, middle) > divergence {
            high = middle;
        } else {
            low = middle;
        }
    }
    low
}

/// The Kullback-Leibler divergence of the Bernoulli distribution with mean `q` from that with mean `p`.
fn bernoulli_divergence(p: f64, q: f64) -> f64 {
    let term = |p: f64, q: f64| if p > 0.0 { p * (p / q).ln() } else { 0.0 };
    term(p, q) + term(1.0 - p, 1.0 - q)
}
