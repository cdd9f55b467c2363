//! Requests that share runs: each caller gets exactly its rows, whatever happens to the others.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking, in its helpers too")]

mod faults;
mod life;
mod properties;
mod support;
mod threads;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use mlcore::batch::{Batch, Tensor};
use mlcore::schema::{DType, Dim, Field, Schema, Signature};
use mlcore_serve::batching::{BatchOptions, BatchRun, Batcher, Call};
use mlcore_serve::endpoint::{Record, Request, ServedBy};

use crate::support::{Place, any, begin, echoes, end, occupy, rows, unit};

fn batcher(place: &Place, options: BatchOptions) -> Batcher {
    Batcher::new(&place.endpoint, options).unwrap()
}

#[test]
fn an_idle_model_answers_on_the_thread_that_asks() {
    let place = Place::new();
    let batcher = batcher(&place, BatchOptions::default());
    for _ in 0..3 {
        let prediction =
            batcher.predict(Request::tensors(&unit(), &rows(&[1.0, 2.0])), Call::default()).unwrap();
        assert_eq!(prediction.served_by, ServedBy::Model);
        assert_eq!(prediction.outputs.tensor("x_out").unwrap().values::<f32>().unwrap(), [1.0, 2.0]);
    }
    let runs = place.watched.runs.lock().unwrap();
    assert_eq!(*runs, vec![(2, thread::current().id()); 3]);
}

#[test]
fn requests_that_arrive_meanwhile_run_together_and_are_recorded_apart() {
    let records = Arc::<Mutex<Vec<Record>>>::default();
    let kept = records.clone();
    let place = Place::of(echoes([any("x", DType::Float32)]), |builder| {
        builder.with_sink(move |record: &Record| kept.lock().unwrap().push(record.clone()))
    });
    let told = Arc::<Mutex<Vec<BatchRun>>>::default();
    let heard = told.clone();
    let batcher = batcher(&place, BatchOptions::default().with_max_batch_size(4))
        .with_on_run(move |run| heard.lock().unwrap().push(*run));
    let first = occupy(&place, &batcher);
    let others: Vec<_> =
        (1..=5).map(|number| begin(&place, &batcher, rows(&[number as f32]), Call::default())).collect();
    place.watched.open();
    assert_eq!(end(&place, first).unwrap().served_by, ServedBy::Model);
    let answers: Vec<_> = others.into_iter().map(|begun| end(&place, begun).unwrap()).collect();
    for (number, answer) in answers.iter().enumerate() {
        let own = answer.outputs.tensor("x_out").unwrap().values::<f32>().unwrap();
        assert_eq!(own, [number as f32 + 1.0]);
        assert_eq!(answer.served_by, if number < 4 { ServedBy::Batch } else { ServedBy::Model });
    }
    assert_eq!(place.watched.rows(), [1, 4, 1]);
    let told: Vec<_> = told.lock().unwrap().iter().map(|run| (run.rows, run.requests)).collect();
    assert_eq!(told, [(1, 1), (4, 4), (1, 1)]);
    assert_eq!(place.watched.most_at_once.load(Ordering::SeqCst), 1);
    place.endpoint.process();
    let records = records.lock().unwrap();
    assert_eq!(records.len(), 6);
    for (answer, record) in answers.iter().zip(&records[1..]) {
        assert_eq!((record.outcome_id, record.served_by), (answer.outcome_id, answer.served_by));
        assert_eq!(record.outputs, answer.outputs);
        assert!(record.error.is_none() && record.features_digest != 0);
        // Of its own: from its decision on, over the wait.
        assert!(record.latency > Duration::ZERO);
    }
}

#[test]
fn several_runs_go_on_at_once_where_it_is_asked_for() {
    let place = Place::new();
    let batcher = batcher(&place, BatchOptions::default().with_instance_count(2));
    let first = occupy(&place, &batcher);
    let second = begin(&place, &batcher, rows(&[1.0]), Call::default());
    place.watched.until(2);
    let others = [2.0, 3.0].map(|number| begin(&place, &batcher, rows(&[number]), Call::default()));
    place.watched.open();
    for begun in [first, second].into_iter().chain(others) {
        end(&place, begun).unwrap();
    }
    assert_eq!(place.watched.most_at_once.load(Ordering::SeqCst), 2);
}

