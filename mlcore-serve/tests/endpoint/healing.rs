//! Releases that heal: what fails is tried again ever more seldom, what others moved is followed, and replicas of one registry
//! come to serve the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mlcore::Error;
use mlcore::name::Version;
use mlcore::registry::{Expected, Registry, RegistryExt, Stage};
use mlcore::rollout::{
    BlueGreen, BlueGreenOptions, Canary, CanaryOptions, Expiry, Guardrail, Metric, RampOptions,
};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{Event, EventKind, Request};

use crate::support::{Failing, Faulty, ManualClock, Place, alias, arm, ask, change, load, model, row, unit};

const FIRST: Version = Version::FIRST;

fn canary() -> Arc<Canary> {
    canary_of(&[0.2, 0.5])
}

fn canary_of(steps: &[f64]) -> Arc<Canary> {
    let guardrail = Guardrail::new(Metric::ErrorRate, 0.05).unwrap().with_limit(0.2).unwrap();
    let ramp = RampOptions::new([guardrail]).with_steps(steps).with_min_samples(50);
    Arc::new(Canary::new(CanaryOptions::new(arm("champion"), arm("challenger"), "s", ramp)).unwrap())
}

fn endpoint(
    place: &Place,
    registry: Arc<dyn Registry>,
    clock: &ManualClock,
    canary: &Arc<Canary>,
) -> Endpoint {
    Endpoint::builder(model(), registry, place.artifacts.clone())
        .with_loader(load)
        .with_arm(alias("challenger"))
        .with_policy(canary.clone())
        .with_clock(clock.clone())
        .build()
        .unwrap()
}

fn names(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.kind.name()).collect()
}

/// Sends traffic until something other than a step happens.
fn until_news(endpoint: &Endpoint) -> Vec<Event> {
    for number in 0..40_000 {
        drop(ask(endpoint, number));
        let events = endpoint.process();
        if events.iter().any(|event| event.kind.name() != "stepped") {
            return events;
        }
    }
    Vec::new()
}

/// Half of the units or fewer get the challenger.
fn share_of(endpoint: &Endpoint, version: Version) -> f64 {
    let request = |number| endpoint.predict(Request::tensors(&unit(number), &row()));
    let answers = (0..1_000).filter(|number| request(*number).is_ok_and(|answer| answer.version == version));
    answers.count() as f64 / 1_000.0
}

#[test]
fn what_the_registry_refuses_is_told_once_and_tried_ever_more_seldom() {
    for challenger in ["1", "fails"] {
        let place = Place::with_trial(challenger);
        let busy = Arc::new(AtomicBool::new(true));
        let is_busy = busy.clone();
        let faulty = Faulty::new(&place, move |_| is_busy.load(Ordering::SeqCst).then_some(Failing::Before));
        let clock = ManualClock::default();
        let endpoint = endpoint(&place, faulty.clone(), &clock, &canary_of(&[0.5]));
        assert_eq!(names(&until_news(&endpoint)), ["failed"]);
        for _ in 0..10_000 {
            clock.advance(Duration::from_millis(1));
            assert!(endpoint.process().is_empty());
        }
        let tried = faulty.changes.load(Ordering::SeqCst);
        assert!((5..12).contains(&tried), "{tried} times in ten seconds");
        assert!(share_of(&endpoint, FIRST.next()) < 0.6, "the registry names another");
        busy.store(false, Ordering::SeqCst);
        clock.advance(Duration::from_secs(60));
        let ended = if challenger == "1" { "promoted" } else { "rolled_back" };
        assert_eq!(names(&endpoint.process())[0], ended);
        assert!(endpoint.process().is_empty());
    }
}

