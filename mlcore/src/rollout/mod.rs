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

mod bucket;
mod canary;
mod fixed;
mod guardrail;
mod ramp;
mod shadow;
mod weighted;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::bucket::bucket;
pub use self::canary::{Canary, CanaryOptions};
pub use self::fixed::Fixed;
pub use self::guardrail::{Guardrail, Metric};
pub use self::ramp::{Evidence, Expiry, Phase, Ramp, RampOptions};
pub use self::shadow::Shadowed;
pub use self::weighted::Weighted;
use crate::error::{Error, Result};
use crate::name::{Arm, UnitId, Version};

/// An arm that can answer now, and the version behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// The arm.
    pub arm: Arm,
    /// The version that answers for it.
    pub version: Version,
}

/// The arms that can answer now, at least one. The first is the default: whoever names no living arm gets it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidates {
    list: Vec<Candidate>,
}

impl Candidates {
    /// The most arms there may be at once: shadows are kept as a set of that many bits.
    pub const MOST: usize = 64;

    /// These arms, the default first.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for no arm, more than [`Candidates::MOST`], or one that occurs twice.
    pub fn new(list: impl IntoIterator<Item = Candidate>) -> Result<Self> {
        let list: Vec<Candidate> = list.into_iter().collect();
        if list.is_empty() || list.len() > Self::MOST {
            let problem = format!("{} arms; there must be 1 to {}", list.len(), Self::MOST);
            return Err(Error::invalid_input("build candidates", "arms", problem));
        }
        for (position, candidate) in list.iter().enumerate() {
            if list.iter().take(position).any(|earlier| earlier.arm == candidate.arm) {
                return Err(Error::invalid_input(
                    "build candidates",
                    candidate.arm.as_str(),
                    "the arm occurs twice",
                ));
            }
        }
        Ok(Self { list })
    }

    /// Where the arm stands, if it can answer now.
    #[must_use]
    pub fn position(&self, arm: &Arm) -> Option<usize> {
        self.list.iter().position(|candidate| candidate.arm == *arm)
    }

    /// The arms in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Candidate] {
        &self.list
    }

    /// The candidate at `position`; the default where there is none.
    #[must_use]
    pub fn at(&self, position: usize) -> &Candidate {
        // Not empty by construction.
        self.list.get(position).unwrap_or(&self.list[0])
    }
}

/// Randomness for one assignment, handed in by the caller: 64 uniform bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Draw(u64);

impl Draw {
    /// A draw from 64 uniform bits.
    #[must_use]
    pub fn new(bits: u64) -> Self {
        Self(bits)
    }

    /// Another draw, made from this one and independent of it: for a policy around a policy, so that the two do not
    /// decide by the same bits.
    #[must_use]
    pub fn another(self) -> Self {
        // The finaliser of SplitMix64, which mixes every bit into every other.
        let mut bits = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(bits ^ (bits >> 31))
    }

    /// The draw as a number in `[0, 1)`.
    #[must_use]
    pub fn unit_interval(self) -> f64 {
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A set of arms by position, for shadows: no allocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ArmSet(u64);

impl ArmSet {
    /// Adds the arm at `position`; positions past [`Candidates::MOST`] are ignored.
    #[must_use]
    pub fn with(self, position: usize) -> Self {
        if position < Candidates::MOST { Self(self.0 | (1 << position)) } else { self }
    }

    /// Removes the arm at `position`.
    #[must_use]
    pub fn without(self, position: usize) -> Self {
        if position < Candidates::MOST { Self(self.0 & !(1 << position)) } else { self }
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The positions, ascending.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..Candidates::MOST).filter(move |position| self.0 & (1 << position) != 0)
    }
}

/// Who answers one request.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Assignment {
    /// The answering arm's position among the candidates.
    pub position: usize,
    /// The probability, over units or draws, with which the policy answers so: for off-policy evaluation.
    pub propensity: f64,
    /// Arms that run beside it, whose answers nobody gets.
    pub shadows: ArmSet,
    /// The period of unchanged shares in which this was decided; travels with the outcome.
    pub epoch: u32,
}

impl Assignment {
    /// The arm at `position`, with certainty and without shadows.
    #[must_use]
    pub fn certain(position: usize) -> Self {
        Self { position, propensity: 1.0, shadows: ArmSet::default(), epoch: 0 }
    }
}

