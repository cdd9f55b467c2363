//! Filters and orders of searches. The body is a test's, which runs it on the corpus.
#![no_main]

#[path = "../../mlcore/tests/fuzz/told.rs"]
mod told;
#[path = "../../mlcore/tests/fuzz/tracking_filter.rs"]
mod tracking_filter;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tracking_filter::check(bytes);
});
