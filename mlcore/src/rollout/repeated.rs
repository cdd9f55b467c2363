use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Ask, Assignment, Candidates, Decision, Outcome, PolicyState, Requirements, RolloutPolicy};
use crate::error::Result;
use crate::time::Timestamp;

/// Makes the policy of the next release.
type Make = dyn Fn() -> Result<Arc<dyn RolloutPolicy>> + Send + Sync;

/// A policy that begins anew when its trial is over: the next version behind its arm is tried by the same rules. For a server
/// whose policy stands in a file, and whose releases begin where somebody moves an alias.
///
/// A policy on its own hands over to [`Fixed`](super::Fixed), and the host gives the next release a policy of its own, with a salt of
/// its own. Here the salt stays, so that the same units go first in every release. Evidence does not: it belongs to versions.
/// The state that is saved is that of the policy itself.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::name::{Arm, Version};
/// use mlcore::rollout::{
///     Canary, CanaryOptions, Candidate, Candidates, Decision, Guardrail, Metric, RampOptions, Repeated,
///     RolloutPolicy,
/// };
///
/// let (champion, challenger) = (Arm::new("champion")?, Arm::new("challenger")?);
/// let ramp = RampOptions::new([Guardrail::new(Metric::ErrorRate, 0.01)?]);
/// let options = CanaryOptions::new(champion.clone(), challenger.clone(), "salt", ramp);
/// let policy = Repeated::new(move || Ok(Arc::new(Canary::new(options.clone())?)))?;
///
/// let candidates = Candidates::new([Candidate::new(champion, Version::FIRST)])?;
/// let done = Decision::promote(challenger.clone(), "no harm");
/// let next = policy.settled(&done, &candidates).unwrap();
/// assert_eq!(next.requirements().trials, [challenger]);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub struct Repeated {
    policy: Arc<dyn RolloutPolicy>,
    make: Arc<Make>,
}

impl Repeated {
    /// A policy for this release, and one for each to come.
    ///
    /// # Errors
    /// What `make` answers.
    pub fn new(make: impl Fn() -> Result<Arc<dyn RolloutPolicy>> + Send + Sync + 'static) -> Result<Self> {
        Ok(Self { policy: make()?, make: Arc::new(make) })
    }
}

#[deny(clippy::missing_trait_methods)]
impl RolloutPolicy for Repeated {
    fn assign(&self, ask: &Ask<'_>) -> Assignment {
        self.policy.assign(ask)
    }

    fn probability(&self, ask: &Ask<'_>, position: usize) -> Option<f64> {
        self.policy.probability(ask, position)
    }

    fn requirements(&self) -> Requirements {
        self.policy.requirements()
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
        // One that goes on has other arms to decide about.
        let successor = self.policy.settled(done, candidates)?;
        match (self.make)() {
            Ok(policy) => Some(Arc::new(Self { policy, make: self.make.clone() })),
            Err(error) => {
                tracing::error!(%error, "the next release has no policy: every unit gets the default arm");
                Some(successor)
            }
        }
    }

    fn save(&self) -> Result<PolicyState> {
        self.policy.save()
    }

    fn restore(&self, state: &PolicyState) -> Result<()> {
        self.policy.restore(state)
    }

    fn merge(&self, state: &PolicyState) -> Result<()> {
        self.policy.merge(state)
    }

    fn reconcile(&self, shared: Option<&PolicyState>) -> Result<Option<PolicyState>> {
        self.policy.reconcile(shared)
    }

    fn reconciled(&self) {
        self.policy.reconciled();
    }
}

impl fmt::Debug for Repeated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Repeated").field(&self.policy).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::Stickiness;
    use crate::name::Version;
    use crate::rollout::Candidate;
    use crate::rollout::canary::tests::canary;
    use crate::rollout::testing::{arm, hold};

    fn repeated() -> Repeated {
        Repeated::new(|| Ok(Arc::new(canary()))).unwrap()
    }

    #[test]
    fn it_keeps_the_contract() {
        hold(repeated, Stickiness::Unit);
    }

    #[test]
    fn the_next_version_is_tried_by_the_same_rules() {
        let policy = repeated();
        let (champion, challenger) = (arm("champion"), arm("challenger"));
        let of = |version: u64| {
            let version = Version::new(version).unwrap();
            let arms = [
                Candidate::new(champion.clone(), Version::FIRST),
                Candidate::new(challenger.clone(), version),
            ];
            Candidates::new(arms).unwrap()
        };
        assert_eq!(policy.follow(&of(2)), None);
        let done = Decision::roll_back(challenger.clone(), "harm");
        let next = policy.settled(&done, &of(2)).unwrap();
        // Nothing is known of the version that was rolled back, and the next is on trial from the first step.
        assert_eq!(next.follow(&of(3)), None);
        assert_eq!(next.save().unwrap(), {
            let fresh = canary();
            fresh.follow(&of(3));
            fresh.save().unwrap()
        });
        assert!(next.settled(&done, &of(3)).is_some_and(|next| next.requirements() == policy.requirements()));
    }
}
