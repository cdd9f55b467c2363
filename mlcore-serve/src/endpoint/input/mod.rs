//! What a request brings, and how the model's input is made of it.

mod columns;
mod features;
mod records;
mod request;
mod tensors;

pub(crate) use self::columns::Columns;
pub(crate) use self::features::Features;
pub use self::features::check_plan;
pub use self::records::Records;
pub use self::request::{Input, Request};
pub(crate) use self::tensors::TensorColumns;
