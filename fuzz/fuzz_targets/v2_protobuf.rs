//! Requests of the Open Inference Protocol as messages of protocol buffers. The body is a test's, which runs it on the corpus.
#![no_main]

#[path = "../../mlcore-serve/tests/fuzz/again.rs"]
mod again;
#[rustfmt::skip]
#[path = "../../mlcore-serve/src/grpc/protocol/inference.rs"]
#[expect(dead_code, reason = "one message of many is read")]
mod inference;
#[path = "../message.rs"]
mod message;
/// Where the tests have it.
mod protocol {
    pub(crate) use crate::inference;
}
#[path = "../../mlcore/tests/fuzz/told.rs"]
mod told;
#[path = "../../mlcore-serve/tests/fuzz/v2_protobuf.rs"]
mod v2_protobuf;

use mlcore::stats::SplitMix64;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    v2_protobuf::check(bytes);
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
