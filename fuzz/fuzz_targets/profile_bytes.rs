//! Stored profiles. The body is a test's, which runs it on the corpus.
#![no_main]

#[path = "../../mlcore/tests/fuzz/profile_bytes.rs"]
mod profile_bytes;
#[path = "../../mlcore/tests/fuzz/told.rs"]
mod told;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    profile_bytes::check(bytes);
});
