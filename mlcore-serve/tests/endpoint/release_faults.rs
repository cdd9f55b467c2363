//! A registry that fails at the n-th change of a release, for every n: nothing is half done, and the release carries on.

use std::sync::Arc;

use mlcore::name::Version;
use mlcore::registry::{Expected, MemoryRegistry, Registry, RegistryExt, Stage};
use mlcore::rollout::{Canary, CanaryOptions, Guardrail, Metric, RampOptions};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{Event, EventKind, Request};

use crate::support::{Failing, Faulty, ManualClock, Place, alias, arm, change, load, model, row, unit};

const FIRST: Version = Version::FIRST;

/// Version 1 in production as champion, and version 2 in staging.
fn place(challenger: &str) -> Place {
    let place = Place::new();
    for behaviour in ["1", challenger] {
        let version = place.register(behaviour);
        place.registry.transition(&model(), version, Stage::Dev, Stage::Staging, &change("s")).unwrap();
    }
    place.registry.promote(&model(), FIRST, &alias("champion"), Expected::Absent, &change("first")).unwrap();
    place
}

fn endpoint(place: &Place, registry: Arc<dyn Registry>) -> Endpoint {
    let guardrail = Guardrail::new(Metric::Loss, 0.5).unwrap();
    let ramp = RampOptions::new([guardrail]).with_steps([0.5]).with_min_samples(50);
    let canary = Canary::new(CanaryOptions::new(arm("champion"), arm("challenger"), "s", ramp)).unwrap();
    Endpoint::builder(model(), registry, place.artifacts.clone())
        .with_loader(load)
        .with_arm(alias("challenger"))
        .with_policy(canary)
        .with_clock(ManualClock::default())
        .with_loss_function(|outputs, label| Ok((outputs.tensor("y")?.values::<f64>()?[0] - label).abs()))
        .build()
        .unwrap()
}

/// Sends traffic whose true outcome is 1, give or take, until the release is over or something fails.
fn events_of_release(endpoint: &Endpoint) -> Vec<Event> {
    for number in 0..20_000 {
        let answer = endpoint.predict(Request::tensors(&unit(number), &row())).unwrap();
        endpoint.report_outcome(answer.outcome_id, 1.0 + (number % 11) as f64 / 20.0).unwrap();
        let events = endpoint.process();
        if events.iter().any(|event| ended(event) || failed(event)) {
            return events;
        }
    }
    Vec::new()
}

fn ended(event: &Event) -> bool {
    matches!(event.kind, EventKind::Promoted { .. } | EventKind::RolledBack { .. })
}

fn failed(event: &Event) -> bool {
    matches!(event.kind, EventKind::Failed { .. })
}

/// What champion and challenger mean, and the stages of both versions.
type Found = (Option<Version>, Option<Version>, Stage, Stage);

fn found(registry: &MemoryRegistry) -> Found {
    let meant = |name| registry.alias(&model(), &alias(name)).unwrap();
    let stage = |version| registry.version(&model(), version).unwrap().stage;
    (meant("champion"), meant("challenger"), stage(FIRST), stage(FIRST.next()))
}

/// Lets the n-th change of a release fail, for every n, and makes sure that it ends as if nothing had failed.
fn check(challenger: &str, end: Found) {
    for failing in [Failing::Before, Failing::After] {
        for at in 1.. {
            let place = place(challenger);
            place.point("challenger", FIRST.next());
            let before = found(&place.registry);
            let faulty = Faulty::new(&place, move |change| (change == at).then_some(failing));
            let endpoint = endpoint(&place, faulty);
            let mut events = events_of_release(&endpoint);
            let reached = events.iter().any(failed);
            if reached {
                let now = found(&place.registry);
                assert!(now == before || now == end, "change {at}, {failing:?}: half done: {now:?}");
                events = endpoint.process();
            }
            assert!(events.iter().any(ended), "change {at}, {failing:?}: {events:?}");
            assert_eq!(found(&place.registry), end, "change {at}, {failing:?}");
            let champion = end.0.unwrap();
            assert_eq!(endpoint.arms(), [(arm("champion"), champion)], "change {at}, {failing:?}");
            assert!(endpoint.process().is_empty(), "decided is decided");
            place.registry.verify().unwrap();
            if !reached {
                assert!(at > 1, "the release changes the registry");
                break;
            }
        }
    }
}

#[test]
fn a_promotion_is_never_half_done() {
    check("1.1", (Some(FIRST.next()), None, Stage::Archived, Stage::Production));
}

#[test]
fn a_withdrawal_is_never_half_done() {
    check("3", (Some(FIRST), None, Stage::Production, Stage::Archived));
}

/// An older process made the first change of a promotion and was killed: champion and challenger mean one version.
#[test]
fn what_an_older_process_left_half_promoted_is_ended() {
    let place = place("1");
    let second = FIRST.next();
    place.point("challenger", second);
    let endpoint = endpoint(&place, place.registry.clone());
    place
        .registry
        .promote(&model(), second, &alias("champion"), Expected::Version(FIRST), &change("killed"))
        .unwrap();
    assert!(events_of_release(&endpoint).iter().any(ended));
    assert_eq!(found(&place.registry), (Some(second), None, Stage::Archived, Stage::Production));
    assert_eq!(endpoint.arms(), [(arm("champion"), second)]);
}

/// An older process removed the alias of a canary and was killed before it archived the version.
#[test]
fn what_an_older_process_left_half_withdrawn_is_ended() {
    let place = place("3");
    let second = FIRST.next();
    place.point("challenger", second);
    let endpoint = endpoint(&place, place.registry.clone());
    place
        .registry
        .set_alias(&model(), &alias("challenger"), None, Expected::Version(second), &change("killed"))
        .unwrap();
    assert!(events_of_release(&endpoint).iter().any(ended));
    assert_eq!(found(&place.registry), (Some(FIRST), None, Stage::Production, Stage::Archived));
}
