//! What is kept of a request, and how does it leave the thread that asked, without a lock and in memory that is used
//! again?

mod line;
mod packed;
mod queue;
mod row_buffer;

pub use self::line::{Record, RecordedInput};
pub(crate) use self::line::{Slip, digest, set};
pub(crate) use self::packed::Packed;
pub(crate) use self::queue::{Item, Queue, Sequence};
pub use self::row_buffer::RowBuffer;
