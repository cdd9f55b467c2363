use serde::{Deserialize, Serialize};

use crate::bandit::policy::check;
use crate::error::{Error, Result};

/// How a bandit with a context shares requests out: mabwiser's linear policies.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "policy", rename_all = "snake_case", deny_unknown_fields)]
pub enum LinearPolicy {
    /// The arm whose upper confidence bound `x beta + alpha sqrt(x A^-1 x)` is the highest.
    LinUcb {
        /// How much it explores, 0 or more; mabwiser's default is 1.
        alpha: f64,
    },
    /// Thompson's policy: the probability that an arm's `x beta` is the highest, where `beta` is normal with the covariance
    /// `alpha^2 A^-1`. It is integrated for each request, over each pair of arms.
    LinTs {
        /// How much it explores, above 0; mabwiser's default is 1.
        alpha: f64,
    },
    /// The arm whose `x beta` is the highest, and any arm for a share of the requests.
    LinGreedy {
        /// The share of requests that explore, 0 to 1; mabwiser's default is 0.1.
        epsilon: f64,
    },
}

/// What a bandit with a context is built from.
///
/// ```
/// use mlcore::bandit::{LinearOptions, LinearPolicy};
///
/// let options = LinearOptions::new(LinearPolicy::LinUcb { alpha: 1.0 }, 12).with_min_prob(0.01);
/// options.check()?;
/// assert!(LinearOptions::new(LinearPolicy::LinTs { alpha: 0.0 }, 12).check().is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearOptions {
    /// How requests are shared out.
    pub policy: LinearPolicy,
    /// How many features a context has, 1 to 256. A constant one gives each arm an intercept.
    pub features: usize,
    /// The strength of the regularisation, above 0; mabwiser's default is 1.
    pub l2_lambda: f64,
    /// The least probability of any arm; where the arms are too many for it, all have the same.
    #[serde(default)]
    pub min_prob: f64,
    /// How much has to be new before the regressions are solved anew: a part of the outcomes that are known already.
    pub refresh: f64,
}

impl LinearOptions {
    /// The most features that a context may have: a regression of each arm is solved in their cube.
    pub const MOST_FEATURES: usize = 256;

    /// A bandit with this policy over contexts of so many features, with mabwiser's `l2_lambda` of 1.
    #[must_use]
    pub fn new(policy: LinearPolicy, features: usize) -> Self {
        let refresh = crate::bandit::BanditOptions::DEFAULT_REFRESH;
        Self { policy, features, l2_lambda: 1.0, min_prob: 0.0, refresh }
    }

    /// The same with this regularisation.
    #[must_use]
    pub fn with_l2_lambda(mut self, l2_lambda: f64) -> Self {
        self.l2_lambda = l2_lambda;
        self
    }

    /// The same with at least this probability for each arm.
    #[must_use]
    pub fn with_min_prob(mut self, min_prob: f64) -> Self {
        self.min_prob = min_prob;
        self
    }

    /// The same, solved anew when this part of the outcomes is new; 0 solves after every outcome.
    #[must_use]
    pub fn with_refresh(mut self, refresh: f64) -> Self {
        self.refresh = refresh;
        self
    }

    /// Refuses options that mean nothing.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] that names the option and says what it may be.
    pub fn check(&self) -> Result<()> {
        match self.policy {
            LinearPolicy::LinUcb { alpha } => {
                check("lin_ucb", "alpha", alpha, (0.0..=1e50).contains(&alpha), "0 or more, and finite")?;
            }
            LinearPolicy::LinTs { alpha } => {
                check("lin_ts", "alpha", alpha, (1e-50..=1e50).contains(&alpha), "above 0, and finite")?;
            }
            LinearPolicy::LinGreedy { epsilon } => {
                check("lin_greedy", "epsilon", epsilon, (0.0..=1.0).contains(&epsilon), "from 0 to 1")?;
            }
        }
        let lambda = self.l2_lambda;
        check("linear bandit", "l2_lambda", lambda, (1e-12..=1e50).contains(&lambda), "from 1e-12 to 1e50")?;
        check(
            "linear bandit",
            "min_prob",
            self.min_prob,
            (0.0..=1.0).contains(&self.min_prob),
            "from 0 to 1",
        )?;
        check("linear bandit", "refresh", self.refresh, (0.0..=1.0).contains(&self.refresh), "from 0 to 1")?;
        if !(1..=Self::MOST_FEATURES).contains(&self.features) {
            let problem = format!("they are {}, and must be 1 to {}", self.features, Self::MOST_FEATURES);
            return Err(
                Error::invalid_input("build bandit", "features", problem).remedy("choose other features")
            );
        }
        Ok(())
    }
}
