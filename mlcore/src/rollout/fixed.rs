use super::{Ask, Assignment, RolloutPolicy};
use crate::name::Arm;

/// Always the same arm; the default one while it cannot answer.
#[derive(Clone, Debug)]
pub struct Fixed {
    arm: Arm,
}

impl Fixed {
    /// Everybody gets `arm`.
    #[must_use]
    pub fn new(arm: Arm) -> Self {
        Self { arm }
    }
}

impl RolloutPolicy for Fixed {
    fn assign(&self, ask: &Ask<'_>) -> Assignment {
        Assignment::certain(ask.candidates.position(&self.arm).unwrap_or(0))
    }
}
