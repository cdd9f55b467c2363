//! What can go wrong, and that nothing else does then.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use mlcore::artifact::ArtifactStoreExt;
use mlcore::batch::{Batch, Row, Tensor, Value};
use mlcore::registry::{NewVersion, Registry, RegistryExt};
use mlcore::rollout::{Canary, CanaryOptions, Guardrail, Metric, RampOptions};
use mlcore::{Error, Result};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{EventKind, OutcomeId, Request};

use crate::support::{Place, alias, arm, ask, change, model, row, signature, unit};

fn served() -> (Place, Endpoint) {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let endpoint = place.endpoint().build().unwrap();
    (place, endpoint)
}

#[test]
fn a_missing_default_alias_says_what_to_do() {
    let place = Place::new();
    place.register("1");
    let error = place.endpoint().build().unwrap_err();
    assert!(matches!(error, Error::NotFound(_)));
    assert!(error.to_string().contains("m@champion") && error.to_string().contains("promote"), "{error}");
}

#[test]
fn the_callers_mistakes_are_named_and_do_not_count_against_the_arm() {
    let (_place, endpoint) = served();
    let unit = unit(1);
    let check = |tensors: Batch, expected: &str| {
        let error = endpoint.predict(Request::tensors(&unit, &tensors)).unwrap_err();
        assert!(matches!(error, Error::SchemaMismatch(_)) && error.to_string().contains(expected), "{error}");
    };
    check(Batch::single("x", Tensor::new([1, 3], vec![0.0_f32; 3]).unwrap()), "expected float32 [?, 2]");
    check(Batch::single("x", Tensor::new([1, 2], vec![0.0_f64; 2]).unwrap()), "got float64 [1, 2]");
    check(Batch::single("z", Tensor::new([1, 2], vec![0.0_f32; 2]).unwrap()), "z: not one of x");
    let values = [Value::Float(1.0)];
    let error = endpoint.predict(Request::row(&unit, Row::unchecked(&values))).unwrap_err();
    assert!(error.to_string().contains("without a feature plan"), "{error}");
    endpoint.process();
    let counts = endpoint.counts();
    assert_eq!((counts.records, counts.failures), (4, 0));
}

#[test]
fn an_empty_batch_and_nan_are_answered() {
    let (_place, endpoint) = served();
    let empty = Batch::single("x", Tensor::new([0, 2], Vec::<f32>::new()).unwrap());
    assert!(
        endpoint.predict(Request::tensors(&unit(1), &empty)).unwrap().outputs.tensor("y").unwrap().is_empty()
    );
    let nan = Batch::single("x", Tensor::new([1, 2], vec![f32::NAN, f32::INFINITY]).unwrap());
    assert!(endpoint.predict(Request::tensors(&unit(1), &nan)).is_ok());
}

#[test]
fn a_failing_model_is_recorded_as_a_failure_of_its_arm() {
    let place = Place::new();
    place.point("champion", place.register("fails"));
    let endpoint = place.endpoint().build().unwrap();
    assert!(matches!(ask(&endpoint, 1), Err(Error::Internal(_))));
    endpoint.process();
    assert_eq!((endpoint.counts().records, endpoint.counts().failures), (1, 1));
}

#[test]
fn a_full_queue_drops_and_counts_and_never_blocks() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let endpoint = place.endpoint().with_queue_capacity(8).build().unwrap();
    for number in 0..100 {
        ask(&endpoint, number).unwrap();
        endpoint.report_outcome(OutcomeId::of(&"x".parse().unwrap()), 0.0).unwrap();
    }
    let counts = endpoint.counts();
    assert_eq!((counts.dropped_records, counts.dropped_outcomes, counts.dropped()), (92, 92, 184));
    endpoint.process();
    assert_eq!((endpoint.counts().records, endpoint.counts().orphans), (8, 8));
    ask(&endpoint, 1).unwrap();
    endpoint.report_outcome(OutcomeId::of(&"x".parse().unwrap()), 0.0).unwrap();
    assert_eq!(endpoint.counts().dropped(), 184, "there is room again");
}

#[test]
fn a_version_that_does_not_load_never_serves_and_the_old_one_does() {
    let (place, endpoint) = served();
    place.point("champion", place.register("no number at all"));
    for _ in 0..2 {
        assert!(matches!(endpoint.refresh().unwrap_err(), Error::InvalidModel(_)));
        assert_eq!(ask(&endpoint, 1).unwrap(), 1.0);
    }
    place.point("champion", place.register("2"));
    endpoint.refresh().unwrap();
    assert_eq!(ask(&endpoint, 1).unwrap(), 2.0);
}

