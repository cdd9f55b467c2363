//! What a gate judges by: the truth of the held-out rows, and what is asked of a metric.

use serde::{Deserialize, Serialize};

use super::gate::OPERATION;
use super::gate_metric::GateMetric;
use crate::error::{Error, Result};

/// What is true of the held-out rows.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub enum Truth<'a> {
    /// Their classes.
    Labels(&'a [bool]),
    /// Their values.
    Values(&'a [f64]),
}

impl Truth<'_> {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Labels(labels) => labels.len(),
            Self::Values(values) => values.len(),
        }
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What is asked of the challenger's metric, in the metric's own unit.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// Surely worse by less than this (non-inferiority): the whole interval lies on the good side of the margin.
    NotWorseBy(f64),
    /// Surely better by more than this (superiority).
    BetterBy(f64),
    /// Its value is at least this good, whatever the champion's is: a point estimate against a limit.
    Reaches(f64),
}

impl Requirement {
    pub(super) fn check(self, metric: GateMetric) -> Result<()> {
        self.check_of(metric.name())
    }

    /// Refuses a number that asks nothing, of what is called so.
    pub(super) fn check_of(self, subject: &str) -> Result<()> {
        let (number, valid) = match self {
            Self::NotWorseBy(margin) | Self::BetterBy(margin) => {
                (margin, margin.is_finite() && margin >= 0.0)
            }
            Self::Reaches(limit) => (limit, limit.is_finite()),
        };
        if valid {
            return Ok(());
        }
        let problem = format!("{number} is no margin or limit; margins are finite and 0 or more");
        Err(Error::invalid_input(OPERATION, subject, problem))
    }
}