/// What came of one request: evidence for the policy.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// The arm that answered.
    pub arm: Arm,
    /// The assignment's epoch.
    pub epoch: u32,
    /// What was seen.
    pub observation: Observation,
}

/// What was seen of one request.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub enum Observation {
    /// It was answered in this time.
    Answered {
        /// From the call to the answer.
        latency: Duration,
    },
    /// The arm failed (the caller's own mistakes do not count).
    Failed,
    /// Its true outcome became known.
    Scored {
        /// How wrong the answer was: log loss, squared error, cost. Less is better.
        loss: f64,
    },
    /// Something outside found the arm unfit: a monitor, an operator.
    Breach {
        /// What it found.
        reason: String,
    },
}

/// What the policy wants done about the release.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// Nothing for now.
    Hold {
        /// What it waits for.
        reason: String,
    },
    /// The canary's share has grown; assignments follow it already.
    Step {
        /// Its share from now on, 0 to 1.
        share: f64,
        /// What was excluded.
        reason: String,
    },
    /// The canary should take the default's place.
    Promote {
        /// What was excluded.
        reason: String,
    },
    /// The canary should be withdrawn; it is assigned to nobody any more.
    RollBack {
        /// The harm that was found.
        reason: String,
    },
}

/// Who answers, and what follows from what came of it.
///
/// Contract, proved for any implementation by `conformance::rollout_policy`:
/// - `assign` names a candidate, whatever the candidates are, with a propensity in `(0, 1]`; a shadow is never the
///   arm that answers;
/// - it depends on nothing but its arguments and what was observed: no clock, no I/O, no randomness of its own;
/// - it is cheap and does not block: it is called for every request, from many threads;
/// - `observe` takes anything, late, twice, or about arms that are gone.
///
/// ```
/// use mlcore::name::UnitId;
/// use mlcore::rollout::{Assignment, Candidates, Draw, RolloutPolicy};
///
/// /// Explores: one request in ten is answered by an arm drawn evenly from all.
/// #[derive(Debug)]
/// struct Explore;
///
/// impl RolloutPolicy for Explore {
///     fn assign(&self, _unit: &UnitId, candidates: &Candidates, draw: Draw) -> Assignment {
///         let arms = candidates.as_slice().len() as f64;
///         // The draw's first tenth explores and, stretched to [0, 1), says whom.
///         let explore = draw.unit_interval() * 10.0;
///         let position = if explore < 1.0 { (explore * arms) as usize } else { 0 };
///         let propensity = 0.1 / arms + if position == 0 { 0.9 } else { 0.0 };
///         Assignment { propensity, ..Assignment::certain(position) }
///     }
/// }
/// ```
pub trait RolloutPolicy: Send + Sync + std::fmt::Debug {
    /// Who answers this unit.
    fn assign(&self, unit: &UnitId, candidates: &Candidates, draw: Draw) -> Assignment;

    /// Takes evidence. The default ignores it.
    fn observe(&self, outcome: &Outcome) {
        let _ = outcome;
    }

    /// The arm on trial, which [`decide`](RolloutPolicy::decide) speaks of. The default has none.
    fn on_trial(&self) -> Option<&Arm> {
        None
    }

    /// What should be done about the release, at `now` on a clock that never goes backwards. Asked again and again;
    /// a promotion or rollback is wanted until the caller has carried it out and replaced the policy. The default holds.
    fn decide(&self, now: Duration) -> Decision {
        let _ = now;
        Decision::Hold { reason: "this policy changes nothing by itself".into() }
    }
}

/// A shared policy is one too: an operator holds the same [`Canary`] that an endpoint asks, and [`Shadowed`] wraps a
/// policy whose type is not known.
#[deny(clippy::missing_trait_methods)]
impl<P: RolloutPolicy + ?Sized> RolloutPolicy for Arc<P> {
    fn assign(&self, unit: &UnitId, candidates: &Candidates, draw: Draw) -> Assignment {
        (**self).assign(unit, candidates, draw)
    }

    fn observe(&self, outcome: &Outcome) {
        (**self).observe(outcome);
    }

    fn on_trial(&self) -> Option<&Arm> {
        (**self).on_trial()
    }

    fn decide(&self, now: Duration) -> Decision {
        (**self).decide(now)
    }
}
