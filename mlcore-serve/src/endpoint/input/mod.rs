//! What does a request bring, and how does the model's input come of it?

mod columns;
mod features;
mod records;
mod request;

pub(crate) use self::columns::Columns;
pub(crate) use self::features::Features;
pub use self::records::Records;
pub use self::request::{Input, Request};
