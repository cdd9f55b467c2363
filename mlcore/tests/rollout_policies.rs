//! Policies against their contract: who answers, how steadily, and what counts as evidence.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "rollout_policies/absent.rs"]
mod absent;
#[path = "rollout_policies/assignment.rs"]
mod assignment;

use std::sync::Arc;
use std::time::Duration;

use mlcore::Result;
use mlcore::conformance::{Stickiness, rollout_policy};
use mlcore::name::{Arm, UnitId, Version};
use mlcore::rollout::{
    ArmSet, Ask, Assignment, Canary, CanaryOptions, Candidate, Candidates, Decision, Draw, Guardrail, Metric,
    Observation, Outcome, PolicyState, RampOptions, RolloutPolicy, Shadowed, StateFormat, bucket,
};
use proptest::prelude::*;

fn arm(name: &str) -> Arm {
    Arm::new(name).unwrap()
}

fn candidates(names: &[&str]) -> Candidates {
    Candidates::new(names.iter().map(|name| Candidate::new(arm(name), Version::FIRST))).unwrap()
}

fn options() -> RampOptions {
    RampOptions::new([Guardrail::new(Metric::ErrorRate, 0.05).unwrap().with_limit(0.3).unwrap()])
}

fn canary(salt: &str, ramp: RampOptions) -> Canary {
    Canary::new(CanaryOptions::new(arm("champion"), arm("challenger"), salt, ramp)).unwrap()
}

fn unit(number: usize) -> UnitId {
    UnitId::new(format!("user-{number}")).unwrap()
}

#[test]
fn positions_match_the_committed_vectors() {
    let text = include_str!("../../testdata/golden/rollout/buckets.json");
    let vectors: Vec<(String, String, f64)> = serde_json::from_str(text).unwrap();
    assert!(vectors.len() >= 12);
    for (salt, unit, position) in vectors {
        assert_eq!(bucket(&salt, &UnitId::new(unit).unwrap()), position);
    }
}

/// Which of many units are on trial.
fn on_trial(policy: &Canary, both: &Candidates) -> Vec<bool> {
    (0..4_000).map(|i| policy.assign(&Ask::new(&unit(i), both, Draw::new(0))).position == 1).collect()
}

fn observe(policy: &Canary, name: &str, epoch: u32, observation: Observation) {
    policy.observe(&Outcome::new(&arm(name), observation).with_epoch(epoch));
}

/// Flawless answers of both arms in the present epoch, as many as a step wants; the decision that follows.
fn pass_a_step(policy: &Canary, both: &Candidates) -> Decision {
    let epoch = policy.assign(&Ask::new(&unit(0), both, Draw::new(0))).epoch;
    for _ in 0..2_000 {
        for name in ["champion", "challenger"] {
            observe(policy, name, epoch, Observation::answered(Duration::from_micros(20)));
        }
    }
    policy.decide(Duration::ZERO)
}

/// Draws every request anew: a third of them explores.
#[derive(Debug)]
struct Explore;

impl RolloutPolicy for Explore {
    fn assign(&self, ask: &Ask<'_>) -> Assignment {
        let arms = ask.candidates.as_slice().len();
        let explore = ask.draw.unit_interval() * 3.0;
        let position = if explore < 1.0 { (explore * arms as f64) as usize } else { 0 };
        let propensity = 1.0 / 3.0 / arms as f64 + if position == 0 { 2.0 / 3.0 } else { 0.0 };
        Assignment::certain(position).with_propensity(propensity)
    }

    fn save(&self) -> Result<PolicyState> {
        PolicyState::new(EXPLORE, &(), &())
    }

    fn restore(&self, state: &PolicyState) -> Result<()> {
        state.progress(EXPLORE, &())
    }
}

const EXPLORE: StateFormat = StateFormat::new("explore", 1);

