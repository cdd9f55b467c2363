use serde::{Deserialize, Serialize};

use super::{
    ArmStatistics, EpsilonGreedy, Exp3, KlUcb, Softmax, Support, ThompsonBeta, ThompsonGammaPoisson,
    ThompsonGaussian, TrackAndStop, Ucb1,
};
use crate::error::{Error, Result};

/// A rule that turns what is known of the arms into the probabilities with which they answer.
pub(super) trait Rule {
    /// Refuses parameters that mean nothing.
    fn check(&self) -> Result<()>;

    /// The rewards that it takes.
    fn support(&self) -> Support;

    /// How good each arm looks to it.
    fn scores(&self, arms: &[ArmStatistics]) -> Vec<f64>;

    /// The probability of each arm. They are of 0 or more, and their sum is 1.
    fn probabilities(&self, arms: &[ArmStatistics]) -> Vec<f64>;

    /// The position of the arm that is the best, where the rule is sure.
    fn winner(&self, arms: &[ArmStatistics]) -> Option<usize> {
        let _ = arms;
        None
    }
}

/// The policies, listed once: the variants of the enum, and what each call is handed to.
macro_rules! policies {
    ($($(#[doc = $doc:literal])+ $variant:ident),+ $(,)?) => {
        /// How a bandit shares requests out, by the anchor's names. Each is a pure function of the statistics of the arms.
        ///
        /// ```
        /// use mlcore::bandit::{ArmStatistics, BanditPolicy, Softmax};
        ///
        /// let policy = BanditPolicy::from(Softmax { tau: 0.5 });
        /// let arms = [ArmStatistics::of(&[1.0, 0.0]), ArmStatistics::of(&[1.0])];
        /// let shares = policy.probabilities(&arms);
        /// assert!((shares[0] - 1.0 / (1.0 + f64::exp(1.0))).abs() < 1e-15);
        /// assert_eq!(serde_json::to_string(&policy)?, r#"{"policy":"softmax","tau":0.5}"#);
        /// # Ok::<(), serde_json::Error>(())
        /// ```
        #[non_exhaustive]
        #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
        #[serde(tag = "policy", rename_all = "snake_case")]
        pub enum BanditPolicy {
            $($(#[doc = $doc])+ $variant($variant),)+
        }

        impl BanditPolicy {
            fn rule(&self) -> &dyn Rule {
                match self {
                    $(Self::$variant(rule) => rule,)+
                }
            }
        }

        $(impl From<$variant> for BanditPolicy {
            fn from(policy: $variant) -> Self {
                Self::$variant(policy)
            }
        })+
    };
}

policies! {
    /// The best arm, and any arm now and then.
    EpsilonGreedy,
    /// The arm whose upper confidence bound is the highest.
    Ucb1,
    /// The same with the bound of Bernoulli rewards.
    KlUcb,
    /// Arms by their means, in the manner of Boltzmann.
    Softmax,
    /// Weights that hold against an adversary.
    Exp3,
    /// Arms by the probability that they are the best, of rewards from 0 to 1.
    ThompsonBeta,
    /// The same of rewards that are any numbers.
    ThompsonGaussian,
    /// The same of counts.
    ThompsonGammaPoisson,
    /// Arms by what tells soonest which of them is the best.
    TrackAndStop,
}

impl BanditPolicy {
    /// How good each arm looks to the policy: mabwiser's expectations, river's upper bounds, or means of a posterior.
    #[must_use]
    pub fn scores(&self, arms: &[ArmStatistics]) -> Vec<f64> {
        self.rule().scores(arms)
    }

    /// The probability of each arm: of 0 or more, with a sum of 1.
    #[must_use]
    pub fn probabilities(&self, arms: &[ArmStatistics]) -> Vec<f64> {
        normalised(self.rule().probabilities(arms))
    }

    /// The rewards that the policy takes.
    #[must_use]
    pub fn support(&self) -> Support {
        self.rule().support()
    }

    /// Refuses parameters that mean nothing.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] that names the parameter and says what it may be.
    pub fn check(&self) -> Result<()> {
        self.rule().check()
    }

    /// The position of the arm that is the best, where the policy looks for one and is sure.
    #[must_use]
    pub fn winner(&self, arms: &[ArmStatistics]) -> Option<usize> {
        self.rule().winner(arms)
    }
}

/// Probabilities with a sum of 1: equal ones where the numbers are no weights.
pub(super) fn normalised(weights: Vec<f64>) -> Vec<f64> {
    let sum: f64 = weights.iter().sum();
    if !(sum > 0.0 && sum.is_finite()) || weights.iter().any(|weight| *weight < 0.0) {
        let share = 1.0 / weights.len().max(1) as f64;
        return vec![share; weights.len()];
    }
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// All to the arm with the highest score, or evenly to those that share it.
pub(super) fn greedy(scores: &[f64]) -> Vec<f64> {
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let best = scores.iter().filter(|score| **score == highest).count().max(1) as f64;
    scores.iter().map(|score| if *score == highest { 1.0 / best } else { 0.0 }).collect()
}

/// Refuses a parameter unless it is as it must be.
pub(super) fn check(policy: &str, name: &str, value: f64, holds: bool, must: &str) -> Result<()> {
    if holds {
        return Ok(());
    }
    let problem = format!("it is {value}, and must be {must}");
    Err(Error::invalid_input("build bandit", format!("{name} of {policy}"), problem)
        .remedy("choose another value"))
}
