use std::sync::Arc;
use std::time::Duration;

use super::{Ask, Assignment, Candidates, Decision, Outcome, RolloutPolicy};
use crate::error::{Error, Result};
use crate::name::Arm;

/// Assigns as another policy does, and runs shadows beside it: arms that see a share of the same requests and whose
/// answers nobody gets.
///
/// The shadows outlive the release: when the policy inside has promoted or withdrawn an arm, the shadows go on beside
/// its successor.
#[derive(Clone, Debug)]
pub struct Shadowed<P> {
    policy: P,
    shadows: Vec<Arm>,
    share: f64,
}

impl<P: RolloutPolicy> Shadowed<P> {
    /// `policy`, with these shadows on a `share` of the requests, 0 to 1, drawn request by request.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a share outside `[0, 1]`.
    pub fn new(policy: P, shadows: impl IntoIterator<Item = Arm>, share: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&share) {
            return Err(Error::invalid_input(
                "build shadows",
                "share",
                format!("{share} is not within 0 and 1"),
            ));
        }
        Ok(Self { policy, shadows: shadows.into_iter().collect(), share })
    }

    /// The policy that decides who answers.
    #[must_use]
    pub fn policy(&self) -> &P {
        &self.policy
    }
}

impl<P: RolloutPolicy> RolloutPolicy for Shadowed<P> {
    fn assign(&self, ask: &Ask<'_>) -> Assignment {
        let mut assignment = self.policy.assign(ask);
        if ask.draw.another().unit_interval() < self.share {
            for position in self.shadows.iter().filter_map(|arm| ask.candidates.position(arm)) {
                assignment.shadows = assignment.shadows.with(position);
            }
            assignment.shadows = assignment.shadows.without(assignment.position);
        }
        assignment
    }

    fn observe(&self, outcome: &Outcome<'_>) {
        self.policy.observe(outcome);
    }

    fn decide(&self, now: Duration) -> Decision {
        self.policy.decide(now)
    }

    fn settled(&self, done: &Decision, candidates: &Candidates) -> Option<Arc<dyn RolloutPolicy>> {
        let policy = self.policy.settled(done, candidates)?;
        Some(Arc::new(Shadowed { policy, shadows: self.shadows.clone(), share: self.share }))
    }
}
