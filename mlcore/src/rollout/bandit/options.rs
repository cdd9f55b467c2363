use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::RewardRule;
use crate::bandit::{Bandit, BanditOptions, BanditPolicy, LinearOptions};
use crate::error::{Error, Result};
use crate::name::{Arm, ModelName};

/// What decides which arm a request gets, when each has its probability.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AssignBy {
    /// The unit: it keeps its arm until probabilities change, and then most units keep theirs.
    #[default]
    Unit,
    /// The draw of each request.
    Draw,
}

crate::words! { AssignBy, "assign_by": Unit = "unit", Draw = "draw" }

/// What a [`BanditRollout`](super::BanditRollout) is built from.
///
/// ```
/// use mlcore::bandit::{BanditOptions, ThompsonBeta};
/// use mlcore::name::Arm;
/// use mlcore::rollout::{AssignBy, BanditRolloutOptions, RewardRule};
///
/// let arms = ["champion", "challenger", "third"].map(Arm::new).into_iter().collect::<Result<Vec<_>, _>>()?;
/// let bandit = BanditOptions::new(ThompsonBeta::default()).with_min_prob(0.02).with_min_samples(100);
/// let reward = RewardRule::ScaledLoss { best: 0.0, worst: 1.0 };
/// let options = BanditRolloutOptions::new("ranking", arms, bandit, reward).with_assign_by(AssignBy::Draw);
/// options.check()?;
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BanditRolloutOptions {
    /// Sets the bandit apart from others: the places of its units, and the state that its replicas share. Written as the name of
    /// a model.
    pub name: String,
    /// The arms: first the one that answers where none of them can, and that is never promoted or withdrawn.
    pub arms: Vec<Arm>,
    /// How it learns, with its floor of exploration, its nursery and its priors.
    pub bandit: BanditOptions,
    /// What it learns from.
    pub reward: RewardRule,
    /// What decides which arm a request gets.
    pub assign_by: AssignBy,
    /// Probabilities are computed anew not more often than this; evidence is taken meanwhile.
    pub publish_interval: Duration,
    /// Whether the arm that is found to be the best is promoted, and one that is found unfit is withdrawn.
    pub promotes_winner: bool,
}

impl BanditRolloutOptions {
    /// The default of [`publish_interval`](Self::publish_interval): what a worker looks at several times a second is not computed
    /// so often, and nobody waits for it.
    pub const DEFAULT_PUBLISH_INTERVAL: Duration = Duration::from_secs(1);

    /// A bandit over these arms, the control first, that goes on for ever and gives a unit the same arm as long as it can.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        arms: impl IntoIterator<Item = Arm>,
        bandit: BanditOptions,
        reward: RewardRule,
    ) -> Self {
        Self {
            name: name.into(),
            arms: arms.into_iter().collect(),
            bandit,
            reward,
            assign_by: AssignBy::default(),
            publish_interval: Self::DEFAULT_PUBLISH_INTERVAL,
            promotes_winner: false,
        }
    }

    /// The same, assigning by this.
    #[must_use]
    pub fn with_assign_by(mut self, assign_by: AssignBy) -> Self {
        self.assign_by = assign_by;
        self
    }

    /// The same, computing probabilities anew after this time at the earliest.
    #[must_use]
    pub fn with_publish_interval(mut self, publish_interval: Duration) -> Self {
        self.publish_interval = publish_interval;
        self
    }

    /// The same, promoting the arm that [`TrackAndStop`](crate::bandit::TrackAndStop) finds to be the best, where `promotes_winner`
    /// says so.
    #[must_use]
    pub fn with_promotes_winner(mut self, promotes_winner: bool) -> Self {
        self.promotes_winner = promotes_winner;
        self
    }

    /// Refuses options that mean nothing.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] that names the option and says what it may be.
    pub fn check(&self) -> Result<()> {
        self.bandit.check()?;
        check_name(&self.name)?;
        check_arms(&self.arms)?;
        self.reward.check_for(self.bandit.policy.support())?;
        if self.promotes_winner && !matches!(self.bandit.policy, BanditPolicy::TrackAndStop(_)) {
            let problem = "the policy looks for no best arm, so that none would ever be promoted";
            return Err(Error::invalid_input(BUILD, "promotes_winner", problem)
                .remedy("choose track_and_stop, or let the bandit go on"));
        }
        Ok(())
    }
}

/// What a [`ContextualRollout`](super::super::ContextualRollout) is built from.
///
/// ```
/// use mlcore::bandit::{LinearOptions, LinearPolicy};
/// use mlcore::name::Arm;
/// use mlcore::rollout::{ContextualRolloutOptions, RewardRule};
///
/// let arms = ["champion", "challenger"].map(Arm::new).into_iter().collect::<Result<Vec<_>, _>>()?;
/// let bandit = LinearOptions::new(LinearPolicy::LinUcb { alpha: 1.0 }, 8).with_min_prob(0.02);
/// ContextualRolloutOptions::new("offers", arms, bandit, RewardRule::Answered).check()?;
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextualRolloutOptions {
    /// Sets the bandit apart from others: the state that its replicas share. Written as the name of a model.
    pub name: String,
    /// The arms, the control first: it answers requests without the features that the bandit was built for.
    pub arms: Vec<Arm>,
    /// How it learns, with its floor of exploration.
    pub bandit: LinearOptions,
    /// What it learns from.
    pub reward: RewardRule,
    /// Regressions are solved anew not more often than this; evidence is taken meanwhile.
    pub publish_interval: Duration,
}

impl ContextualRolloutOptions {
    /// A bandit with a context over these arms, the control first.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        arms: impl IntoIterator<Item = Arm>,
        bandit: LinearOptions,
        reward: RewardRule,
    ) -> Self {
        Self {
            name: name.into(),
            arms: arms.into_iter().collect(),
            bandit,
            reward,
            publish_interval: BanditRolloutOptions::DEFAULT_PUBLISH_INTERVAL,
        }
    }

    /// The same, solving the regressions anew after this time at the earliest.
    #[must_use]
    pub fn with_publish_interval(mut self, publish_interval: Duration) -> Self {
        self.publish_interval = publish_interval;
        self
    }

    /// Refuses options that mean nothing.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] that names the option and says what it may be.
    pub fn check(&self) -> Result<()> {
        self.bandit.check()?;
        check_name(&self.name)?;
        check_arms(&self.arms)?;
        self.reward.check()
    }
}

fn check_name(name: &str) -> Result<()> {
    if ModelName::new(name).is_ok() {
        return Ok(());
    }
    let problem = format!("{name:?} is none: it is written as the name of a model");
    Err(Error::invalid_input(BUILD, "name", problem)
        .remedy("use letters, digits, dots, dashes and underscores"))
}

fn check_arms(arms: &[Arm]) -> Result<()> {
    let refuse = |problem: String| {
        Err(Error::invalid_input(BUILD, "arms", problem).remedy("name two or more, each once"))
    };
    if !(2..=Bandit::MOST_ARMS).contains(&arms.len()) {
        return refuse(format!("there are {}", arms.len()));
    }
    match arms
        .iter()
        .enumerate()
        .find(|(position, arm)| arms.iter().take(*position).any(|other| other == *arm))
    {
        Some((_, arm)) => refuse(format!("{arm} occurs twice")),
        None => Ok(()),
    }
}

const BUILD: &str = "build bandit rollout";
