use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Decision, Guardrail, Observation};
use crate::error::{Error, Result};
use crate::stats::{Alternative, ConfidenceSequence, Moments};

/// How a canary's share grows, and what stops it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RampOptions {
    /// The canary's share of units at each step, growing, within `(0, 1)`. After the last one it is promoted.
    pub steps: Vec<f64>,
    /// What must not get worse.
    pub guardrails: Vec<Guardrail>,
    /// The probability of ever rolling back a canary that is within all margins, and of ever letting one grow to the end
    /// that is not.
    pub alpha: f64,
    /// Values of each metric that each arm must have in a step before it may end. The inference is asymptotic:
    /// fewer than some dozens do not tell the variance.
    pub min_samples: u64,
    /// How long a step may last without an answer; `None` waits.
    pub max_hold: Option<Duration>,
    /// What happens then.
    pub expiry: Expiry,
}

/// What happens when a step has lasted too long without an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expiry {
    /// The canary is withdrawn: what cannot be shown harmless does not stay.
    #[default]
    RollBack,
    /// It keeps its share, and the reason says so.
    Hold,
}

impl RampOptions {
    /// Steps of 5, 20 and 50 %, `alpha` 0.05, at least 100 samples an arm and step, no time limit.
    #[must_use]
    pub fn new(guardrails: impl IntoIterator<Item = Guardrail>) -> Self {
        Self {
            steps: vec![0.05, 0.2, 0.5],
            guardrails: guardrails.into_iter().collect(),
            alpha: 0.05,
            min_samples: 100,
            max_hold: None,
            expiry: Expiry::default(),
        }
    }

    /// Other steps.
    #[must_use]
    pub fn with_steps(mut self, steps: impl Into<Vec<f64>>) -> Self {
        self.steps = steps.into();
        self
    }

    /// Another number of samples an arm and step.
    #[must_use]
    pub fn with_min_samples(mut self, min_samples: u64) -> Self {
        self.min_samples = min_samples;
        self
    }

    /// A time limit for each step.
    #[must_use]
    pub fn with_max_hold(mut self, max_hold: Duration, expiry: Expiry) -> Self {
        (self.max_hold, self.expiry) = (Some(max_hold), expiry);
        self
    }

    fn check(&self) -> Result<()> {
        let refuse =
            |subject: &str, problem: String| Err(Error::invalid_input("build ramp", subject, problem));
        let growing = self.steps.is_sorted_by(|a, b| a < b);
        if self.steps.is_empty() || !growing || !self.steps.iter().all(|share| *share > 0.0 && *share < 1.0) {
            return refuse("steps", format!("{:?} are not growing shares between 0 and 1", self.steps));
        }
        if self.guardrails.is_empty() {
            return refuse("guardrails", "there is none, so nothing could ever be excluded".into());
        }
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return refuse("alpha", format!("{} is not between 0 and 1", self.alpha));
        }
        Ok(())
    }
}

/// Where a ramp stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// At a step, counted from 0.
    Running {
        /// The step.
        step: usize,
    },
    /// The last step was passed; the caller should promote.
    Passed {
        /// What was excluded.
        reason: String,
    },
    /// Harm was found; the caller should withdraw the canary. Nothing but a new ramp leaves this phase.
    RolledBack {
        /// What was found.
        reason: String,
    },
}

/// What is known of one guardrail at the present step.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// The metric's values in the canary.
    pub canary: Moments,
    /// The metric's values in the control, over the same time.
    pub control: Moments,
    /// Evidence that the canary's share exceeds the guardrail's limit: the logarithm of a test martingale.
    log_wealth: f64,
}

/// The canary's way from its first percent to promotion or back: a pure state machine, saved and restored with serde.
///
/// Evidence is gathered by step, from both arms over the same time under unchanged shares, and forgotten when the share
/// changes: pooling over changing shares would compare different days (Simpson's paradox). After every observation
/// the ramp may be asked; its answers stay valid however often that happens, because they rest on confidence
/// sequences: with the difference `canary - control` of each metric,
/// - it rolls back when the difference is certainly above the margin,
/// - it steps when every difference is certainly below its margin and every arm has enough samples,
/// - else it holds. No data means hold.
///
/// `alpha` is split evenly over guardrails and steps. Source of the sequences: [`ConfidenceSequence`]; of the limits:
/// a betting martingale with Laplace's predictor (exact for any sample size).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Ramp {
    options: RampOptions,
    phase: Phase,
    evidence: Vec<Evidence>,
    /// When the step began, once it is known.
    since: Option<Duration>,
}

impl Ramp {
    /// A ramp at its first step.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for steps that do not grow within `(0, 1)`, no guardrail, or an `alpha` outside `(0, 1)`.
    pub fn new(options: RampOptions) -> Result<Self> {
        options.check()?;
        let evidence = vec![Evidence::default(); options.guardrails.len()];
        Ok(Self { options, phase: Phase::Running { step: 0 }, evidence, since: None })
    }

    /// Where it stands.
    #[must_use]
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// The options it was built with.
    #[must_use]
    pub fn options(&self) -> &RampOptions {
        &self.options
    }

    /// What the present step knows, one entry per guardrail.
    #[must_use]
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// The canary's share now: 0 after a rollback, 1 after the last step.
    #[must_use]
    pub fn share(&self) -> f64 {
        match &self.phase {
            Phase::Running { step } => self.options.steps.get(*step).copied().unwrap_or(0.0),
            Phase::Passed { .. } => 1.0,
            Phase::RolledBack { .. } => 0.0,
        }
    }

