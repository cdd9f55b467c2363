use std::collections::BTreeMap;

use super::models::check_context;
use super::ridge::Gram;
use super::{LinearModels, LinearOptions, LinearState};
use crate::bandit::Bandit;
use crate::bandit::options::LARGEST_REWARD;
use crate::error::{Error, Result};
use crate::name::Arm;

/// What one assignment in a context earned.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LinearReward<'a> {
    /// The arm that was assigned.
    pub arm: &'a Arm,
    /// The features of the request.
    pub context: &'a [f64],
    /// What it earned: more is better.
    pub reward: f64,
}

impl<'a> LinearReward<'a> {
    /// What `arm` earned in this context.
    #[must_use]
    pub fn new(arm: &'a Arm, context: &'a [f64], reward: f64) -> Self {
        Self { arm, context, reward }
    }
}

/// Arms with a context: a ridge regression for each, and the probabilities that follow for a request.
///
/// It is pure, as [`Bandit`](crate::bandit::Bandit). What it publishes are [`LinearModels`], which are solved anew when
/// [`refresh`](LinearOptions::refresh) of the outcomes is new, at least one. Regressions have no propensities in them: a reward
/// may come late. States of replicas add up to that of one bandit that saw all, to the rounding of sums.
///
/// # Source
/// L. Li, W. Chu, J. Langford and R. E. Schapire, "A contextual-bandit approach to personalized news article recommendation" (2010),
/// algorithm 1; S. Agrawal and N. Goyal, "Thompson sampling for contextual bandits with linear payoffs" (2013). Names, defaults
/// and expectations: mabwiser 2.7 (`LinUCB`, `LinTS`, `LinGreedy`), without its `scale`: an arm that has not answered has the
/// covariance `I / l2_lambda` here, and `l2_lambda I` there. LinTS draws there; here its probabilities are integrated.
///
/// ```
/// use mlcore::bandit::{LinearBandit, LinearOptions, LinearPolicy, LinearReward};
/// use mlcore::name::Arm;
///
/// let (a, b) = (Arm::new("a")?, Arm::new("b")?);
/// let options = LinearOptions::new(LinearPolicy::LinUcb { alpha: 0.1 }, 2);
/// let mut bandit = LinearBandit::new(options, [a.clone(), b.clone()])?;
/// for _ in 0..20 {
///     for (context, best) in [([1.0, 0.0], &a), ([0.0, 1.0], &b)] {
///         for arm in [&a, &b] {
///             bandit.update(&LinearReward::new(arm, &context, f64::from(u8::from(arm == best))))?;
///         }
///     }
/// }
/// assert_eq!(bandit.models().probabilities(&[1.0, 0.0])?, [1.0, 0.0]);
/// assert_eq!(bandit.models().probabilities(&[0.0, 1.0])?, [0.0, 1.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct LinearBandit {
    pub(super) options: LinearOptions,
    pub(super) arms: BTreeMap<Arm, Gram>,
    pub(super) outcomes: u64,
    refreshed: u64,
    models: LinearModels,
}

impl LinearBandit {
    /// A bandit that knows nothing of these arms.
    ///
    /// # Errors
    /// As [`LinearOptions::check`]; [`Error::InvalidInput`] for no arm, more than [`Bandit::MOST_ARMS`], and one that occurs twice.
    pub fn new(options: LinearOptions, arms: impl IntoIterator<Item = Arm>) -> Result<Self> {
        options.check()?;
        let mut known = BTreeMap::new();
        for arm in arms {
            if known.len() == Bandit::MOST_ARMS || known.contains_key(&arm) {
                let problem = "it occurs twice, or there are more than 1000 arms";
                return Err(Error::invalid_input("build bandit", format!("arm {arm}"), problem));
            }
            known.insert(arm, Gram::new(options.features));
        }
        Self::of(options, known, 0)
    }

    /// Of these sums, with their regressions solved.
    pub(crate) fn of(options: LinearOptions, arms: BTreeMap<Arm, Gram>, outcomes: u64) -> Result<Self> {
        if arms.is_empty() {
            return Err(
                Error::invalid_input("build bandit", "arms", "there are none").remedy("name at least one")
            );
        }
        let LinearOptions { policy, features, min_prob, .. } = options;
        let models = LinearModels { policy, features, min_prob, arms: Vec::new() };
        let mut bandit = Self { options, arms, outcomes, refreshed: 0, models };
        bandit.refresh()?;
        Ok(bandit)
    }

    /// The options that it was built with.
    #[must_use]
    pub fn options(&self) -> &LinearOptions {
        &self.options
    }

    /// The regressions as they were last solved.
    #[must_use]
    pub fn models(&self) -> &LinearModels {
        &self.models
    }

    /// The outcomes that came in.
    #[must_use]
    pub fn outcomes(&self) -> u64 {
        self.outcomes
    }

