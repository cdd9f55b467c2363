use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::rollout::Observation;

/// What a guardrail watches. For all of them less is better.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "metric", rename_all = "snake_case")]
pub enum Metric {
    /// The share of requests that failed, 0 to 1. An answer whose loss is no number, or beyond 1e100, counts as one more
    /// request, which failed: a model that answers NaN must not look fine because its worst answers have no loss.
    ErrorRate,
    /// The share of answers that took longer than a budget, 0 to 1. A share, because a mean of latencies is the
    /// mean of its tail.
    SlowShare {
        /// The budget.
        budget: Duration,
    },
    /// The mean loss of the answers whose outcome is known, in the loss's own unit. Of a score where more is better,
    /// observe the negative.
    ///
    /// A canary must not win by losing its worst answers: where no guardrail watches the error rate, this one allows 0.02 more
    /// failures and answers without a loss than there are in the control.
    Loss,
}

impl Metric {
    /// The words that [`Metric::named`] takes, and that serialised guardrails hold as `metric`.
    pub const WORDS: [&str; 3] = ["error_rate", "slow_share", "loss"];

    /// The metric of this name; `slow_share` needs a `budget`, and only it takes one.
    ///
    /// ```
    /// use mlcore::rollout::Metric;
    ///
    /// assert_eq!(Metric::named("loss", None)?, Metric::Loss);
    /// assert!(Metric::named("slow_share", None).is_err());
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for another name, and for a budget that is missing or not wanted.
    pub fn named(name: &str, budget: Option<Duration>) -> Result<Self> {
        let refuse = |problem: &str, remedy: &str| {
            Err(Error::invalid_input("build guardrail", name, problem).remedy(remedy))
        };
        match (name, budget) {
            ("error_rate", None) => Ok(Self::ErrorRate),
            ("loss", None) => Ok(Self::Loss),
            ("slow_share", Some(budget)) => Ok(Self::SlowShare { budget }),
            ("slow_share", None) => refuse("a slow answer is one beyond a budget", "give it a budget"),
            ("error_rate" | "loss", Some(_)) => {
                refuse("this metric has no budget", "give a budget to slow_share only")
            }
            _ => refuse("no metric has this name", "choose error_rate, slow_share or loss"),
        }
    }

    /// The metric's name as a word, without its budget. (`Display` writes it in words for reasons.)
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ErrorRate => "error_rate",
            Self::SlowShare { .. } => "slow_share",
            Self::Loss => "loss",
        }
    }

    /// The number that an observation contributes, if it speaks of this metric.
    pub(super) fn value(self, observation: &Observation) -> Option<f64> {
        match (self, observation) {
            (Self::ErrorRate, Observation::Answered { .. }) => Some(0.0),
            (Self::ErrorRate, Observation::Failed) => Some(1.0),
            (Self::ErrorRate, Observation::Scored { loss }) => (!is_number(*loss)).then_some(1.0),
            (Self::SlowShare { budget }, Observation::Answered { latency }) => {
                Some(f64::from(u8::from(*latency > budget)))
            }
            (Self::SlowShare { .. }, Observation::Failed | Observation::Scored { .. })
            | (Self::Loss, Observation::Answered { .. } | Observation::Failed) => None,
            (Self::Loss, Observation::Scored { loss }) => is_number(*loss).then_some(*loss),
            // A breach is no measurement: the ramp acts on it at once.
            (Self::ErrorRate | Self::SlowShare { .. } | Self::Loss, Observation::Breach { .. }) => None,
        }
    }

    /// Whether it is a share of yes and no.
    pub(super) fn is_share(self) -> bool {
        !matches!(self, Self::Loss)
    }

    /// Whether the arm failed, or its answer has no loss, where the observation tells.
    pub(super) fn has_failed(observation: &Observation) -> Option<bool> {
        match observation {
            Observation::Answered { .. } => Some(false),
            Observation::Failed => Some(true),
            Observation::Scored { loss } => Some(!is_number(*loss)),
            Observation::Breach { .. } => None,
        }
    }
}

/// Whether `loss` can be squared and summed without overflowing.
fn is_number(loss: f64) -> bool {
    loss.abs() <= 1e100
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ErrorRate => f.write_str("error rate"),
            Self::SlowShare { budget } => write!(f, "share of answers slower than {budget:?}"),
            Self::Loss => f.write_str("loss"),
        }
    }
}

/// How much worse than the control the canary may be.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guardrail {
    pub(super) metric: Metric,
    pub(super) margin: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) limit: Option<f64>,
}

impl Guardrail {
    /// The canary's `metric` may exceed the control's by at most `margin`, in the metric's unit.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] unless the margin is positive and finite: with a margin of 0 an equally good canary could
    /// never be told from a harmful one.
    pub fn new(metric: Metric, margin: f64) -> Result<Self> {
        let guardrail = Self { metric, margin, limit: None };
        guardrail.check()?;
        Ok(guardrail)
    }

    /// Rolls back as soon as the canary's share is certainly above `limit`, whatever the control's is: for outright
    /// failure, found within a few requests.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a metric that is no share, and a limit outside `(0, 1)`.
    pub fn with_limit(mut self, limit: f64) -> Result<Self> {
        self.limit = Some(limit);
        self.check()?;
        Ok(self)
    }

    /// Refuses what is no guardrail, also when it was read from a file.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |problem| Err(Error::invalid_input("build guardrail", self.metric.to_string(), problem));
        let Self { metric, margin, limit } = self;
        if !(*margin > 0.0 && margin.is_finite()) {
            return refuse(format!("{margin} is no margin; it must be positive and finite"));
        }
        match limit {
            Some(limit) if !(metric.is_share() && *limit > 0.0 && *limit < 1.0) => {
                refuse(format!("a limit of {limit}; only shares have limits, between 0 and 1"))
            }
            _ => Ok(()),
        }
    }

    /// The metric that is watched.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// How much worse the canary may be.
    #[must_use]
    pub fn margin(&self) -> f64 {
        self.margin
    }

    /// The share above which the canary is rolled back whatever the control's is, if there is one.
    #[must_use]
    pub fn limit(&self) -> Option<f64> {
        self.limit
    }
}
