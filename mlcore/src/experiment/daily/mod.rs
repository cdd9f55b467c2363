//! What changes from day to day: novelty, carry-over, interference.

mod checks;
mod trend;

pub use self::checks::{Heterogeneity, carry_over, heterogeneity, interference, novelty};
pub use self::trend::Trend;
