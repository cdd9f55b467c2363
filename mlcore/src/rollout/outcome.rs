use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Context;
use crate::name::{Arm, MeasureName};

/// What came of one request: evidence for the policy that assigned it.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore::name::Arm;
/// use mlcore::rollout::{Observation, Outcome};
///
/// let arm = Arm::new("canary")?;
/// let answered = Observation::answered(Duration::from_micros(80));
/// let outcome = Outcome::new(&arm, answered).with_propensity(0.05).with_epoch(3);
/// assert_eq!((outcome.arm, outcome.epoch), (&arm, 3));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome<'a> {
    /// The arm that answered.
    pub arm: &'a Arm,
    /// The assignment's propensity.
    pub propensity: f64,
    /// The assignment's epoch.
    pub epoch: u32,
    /// What the request said of itself; empty where that was not kept.
    pub context: Context<'a>,
    /// What was seen.
    pub observation: Observation,
}

impl<'a> Outcome<'a> {
    /// What was seen of a request that `arm` answered with certainty, in epoch 0, without a context.
    #[must_use]
    pub fn new(arm: &'a Arm, observation: Observation) -> Self {
        Self { arm, propensity: 1.0, epoch: 0, context: Context::EMPTY, observation }
    }

    /// The same outcome of an assignment that had this probability.
    #[must_use]
    pub fn with_propensity(mut self, propensity: f64) -> Self {
        self.propensity = propensity;
        self
    }

    /// The same outcome of an assignment in this epoch.
    #[must_use]
    pub fn with_epoch(mut self, epoch: u32) -> Self {
        self.epoch = epoch;
        self
    }

    /// The same outcome of a request in this context.
    #[must_use]
    pub fn with_context(mut self, context: Context<'a>) -> Self {
        self.context = context;
        self
    }
}

/// What was seen of one request.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "observation", rename_all = "snake_case")]
pub enum Observation {
    /// The arm answered in this time.
    #[non_exhaustive]
    Answered {
        /// From the call to the answer.
        latency: Duration,
    },
    /// The arm failed (the caller's own mistakes do not count).
    Failed,
    /// The true outcome became known.
    #[non_exhaustive]
    Scored {
        /// How wrong the answer was: log loss, squared error, cost. Less is better.
        loss: f64,
    },
    /// A number that the host knows of the arm under a name of its own: cost, calibration error, minutes until a click.
    #[non_exhaustive]
    Measured {
        /// What was measured.
        name: MeasureName,
        /// The number. Less is better; of one where more is better, report the negative.
        value: f64,
    },
    /// A yes or no about the arm under a name of the host's own: a drift monitor's verdict on a window, a click that did not come.
    #[non_exhaustive]
    Judged {
        /// What was judged.
        name: MeasureName,
        /// Whether the verdict is one against the arm.
        harmful: bool,
    },
    /// Something outside found the arm unfit: a monitor, an operator.
    #[non_exhaustive]
    Breach {
        /// The finding, in words.
        reason: String,
    },
}

impl Observation {
    /// The arm answered in `latency`.
    #[must_use]
    pub fn answered(latency: Duration) -> Self {
        Self::Answered { latency }
    }

    /// The true outcome became known, and the answer was wrong by `loss`.
    #[must_use]
    pub fn scored(loss: f64) -> Self {
        Self::Scored { loss }
    }

    /// The number `value`, less of which is better, was measured under this name.
    ///
    /// ```
    /// use mlcore::name::MeasureName;
    /// use mlcore::rollout::Observation;
    ///
    /// let cost = Observation::measured(MeasureName::new("cost")?, 0.0031);
    /// let text = r#"{"observation":"measured","name":"cost","value":0.0031}"#;
    /// assert_eq!(serde_json::to_string(&cost)?, text);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn measured(name: MeasureName, value: f64) -> Self {
        Self::Measured { name, value }
    }

    /// A verdict under this name was against the arm, or was not.
    #[must_use]
    pub fn judged(name: MeasureName, harmful: bool) -> Self {
        Self::Judged { name, harmful }
    }

    /// Something outside found the arm unfit, for this reason.
    #[must_use]
    pub fn breach(reason: impl Into<String>) -> Self {
        Self::Breach { reason: reason.into() }
    }
}
