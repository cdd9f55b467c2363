use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Observation;
use crate::error::{Error, Result};
use crate::stats::Moments;

/// What a guardrail watches. For all of them less is better.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "metric", rename_all = "snake_case")]
pub enum Metric {
    /// The share of requests that failed, 0 to 1.
    ErrorRate,
    /// The share of answers that took longer than a budget, 0 to 1. A share, because a mean of latencies is the
    /// mean of its tail.
    SlowShare {
        /// The budget.
        budget: Duration,
    },
    /// The mean loss of the answers whose outcome is known, in the loss's own unit.
    Loss,
}

impl Metric {
    /// The number that an observation contributes, if it speaks of this metric.
    pub(crate) fn value(self, observation: &Observation) -> Option<f64> {
        match (self, observation) {
            (Self::ErrorRate, Observation::Answered { .. }) => Some(0.0),
            (Self::ErrorRate, Observation::Failed) => Some(1.0),
            (Self::SlowShare { budget }, Observation::Answered { latency }) => {
                Some(f64::from(u8::from(*latency > budget)))
            }
            // A loss that is no number is evidence of nothing but a broken caller.
            (Self::Loss, Observation::Scored { loss }) => loss.is_finite().then_some(*loss),
            _ => None,
        }
    }

    /// Is it a share of yes and no, so that its variance follows from its mean?
    fn is_share(self) -> bool {
        !matches!(self, Self::Loss)
    }

    /// The values with a variance that may be divided by: a share's is smoothed by one success and one failure, or
    /// a hundred flawless answers would seem to prove that there are no others.
    pub(crate) fn steadied(self, values: &Moments) -> Moments {
        if !self.is_share() {
            return *values;
        }
        let n = values.count() as f64;
        let smoothed = (values.mean() * n + 1.0) / (n + 2.0);
        Moments::from_stats(values.count(), values.mean(), smoothed * (1.0 - smoothed))
    }
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
pub struct Guardrail {
    pub(crate) metric: Metric,
    pub(crate) margin: f64,
    pub(crate) limit: Option<f64>,
}

impl Guardrail {
    /// The canary's `metric` may exceed the control's by at most `margin`, in the metric's unit.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] unless the margin is positive and finite: with a margin of 0 an equally good canary could
    /// never be told from a harmful one.
    pub fn new(metric: Metric, margin: f64) -> Result<Self> {
        if !(margin > 0.0 && margin.is_finite()) {
            let problem = format!("{margin} is no margin; it must be positive and finite");
            return Err(Error::invalid_input("build guardrail", metric.to_string(), problem));
        }
        Ok(Self { metric, margin, limit: None })
    }

    /// Rolls back as soon as the canary's share is certainly above `limit`, whatever the control's is: for outright
    /// failure, found within a few requests.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a metric that is no share, and a limit outside `(0, 1)`.
    pub fn with_limit(mut self, limit: f64) -> Result<Self> {
        if !(self.metric.is_share() && limit > 0.0 && limit < 1.0) {
            let problem = format!("a limit of {limit}; only shares have limits, between 0 and 1");
            return Err(Error::invalid_input("build guardrail", self.metric.to_string(), problem));
        }
        self.limit = Some(limit);
        Ok(self)
    }

    /// What it watches.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// How much worse the canary may be.
    #[must_use]
    pub fn margin(&self) -> f64 {
        self.margin
    }
}
