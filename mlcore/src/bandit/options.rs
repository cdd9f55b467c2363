use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ArmStatistics, BanditPolicy, Memory};
use crate::error::{Error, Result};
use crate::name::Arm;

/// What a bandit is built from.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore::bandit::{ArmStatistics, BanditOptions, Memory, ThompsonBeta};
/// use mlcore::name::Arm;
///
/// let options = BanditOptions::new(ThompsonBeta::default())
///     .with_memory(Memory::HalfLife { half_life: Duration::from_secs(7 * 86_400) })
///     .with_min_prob(0.01)
///     .with_min_samples(20)
///     .with_prior(Arm::new("champion")?, ArmStatistics::believed(50.0, 0.12, 0.1));
/// options.check()?;
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BanditOptions {
    /// How requests are shared out.
    pub policy: BanditPolicy,
    /// How long outcomes count.
    #[serde(default)]
    pub memory: Memory,
    /// The least probability of any arm; where the arms are too many for it, all have the same. (TensorZero's `min_prob`.)
    #[serde(default)]
    pub min_prob: f64,
    /// The nursery: an arm with fewer outcomes answers as often as every arm would if all were alike, and the others share what is
    /// left. (TensorZero's `min_samples_per_variant`, river's `burn_in`.)
    #[serde(default)]
    pub min_samples: u64,
    /// How much has to be new before probabilities are computed anew: a part of the outcomes that count already.
    #[serde(default = "default_refresh")]
    pub refresh: f64,
    /// The smallest and the largest reward; others are refused. `None` takes all that the policy takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reward_range: Option<(f64, f64)>,
    /// What is believed of arms before they answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub priors: BTreeMap<Arm, ArmStatistics>,
}

impl BanditOptions {
    /// The default of [`refresh`](Self::refresh): at 1 % the probabilities follow the evidence closely, and 1e5 outcomes cost some
    /// 800 computations.
    pub const DEFAULT_REFRESH: f64 = 0.01;

    /// A bandit with this policy that remembers everything, without a floor, a nursery and priors.
    #[must_use]
    pub fn new(policy: impl Into<BanditPolicy>) -> Self {
        Self {
            policy: policy.into(),
            memory: Memory::Everything,
            min_prob: 0.0,
            min_samples: 0,
            refresh: Self::DEFAULT_REFRESH,
            reward_range: None,
            priors: BTreeMap::new(),
        }
    }

    /// The same with this memory.
    #[must_use]
    pub fn with_memory(mut self, memory: Memory) -> Self {
        self.memory = memory;
        self
    }

    /// The same with at least this probability for each arm.
    #[must_use]
    pub fn with_min_prob(mut self, min_prob: f64) -> Self {
        self.min_prob = min_prob;
        self
    }

    /// The same with a nursery of this many outcomes.
    #[must_use]
    pub fn with_min_samples(mut self, min_samples: u64) -> Self {
        self.min_samples = min_samples;
        self
    }

    /// The same, computed anew when this part of the evidence is new; 0 computes after every outcome.
    #[must_use]
    pub fn with_refresh(mut self, refresh: f64) -> Self {
        self.refresh = refresh;
        self
    }

    /// The same for rewards from `smallest` to `largest`.
    #[must_use]
    pub fn with_reward_range(mut self, smallest: f64, largest: f64) -> Self {
        self.reward_range = Some((smallest, largest));
        self
    }

    /// The same, believing this of `arm` before it answers.
    #[must_use]
    pub fn with_prior(mut self, arm: Arm, prior: ArmStatistics) -> Self {
        self.priors.insert(arm, prior);
        self
    }

    /// Refuses options that mean nothing.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] that names the option and says what it may be.
    pub fn check(&self) -> Result<()> {
        self.policy.check()?;
        self.memory.check()?;
        let refuse = |option: &str, problem: String| {
            Err(Error::invalid_input("build bandit", option, problem).remedy("choose another value"))
        };
        if !(0.0..=1.0).contains(&self.min_prob) {
            return refuse("min_prob", format!("it is {}, and must be from 0 to 1", self.min_prob));
        }
        if !(0.0..=1.0).contains(&self.refresh) {
            return refuse("refresh", format!("it is {}, and must be from 0 to 1", self.refresh));
        }
        if let Some((smallest, largest)) = self.reward_range
            && !(smallest < largest && smallest.abs() <= LARGEST_REWARD && largest.abs() <= LARGEST_REWARD)
        {
            let problem =
                format!("it is {smallest} to {largest}, and must be two finite numbers, the smaller first");
            return refuse("reward_range", problem);
        }
        if self.priors.len() > super::Bandit::MOST_ARMS {
            return refuse("priors", format!("they are of {} arms", self.priors.len()));
        }
        self.priors.iter().try_for_each(|(arm, prior)| prior.check(arm.as_str()))
    }

    /// Refuses a reward that the policy or the range does not take.
    pub(crate) fn check_reward(&self, arm: &Arm, reward: f64) -> Result<()> {
        let refuse = |problem: String, remedy: &str| {
            Err(Error::invalid_input("update bandit", format!("reward of arm {arm}"), problem).remedy(remedy))
        };
        if !reward.is_finite() {
            return refuse(format!("it is {reward}"), "leave the outcome out, or say what it is worth");
        }
        let support = self.policy.support();
        if !support.contains(reward) {
            let problem = format!("it is {reward}, and the policy takes {}", support.words());
            return refuse(problem, "scale rewards, or choose a policy that takes them");
        }
        if let Some((smallest, largest)) = self.reward_range
            && !(smallest..=largest).contains(&reward)
        {
            let problem = format!("it is {reward}, and rewards are from {smallest} to {largest}");
            return refuse(problem, "scale rewards, or widen the range");
        }
        if reward.abs() > LARGEST_REWARD {
            return refuse(format!("it is {reward:e}, beyond 1e100"), "choose a larger unit");
        }
        Ok(())
    }
}

fn default_refresh() -> f64 {
    BanditOptions::DEFAULT_REFRESH
}

/// The squares of larger ones, added up, would be infinite.
pub(super) const LARGEST_REWARD: f64 = 1e100;
