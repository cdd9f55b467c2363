//! The special functions below the distributions: accurate in relative terms, far into both tails.
//!
//! Everything here is private to [`stats`](super): the public faces are the distributions and the tests. Each
//! function answers every `f64` (NaN for arguments outside its domain) and every loop has a bound.

mod bessel;
pub(super) mod deviance;
pub(super) mod erf;
pub(super) mod gamma;
pub(super) mod hypergeometric;
pub(super) mod incomplete_beta;
pub(super) mod incomplete_gamma;
pub(super) mod kolmogorov;
pub(super) mod quadratic_limit;
pub(super) mod smirnov;
mod temme;
