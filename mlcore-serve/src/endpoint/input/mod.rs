//! What does a request bring?

mod request;

pub use self::request::{Input, OutcomeId, Prediction, Request};
