use std::time::Duration;

use crate::name::{Arm, UnitId, Version};
use crate::rollout::{Ask, Assignment, Candidate, Candidates, Draw, Observation, Outcome, RolloutPolicy};

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
/// Proved: assignments name candidates whatever those are; propensities lie in `(0, 1]` and match the frequencies
/// over 20,000 units; shadows never answer; equal arguments give equal assignments, from a fresh instance too;
/// stickiness as declared; and any observation, also about arms that are gone, is taken without a panic.
pub fn rollout_policy<P: RolloutPolicy>(make: impl Fn() -> P, stickiness: Stickiness) {
    let policy = make();
    for arms in [
        &["champion", "challenger", "third"][..],
        &["champion"],
        &["challenger"],
        &["stranger"],
        &["third", "champion"],
    ] {
        let candidates = candidates(arms);
        frequencies_match_propensities(&policy, &candidates);
        equal_arguments_give_equal_assignments(&policy, &make(), &candidates);
        if stickiness == Stickiness::Unit {
            units_stick(&policy, &candidates);
        }
    }
    anything_is_observed(&make());
}

fn frequencies_match_propensities(policy: &impl RolloutPolicy, candidates: &Candidates) {
    const UNITS: u64 = 20_000;
    let arms = candidates.as_slice().len();
    let (mut counts, mut propensities) = (vec![0_u64; arms], vec![0.0; arms]);
    for number in 0..UNITS {
        let assignment = policy.assign(&Ask::new(&unit(number), candidates, draw(number)));
        check(&assignment, candidates);
        counts[assignment.position] += 1;
        propensities[assignment.position] = assignment.propensity;
    }
    for (position, (count, propensity)) in counts.iter().zip(&propensities).enumerate() {
        let (n, expected) = (UNITS as f64, propensity * UNITS as f64);
        // Five standard deviations: a policy that tells the truth fails once in a million runs.
        let slack = 5.0 * (n * propensity * (1.0 - propensity)).sqrt() + 1e-9;
        let gap = (*count as f64 - expected).abs();
        assert!(
            gap <= slack,
            "arm {position} got {count} of {UNITS} units with a stated propensity of {propensity}"
        );
    }
}

fn equal_arguments_give_equal_assignments(
    a: &impl RolloutPolicy,
    b: &impl RolloutPolicy,
    candidates: &Candidates,
) {
    for number in 0..500 {
        let first = a.assign(&Ask::new(&unit(number), candidates, draw(number)));
        assert_eq!(
            first,
            a.assign(&Ask::new(&unit(number), candidates, draw(number))),
            "the same question was answered otherwise"
        );
        assert_eq!(
            first,
            b.assign(&Ask::new(&unit(number), candidates, draw(number))),
            "another replica answered otherwise"
        );
    }
}

fn units_stick(policy: &impl RolloutPolicy, candidates: &Candidates) {
    for number in 0..500 {
        let first = policy.assign(&Ask::new(&unit(number), candidates, draw(0))).position;
        for again in 1..8 {
            let position = policy.assign(&Ask::new(&unit(number), candidates, draw(again))).position;
            assert_eq!(position, first, "unit {number} changed its arm with the draw");
        }
    }
}

fn anything_is_observed(policy: &impl RolloutPolicy) {
    let observations = [
        Observation::Answered { latency: Duration::ZERO },
        Observation::Answered { latency: Duration::MAX },
        Observation::Failed,
        Observation::Scored { loss: f64::NAN },
        Observation::Scored { loss: f64::INFINITY },
        Observation::Scored { loss: -f64::MAX },
        Observation::Breach { reason: String::new() },
    ];
    for arm in ["champion", "challenger", "third", "stranger"] {
        for epoch in [0, 1, u32::MAX] {
            for observation in &observations {
                let arm = Arm::new(arm).unwrap();
                policy.observe(&Outcome::new(&arm, observation.clone()).with_epoch(epoch));
                policy.decide(Duration::MAX);
            }
        }
    }
    let candidates = candidates(&["champion", "challenger"]);
    check(&policy.assign(&Ask::new(&unit(1), &candidates, draw(1))), &candidates);
}

fn check(assignment: &Assignment, candidates: &Candidates) {
    let arms = candidates.as_slice().len();
    assert!(assignment.position < arms, "position {} of {arms} candidates", assignment.position);
    let propensity = assignment.propensity;
    assert!(propensity > 0.0 && propensity <= 1.0, "a propensity of {propensity}");
    for shadow in assignment.shadows.iter() {
        assert!(
            shadow < arms && shadow != assignment.position,
            "shadow {shadow} beside arm {}",
            assignment.position
        );
    }
}

fn candidates(arms: &[&str]) -> Candidates {
    let list = arms.iter().map(|arm| Candidate::new(Arm::new(arm).unwrap(), Version::FIRST));
    Candidates::new(list).unwrap()
}

fn unit(number: u64) -> UnitId {
    UnitId::new(format!("unit-{number}")).unwrap()
}

/// A fixed sequence of well-mixed bits.
fn draw(number: u64) -> Draw {
    let mut bits = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    Draw::new(bits ^ (bits >> 31))
}
