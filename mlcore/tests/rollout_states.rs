//! What policies save: a restart moves no unit and loses no evidence, and what replicas have learnt adds up.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::Duration;

use mlcore::Error;
use mlcore::name::{Arm, UnitId, Version};
use mlcore::rollout::{
    Ask, Assignment, Canary, CanaryOptions, Candidate, Candidates, Decision, Draw, Expiry, Guardrail, Metric,
    Observation, Outcome, Phase, PolicyState, Ramp, RampOptions, RolloutPolicy, Shadowed, Side, StateFormat,
};

fn arm(name: &str) -> Arm {
    Arm::new(name).unwrap()
}

fn both() -> Candidates {
    Candidates::new(["champion", "challenger"].map(|name| Candidate::new(arm(name), Version::FIRST))).unwrap()
}

fn options() -> RampOptions {
    RampOptions::new([
        Guardrail::new(Metric::ErrorRate, 0.05).unwrap().with_limit(0.3).unwrap(),
        Guardrail::new(Metric::Loss, 0.2).unwrap(),
    ])
}

fn canary() -> Canary {
    Canary::new(CanaryOptions::new(arm("champion"), arm("challenger"), "release-2", options())).unwrap()
}

fn unit(number: usize) -> UnitId {
    UnitId::new(format!("user-{number}")).unwrap()
}

fn assignments(policy: &dyn RolloutPolicy, units: usize) -> Vec<Assignment> {
    let both = both();
    (0..units)
        .map(|number| policy.assign(&Ask::new(&unit(number), &both, Draw::new(number as u64))))
        .collect()
}

/// Requests of many units, of which the arm's share fails; the decisions that follow, one after each 100.
fn traffic(policy: &dyn RolloutPolicy, requests: std::ops::Range<usize>, failing: f64) -> Vec<Decision> {
    let both = both();
    let mut decisions = Vec::new();
    for number in requests {
        let draw = Draw::new(number as u64).another();
        let assignment = policy.assign(&Ask::new(&unit(number), &both, draw));
        let arm = &both.at(assignment.position).arm;
        let failed = assignment.position == 1 && draw.another().unit_interval() < failing;
        let answer =
            if failed { Observation::Failed } else { Observation::answered(Duration::from_micros(9)) };
        for observation in [answer, Observation::scored(draw.unit_interval())] {
            policy.observe(&Outcome::new(arm, observation).with_epoch(assignment.epoch));
        }
        if number % 100 == 99 {
            decisions.push(policy.decide(Duration::from_secs(number as u64)));
        }
    }
    decisions
}

#[test]
fn a_canary_restored_at_any_step_keeps_every_unit_and_decides_alike() {
    let policy = canary();
    let mut phases = 0;
    let mut requests = 0;
    loop {
        let saved = serde_json::to_string(&policy.save().unwrap()).unwrap();
        let restored = Canary::from_state(&serde_json::from_str(&saved).unwrap()).unwrap();
        assert_eq!(restored.options(), policy.options());
        assert_eq!(restored.ramp().evidence(), policy.ramp().evidence());
        assert!(
            assignments(&restored, 100_000) == assignments(&policy, 100_000),
            "a unit moved at {:?}",
            policy.ramp().phase()
        );
        // Well and ill, it goes on as the one that was saved would have.
        for failing in [0.0, 0.5] {
            let twins = [(); 2].map(|()| canary());
            twins.iter().for_each(|twin| twin.restore(&policy.save().unwrap()).unwrap());
            let again = canary();
            again.restore(&restored.save().unwrap()).unwrap();
            let further = requests..requests + 3_000;
            assert_eq!(traffic(&again, further.clone(), failing), traffic(&twins[0], further, failing));
            assert_eq!(again.save().unwrap(), twins[0].save().unwrap());
        }
        if matches!(policy.ramp().phase(), Phase::Passed { .. }) {
            break;
        }
        let before = policy.ramp().phase().clone();
        while *policy.ramp().phase() == before {
            traffic(&policy, requests..requests + 100, 0.0);
            requests += 100;
        }
        phases += 1;
    }
    assert_eq!(phases, 3);
    policy.observe(&Outcome::new(&arm("challenger"), Observation::breach("an operator saw it")));
    let withdrawn = Canary::from_state(&policy.save().unwrap()).unwrap();
    assert_eq!(
        withdrawn.decide(Duration::ZERO),
        Decision::roll_back(arm("challenger"), "an operator saw it")
    );
    assert!(assignments(&withdrawn, 1_000).iter().all(|assignment| assignment.position == 0));
}

