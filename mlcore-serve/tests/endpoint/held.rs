//! Releases that cannot come to a decision: refused where that is certain, told of where it is not. And releases of what was
//! released before.

use std::sync::Arc;

use mlcore::Error;
use mlcore::name::Version;
use mlcore::registry::{Expected, Registry, RegistryExt, Stage};
use mlcore::rollout::{
    BlueGreen, BlueGreenOptions, Canary, CanaryOptions, Fixed, Guardrail, Metric, RampOptions, RolloutPolicy,
    Shadowed, Weighted,
};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{Event, EventKind, Loss};

use crate::support::{Place, alias, arm, ask, change, model};

fn canary(control: &str, tried: &str, metric: Metric) -> Canary {
    let guardrail = Guardrail::new(metric, 0.05).unwrap();
    let ramp = RampOptions::new([guardrail]).with_steps([0.5]).with_min_samples(50);
    Canary::new(CanaryOptions::new(arm(control), arm(tried), "s", ramp)).unwrap()
}

/// Version 1 in production as champion.
fn place() -> Place {
    let place = Place::new();
    let champion = place.register("1");
    stage(&place, champion);
    let (to, expected) = (alias("champion"), Expected::Absent);
    place.registry.promote(&model(), champion, &to, expected, &change("first")).unwrap();
    place
}

fn stage(place: &Place, version: Version) {
    place.registry.transition(&model(), version, Stage::Dev, Stage::Staging, &change("stage")).unwrap();
}

fn told(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.kind.name()).collect()
}

#[test]
fn a_policy_that_could_never_decide_is_refused_at_once() {
    let place = place();
    place.point("challenger", place.register("2"));
    let green = |blue, green| BlueGreen::new(BlueGreenOptions::new(arm(blue), arm(green))).unwrap();
    let policies: [(Arc<dyn RolloutPolicy>, &str); 8] = [
        (Arc::new(canary("champion", "canary", Metric::ErrorRate)), "canary: the policy is about this arm"),
        (
            Arc::new(canary("chmpion", "challenger", Metric::ErrorRate)),
            "chmpion: the policy is about this arm",
        ),
        (Arc::new(canary("challenger", "champion", Metric::ErrorRate)), "it is the endpoint's default arm"),
        (Arc::new(canary("champion", "challenger", Metric::Loss)), "the endpoint computes no loss"),
        (Arc::new(green("champion", "next")), "next: the policy is about this arm"),
        (Arc::new(Fixed::new(arm("next"))), "next: the policy is about this arm"),
        (
            Arc::new(Weighted::new("s", [(arm("champion"), 1.0), (arm("next"), 1.0)]).unwrap()),
            "next: the policy is about this arm",
        ),
        (
            Arc::new(Shadowed::new(Fixed::new(arm("champion")), [arm("dark")], 1.0).unwrap()),
            "dark: the policy is about this arm",
        ),
    ];
    let endpoint = place.endpoint().with_arm(alias("challenger")).build().unwrap();
    for (policy, words) in policies {
        let built = place.endpoint().with_arm(alias("challenger")).with_policy(policy.clone()).build();
        for error in [built.unwrap_err(), endpoint.set_policy(policy).unwrap_err()] {
            assert!(matches!(error, Error::InvalidInput(_)), "{error}");
            assert!(error.to_string().contains(words) && !error.to_string().contains("::"), "{error}");
        }
        assert_eq!(ask(&endpoint, 1).unwrap(), 1.0, "the old policy stays");
    }
    let with_loss = place.endpoint().with_arm(alias("challenger")).with_loss(Loss::SquaredError);
    with_loss.with_policy(canary("champion", "challenger", Metric::Loss)).build().unwrap();
    // An arm without weight gets nothing, and need not be there.
    let weights = Weighted::new("s", [(arm("champion"), 1.0), (arm("next"), 0.0)]).unwrap();
    endpoint.set_policy(Arc::new(weights)).unwrap();
}

#[test]
fn an_arm_that_does_not_answer_is_told_of_once() {
    let place = place();
    let endpoint = place
        .endpoint()
        .with_arm(alias("challenger"))
        .with_policy(canary("champion", "challenger", Metric::ErrorRate))
        .build()
        .unwrap();
    let events = endpoint.process();
    assert_eq!(told(&events), ["held"]);
    let words = events[0].kind.to_string();
    assert!(
        words.contains("the arm challenger does not answer") && words.contains("m@challenger"),
        "{words}"
    );
    assert!((0..10).all(|_| endpoint.process().is_empty()));
    place.point("challenger", place.register("2"));
    assert_eq!(told(&endpoint.refresh().unwrap()), ["deployed"]);
    assert!(endpoint.process().is_empty(), "it waits for data, which is in order");
}

/// Sends traffic until the release is over.
fn released(endpoint: &Endpoint) -> Vec<Event> {
    for number in 0..20_000 {
        drop(ask(endpoint, number));
        let events = endpoint.process();
        if !events.is_empty() {
            return events;
        }
    }
    Vec::new()
}

#[test]
fn a_version_that_was_rolled_back_is_released_again() {
    let place = place();
    let version = place.register("fails");
    stage(&place, version);
    let begin = || {
        place.point("challenger", version);
        let policy = canary("champion", "challenger", Metric::ErrorRate);
        place.endpoint().with_arm(alias("challenger")).with_policy(policy).build().unwrap()
    };
    for _ in 0..2 {
        let endpoint = begin();
        assert_eq!(told(&released(&endpoint)), ["rolled_back", "withdrawn"]);
        assert!(endpoint.process().is_empty(), "decided is decided");
        assert_eq!(place.registry.version(&model(), version).unwrap().stage, Stage::Archived);
        assert_eq!(place.registry.alias(&model(), &alias("challenger")).unwrap(), None);
    }
    // What was rolled back by mistake wins the next time.
    let version = place.register("1");
    stage(&place, version);
    place.point("challenger", version);
    place.registry.withdraw(&model(), version, &alias("challenger"), &change("by mistake")).unwrap();
    place.point("challenger", version);
    let policy = canary("champion", "challenger", Metric::ErrorRate);
    let endpoint = place.endpoint().with_arm(alias("challenger")).with_policy(policy).build().unwrap();
    assert_eq!(told(&released(&endpoint)), ["promoted", "withdrawn", "deployed"]);
    assert_eq!(place.registry.version(&model(), version).unwrap().stage, Stage::Production);
}

/// Both arms mean one version, as in a test of the release itself; a monitor finds the canary unfit.
#[test]
fn withdrawing_a_canary_does_not_archive_the_champion() {
    let place = Place::new();
    let only = place.register("fails");
    stage(&place, only);
    for name in ["champion", "challenger"] {
        place.point(name, only);
    }
    let limited = Guardrail::new(Metric::ErrorRate, 0.05).unwrap().with_limit(0.2).unwrap();
    let ramp = RampOptions::new([limited]).with_steps([0.5]);
    let policy = Canary::new(CanaryOptions::new(arm("champion"), arm("challenger"), "s", ramp)).unwrap();
    let endpoint = place.endpoint().with_arm(alias("challenger")).with_policy(policy).build().unwrap();
    let events = released(&endpoint);
    assert!(matches!(events[0].kind, EventKind::RolledBack { .. }), "{events:?}");
    assert_eq!(place.registry.version(&model(), only).unwrap().stage, Stage::Staging);
    assert_eq!(endpoint.arms(), [(arm("champion"), only)]);
}
