//! x
pub mod error;
pub mod name;
pub use error::{Error, Result};
