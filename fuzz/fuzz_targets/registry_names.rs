//! What registries are told: URLs, names, tags. The body is a test's, which runs it on the corpus.
#![no_main]

#[path = "../../mlcore/tests/fuzz/registry_names.rs"]
mod registry_names;
#[path = "../../mlcore/tests/fuzz/told.rs"]
mod told;

use mlcore::artifact::Digest;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // By the input itself, so that a finding is found again.
    match Digest::of(bytes).as_bytes()[0] % 16 {
        0 => registry_names::check(bytes),
        _ => registry_names::check_in_memory(bytes),
    }
});