#[test]
fn a_state_that_is_refused_changes_nothing() {
    let policy = canary();
    traffic(&policy, 0..500, 0.0);
    let before = policy.save().unwrap();
    let json = serde_json::to_value(&before).unwrap();
    let broken = |place: &str, value: serde_json::Value| -> PolicyState {
        let mut json = json.clone();
        *json.pointer_mut(place).unwrap() = value;
        serde_json::from_value(json).unwrap()
    };
    for (state, words) in [
        (broken("/progress/phase/step", serde_json::json!(3)), "phase or evidence"),
        (broken("/progress/evidence", serde_json::json!([])), "phase or evidence"),
        (broken("/progress/phase/phase", serde_json::json!("asleep")), "unknown variant"),
        (
            broken("/options/salt", serde_json::json!("other")),
            "salt is \"other\" there and \"release-2\" here",
        ),
        (broken("/kind", serde_json::json!("weighted")), "not the state of a canary policy"),
        (broken("/version", serde_json::json!(9)), "version 9, and 1 is known here"),
    ] {
        for refused in [policy.restore(&state), policy.merge(&state)] {
            let error = refused.unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains("::"), "{error}");
        }
    }
    assert_eq!(policy.save().unwrap(), before);
}

#[test]
fn policies_are_rebuilt_where_they_stood_and_strangers_are_not() {
    let ill = canary();
    traffic(&ill, 0..3_000, 0.6);
    let policy = Shadowed::new(Shadowed::new(ill, [], 1.0).unwrap(), [arm("champion")], 0.5).unwrap();
    let rebuilt = policy.save().unwrap().to_policy().unwrap();
    assert!(assignments(&*rebuilt, 2_000) == assignments(&policy, 2_000));
    let decision = rebuilt.decide(Duration::ZERO);
    assert!(matches!(decision, Decision::RollBack { .. }), "{decision:?}");
    assert_eq!(decision, policy.decide(Duration::ZERO));
    let foreign = PolicyState::new(StateFormat::new("explore", 1), &(), &()).unwrap();
    let error = foreign.to_policy().unwrap_err();
    assert!(matches!(error, Error::Unsupported(_)), "{error}");
    assert!(error.to_string().contains("explore is not one of fixed, weighted, canary, shadowed"), "{error}");
}

#[test]
fn replicas_add_up_to_the_evidence_of_one() {
    let (one, other, all) = (canary(), canary(), canary());
    for (policy, requests) in [(&one, 0..40), (&other, 40..95), (&all, 0..95)] {
        traffic(policy, requests, 0.05);
    }
    one.merge(&other.save().unwrap()).unwrap();
    for (merged, whole) in one.ramp().evidence().iter().zip(all.ramp().evidence()) {
        for (merged, whole) in [(merged.canary, whole.canary), (merged.control, whole.control)] {
            assert_eq!(merged.count(), whole.count());
            assert!((merged.mean() - whole.mean()).abs() < 1e-12, "{merged:?} {whole:?}");
            assert!((merged.variance() - whole.variance()).abs() < 1e-12, "{merged:?} {whole:?}");
        }
    }
    // Shadows share the evidence of the canary inside.
    let shadowed = |canary| Shadowed::new(canary, [arm("champion")], 0.5).unwrap();
    let (left, right) = (shadowed(canary()), shadowed(other));
    left.merge(&right.save().unwrap()).unwrap();
    assert_eq!(left.policy().ramp().evidence(), right.policy().ramp().evidence());
}

