use serde::{Deserialize, Serialize};

use super::{Guardrail, RampOptions, Side};
use crate::stats::{Alternative, ConfidenceSequence, Moments};

/// What is known of one guardrail at the present step.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The metric's values in the canary.
    pub canary: Moments,
    /// The metric's values in the control, over the same time.
    pub control: Moments,
    /// Evidence that the canary's share exceeds the guardrail's limit: the logarithm of a test martingale.
    log_wealth: f64,
}

impl Evidence {
    /// Adds one value of the guardrail's metric.
    pub(super) fn add(&mut self, side: Side, value: f64, guardrail: &Guardrail) {
        match side {
            Side::Control => self.control.push(value),
            Side::Canary => {
                if let Some(limit) = guardrail.limit {
                    self.log_wealth += bet(&self.canary, value, limit);
                }
                self.canary.push(value);
            }
        }
    }

    /// This evidence and that of requests which it does not hold yet.
    pub(super) fn merge(&self, other: &Self) -> Self {
        Self {
            canary: self.canary.merge(&other.canary),
            control: self.control.merge(&other.control),
            // Each replica bet on its own requests only: the product of two such martingales is one again.
            log_wealth: self.log_wealth + other.log_wealth,
        }
    }

    /// The harm that is certain, in words.
    pub(super) fn harm(&self, guardrail: &Guardrail, levels: &Levels) -> Option<String> {
        let metric = guardrail.metric;
        if let Some(limit) = guardrail.limit
            && self.log_wealth > -levels.harm.ln()
            && self.canary.mean() > limit
        {
            return Some(format!(
                "{metric} is {:.4} in {} requests, certainly above the limit of {limit}",
                self.canary.mean(),
                self.canary.count()
            ));
        }
        let low = self.bound(guardrail, levels, Alternative::Greater)?;
        (low > guardrail.margin).then(|| {
            format!(
                "{metric} is {:.4} against {:.4} in the control ({} and {} samples): worse by at least {low:.4}, and {} \
                 is allowed",
                self.canary.mean(),
                self.control.mean(),
                self.canary.count(),
                self.control.count(),
                guardrail.margin
            )
        })
    }

    /// The harm that was excluded, in words; as an error what is missing.
    pub(super) fn cleared(&self, guardrail: &Guardrail, levels: &Levels) -> Result<String, String> {
        let metric = guardrail.metric;
        let fewest = self.canary.count().min(self.control.count());
        if fewest < levels.min_samples {
            return Err(format!("{metric}: {fewest} of {} samples an arm", levels.min_samples));
        }
        match self.bound(guardrail, levels, Alternative::Less) {
            Some(high) if high < guardrail.margin => Ok(format!(
                "{metric} {:.4} against {:.4} ({} and {} samples), worse by at most {high:.4}",
                self.canary.mean(),
                self.control.mean(),
                self.canary.count(),
                self.control.count()
            )),
            high => Err(format!(
                "{metric}: worse by up to {:.4} is still possible, and {} is allowed",
                high.unwrap_or(f64::INFINITY),
                guardrail.margin
            )),
        }
    }

    /// The always-valid bound of `canary - control`: from below for [`Alternative::Greater`], else from above. `None`
    /// while there is too little data for the asymptotics.
    fn bound(&self, guardrail: &Guardrail, levels: &Levels, side: Alternative) -> Option<f64> {
        if self.canary.count().min(self.control.count()) < FEWEST_FOR_A_VARIANCE {
            return None;
        }
        let metric = guardrail.metric;
        let control = metric.steadied(&self.control);
        let (level, canary) = if side == Alternative::Less {
            (levels.clearing, metric.steadied_for_harm(&self.canary, &self.control, guardrail.margin))
        } else {
            (levels.harm, metric.steadied(&self.canary))
        };
        let smaller_arm = levels.share.min(1.0 - levels.share);
        let sequence = ConfidenceSequence::tuned_for(level, TUNED_FOR / smaller_arm).ok()?;
        let interval = sequence.difference(&canary, &control, side);
        Some(if side == Alternative::Greater { interval.low } else { interval.high })
    }
}

/// How sure one claim must be at one step.
pub(super) struct Levels {
    /// The level of one claim of harm: `alpha` over all margins and limits of all steps.
    harm: f64,
    /// The level of one exclusion of harm: `alpha` over all steps.
    clearing: f64,
    min_samples: u64,
    /// The canary's share of the requests.
    share: f64,
}

impl Levels {
    pub(super) fn new(options: &RampOptions, share: f64) -> Self {
        let steps = options.shares().len();
        let limits = options.guardrails.iter().filter(|guardrail| guardrail.limit.is_some()).count();
        Self {
            harm: options.alpha / ((options.guardrails.len() + limits) * steps) as f64,
            clearing: options.alpha / steps as f64,
            min_samples: options.min_samples,
            share,
        }
    }
}

/// The logarithm of what a bet on the next value wins: against "the share is `limit`", by Laplace's predictor, and only
/// while that predicts more failures than the limit allows.
fn bet(before: &Moments, value: f64, limit: f64) -> f64 {
    let n = before.count() as f64;
    let failures = if before.count() == 0 { 0.0 } else { before.mean() * n };
    let predicted = (failures + 1.0) / (n + 2.0);
    if predicted <= limit {
        return 0.0;
    }
    if value > 0.5 { (predicted / limit).ln() } else { ((1.0 - predicted) / (1.0 - limit)).ln() }
}

/// Below this many values a variance is a rumour, and the asymptotic sequences do not hold.
const FEWEST_FOR_A_VARIANCE: u64 = 30;

/// The sequences are narrowest around this many values in the smaller arm: a canary wants its answer early.
const TUNED_FOR: f64 = 1_000.0;
