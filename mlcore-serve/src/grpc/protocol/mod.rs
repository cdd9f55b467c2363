//! The messages of the protocols, made by `cargo xtask protocols` of the descriptions beside them. Requests for inference and
//! their answers are read and written by [`v2`](crate::v2) instead.

#[rustfmt::skip]
#[expect(unreachable_pub, reason = "made by a program")]
pub(super) mod health;
#[rustfmt::skip]
#[expect(unreachable_pub, clippy::enum_variant_names, reason = "made by a program")]
#[expect(clippy::allow_attributes, reason = "what is expected to be dead counts as used")]
#[allow(dead_code, reason = "the clients of the tests use the rest")]
pub(super) mod inference;