#[test]
fn a_registry_that_cannot_be_read_is_told_of_once() {
    let place = Place::with_trial("1");
    let faulty = Faulty::new(&place, |_| None);
    let clock = ManualClock::default();
    let endpoint = endpoint(&place, faulty.clone(), &clock, &canary());
    faulty.unreadable.store(true, Ordering::SeqCst);
    let mut events = Vec::new();
    for _ in 0..100 {
        clock.advance(Duration::from_secs(1));
        assert_eq!(ask(&endpoint, 1).unwrap(), 1.0);
        events.extend(endpoint.process());
    }
    assert_eq!(names(&events), ["failed"]);
    assert!(events[0].kind.to_string().contains("follow aliases failed"), "{events:?}");
    faulty.unreadable.store(false, Ordering::SeqCst);
    place.point("champion", place.register("7"));
    clock.advance(Duration::from_secs(60));
    assert_eq!(names(&endpoint.process()), ["deployed", "renewed"]);
}

/// Two endpoints of one registry, of which one decides first. Neither is told of the other but by the registry.
#[test]
fn replicas_come_to_serve_the_same_without_a_storm() {
    for (challenger, champion) in [("1", FIRST.next()), ("fails", FIRST)] {
        for follows in [false, true] {
            let place = Place::with_trial(challenger);
            let clock = ManualClock::default();
            let replicas = [(); 2].map(|()| endpoint(&place, place.registry.clone(), &clock, &canary()));
            // The first one alone gets the traffic that decides.
            let ended = until_news(&replicas[0]);
            assert!(["promoted", "rolled_back"].contains(&names(&ended)[0]), "{ended:?}");
            let told = if follows {
                clock.advance(Duration::from_secs(1));
                replicas[1].process()
            } else {
                until_news(&replicas[1])
            };
            if follows {
                assert_eq!(names(&told)[0], "trial_ended", "{told:?}");
            }
            for replica in &replicas {
                assert_eq!(replica.arms(), [(arm("champion"), champion)], "{challenger}, {follows}");
            }
            // The next canary gets nothing from what was decided about the last one.
            let third = place.register("3");
            place.point("challenger", third);
            clock.advance(Duration::from_secs(1));
            for replica in &replicas {
                assert_eq!(names(&replica.process()), ["deployed"]);
                assert_eq!(share_of(replica, third), 0.0);
                for _ in 0..1_000 {
                    clock.advance(Duration::from_millis(10));
                    assert!(replica.process().is_empty());
                }
            }
            place.registry.verify().unwrap();
        }
    }
}

/// What one replica decided is over for the other, also where it had decided otherwise.
#[test]
fn a_replica_that_would_have_decided_otherwise_says_so() {
    let place = Place::with_trial("fails");
    let clock = ManualClock::default();
    let endpoint = endpoint(&place, place.registry.clone(), &clock, &canary());
    let second = FIRST.next();
    place
        .registry
        .promote_trial(
            &model(),
            second,
            &alias("champion"),
            Expected::Version(FIRST),
            &alias("challenger"),
            &change("other"),
        )
        .unwrap();
    let events = until_news(&endpoint);
    let EventKind::TrialEnded { version, reason, .. } = &events[0].kind else { panic!("{events:?}") };
    assert_eq!(*version, Some(second));
    assert!(
        reason.contains("m@champion means version 2 now; here it was to be rolled back: error rate"),
        "{reason}"
    );
    assert_eq!(endpoint.arms(), [(arm("champion"), second)]);
    assert!(endpoint.process().is_empty());
}

