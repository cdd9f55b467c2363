//! The end of a batcher, and of the versions that it knew.

use std::sync::Arc;

use mlcore_serve::batching::{BatchOptions, Batcher, Call};
use mlcore_serve::endpoint::Request;

use crate::support::{Place, begin, end, occupy, rows, unit, wait_until};

#[test]
fn what_waits_when_a_batcher_goes_is_answered() {
    let place = Place::new();
    let batcher = Batcher::new(&place.endpoint, BatchOptions::default()).unwrap();
    let first = occupy(&place, &batcher);
    let others = [1.0, 2.0, 3.0].map(|value| begin(&place, &batcher, rows(&[value]), Call::default()));
    drop(batcher);
    place.watched.open();
    for begun in others.into_iter().chain([first]) {
        end(&place, begun).unwrap();
    }
    assert_eq!(place.watched.rows(), [1, 3]);
}

#[test]
fn a_version_that_answers_no_more_leaves_the_memory() {
    let place = Place::new();
    let batcher = Batcher::new(&place.endpoint, BatchOptions::default()).unwrap();
    let champion = place.endpoint.arms()[0].0.clone();
    let old = Arc::downgrade(&place.endpoint.model(&champion).unwrap());
    for elsewhere in [false, true] {
        let call = Call::default().with_elsewhere(elsewhere);
        batcher.predict(Request::tensors(&unit(), &rows(&[1.0])), call).unwrap();
    }
    place.swap(2);
    wait_until(|| old.strong_count() == 0);
    batcher.predict(Request::tensors(&unit(), &rows(&[1.0])), Call::default()).unwrap();
}

#[test]
fn options_that_describe_no_batcher_are_refused() {
    let place = Place::new();
    let error = Batcher::new(&place.endpoint, BatchOptions::default().with_max_batch_size(0)).unwrap_err();
    assert!(error.to_string().starts_with("read batch options max_batch_size: "), "{error}");
}
