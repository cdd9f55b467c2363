//! Stored feature plans. The body is a test's, which runs it on the corpus.
#![no_main]

#[path = "../../mlcore-features/tests/features/plan_bytes.rs"]
mod plan_bytes;
#[path = "../../mlcore/tests/fuzz/told.rs"]
mod told;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    plan_bytes::check(bytes);
});
