//! The references of monitors, as they lie beside models. The body is a test's, which runs it on the corpus.
#![no_main]

#[path = "../../mlcore-drift/tests/fuzz/judged.rs"]
mod judged;
#[path = "../../mlcore-drift/tests/fuzz/monitor_reference.rs"]
mod monitor_reference;
#[path = "../../mlcore-drift/tests/fuzz/sealed.rs"]
mod sealed;
#[path = "../../mlcore/tests/fuzz/told.rs"]
mod told;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    monitor_reference::check(bytes);
});