#[test]
fn a_version_that_cannot_be_promoted_is_not_tried() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let dev = place.register("2");
    let to = |version| {
        let (model, name) = (model(), alias("challenger"));
        place.registry.set_alias(&model, &name, Some(version), Expected::Any, &change("point")).unwrap();
    };
    to(dev);
    let clock = ManualClock::default();
    let builder = || place.endpoint().with_arm(alias("challenger")).with_clock(clock.clone());
    let green = BlueGreen::new(BlueGreenOptions::new(arm("champion"), arm("challenger"))).unwrap();
    let endpoint = builder().build().unwrap();
    for error in [
        builder().with_policy(canary()).build().unwrap_err(),
        endpoint.set_policy(canary()).unwrap_err(),
        endpoint.set_policy(Arc::new(green)).unwrap_err(),
    ] {
        assert!(matches!(error, Error::InvalidInput(_)), "{error}");
        let words = error.to_string();
        assert!(
            words.contains("m version 2")
                && words.contains("in stage dev")
                && words.contains("staging first"),
            "{words}"
        );
    }
    // Of an arm that is no trial the stage says nothing.
    assert_eq!(endpoint.arms().len(), 2);
    // One that comes later does not answer, is told of once, and is tried as soon as it may be.
    place.registry.set_alias(&model(), &alias("challenger"), None, Expected::Any, &change("away")).unwrap();
    let endpoint = builder().with_policy(canary()).build().unwrap();
    assert_eq!(names(&endpoint.process()), ["held"]);
    to(dev);
    clock.advance(Duration::from_secs(1));
    let held = endpoint.process();
    assert!(names(&held) == ["held"] && held[0].kind.to_string().contains("in stage dev"), "{held:?}");
    for _ in 0..100 {
        clock.advance(Duration::from_secs(1));
        assert!(endpoint.process().is_empty());
    }
    assert!((0..100).all(|number| ask(&endpoint, number).unwrap() == 1.0));
    place.registry.transition(&model(), dev, Stage::Dev, Stage::Staging, &change("stage")).unwrap();
    clock.advance(Duration::from_secs(1));
    assert_eq!(names(&endpoint.process()), ["deployed"]);
    assert!(share_of(&endpoint, dev) > 0.1);
}

/// A stage that is changed during the trial is noticed when it is promoted: told once, and the traffic stays where it was.
#[test]
fn a_version_that_is_taken_back_during_its_trial_is_held() {
    let place = Place::with_trial("1");
    let (clock, canary) = (ManualClock::default(), canary());
    let endpoint = endpoint(&place, place.registry.clone(), &clock, &canary);
    let second = FIRST.next();
    place.registry.transition(&model(), second, Stage::Staging, Stage::Dev, &change("back")).unwrap();
    let events = until_news(&endpoint);
    assert!(
        names(&events) == ["failed"] && events[0].kind.to_string().contains("staging first"),
        "{events:?}"
    );
    for _ in 0..1_000 {
        clock.advance(Duration::from_millis(100));
        assert!(endpoint.process().is_empty());
    }
    let share = share_of(&endpoint, second);
    assert!((0.4..0.6).contains(&share), "{share}");
    place.registry.transition(&model(), second, Stage::Dev, Stage::Staging, &change("stage")).unwrap();
    clock.advance(Duration::from_secs(60));
    assert_eq!(names(&endpoint.process())[0], "promoted");
}

/// A version that was archived, or staged, before or during the trial, is withdrawn all the same.
#[test]
fn a_canary_is_withdrawn_in_whatever_stage_it_is() {
    for stage in [Stage::Dev, Stage::Staging, Stage::Archived] {
        let place = Place::with_trial("fails");
        let second = FIRST.next();
        if stage == Stage::Archived {
            place.registry.withdraw(&model(), second, &alias("challenger"), &change("before")).unwrap();
            place.point("challenger", second);
        }
        let clock = ManualClock::default();
        let endpoint = endpoint(&place, place.registry.clone(), &clock, &canary());
        if stage == Stage::Dev {
            place.registry.transition(&model(), second, Stage::Staging, stage, &change("during")).unwrap();
        }
        let events = until_news(&endpoint);
        assert_eq!(names(&events), ["rolled_back", "withdrawn"], "{stage}");
        assert_eq!(place.registry.version(&model(), second).unwrap().stage, Stage::Archived);
        assert!(endpoint.process().is_empty());
    }
}