    /// The present epoch: evidence of another one is ignored.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        match self.phase {
            Phase::Running { step } => u32::try_from(step).unwrap_or(u32::MAX),
            _ => u32::MAX,
        }
    }

    /// Takes evidence about the canary (or else the control) from the present step.
    pub fn observe(&mut self, is_canary: bool, observation: &Observation) {
        if let Observation::Breach { reason } = observation {
            if is_canary && matches!(self.phase, Phase::Running { .. }) {
                self.phase = Phase::RolledBack { reason: reason.clone() };
            }
            return;
        }
        for (guardrail, evidence) in self.options.guardrails.iter().zip(&mut self.evidence) {
            let Some(value) = guardrail.metric.value(observation) else { continue };
            if !is_canary {
                evidence.control.push(value);
                continue;
            }
            if let Some(limit) = guardrail.limit {
                evidence.log_wealth += bet(&evidence.canary, value, limit);
            }
            evidence.canary.push(value);
        }
    }

    /// What follows at `now`, on a clock that never goes backwards. A step changes the share at once.
    pub fn decide(&mut self, now: Duration) -> Decision {
        let step = match &self.phase {
            Phase::Running { step } => *step,
            Phase::Passed { reason } => return Decision::Promote { reason: reason.clone() },
            Phase::RolledBack { reason } => return Decision::RollBack { reason: reason.clone() },
        };
        let since = *self.since.get_or_insert(now);
        if let Some(reason) = self.harm() {
            self.phase = Phase::RolledBack { reason: reason.clone() };
            return Decision::RollBack { reason };
        }
        match self.cleared() {
            Ok(reason) => self.advance(step, now, reason),
            Err(missing) => self.wait(now.saturating_sub(since), missing),
        }
    }

    fn advance(&mut self, step: usize, now: Duration, reason: String) -> Decision {
        if step + 1 == self.options.steps.len() {
            self.phase = Phase::Passed { reason: reason.clone() };
            return Decision::Promote { reason };
        }
        self.phase = Phase::Running { step: step + 1 };
        self.evidence.fill(Evidence::default());
        self.since = Some(now);
        Decision::Step { share: self.share(), reason }
    }

    fn wait(&mut self, lasted: Duration, missing: String) -> Decision {
        if self.options.max_hold.is_none_or(|most| lasted <= most) {
            return Decision::Hold { reason: missing };
        }
        let reason = format!("after {lasted:.0?} without an answer: {missing}");
        match self.options.expiry {
            Expiry::Hold => Decision::Hold { reason },
            Expiry::RollBack => {
                self.phase = Phase::RolledBack { reason: reason.clone() };
                Decision::RollBack { reason }
            }
        }
    }

    /// The level of one comparison: `alpha` over all guardrails and steps.
    fn level(&self) -> f64 {
        self.options.alpha / (self.options.guardrails.len() * self.options.steps.len()) as f64
    }

    /// The harm that is certain, in words.
    fn harm(&self) -> Option<String> {
        self.options.guardrails.iter().zip(&self.evidence).find_map(|(guardrail, evidence)| {
            let metric = guardrail.metric;
            if let Some(limit) = guardrail.limit
                && evidence.log_wealth > -self.level().ln()
                && evidence.canary.mean() > limit
            {
                return Some(format!(
                    "{metric} is {:.4} in {} requests, certainly above the limit of {limit}",
                    evidence.canary.mean(),
                    evidence.canary.count()
                ));
            }
            let low = self.bound(guardrail, evidence, Alternative::Greater)?;
            (low > guardrail.margin).then(|| {
                format!(
                    "{metric} is {:.4} against {:.4} in the control ({} and {} samples): worse by at least {low:.4}, and \
                     {} is allowed",
                    evidence.canary.mean(),
                    evidence.control.mean(),
                    evidence.canary.count(),
                    evidence.control.count(),
                    guardrail.margin
                )
            })
        })
    }

    /// What was excluded, in words, or what is missing.
    fn cleared(&self) -> std::result::Result<String, String> {
        let mut excluded = Vec::new();
        for (guardrail, evidence) in self.options.guardrails.iter().zip(&self.evidence) {
            let metric = guardrail.metric;
            let fewest = evidence.canary.count().min(evidence.control.count());
            if fewest < self.options.min_samples {
                return Err(format!("{metric}: {fewest} of {} samples an arm", self.options.min_samples));
            }
            match self.bound(guardrail, evidence, Alternative::Less) {
                Some(high) if high < guardrail.margin => excluded.push(format!(
                    "{metric} {:.4} against {:.4} ({} and {} samples), worse by at most {high:.4}",
                    evidence.canary.mean(),
                    evidence.control.mean(),
                    evidence.canary.count(),
                    evidence.control.count()
                )),
                high => {
                    return Err(format!(
                        "{metric}: worse by up to {:.4} is still possible, and {} is allowed",
                        high.unwrap_or(f64::INFINITY),
                        guardrail.margin
                    ));
                }
            }
        }
        Ok(excluded.join("; "))
    }

    /// The always-valid bound of `canary - control`: from below for [`Alternative::Greater`], else from above. `None`
    /// while there is too little data for the asymptotics.
    fn bound(&self, guardrail: &Guardrail, evidence: &Evidence, side: Alternative) -> Option<f64> {
        if evidence.canary.count().min(evidence.control.count()) < FEWEST_FOR_A_VARIANCE {
            return None;
        }
        let sequence = ConfidenceSequence::tuned_for(self.level(), TUNED_FOR).ok()?;
        let steadied = |values| guardrail.metric.steadied(values);
        let interval = sequence.difference(&steadied(&evidence.canary), &steadied(&evidence.control), side);
        Some(if side == Alternative::Greater { interval.low } else { interval.high })
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

/// The sequences are narrowest around this many values, both arms together: a canary wants its answer early.
const TUNED_FOR: f64 = 1_000.0;
