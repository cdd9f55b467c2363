//! What the quickstart and the other examples share: the data, the feature plan, and how a version is registered.

#![expect(clippy::missing_errors_doc, clippy::len_without_is_empty, reason = "an example's own library")]

pub mod data;
pub mod release;
