//! The messages of the service, and clients that a program made of the same descriptions.

#[rustfmt::skip]
#[path = "../../../src/grpc/protocol/health.rs"]
#[expect(unreachable_pub, reason = "made by a program")]
pub(crate) mod health;
#[rustfmt::skip]
#[expect(
    unreachable_pub,
    clippy::allow_attributes_without_reason,
    clippy::module_inception,
    reason = "made by a program"
)]
pub(crate) mod health_client;
#[rustfmt::skip]
#[path = "../../../src/grpc/protocol/inference.rs"]
#[expect(unreachable_pub, clippy::enum_variant_names, reason = "made by a program")]
pub(crate) mod inference;
#[rustfmt::skip]
#[expect(unreachable_pub, clippy::allow_attributes_without_reason, reason = "made by a program")]
pub(crate) mod inference_client;
