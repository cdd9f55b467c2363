use serde::{Deserialize, Serialize};

use crate::name::Arm;

/// What a policy wants done about the release.
///
/// ```
/// use mlcore::name::Arm;
/// use mlcore::rollout::Decision;
///
/// let decision = Decision::promote(Arm::new("canary")?, "error rate worse by at most 0.004");
/// let Decision::Promote { arm, reason, .. } = &decision else { unreachable!() };
/// assert_eq!((arm.as_str(), decision.reason()), ("canary", reason.as_str()));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// Nothing for now.
    #[non_exhaustive]
    Hold {
        /// What the policy waits for.
        reason: String,
    },
    /// The share of `arm` has grown; assignments follow it already.
    #[non_exhaustive]
    Step {
        /// The arm.
        arm: Arm,
        /// Its share from now on, 0 to 1.
        share: f64,
        /// What was excluded.
        reason: String,
    },
    /// `arm` should take the default arm's place.
    #[non_exhaustive]
    Promote {
        /// The arm.
        arm: Arm,
        /// What was excluded.
        reason: String,
    },
    /// `arm` should be withdrawn; it is assigned to nobody any more.
    #[non_exhaustive]
    RollBack {
        /// The arm.
        arm: Arm,
        /// The harm that was found.
        reason: String,
    },
}

impl Decision {
    /// Nothing for now; `reason` says what the policy waits for.
    #[must_use]
    pub fn hold(reason: impl Into<String>) -> Self {
        Self::Hold { reason: reason.into() }
    }

    /// The share of `arm` has grown to `share`.
    #[must_use]
    pub fn step(arm: Arm, share: f64, reason: impl Into<String>) -> Self {
        Self::Step { arm, share, reason: reason.into() }
    }

    /// `arm` should take the default arm's place.
    #[must_use]
    pub fn promote(arm: Arm, reason: impl Into<String>) -> Self {
        Self::Promote { arm, reason: reason.into() }
    }

    /// `arm` should be withdrawn.
    #[must_use]
    pub fn roll_back(arm: Arm, reason: impl Into<String>) -> Self {
        Self::RollBack { arm, reason: reason.into() }
    }

    /// The arm that the decision is about; none for a hold.
    #[must_use]
    pub fn arm(&self) -> Option<&Arm> {
        match self {
            Self::Hold { .. } => None,
            Self::Step { arm, .. } | Self::Promote { arm, .. } | Self::RollBack { arm, .. } => Some(arm),
        }
    }

    /// Why, in words.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Hold { reason }
            | Self::Step { reason, .. }
            | Self::Promote { reason, .. }
            | Self::RollBack { reason, .. } => reason,
        }
    }
}
