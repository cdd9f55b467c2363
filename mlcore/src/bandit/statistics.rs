use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What policies know of the rewards of one arm: sums, each outcome with the weight that its age leaves it.
///
/// ```
/// use mlcore::bandit::ArmStatistics;
///
/// let seen = ArmStatistics::of(&[1.0, 0.0, 1.0, 1.0]);
/// assert_eq!((seen.count, seen.mean()), (4.0, 0.75));
/// let more = seen.plus(&ArmStatistics::of(&[0.0]));
/// assert_eq!((more.count, more.mean()), (5.0, 0.6));
/// assert!((more.variance() - 0.3).abs() < 1e-15);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmStatistics {
    /// The outcomes, each counted by its weight.
    pub count: f64,
    /// The sum of their rewards.
    pub sum: f64,
    /// The sum of the squared deviations of their rewards from the mean.
    pub squared_deviations: f64,
    /// The sum of 1 over the propensities of the assignments.
    #[serde(default)]
    pub inverse_propensity_count: f64,
    /// The sum of the rewards over the propensities of the assignments.
    #[serde(default)]
    pub inverse_propensity_sum: f64,
}

impl ArmStatistics {
    /// Of these rewards, each of an assignment with a propensity of 1.
    #[must_use]
    pub fn of(rewards: &[f64]) -> Self {
        let of = |reward: f64| Self {
            count: 1.0,
            sum: reward,
            squared_deviations: 0.0,
            inverse_propensity_count: 1.0,
            inverse_propensity_sum: reward,
        };
        rewards.iter().fold(Self::default(), |all, reward| all.plus(&of(*reward)))
    }

    /// Of this many outcomes with this mean and this variance (`ddof=1`): what is believed of an arm before it answers.
    #[must_use]
    pub fn believed(count: f64, mean: f64, variance: f64) -> Self {
        let squared_deviations = variance * (count - 1.0).max(0.0);
        Self { count, sum: count * mean, squared_deviations, ..Self::default() }
    }

    /// The mean reward; 0 of no outcome, as in mabwiser and river.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.count > 0.0 { self.sum / self.count } else { 0.0 }
    }

    /// The variance of the rewards (`ddof=1`); 0 of one outcome or less.
    #[must_use]
    pub fn variance(&self) -> f64 {
        if self.count > 1.0 { self.squared_deviations.max(0.0) / (self.count - 1.0) } else { 0.0 }
    }

    /// The mean reward, each outcome weighted by 1 over its propensity; 0 of no outcome.
    ///
    /// Rewards of an arm that a policy chose because it looked good have a mean that is too small for the arms that it gave
    /// up. This mean has not.
    #[must_use]
    pub fn inverse_propensity_mean(&self) -> f64 {
        let count = self.inverse_propensity_count;
        if count > 0.0 { self.inverse_propensity_sum / count } else { 0.0 }
    }

    /// The statistics of the outcomes of both.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let count = self.count + other.count;
        let between = if self.count > 0.0 && other.count > 0.0 {
            let difference = other.mean() - self.mean();
            difference * difference * (self.count / count) * other.count
        } else {
            0.0
        };
        Self {
            count,
            sum: self.sum + other.sum,
            squared_deviations: self.squared_deviations + other.squared_deviations + between,
            inverse_propensity_count: self.inverse_propensity_count + other.inverse_propensity_count,
            inverse_propensity_sum: self.inverse_propensity_sum + other.inverse_propensity_sum,
        }
    }

    /// Refuses numbers that are those of no outcomes.
    pub(super) fn check(&self, arm: &str) -> Result<()> {
        let refuse = |name: &str, value: f64| {
            let problem = format!("its {name} is {value}");
            Err(Error::invalid_input("build bandit", format!("prior of arm {arm}"), problem)
                .remedy("give a count and squared deviations of 0 or more, all finite"))
        };
        for (name, value) in [
            ("count", self.count),
            ("squared_deviations", self.squared_deviations),
            ("inverse_propensity_count", self.inverse_propensity_count),
        ] {
            if !(0.0..=LARGEST).contains(&value) {
                return refuse(name, value);
            }
        }
        for (name, value) in [("sum", self.sum), ("inverse_propensity_sum", self.inverse_propensity_sum)] {
            if !(-LARGEST..=LARGEST).contains(&value) {
                return refuse(name, value);
            }
        }
        Ok(())
    }
}

/// Far beyond any sum of rewards, and far from where squares of it are infinite.
const LARGEST: f64 = 1e120;
