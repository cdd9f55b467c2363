//! Columns as other libraries hand them over. The body is a test's, which runs it on the corpus.
#![no_main]

#[path = "../../mlcore/tests/fuzz/arrow_door.rs"]
mod arrow_door;
#[path = "../../mlcore/tests/fuzz/told.rs"]
mod told;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    arrow_door::check(bytes);
});
