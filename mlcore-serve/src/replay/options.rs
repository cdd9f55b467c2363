use std::time::Duration;

use mlcore::name::{Arm, ModelName};
use mlcore::rollout::RewardRule;
use mlcore::time::Timestamp;
use mlcore::{Error, Result};

use super::{REPLAY, Truth};

/// Which requests of the log are evidence where the policy and the one that wrote the log need not agree.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Matching {
    /// Every request that the policy gives to the arm that answered it. What each arm does is seen as it is; how often an arm is seen
    /// follows both policies. For policies that compare arms, such as canaries.
    #[default]
    Every,
    /// Of these, one with the probability of the smallest propensity of the log over its own: arms are seen in the shares of the policy, as in
    /// a smaller experiment of its own. For policies that learn from how often an arm was tried, such as bandits; it costs the most
    /// where a propensity is small. In a log with equal propensities it is the same as `Every`.
    Rejection,
}

mlcore::words! { Matching, "matching": Every = "every", Rejection = "rejection" }

/// Which versions behind an arm are replayed.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ReplayVersions {
    /// That with which each arm answers first: a replay is of one release.
    #[default]
    First,
    /// All of them, as if an arm were the same whatever its version.
    All,
}

mlcore::words! { ReplayVersions, "versions": First = "first", All = "all" }

/// What of a log is replayed, and how.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore::name::Arm;
/// use mlcore::rollout::RewardRule;
/// use mlcore_serve::replay::{Matching, ReplayOptions};
///
/// let options = ReplayOptions::default()
///     .with_arms([Arm::new("champion")?, Arm::new("canary")?])
///     .with_reward(RewardRule::ScaledLoss { best: 0.0, worst: 1.0 })
///     .with_seed(7);
/// assert_eq!((options.matching, options.decide_interval), (Matching::Every, Duration::from_secs(1)));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct ReplayOptions {
    /// The model; needed where the log has several.
    pub model: Option<ModelName>,
    /// The first moment of answers that are replayed.
    pub since: Option<Timestamp>,
    /// The moment from which on answers are not replayed.
    pub until: Option<Timestamp>,
    /// The arms that can answer, the default first. Empty: those of the log, in the order of the probabilities that it has, or else
    /// in that in which they first answer.
    pub arms: Vec<Arm>,
    /// The versions behind arms that are replayed.
    pub versions: ReplayVersions,
    /// The requests that are evidence, where arms are those of the log.
    pub matching: Matching,
    /// Equal seeds give equal draws. With 0, the default, requests have the draws that the endpoint gave them.
    pub seed: u64,
    /// How often the policy is asked for a decision, in the time of the log. A second by default; 0 asks after every event. In gaps of
    /// more than a hundred intervals it is asked a hundred times.
    pub decide_interval: Duration,
    /// What a request earns. None by default: then values and regret are not told.
    pub reward: Option<RewardRule>,
    /// What the caller knows of the arms.
    pub truth: Truth,
    /// In how many parts of equally many requests shares are told over time. 50 by default.
    pub share_points: usize,
    /// One less the level of intervals. 0.05 by default.
    pub alpha: f64,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            model: None,
            since: None,
            until: None,
            arms: Vec::new(),
            versions: ReplayVersions::default(),
            matching: Matching::default(),
            seed: 0,
            decide_interval: Duration::from_secs(1),
            reward: None,
            truth: Truth::default(),
            share_points: 50,
            alpha: 0.05,
        }
    }
}

impl ReplayOptions {
    /// Replays the requests of this model.
    #[must_use]
    pub fn with_model(mut self, model: ModelName) -> Self {
        self.model = Some(model);
        self
    }

    /// Replays answers from this moment on.
    #[must_use]
    pub fn with_since(mut self, since: Timestamp) -> Self {
        self.since = Some(since);
        self
    }

    /// Replays answers before this moment.
    #[must_use]
    pub fn with_until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }

    /// Sets the arms that can answer, the default first.
    #[must_use]
    pub fn with_arms(mut self, arms: impl IntoIterator<Item = Arm>) -> Self {
        self.arms = arms.into_iter().collect();
        self
    }

    /// Sets the versions that are replayed.
    #[must_use]
    pub fn with_versions(mut self, versions: ReplayVersions) -> Self {
        self.versions = versions;
        self
    }

    /// Sets which requests are evidence.
    #[must_use]
    pub fn with_matching(mut self, matching: Matching) -> Self {
        self.matching = matching;
        self
    }

    /// Sets the seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how often the policy is asked for a decision.
    #[must_use]
    pub fn with_decide_interval(mut self, interval: Duration) -> Self {
        self.decide_interval = interval;
        self
    }

    /// Sets what a request earns.
    #[must_use]
    pub fn with_reward(mut self, reward: RewardRule) -> Self {
        self.reward = Some(reward);
        self
    }

    /// Sets what is known of the arms.
    #[must_use]
    pub fn with_truth(mut self, truth: Truth) -> Self {
        self.truth = truth;
        self
    }

    /// Sets in how many parts shares are told.
    #[must_use]
    pub fn with_share_points(mut self, points: usize) -> Self {
        self.share_points = points;
        self
    }

    /// Sets the level of intervals to `1 - alpha`.
    #[must_use]
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Refuses options that mean nothing.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] that names the option and says what it may be.
    pub fn check(&self) -> Result<()> {
        let refuse = |option: &str, problem: String| {
            Err(Error::invalid_input(REPLAY, option, problem).remedy("choose another value"))
        };
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return refuse("alpha", format!("it is {}, and must be between 0 and 1", self.alpha));
        }
        if let Some(reward) = &self.reward {
            reward.check()?;
        }
        if !(1..=MOST_POINTS).contains(&self.share_points) {
            return refuse(
                "share_points",
                format!("there are {}, and must be from 1 to {MOST_POINTS}", self.share_points),
            );
        }
        if let (Some(since), Some(until)) = (self.since, self.until)
            && since >= until
        {
            return refuse(
                "since",
                format!("it is {since}, which is not before {until}, where the replay ends"),
            );
        }
        Ok(())
    }
}

/// More parts than anybody looks at.
const MOST_POINTS: usize = 10_000;
