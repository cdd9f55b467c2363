//! Which arm earns the most, learnt while it answers?
//!
//! A [`Bandit`] shares requests out among arms and learns from what they earn. It is pure: time, draws and rewards are handed in.
//! What it publishes is an [`Allocation`], the probability of each arm, and an assignment draws from it; so every propensity that
//! is recorded is exact, an assignment is a draw from a short list, and nothing that assigns waits for what learns.
//!
//! | policy | how it shares requests out | rewards |
//! |---|---|---|
//! | [`EpsilonGreedy`] | the best arm, and any arm now and then | any |
//! | [`Ucb1`] | the arm with the highest upper confidence bound | any, best of a range of about 1 |
//! | [`KlUcb`] | the same with the bound of Bernoulli rewards | 0 to 1 |
//! | [`Softmax`] | by the exponential of the mean | any |
//! | [`Exp3`] | exponential weights, against an adversary | 0 to 1 |
//! | [`ThompsonBeta`] | the probability of being the best | 0 to 1 |
//! | [`ThompsonGaussian`] | the same | any |
//! | [`ThompsonGammaPoisson`] | the same | 0 or more |
//! | [`TrackAndStop`] | what tells soonest which arm is the best | 0 to 1, or any |
//!
//! A [`LinearBandit`] has a context: LinUCB, linear Thompson and a linear greedy policy, with a ridge regression for each arm.
//!
//! Names, parameters, defaults and numbers are those of mabwiser 2.7 and river 0.26 where these compute, checked against golden
//! files; each policy says where it differs and why. Means of outcomes that a bandit chose are biased downward: they are no
//! estimates to report. [`ArmStatistics::inverse_propensity_mean`] has that bias not.
//!
//! ```
//! use mlcore::bandit::{Bandit, BanditOptions, EpsilonGreedy, Reward};
//! use mlcore::name::Arm;
//!
//! let (a, b) = (Arm::new("a")?, Arm::new("b")?);
//! let mut bandit = Bandit::new(BanditOptions::new(EpsilonGreedy::default()), [a.clone(), b.clone()])?;
//! bandit.update(&Reward::new(&a, 0.0).with_propensity(0.5))?;
//! bandit.update(&Reward::new(&b, 1.0).with_propensity(0.5))?;
//! assert!((bandit.allocation().probability(&b) - 0.95).abs() < 1e-12);
//! assert!(bandit.update(&Reward::new(&b, f64::NAN)).is_err());
//! # Ok::<(), mlcore::Error>(())
//! ```

mod allocation;
mod epsilon_greedy;
mod evidence;
mod exp3;
mod kl_ucb;
mod learner;
mod linear;
mod memory;
mod options;
mod policy;
mod reward;
mod softmax;
mod state;
mod statistics;
mod support;
mod thompson;
mod track_and_stop;
mod ucb1;

pub use self::allocation::Allocation;
pub(crate) use self::allocation::drawn;
pub use self::epsilon_greedy::EpsilonGreedy;
pub(crate) use self::evidence::{Evidence, WrittenBucket};
pub use self::exp3::Exp3;
pub use self::kl_ucb::KlUcb;
pub use self::learner::Bandit;
pub(crate) use self::linear::Gram;
pub use self::linear::{LinearBandit, LinearModels, LinearOptions, LinearPolicy, LinearReward, LinearState};
pub use self::memory::Memory;
pub use self::options::BanditOptions;
pub use self::policy::BanditPolicy;
pub use self::reward::Reward;
pub use self::softmax::Softmax;
pub use self::state::BanditState;
pub use self::statistics::ArmStatistics;
pub use self::support::Support;
pub use self::thompson::{ThompsonBeta, ThompsonGammaPoisson, ThompsonGaussian};
pub use self::track_and_stop::{Stopping, TrackAndStop};
pub use self::ucb1::Ucb1;
