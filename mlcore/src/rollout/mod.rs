//! Which arm answers a unit, and may the canary grow?
//!
//! Everything here is pure: randomness arrives as a [`Draw`], time as an argument, evidence through
//! [`observe`](RolloutPolicy::observe). So the same traffic log gives the same decisions, in production and in a test.
//! Effects (moving aliases, withdrawing a version) are the endpoint's.
//!
//! | policy | who answers |
//! |---|---|
//! | [`Fixed`] | always the same arm |
//! | [`Weighted`] | arms by weight, each unit always the same one |
//! | [`Experiments`] | arms by share and by targeting rules, in layers, with hold-outs, overrides and feature flags |
//! | [`Canary`] | a growing share, as long as a [`Ramp`] finds no harm |
//! | [`SteppedCanary`] | a share that grows by steps: weights, pauses, gates, analyses, a schedule |
//! | [`BlueGreen`] | one of two arms for all units, switched at once, the other warm for the way back |
//! | [`BanditRollout`] | arms by what they have earned, learnt while they answer |
//! | [`ContextualRollout`] | arms by what they have earned for requests with such features |
//! | [`Repeated`] | what another policy says, for one release after the other |
//! | [`Shadowed`] | what another policy says, with shadows that run beside it |

mod ask;
mod assignment;
mod bandit;
mod blue_green;
mod bucket;
mod canary;
mod candidates;
mod comparison;
mod context;
mod decision;
mod experiments;
mod fixed;
mod outcome;
mod ramp;
mod repeated;
mod requirements;
mod shadow;
mod since_asked;
mod split;
mod state;
mod stepped;
mod subjects;
mod weighted;

use std::sync::Arc;
use std::time::Duration;

pub use self::ask::{Ask, Draw};
pub use self::assignment::Assignment;
#[cfg(test)]
use self::bandit::contextual;
pub use self::bandit::{
    AssignBy, BanditRollout, BanditRolloutOptions, ContextualRollout, ContextualRolloutOptions, RewardRule,
};
pub use self::blue_green::{BlueGreen, BlueGreenOptions};
pub use self::bucket::bucket;
pub use self::canary::{Canary, CanaryOptions};
pub use self::candidates::{ArmSet, Candidate, Candidates};
pub use self::comparison::{
    Agreement, AgreementOptions, AgreementVerdict, BoundedShare, Comparison, ComparisonReport, LabelPair,
    RankCorrelation, Reply, Spreads, Tolerance,
};
pub use self::context::{Context, OwnedContext};
pub use self::decision::Decision;
pub use self::experiments::{
    ErrorCode, EvaluationDetails, Experiment, Experiments, ExperimentsOptions, FlagMetadata, Layer, Operator,
    Override, Reason, Rule, Stretches, Target, Undecided, Variant, Verdict,
};
pub use self::fixed::Fixed;
pub use self::outcome::{Observation, Outcome};
pub use self::ramp::{
    Evidence, ExpectedRequests, Expiry, Guardrail, Metric, Phase, Ramp, RampOptions, RampState, Side, Traffic,
};
pub use self::repeated::Repeated;
pub use self::requirements::Requirements;
pub use self::shadow::Shadowed;
pub use self::state::{PolicyState, StateFormat};
pub use self::stepped::{CanaryStep, Schedule, SteppedCanary, SteppedCanaryOptions, Weekday, Window};
pub use self::subjects::Subjects;
pub use self::weighted::Weighted;
use crate::error::{Error, Result};
use crate::time::Timestamp;

