//! What `fuzz/` throws at the readers of foreign bytes, on the inputs that are kept: no panic, no hang, and every property
//! that the targets hold for any input. Finding more is `fuzz/run`'s work.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test reports by panicking, behind the name of the input at hand"
)]

mod arrow_door;
#[cfg(feature = "mlruns")]
mod mlflow_folder;
#[cfg(feature = "ort")]
mod onnx_scan;
#[cfg(feature = "signatures")]
mod package_bytes;
mod profile_bytes;
#[cfg(all(feature = "sqlite", feature = "object-store"))]
mod registry_names;
mod told;
mod tracking_filter;

use std::fs;
use std::path::Path;

/// The inputs of a target, by name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut inputs: Vec<_> = entries
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
        .collect();
    inputs.sort();
    inputs
}

/// How many inputs of the corpus are taken, of how many.
fn taken(target: &str, check: fn(&[u8]) -> bool) -> (usize, usize) {
    let inputs = corpus(target);
    let taken = inputs.iter().filter(|(name, bytes)| {
        println!("{name}");
        check(bytes)
    });
    (taken.count(), inputs.len())
}

#[cfg(feature = "ort")]
#[test]
fn models_of_the_corpus_are_read_or_refused() {
    let (read, all) = taken("onnx_scan", onnx_scan::check);
    assert!(read >= 20 && all >= read + 10, "{read} of {all} are models: too few to prove anything");
}

#[test]
fn columns_of_the_corpus_are_let_through_or_refused() {
    let (let_through, all) = taken("arrow_door", arrow_door::check);
    assert!(let_through >= 20 && all >= let_through + 10, "{let_through} of {all} are sound");
}

#[cfg(feature = "signatures")]
#[test]
fn packages_of_the_corpus_are_read_or_refused() {
    let (read, all) = taken("package_bytes", package_bytes::check);
    assert!(read >= 8 && all >= read + 10, "{read} of {all} are what they say: too few to prove anything");
}

#[test]
fn profiles_of_the_corpus_are_read_or_refused() {
    let (read, all) = taken("profile_bytes", profile_bytes::check);
    assert!(read >= 20 && all >= read + 5, "{read} of {all} are profiles: too few to prove anything");
}

#[cfg(all(feature = "sqlite", feature = "object-store"))]
#[test]
fn names_of_the_corpus_read_back_equal_or_are_refused() {
    let inputs = corpus("registry_names");
    assert!(inputs.len() >= 20);
    for (name, bytes) in inputs {
        println!("{name}");
        registry_names::check(&bytes);
    }
}

#[test]
fn filters_of_the_corpus_are_read_or_refused() {
    let (read, all) = taken("tracking_filter", tracking_filter::check);
    assert!(read >= 20 && all >= read + 10, "{read} of {all} are filters or orders");
}

#[cfg(feature = "mlruns")]
#[test]
fn folders_of_the_corpus_are_taken_or_told() {
    let (taken, all) = taken("mlflow_folder", mlflow_folder::check);
    assert!(taken >= 15 && all >= taken + 10, "{taken} of {all} leave nothing out");
}
