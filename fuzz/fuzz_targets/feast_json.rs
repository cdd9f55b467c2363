//! Requests of Feast's client. The body is a test's, which runs it on the corpus.
#![no_main]

#[path = "../../mlcore-serve/tests/fuzz/feast_json.rs"]
mod feast_json;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    feast_json::check(bytes);
});
