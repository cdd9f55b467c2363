//! What was found of one metric.

use serde::{Deserialize, Serialize};

use crate::experiment::{Answer, Effect, Estimate, PreferredDirection};

/// What a finding says about the treatment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Decision {
    /// The treatment is better.
    Better,
    /// The treatment is worse.
    Worse,
    /// The treatment is not worse by more than the margin.
    NonInferior,
    /// The data leave both open.
    Inconclusive,
    /// The planned number of units is not reached, and the inference is for one look.
    TooEarly,
    /// Units were not assigned as planned, so that no difference counts.
    SampleRatioMismatch,
    /// There is no effect to decide by; the finding has the reason.
    NoVerdict,
}

crate::words! {
    Decision, "decision":
    Better = "better", Worse = "worse", NonInferior = "non_inferior", Inconclusive = "inconclusive",
    TooEarly = "too_early", SampleRatioMismatch = "sample_ratio_mismatch", NoVerdict = "no_verdict"
}

/// One metric, in one segment or in all, of one treatment against the control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// The metric.
    pub metric: String,
    /// Dimension and value of the segment; `None` for all units.
    pub segment: Option<(String, String)>,
    /// The treatment.
    pub arm: String,
    /// Whether more is better.
    pub preferred_direction: PreferredDirection,
    /// By how much the treatment may be worse, as a share of the control's mean.
    pub margin: Option<f64>,
    /// The control.
    pub control: Answer<Estimate>,
    /// The treatment.
    pub treatment: Answer<Estimate>,
    /// The difference, or why there is none.
    pub effect: Answer<Effect>,
    /// The p-value, corrected for all findings of the report.
    pub pvalue_corrected: Option<f64>,
    /// What that says.
    pub decision: Decision,
}

impl Finding {
    /// The metric, and the segment where there is one.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.segment {
            Some((dimension, value)) => format!("{} ({dimension}: {value})", self.metric),
            None => self.metric.clone(),
        }
    }

    /// What the corrected p-value says at this level, of a difference that is compared with `value`.
    pub(super) fn decide(&self, alpha: f64, value: f64) -> Decision {
        let (Answer::Known(effect), Some(pvalue)) = (&self.effect, self.pvalue_corrected) else {
            return Decision::NoVerdict;
        };
        if pvalue > alpha {
            return Decision::Inconclusive;
        }
        if self.margin.is_some() {
            return Decision::NonInferior;
        }
        if self.preferred_direction.prefers(effect.estimate, value) {
            Decision::Better
        } else {
            Decision::Worse
        }
    }
}
