//! A model that a process of its own tries first.

use std::time::{Duration, Instant};

use mlcore::Error;
use mlcore::artifact::MemoryStore;
use mlcore::runner::Runner;
use mlcore::runner::ort::{Limits, ONNX_PACKAGE, OnnxOptions, OnnxRunner, Probe, StoredModel};

use crate::fixtures::{bytes, path, refusal};
use crate::made::{input, model, node, output, sum_of_zeros};

/// The child: this test alone, in a process of its own.
#[test]
fn child_that_tries_a_model() {
    Probe::serve_if_asked();
}

fn probe() -> Probe {
    let arguments = ["probe::child_that_tries_a_model", "--exact", "--nocapture"];
    Probe::program(std::env::current_exe().unwrap(), arguments)
}

fn shell(script: &str) -> Probe {
    Probe::program("/bin/sh", ["-c", script])
}

fn with(probe: Probe) -> OnnxOptions {
    OnnxOptions::default().with_probe(probe)
}

#[test]
fn a_model_that_a_child_has_loaded_is_loaded() {
    let whole = OnnxRunner::from_bytes_with(&bytes("rf30"), &with(probe())).unwrap();
    assert_eq!(whole.signature(), OnnxRunner::from_bytes(&bytes("rf30")).unwrap().signature());
    // Weights in other files travel, too.
    OnnxRunner::from_file_with(path("external_subfolder.onnx"), &with(probe())).unwrap();
}

/// Before it is registered, and without loading it here.
#[test]
fn a_stored_model_is_tried_by_a_child_alone() {
    let (store, options) = (MemoryStore::new(), OnnxOptions::default());
    let of_bytes = |bytes: &[u8]| StoredModel::from_bytes(bytes, &store, &Limits::default()).unwrap();
    of_bytes(&bytes("rf30")).check_by(&probe(), &store, &options).unwrap();
    let weights =
        StoredModel::from_file(&path("external_subfolder.onnx"), &store, &Limits::default()).unwrap();
    assert_eq!(weights.format, ONNX_PACKAGE);
    weights.check_by(&probe(), &store, &options).unwrap();
    let endless = of_bytes(&bytes("loop_forever"));
    let error =
        endless.check_by(&probe().with_timeout(Duration::from_secs(2)), &store, &options).unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{}: {error}", error.kind());
}

#[test]
fn what_the_child_answers_is_the_error() {
    let refused = model(&[node("Add", &["x", "x"], &["z"]), input("x", 1, &[-1]), output("y", 1, &[-1])]);
    let error = refusal(OnnxRunner::from_bytes_with(&refused, &with(probe())));
    assert_eq!(error.to_string(), refusal(OnnxRunner::from_bytes(&refused)).to_string());
    assert!(matches!(error, Error::InvalidModel(_)), "{}: {error}", error.kind());
}

#[cfg(unix)]
#[test]
fn memory_and_time_of_the_child_are_limited() {
    // Two gigabytes at its first run, which nothing else limits here.
    let limits = Limits::default().with_max_run_bytes(u64::MAX);
    let options = with(probe().with_max_memory_bytes(1500 << 20)).with_limits(limits);
    let error = refusal(OnnxRunner::from_bytes_with(&sum_of_zeros(500_000_000), &options));
    assert!(matches!(error, Error::Overloaded(_)), "{}: {error}", error.kind());
    let begin = Instant::now();
    let options = with(probe().with_timeout(Duration::from_secs(2)));
    let error = refusal(OnnxRunner::from_bytes_with(&bytes("loop_forever"), &options));
    assert!(matches!(error, Error::Timeout(_)), "{}: {error}", error.kind());
    assert!(error.to_string().contains("within 2s"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}

#[cfg(unix)]
#[test]
fn a_child_that_ends_without_an_answer_is_an_error_that_says_how() {
    for (script, kind, told) in [
        ("kill -SEGV $$", "invalid_model", "loading it ended a process of its own by signal 11 (SIGSEGV)"),
        ("kill -XCPU $$", "timeout", "it used up its processor time"),
        ("echo terminate called after throwing std::bad_alloc >&2; kill -ABRT $$", "overloaded", "bad_alloc"),
        (
            "echo no such option >&2; exit 3",
            "unavailable",
            "exit status: 3 and no answer; it said: no such option",
        ),
        ("exec sleep 60", "timeout", "within 300ms"),
    ] {
        let probe = shell(script).with_timeout(Duration::from_millis(if script.contains("sleep") {
            300
        } else {
            20_000
        }));
        let error = refusal(OnnxRunner::from_bytes_with(&bytes("rf30"), &with(probe)));
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(told), "{error}");
    }
    let missing = with(Probe::program("/no/such/program", [""]));
    let error = refusal(OnnxRunner::from_bytes_with(&bytes("rf30"), &missing));
    assert!(matches!(error, Error::Unavailable(_)), "{}: {error}", error.kind());
}
