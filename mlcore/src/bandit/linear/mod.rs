//! Bandits with a context: each arm has a ridge regression of its rewards on the features of the request.

mod learner;
mod models;
mod options;
mod ridge;
mod state;

pub use self::learner::{LinearBandit, LinearReward};
pub use self::models::LinearModels;
pub use self::options::{LinearOptions, LinearPolicy};
pub(crate) use self::ridge::Gram;
pub use self::state::LinearState;
