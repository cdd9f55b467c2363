//! What happens off the path of the requests: outcomes are joined, monitors judge, shadows run.

mod consumer;
mod ledger;
mod shadow;
mod tally;
mod worker;

pub(crate) use self::consumer::Consumer;
pub use self::consumer::{Counts, Loss, RecordSink};
pub use self::shadow::ShadowComparison;
pub(crate) use self::shadow::ShadowRun;
pub(crate) use self::tally::Tally;
pub use self::worker::Worker;
