//! The feature store: features of entities, kept for training and for serving.
//!
//! - [`definition`]: what its objects are, as plain data.
//! - [`registry`]: which objects there are, and which versions they had.
//! - [`offline`]: what was known of an entity at a time, for training.
//! - [`key`]: which entity is asked for, in one canonical form.
//! - [`online`]: the latest features of each entity, read while a request waits.
//! - [`feature_store`]: all of it as one value.
//! - [`window`]: features of sliding windows of events, the same offline and online.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod definition;
pub mod feature_store;
pub mod key;
pub mod offline;
pub mod online;
pub mod registry;
pub mod window;
