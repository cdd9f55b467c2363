//! The contract of [`RolloutPolicy`].

mod assignments;
mod decisions;
mod states;
mod traffic;

use crate::rollout::RolloutPolicy;

/// What a policy promises about one unit's arm while nothing is observed.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stickiness {
    /// A unit always gets the same arm.
    Unit,
    /// Each request is drawn anew.
    Draw,
}

/// Holds a policy to the contract of [`RolloutPolicy`]: `make` builds it anew, over the arms `champion` (the default),
/// `challenger` and `third`.
///
/// Proved:
/// - assignments name candidates whatever those are and whatever the context says; propensities lie in `(0, 1]` and,
///   without a context, match the frequencies over 20,000 units; shadows never answer;
/// - equal arguments give equal assignments, from a fresh instance and a moment later too; units stick as declared;
/// - any observation is taken, also about arms that are gone, and any time is told;
/// - promotions and rollbacks are repeated until they are carried out and not after it; an arm that is to be withdrawn is
///   assigned to no unit;
/// - what was decided about an arm on trial is forgotten when `follow` says that another version answers for it, and not
///   before;
/// - a state survives JSON, and a policy into which it is restored (fresh or used, on the same clock or another) assigns
///   and decides as the one that saved it; states of other kinds are refused and change nothing;
/// - merging gives the same in either order and grouping, and merging the state of a fresh policy changes nothing;
///   a policy may refuse to merge at all;
/// - replicas of a policy with a shared state come to assign alike, as one that merged what each of them saw, whichever of their
///   states were lost on the way.
///
/// The number of calls is fixed, so that the suite ends for any policy whose methods do.
///
/// ```
/// use mlcore::conformance::{Stickiness, rollout_policy};
/// use mlcore::name::Arm;
/// use mlcore::rollout::Fixed;
///
/// let challenger = Arm::new("challenger")?;
/// rollout_policy(|| Fixed::new(challenger.clone()), Stickiness::Unit);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn rollout_policy<P: RolloutPolicy>(make: impl Fn() -> P, stickiness: Stickiness) {
    assignments::hold(&make, stickiness);
    decisions::hold(&make);
    states::hold(&make);
}
