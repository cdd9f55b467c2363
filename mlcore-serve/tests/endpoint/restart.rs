//! A ramp that survives a restart, and a start while the registry is away.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mlcore::Error;
use mlcore::name::{Arm, Version};
use mlcore::registry::Registry;
use mlcore::rollout::{Canary, CanaryOptions, Guardrail, Metric, RampOptions};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{EndpointBuilder, EventKind, Request};

use crate::support::{Failing, Faulty, ManualClock, Place, alias, arm, ask, load, model, row, unit};

fn canary(salt: &str) -> Arc<Canary> {
    let guardrail = Guardrail::new(Metric::ErrorRate, 0.05).unwrap().with_limit(0.2).unwrap();
    let ramp = RampOptions::new([guardrail]).with_steps([0.1, 0.5]).with_min_samples(50);
    Arc::new(Canary::new(CanaryOptions::new(arm("champion"), arm("challenger"), salt, ramp)).unwrap())
}

fn builder(
    place: &Place,
    registry: Arc<dyn Registry>,
    canary: &Arc<Canary>,
    clock: &ManualClock,
) -> EndpointBuilder {
    Endpoint::builder(model(), registry, place.artifacts.clone())
        .with_loader(load)
        .with_arm(alias("challenger"))
        .with_policy(canary.clone())
        .with_clock(clock.clone())
}

fn until_step(endpoint: &Endpoint, canary: &Canary) {
    let mut number = 0;
    while canary.ramp().share() < 0.5 {
        ask(endpoint, number).unwrap();
        endpoint.process();
        number += 1;
    }
}

fn arms(endpoint: &Endpoint) -> Vec<Arm> {
    (0..300).map(|number| endpoint.predict(Request::tensors(&unit(number), &row())).unwrap().arm).collect()
}

const KEY: &str = "mlcore.release.challenger";

#[test]
fn units_keep_their_arms_when_a_process_is_killed() {
    let (place, clock) = (Place::with_trial("1.5"), ManualClock::default());
    let first = canary("s");
    let endpoint = builder(&place, place.registry.clone(), &first, &clock).build().unwrap();
    let before = place.registry.verify().unwrap().sequence;
    until_step(&endpoint, &first);
    // One step, one audited change, with its reason.
    let [kept] = &place.registry.audit(before + 1, 9).unwrap()[..] else { panic!("one entry for one step") };
    assert!(
        kept.reason.as_ref().unwrap().contains("error rate") && kept.event.subject().contains('m'),
        "{kept:?}"
    );
    let served = arms(&endpoint);
    // Killed: nothing is told or saved any more.
    let second = canary("s");
    let restarted = builder(&place, place.registry.clone(), &second, &clock).build().unwrap();
    assert_eq!(arms(&restarted), served);
    assert_eq!(second.ramp().share(), 0.5);
    // Another release, which has another salt, begins at its beginning; and so does another version.
    let other = canary("other");
    builder(&place, place.registry.clone(), &other, &clock).build().unwrap();
    assert_eq!(other.ramp().share(), 0.1);
    place.point("challenger", place.register("1"));
    let third = canary("s");
    let endpoint = builder(&place, place.registry.clone(), &third, &clock).build().unwrap();
    assert_eq!(third.ramp().share(), 0.1);
    let events = endpoint.process();
    assert!(
        matches!(&events[0].kind, EventKind::Renewed { reason } if reason.contains("version 3 instead of 2")),
        "{events:?}"
    );
}

#[test]
fn replicas_take_steps_together_and_forget_them_when_the_trial_is_over() {
    let (place, clock) = (Place::with_trial("1.5"), ManualClock::default());
    let policies = [(); 2].map(|()| canary("s"));
    let replicas = [0, 1].map(|replica: usize| {
        builder(&place, place.registry.clone(), &policies[replica], &clock).build().unwrap()
    });
    until_step(&replicas[0], &policies[0]);
    assert_eq!(policies[1].ramp().share(), 0.1);
    clock.advance(Duration::from_secs(1));
    replicas[1].process();
    assert_eq!(policies[1].ramp().share(), 0.5);
    assert_eq!(arms(&replicas[0]), arms(&replicas[1]));
    // Both had taken the step by themselves: one is kept.
    assert!(place.registry.model(&model()).unwrap().tags.contains_key(KEY));
    let mut number = 0;
    while replicas[0].arms().len() > 1 {
        ask(&replicas[0], number).unwrap();
        replicas[0].process();
        number += 1;
    }
    clock.advance(Duration::from_secs(1));
    replicas[1].process();
    assert_eq!(replicas[1].arms(), replicas[0].arms());
    assert!(!place.registry.model(&model()).unwrap().tags.contains_key(KEY));
}

