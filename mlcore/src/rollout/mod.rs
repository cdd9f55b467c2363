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
//! | [`Canary`] | a growing share, as long as a [`Ramp`] finds no harm |
//! | [`Shadowed`] | what another policy says, with shadows that run beside it |

mod ask;
mod assignment;
mod bucket;
mod canary;
mod candidates;
mod context;
mod decision;
mod fixed;
mod guardrail;
mod outcome;
mod ramp;
mod shadow;
mod weighted;

use std::sync::Arc;
use std::time::Duration;

pub use self::ask::{Ask, Draw};
pub use self::assignment::Assignment;
pub use self::bucket::bucket;
pub use self::canary::{Canary, CanaryOptions};
pub use self::candidates::{ArmSet, Candidate, Candidates};
pub use self::context::Context;
pub use self::decision::Decision;
pub use self::fixed::Fixed;
pub use self::guardrail::{Guardrail, Metric};
pub use self::outcome::{Observation, Outcome};
pub use self::ramp::{Evidence, Expiry, Phase, Ramp, RampOptions};
pub use self::shadow::Shadowed;
pub use self::weighted::Weighted;

/// Decides who answers, and what follows from what came of it.
///
/// Contract, proved for any implementation by `conformance::rollout_policy`:
/// - `assign` names a candidate, whatever the candidates are, with a propensity in `(0, 1]`; a shadow is never the
///   arm that answers;
/// - it depends on nothing but its arguments and what was observed: no clock, no I/O, no randomness of its own;
/// - it is cheap and does not block: it is called for every request, from many threads;
/// - `observe` takes anything, late, twice, or about arms that are gone.
///
/// ```
/// use mlcore::rollout::{Ask, Assignment, RolloutPolicy};
///
/// /// Explores: one request in ten is answered by an arm drawn evenly from all.
/// #[derive(Debug)]
/// struct Explore;
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
/// }
/// ```
pub trait RolloutPolicy: Send + Sync + std::fmt::Debug {
    /// The arm that answers, and its shadows.
    fn assign(&self, ask: &Ask<'_>) -> Assignment;

    /// Takes evidence. The default ignores it.
    fn observe(&self, outcome: &Outcome<'_>) {
        let _ = outcome;
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
}

/// A shared policy is one too: an operator holds the same [`Canary`] that an endpoint asks, and [`Shadowed`] wraps a
/// policy whose type is not known.
#[deny(clippy::missing_trait_methods)]
impl<P: RolloutPolicy + ?Sized> RolloutPolicy for Arc<P> {
    fn assign(&self, ask: &Ask<'_>) -> Assignment {
        (**self).assign(ask)
    }

    fn observe(&self, outcome: &Outcome<'_>) {
        (**self).observe(outcome);
    }

    fn decide(&self, now: Duration) -> Decision {
        (**self).decide(now)
    }

    fn settled(&self, done: &Decision, candidates: &Candidates) -> Option<Arc<dyn RolloutPolicy>> {
        (**self).settled(done, candidates)
    }
}
