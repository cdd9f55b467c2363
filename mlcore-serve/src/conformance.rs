//! The contracts of the endpoint's traits as test suites: run them on your own implementation.
//!
//! A suite panics at the first broken promise, as a test does, and says which one it was.
#![expect(clippy::unwrap_used, reason = "a test suite fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use mlcore::Error;
use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, MemoryStore};
use mlcore::batch::{Batch, Row, RowBuffer, Tensor, Value};
use mlcore::name::{Arm, RequestId, Version};
use mlcore::registry::ModelVersion;

use crate::endpoint::{Clock, ModelLoader, OutcomeId, Record, RecordSink, RecordedInput};

/// Holds a clock to the contract of [`Clock`]: neither of its times goes backwards between two looks on one thread (the
/// wall clock may be set by somebody, so it is only asked to be past 2020), and other threads see the same clock.
pub fn clock<C: Clock>(clock: &C) {
    let first = (clock.now(), clock.elapsed());
    for _ in 0..1_000 {
        let before = clock.elapsed();
        assert!(clock.elapsed() >= before, "elapsed() went backwards");
    }
    let elsewhere = std::thread::scope(|scope| scope.spawn(|| clock.elapsed()).join()).unwrap();
    assert!(elsewhere >= first.1, "another thread sees an earlier time");
    assert!(clock.elapsed() >= elsewhere, "another thread sees a later time");
    assert!(first.0.as_micros() > 1_577_836_800_000_000, "the wall clock says {}", first.0);
}

/// Holds a loader to the contract of [`ModelLoader`]: `version` loads to a runner with the registered signature, twice
/// alike; bytes that are gone are [`Error::NotFound`]; and a format that nobody knows is refused as
/// [`Error::Unsupported`].
pub fn model_loader<L: ModelLoader>(loader: &L, version: &ModelVersion, artifacts: &dyn ArtifactStore) {
    for _ in 0..2 {
        let runner = loader.load(version, artifacts).unwrap();
        assert_eq!(
            *runner.signature(),
            version.signature,
            "the runner has another signature than was registered"
        );
    }
    let nothing = MemoryStore::new();
    let gone = loader.load(version, &nothing).err().unwrap();
    assert!(matches!(gone, Error::NotFound(_)), "bytes that are gone: {gone}");
    let other = MemoryStore::new();
    let mut damaged = version.clone();
    damaged.artifact = other.put_bytes(b"these bytes are no model").unwrap();
    assert!(loader.load(&damaged, &other).is_err(), "bytes that are no model were loaded");
    let mut unknown = version.clone();
    unknown.format = "no-such-format".into();
    let refused = loader.load(&unknown, artifacts).err().unwrap();
    assert!(matches!(refused, Error::Unsupported(_)), "an unknown format: {refused}");
}

/// Holds a sink to the contract of [`RecordSink`]: it takes every shape of record, failed ones too, without a panic.
pub fn record_sink<S: RecordSink>(sink: &mut S) {
    let tensors = Batch::single("x", Tensor::column(vec![f64::NAN, f64::INFINITY]));
    let mut row = RowBuffer::default();
    row.copy(Row::unchecked(&[
        Value::Null,
        Value::Float(f64::NAN),
        Value::Text("\u{202e}\u{e9}"),
        Value::Bool(true),
    ]));
    let column: ArrayRef = Arc::new(Float64Array::from(vec![None, Some(f64::NEG_INFINITY)]));
    let table = RecordBatch::try_from_iter([("x", column)]).unwrap();
    for input in [
        RecordedInput::None,
        RecordedInput::Row(RowBuffer::default()),
        RecordedInput::Row(row),
        RecordedInput::Table(Arc::new(table)),
        RecordedInput::Tensors(tensors.clone()),
        RecordedInput::Tensors(Batch::default()),
    ] {
        for error in [None, Some("timeout")] {
            let request = RequestId::new("request-1").unwrap();
            let (arm, outcome_id) = (Arm::new("champion").unwrap(), OutcomeId::of(&request));
            let record = Record::new(outcome_id, arm, Version::FIRST)
                .with_request(request)
                .with_latency(Duration::from_micros(7))
                .with_input(input.clone());
            sink.record(&match error {
                Some(kind) => record.with_error(kind),
                None => record.with_outputs(tensors.clone()),
            });
        }
    }
}
