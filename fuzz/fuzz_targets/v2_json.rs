//! Requests of the Open Inference Protocol in JSON. The body is a test's, which runs it on the corpus.
#![no_main]

#[path = "../../mlcore-serve/tests/fuzz/again.rs"]
mod again;
#[path = "../../mlcore/tests/fuzz/told.rs"]
mod told;
#[path = "../../mlcore-serve/tests/fuzz/v2_json.rs"]
mod v2_json;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    v2_json::check(bytes);
});
