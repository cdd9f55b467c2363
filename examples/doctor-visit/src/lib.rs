//! What the examples share: the data, the feature plan, the releases, and the terms of their canaries.

#![expect(clippy::missing_errors_doc, clippy::len_without_is_empty, reason = "an example's own library")]

pub mod data;
pub mod release;
