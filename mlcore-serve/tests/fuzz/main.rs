//! What `fuzz/` throws at the decoders of the protocol, on the inputs that are kept: no panic, no hang, and every property that the
//! targets hold for any input. Finding more is `fuzz/run`'s work.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test reports by panicking, behind the name of the input at hand"
)]

mod again;
mod feast_json;
#[path = "../grpc/protocol/mod.rs"]
mod protocol;
#[path = "../../../mlcore/tests/fuzz/told.rs"]
mod told;
mod v2_binary;
mod v2_json;
mod v2_protobuf;

use std::fs;
use std::path::Path;

/// Of so many inputs of a target at least so many are requests, and as many are none.
fn check_corpus(target: &str, enough: usize, check: fn(&[u8]) -> bool) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = paths.iter().filter(|path| {
        println!("{}", path.display());
        check(&fs::read(path).unwrap())
    });
    let (read, all) = (read.count(), paths.len());
    assert!(read >= enough && all >= read + enough, "{read} of {all} are read: too few to prove anything");
}

#[test]
fn requests_of_feasts_client_are_read_or_refused() {
    check_corpus("feast_json", 5, feast_json::check);
}

#[test]
fn requests_in_json_are_read_or_refused() {
    check_corpus("v2_json", 20, v2_json::check);
}

#[test]
fn requests_with_binary_tensors_are_read_or_refused() {
    check_corpus("v2_binary", 10, v2_binary::check);
}

#[test]
fn requests_in_protobuf_are_read_or_refused() {
    check_corpus("v2_protobuf", 15, v2_protobuf::check);
}
