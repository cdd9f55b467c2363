//! What to know before a number is believed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::experiment::NoVerdict;

/// A warning of a report. They are in the order of their gravity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[non_exhaustive]
pub enum Warning {
    /// The arms have other shares of the units than their weights: whatever differs may be who is counted.
    SampleRatioMismatch {
        /// Of "units were assigned by the weights".
        pvalue: f64,
        /// The share of all units that each arm has.
        observed: Vec<f64>,
        /// The share that each should have.
        expected: Vec<f64>,
    },
    /// Fewer units than planned are there, and the inference is for one look.
    TooEarly {
        /// Units of all arms.
        units: u64,
        /// Units that were planned.
        planned: u64,
    },
    /// A metric gives no verdict.
    NoVerdict {
        /// The metric and its segment.
        metric: String,
        /// The treatment.
        arm: String,
        /// Why.
        reason: NoVerdict,
    },
    /// The effect changes from day to day.
    Novelty {
        /// The metric.
        metric: String,
        /// By how much, in a day.
        slope: f64,
        /// Of "the effect does not change".
        pvalue: f64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SampleRatioMismatch { pvalue, observed, expected } => {
                let listed = |shares: &[f64]| {
                    let shares: Vec<String> =
                        shares.iter().map(|share| format!("{:.2} %", share * 100.0)).collect();
                    shares.join(", ")
                };
                write!(
                    f,
                    "Sample ratio mismatch (p = {pvalue:.2e}): the arms have {} of the units instead of {}. No difference \
                     counts until the reason is known.",
                    listed(observed),
                    listed(expected)
                )
            }
            Self::TooEarly { units, planned } => {
                write!(
                    f,
                    "Too early: {units} of {planned} planned units are there, and the test is for one look."
                )
            }
            Self::NoVerdict { metric, arm, reason } => {
                write!(f, "No verdict on {metric} of {arm}: {}.", reason.sentence())
            }
            Self::Novelty { metric, slope, pvalue } => {
                write!(f, "The effect on {metric} changes by {slope:.4} a day (p = {pvalue:.2e}).")
            }
        }
    }
}
