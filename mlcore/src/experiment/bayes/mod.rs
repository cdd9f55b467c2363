//! The same questions, asked of a posterior distribution: how likely is the treatment better, and what is lost if it is not?

mod beta_binomial;
mod normal;

pub use self::beta_binomial::{BetaBinomial, BetaPrior};
pub use self::normal::{BayesianEffect, BayesianOptions, GaussianPrior};
