//! Decides from evidence whether a canary may grow: a state machine that knows neither arms nor requests.

mod bets;
mod evidence;
mod expected;
mod guardrail;
mod options;
mod winsor;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::evidence::Evidence;
pub(super) use self::evidence::{Levels, part};
pub use self::expected::{ExpectedRequests, Traffic};
pub use self::guardrail::{Guardrail, Metric};
pub use self::options::{Expiry, RampOptions};
use super::since_asked::SinceAsked;
use super::{Decision, Observation, Subjects};
use crate::error::{Error, Result};
use crate::name::Arm;

/// The two arms that a ramp compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The arm on trial.
    Canary,
    /// The arm that it is compared with.
    Control,
}

/// Where a ramp stands.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case", deny_unknown_fields)]
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
        /// The harm.
        reason: String,
    },
}

/// The canary's way from its first percent to promotion or back: a pure state machine, saved and restored with serde.
///
/// Evidence is gathered by step, from both arms over the same time under unchanged shares, and forgotten when the share
/// changes: pooling over changing shares would compare different days (Simpson's paradox). After every observation
/// the ramp may be asked; its answers stay valid however often that happens:
/// - it rolls back when a metric of the canary is certainly worse than the control's by more than the margin,
/// - it steps when every metric is certainly not, and every arm has enough samples,
/// - else it holds. No data means hold.
///
/// `alpha` is divided over the steps: the first one has three quarters of it, and the others share the rest. For rolling back,
/// a step's part is divided over its margins and limits, any of which may err, with a fifth of a margin's part for a limit. For
/// growing it is not, because all margins must be cleared at once, and the one that should not be is among them.
///
/// Shares (error rate, slow answers) are judged by bets on the difference of two shares, and limits by bets on one: test
/// martingales, exact for any number of answers, and valid from day to day while the arms are assigned by chance. Losses are
/// judged by asymptotic sequences: [`ConfidenceSequence`](crate::stats::ConfidenceSequence). So are numbers that the host
/// [measures](Metric::Measured), and its [verdicts](Metric::Judged) are shares.
///
/// [`RampOptions::expected_requests`] says beforehand how many requests a release takes.
///
/// A loss counts as at most 1,000 margins away from the median of the first 30 losses of its step, in both arms alike: one
/// outcome of 1e99 does not hold a release up for ever, and losses that are farther apart than that could not be told from
/// each other with ten million requests. So the first 30 losses, of both arms together, are counted when the last of them is
/// there.
///
/// The values of an arm are taken for independent. Where one unit sends many requests that fail together, report one
/// outcome for each unit instead.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct Ramp {
    options: RampOptions,
    state: RampState,
    /// Not saved: the next process has another clock.
    #[serde(skip)]
    asked: SinceAsked,
}

/// What a ramp has learnt, without its options: what [`Ramp::resume`] takes and [`Ramp::merge`] adds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RampState {
    phase: Phase,
    evidence: Vec<Evidence>,
    /// How long the step has lasted, as far as the ramp was asked.
    held: Duration,
    /// Why it must not grow for now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    frozen: Option<String>,
    /// The versions that the evidence is about, where they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    about: Option<Subjects>,
}

/// A ramp as it was read, before it is known to be one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    options: RampOptions,
    state: RampState,
}

impl TryFrom<Saved> for Ramp {
    type Error = Error;

    fn try_from(saved: Saved) -> Result<Self> {
        Self::resume(saved.options, saved.state)
    }
}

impl Ramp {
    /// A ramp at its first step.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for steps that do not grow within `(0, 1)`, no guardrail, or an `alpha` outside `(0, 1)`.
    pub fn new(options: RampOptions) -> Result<Self> {
        let evidence = vec![Evidence::default(); options.guardrails.len()];
        let phase = Phase::Running { step: 0 };
        Self::resume(options, RampState { phase, evidence, held: Duration::ZERO, frozen: None, about: None })
    }

    /// A ramp that goes on where another one with the same options was when it was asked for its [`state`](Ramp::state).
    ///
    /// # Errors
    /// As [`Ramp::new`]; [`Error::Corrupt`] when the state cannot be that of a ramp with these options.
    pub fn resume(options: RampOptions, state: RampState) -> Result<Self> {
        options.check()?;
        state.check(&options)?;
        Ok(Self { options, state, asked: SinceAsked::default() })
    }