#[test]
fn a_policy_of_a_stranger_keeps_the_contract_by_itself_and_inside_of_others() {
    rollout_policy(|| Explore, Stickiness::Draw);
    rollout_policy(|| Shadowed::new(Explore, [arm("third"), arm("gone")], 1.0).unwrap(), Stickiness::Draw);
    let shared = || Arc::new(Explore) as Arc<dyn RolloutPolicy>;
    rollout_policy(|| Shadowed::new(shared(), [arm("third")], 0.25).unwrap(), Stickiness::Draw);
}

#[test]
fn a_shared_policy_is_the_one_it_shares() {
    let (both, own) = (candidates(&["champion", "challenger"]), Arc::new(canary("release-2", options())));
    let shared: Arc<dyn RolloutPolicy> = own.clone();
    let epoch = shared.assign(&Ask::new(&unit(0), &both, Draw::new(0))).epoch;
    let breach = Observation::breach("an operator saw it");
    shared.observe(&Outcome::new(&arm("challenger"), breach).with_epoch(epoch));
    assert_eq!(own.ramp().share(), 0.0);
    let decision = shared.decide(Duration::ZERO);
    assert_eq!(decision, Decision::roll_back(arm("challenger"), "an operator saw it"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_ramp_never_reshuffles(
        salt in "[a-z]{0,12}",
        steps in prop::collection::btree_set(1_u32..100, 1..5),
        explicit_end in any::<bool>(),
    ) {
        let both = candidates(&["champion", "challenger"]);
        let mut steps: Vec<f64> = steps.into_iter().map(|percent| f64::from(percent) / 100.0).collect();
        let last = steps.len();
        if explicit_end {
            steps.push(1.0);
        }
        let policy = canary(&salt, options().with_steps(steps));
        let mut before = on_trial(&policy, &both);
        for step in 1..=last {
            let decision = pass_a_step(&policy, &both);
            let promoted = matches!(decision, Decision::Promote { .. });
            prop_assert!(promoted == (step == last), "{:?} at step {} of {}", decision, step, last);
            let after = on_trial(&policy, &both);
            prop_assert!(before.iter().zip(&after).all(|(a, b)| a <= b), "a unit left the canary");
            let restored = Canary::from_state(&policy.save().unwrap()).unwrap();
            prop_assert_eq!(&on_trial(&restored, &both), &after, "a restart moved units");
            before = after;
        }
        // The promotion gives it the rest.
        prop_assert_eq!(policy.ramp().share(), policy.ramp().options().steps[last - 1]);
    }
}

#[test]
fn only_concurrent_outcomes_of_this_release_are_evidence() {
    let both = candidates(&["champion", "challenger"]);
    let counted = |policy: &Canary| {
        let ramp = policy.ramp();
        (ramp.evidence()[0].canary.count(), ramp.evidence()[0].control.count())
    };
    let policy = canary("release-2", options());
    let epoch = policy.assign(&Ask::new(&unit(0), &both, Draw::new(0))).epoch;

    // Late outcomes of the release before, whose arms had the same names.
    let earlier = canary("release-1", options()).assign(&Ask::new(&unit(0), &both, Draw::new(0))).epoch;
    // While one arm could not answer, everybody got the other: those outcomes have no counterpart.
    let alone: Vec<u32> = [candidates(&["champion"]), candidates(&["challenger"])]
        .iter()
        .map(|one| policy.assign(&Ask::new(&unit(0), one, Draw::new(0))).epoch)
        .collect();
    for stale in [earlier, alone[0], alone[1], 0, u32::MAX] {
        for name in ["champion", "challenger", "stranger"] {
            observe(&policy, name, stale, Observation::Failed);
        }
    }
    assert_eq!(counted(&policy), (0, 0));
    observe(&policy, "champion", epoch, Observation::Failed);
    observe(&policy, "stranger", epoch, Observation::Failed);
    assert_eq!(counted(&policy), (0, 1));

    assert!(matches!(pass_a_step(&policy, &both), Decision::Step { share: 0.2, .. }));
    observe(&policy, "challenger", epoch, Observation::Failed);
    assert_eq!(counted(&policy), (0, 0), "an outcome of the last step");
}

#[test]
fn a_breach_always_counts_and_rolling_back_is_for_good() {
    let both = candidates(&["champion", "challenger"]);
    let breach = || Observation::breach("an operator pulled the cord");
    let running = canary("a", options());
    let passed = canary("b", options().with_steps([0.5]));
    assert!(matches!(pass_a_step(&passed, &both), Decision::Promote { .. }));
    for policy in [running, passed] {
        observe(&policy, "champion", 0, breach());
        assert!(!matches!(policy.decide(Duration::ZERO), Decision::RollBack { .. }), "the control's breach");
        observe(&policy, "challenger", 99, breach());
        for second in 0..100 {
            pass_a_step(&policy, &both);
            policy.thaw();
            let Decision::RollBack { reason, .. } = policy.decide(Duration::from_secs(second)) else {
                panic!()
            };
            assert_eq!(reason, "an operator pulled the cord");
        }
        assert!(on_trial(&policy, &both).iter().all(|on_trial| !on_trial));
    }
}

#[test]
fn shadows_are_drawn_apart_from_arms() {
    let both = candidates(&["champion", "challenger", "third"]);
    let policy = Shadowed::new(Explore, [arm("third")], 0.25).unwrap();
    let (mut seen, mut shadowed) = ([0_u32; 3], [0_u32; 3]);
    for number in 0..60_000_u64 {
        let draw = Draw::new(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).another();
        let assignment = policy.assign(&Ask::new(&unit(1), &both, draw));
        seen[assignment.position] += 1;
        shadowed[assignment.position] += u32::from(!assignment.shadows.is_empty());
    }
    for position in 0..2 {
        let share = f64::from(shadowed[position]) / f64::from(seen[position]);
        assert!((share - 0.25).abs() < 0.02, "{share} of arm {position}");
    }
    assert_eq!(shadowed[2], 0, "an arm is not its own shadow");
    assert!(Shadowed::new(Explore, [], 1.5).is_err() && Shadowed::new(Explore, [], f64::NAN).is_err());
}

#[test]
fn a_release_that_ended_leaves_the_default_arm_and_the_shadows() {
    let all = candidates(&["champion", "challenger", "third"]);
    let policy =
        Shadowed::new(canary("release-2", options().with_steps([0.5])), [arm("third")], 1.0).unwrap();
    let done = pass_a_step(policy.policy(), &all);
    assert!(matches!(done, Decision::Promote { .. }), "{done:?}");
    let next = policy.settled(&done, &all).unwrap();
    for number in 0..200 {
        let unit = unit(number);
        let assignment = next.assign(&Ask::new(&unit, &all, Draw::new(number as u64)));
        assert_eq!(assignment, Assignment::certain(0).with_shadows(ArmSet::default().with(2)));
    }
    assert!(matches!(next.decide(Duration::ZERO), Decision::Hold { .. }), "the release is decided twice");
}

#[test]
fn a_canary_is_not_its_own_control_and_keeps_its_options() {
    let same = CanaryOptions::new(arm("a"), arm("a"), "", options());
    assert!(Canary::new(same).unwrap_err().to_string().contains("its own control"));
    let state = canary("a", options()).save().unwrap();
    let refused = |other: Canary, words: &str| {
        let error = other.restore(&state).unwrap_err().to_string();
        assert!(error.contains("other options") && error.contains(words), "{error}");
    };
    refused(canary("a", options().with_alpha(0.01)), "ramp.alpha is 0.05 there and 0.01 here");
    refused(canary("b", options()), "salt is \"a\" there and \"b\" here");
}

#[test]
fn candidates_are_arms_that_differ() {
    let twice = ["a", "b", "a"].map(|name| Candidate::new(arm(name), Version::FIRST));
    assert!(Candidates::new(twice).unwrap_err().to_string().contains("twice"));
    assert!(Candidates::new([]).is_err());
    let many = (0..65).map(|i| Candidate::new(arm(&format!("arm{i}")), Version::FIRST));
    assert!(Candidates::new(many).is_err());
}
