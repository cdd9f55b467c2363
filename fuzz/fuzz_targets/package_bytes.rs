//! Signatures, key rings, locks, golden vectors and manifests of packages. The body is a test's, which runs it on the corpus.
#![no_main]

#[path = "../../mlcore/tests/fuzz/package_bytes.rs"]
mod package_bytes;
#[path = "../../mlcore/tests/fuzz/told.rs"]
mod told;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    package_bytes::check(bytes);
});
