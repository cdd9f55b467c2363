use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::bandit::Support;
use crate::error::{Error, Result};
use crate::rollout::Observation;

/// What a bandit earns by an observation. Each rule has one reward for each request, and the smallest one for a failure: an arm
/// does not win by answering nothing, or by answers whose loss is no number.
///
/// A breach is no reward: the arm that it is about gets no requests until another version answers for it.
///
/// ```
/// use mlcore::rollout::{Observation, RewardRule};
///
/// let rule = RewardRule::ScaledLoss { best: 0.0, worst: 2.0 };
/// assert_eq!(rule.reward(&Observation::scored(0.5)), Some(0.75));
/// assert_eq!(rule.reward(&Observation::scored(f64::NAN)), Some(0.0));
/// assert_eq!(rule.reward(&Observation::Failed), Some(0.0));
/// // The loss is what counts, and it comes later.
/// assert_eq!(rule.reward(&Observation::answered(std::time::Duration::ZERO)), None);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "reward", rename_all = "snake_case", deny_unknown_fields)]
pub enum RewardRule {
    /// By the loss: 1 for one of `best` or less, 0 for one of `worst` or more and for a failure, and a straight line between.
    ScaledLoss {
        /// The loss that earns 1.
        best: f64,
        /// The loss that earns 0.
        worst: f64,
    },
    /// By the loss: minus the loss, for a policy that takes any number.
    NegativeLoss {
        /// The loss that a failure stands for, and the largest one that counts.
        worst: f64,
    },
    /// 1 for an answer, 0 for a failure.
    Answered,
    /// 1 for an answer in this time, 0 for a later one and for a failure.
    AnsweredWithin {
        /// The time from the call to the answer.
        budget: Duration,
    },
}

impl RewardRule {
    /// Refuses bounds that say nothing.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for bounds that are NaN, infinite or the wrong way around.
    pub fn check(&self) -> Result<()> {
        self.check_for(Support::Real)
    }

    /// What the observation earns; `None` where it earns nothing yet, or is a breach.
    #[must_use]
    pub fn reward(&self, observation: &Observation) -> Option<f64> {
        match (self, observation) {
            // What the host reports of an arm beside its answers is for guardrails.
            (_, Observation::Breach { .. } | Observation::Measured { .. } | Observation::Judged { .. }) => {
                None
            }
            (Self::ScaledLoss { .. } | Self::NegativeLoss { .. }, Observation::Answered { .. }) => None,
            (Self::Answered | Self::AnsweredWithin { .. }, Observation::Scored { .. }) => None,
            (Self::Answered, Observation::Answered { .. }) => Some(1.0),
            (Self::AnsweredWithin { budget }, Observation::Answered { latency }) => {
                Some(f64::from(u8::from(latency <= budget)))
            }
            (Self::ScaledLoss { best, worst }, Observation::Scored { loss }) if loss.is_finite() => {
                // Halves, because the difference of two large numbers may be infinite.
                let part = (0.5 * worst - 0.5 * loss) / (0.5 * worst - 0.5 * best);
                Some(part.clamp(0.0, 1.0))
            }
            (Self::NegativeLoss { worst }, Observation::Scored { loss }) if loss.is_finite() => {
                Some(-loss.min(*worst))
            }
            (_, Observation::Scored { .. } | Observation::Failed) => Some(self.least()),
        }
    }

    /// The reward of a failure.
    fn least(&self) -> f64 {
        match self {
            Self::NegativeLoss { worst } => -worst,
            Self::ScaledLoss { .. } | Self::Answered | Self::AnsweredWithin { .. } => 0.0,
        }
    }

    /// Whether it waits for losses.
    pub(super) fn needs_losses(&self) -> bool {
        match self {
            Self::ScaledLoss { .. } | Self::NegativeLoss { .. } => true,
            Self::Answered | Self::AnsweredWithin { .. } => false,
        }
    }

    /// Refuses bounds that mean nothing, and rewards that a policy does not take.
    pub(super) fn check_for(&self, support: Support) -> Result<()> {
        let refuse = |subject: &str, problem: String, remedy: &str| {
            Err(Error::invalid_input("check reward rule", subject, problem).remedy(remedy))
        };
        match *self {
            Self::ScaledLoss { best, worst } if !(best.is_finite() && worst.is_finite() && best < worst) => {
                let problem = format!("best is {best} and worst is {worst}");
                refuse("bounds of the loss", problem, "give two finite losses, best below worst")
            }
            Self::NegativeLoss { worst } if !(-1e100..=1e100).contains(&worst) => refuse(
                "worst loss",
                format!("it is {worst}"),
                "give the finite loss that a failure stands for",
            ),
            Self::NegativeLoss { .. } if support != Support::Real => {
                let problem = format!("rewards are minus the loss, and the policy takes {}", support.words());
                refuse(
                    "reward rule",
                    problem,
                    "scale the loss by bounds, or choose a policy that takes any number",
                )
            }
            Self::ScaledLoss { .. }
            | Self::NegativeLoss { .. }
            | Self::Answered
            | Self::AnsweredWithin { .. } => Ok(()),
        }
    }
}