/// The policies of this crate, listed once, each with the file that it is in: what is built from a state by its kind, and
/// what the tests hold to the contract.
macro_rules! policies {
    ($($file:ident: $policy:ty),+ $(,)?) => {
        impl PolicyState {
            /// The kinds that [`PolicyState::to_policy`] knows.
            pub const KINDS: &[&str] = &[$(<$policy>::FORMAT.kind()),+];

            /// The policy that this state was saved by, where it stood; of this crate's kinds only.
            ///
            /// # Errors
            /// [`Error::Unsupported`] for a kind that is not one of [`PolicyState::KINDS`]; else what the policy's own
            /// `from_state` answers.
            pub fn to_policy(&self) -> Result<Arc<dyn RolloutPolicy>> {
                $(if self.kind() == <$policy>::FORMAT.kind() {
                    return Ok(Arc::new(<$policy>::from_state(self)?));
                })+
                let problem = format!("{} is not one of {}", self.kind(), Self::KINDS.join(", "));
                Err(Error::unsupported("build policy", "state", problem)
                    .remedy("build the policy with its own options, and restore the state into it"))
            }
        }

        #[cfg(test)]
        mod contract {
            /// Does not compile while the file of a listed policy has no `tests::contract`.
            #[test]
            fn every_policy_keeps_it() {
                $(super::$file::tests::contract();)+
            }
        }
    };
}

policies! {
    fixed: Fixed,
    weighted: Weighted,
    canary: Canary,
    shadow: Shadowed<Arc<dyn RolloutPolicy>>,
    blue_green: BlueGreen,
    stepped: SteppedCanary,
    experiments: Experiments,
    bandit: BanditRollout,
    contextual: ContextualRollout,
}

