use serde::{Deserialize, Serialize};

use super::{Ask, Assignment, PolicyState, Requirements, RolloutPolicy, StateFormat};
use crate::error::Result;
use crate::name::Arm;

/// Assigns every unit to one arm; to the default one while that cannot answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixed {
    arm: Arm,
}

impl Fixed {
    /// The format in which its state is saved.
    pub const FORMAT: StateFormat = StateFormat::new("fixed", 1);

    /// The policy under which every unit gets `arm`.
    #[must_use]
    pub fn new(arm: Arm) -> Self {
        Self { arm }
    }

    /// The arm.
    #[must_use]
    pub fn arm(&self) -> &Arm {
        &self.arm
    }

    /// The policy that `state` was saved by.
    ///
    /// # Errors
    /// As [`PolicyState::options`].
    pub fn from_state(state: &PolicyState) -> Result<Self> {
        state.options(Self::FORMAT)
    }
}

impl RolloutPolicy for Fixed {
    fn assign(&self, ask: &Ask<'_>) -> Assignment {
        Assignment::certain(ask.candidates.position(&self.arm).unwrap_or(0))
    }

    fn probability(&self, ask: &Ask<'_>, position: usize) -> Option<f64> {
        Some(f64::from(u8::from(self.assign(ask).position == position)))
    }

    fn requirements(&self) -> Requirements {
        Requirements::of_arms([self.arm.clone()])
    }

    fn save(&self) -> Result<PolicyState> {
        PolicyState::new(Self::FORMAT, self, &())
    }

    fn restore(&self, state: &PolicyState) -> Result<()> {
        state.progress(Self::FORMAT, self)
    }

    /// Nothing is learnt, so that there is nothing to add.
    fn merge(&self, state: &PolicyState) -> Result<()> {
        self.restore(state)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::conformance::Stickiness;
    use crate::rollout::testing::{arm, hold};

    pub(crate) fn contract() {
        hold(|| Fixed::new(arm("challenger")), Stickiness::Unit);
    }
}
