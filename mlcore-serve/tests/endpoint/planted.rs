//! Each conformance suite catches planted violations, and says which promise was broken.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, Digest};
use mlcore::registry::{ModelVersion, Registry};
use mlcore::runner::{FunctionRunner, RunOptions, Runner};
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use mlcore_serve::conformance;
use mlcore_serve::endpoint::{Clock, ModelLoader, Record, RecordedInput};

use crate::support::{self, Place, model};

/// The suite ends with a panic whose message holds these words.
fn caught(words: &str, suite: impl FnOnce()) {
    let panic =
        catch_unwind(AssertUnwindSafe(suite)).err().unwrap_or_else(|| Box::new("nothing was noticed"));
    let message =
        panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    assert!(message.is_some_and(|message| message.contains(words)), "{words}: {message:?}");
}

/// A clock whose time since the start is a function of what it really was.
struct Bent<F>(Instant, F);

impl<F: Fn(Duration) -> Duration + Send + Sync> Clock for Bent<F> {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(0)
    }

    fn elapsed(&self) -> Duration {
        (self.1)(self.0.elapsed())
    }
}

fn bent<F: Fn(Duration) -> Duration + Send + Sync>(bend: F) -> Bent<F> {
    Bent(Instant::now(), bend)
}

#[test]
fn clocks_that_break_their_promises_are_caught() {
    thread_local!(static OWN: Cell<u64> = const { Cell::new(0) });
    // Honest ones: of 1970, and standing still.
    conformance::clock(&bent(|elapsed| elapsed));
    conformance::clock(&bent(|_| Duration::ZERO));
    caught("went back", || conformance::clock(&bent(|elapsed| Duration::from_secs(3_600) - elapsed)));
    let looks = AtomicU64::new(0);
    caught("went back", || {
        // Corrected now and then, as a wall clock is.
        conformance::clock(&bent(|elapsed| match looks.fetch_add(1, Ordering::SeqCst) % 500 {
            499 => Duration::ZERO,
            _ => Duration::from_secs(1) + elapsed,
        }));
    });
    caught("another thread sees an earlier time", || {
        // Each thread counts from its own first look.
        conformance::clock(&bent(|_| Duration::from_nanos(OWN.replace(OWN.get() + 1))));
    });
    caught("waits for something", || {
        conformance::clock(&bent(|elapsed| {
            thread::sleep(Duration::from_millis(15));
            elapsed
        }));
    });
}

/// Loads `behaviour` as the other tests do, but for a fault.
fn check_loader(words: &str, loader: &impl ModelLoader) {
    let place = Place::new();
    let version = place.registry.version(&model(), place.register("3")).unwrap();
    caught(words, || conformance::model_loader(loader, &version, &*place.artifacts));
}

type Loaded = Result<Arc<dyn Runner>>;

#[test]
fn loaders_that_break_their_promises_are_caught() {
    check_loader("another signature", &|version: &ModelVersion, artifacts: &dyn ArtifactStore| -> Loaded {
        let loaded = support::load(version, artifacts)?;
        let mut turned = version.signature.clone();
        std::mem::swap(&mut turned.inputs, &mut turned.outputs);
        Ok(Arc::new(FunctionRunner::new(turned, move |inputs| loaded.run(inputs, &RunOptions::default()))))
    });
    let kept: Mutex<Vec<(Digest, Arc<dyn Runner>)>> = Mutex::default();
    check_loader("the bytes are gone", &move |version: &ModelVersion,
                                              artifacts: &dyn ArtifactStore|
          -> Loaded {
        let mut kept = kept.lock().unwrap();
        if let Some((_, runner)) = kept.iter().find(|(digest, _)| *digest == version.artifact) {
            return Ok(runner.clone());
        }
        let runner = support::load(version, artifacts)?;
        kept.push((version.artifact, runner.clone()));
        Ok(runner)
    });
    check_loader("are NotFound", &|version: &ModelVersion, artifacts: &dyn ArtifactStore| -> Loaded {
        support::load(version, artifacts)
            .map_err(|error| Error::internal("load model", "m", error.to_string()))
    });
    check_loader("are Corrupt", &|version: &ModelVersion, artifacts: &dyn ArtifactStore| -> Loaded {
        support::load(version, artifacts).map_err(|error| match error {
            Error::Corrupt(_) => Error::invalid_model("load model", "m", "it cannot be read"),
            other => other,
        })
    });
    check_loader("the bytes are no model", &|version: &ModelVersion,
                                             artifacts: &dyn ArtifactStore|
     -> Loaded {
        // Whatever it cannot read is the constant 0.
        let mut readable = version.clone();
        if artifacts.read(&version.artifact)?.len() > 9 {
            readable.artifact = artifacts.put_bytes(b"0")?;
        }
        support::load(&readable, artifacts)
    });
    check_loader("one that nobody knows", &|version: &ModelVersion,
                                            artifacts: &dyn ArtifactStore|
     -> Loaded {
        let mut known = version.clone();
        known.format = "test".into();
        support::load(&known, artifacts)
    });
}

#[test]
fn sinks_that_break_their_promises_are_caught() {
    // Reads an output where there is none.
    caught("not found", || {
        conformance::record_sink(&mut |record: &Record| {
            assert!(record.outputs.first().is_some(), "not found");
        });
    });
    // Knows rows and tensors only.
    caught("tables are not written", || {
        conformance::record_sink(&mut |record: &Record| {
            assert!(!matches!(record.input, RecordedInput::Table(_)), "tables are not written");
        });
    });
    // Counts nanoseconds in 64 bits.
    caught("too long", || {
        conformance::record_sink(&mut |record: &Record| {
            u64::try_from(record.latency.as_nanos()).expect("too long");
        });
    });
    // Takes each request to have an id.
    caught("an id", || {
        conformance::record_sink(&mut |record: &Record| {
            assert!(record.request.is_some(), "an id");
        });
    });
}
