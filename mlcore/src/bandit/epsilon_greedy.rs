use serde::{Deserialize, Serialize};

use super::policy::{Rule, check, greedy};
use super::{ArmStatistics, Support};
use crate::error::Result;

/// The arm with the highest mean reward, but for a share of the requests, for which any arm is drawn.
///
/// An arm has the probability `epsilon / K`, and those with the highest mean share what is left. An arm without outcomes has a
/// mean of 0. The share falls to `epsilon * exp(-decay * n)` with the number of outcomes.
///
/// # Source
/// Parameters, scores and decay: river 0.26 (`bandit.EpsilonGreedy`); the default of `epsilon`: mabwiser 2.7. Of several arms
/// with the highest mean mabwiser takes the first; here they share.
///
/// ```
/// use mlcore::bandit::{ArmStatistics, BanditPolicy, EpsilonGreedy};
///
/// let arms = [ArmStatistics::of(&[1.0]), ArmStatistics::of(&[0.0])];
/// let policy = BanditPolicy::from(EpsilonGreedy { epsilon: 0.2, ..EpsilonGreedy::default() });
/// assert_eq!(policy.probabilities(&arms), [0.9, 0.1]);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpsilonGreedy {
    /// The share of requests that explore, 0 to 1.
    pub epsilon: f64,
    /// How fast that share falls with each outcome, 0 or more.
    #[serde(default)]
    pub decay: f64,
}

impl Default for EpsilonGreedy {
    fn default() -> Self {
        Self { epsilon: 0.1, decay: 0.0 }
    }
}

impl EpsilonGreedy {
    /// The share of requests that explore after so many outcomes.
    #[must_use]
    pub fn current_epsilon(&self, outcomes: f64) -> f64 {
        self.epsilon * (-outcomes * self.decay).exp()
    }
}

impl Rule for EpsilonGreedy {
    fn check(&self) -> Result<()> {
        let Self { epsilon, decay } = *self;
        check("epsilon_greedy", "epsilon", epsilon, (0.0..=1.0).contains(&epsilon), "from 0 to 1")?;
        check("epsilon_greedy", "decay", decay, decay >= 0.0 && decay.is_finite(), "0 or more, and finite")
    }

    fn support(&self) -> Support {
        Support::Real
    }

    fn scores(&self, arms: &[ArmStatistics]) -> Vec<f64> {
        arms.iter().map(ArmStatistics::mean).collect()
    }

    fn probabilities(&self, arms: &[ArmStatistics]) -> Vec<f64> {
        let epsilon = self.current_epsilon(arms.iter().map(|arm| arm.count).sum());
        let explored = epsilon / arms.len() as f64;
        greedy(&self.scores(arms)).into_iter().map(|share| explored + (1.0 - epsilon) * share).collect()
    }
}
