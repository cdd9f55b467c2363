//! What goes wrong with one request or with a run.

use std::time::Duration;

use mlcore::Error;
use mlcore::runner::RunOptions;
use mlcore::schema::DType;
use mlcore_serve::batching::{BatchOptions, Batcher, Call};

use crate::support::{FAILS, HANGS, PANICS, Place, any, begin, echoes, end, occupy, rows, wait_until};

/// What a batch of these rows answers, request by request.
fn answers(place: &Place, values: &[f32], call: Call) -> Vec<Result<f32, &'static str>> {
    let batcher = Batcher::new(&place.endpoint, BatchOptions::default()).unwrap();
    let first = occupy(place, &batcher);
    let begun: Vec<_> = values.iter().map(|value| begin(place, &batcher, rows(&[*value]), call)).collect();
    place.watched.open();
    end(place, first).unwrap();
    let value = |begun| {
        let prediction = end(place, begun).map_err(|error| error.kind())?;
        Ok(prediction.outputs.tensor("x_out").unwrap().values::<f32>().unwrap()[0])
    };
    begun.into_iter().map(value).collect()
}

#[test]
fn a_request_that_the_model_fails_on_fails_alone() {
    for (bad, kind) in [(FAILS, "internal"), (PANICS, "internal")] {
        let place = Place::new();
        let values = [1.0, 2.0, bad, 4.0, 5.0, 6.0, bad];
        let expected: Vec<_> =
            values.iter().map(|value| if *value == bad { Err(kind) } else { Ok(*value) }).collect();
        assert_eq!(answers(&place, &values, Call::default()), expected);
        place.endpoint.process();
        assert_eq!(place.endpoint.counts().failures, 2);
    }
}

#[test]
fn a_request_that_never_ends_fails_alone_and_in_time() {
    let timeout = Duration::from_millis(20);
    let place = Place::of(echoes([any("x", DType::Float32)]), |builder| {
        builder.with_run_options(RunOptions::default().with_timeout(timeout))
    });
    let values = [1.0, 2.0, 3.0, HANGS, 5.0, 6.0, 7.0, 8.0];
    let expected: Vec<_> =
        values.iter().map(|value| if *value == HANGS { Err("timeout") } else { Ok(*value) }).collect();
    assert_eq!(answers(&place, &values, Call::default()), expected);
    // A model that always hangs is not asked for each request alone.
    place.watched.runs.lock().unwrap().clear();
    let all = answers(&place, &[HANGS; 64], Call::default());
    assert!(all.iter().all(|answer| *answer == Err("timeout")));
    let runs = place.watched.rows();
    assert!(runs.len() <= 10, "{runs:?}");
}

#[test]
fn a_deadline_that_passes_in_the_queue_fails_alone_and_does_not_run() {
    let place = Place::new();
    let batcher = Batcher::new(&place.endpoint, BatchOptions::default()).unwrap();
    let first = occupy(&place, &batcher);
    let patient = begin(&place, &batcher, rows(&[1.0]), Call::default());
    let call = Call::default().with_timeout(Duration::from_millis(5));
    let hasty = begin(&place, &batcher, rows(&[2.0]), call);
    // The gate is still shut.
    let Err(Error::Timeout(context)) = end(&place, hasty) else { panic!("it was answered") };
    assert!(context.problem().contains("before the model ran"), "{}", context.problem());
    place.watched.open();
    end(&place, first).unwrap();
    end(&place, patient).unwrap();
    assert_eq!(place.watched.rows(), [1, 1]);
    place.endpoint.process();
    // It says nothing about the arm.
    assert_eq!(place.endpoint.counts().failures, 0);
    assert_eq!(place.endpoint.counts().records, 3);
}

#[test]
fn a_deadline_that_passes_in_a_run_ends_the_wait() {
    let place = Place::new();
    let batcher = Batcher::new(&place.endpoint, BatchOptions::default()).unwrap();
    place.watched.shut();
    let call = Call::default().with_timeout(Duration::from_millis(300));
    let begun = begin(&place, &batcher, rows(&[1.0]), call);
    place.watched.until(1);
    assert_eq!(end(&place, begun).unwrap_err().kind(), "timeout");
    place.watched.open();
    place.endpoint.process();
    assert_eq!(place.endpoint.counts().failures, 1);
}

#[test]
fn the_default_timeout_bounds_the_wait_and_not_the_run() {
    let place = Place::new();
    let options = BatchOptions::default().with_default_timeout(Duration::from_millis(300));
    let batcher = Batcher::new(&place.endpoint, options).unwrap();
    let first = occupy(&place, &batcher);
    let second = begin(&place, &batcher, rows(&[1.0]), Call::default());
    assert_eq!(end(&place, second).unwrap_err().kind(), "timeout");
    place.watched.open();
    end(&place, first).unwrap();
}

#[test]
fn a_full_queue_turns_away_what_comes_beyond() {
    let place = Place::new();
    let options = BatchOptions::default().with_max_queue_size(2);
    let batcher = Batcher::new(&place.endpoint, options).unwrap();
    let first = occupy(&place, &batcher);
    let waiting = [1.0, 2.0].map(|value| begin(&place, &batcher, rows(&[value]), Call::default()));
    let beyond = begin(&place, &batcher, rows(&[3.0]), Call::default());
    let error = end(&place, beyond).unwrap_err();
    assert!(matches!(error, Error::Overloaded(_)) && error.is_transient(), "{error}");
    place.watched.open();
    for begun in waiting.into_iter().chain([first]) {
        end(&place, begun).unwrap();
    }
    place.endpoint.process();
    let counts = place.endpoint.counts();
    assert_eq!((counts.records, counts.failures), (4, 0));
}

#[test]
fn a_caller_that_goes_frees_its_place_and_is_not_run() {
    let place = Place::new();
    let batcher = Batcher::new(&place.endpoint, BatchOptions::default().with_max_queue_size(2)).unwrap();
    let first = occupy(&place, &batcher);
    let [kept, gone] =
        [1.0, 2.0].map(|value| begin(&place, &batcher, rows(&[value, value]), Call::default()));
    drop(gone);
    let next = begin(&place, &batcher, rows(&[3.0]), Call::default());
    place.watched.open();
    for begun in [first, kept, next] {
        end(&place, begun).unwrap();
    }
    assert_eq!(place.watched.rows(), [1, 3]);
    assert_eq!(place.endpoint.counts().abandoned, 1);
}

#[test]
fn what_hears_of_runs_may_panic() {
    let panics = |_: &mlcore_serve::batching::BatchRun| panic!("as it should in this test");
    let place = Place::new();
    let batcher = Batcher::new(&place.endpoint, BatchOptions::default()).unwrap().with_on_run(panics);
    for _ in 0..3 {
        end(&place, begin(&place, &batcher, rows(&[1.0]), Call::default())).unwrap();
    }
}

#[test]
fn a_caller_that_is_interrupted_stops_waiting() {
    let place = Place::new();
    let batcher = Batcher::new(&place.endpoint, BatchOptions::default()).unwrap();
    let first = occupy(&place, &batcher);
    let second = begin(&place, &batcher, rows(&[1.0]), Call::default());
    let answer = mlcore::interrupt::scope(|| true, || end(&place, second));
    assert_eq!(answer.unwrap_err().kind(), "interrupted");
    place.watched.open();
    end(&place, first).unwrap();
    wait_until(|| place.watched.rows() == [1]);
}
