use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Decision, Guardrail, Observation};
use crate::error::{Error, Result};
use crate::name::Arm;
use crate::stats::{Alternative, ConfidenceSequence, Moments};

/// How a canary's share grows, and what stops it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RampOptions {
    /// The canary's share of units at each step, growing, within `(0, 1)`. After the last one it is promoted; a last step
    /// of 1 says the same and may be left out, because a canary without a control beside it has nothing to be compared
    /// with. At most 255.
    pub steps: Vec<f64>,
    /// What must not get worse.
    pub guardrails: Vec<Guardrail>,
    /// The probability of ever rolling back a canary that is within all margins and limits, and of ever letting one grow
    /// that is beyond a margin.
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

    /// Another probability of a wrong decision.
    #[must_use]
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// A time limit for each step.
    #[must_use]
    pub fn with_max_hold(mut self, max_hold: Duration, expiry: Expiry) -> Self {
        (self.max_hold, self.expiry) = (Some(max_hold), expiry);
        self
    }

    /// The steps at which both arms answer.
    pub(super) fn shares(&self) -> &[f64] {
        match self.steps.split_last() {
            Some((last, before)) if *last == 1.0 => before,
            _ => &self.steps,
        }
    }

    fn check(&self) -> Result<()> {
        let refuse =
            |subject: &str, problem: String| Err(Error::invalid_input("build ramp", subject, problem));
        let shares = self.shares();
        let within = shares.iter().all(|share| *share > 0.0 && *share < 1.0);
        if shares.is_empty() || shares.len() > MOST_STEPS || !within || !shares.is_sorted_by(|a, b| a < b) {
            let problem =
                format!("{:?} are not 1 to {MOST_STEPS} growing shares between 0 and 1", self.steps);
            return refuse("steps", problem);
        }
        if self.guardrails.is_empty() {
            return refuse("guardrails", "there is none, so nothing could ever be excluded".into());
        }
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return refuse("alpha", format!("{} is not between 0 and 1", self.alpha));
        }
        self.guardrails.iter().try_for_each(Guardrail::check)
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
/// For rolling back, `alpha` is split evenly over the margins and limits of all steps: any of them may err. For growing
/// it is split over the steps only, because all margins must be cleared at once, and the one that should not be is among
/// them. Source of the sequences: [`ConfidenceSequence`]; of the limits: a betting martingale with Laplace's predictor
/// (exact for any sample size).
///
/// The values of an arm are taken for independent. Where one unit sends many requests that fail together, report one
/// outcome for each unit instead.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct Ramp {
    options: RampOptions,
    phase: Phase,
    evidence: Vec<Evidence>,
    /// When the step began, once it is known.
    since: Option<Duration>,
    /// Why it must not grow for now.
    #[serde(skip_serializing_if = "Option::is_none")]
    frozen: Option<String>,
}

/// A ramp as it was read, before it is known to be one.
#[derive(Deserialize)]
struct Saved {
    options: RampOptions,
    phase: Phase,
    evidence: Vec<Evidence>,
    since: Option<Duration>,
    #[serde(default)]
    frozen: Option<String>,
}

impl TryFrom<Saved> for Ramp {
    type Error = Error;

    fn try_from(saved: Saved) -> Result<Self> {
        let Saved { options, phase, evidence, since, frozen } = saved;
        options.check()?;
        let known = match phase {
            Phase::Running { step } => step < options.shares().len(),
            Phase::Passed { .. } | Phase::RolledBack { .. } => true,
        };
        if !known || evidence.len() != options.guardrails.len() {
            let problem = "its phase or evidence do not belong to its options";
            return Err(Error::corrupt("restore ramp", "saved state", problem));
        }
        Ok(Self { options, phase, evidence, since, frozen })
    }
}

