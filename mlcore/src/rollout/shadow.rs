use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Ask, Assignment, Candidates, Decision, Outcome, PolicyState, Requirements, RolloutPolicy, StateFormat,
};
use crate::error::{Error, Result};
use crate::name::Arm;
use crate::time::Timestamp;

/// Assigns as another policy does, and runs shadows beside it: arms that see a share of the same requests and whose
/// answers nobody gets.
///
/// The shadows outlive the release: when the policy inside has promoted or withdrawn an arm, the shadows go on beside
/// its successor.
#[derive(Clone, Debug)]
pub struct Shadowed<P> {
    policy: P,
    options: Shadows,
}

/// The shadows beside a policy, as they are saved.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shadows {
    shadows: Vec<Arm>,
    share: f64,
}

impl<P: RolloutPolicy> Shadowed<P> {
    /// The format in which its state is saved: the state of the policy inside is its progress.
    pub const FORMAT: StateFormat = StateFormat::new("shadowed", 1);

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
        Ok(Self { policy, options: Shadows { shadows: shadows.into_iter().collect(), share } })
    }

    /// The policy that decides who answers.
    #[must_use]
    pub fn policy(&self) -> &P {
        &self.policy
    }

    /// The arms that run beside it.
    #[must_use]
    pub fn shadows(&self) -> &[Arm] {
        &self.options.shadows
    }

    /// The share of requests that the shadows see.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.options.share
    }
}

impl Shadowed<Arc<dyn RolloutPolicy>> {
    /// The policy that `state` was saved by, around one of this crate's policies.
    ///
    /// # Errors
    /// As [`PolicyState::options`], [`Shadowed::new`] and, about the policy inside, [`PolicyState::to_policy`].
    pub fn from_state(state: &PolicyState) -> Result<Self> {
        let options: Shadows = state.options(Self::FORMAT)?;
        let policy: PolicyState = state.progress(Self::FORMAT, &options)?;
        Self::new(policy.to_policy()?, options.shadows, options.share)
    }
}

impl<P: RolloutPolicy> RolloutPolicy for Shadowed<P> {
    fn assign(&self, ask: &Ask<'_>) -> Assignment {
        let mut assignment = self.policy.assign(ask);
        if ask.draw.another().unit_interval() < self.options.share {
            for position in self.options.shadows.iter().filter_map(|arm| ask.candidates.position(arm)) {
                assignment.shadows = assignment.shadows.with(position);
            }
            assignment.shadows = assignment.shadows.without(assignment.position);
        }
        assignment
    }

    fn probability(&self, ask: &Ask<'_>, position: usize) -> Option<f64> {
        self.policy.probability(ask, position)
    }

    fn requirements(&self) -> Requirements {
        let mut requirements = self.policy.requirements();
        requirements.arms.extend_from_slice(&self.options.shadows);
        requirements
    }

    fn follow(&self, candidates: &Candidates) -> Option<String> {
        self.policy.follow(candidates)
    }

    fn observe(&self, outcome: &Outcome<'_>) {
        self.policy.observe(outcome);
    }

    fn tell_time(&self, now: Timestamp) {
        self.policy.tell_time(now);
    }

    fn decide(&self, now: Duration) -> Decision {
        self.policy.decide(now)
    }

    fn settled(&self, done: &Decision, candidates: &Candidates) -> Option<Arc<dyn RolloutPolicy>> {
        let policy = self.policy.settled(done, candidates)?;
        Some(Arc::new(Shadowed { policy, options: self.options.clone() }))
    }

    fn save(&self) -> Result<PolicyState> {
        PolicyState::new(Self::FORMAT, &self.options, &self.policy.save()?)
    }

    fn restore(&self, state: &PolicyState) -> Result<()> {
        self.policy.restore(&state.progress(Self::FORMAT, &self.options)?)
    }

    fn merge(&self, state: &PolicyState) -> Result<()> {
        self.policy.merge(&state.progress(Self::FORMAT, &self.options)?)
    }

    fn reconcile(&self, shared: Option<&PolicyState>) -> Result<Option<PolicyState>> {
        self.policy.reconcile(shared)
    }

    fn reconciled(&self) {
        self.policy.reconciled();
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::conformance::Stickiness;
    use crate::rollout::Fixed;
    use crate::rollout::canary::tests::canary;
    use crate::rollout::testing::{arm, hold};

    pub(crate) fn contract() {
        hold(|| Shadowed::new(canary(), [arm("third"), arm("gone")], 0.25).unwrap(), Stickiness::Unit);
        let shared = || Arc::new(canary()) as Arc<dyn RolloutPolicy>;
        hold(|| Shadowed::new(shared(), [arm("champion")], 1.0).unwrap(), Stickiness::Unit);
        let twice = || Shadowed::new(Fixed::new(arm("third")), [arm("champion")], 0.5).unwrap();
        hold(|| Shadowed::new(twice(), [arm("challenger")], 0.5).unwrap(), Stickiness::Unit);
    }
}
