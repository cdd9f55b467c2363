//! The messages of the protocols, made by `cargo xtask protocols` of the descriptions beside them. Requests for inference and
//! their answers are read and written by [`v2`](crate::v2) instead.

#[expect(unreachable_pub, clippy::pedantic, reason = "made by a program")]
pub(super) mod health;
#[expect(dead_code, unreachable_pub, reason = "made by a program, for the clients of the tests, too")]
pub(super) mod inference;
