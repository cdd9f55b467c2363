//! What units tell about a metric, in constant memory: counts, means and products that add up.
//!
//! Each of these takes one unit after another, merges with that of another thread, replica or day, and is stored by serde. The
//! moments of a single number are [`Moments`](crate::stats::Moments).

mod clusters;
mod joint;
mod regression;
mod weighted;
mod winsorised;

pub use self::clusters::ClusterMoments;
pub use self::joint::JointMoments;
pub use self::regression::RegressionMoments;
pub use self::weighted::WeightedMoments;
pub use self::winsorised::{Caps, WinsorisedMoments};
