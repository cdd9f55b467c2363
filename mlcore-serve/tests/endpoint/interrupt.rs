//! Whoever stops an endpoint's work loses nothing: what is left waits, and no arm is blamed.

use std::time::Duration;

use mlcore::rollout::{Fixed, Shadowed};
use mlcore::{Error, interrupt};
use mlcore_serve::endpoint::Request;

use crate::support::{Place, alias, arm, ask, row, unit};

#[test]
fn a_request_that_was_stopped_is_no_failure_of_the_arm() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let endpoint = place.endpoint().build().unwrap();
    let result = interrupt::scope(|| true, || endpoint.predict(Request::tensors(&unit(1), &row())));
    assert!(matches!(result, Err(Error::Interrupted(_))));
    assert_eq!(ask(&endpoint, 2).unwrap(), 1.0);
    endpoint.process();
    assert_eq!((endpoint.counts().records, endpoint.counts().failures), (2, 0));
}

#[test]
fn what_is_not_worked_off_waits_for_the_next_call() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    place.point("dark", place.register("2"));
    let policy = Shadowed::new(Fixed::new(arm("champion")), [arm("dark")], 1.0).unwrap();
    let endpoint = place.endpoint().with_arm(alias("dark")).with_policy(policy).build().unwrap();
    for number in 0..5 {
        let answer = endpoint.predict(Request::tensors(&unit(number), &row())).unwrap();
        endpoint.report_outcome(answer.outcome_id, 1.0).unwrap();
    }
    interrupt::scope(
        || true,
        || {
            assert!(endpoint.process().is_empty());
            assert_eq!(endpoint.run_shadows(), 0);
            assert!(matches!(endpoint.judge_now(), Ok(verdicts) if verdicts.is_empty()));
            assert!(matches!(endpoint.refresh(), Ok(events) if events.is_empty()));
        },
    );
    assert_eq!((endpoint.counts().records, endpoint.counts().outcomes), (0, 0));
    endpoint.process();
    assert_eq!((endpoint.counts().records, endpoint.counts().outcomes), (5, 5));
    assert_eq!(endpoint.run_shadows(), 5);
    assert_eq!(endpoint.shadows()[0].failures, 0);
}

#[test]
fn a_version_that_was_not_loaded_serves_nobody() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let endpoint = place.endpoint().build().unwrap();
    place.point("champion", place.register("2"));
    let result = interrupt::scope(|| true, || endpoint.refresh());
    assert!(matches!(result, Err(Error::Interrupted(_))), "{result:?}");
    assert_eq!(ask(&endpoint, 1).unwrap(), 1.0);
    endpoint.refresh().unwrap();
    assert_eq!(ask(&endpoint, 1).unwrap(), 2.0);
}

#[test]
fn a_worker_ends_by_itself() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let endpoint = place.endpoint().build().unwrap();
    let worker = endpoint.spawn_worker(Duration::from_millis(1), |_| {}).unwrap();
    ask(&endpoint, 1).unwrap();
    interrupt::scope(|| true, || worker.stop());
    let worker = endpoint.spawn_worker(Duration::from_millis(1), |_| {}).unwrap();
    interrupt::scope(|| false, || worker.stop());
    assert_eq!(endpoint.counts().records, 1);
}
