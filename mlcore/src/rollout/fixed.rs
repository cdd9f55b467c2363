use super::{Assignment, Candidates, Draw, RolloutPolicy};
use crate::name::{Arm, UnitId};

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
    fn assign(&self, _unit: &UnitId, candidates: &Candidates, _draw: Draw) -> Assignment {
        Assignment::certain(candidates.position(&self.arm).unwrap_or(0))
    }
}