impl Ramp {
    /// A ramp at its first step.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for steps that do not grow within `(0, 1)`, no guardrail, or an `alpha` outside `(0, 1)`.
    pub fn new(options: RampOptions) -> Result<Self> {
        options.check()?;
        let evidence = vec![Evidence::default(); options.guardrails.len()];
        Ok(Self { options, phase: Phase::Running { step: 0 }, evidence, since: None, frozen: None })
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
            Phase::Running { step } => self.options.shares().get(*step).copied().unwrap_or(0.0),
            Phase::Passed { .. } => 1.0,
            Phase::RolledBack { .. } => 0.0,
        }
    }

    /// Stops it from growing and from being promoted, until it is thawed; harm still rolls it back. For operators.
    pub fn freeze(&mut self, reason: impl Into<String>) {
        self.frozen = Some(reason.into());
    }

    /// Lets it grow again.
    pub fn thaw(&mut self) {
        self.frozen = None;
    }

    /// Takes evidence about the canary (or else the control) from the present step.
    pub fn observe(&mut self, is_canary: bool, observation: &Observation) {
        if let Observation::Breach { reason } = observation {
            // A canary that has passed is still one until it is promoted.
            if is_canary && !matches!(self.phase, Phase::RolledBack { .. }) {
                self.phase = Phase::RolledBack { reason: reason.clone() };
            }
            return;
        }
        if !matches!(self.phase, Phase::Running { .. }) {
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

    /// What follows for `canary` at `now`, on a clock that never goes backwards. A step changes the share at once.
    ///
    /// A clock that did start anew (a restart, and time counted from it) starts the step's time limit anew.
    pub fn decide(&mut self, canary: &Arm, now: Duration) -> Decision {
        let step = match &self.phase {
            Phase::Running { step } => *step,
            Phase::Passed { reason } => {
                return match &self.frozen {
                    Some(frozen) => Decision::hold(frozen),
                    None => Decision::promote(canary.clone(), reason),
                };
            }
            Phase::RolledBack { reason } => return Decision::roll_back(canary.clone(), reason),
        };
        let since = self.since.map_or(now, |since| since.min(now));
        self.since = Some(since);
        if let Some(reason) = self.harm() {
            self.phase = Phase::RolledBack { reason: reason.clone() };
            return Decision::roll_back(canary.clone(), reason);
        }
        if let Some(reason) = &self.frozen {
            return Decision::hold(reason);
        }
        match self.cleared() {
            Ok(reason) => self.advance(canary, step, now, reason),
            Err(missing) => self.wait(canary, now.saturating_sub(since), missing),
        }
    }

    fn advance(&mut self, canary: &Arm, step: usize, now: Duration, reason: String) -> Decision {
        if step + 1 >= self.options.shares().len() {
            self.phase = Phase::Passed { reason: reason.clone() };
            return Decision::promote(canary.clone(), reason);
        }
        self.phase = Phase::Running { step: step + 1 };
        self.evidence.fill(Evidence::default());
        self.since = Some(now);
        Decision::step(canary.clone(), self.share(), reason)
    }

    fn wait(&mut self, canary: &Arm, lasted: Duration, missing: String) -> Decision {
        if self.options.max_hold.is_none_or(|most| lasted <= most) {
            return Decision::hold(missing);
        }
        let reason = format!("after {lasted:.0?} without an answer: {missing}");
        match self.options.expiry {
            Expiry::Hold => Decision::hold(reason),
            Expiry::RollBack => {
                self.phase = Phase::RolledBack { reason: reason.clone() };
                Decision::roll_back(canary.clone(), reason)
            }
        }
    }

    /// The level of one claim of harm: `alpha` over all margins and limits of all steps.
    fn harm_level(&self) -> f64 {
        let limits = self.options.guardrails.iter().filter(|guardrail| guardrail.limit.is_some()).count();
        self.options.alpha / ((self.options.guardrails.len() + limits) * self.options.shares().len()) as f64
    }

    /// The level of one exclusion of harm: `alpha` over all steps.
    fn clearing_level(&self) -> f64 {
        self.options.alpha / self.options.shares().len() as f64
    }

    /// The harm that is certain, in words.
    fn harm(&self) -> Option<String> {
        self.options.guardrails.iter().zip(&self.evidence).find_map(|(guardrail, evidence)| {
            let metric = guardrail.metric;
            if let Some(limit) = guardrail.limit
                && evidence.log_wealth > -self.harm_level().ln()
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
        let metric = guardrail.metric;
        let control = metric.steadied(&evidence.control);
        let (level, canary) = if side == Alternative::Less {
            let canary = metric.steadied_for_harm(&evidence.canary, &evidence.control, guardrail.margin);
            (self.clearing_level(), canary)
        } else {
            (self.harm_level(), metric.steadied(&evidence.canary))
        };
        let smaller_arm = self.share().min(1.0 - self.share());
        let sequence = ConfidenceSequence::tuned_for(level, TUNED_FOR / smaller_arm).ok()?;
        let interval = sequence.difference(&canary, &control, side);
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

/// The sequences are narrowest around this many values in the smaller arm: a canary wants its answer early.
const TUNED_FOR: f64 = 1_000.0;

/// The most steps: an epoch counts them in one byte, and keeps one value for "none".
const MOST_STEPS: usize = 255;