fn answered(ramp: &mut Ramp, requests: usize) {
    for _ in 0..requests {
        for side in [Side::Canary, Side::Control] {
            ramp.observe(side, &Observation::answered(Duration::ZERO));
            ramp.observe(side, &Observation::scored(0.1));
        }
    }
}

#[test]
fn of_two_steps_the_later_counts_and_harm_counts_for_both() {
    let ramp = || Ramp::new(options()).unwrap();
    let stepped = || {
        let mut ramp = ramp();
        while ramp.share() < 0.2 {
            answered(&mut ramp, 100);
            ramp.decide(&arm("canary"), Duration::ZERO);
        }
        answered(&mut ramp, 7);
        ramp
    };
    // Evidence under a share that is over is not pooled with that under the next one.
    let (mut early, late) = (ramp(), stepped());
    answered(&mut early, 90);
    let mut other = late.clone();
    other.merge(early.state()).unwrap();
    early.merge(late.state()).unwrap();
    for merged in [&early, &other] {
        assert_eq!((merged.phase(), merged.evidence()), (late.phase(), late.evidence()));
    }
    // A rollback and a freeze by one are those of all.
    let mut ill = ramp();
    ill.observe(Side::Canary, &Observation::breach("seen by one"));
    for mut healthy in [ramp(), stepped()] {
        healthy.merge(ill.state()).unwrap();
        assert_eq!(healthy.phase(), &Phase::RolledBack { reason: "seen by one".into() });
        let mut still = ill.clone();
        still.merge(stepped().state()).unwrap();
        assert_eq!(still.phase(), ill.phase());
    }
    let mut frozen = ramp();
    frozen.freeze("holidays");
    let mut merged = stepped();
    answered(&mut merged, 5_000);
    merged.merge(frozen.state()).unwrap();
    assert_eq!(merged.decide(&arm("canary"), Duration::ZERO), Decision::hold("holidays"));
    frozen.merge(stepped().state()).unwrap();
    assert_eq!(frozen.share(), 0.2);
    answered(&mut frozen, 5_000);
    assert_eq!(frozen.decide(&arm("canary"), Duration::ZERO), Decision::hold("holidays"));
}

#[test]
fn a_restart_does_not_start_the_time_limit_anew() {
    let limited = options().with_max_hold(Duration::from_secs(60), Expiry::RollBack);
    let mut ramp = Ramp::new(limited.clone()).unwrap();
    for second in [1_000, 1_050] {
        assert!(matches!(ramp.decide(&arm("canary"), Duration::from_secs(second)), Decision::Hold { .. }));
    }
    // The next process counts its time from 0.
    let mut ramp = Ramp::resume(limited, ramp.state().clone()).unwrap();
    for second in [0, 10] {
        assert!(matches!(ramp.decide(&arm("canary"), Duration::from_secs(second)), Decision::Hold { .. }));
    }
    assert!(matches!(ramp.decide(&arm("canary"), Duration::from_secs(11)), Decision::RollBack { .. }));
}

fn versions(champion: u64, challenger: u64) -> Candidates {
    let version = |number| Version::new(number).unwrap();
    let arms = [("champion", champion), ("challenger", challenger)];
    Candidates::new(arms.map(|(name, number)| Candidate::new(arm(name), version(number)))).unwrap()
}