    /// What the ramp has learnt, to be saved.
    #[must_use]
    pub fn state(&self) -> &RampState {
        &self.state
    }

    /// Adds what a replica has learnt: the evidence of requests that this ramp has not seen. A state that is merged twice
    /// counts twice.
    ///
    /// At the same step the evidence of both adds up; of different steps the later one counts, because evidence of
    /// different shares is not pooled; harm that one of the two has found counts for both, and so does a freeze.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the state cannot be that of a ramp with this one's options, [`Error::InvalidInput`] when it is
    /// about other versions; nothing changes then.
    pub fn merge(&mut self, other: &RampState) -> Result<()> {
        other.check(&self.options)?;
        let state = &mut self.state;
        if let (Some(own), Some(other)) = (state.about, other.about)
            && own != other
        {
            let problem = format!(
                "it is about version {} against version {}, and this one about {} against {}",
                other.tried, other.control, own.tried, own.control
            );
            return Err(Error::invalid_input("merge ramps", "saved state", problem)
                .remedy("merge what replicas have learnt about the same versions"));
        }
        let about = state.about.or(other.about);
        if other.progress() > state.progress() {
            let frozen = state.frozen.take();
            *state = RampState { frozen: other.frozen.clone().or(frozen), about, ..other.clone() };
            return Ok(());
        }
        state.about = about;
        if other.progress() == state.progress() {
            for (own, other) in state.evidence.iter_mut().zip(&other.evidence) {
                *own = own.merge(other);
            }
            state.held = state.held.max(other.held);
        }
        if state.frozen.is_none() {
            state.frozen.clone_from(&other.frozen);
        }
        Ok(())
    }

    /// Where the ramp stands.
    #[must_use]
    pub fn phase(&self) -> &Phase {
        &self.state.phase
    }

    /// The options that the ramp was built with.
    #[must_use]
    pub fn options(&self) -> &RampOptions {
        &self.options
    }

    /// What the present step knows, one entry per guardrail.
    #[must_use]
    pub fn evidence(&self) -> &[Evidence] {
        &self.state.evidence
    }

    /// The versions that the evidence is about, where [`begin_anew`](Self::begin_anew) or a saved state has said so.
    #[must_use]
    pub fn about(&self) -> Option<Subjects> {
        self.state.about
    }

    /// Begins at the first step, without evidence: other versions are compared from now on. A freeze stays.
    pub fn begin_anew(&mut self, about: Subjects) {
        let frozen = self.state.frozen.take();
        let evidence = vec![Evidence::default(); self.options.guardrails.len()];
        let (phase, held, about) = (Phase::Running { step: 0 }, Duration::ZERO, Some(about));
        self.state = RampState { phase, evidence, held, frozen, about };
        self.asked = SinceAsked::default();
    }

    /// Says which versions the evidence is about.
    pub(super) fn set_about(&mut self, about: Subjects) {
        self.state.about = Some(about);
    }

    /// The canary's share now: 0 after a rollback, and after the last step that of the last step. The promotion gives it the
    /// rest; where that fails, half of the traffic or so stays where the registry says.
    #[must_use]
    pub fn share(&self) -> f64 {
        let shares = self.options.shares();
        match self.phase() {
            Phase::Running { step } => shares.get(*step).copied().unwrap_or(0.0),
            Phase::Passed { .. } => shares.last().copied().unwrap_or(0.0),
            Phase::RolledBack { .. } => 0.0,
        }
    }

    /// Stops the ramp from growing and from being promoted, until it is thawed; harm still rolls it back. For operators.
    pub fn freeze(&mut self, reason: impl Into<String>) {
        self.state.frozen = Some(reason.into());
    }

    /// Lets the ramp grow again.
    pub fn thaw(&mut self) {
        self.state.frozen = None;
    }