    /// Takes what an assignment earned, and solves the regressions anew where enough is new; answers whether it did.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an arm that the bandit has not, and [`Error::InvalidInput`] for a reward that is NaN, infinite or
    /// beyond 1e100 and for a context that is none. Nothing changes then.
    pub fn update(&mut self, reward: &LinearReward<'_>) -> Result<bool> {
        let LinearReward { arm, context, reward } = *reward;
        check_context("update bandit", self.options.features, context)?;
        if !(-LARGEST_REWARD..=LARGEST_REWARD).contains(&reward) {
            let problem = format!("it is {reward}, and must be a number of at most 1e100");
            return Err(Error::invalid_input("update bandit", format!("reward of arm {arm}"), problem)
                .remedy("leave the outcome out, or say what it is worth"));
        }
        let Some(gram) = self.arms.get_mut(arm) else {
            return Err(Error::not_found(
                "update bandit",
                format!("arm {arm}"),
                "the bandit has no such arm",
            )
            .remedy("add the arm, or leave its outcomes out"));
        };
        gram.add(context, reward);
        self.outcomes = self.outcomes.saturating_add(1);
        let new = self.outcomes.saturating_sub(self.refreshed) as f64;
        let is_due = new >= (self.options.refresh * self.refreshed as f64).max(1.0);
        if is_due {
            self.refresh()?;
        }
        Ok(is_due)
    }

    /// Adds an arm, of which nothing is known.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] for one that is there, and [`Error::InvalidInput`] beyond [`Bandit::MOST_ARMS`].
    pub fn add_arm(&mut self, arm: Arm) -> Result<()> {
        if self.arms.contains_key(&arm) {
            return Err(Error::already_exists("add arm", arm.as_str(), "the bandit has it"));
        }
        if self.arms.len() >= Bandit::MOST_ARMS {
            return Err(Error::invalid_input("add arm", arm.as_str(), "there are 1000 arms")
                .remedy("remove one first"));
        }
        self.arms.insert(arm, Gram::new(self.options.features));
        self.refresh()
    }

    /// Removes an arm, and what is known of it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for one that is not there, and [`Error::InvalidInput`] for the last one.
    pub fn remove_arm(&mut self, arm: &Arm) -> Result<()> {
        if self.arms.len() == 1 && self.arms.contains_key(arm) {
            return Err(Error::invalid_input("remove arm", arm.as_str(), "it is the last arm"));
        }
        if self.arms.remove(arm).is_none() {
            return Err(Error::not_found("remove arm", arm.as_str(), "the bandit has no such arm"));
        }
        self.refresh()
    }

    /// Solves the regressions from all that is known.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] where features are so much larger than `l2_lambda` that floats do not tell them apart. The models
    /// that were published stay.
    pub fn refresh(&mut self) -> Result<()> {
        let solved = self.arms.iter().map(|(arm, gram)| {
            let ridge = gram.solve(self.options.l2_lambda).ok_or_else(|| {
                let problem = "its features do not tell outcomes apart, to the digits of floats";
                Error::invalid_input("solve regression", format!("arm {arm}"), problem)
                    .remedy("raise l2_lambda, or scale the features")
            })?;
            Ok((arm.clone(), ridge))
        });
        self.models.arms = solved.collect::<Result<Vec<_>>>()?;
        self.refreshed = self.outcomes;
        Ok(())
    }

    /// The state as a value.
    #[must_use]
    pub fn save(&self) -> LinearState {
        LinearState::of(self)
    }

    /// The bandit that `state` was saved by, with its regressions solved.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for another version of the layout, and [`Error::Corrupt`] for what no bandit has saved.
    pub fn from_state(state: &LinearState) -> Result<Self> {
        state.to_bandit()
    }

    /// Adds what a replica has learnt from outcomes that this bandit has not seen; a state that is merged twice counts twice. An
    /// arm that only one of the two has is in the result.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for other options; else as [`LinearBandit::from_state`]. Nothing changes then.
    pub fn merge(&mut self, state: &LinearState) -> Result<()> {
        let other = Self::from_state(state)?;
        if other.options != self.options {
            return Err(Error::invalid_input("merge bandit", "state", "it was saved under other options")
                .remedy("merge states of bandits with the same options"));
        }
        let mut arms = self.arms.clone();
        for (arm, gram) in &other.arms {
            arms.entry(arm.clone()).or_insert_with(|| Gram::new(self.options.features)).merge(gram);
        }
        if arms.len() > Bandit::MOST_ARMS {
            let problem = format!("together they have {} arms, and 1000 are taken", arms.len());
            return Err(Error::invalid_input("merge bandit", "arms", problem).remedy("remove arms first"));
        }
        *self = Self::of(self.options, arms, self.outcomes.saturating_add(other.outcomes))?;
        Ok(())
    }
}
