//! How many units an experiment needs, and what it can see with those that it has.

mod design;
mod proportions;
mod solve;

pub use self::design::{Design, SampleSize, required_sample_size};
pub use self::proportions::{
    power_proportions_2indep, proportion_effectsize, samplesize_proportions_2indep_onetail,
};
pub use self::solve::{PowerAnalysis, PowerDistribution};
