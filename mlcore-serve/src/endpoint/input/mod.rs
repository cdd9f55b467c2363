//! What does a request bring, and how does the model's input come of it?

mod features;
mod request;

pub(crate) use self::features::Features;
pub use self::request::{Input, Request};
