//! ONNX models, read before ONNX Runtime sees them. The body is a test's, which runs it on the corpus.
#![no_main]

#[path = "../message.rs"]
mod message;
#[path = "../../mlcore/tests/fuzz/onnx_scan.rs"]
mod onnx_scan;
#[path = "../../mlcore/tests/fuzz/told.rs"]
mod told;

use mlcore::stats::SplitMix64;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    onnx_scan::check(bytes);
});

// A byte more somewhere makes every length around it wrong: messages are taken apart and put together again.
libfuzzer_sys::fuzz_mutator!(|bytes: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let changed = match seed % 4 {
        0 => None,
        _ => message::changed(&bytes[..size], &mut SplitMix64::new(seed.into()), 0),
    };
    match changed {
        Some(changed) if changed.len() <= max_size => {
            bytes[..changed.len()].copy_from_slice(&changed);
            changed.len()
        }
        _ => libfuzzer_sys::fuzzer_mutate(bytes, size, max_size),
    }
});
