//! Panics and answers that break the signature: failures of an arm, or faults of what was handed in. None ends a worker, and
//! none reaches a caller.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mlcore::artifact::ArtifactStore;
use mlcore::registry::ModelVersion;
use mlcore::rollout::{
    Ask, Assignment, Canary, CanaryOptions, Decision, Guardrail, Metric, Outcome, PolicyState, RampOptions,
    RolloutPolicy, StateFormat,
};
use mlcore::runner::RunOptions;
use mlcore::{Error, Result};
use mlcore_serve::endpoint::{Event, EventKind, Record, Request};

use crate::support::{self, ManualClock, Place, alias, arm, ask, row, unit};

fn canary() -> Canary {
    let guardrail = Guardrail::new(Metric::ErrorRate, 0.05).unwrap().with_limit(0.2).unwrap();
    let ramp = RampOptions::new([guardrail]).with_steps([0.5]).with_min_samples(50);
    Canary::new(CanaryOptions::new(arm("champion"), arm("challenger"), "s", ramp)).unwrap()
}

#[test]
fn a_runner_that_panics_or_lies_is_a_failing_runner() {
    for (challenger, words) in [
        ("panics", "its runner panicked: the runner panics"),
        ("more rows", "breaks its signature: y has 6 rows, and 1 were asked for"),
        ("whole numbers", "breaks its signature: y is int64, and float64 is declared"),
        ("nothing", "breaks its signature: y is not in it"),
    ] {
        let place = Place::new();
        place.point("champion", place.register("1"));
        place.point("challenger", place.register(challenger));
        let endpoint = place.endpoint().with_arm(alias("challenger")).with_policy(canary()).build().unwrap();
        let (mut failed, mut events) = (0, Vec::new());
        for number in 0..5_000 {
            match ask(&endpoint, number) {
                Ok(answer) => assert_eq!(answer, 1.0),
                Err(error) => {
                    failed += 1;
                    assert!(matches!(error, Error::Internal(_)), "{error}");
                    let text = error.to_string();
                    assert!(text.contains("m version 2") && text.contains(words), "{text}");
                }
            }
            events.extend(endpoint.process());
        }
        assert!((1..50).contains(&failed), "{challenger}: {failed}");
        assert!(matches!(events[0].kind, EventKind::RolledBack { .. }), "{challenger}: {events:?}");
        assert_eq!((endpoint.counts().records, endpoint.counts().failures), (5_000, failed));
        assert_eq!(endpoint.counts().panics, 0, "it is the arm's");
        // Whoever runs requests in another way is spared too.
        place.point("champion", place.register(challenger));
        endpoint.refresh().unwrap();
        let (unit, row) = (unit(1), row());
        let decided = endpoint.decide(Request::tensors(&unit, &row));
        let error = decided.model().runner().run(&row, &RunOptions::default()).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        drop(decided);
    }
}

/// A closure that answers against its signature is to blame itself, not the caller.
#[test]
fn a_mismatch_of_the_answer_is_no_mistake_of_the_callers() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let lying =
        |_: &ModelVersion, _: &dyn ArtifactStore| -> Result<Arc<dyn mlcore::runner::Runner>> {
            let runner = mlcore::runner::FunctionRunner::new(support::signature(), |_| {
                Ok(mlcore::batch::Batch::default())
            });
            Ok(Arc::new(runner))
        };
    let endpoint = place.endpoint().with_loader(lying).build().unwrap();
    assert!(matches!(ask(&endpoint, 1), Err(Error::Internal(_))));
    endpoint.process();
    assert_eq!(endpoint.counts().failures, 1);
}

#[test]
fn a_loader_that_panics_changes_nothing() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let loader = |version: &ModelVersion, artifacts: &dyn ArtifactStore| {
        assert!(version.version.get() == 1, "the loader panics, as it should in this test");
        support::load(version, artifacts)
    };
    let clock = ManualClock::default();
    let endpoint = place.endpoint().with_loader(loader).with_clock(clock.clone()).build().unwrap();
    place.point("champion", place.register("2"));
    let error = endpoint.refresh().unwrap_err();
    assert!(error.to_string().contains("its loader panicked"), "{error}");
    clock.advance(Duration::from_secs(1));
    let events = endpoint.process();
    assert!(matches!(&events[..], [Event { kind: EventKind::Failed { .. }, .. }]), "{events:?}");
    assert_eq!(ask(&endpoint, 1).unwrap(), 1.0);
}

