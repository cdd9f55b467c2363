//! Thompson's policies: an arm answers with the probability that its mean reward is the highest of all.
//!
//! Others draw a mean for each arm from its posterior and take the arm with the highest; the probability that an arm is taken is
//! then known to nobody. Here it is computed, by quadrature, and an assignment draws from it: the same policy, with propensities
//! that are exact.

mod beta;
mod gamma_poisson;
mod gaussian;
pub(super) mod posterior;
mod quadrature;

pub use self::beta::ThompsonBeta;
pub use self::gamma_poisson::ThompsonGammaPoisson;
pub use self::gaussian::ThompsonGaussian;
pub(super) use self::quadrature::probabilities_of_best;
