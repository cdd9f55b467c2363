//! The counts of replicas' windows. The body is a test's, which runs it on the corpus.
#![no_main]

#[path = "../../mlcore-drift/tests/fuzz/judged.rs"]
mod judged;
#[path = "../../mlcore-drift/tests/fuzz/sealed.rs"]
mod sealed;
#[path = "../../mlcore/tests/fuzz/told.rs"]
mod told;
#[path = "../../mlcore-drift/tests/fuzz/window_counts.rs"]
mod window_counts;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    window_counts::check(bytes);
});