#[test]
fn two_replicas_that_step_at_once_keep_one_step() {
    let (place, clock) = (Place::with_trial("1.5"), ManualClock::default());
    let policies = [(); 2].map(|()| canary("s"));
    let replicas = [0, 1].map(|replica: usize| {
        builder(&place, place.registry.clone(), &policies[replica], &clock).build().unwrap()
    });
    for replica in [0, 1] {
        until_step(&replicas[replica], &policies[replica]);
    }
    assert!(policies.iter().all(|policy| policy.ramp().share() == 0.5));
    place.registry.verify().unwrap();
    let third = canary("s");
    builder(&place, place.registry.clone(), &third, &clock).build().unwrap();
    assert_eq!(third.ramp().share(), 0.5);
}

#[test]
fn a_step_that_cannot_be_kept_is_taken_and_kept_later() {
    let (place, clock, policy) = (Place::with_trial("1.5"), ManualClock::default(), canary("s"));
    let busy = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let is_busy = busy.clone();
    let faulty = Faulty::new(&place, move |_| is_busy.load(Ordering::SeqCst).then_some(Failing::Before));
    let endpoint = builder(&place, faulty, &policy, &clock).build().unwrap();
    let mut events = Vec::new();
    for number in 0.. {
        ask(&endpoint, number).unwrap();
        events.extend(endpoint.process());
        if policy.ramp().share() == 0.5 {
            break;
        }
    }
    let names: Vec<&str> = events.iter().map(|event| event.kind.name()).collect();
    assert_eq!(names, ["stepped", "failed"]);
    assert!(events[1].kind.to_string().contains("keep step failed"), "{events:?}");
    busy.store(false, Ordering::SeqCst);
    assert!(endpoint.process().is_empty());
    let second = canary("s");
    builder(&place, place.registry.clone(), &second, &clock).build().unwrap();
    assert_eq!(second.ramp().share(), 0.5);
}

#[test]
fn a_start_without_a_registry_serves_the_last_deployment() {
    let (place, clock, policy) = (Place::with_trial("1.5"), ManualClock::default(), canary("s"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("served.json");
    let faulty = Faulty::new(&place, |_| None);
    let start =
        |policy: &Arc<Canary>| builder(&place, faulty.clone(), policy, &clock).with_snapshot(&file).build();
    // Away from the first start on: there is nothing to serve.
    faulty.unreadable.store(true, Ordering::SeqCst);
    assert!(matches!(start(&policy).unwrap_err(), Error::NotFound(_)));
    faulty.unreadable.store(false, Ordering::SeqCst);
    let endpoint = start(&policy).unwrap();
    until_step(&endpoint, &policy);
    let served = arms(&endpoint);
    faulty.unreadable.store(true, Ordering::SeqCst);
    let second = canary("s");
    assert!(matches!(builder(&place, faulty.clone(), &second, &clock).build(), Err(Error::Unavailable(_))));
    let restarted = start(&second).unwrap();
    assert_eq!(
        restarted.arms(),
        [(arm("champion"), Version::FIRST), (arm("challenger"), Version::FIRST.next())]
    );
    assert_eq!(arms(&restarted), served);
    let events = restarted.process();
    assert!(
        matches!(&events[0].kind, EventKind::Failed { operation, .. } if operation.contains("snapshot")),
        "{events:?}"
    );
    // When it is back, it is followed.
    faulty.unreadable.store(false, Ordering::SeqCst);
    place.point("champion", place.register("9"));
    clock.advance(Duration::from_secs(60));
    restarted.process();
    assert_eq!(restarted.arms()[0].1.get(), 3);
    // What is no snapshot is refused by name.
    std::fs::write(&file, b"{}").unwrap();
    faulty.unreadable.store(true, Ordering::SeqCst);
    let error = start(&canary("s")).unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)) && error.to_string().contains("served.json"), "{error}");
}
