use proptest::prelude::*;

use super::*;
use crate::conformance::Stickiness;
use crate::name::{Arm, UnitId, Version};
use crate::rollout::testing::{arm, candidates, hold, positions};
use crate::rollout::{Candidate, Draw, Guardrail, Metric};

fn guardrail() -> Guardrail {
    Guardrail::new(Metric::ErrorRate, 0.05).unwrap().with_limit(0.3).unwrap()
}

fn options(steps: impl Into<Vec<CanaryStep>>) -> SteppedCanaryOptions {
    SteppedCanaryOptions::new(arm("champion"), arm("challenger"), "release-2", steps, [guardrail()])
}

fn release(steps: impl Into<Vec<CanaryStep>>) -> SteppedCanary {
    SteppedCanary::new(options(steps)).unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn weekdays() -> Schedule {
    let days = Weekday::ALL.iter().copied().filter(|day| *day != Weekday::Sunday);
    Schedule::new([Window::new(days, "08:00".parse().unwrap(), "18:00".parse().unwrap())])
}

pub(crate) fn contract() {
    let analysed = || {
        release([
            CanaryStep::set_weight(0.3),
            CanaryStep::Analysis,
            CanaryStep::pause(seconds(20)),
            CanaryStep::set_weight(0.5),
            CanaryStep::Analysis,
        ])
    };
    hold(analysed, Stickiness::Unit);
    let begun = || {
        let policy = analysed();
        policy.decide(Duration::ZERO);
        policy
    };
    hold(begun, Stickiness::Unit);
    let steps = [CanaryStep::set_weight(0.4), CanaryStep::Analysis, CanaryStep::set_weight(1.0)];
    let scheduled = options(steps).with_schedule(weekdays());
    hold(|| SteppedCanary::new(scheduled.clone()).unwrap(), Stickiness::Unit);
    hold(|| release([CanaryStep::set_weight(0.2), CanaryStep::ManualGate]), Stickiness::Unit);
}

fn both() -> Candidates {
    candidates(&["champion", "challenger"])
}

fn epoch(policy: &SteppedCanary) -> u32 {
    policy.assign(&Ask::new(&UnitId::new("u").unwrap(), &both(), Draw::new(0))).epoch
}

/// So many answers of each arm in the present epoch, of which the canary fails with this share.
fn answers(policy: &SteppedCanary, count: usize, failing: f64) {
    let (epoch, both) = (epoch(policy), [arm("champion"), arm("challenger")]);
    let failures = (count as f64 * failing) as usize;
    for number in 0..count {
        // Spread evenly.
        let is_failure = number * failures / count != (number + 1) * failures / count;
        for arm in &both {
            let failed = arm.as_str() == "challenger" && is_failure;
            let seen = if failed { Observation::Failed } else { Observation::answered(Duration::ZERO) };
            policy.observe(&Outcome::new(arm, seen).with_epoch(epoch));
        }
    }
}

fn held(policy: &SteppedCanary, second: u64) -> String {
    match policy.decide(seconds(second)) {
        Decision::Hold { reason } => reason,
        other => panic!("{other:?} at {second}"),
    }
}

fn stepped(policy: &SteppedCanary, second: u64) -> f64 {
    match policy.decide(seconds(second)) {
        Decision::Step { share, .. } => share,
        other => panic!("{other:?} at {second}"),
    }
}

#[test]
fn steps_are_taken_in_their_order() {
    let policy = release([
        CanaryStep::pause(seconds(10)),
        CanaryStep::set_weight(0.1),
        CanaryStep::Analysis,
        CanaryStep::pause(seconds(60)),
        CanaryStep::set_weight(0.5),
        CanaryStep::ManualGate,
        CanaryStep::Analysis,
    ]);
    assert_eq!((policy.share(), held(&policy, 0)), (0.0, "step 1 of 7: paused for 0s of 10s".to_owned()));
    assert!(positions(&policy, &both()).iter().all(|position| *position == 0));
    answers(&policy, 500, 0.0);
    assert_eq!(stepped(&policy, 10), 0.1);
    assert_eq!(held(&policy, 10), "step 3 of 7: error rate: 0 of 100 samples an arm", "no data means hold");
    answers(&policy, 1_000, 0.0);
    assert_eq!(held(&policy, 11), "step 4 of 7: paused for 0s of 60s");
    assert_eq!(held(&policy, 70), "step 4 of 7: paused for 59s of 60s");
    let Decision::Step { reason, .. } = policy.decide(seconds(71)) else { panic!() };
    assert!(reason.starts_with("error rate 0.0000") && reason.ends_with("; paused for 60s"), "{reason}");
    answers(&policy, 1_000, 0.0);
    assert_eq!(held(&policy, 1_000_000), "step 6 of 7: it waits for an operator to resume it");
    policy.resume().unwrap();
    let Decision::Promote { arm, reason } = policy.decide(seconds(1_000_001)) else { panic!() };
    assert!(
        arm.as_str() == "challenger" && reason.starts_with("an operator resumed step 6; error rate"),
        "{reason}"
    );
    assert_eq!(policy.share(), 0.5, "the promotion gives it the rest");
    assert!(matches!(policy.phase(), Phase::Passed { .. }));
}

#[test]
fn harm_is_found_at_every_step_and_an_open_question_holds() {
    for wait in [CanaryStep::pause(seconds(1_000)), CanaryStep::ManualGate, CanaryStep::Analysis] {
        let policy = release([CanaryStep::set_weight(0.2), wait.clone()]);
        stepped(&policy, 0);
        answers(&policy, 600, 0.25);
        let Decision::RollBack { reason, .. } = policy.decide(seconds(1)) else { panic!("{wait:?}") };
        assert!(reason.contains("error rate is 0.2500"), "{reason}");
        answers(&policy, 5_000, 0.0);
        assert!(matches!(policy.decide(seconds(2)), Decision::RollBack { .. }) && policy.share() == 0.0);
    }
    // Just as bad as is allowed: neither harm nor its absence is certain.
    let policy = release([CanaryStep::set_weight(0.2), CanaryStep::Analysis]);
    stepped(&policy, 0);
    answers(&policy, 300, 0.05);
    assert!(held(&policy, 1).contains("is still possible"));
    // A breach counts also where the canary has passed.
    let passed = release([CanaryStep::set_weight(0.2)]);
    stepped(&passed, 0);
    assert!(matches!(passed.decide(seconds(0)), Decision::Promote { .. }));
    let breach = Observation::breach("an operator saw it");
    passed.observe(&Outcome::new(&arm("champion"), breach.clone()));
    assert!(matches!(passed.decide(seconds(0)), Decision::Promote { .. }));
    passed.observe(&Outcome::new(&arm("challenger"), breach));
    assert_eq!(passed.decide(seconds(0)), Decision::roll_back(arm("challenger"), "an operator saw it"));
}

#[test]
fn traffic_is_moved_only_while_the_schedule_is_open() {
    let steps = [CanaryStep::set_weight(0.2), CanaryStep::set_weight(0.4)];
    let policy = SteppedCanary::new(options(steps).with_schedule(weekdays())).unwrap();
    let tell = |text: &str| policy.tell_time(text.parse().unwrap());
    assert_eq!(held(&policy, 0), "step 1 of 2: it has a schedule, and was never told the time");
    tell("2026-11-27T07:59:59Z");
    assert!(held(&policy, 1).starts_with("step 1 of 2: on friday at 07:59:59 its schedule is closed"));
    tell("2026-11-27T08:00:00Z");
    assert_eq!(stepped(&policy, 2), 0.2);
    tell("2026-11-29T12:00:00Z");
    assert!(held(&policy, 3).contains("on sunday at 12:00:00"));
    // Told again, backwards and forwards.
    tell("2026-11-28T12:00:00Z");
    assert_eq!(stepped(&policy, 4), 0.4);
    tell("2026-11-28T18:00:00Z");
    assert!(held(&policy, 5).starts_with("all steps are passed: on saturday"));
    // A restart must be told anew.
    let restored = SteppedCanary::from_state(&policy.save().unwrap()).unwrap();
    assert!(held(&restored, 0).contains("never told the time"));
    // An operator does not wait, nor does harm.
    restored.promote().unwrap();
    assert!(matches!(restored.decide(seconds(1)), Decision::Promote { .. }));
    answers(&policy, 600, 0.25);
    assert!(matches!(policy.decide(seconds(6)), Decision::RollBack { .. }));
}

#[test]
fn operators_resume_abort_promote_and_retry() {
    let policy = release([CanaryStep::set_weight(0.2), CanaryStep::pause(seconds(60)), CanaryStep::Analysis]);
    let refused = |result: Result<()>, words: &str| {
        let error = result.unwrap_err();
        assert!(error.is_caller_fault() && error.to_string().contains(words), "{error}");
    };
    refused(policy.resume(), "it is at step 1 of 3, which is no pause");
    refused(policy.retry(), "neither aborted nor rolled back");
    stepped(&policy, 0);
    policy.resume().unwrap();
    assert!(held(&policy, 0).starts_with("step 3 of 3: error rate"));
    refused(policy.resume(), "step 3 of 3, which is no pause");
    let before = epoch(&policy);
    policy.abort("the dashboards look odd");
    policy.abort("and something else");
    assert_eq!(policy.decide(seconds(1)), Decision::roll_back(arm("challenger"), "the dashboards look odd"));
    refused(policy.resume(), "it was rolled back: the dashboards look odd");
    refused(policy.promote(), "retry it");
    policy.retry().unwrap();
    assert_eq!((policy.phase(), policy.share()), (Phase::Running { step: 0 }, 0.0));
    assert_eq!(stepped(&policy, 2), 0.2);
    // What the first attempt's requests tell is none of the second's.
    assert_ne!(epoch(&policy), before);
    policy.observe(&Outcome::new(&arm("challenger"), Observation::Failed).with_epoch(before));
    assert_eq!(policy.evidence()[0].canary.count(), 0);
    policy.freeze("a holiday");
    assert_eq!(held(&policy, 100), "a holiday");
    policy.promote().unwrap();
    assert_eq!(held(&policy, 101), "a holiday");
    policy.thaw();
    let promoted = Decision::promote(arm("challenger"), "an operator promoted it after 1 of 3 steps");
    assert_eq!(policy.decide(seconds(102)), promoted);
    policy.promote().unwrap();
    refused(policy.resume(), "it has passed");
    refused(policy.retry(), "neither aborted");
}

#[test]
fn a_restart_keeps_step_evidence_and_the_pause() {
    let policy =
        release([CanaryStep::set_weight(0.2), CanaryStep::pause(seconds(100)), CanaryStep::Analysis]);
    stepped(&policy, 5_000);
    answers(&policy, 400, 0.0);
    assert_eq!(held(&policy, 5_070), "step 2 of 3: paused for 70s of 100s");
    let text = serde_json::to_string(&policy.save().unwrap()).unwrap();
    let restored = SteppedCanary::from_state(&serde_json::from_str(&text).unwrap()).unwrap();
    assert_eq!(restored.evidence(), policy.evidence());
    assert_eq!(epoch(&restored), epoch(&policy));
    assert_eq!(positions(&restored, &both()), positions(&policy, &both()));
    // The clock of the new process starts anew, and what passed between the two does not count.
    assert_eq!(held(&restored, 0), "step 2 of 3: paused for 70s of 100s");
    assert_eq!(held(&restored, 29), "step 2 of 3: paused for 99s of 100s");
    assert!(matches!(restored.decide(seconds(30)), Decision::Promote { .. }));
    // Through the list of policies, too.
    assert_eq!(policy.save().unwrap().to_policy().unwrap().save().unwrap(), policy.save().unwrap());
    let other = release([CanaryStep::set_weight(0.3), CanaryStep::Analysis]);
    let refused = other.restore(&policy.save().unwrap()).unwrap_err().to_string();
    assert!(refused.contains("other options: steps is"), "{refused}");
    let mut broken = serde_json::to_value(policy.save().unwrap()).unwrap();
    broken["progress"]["step"] = serde_json::json!(9);
    let broken: PolicyState = serde_json::from_value(broken).unwrap();
    assert!(matches!(policy.restore(&broken), Err(crate::Error::Corrupt(_))));
}

#[test]
fn replicas_add_up_what_they_saw_at_the_same_share() {
    let steps = || [CanaryStep::set_weight(0.2), CanaryStep::pause(seconds(10)), CanaryStep::Analysis];
    let (one, other) = (release(steps()), release(steps()));
    for replica in [&one, &other] {
        stepped(replica, 0);
        answers(replica, 60, 0.0);
    }
    // One of them waits at the analysis already.
    assert!(held(&one, 10).starts_with("step 3 of 3: error rate: 60 of 100 samples"));
    let merged = release(steps());
    for (first, second) in [(&one, &other), (&other, &one)] {
        merged.restore(&first.save().unwrap()).unwrap();
        merged.merge(&second.save().unwrap()).unwrap();
        assert_eq!((merged.phase(), merged.evidence()[0].canary.count()), (Phase::Running { step: 2 }, 120));
    }
    // Harm counts for both, and a retry after it, too.
    other.abort("harm");
    merged.merge(&other.save().unwrap()).unwrap();
    assert!(matches!(merged.phase(), Phase::RolledBack { .. }));
    other.retry().unwrap();
    merged.merge(&other.save().unwrap()).unwrap();
    assert_eq!(merged.phase(), Phase::Running { step: 0 });
    // Other versions are another release.
    let versions = |number| {
        let version = |number| Version::new(number).unwrap();
        let arms = [("champion", 1), ("challenger", number)];
        Candidates::new(arms.map(|(name, number)| Candidate::new(arm(name), version(number)))).unwrap()
    };
    assert_eq!((one.follow(&versions(2)), other.follow(&versions(3))), (None, None));
    let error = one.merge(&other.save().unwrap()).unwrap_err().to_string();
    assert!(error.contains("version 3 against version 1, and this one about 2 against 1"), "{error}");
    let told = one.follow(&versions(4)).unwrap();
    assert_eq!(told, "challenger answers with version 4 instead of 2");
    assert_eq!((one.phase(), one.share()), (Phase::Running { step: 0 }, 0.0));
}

#[test]
fn alpha_is_divided_over_shares_and_over_those_that_are_analysed() {
    let options = options([
        CanaryStep::set_weight(0.1),
        CanaryStep::pause(seconds(1)),
        CanaryStep::set_weight(0.2),
        CanaryStep::Analysis,
        CanaryStep::Analysis,
        CanaryStep::set_weight(0.4),
        CanaryStep::Analysis,
    ]);
    let claim = |place| {
        let levels = options.levels(place).unwrap();
        // One margin and a limit, which has a fifth of a margin's level.
        let rounded = |level: f64| (level / options.alpha * 1e6).round() / 1e6;
        (rounded(levels.harm * 1.2), rounded(levels.clearing))
    };
    assert!(options.levels(0).is_none());
    assert_eq!(claim(1).0, 0.75);
    assert_eq!(claim(3), (0.125, 0.75));
    assert_eq!(claim(4), claim(3), "the same evidence may be looked at twice");
    assert_eq!(claim(7), (0.125, 0.25));
}

#[test]
fn what_is_no_release_is_refused() {
    let refused = |options: SteppedCanaryOptions, words: &str| {
        let error = SteppedCanary::new(options).unwrap_err();
        assert!(error.is_caller_fault() && error.to_string().contains(words), "{error}");
    };
    let weight = CanaryStep::set_weight;
    for (steps, words) in [
        (vec![], "no step gives the canary a share below 1"),
        (vec![CanaryStep::ManualGate], "no step gives the canary a share below 1"),
        (vec![weight(1.0)], "no step gives the canary a share below 1"),
        (vec![weight(20.0)], "step 1 gives the canary a share of 20"),
        (vec![weight(0.2), weight(0.1)], "[0.2, 0.1] are not"),
        (vec![weight(0.2), weight(0.2)], "growing"),
        (vec![weight(0.0)], "growing"),
        (vec![weight(0.1), weight(20.0)], "step 2 gives the canary a share of 20"),
        (vec![weight(0.1), weight(f64::NAN)], "step 2 gives the canary a share of NaN"),
        (vec![weight(0.1), weight(1.0), CanaryStep::ManualGate], "step 2 gives the canary all units"),
        (vec![CanaryStep::Analysis, weight(0.1)], "step 1 analyses a canary that has no units"),
        ((1..=256).map(|number| weight(f64::from(number) / 300.0)).collect(), "1 to 255"),
    ] {
        refused(options(steps), words);
    }
    let fine = || options([weight(0.1), CanaryStep::Analysis]);
    SteppedCanary::new(fine()).unwrap();
    refused(SteppedCanaryOptions { guardrails: Vec::new(), ..fine() }, "nothing could be excluded");
    refused(SteppedCanaryOptions { canary: arm("champion"), ..fine() }, "its own control");
    refused(fine().with_alpha(f64::NAN), "NaN is not between 0 and 1");
    refused(fine().with_schedule(Schedule::new([])), "never open");
    let losses =
        SteppedCanaryOptions { guardrails: vec![Guardrail::new(Metric::Loss, 0.1).unwrap()], ..fine() };
    assert!(SteppedCanary::new(losses.clone()).unwrap().requirements().losses);
    let unanalysed = SteppedCanaryOptions { steps: vec![weight(0.1)], ..losses };
    assert!(!SteppedCanary::new(unanalysed).unwrap().requirements().losses);
}

/// Something that happens to a release.
#[derive(Clone, Debug)]
enum Event {
    Answers { failing: bool },
    Wait(u64),
    Resume,
    Restart,
    Merge,
    Retry,
    Abort,
    Promote,
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => Just(Event::Answers { failing: false }),
        1 => Just(Event::Answers { failing: true }),
        6 => (0_u64..40).prop_map(Event::Wait),
        3 => Just(Event::Resume),
        2 => Just(Event::Restart),
        2 => Just(Event::Merge),
        1 => Just(Event::Retry),
        1 => Just(Event::Abort),
        1 => Just(Event::Promote),
    ]
}