/// Decides who answers, and what follows from what came of it.
///
/// Contract, proved for any implementation by `conformance::rollout_policy`:
/// - `assign` names a candidate, whatever the candidates are, with a propensity in `(0, 1]`; a shadow is never the
///   arm that answers;
/// - `probability`, where it tells one, tells those of all candidates: that of the assigned one is its propensity, and their sum
///   is 1;
/// - it depends on nothing but its arguments and what was observed: no clock, no I/O, no randomness of its own;
/// - it is cheap and does not block: it is called for every request, from many threads;
/// - `observe` takes anything, late, twice, or about arms that are gone;
/// - `tell_time` takes any time, also one that was before the last; without it a policy that needs the time holds;
/// - `decide` repeats a promotion or rollback until it is told to be carried out, and an arm that it wants withdrawn is
///   assigned to no unit;
/// - harm that was found of one version is not that of the next: told by `follow` that an arm answers with another version, a
///   policy forgets what it learnt, and told of the same versions again it changes nothing;
/// - a policy into which a saved state was restored assigns and decides as the one that saved it; states of other
///   kinds or options are refused, and change nothing;
/// - `merge`, where it means something, gives the same in either order, and adding nothing changes nothing;
/// - replicas that share a state by `reconcile` come to assign alike, as one that merged what each of them saw, whichever of their
///   states were lost on the way.
///
/// ```
/// use mlcore::Result;
/// use mlcore::name::{Arm, UnitId, Version};
/// use mlcore::rollout::{
///     Ask, Assignment, Candidate, Candidates, Draw, PolicyState, RolloutPolicy, StateFormat,
/// };
///
/// /// Explores: one request in ten is answered by an arm drawn evenly from all.
/// #[derive(Debug)]
/// struct Explore;
///
/// const FORMAT: StateFormat = StateFormat::new("explore", 1);
///
/// impl RolloutPolicy for Explore {
///     fn assign(&self, ask: &Ask<'_>) -> Assignment {
///         let arms = ask.candidates.as_slice().len() as f64;
///         // The draw's first tenth explores and, stretched to [0, 1), says whom.
///         let explore = ask.draw.unit_interval() * 10.0;
///         let position = if explore < 1.0 { (explore * arms) as usize } else { 0 };
///         let propensity = 0.1 / arms + if position == 0 { 0.9 } else { 0.0 };
///         Assignment::certain(position).with_propensity(propensity)
///     }
///
///     // It has no options and learns nothing.
///     fn save(&self) -> Result<PolicyState> {
///         PolicyState::new(FORMAT, &(), &())
///     }
///
///     fn restore(&self, state: &PolicyState) -> Result<()> {
///         state.progress(FORMAT, &())
///     }
/// }
///
/// let arms = ["champion", "challenger"].map(|arm| Ok(Candidate::new(Arm::new(arm)?, Version::FIRST)));
/// let candidates = Candidates::new(arms.into_iter().collect::<Result<Vec<_>>>()?)?;
/// let unit = UnitId::new("user-17")?;
/// let assignment = Explore.assign(&Ask::new(&unit, &candidates, Draw::new(u64::MAX)));
/// assert_eq!((assignment.position, assignment.propensity), (0, 0.05 + 0.9));
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait RolloutPolicy: Send + Sync + std::fmt::Debug {
    /// The arm that answers, and its shadows.
    fn assign(&self, ask: &Ask<'_>) -> Assignment;

    /// The probability with which the candidate at `position` answers, where the policy can tell: that of the assigned one is its
    /// propensity, and together they are 1. Off-policy evaluation needs those of the arms that did not answer, too. The default
    /// cannot tell.
    fn probability(&self, ask: &Ask<'_>, position: usize) -> Option<f64> {
        let _ = (ask, position);
        None
    }

    /// What it needs to come to a decision; an endpoint without it refuses the policy. The default needs nothing.
    fn requirements(&self) -> Requirements {
        Requirements::default()
    }

    /// Takes note of the arms that answer from now on, the default first, and of their versions. Evidence belongs to versions:
    /// what was learnt about others is forgotten, and answers which, in words; `None` where nothing was. An arm that does not
    /// answer is no other version. The default has nothing to forget.
    fn follow(&self, candidates: &Candidates) -> Option<String> {
        let _ = candidates;
        None
    }

    /// Takes evidence. The default ignores it.
    fn observe(&self, outcome: &Outcome<'_>) {
        let _ = outcome;
    }

    /// Takes note of the time of the wall clock, for a policy that acts by the day of the week or the hour. Told before each decision
    /// by an endpoint; it may be set back. The default has no use for it.
    fn tell_time(&self, now: Timestamp) {
        let _ = now;
    }

    /// What should be done about the release, at `now` on a clock that never goes backwards. Asked again and again;
    /// a promotion or rollback is wanted until the caller has carried it out and says so to
    /// [`settled`](RolloutPolicy::settled). The default holds.
    fn decide(&self, now: Duration) -> Decision {
        let _ = now;
        Decision::hold("this policy changes nothing by itself")
    }

    /// Takes note that the promotion or rollback `done` has been carried out, and answers the policy that takes over;
    /// `None` when this one goes on, because it still has other arms to decide about.
    ///
    /// `candidates` are the arms that answered until then, the default first. The default implementation hands over to
    /// [`Fixed`]: every unit gets the default arm.
    fn settled(&self, done: &Decision, candidates: &Candidates) -> Option<Arc<dyn RolloutPolicy>> {
        let _ = done;
        Some(Arc::new(Fixed::new(candidates.at(0).arm.clone())))
    }

    /// The state as a value: options, and what was learnt from evidence and decided.
    ///
    /// # Errors
    /// As [`PolicyState::new`].
    fn save(&self) -> Result<PolicyState>;

    /// Goes on where the policy that saved `state` was. What this one has learnt is forgotten.
    ///
    /// # Errors
    /// As [`PolicyState::progress`]; nothing changes then.
    fn restore(&self, state: &PolicyState) -> Result<()>;

    /// Adds what a replica has learnt from requests that this policy has not seen; a state that is merged twice counts
    /// twice. The default refuses.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the states of two policies have no sum; else as
    /// [`restore`](RolloutPolicy::restore).
    fn merge(&self, state: &PolicyState) -> Result<()> {
        let problem = "what two policies of this kind have learnt cannot be added up";
        Err(Error::unsupported("merge policy", format!("state of a {} policy", state.kind()), problem)
            .remedy("let one replica gather the evidence of all"))
    }

    /// Goes on from what replicas share, and from what this one has learnt that is not in it yet; answers the two together, to be
    /// shared in its place, or `None` where this one has nothing to add.
    ///
    /// `shared` is the state that was last shared by any replica, `None` where there is none. What this policy knew of the shared
    /// state before is replaced and not added to, so that each request counts once, however often replicas exchange states. The
    /// caller stores the answer where nobody has shared another state meanwhile, and then calls
    /// [`reconciled`](RolloutPolicy::reconciled). Where it could not, the next call adds the same evidence to whatever is shared
    /// then.
    ///
    /// Only a policy that names a [shared state](Requirements::shared_state) is asked. The default shares nothing.
    ///
    /// # Errors
    /// As [`restore`](RolloutPolicy::restore); nothing changes then.
    fn reconcile(&self, shared: Option<&PolicyState>) -> Result<Option<PolicyState>> {
        let _ = shared;
        Ok(None)
    }

    /// Takes note that what [`reconcile`](RolloutPolicy::reconcile) last answered is shared now. The default shares nothing.
    fn reconciled(&self) {}
}

/// A shared policy is one too: an operator holds the same [`Canary`] that an endpoint asks, and [`Shadowed`] wraps a
/// policy whose type is not known.
#[deny(clippy::missing_trait_methods)]
impl<P: RolloutPolicy + ?Sized> RolloutPolicy for Arc<P> {
    fn assign(&self, ask: &Ask<'_>) -> Assignment {
        (**self).assign(ask)
    }

    fn probability(&self, ask: &Ask<'_>, position: usize) -> Option<f64> {
        (**self).probability(ask, position)
    }

    fn requirements(&self) -> Requirements {
        (**self).requirements()
    }

    fn follow(&self, candidates: &Candidates) -> Option<String> {
        (**self).follow(candidates)
    }

    fn observe(&self, outcome: &Outcome<'_>) {
        (**self).observe(outcome);
    }

    fn tell_time(&self, now: Timestamp) {
        (**self).tell_time(now);
    }

    fn decide(&self, now: Duration) -> Decision {
        (**self).decide(now)
    }

    fn settled(&self, done: &Decision, candidates: &Candidates) -> Option<Arc<dyn RolloutPolicy>> {
        (**self).settled(done, candidates)
    }

    fn save(&self) -> Result<PolicyState> {
        (**self).save()
    }

    fn restore(&self, state: &PolicyState) -> Result<()> {
        (**self).restore(state)
    }

    fn merge(&self, state: &PolicyState) -> Result<()> {
        (**self).merge(state)
    }

    fn reconcile(&self, shared: Option<&PolicyState>) -> Result<Option<PolicyState>> {
        (**self).reconcile(shared)
    }

    fn reconciled(&self) {
        (**self).reconciled();
    }
}

/// What the tests of each policy begin with.
#[cfg(test)]
mod testing {
    use super::*;
    use crate::conformance::{Stickiness, rollout_policy};
    use crate::name::{Arm, UnitId, Version};

    pub(super) fn arm(name: &str) -> Arm {
        Arm::new(name).unwrap()
    }

    pub(super) fn candidates(names: &[&str]) -> Candidates {
        Candidates::new(names.iter().map(|name| Candidate::new(arm(name), Version::FIRST))).unwrap()
    }

    /// The arms of many units, by position.
    pub(super) fn positions(policy: &dyn RolloutPolicy, candidates: &Candidates) -> Vec<usize> {
        let position = |i| {
            let unit = UnitId::new(format!("u{i}")).unwrap();
            policy.assign(&Ask::new(&unit, candidates, Draw::new(i))).position
        };
        (0..10_000).map(position).collect()
    }

    /// Holds a policy of this crate to the contract, and to being built from what it saved.
    pub(super) fn hold<P: RolloutPolicy>(make: impl Fn() -> P, stickiness: Stickiness) {
        rollout_policy(&make, stickiness);
        let (state, candidates) = (make().save().unwrap(), candidates(&["champion", "challenger", "third"]));
        let built = state.to_policy().unwrap();
        assert_eq!(built.save().unwrap(), state);
        assert_eq!(positions(&*built, &candidates), positions(&make(), &candidates));
    }
}
