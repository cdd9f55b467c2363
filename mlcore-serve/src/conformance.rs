//! The contracts of the endpoint's traits as test suites: run them on your own implementation.
//!
//! A suite panics at the first broken promise, as a test does, and says which one it was. It demands what stands at the
//! trait, and nothing else.
#![expect(clippy::unwrap_used, reason = "a test suite fails by panicking")]

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, Digest, MemoryStore, VerifiedReader};
use mlcore::batch::{Batch, Row, RowBuffer, Tensor, Value};
use mlcore::name::{Arm, RequestId, Version};
use mlcore::registry::ModelVersion;
use mlcore::runner::Runner;
use mlcore::{Error, Result};

use crate::endpoint::{
    Clock, InvalidAnswer, ModelLoader, OutcomeId, Record, RecordSink, RecordedInput, ServedBy,
};

/// Holds a clock to the contract of [`Clock`].
///
/// # Panics
/// When a promise is broken.
pub fn clock<C: Clock>(clock: &C) {
    let (started, first) = (Instant::now(), clock.elapsed());
    for _ in 0..LOOKS {
        let _ = (clock.now(), clock.elapsed());
    }
    let took = started.elapsed();
    assert!(took < LOOKS * SLOWEST_LOOK, "a look takes {:?}: it waits for something", took / LOOKS);
    let mut latest = first;
    for _ in 0..10 * LOOKS {
        let now = clock.elapsed();
        assert!(now >= latest, "elapsed() went back from {latest:?} to {now:?}");
        latest = now;
    }
    // From thread to thread and back, each look after the one before.
    for _ in 0..8 {
        let elsewhere = thread::scope(|scope| scope.spawn(|| clock.elapsed()).join()).unwrap();
        assert!(elsewhere >= latest, "another thread sees an earlier time: {elsewhere:?} after {latest:?}");
        latest = clock.elapsed();
        assert!(latest >= elsewhere, "another thread sees a later time: {elsewhere:?} before {latest:?}");
    }
}

/// Holds a loader to the contract of [`ModelLoader`]. `version` is one that it loads, with its bytes in `artifacts`.
///
/// # Panics
/// When a promise is broken.
pub fn model_loader<L: ModelLoader>(loader: &L, version: &ModelVersion, artifacts: &dyn ArtifactStore) {
    let has_signature = |runner: &dyn Runner| {
        assert_eq!(
            *runner.signature(),
            version.signature,
            "the runner has another signature than was registered"
        );
    };
    has_signature(&*loader.load(version, artifacts).unwrap());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| has_signature(&*loader.load(version, artifacts).unwrap()));
        }
    });

    let refused = |version: &ModelVersion, artifacts: &dyn ArtifactStore, what: &str| {
        let loaded = loader.load(version, artifacts);
        assert!(loaded.is_err(), "{what}: a model was loaded");
        loaded.err().unwrap()
    };
    // Loaded before, so that a loader that keeps what it once read is found.
    let gone = refused(version, &MemoryStore::new(), "the bytes are gone");
    assert!(matches!(gone, Error::NotFound(_)), "bytes that are gone are NotFound, not: {gone}");
    let damaged = Damaged { inner: artifacts, was_read: AtomicBool::new(false) };
    let corrupt = refused(version, &damaged, "the store says that the bytes are damaged");
    assert!(damaged.was_read.load(Ordering::SeqCst), "the bytes were not read through the store");
    assert!(matches!(corrupt, Error::Corrupt(_)), "bytes that are damaged are Corrupt, not: {corrupt}");

    let (rubbish, mut other) = (MemoryStore::new(), version.clone());
    other.artifact = rubbish.put_bytes(b"these bytes are no model").unwrap();
    refused(&other, &rubbish, "the bytes are no model");
    let mut unknown = version.clone();
    unknown.format = "no-such-format".into();
    let refusal = refused(&unknown, artifacts, "the format is one that nobody knows");
    assert!(matches!(refusal, Error::Unsupported(_)), "an unknown format is Unsupported, not: {refusal}");
}

/// Holds a sink to the contract of [`RecordSink`].
///
/// # Panics
/// When the sink does.
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
    let no_rows = table.slice(0, 0);
    let inputs = [
        RecordedInput::None,
        RecordedInput::Row(RowBuffer::default()),
        RecordedInput::Row(row),
        RecordedInput::Table(Arc::new(table)),
        RecordedInput::Table(Arc::new(no_rows)),
        RecordedInput::Tensors(tensors.clone()),
        RecordedInput::Tensors(Batch::default()),
    ];
    let longest = RequestId::new("r".repeat(256)).unwrap();
    for (input, served_by) in inputs.into_iter().zip(ServedBy::ALL.iter().cycle()) {
        let record = Record::new(OutcomeId::of(&longest), Arm::new("a".repeat(128)).unwrap(), Version::FIRST)
            .with_input(input)
            .with_served_by(*served_by);
        sink.record(&record.clone().with_error("timeout"));
        let whole = record.with_outputs(tensors.clone()).with_latency(Duration::MAX);
        sink.record(&whole);
        sink.record(&whole.clone().with_invalid(InvalidAnswer::NotFinite));
        sink.record(&whole.with_request(longest.clone()).with_propensity(f64::MIN_POSITIVE, u32::MAX));
    }
}

/// A store whose content is no longer what was put.
struct Damaged<'a> {
    inner: &'a dyn ArtifactStore,
    was_read: AtomicBool,
}

impl ArtifactStore for Damaged<'_> {
    fn put(&self, content: &mut dyn Read) -> Result<Digest> {
        self.inner.put(content)
    }

    fn open(&self, digest: &Digest) -> Result<VerifiedReader> {
        self.was_read.store(true, Ordering::SeqCst);
        self.inner.open(digest)?;
        let other: &[u8] = b"other bytes than were put";
        Ok(VerifiedReader::new(*digest, other.len() as u64, Box::new(other)))
    }

    fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        self.inner.size(digest)
    }

    fn list(&self, after: Option<&Digest>, limit: usize) -> Result<Vec<Digest>> {
        self.inner.list(after, limit)
    }

    fn delete(&self, digest: &Digest) -> Result<bool> {
        self.inner.delete(digest)
    }
}

const LOOKS: u32 = 100;
/// A hundred thousand times what the operating system takes, so that no busy machine fails an honest clock.
const SLOWEST_LOOK: Duration = Duration::from_millis(10);
