//! Hostile clients and hostile models against servers that listen: what each is answered, and that others are answered as before.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test reports by panicking, in its helpers too"
)]

mod hostile_models;
mod json;
#[path = "../../../mlcore/tests/runner_onnx/made.rs"]
#[expect(dead_code, clippy::expect_used, reason = "the tests of the runner use the rest")]
mod made;
mod names;
#[path = "../program/place.rs"]
#[expect(dead_code, reason = "the tests of the program use the rest")]
mod place;
mod process;
#[path = "../grpc/protocol/mod.rs"]
mod protocol;
mod rude;
mod server;
mod slow;
#[path = "../grpc/support.rs"]
#[expect(dead_code, reason = "the tests of gRPC use the rest")]
mod support;
mod tensors;
#[path = "../http/support.rs"]
#[expect(dead_code, reason = "the tests of HTTP use the rest")]
mod web;
mod wire;