#[test]
fn a_trial_whose_alias_is_gone_is_over() {
    for by_hand in [false, true] {
        let place = Place::with_trial("1");
        let clock = ManualClock::default();
        let endpoint = endpoint(&place, place.registry.clone(), &clock, &canary());
        place
            .registry
            .set_alias(&model(), &alias("challenger"), None, Expected::Any, &change("away"))
            .unwrap();
        clock.advance(Duration::from_secs(1));
        let events = if by_hand { endpoint.refresh().unwrap() } else { endpoint.process() };
        assert_eq!(names(&events), ["trial_ended", "withdrawn"]);
        assert!(events[0].kind.to_string().contains("m@challenger is not set any more"), "{events:?}");
        assert!(endpoint.process().is_empty() && share_of(&endpoint, FIRST) == 1.0);
    }
    // One that never began is over when its time is.
    let place = Place::new();
    place.point("champion", place.register("1"));
    let ramp = RampOptions::new([Guardrail::new(Metric::ErrorRate, 0.05).unwrap()])
        .with_max_hold(Duration::from_secs(60), Expiry::RollBack);
    let options = CanaryOptions::new(arm("champion"), arm("challenger"), "s", ramp);
    let clock = ManualClock::default();
    let builder = place.endpoint().with_arm(alias("challenger")).with_clock(clock.clone());
    let endpoint = builder.with_policy(Canary::new(options).unwrap()).build().unwrap();
    assert_eq!(names(&endpoint.process()), ["held"]);
    clock.advance(Duration::from_secs(61));
    assert_eq!(names(&endpoint.process()), ["trial_ended"]);
    assert!(endpoint.process().is_empty());
}

/// Near the end of the ramp another version is put behind an alias: it is not promoted for what the other one did.
#[test]
fn another_version_gathers_evidence_of_its_own() {
    for moved in ["challenger", "champion"] {
        for by_hand in [false, true] {
            let place = Place::with_trial("1");
            let (clock, canary) = (ManualClock::default(), canary());
            let endpoint = endpoint(&place, place.registry.clone(), &clock, &canary);
            let mut number = 0;
            while canary.ramp().share() < 0.5 || canary.ramp().evidence()[0].canary.count() < 40 {
                ask(&endpoint, number).unwrap();
                endpoint.process();
                number += 1;
            }
            let third = place.register("1");
            place.point(moved, third);
            clock.advance(Duration::from_secs(1));
            let events = if by_hand { endpoint.refresh().unwrap() } else { endpoint.process() };
            assert_eq!(names(&events), ["deployed", "renewed"], "{moved}");
            let words = events[1].kind.to_string();
            assert!(words.contains(&format!("{moved} answers with version 3 instead of")), "{words}");
            assert_eq!(canary.ramp().share(), 0.2);
            let (mut own, mut ended) = (0, Vec::new());
            while !names(&ended).contains(&"promoted") {
                let answer = endpoint.predict(Request::tensors(&unit(number), &row())).unwrap();
                own += usize::from(answer.arm == arm("challenger"));
                ended = endpoint.process();
                number += 1;
            }
            assert!(own >= 100, "{own} answers at two steps of at least 50");
        }
    }
}

#[test]
fn a_worker_follows_what_others_move() {
    let place = Place::with_trial("1");
    let endpoint = place.endpoint().with_follow_interval(Duration::from_millis(1)).build().unwrap();
    let worker = endpoint.spawn_worker(Duration::from_millis(1), |_| {}).unwrap();
    assert!(worker.is_alive());
    place.point("champion", place.register("5"));
    let started = std::time::Instant::now();
    while ask(&endpoint, 1).unwrap() != 5.0 {
        assert!(started.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(1));
    }
    worker.stop();
    // Where it is not wanted nothing is followed.
    let endpoint =
        place.endpoint().with_follow_interval(None).with_clock(ManualClock::default()).build().unwrap();
    place.point("champion", FIRST);
    assert!(endpoint.process().is_empty());
    assert_eq!(ask(&endpoint, 1).unwrap(), 5.0);
}
