//! Hot swap, promotion and rollback: in the registry, in the traffic, under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use mlcore::name::Version;
use mlcore::registry::{Registry, RegistryExt, Stage};
use mlcore::rollout::{Canary, CanaryOptions, Guardrail, Metric, RampOptions, Shadowed};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{Event, EventKind, Request};

use crate::support::{ManualClock, Place, alias, arm, ask, change, model, row, unit};

fn canary() -> Canary {
    let guardrails = [
        Guardrail::new(Metric::ErrorRate, 0.05).unwrap().with_limit(0.2).unwrap(),
        Guardrail::new(Metric::Loss, 0.5).unwrap(),
    ];
    let ramp = RampOptions::new(guardrails).with_steps([0.2, 0.5]).with_min_samples(50);
    Canary::new(CanaryOptions::new(arm("champion"), arm("challenger"), "s", ramp)).unwrap()
}

/// Champion 1 against a challenger of this behaviour; the loss is the distance of the answer to the outcome.
fn on_trial(challenger: &str) -> (Place, Endpoint) {
    let place = Place::new();
    let champion = place.register("1");
    place.registry.transition(&model(), champion, Stage::Dev, Stage::Staging, &change("s")).unwrap();
    place
        .registry
        .promote(&model(), champion, &alias("champion"), mlcore::registry::Expected::Absent, &change("first"))
        .unwrap();
    let version = place.register(challenger);
    place.registry.transition(&model(), version, Stage::Dev, Stage::Staging, &change("s")).unwrap();
    place.point("challenger", version);
    let endpoint = place
        .endpoint()
        .with_arm(alias("challenger"))
        .with_arm(alias("dark"))
        .with_policy(canary())
        .with_clock(ManualClock::default())
        .with_loss_function(|outputs, label| Ok((outputs.tensor("y")?.values::<f64>()?[0] - label).abs()))
        .build()
        .unwrap();
    (place, endpoint)
}

/// Sends requests with the true outcome 1, give or take, until the release is decided.
fn send(endpoint: &Endpoint, most: usize) -> Vec<Event> {
    let mut events = Vec::new();
    for number in 0..most {
        let noise = (number % 11) as f64 / 20.0;
        if let Ok(answer) = endpoint.predict(Request::tensors(&unit(number), &row())) {
            endpoint.report_outcome(answer.outcome_id, 1.0 + noise).unwrap();
        }
        events.extend(endpoint.process());
        if events
            .iter()
            .any(|event| matches!(event.kind, EventKind::Promoted { .. } | EventKind::RolledBack { .. }))
        {
            return events;
        }
    }
    events
}

fn kinds(events: &[Event]) -> Vec<&'static str> {
    let kind = |event: &Event| match event.kind {
        EventKind::Stepped { .. } => "stepped",
        EventKind::Promoted { .. } => "promoted",
        EventKind::RolledBack { .. } => "rolled back",
        EventKind::Withdrawn { .. } => "withdrawn",
        EventKind::Deployed { .. } => "deployed",
        _ => "other",
    };
    events.iter().map(kind).collect()
}

#[test]
fn a_canary_that_is_no_worse_is_promoted_with_one_audited_change() {
    let (place, endpoint) = on_trial("1.1");
    let events = send(&endpoint, 20_000);
    assert_eq!(kinds(&events), ["stepped", "promoted", "withdrawn", "deployed"]);
    let second = Version::FIRST.next();
    assert_eq!(endpoint.arms(), [(arm("champion"), second)]);
    assert!((0..100).all(|number| ask(&endpoint, number).unwrap() == 1.1));
    assert_eq!(place.registry.alias(&model(), &alias("champion")).unwrap(), Some(second));
    assert_eq!(place.registry.alias(&model(), &alias("challenger")).unwrap(), None);
    assert_eq!(place.registry.version(&model(), second).unwrap().stage, Stage::Production);
    assert_eq!(place.registry.version(&model(), Version::FIRST).unwrap().stage, Stage::Archived);
    place.registry.verify().unwrap();
    // Decided is decided: nothing more happens.
    assert!(send(&endpoint, 200).is_empty());
}

#[test]
fn a_canary_that_is_worse_is_rolled_back_and_archived() {
    for (challenger, word) in [("3", "loss"), ("fails", "error rate")] {
        let (place, endpoint) = on_trial(challenger);
        let events = send(&endpoint, 20_000);
        assert_eq!(kinds(&events)[0], "rolled back", "{events:?}");
        let EventKind::RolledBack { arm: tried, reason, version, to } = &events[0].kind else {
            unreachable!()
        };
        assert_eq!(*tried, arm("challenger"));
        assert!(reason.contains(word), "{reason}");
        assert_eq!((*version, *to), (Version::FIRST.next(), Version::FIRST));
        assert_eq!(endpoint.arms(), [(arm("champion"), Version::FIRST)]);
        assert!((0..200).all(|number| ask(&endpoint, number).unwrap() == 1.0));
        let registry = &place.registry;
        assert_eq!(registry.alias(&model(), &alias("challenger")).unwrap(), None);
        assert_eq!(registry.version(&model(), *version).unwrap().stage, Stage::Archived);
        let audit = registry.audit(1, 100).unwrap();
        assert!(
            audit.iter().any(|entry| entry.reason.as_deref() == Some(reason)),
            "the reason is not in the audit log"
        );
    }
}