    /// Takes evidence about one of the two arms from the present step.
    pub fn observe(&mut self, side: Side, observation: &Observation) {
        if let Observation::Breach { reason } = observation {
            // A canary that has passed is still one until it is promoted.
            if side == Side::Canary && !matches!(self.phase(), Phase::RolledBack { .. }) {
                self.state.phase = Phase::RolledBack { reason: reason.clone() };
            }
            return;
        }
        let Phase::Running { step } = *self.phase() else { return };
        let levels = Levels::new(&self.options, step);
        for (guardrail, evidence) in self.options.guardrails.iter().zip(&mut self.state.evidence) {
            evidence.add(side, observation, guardrail, &levels);
        }
    }

    /// What follows for `canary` at `now`, on a clock that never goes backwards. A step changes the share at once.
    ///
    /// A clock that did start anew (a restart, and time counted from it) goes on counting the step's time limit from
    /// where the ramp was asked last: the time in between does not count.
    pub fn decide(&mut self, canary: &Arm, now: Duration) -> Decision {
        let step = match self.phase() {
            Phase::Running { step } => *step,
            Phase::Passed { reason } => {
                return match &self.state.frozen {
                    Some(frozen) => Decision::hold(frozen),
                    None => Decision::promote(canary.clone(), reason),
                };
            }
            Phase::RolledBack { reason } => return Decision::roll_back(canary.clone(), reason),
        };
        self.state.held = self.state.held.saturating_add(self.asked.ask(now));
        let levels = Levels::new(&self.options, step);
        if let Some(reason) = self.harm(&levels) {
            self.state.phase = Phase::RolledBack { reason: reason.clone() };
            return Decision::roll_back(canary.clone(), reason);
        }
        if let Some(reason) = &self.state.frozen {
            return Decision::hold(reason);
        }
        match self.cleared(&levels) {
            Ok(reason) => self.advance(canary, step, reason),
            Err(missing) => self.wait(canary, missing),
        }
    }

    fn advance(&mut self, canary: &Arm, step: usize, reason: String) -> Decision {
        if step + 1 >= self.options.shares().len() {
            self.state.phase = Phase::Passed { reason: reason.clone() };
            return Decision::promote(canary.clone(), reason);
        }
        self.state.phase = Phase::Running { step: step + 1 };
        self.state.evidence.fill(Evidence::default());
        self.state.held = Duration::ZERO;
        Decision::step(canary.clone(), self.share(), reason)
    }

    fn wait(&mut self, canary: &Arm, missing: String) -> Decision {
        let lasted = self.state.held;
        if self.options.max_hold.is_none_or(|most| lasted <= most) {
            return Decision::hold(missing);
        }
        let reason = format!("after {lasted:.0?} without an answer: {missing}");
        match self.options.expiry {
            Expiry::Hold => Decision::hold(reason),
            Expiry::RollBack => {
                self.state.phase = Phase::RolledBack { reason: reason.clone() };
                Decision::roll_back(canary.clone(), reason)
            }
        }
    }

    /// The harm that is certain, in words.
    fn harm(&self, levels: &Levels) -> Option<String> {
        let mut known = self.options.guardrails.iter().zip(self.evidence());
        known.find_map(|(guardrail, evidence)| evidence.harm(guardrail, levels))
    }

    /// The harm that was excluded, in words; as an error the first thing that is missing.
    fn cleared(&self, levels: &Levels) -> Result<String, String> {
        let known = self.options.guardrails.iter().zip(self.evidence());
        let excluded: Result<Vec<String>, String> =
            known.map(|(guardrail, evidence)| evidence.cleared(guardrail, levels)).collect();
        Ok(excluded?.join("; "))
    }
}

impl RampState {
    /// Refuses what cannot be the state of a ramp with these options: a file may hold anything.
    fn check(&self, options: &RampOptions) -> Result<()> {
        let known = match self.phase {
            Phase::Running { step } => step < options.shares().len(),
            Phase::Passed { .. } | Phase::RolledBack { .. } => true,
        };
        if known && self.evidence.len() == options.guardrails.len() {
            return Ok(());
        }
        let problem = "its phase or evidence do not belong to its options";
        Err(Error::corrupt("restore ramp", "saved state", problem))
    }

    /// How far the ramp is: of two states the one that is farther says where both are.
    fn progress(&self) -> (u8, usize) {
        match self.phase {
            Phase::Running { step } => (0, step),
            Phase::Passed { .. } => (1, 0),
            Phase::RolledBack { .. } => (2, 0),
        }
    }
}
