//! Texts of expressions. The body is a test's, which runs it on the corpus.
#![no_main]

#[path = "../../mlcore-features/tests/features/expression_text.rs"]
mod expression_text;
#[path = "../../mlcore/tests/fuzz/told.rs"]
mod told;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    expression_text::check(bytes);
});