fn steps() -> impl Strategy<Value = Vec<CanaryStep>> {
    let wait = prop_oneof![
        (1_u64..60).prop_map(|length| CanaryStep::pause(seconds(length))),
        Just(CanaryStep::ManualGate),
        Just(CanaryStep::Analysis),
    ];
    let stage = (1_u32..25, prop::collection::vec(wait, 0..3));
    prop::collection::vec(stage, 1..4).prop_map(|stages| {
        let (mut share, mut steps) = (0, Vec::new());
        for (more, waits) in stages {
            share += more;
            steps.push(CanaryStep::set_weight(f64::from(share) / 100.0));
            steps.extend(waits);
        }
        steps
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens, the share shrinks to 0 alone, by a rollback, and units change their arm towards the canary alone.
    #[test]
    fn units_move_towards_the_canary_alone(
        steps in steps(),
        events in prop::collection::vec(events(), 1..30),
    ) {
        let (mut policy, both) = (release(steps.clone()), both());
        let mut now = 0;
        let (mut share, mut before) = (0.0, positions(&policy, &both));
        for event in events {
            let mut anew = false;
            match event {
                Event::Answers { failing } => answers(&policy, 300, if failing { 0.6 } else { 0.0 }),
                Event::Wait(seconds) => now += seconds,
                Event::Resume => drop(policy.resume()),
                Event::Restart => {
                    policy = SteppedCanary::from_state(&policy.save().unwrap()).unwrap();
                    now = 0;
                }
                Event::Merge => policy.merge(&release(steps.clone()).save().unwrap()).unwrap(),
                Event::Retry => anew = policy.retry().is_ok(),
                Event::Abort => policy.abort("an operator"),
                Event::Promote => drop(policy.promote()),
            }
            policy.decide(seconds(now));
            let rolled_back = matches!(policy.phase(), Phase::RolledBack { .. });
            let (next, after) = (policy.share(), positions(&policy, &both));
            prop_assert!(if rolled_back { next == 0.0 } else { anew || next >= share }, "{} after {}", next, share);
            let moved_back = before.iter().zip(&after).any(|(before, after)| before > after);
            prop_assert!(!moved_back || rolled_back, "a unit left the canary at {:?}", policy.phase());
            let canaries = after.iter().filter(|position| **position == 1).count() as f64;
            prop_assert!((canaries / after.len() as f64 - next).abs() < 0.03, "{} of a share of {}", canaries, next);
            (share, before) = (next, after);
        }
    }
}

#[test]
fn arms_of_other_names_get_what_the_control_would() {
    let policy = release([CanaryStep::set_weight(0.5)]);
    stepped(&policy, 0);
    for (names, expected) in [(&["stranger"][..], 0), (&["challenger"], 0), (&["third", "champion"], 1)] {
        assert!(
            positions(&policy, &candidates(names)).iter().all(|position| *position == expected),
            "{names:?}"
        );
    }
    let counted: Arm = arm("stranger");
    policy.observe(&Outcome::new(&counted, Observation::Failed).with_epoch(epoch(&policy)));
    assert_eq!(policy.evidence()[0].control.count(), 0);
}