#[test]
fn a_model_whose_signature_is_not_the_registered_one_is_refused() {
    let place = Place::new();
    let mut lying = signature();
    lying.outputs = lying.inputs.clone();
    let artifact = place.artifacts.put_bytes(b"1").unwrap();
    let new = NewVersion::new(model(), artifact, lying).with_format("test");
    let version = place.registry.create_version(new, &change("new")).unwrap().version;
    place.point("champion", version);
    assert!(matches!(place.endpoint().build().unwrap_err(), Error::Corrupt(_)));
}

#[test]
fn an_alias_that_moved_meanwhile_is_not_overwritten() -> Result<()> {
    let place = Place::new();
    place.point("champion", place.register("1"));
    place.point("challenger", place.register("fails"));
    let ramp =
        RampOptions::new([Guardrail::new(Metric::ErrorRate, 0.05)?.with_limit(0.2)?]).with_steps([0.5]);
    let options = CanaryOptions::new(arm("champion"), arm("challenger"), "s", ramp);
    let endpoint =
        place.endpoint().with_arm(alias("challenger")).with_policy(Canary::new(options)?).build()?;
    let other = place.register("5");
    place.point("challenger", other);
    for number in 0..50 {
        drop(ask(&endpoint, number));
    }
    // What is found instead is followed: it is on trial now, and the harm was that of the version before.
    let events = endpoint.process();
    assert!(
        matches!(&events[0].kind, EventKind::Deployed { version, .. } if *version == other)
            && matches!(&events[1].kind, EventKind::Renewed { .. })
            && events.len() == 2,
        "{events:?}"
    );
    assert!(endpoint.process().is_empty());
    assert_eq!(
        place.registry.alias(&model(), &alias("challenger"))?,
        Some(other),
        "somebody's change was lost"
    );
    assert!((0..50).all(|number| ask(&endpoint, number).is_ok()));
    Ok(())
}

#[test]
fn a_loss_that_cannot_be_computed_is_counted() {
    let place = Place::new();
    place.point("champion", place.register("1"));
    let endpoint = place
        .endpoint()
        .with_loss_function(|outputs, _| Ok(outputs.tensor("nothing")?.len() as f64))
        .build()
        .unwrap();
    let id = endpoint.predict(Request::tensors(&unit(1), &row())).unwrap().outcome_id;
    endpoint.report_outcome(id, 1.0).unwrap();
    endpoint.process();
    assert_eq!((endpoint.counts().outcomes, endpoint.counts().unscored), (1, 1));
}

#[test]
fn endpoints_are_shared_by_threads() {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    let (_place, endpoint) = served();
    shared(&endpoint);
    let endpoint = Arc::new(endpoint);
    assert!(format!("{endpoint:?}").contains("champion"));
}

/// ONNX Runtime says of a model that cannot run that the inputs are to blame; the ramp must hear of it all the same.
#[test]
fn a_model_that_fails_on_fitting_inputs_has_failed() {
    let place = Place::new();
    place.point("champion", place.register("chokes"));
    let endpoint = place.endpoint().build().unwrap();
    let error = ask(&endpoint, 1).unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)), "{error}");
    endpoint.process();
    assert_eq!((endpoint.counts().records, endpoint.counts().failures), (1, 1));
}

/// Records and outcomes wait in different places; an outcome that overtook its record would be an orphan.
#[test]
fn outcomes_that_other_threads_report_find_their_predictions() {
    const THREADS: usize = 4;
    const EACH: usize = 2_000;
    let (_place, endpoint) = served();
    let worker = endpoint.spawn_worker(Duration::from_micros(50), |_| {}).unwrap();
    let (answered, answers) = mpsc::channel();
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (endpoint, answered) = (&endpoint, answered.clone());
            scope.spawn(move || {
                for request in 0..EACH {
                    let unit = unit(number * EACH + request);
                    let prediction = endpoint.predict(Request::tensors(&unit, &row())).unwrap();
                    answered.send(prediction.outcome_id).unwrap();
                }
            });
        }
        drop(answered);
        for id in answers {
            endpoint.report_outcome(id, 1.0).unwrap();
        }
    });
    worker.stop();
    let counts = endpoint.counts();
    let all = (THREADS * EACH) as u64;
    assert_eq!((counts.records, counts.outcomes), (all, all));
    assert_eq!((counts.orphans, counts.dropped()), (0, 0));
}