#[test]
fn shadows_go_on_beside_the_arm_that_a_release_leaves() {
    for (challenger, ended, champion) in [("1.1", "promoted", 1.1), ("fails", "rolled back", 1.0)] {
        let (place, endpoint) = on_trial(challenger);
        place.point("dark", place.register("2"));
        endpoint.set_policy(Arc::new(Shadowed::new(canary(), [arm("dark")], 1.0).unwrap())).unwrap();
        let events = send(&endpoint, 20_000);
        assert!(kinds(&events).contains(&ended), "{events:?}");
        for number in 0..10 {
            assert_eq!(ask(&endpoint, number).unwrap(), champion);
        }
        endpoint.run_shadows();
        let shadows = endpoint.shadows();
        let [dark] = &shadows[..] else { panic!("{ended}: {shadows:?}") };
        assert_eq!((&dark.arm, dark.requests), (&arm("dark"), 10), "{ended}");
        assert!((dark.mean_difference - (2.0 - champion)).abs() < 1e-12, "{dark:?}");
    }
}

#[test]
fn versions_are_swapped_under_load_without_a_failed_or_mixed_answer() {
    let place = Place::new();
    let versions: Vec<Version> = (1..=40).map(|number| place.register(&number.to_string())).collect();
    place.point("champion", versions[0]);
    let endpoint = place.endpoint().with_queue_capacity(1 << 20).build().unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicU64::new(0));
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3)
            .map(|thread| {
                let (endpoint, done, answered) = (endpoint.clone(), done.clone(), answered.clone());
                scope.spawn(move || {
                    while !done.load(Ordering::Acquire) {
                        let answer = endpoint.predict(Request::tensors(&unit(thread), &row())).unwrap();
                        let number = answer.outputs.tensor("y").unwrap().values::<f64>().unwrap()[0];
                        assert_eq!(
                            number,
                            answer.version.get() as f64,
                            "answered by another version than it says"
                        );
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for version in versions.iter().cycle().skip(1).take(200) {
            let before = answered.load(Ordering::Relaxed);
            place.point("champion", *version);
            let events = endpoint.refresh().unwrap();
            assert_eq!(kinds(&events), ["deployed"]);
            assert_eq!(endpoint.arms(), [(arm("champion"), *version)]);
            // Traffic flows between any two swaps.
            while answered.load(Ordering::Relaxed) == before
                && !threads.iter().any(|thread| thread.is_finished())
            {
                std::thread::yield_now();
            }
        }
        done.store(true, Ordering::Release);
    });
    assert!(answered.load(Ordering::Relaxed) >= 200);
}

#[test]
fn a_swap_loads_a_version_only_once() {
    let loads = Arc::new(AtomicU64::new(0));
    let place = Place::new();
    place.point("champion", place.register("1"));
    let counter = loads.clone();
    let loader = move |version: &mlcore::registry::ModelVersion,
                       artifacts: &dyn mlcore::artifact::ArtifactStore| {
        counter.fetch_add(1, Ordering::SeqCst);
        crate::support::load(version, artifacts)
    };
    let endpoint = place.endpoint().with_loader(loader).with_arm(alias("challenger")).build().unwrap();
    assert!(endpoint.refresh().unwrap().is_empty());
    place.point("challenger", Version::FIRST);
    endpoint.refresh().unwrap();
    assert_eq!((endpoint.arms().len(), loads.load(Ordering::SeqCst)), (2, 1));
}

#[test]
fn time_limits_of_a_ramp_follow_the_endpoints_clock() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    place.point("challenger", place.register("1"));
    let clock = ManualClock::default();
    let ramp = RampOptions::new([Guardrail::new(Metric::Loss, 0.5).unwrap()])
        .with_max_hold(Duration::from_secs(3_600), mlcore::rollout::Expiry::RollBack);
    let options = CanaryOptions::new(arm("champion"), arm("challenger"), "", ramp);
    let endpoint = place
        .endpoint()
        .with_arm(alias("challenger"))
        .with_policy(Canary::new(options).unwrap())
        .with_clock(clock.clone())
        .build()
        .unwrap();
    assert!(endpoint.process().is_empty());
    clock.advance(Duration::from_secs(3_599));
    assert!(endpoint.process().is_empty(), "no data means hold");
    clock.advance(Duration::from_secs(2));
    assert_eq!(kinds(&endpoint.process()), ["rolled back", "withdrawn"]);
}
