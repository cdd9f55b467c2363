//! Inference that stays valid however often it is looked at.
//!
//! | for | use | source |
//! |---|---|---|
//! | the difference of two arms | [`Inference::Sequential`](super::Inference::Sequential), [`Inference::Mixture`](super::Inference::Mixture) | Waudby-Smith and others (2021); Johari and others (2015) |
//! | the mean of bounded values, valid at any number of them | [`EmpiricalBernstein`], [`BettingSequence`] | Waudby-Smith and Ramdas (2024) |
//! | a p-value and an interval over many looks | [`AlwaysValid`] | the running minimum, the running intersection |

mod bernstein;
mod bets;
mod betting;
mod mixture;
mod running;

pub use self::bernstein::EmpiricalBernstein;
pub use self::betting::BettingSequence;
pub use self::mixture::NormalMixture;
pub use self::running::AlwaysValid;