/// Evidence is about versions: another one behind either arm begins at the first step, whatever was found of the one before.
#[test]
fn another_version_on_either_side_begins_anew() {
    for harmful in [false, true] {
        for (next, words) in [
            (versions(1, 3), "challenger answers with version 3 instead of 2"),
            (versions(4, 2), "champion answers with version 4 instead of 1"),
            (versions(2, 3), "challenger answers with version 3 instead of 2 and champion"),
        ] {
            let policy = canary();
            assert_eq!(policy.follow(&versions(1, 2)), None);
            let answers = |candidates: &Candidates, number: usize| {
                policy.assign(&Ask::new(&unit(number), candidates, Draw::new(number as u64)))
            };
            let mut late = None;
            for number in 0..40_000 {
                let assignment = answers(&versions(1, 2), number);
                let tried = &both().at(assignment.position).arm.clone();
                late = Some((tried.clone(), assignment.epoch));
                let failed = harmful && assignment.position == 1;
                let answer = if failed { Observation::Failed } else { Observation::answered(Duration::ZERO) };
                for observation in [answer, Observation::scored(0.5)] {
                    policy.observe(&Outcome::new(tried, observation).with_epoch(assignment.epoch));
                }
                let decision = policy.decide(Duration::ZERO);
                if matches!(decision, Decision::Promote { .. } | Decision::RollBack { .. }) {
                    break;
                }
            }
            let ended = policy.ramp().phase().clone();
            assert!(!matches!(ended, Phase::Running { .. }), "{harmful}");
            assert!(policy.ramp().share() <= 0.5, "the promotion gives it the rest");
            assert_eq!(policy.follow(&versions(1, 2)), None);
            let restored = Canary::from_state(&policy.save().unwrap()).unwrap();
            for policy in [&policy, &restored] {
                let told = policy.follow(&next).unwrap();
                assert!(told.starts_with(words), "{told}");
                assert_eq!(policy.ramp().phase(), &Phase::Running { step: 0 });
                // A late outcome of the version before is evidence about nothing, and so is what is still answered by it.
                let (tried, epoch) = late.clone().unwrap();
                policy.observe(&Outcome::new(&tried, Observation::Failed).with_epoch(epoch));
                let assignment = policy.assign(&Ask::new(&unit(1), &versions(1, 2), Draw::new(1)));
                policy.observe(&Outcome::new(&tried, Observation::Failed).with_epoch(assignment.epoch));
                let counts =
                    |ramp: &Ramp| ramp.evidence()[0].canary.count() + ramp.evidence()[0].control.count();
                assert_eq!(counts(&policy.ramp()), 0);
                let assignment = policy.assign(&Ask::new(&unit(1), &next, Draw::new(1)));
                policy.observe(
                    &Outcome::new(&arm("champion"), Observation::Failed).with_epoch(assignment.epoch),
                );
                assert_eq!(counts(&policy.ramp()), 1);
                let other = Canary::from_state(&canary().save().unwrap()).unwrap();
                other.follow(&versions(8, 9));
                let refused = policy.merge(&other.save().unwrap()).unwrap_err();
                assert!(matches!(refused, Error::InvalidInput(_)), "{refused}");
            }
        }
    }
}

/// What a release of before there were measures has kept, as it wrote it.
#[test]
fn a_state_of_before_measures_goes_on() {
    let text = include_str!("../../testdata/rollout/0.1.0/canary.json");
    let state: PolicyState = serde_json::from_str(text).unwrap();
    let policy = Canary::from_state(&state).unwrap();
    let ramp = policy.ramp();
    assert_eq!(ramp.options().guardrails.len(), 3);
    assert_eq!(ramp.options().traffic.as_ref().unwrap().metric, Metric::ErrorRate);
    assert!(ramp.evidence().iter().all(|own| own.canary.count() > 20 && own.control.count() > 600));
    assert_eq!(policy.save().unwrap(), state);
    assert_eq!(serde_json::to_string(&policy.save().unwrap()).unwrap(), text.trim());
    let decisions = traffic(&policy, 800..40_000, 0.0);
    assert!(decisions.iter().any(|decision| matches!(decision, Decision::Step { .. })), "{decisions:?}");
}
