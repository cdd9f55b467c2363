//! Requests of the Open Inference Protocol whose tensors follow the JSON. The body is a test's, which runs it on the corpus.
#![no_main]

#[path = "../../mlcore-serve/tests/fuzz/again.rs"]
mod again;
#[path = "../../mlcore/tests/fuzz/told.rs"]
mod told;
#[path = "../../mlcore-serve/tests/fuzz/v2_binary.rs"]
mod v2_binary;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    v2_binary::check(bytes);
});
