//! What follows: any evidence is taken, decisions are repeated until they are carried out, and not after it.

use std::time::Duration;

use super::traffic::{Traffic, arm, candidates, check, draw, play, unit};
use crate::name::{MeasureName, Version};
use crate::rollout::{Ask, Candidate, Candidates, Context, Decision, Observation, Outcome, RolloutPolicy};

pub(super) fn hold<P: RolloutPolicy>(make: &impl Fn() -> P) {
    anything_is_observed(&make());
    for traffic in Traffic::ALL {
        decisions_are_carried_out_once(make, traffic);
    }
}

fn anything_is_observed(policy: &impl RolloutPolicy) {
    let observations = [
        Observation::answered(Duration::ZERO),
        Observation::answered(Duration::MAX),
        Observation::Failed,
        Observation::scored(f64::NAN),
        Observation::scored(f64::INFINITY),
        Observation::scored(-f64::MAX),
        Observation::measured(measure(), f64::NAN),
        Observation::measured(measure(), f64::MAX),
        Observation::judged(measure(), true),
        Observation::breach(""),
    ];
    for name in ["champion", "challenger", "third", "stranger"] {
        for (epoch, propensity) in [(0, 1.0), (1, 0.0), (u32::MAX, f64::NAN)] {
            for observation in &observations {
                let arm = arm(name);
                let outcome = Outcome::new(&arm, observation.clone()).with_epoch(epoch);
                let context = Context::EMPTY.with_features(&[f64::NAN, 1.0]);
                policy.observe(&outcome.with_propensity(propensity).with_context(context));
                check_decision(&policy.decide(Duration::MAX));
            }
        }
    }
    let candidates = candidates(&["champion", "challenger"]);
    check(&policy.assign(&Ask::new(&unit(1), &candidates, draw(1))), &candidates);
}

fn decisions_are_carried_out_once<P: RolloutPolicy>(make: &impl Fn() -> P, traffic: Traffic) {
    let Some((policy, decision, now)) = until_decided(make, traffic) else { return };
    carried_out(&policy, &decision, now);
    // The same once more, because that one is over.
    if let Some((policy, decision, now)) = until_decided(make, traffic) {
        belongs_to_versions(&policy, &decision, now);
    }
}

/// Sends traffic until a policy wants to promote or to withdraw an arm, if it ever does; with the policy's time.
fn until_decided<P: RolloutPolicy>(
    make: &impl Fn() -> P,
    traffic: Traffic,
) -> Option<(P, Decision, Duration)> {
    let (policy, mut clock) = (make(), Duration::ZERO);
    for start in (0..20_000).step_by(50) {
        for decision in play(&policy, traffic, start..start + 50, &mut clock).decisions {
            check_decision(&decision);
            if matches!(decision, Decision::Promote { .. } | Decision::RollBack { .. }) {
                return Some((policy, decision, clock));
            }
        }
    }
    None
}

fn same(one: &Decision, other: &Decision) -> bool {
    one.arm() == other.arm() && std::mem::discriminant(one) == std::mem::discriminant(other)
}

/// What was decided about a version does not concern the next one of its arm, and is not forgotten as long as it answers.
fn belongs_to_versions(policy: &impl RolloutPolicy, decision: &Decision, now: Duration) {
    let Some(arm) = decision.arm().filter(|arm| policy.requirements().trials.contains(arm)) else { return };
    let known = candidates(&["champion", "challenger", "third"]);
    for (arms, which) in
        [(known.clone(), "the same versions"), (candidates(&["champion"]), "no other version")]
    {
        let told = policy.follow(&arms);
        let again = policy.decide(now);
        assert!(
            told.is_none() && same(decision, &again),
            "told of {which}, it forgot {told:?} and {decision:?} became {again:?}"
        );
    }
    let newer = known.as_slice().iter().map(|known| {
        let version = if known.arm == *arm { Version::FIRST.next() } else { Version::FIRST };
        Candidate::new(known.arm.clone(), version)
    });
    let told = policy.follow(&Candidates::new(newer).unwrap());
    let next = policy.decide(now);
    assert!(
        told.is_some() && !same(decision, &next),
        "{decision:?} was about another version of {arm}, and is wanted of the next one"
    );
}

fn carried_out(policy: &impl RolloutPolicy, decision: &Decision, now: Duration) {
    let same = |other: &Decision| same(decision, other);
    let again = policy.decide(now);
    assert!(same(&again), "before it was carried out, {decision:?} became {again:?}");
    let candidates = candidates(&["champion", "challenger", "third"]);
    if let Decision::RollBack { arm, .. } = decision
        && let Some(withdrawn) = candidates.position(arm).filter(|position| *position > 0)
    {
        for number in 0..500 {
            let assignment = policy.assign(&Ask::new(&unit(number), &candidates, draw(number)));
            assert!(assignment.position != withdrawn, "unit {number} got {arm}, which is to be withdrawn");
        }
    }
    let successor = policy.settled(decision, &candidates);
    let serving: &dyn RolloutPolicy = successor.as_deref().unwrap_or(policy);
    for number in 0..500 {
        check(&serving.assign(&Ask::new(&unit(number), &candidates, draw(number))), &candidates);
    }
    let next = serving.decide(now);
    check_decision(&next);
    assert!(!same(&next), "{decision:?} was carried out, and is wanted again");
}

fn measure() -> MeasureName {
    MeasureName::new("measure").unwrap()
}

fn check_decision(decision: &Decision) {
    if let Decision::Step { arm, share, .. } = decision {
        assert!((0.0..=1.0).contains(share), "a share of {share} for {arm}");
    }
}
