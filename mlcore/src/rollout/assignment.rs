use super::ArmSet;

/// A policy's answer to one request.
///
/// ```
/// use mlcore::rollout::{ArmSet, Assignment};
///
/// // The second candidate answers; the policy says so for one unit in four, and the third candidate runs beside it.
/// let assignment =
///     Assignment::certain(1).with_propensity(0.25).with_shadows(ArmSet::default().with(2)).with_epoch(7);
/// assert_eq!((assignment.position, assignment.propensity, assignment.epoch), (1, 0.25, 7));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Assignment {
    /// The answering arm's position among the candidates.
    pub position: usize,
    /// The probability, over units or draws, with which the policy gives this answer: for off-policy evaluation.
    pub propensity: f64,
    /// Arms that run beside it, whose answers nobody gets.
    pub shadows: ArmSet,
    /// The period of unchanged shares in which the answer was given; it travels with the outcome.
    pub epoch: u32,
}

impl Assignment {
    /// The arm at `position`, with certainty, without shadows, in epoch 0.
    #[must_use]
    pub fn certain(position: usize) -> Self {
        Self { position, propensity: 1.0, shadows: ArmSet::default(), epoch: 0 }
    }

    /// The same arm, answering with this probability.
    #[must_use]
    pub fn with_propensity(mut self, propensity: f64) -> Self {
        self.propensity = propensity;
        self
    }

    /// The same arm, with these shadows beside it.
    #[must_use]
    pub fn with_shadows(mut self, shadows: ArmSet) -> Self {
        self.shadows = shadows;
        self
    }

    /// The same arm, in this epoch.
    #[must_use]
    pub fn with_epoch(mut self, epoch: u32) -> Self {
        self.epoch = epoch;
        self
    }
}
