//! Pages: what they show, that nothing of what users write becomes markup, and that every link leads somewhere.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test reports by panicking, in its helpers too"
)]

mod escaping;
mod links;
mod markup;
mod models;
mod runs;
mod service;
mod support;
