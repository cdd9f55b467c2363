//! The endpoint as its callers see it: routing, recording, releases, faults.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod abuse;
mod bandits;
mod experiments;
mod faults;
mod features;
mod healing;
mod held;
mod interrupt;
mod invalid;
mod lookup_faults;
mod lookups;
mod measures;
mod monitors;
mod panics;
mod parts;
mod planted;
mod read_back;
mod release;
mod release_faults;
mod restart;
mod rows;
mod shadows;
#[cfg(feature = "signatures")]
mod signed;
#[cfg(feature = "log")]
mod skew;
mod soak;
#[cfg(feature = "ort")]
mod sources;
#[cfg(feature = "server")]
mod steps_kill;
mod support;
#[cfg(feature = "validate")]
mod validation;
mod version_monitors;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mlcore::artifact::ArtifactStoreExt;
use mlcore::batch::{Batch, Tensor};
use mlcore::name::{RequestId, Version};
use mlcore::registry::{Expected, NewVersion, RegistryExt};
use mlcore::rollout::{Fixed, Shadowed, Weighted};
use mlcore_serve::conformance;
use mlcore_serve::endpoint::{OutcomeId, Record, RecordedInput, Request, SystemClock};
use support::{Place, arm, ask, row, unit};

#[test]
fn the_contracts_hold() {
    conformance::clock(&SystemClock::default());
    conformance::clock(&support::ManualClock::default());
    conformance::record_sink(&mut |record: &Record| assert!(record.propensity > 0.0));
    let place = Place::new();
    let version = place.register("3");
    let version = mlcore::registry::Registry::version(&*place.registry, &support::model(), version).unwrap();
    conformance::model_loader(&support::load, &version, &*place.artifacts);
    assert_eq!(place.artifacts.read(&version.artifact).unwrap(), b"3");
}

/// It came over MLflow's REST without an ONNX file.
#[test]
fn a_version_that_is_kept_elsewhere_is_refused_by_name() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let endpoint = place.endpoint().build().unwrap();
    let new = NewVersion::external(support::model(), "s3://models/m");
    let external = place.registry.create_version(new, &support::change("new")).unwrap().version;
    let change = support::change("point");
    let champion = support::alias("champion");
    place.registry.set_alias(&support::model(), &champion, Some(external), Expected::Any, &change).unwrap();
    let refused = endpoint.refresh().unwrap_err();
    assert_eq!(refused.kind(), "unsupported");
    assert!(refused.to_string().contains("m version 2: it is external"), "{refused}");
    assert_eq!(ask(&endpoint, 1).unwrap(), 1.0, "what answered goes on");
    let promoted = place.registry.promote(&support::model(), external, &champion, Expected::Any, &change);
    assert_eq!(promoted.unwrap_err().kind(), "invalid_input");
}

#[test]
fn a_request_is_answered_and_recorded_whole() {
    let place = Place::new();
    let version = place.register("1");
    place.point("champion", version);
    let records: Arc<Mutex<Vec<Record>>> = Arc::default();
    let sink = records.clone();
    let endpoint = place
        .endpoint()
        .with_sink(move |record: &Record| sink.lock().unwrap().push(record.clone()))
        .build()
        .unwrap();
    let id = RequestId::new("order-1").unwrap();
    let unit = unit(1);
    let prediction = endpoint.predict(Request::tensors(&unit, &row()).with_id(&id)).unwrap();
    assert_eq!((prediction.version, prediction.arm, prediction.propensity), (version, arm("champion"), 1.0));
    assert_eq!(prediction.outcome_id, OutcomeId::of(&id));
    assert!(endpoint.process().is_empty());
    let records = records.lock().unwrap();
    let [record] = &records[..] else { panic!("{records:?}") };
    assert_eq!(record.request.as_ref(), Some(&id));
    assert_eq!((record.version, &record.outputs, record.error), (version, &prediction.outputs, None));
    assert!(record.features_digest != 0 && record.latency > Duration::ZERO);
    assert!(matches!(&record.input, RecordedInput::Tensors(tensors) if *tensors == row()));
}

#[test]
fn equal_features_have_equal_digests_and_others_do_not() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let digests: Arc<Mutex<Vec<u128>>> = Arc::default();
    let sink = digests.clone();
    let endpoint = place
        .endpoint()
        .with_sink(move |record: &Record| sink.lock().unwrap().push(record.features_digest))
        .build()
        .unwrap();
    let other = Batch::single("x", Tensor::new([1, 2], vec![0.5_f32, -1.5]).unwrap());
    for batch in [&row(), &other, &row()] {
        endpoint.predict(Request::tensors(&unit(1), batch)).unwrap();
    }
    endpoint.process();
    let digests = digests.lock().unwrap();
    assert!(digests[0] == digests[2] && digests[0] != digests[1], "{digests:?}");
}

