//! Every open trait of mlcore, implemented by a crate that knows its published API only.

/// The README's Rust block, which is a service of the same kind: it runs as it stands.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
