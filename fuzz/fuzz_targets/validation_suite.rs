//! Suites of expectations as text. The body is a test's, which runs it on the corpus.
#![no_main]

#[path = "../../mlcore-features/tests/validate/suite_text.rs"]
mod suite_text;
#[path = "../../mlcore/tests/fuzz/told.rs"]
mod told;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    suite_text::check(bytes);
});
