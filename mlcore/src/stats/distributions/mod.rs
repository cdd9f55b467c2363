//! Distributions with scipy's names: each module is one distribution, each function one of its scipy methods.
//!
//! Tails are accurate in relative terms (1e-10 or better) down to 1e-300. Parameters outside the distribution's domain
//! give NaN, as in scipy.

pub mod beta;
pub mod binom;
pub mod chi2;
pub mod hypergeom;
pub mod ksone;
pub mod kstwo;
pub mod nct;
pub mod norm;
pub mod t;
