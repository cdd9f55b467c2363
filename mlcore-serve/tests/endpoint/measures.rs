//! What the host measures and judges of an arm, on its way to a release on trial.

use std::sync::Arc;
use std::time::Duration;

use mlcore::Error;
use mlcore::name::{MeasureName, Version};
use mlcore::registry::Registry;
use mlcore::rollout::{Canary, CanaryOptions, Guardrail, Metric, RampOptions};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{Event, EventKind, Loss, Prediction, Request};

use crate::support::{ManualClock, Place, alias, arm, model, row, unit};

fn name(text: &str) -> MeasureName {
    MeasureName::new(text).unwrap()
}

fn canary(metric: Metric, margin: f64) -> Arc<Canary> {
    let guardrail = Guardrail::new(metric, margin).unwrap();
    let ramp = RampOptions::new([guardrail]).with_steps([0.5]).with_min_samples(30);
    Arc::new(Canary::new(CanaryOptions::new(arm("champion"), arm("challenger"), "s", ramp)).unwrap())
}

fn on_trial(policy: &Arc<Canary>, clock: &ManualClock) -> (Place, Endpoint) {
    let place = Place::with_trial("1.5");
    let builder = place.endpoint().with_arm(alias("challenger")).with_policy(policy.clone());
    let endpoint = builder.with_clock(clock.clone()).build().unwrap();
    (place, endpoint)
}

/// Answers units one by one, lets `report` say what it measured of each, and answers how the release ended.
#[expect(clippy::panic, reason = "tests fail by panicking")]
fn until_it_ends(endpoint: &Endpoint, report: impl Fn(&Prediction)) -> (usize, Vec<Event>) {
    for number in 0..5_000 {
        let prediction = endpoint.predict(Request::tensors(&unit(number), &row())).unwrap();
        report(&prediction);
        let events = endpoint.process();
        if endpoint.arms().len() == 1 {
            return (number, events);
        }
    }
    panic!("the release does not end")
}

#[expect(clippy::panic, reason = "tests fail by panicking")]
fn rolled_back(events: &[Event]) -> &str {
    match &events[0].kind {
        EventKind::RolledBack { reason, .. } => reason,
        other => panic!("{other}"),
    }
}

#[test]
fn a_canary_that_costs_more_is_rolled_back_and_one_that_costs_the_same_is_promoted() {
    let cost = name("cost");
    for (challenger, is_promoted) in [(2.0, false), (1.0, true)] {
        let policy = canary(Metric::Measured { name: cost.clone() }, 0.5);
        let (place, endpoint) = on_trial(&policy, &ManualClock::default());
        let (_, events) = until_it_ends(&endpoint, |prediction| {
            let level = if prediction.arm == arm("champion") { 1.0 } else { challenger };
            let noise = f64::from(u8::from(prediction.outcome_id.to_u128() % 2 == 0)) / 10.0;
            endpoint.report_measure(prediction.outcome_id, &cost, level + noise).unwrap();
            // Another number of the host's says nothing to this guardrail.
            endpoint.report_measure(prediction.outcome_id, &name("seconds"), 1e9).unwrap();
        });
        let champion = place.registry.alias(&model(), &alias("champion")).unwrap();
        if is_promoted {
            assert!(matches!(&events[0].kind, EventKind::Promoted { .. }), "{events:?}");
            assert_eq!(champion, Some(Version::FIRST.next()));
        } else {
            assert!(rolled_back(&events).contains("cost"), "{events:?}");
            assert_eq!(champion, Some(Version::FIRST));
        }
        let counts = endpoint.counts();
        assert!(counts.measures > 60 && counts.stale_measures == 0, "{counts:?}");
    }
}

#[test]
fn verdicts_on_a_version_count_as_those_of_its_predictions() {
    let policy = canary(Metric::Judged { name: name("drift") }, 0.2);
    let (place, endpoint) = on_trial(&policy, &ManualClock::default());
    let (number, events) = until_it_ends(&endpoint, |prediction| {
        let about = (prediction.arm.clone(), prediction.version);
        endpoint.report_health(about, &name("drift"), prediction.arm == arm("challenger")).unwrap();
    });
    assert!(rolled_back(&events).contains("drift"), "{events:?}");
    assert!(number > 20, "{number}");
    assert_eq!(place.registry.alias(&model(), &alias("champion")).unwrap(), Some(Version::FIRST));
    // No data means hold: a release of which nothing is reported neither grows nor ends.
    let policy = canary(Metric::Judged { name: name("drift") }, 0.2);
    let (_place, endpoint) = on_trial(&policy, &ManualClock::default());
    for number in 0..500 {
        endpoint.predict(Request::tensors(&unit(number), &row())).unwrap();
        endpoint.process();
    }
    assert_eq!((endpoint.arms().len(), policy.ramp().share()), (2, 0.5));
}

#[test]
fn what_is_about_nobody_is_counted_and_what_is_no_number_is_refused() {
    let clock = ManualClock::default();
    let policy = canary(Metric::Measured { name: name("cost") }, 0.5);
    let place = Place::with_trial("1.5");
    let builder = place.endpoint().with_arm(alias("challenger")).with_policy(policy.clone());
    let endpoint = builder.with_loss(Loss::AbsoluteError).with_clock(clock.clone()).build().unwrap();
    let saved = policy.ramp();
    let prediction = endpoint.predict(Request::tensors(&unit(1), &row())).unwrap();
    let id = prediction.outcome_id;
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = endpoint.report_measure(id, &name("cost"), value).unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)) && error.to_string().contains("cost"), "{error}");
    }
    let error = endpoint.report_health((arm("nobody"), Version::FIRST), &name("drift"), true).unwrap_err();
    assert!(error.to_string().contains("nobody"), "{error}");
    assert!(MeasureName::new("").is_err() && MeasureName::new("a b\n").is_err());
    // Of a version that does not answer, and of a prediction whose outcome has come.
    endpoint.report_measure((arm("champion"), Version::FIRST.next()), &name("cost"), 1.0).unwrap();
    endpoint.process();
    endpoint.report_outcome(id, 1.0).unwrap();
    endpoint.process();
    endpoint.report_measure(id, &name("cost"), 1.0).unwrap();
    endpoint.process();
    let counts = endpoint.counts();
    assert_eq!((counts.measures, counts.stale_measures, counts.outcomes), (0, 2, 1));
    assert_eq!(policy.ramp().share(), saved.share());
    // And of a version that answered until its alias moved.
    place.point("challenger", place.register("1.5"));
    clock.advance(Duration::from_secs(60));
    endpoint.process();
    endpoint.report_measure((arm("challenger"), Version::FIRST.next()), &name("cost"), 1.0).unwrap();
    endpoint.process();
    assert_eq!(endpoint.counts().stale_measures, 3);
}

/// A flood of numbers is dropped and counted, and holds up no answer.
#[test]
fn a_flood_of_measures_is_dropped_and_counted() {
    let place = Place::with_trial("1.5");
    let endpoint = place.endpoint().with_queue_capacity(64).build().unwrap();
    let prediction = endpoint.predict(Request::tensors(&unit(1), &row())).unwrap();
    for number in 0..10_000 {
        endpoint.report_measure(prediction.outcome_id, &name("cost"), f64::from(number)).unwrap();
    }
    endpoint.predict(Request::tensors(&unit(2), &row())).unwrap();
    endpoint.process();
    let counts = endpoint.counts();
    assert_eq!((counts.measures + counts.dropped_outcomes, counts.records), (10_000, 2), "{counts:?}");
    assert!(counts.measures >= 64 && counts.dropped_outcomes > 9_000, "{counts:?}");
}
