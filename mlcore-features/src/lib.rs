//! Feature pipelines.

pub mod pipeline;
pub mod transform;