#[test]
fn a_panic_in_what_was_handed_in_is_counted_and_told_and_ends_nothing() {
    for place_of_panic in ["sink", "loss", "handler"] {
        let place = Place::new();
        place.point("champion", place.register("1"));
        let mut builder = place.endpoint();
        if place_of_panic == "sink" {
            let mut records = 0;
            builder = builder.with_sink(move |_: &Record| {
                records += 1;
                assert!(records % 3 != 0, "the sink panics, as it should in this test");
            });
        }
        if place_of_panic == "loss" {
            builder = builder.with_loss_function(|_, _| panic!("the loss panics, as it should in this test"));
        }
        let endpoint = builder.with_queue_capacity(1).build().unwrap();
        // Something to tell the handler of.
        drop((ask(&endpoint, 1), ask(&endpoint, 2)));
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let (heard, calls) = (told.clone(), AtomicU64::new(0));
        let worker = endpoint
            .spawn_worker(Duration::from_millis(1), move |event| {
                heard.lock().unwrap().push(event.kind.to_string());
                let first = calls.fetch_add(1, Ordering::SeqCst) == 0;
                assert!(
                    place_of_panic != "handler" || !first,
                    "the handler panics, as it should in this test"
                );
            })
            .unwrap();
        let started = Instant::now();
        let mut number = 0;
        while endpoint.counts().records < 300 || endpoint.counts().panics == 0 {
            assert!(started.elapsed() < Duration::from_secs(20), "{place_of_panic}: {:?}", endpoint.counts());
            let answer = endpoint.predict(Request::tensors(&unit(number), &row())).unwrap();
            endpoint.report_outcome(answer.outcome_id, 1.0).unwrap();
            number += 1;
            thread::sleep(Duration::from_micros(200));
        }
        assert!(worker.is_alive());
        worker.stop();
        let told = told.lock().unwrap();
        let panics: Vec<&String> = told.iter().filter(|event| event.contains("caught: ")).collect();
        assert!(!panics.is_empty() && panics.len() < 12, "{told:?}");
        assert!(
            panics[0].contains(place_of_panic) && panics[0].contains("as it should in this test"),
            "{panics:?}"
        );
    }
}

/// A policy that panics wherever it is asked.
#[derive(Debug)]
struct Panicking;

#[expect(clippy::panic, reason = "this is what is tested")]
impl RolloutPolicy for Panicking {
    fn assign(&self, _: &Ask<'_>) -> Assignment {
        panic!("the policy panics, as it should in this test")
    }

    fn observe(&self, _: &Outcome<'_>) {
        panic!("the policy panics, as it should in this test")
    }

    fn decide(&self, _: Duration) -> Decision {
        panic!("the policy panics, as it should in this test")
    }

    fn save(&self) -> Result<PolicyState> {
        PolicyState::new(StateFormat::new("panicking", 1), &(), &())
    }

    fn restore(&self, state: &PolicyState) -> Result<()> {
        state.progress(StateFormat::new("panicking", 1), &())
    }
}

#[test]
fn under_a_policy_that_panics_the_default_answers() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let endpoint = place.endpoint().with_policy(Panicking).build().unwrap();
    for number in 0..10 {
        assert_eq!(ask(&endpoint, number).unwrap(), 1.0);
    }
    let events = endpoint.process();
    let [Event { kind: EventKind::Panicked { count, problem }, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert!(*count == 21 && problem.contains("the policy panicked"), "{events:?}");
    assert_eq!((endpoint.counts().records, endpoint.counts().panics), (10, 21));
}

#[test]
fn an_endpoint_that_nobody_works_off_says_so() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let clock = ManualClock::default();
    let endpoint = place.endpoint().with_queue_capacity(8).with_clock(clock.clone()).build().unwrap();
    assert_eq!(endpoint.since_processed(), Duration::ZERO);
    for number in 0..20 {
        ask(&endpoint, number).unwrap();
    }
    clock.advance(Duration::from_secs(90));
    assert_eq!(endpoint.since_processed(), Duration::from_secs(90));
    let events = endpoint.process();
    assert_eq!(endpoint.since_processed(), Duration::ZERO);
    let [Event { kind: EventKind::Dropped { count: 12, problem }, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert!(problem.contains("12 records") && problem.contains("90.0s"), "{problem}");
    assert!(endpoint.process().is_empty(), "told once");
}