#[test]
fn a_higher_priority_goes_first() {
    let place = Place::new();
    let options = BatchOptions::default().with_max_batch_size(2).with_priority_levels(2, 2);
    let batcher = batcher(&place, options);
    let first = occupy(&place, &batcher);
    let begun: Vec<_> = [0, 0, 1, 2, 1]
        .into_iter()
        .enumerate()
        .map(|(number, priority)| {
            begin(&place, &batcher, rows(&[number as f32]), Call::default().with_priority(priority))
        })
        .collect();
    place.watched.open();
    end(&place, first).unwrap();
    for begun in begun {
        end(&place, begun).unwrap();
    }
    assert_eq!(*place.watched.asked.lock().unwrap(), [vec![0.0], vec![2.0, 4.0], vec![0.0, 1.0], vec![3.0]]);
}

#[test]
fn a_delay_is_waited_for_only_where_it_is_asked_for() {
    let place = Place::new();
    let options =
        BatchOptions::default().with_max_queue_delay(Duration::from_secs(20)).with_max_batch_size(3);
    let batcher = batcher(&place, options);
    let begun: Vec<_> =
        (0..3).map(|number| begin(&place, &batcher, rows(&[number as f32]), Call::default())).collect();
    for begun in begun {
        assert_eq!(end(&place, begun).unwrap().served_by, ServedBy::Batch);
    }
    assert_eq!(place.watched.rows(), [3]);
    // And no longer than a deadline allows.
    let call = Call::default().with_timeout(Duration::from_millis(200));
    let late = begin(&place, &batcher, rows(&[4.0]), call);
    assert!(end(&place, late).is_ok());
}

#[test]
fn what_cannot_be_joined_runs_by_itself() {
    // An output without rows.
    let inputs = Schema::new([any("x", DType::Float32)]).unwrap();
    let outputs = Schema::new([
        any("x_out", DType::Float32),
        Field::tensor("version", DType::Float64, [Dim::Fixed(1)]),
    ]);
    let place = Place::of(Signature::new(inputs, outputs.unwrap()), |builder| builder);
    let alone = batcher(&place, BatchOptions::default());
    let first = occupy(&place, &alone);
    let second = begin(&place, &alone, rows(&[2.0]), Call::default());
    place.watched.until(2);
    place.watched.open();
    for begun in [first, second] {
        assert_eq!(end(&place, begun).unwrap().served_by, ServedBy::Model);
    }
    // Other widths.
    let place = Place::new();
    let batcher = batcher(&place, BatchOptions::default());
    let first = occupy(&place, &batcher);
    let wide = |number: f32| Batch::single("x", Tensor::new([1, 2], vec![number; 2]).unwrap());
    let begun = [rows(&[1.0]), wide(2.0), rows(&[3.0]), wide(4.0)]
        .map(|inputs| begin(&place, &batcher, inputs, Call::default()));
    place.watched.open();
    end(&place, first).unwrap();
    let shapes =
        begun.map(|begun| end(&place, begun).unwrap().outputs.tensor("x_out").unwrap().shape().to_vec());
    assert_eq!(shapes, [[1, 1], [1, 2], [1, 1], [1, 2]]);
    assert_eq!(place.watched.rows(), [1, 2, 2]);
}

#[test]
fn a_request_that_does_not_fit_fails_alone() {
    let place = Place::new();
    let batcher = batcher(&place, BatchOptions::default());
    let first = occupy(&place, &batcher);
    let good = begin(&place, &batcher, rows(&[1.0]), Call::default());
    let misfit = begin(&place, &batcher, Batch::single("y", Tensor::column(vec![1_u8])), Call::default());
    let error = end(&place, misfit).unwrap_err();
    assert_eq!(error.kind(), "schema_mismatch");
    let after = begin(&place, &batcher, rows(&[2.0]), Call::default());
    place.watched.open();
    for begun in [first, good, after] {
        end(&place, begun).unwrap();
    }
    assert_eq!(place.watched.rows(), [1, 2]);
}