#[test]
fn units_are_routed_by_the_policy_and_stay() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    place.point("challenger", place.register("2"));
    let weights = [(arm("champion"), 1.0), (arm("challenger"), 1.0)];
    let endpoint = place
        .endpoint()
        .with_arm(support::alias("challenger"))
        .with_policy(Weighted::new("salt", weights).unwrap())
        .build()
        .unwrap();
    let first: Vec<f64> = (0..400).map(|number| ask(&endpoint, number).unwrap()).collect();
    let second: Vec<f64> = (0..400).map(|number| ask(&endpoint, number).unwrap()).collect();
    assert_eq!(first, second);
    let challenger = first.iter().filter(|answer| **answer == 2.0).count();
    assert!((150..250).contains(&challenger), "{challenger}");
}

#[test]
fn shadows_run_off_the_path_and_are_compared() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    place.point("dark", place.register("2"));
    let policy = Shadowed::new(Fixed::new(arm("champion")), [arm("dark")], 1.0).unwrap();
    let endpoint = place.endpoint().with_arm(support::alias("dark")).with_policy(policy).build().unwrap();
    for number in 0..10 {
        assert_eq!(ask(&endpoint, number).unwrap(), 1.0, "a shadow's answer reached a caller");
    }
    assert!(endpoint.shadows().is_empty(), "a shadow ran on the path of a request");
    endpoint.process();
    assert!(endpoint.shadows().is_empty(), "a shadow ran where outcomes are joined");
    assert_eq!(endpoint.run_shadows(), 10);
    let shadows = endpoint.shadows();
    let [dark] = &shadows[..] else { panic!("{shadows:?}") };
    assert_eq!((dark.requests, dark.failures, dark.rows), (10, 0, 10));
    assert_eq!((dark.largest_difference, dark.mean_difference), (1.0, 1.0));
}

#[test]
fn outcomes_are_joined_once() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let losses: Arc<Mutex<Vec<f64>>> = Arc::default();
    let seen = losses.clone();
    let endpoint = place
        .endpoint()
        .with_loss_function(move |outputs, label| {
            let loss = (outputs.tensor("y")?.values::<f64>()?[0] - label).abs();
            seen.lock().unwrap().push(loss);
            Ok(loss)
        })
        .build()
        .unwrap();
    let id = endpoint.predict(Request::tensors(&unit(1), &row())).unwrap().outcome_id;
    // Reported before anything was worked off, twice, and once for a prediction that was never made.
    endpoint.report_outcome(id, 4.0).unwrap();
    endpoint.report_outcome(id, 5.0).unwrap();
    endpoint.report_outcome(OutcomeId::of(&RequestId::new("nobody").unwrap()), 1.0).unwrap();
    endpoint.process();
    let counts = endpoint.counts();
    assert_eq!((counts.outcomes, counts.orphans), (1, 2));
    assert_eq!(*losses.lock().unwrap(), [3.0]);
}

#[test]
fn a_worker_thread_works_off_everything_before_it_stops() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let endpoint = place.endpoint().build().unwrap();
    let worker = endpoint.spawn_worker(Duration::from_secs(60), |_| {}).unwrap();
    for number in 0..500 {
        ask(&endpoint, number).unwrap();
    }
    worker.stop();
    assert_eq!((endpoint.counts().records, endpoint.counts().dropped()), (500, 0));
}

#[test]
fn a_replay_with_the_same_seed_gives_the_same_ids_and_draws() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    place.point("dark", place.register("2"));
    let run = || {
        let policy = Shadowed::new(Fixed::new(arm("champion")), [arm("dark")], 0.3).unwrap();
        let endpoint = place
            .endpoint()
            .with_arm(support::alias("dark"))
            .with_policy(policy)
            .with_seed(99)
            .build()
            .unwrap();
        let ids: Vec<OutcomeId> = (0..200)
            .map(|number| endpoint.predict(Request::tensors(&unit(number), &row())).unwrap().outcome_id)
            .collect();
        endpoint.run_shadows();
        (ids, endpoint.shadows()[0].requests)
    };
    let (first, second) = (run(), run());
    assert_eq!(first, second);
    assert!((30..90).contains(&first.1), "{}", first.1);
    assert_eq!(Version::FIRST.get(), 1);
}
