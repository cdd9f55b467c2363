//! The contract of each trait as a test suite: run it on your own implementation.
//!
//! A suite panics at the first broken promise, as a test does, and says which one it was.
#![expect(clippy::unwrap_used, reason = "a test suite fails by panicking")]

mod artifact;
mod persistence;
mod registry;
mod rollout;
mod runner;
mod tracker;

pub use self::artifact::artifact_store;
pub use self::persistence::Persistence;
pub use self::registry::registry;
pub use self::rollout::{Stickiness, rollout_policy};
pub use self::runner::runner;
pub use self::tracker::tracker;
