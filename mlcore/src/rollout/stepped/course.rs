use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CanaryStep, SteppedCanaryOptions};
use crate::error::{Error, Result};
use crate::rollout::since_asked::SinceAsked;
use crate::rollout::{Decision, Evidence, Observation, Phase, Side, Subjects};
use crate::time::Timestamp;

/// What a release in steps has learnt, without its options.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SteppedState {
    /// Counts how often it was retried.
    attempt: u32,
    /// The step that is waited at, or taken next.
    step: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<Ended>,
    /// Of the present share, one for each guardrail.
    evidence: Vec<Evidence>,
    /// How long the present step has lasted, as far as the policy was asked.
    waited: Duration,
    /// What was passed since the last share, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    passed: Vec<String>,
    /// Why it must not grow for now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    frozen: Option<String>,
    /// The versions that the evidence is about, where they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    about: Option<Subjects>,
}

/// How a release ended that is not carried out yet.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "ended", rename_all = "snake_case", deny_unknown_fields)]
enum Ended {
    Passed { reason: String },
    RolledBack { reason: String },
}

impl SteppedState {
    fn new(options: &SteppedCanaryOptions) -> Self {
        Self {
            attempt: 0,
            step: 0,
            ended: None,
            evidence: vec![Evidence::default(); options.guardrails.len()],
            waited: Duration::ZERO,
            passed: Vec::new(),
            frozen: None,
            about: None,
        }
    }

    /// Refuses what cannot be the state of a release with these options: a file may hold anything.
    fn check(&self, options: &SteppedCanaryOptions) -> Result<()> {
        if self.step <= options.steps.len() && self.evidence.len() == options.guardrails.len() {
            return Ok(());
        }
        let problem = "its step or evidence do not belong to its options";
        Err(Error::corrupt("restore policy", "state of a stepped_canary policy", problem))
    }

    /// How far the release is: of two states the one that is farther says where both are.
    fn progress(&self, options: &SteppedCanaryOptions) -> (u32, u8, usize) {
        let rank = match self.ended {
            None => 0,
            Some(Ended::Passed { .. }) => 1,
            Some(Ended::RolledBack { .. }) => 2,
        };
        (self.attempt, rank, options.weight_before(self.step).0)
    }
}

/// A release in steps as it stands: a pure state machine that knows neither requests nor units.
#[derive(Clone, Debug)]
pub(super) struct Course {
    state: SteppedState,
    asked: SinceAsked,
    /// The time of the wall clock, as far as it was told. Not saved: it goes on without us.
    told: Option<Timestamp>,
    /// Whether one of the two arms is known not to answer. Not saved: who goes on finds out.
    absent: bool,
}

impl Course {
    pub(super) fn new(options: &SteppedCanaryOptions) -> Self {
        Self { state: SteppedState::new(options), asked: SinceAsked::default(), told: None, absent: false }
    }

    pub(super) fn state(&self) -> &SteppedState {
        &self.state
    }

    pub(super) fn evidence(&self) -> &[Evidence] {
        &self.state.evidence
    }

    pub(super) fn attempt(&self) -> u32 {
        self.state.attempt
    }

    pub(super) fn about(&self) -> Option<Subjects> {
        self.state.about
    }

    pub(super) fn about_mut(&mut self) -> &mut Option<Subjects> {
        &mut self.state.about
    }

    pub(super) fn phase(&self) -> Phase {
        match &self.state.ended {
            None => Phase::Running { step: self.state.step },
            Some(Ended::Passed { reason }) => Phase::Passed { reason: reason.clone() },
            Some(Ended::RolledBack { reason }) => Phase::RolledBack { reason: reason.clone() },
        }
    }

    /// The canary's share now: 0 before the first step and after a rollback. The promotion gives it the rest.
    pub(super) fn share(&self, options: &SteppedCanaryOptions) -> f64 {
        match self.state.ended {
            Some(Ended::RolledBack { .. }) => 0.0,
            None | Some(Ended::Passed { .. }) => options.weight_before(self.state.step).1,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.state.ended.is_none()
    }

    /// Takes the place of a state that was saved. The time that was told stays.
    pub(super) fn restore(&mut self, state: SteppedState, options: &SteppedCanaryOptions) -> Result<()> {
        state.check(options)?;
        (self.state, self.asked) = (state, SinceAsked::default());
        Ok(())
    }

    /// Adds what a replica has learnt.
    pub(super) fn merge(&mut self, other: SteppedState, options: &SteppedCanaryOptions) -> Result<()> {
        other.check(options)?;
        let state = &mut self.state;
        if let (Some(own), Some(other)) = (state.about, other.about)
            && own != other
        {
            let problem = format!(
                "it is about version {} against version {}, and this one about {} against {}",
                other.tried, other.control, own.tried, own.control
            );
            return Err(Error::invalid_input("merge policy", "state of a stepped_canary policy", problem)
                .remedy("merge what replicas have learnt about the same versions"));
        }
        let about = state.about.or(other.about);
        let frozen = state.frozen.take().or_else(|| other.frozen.clone());
        let (own, others) = (state.progress(options), other.progress(options));
        if others > own {
            *state = other;
        } else if others == own {
            for (own, other) in state.evidence.iter_mut().zip(&other.evidence) {
                *own = own.merge(other);
            }
            // The evidence is of the same share, whichever step the two wait at.
            if (other.step, other.waited) > (state.step, state.waited) {
                (state.step, state.waited, state.passed) = (other.step, other.waited, other.passed);
            }
        }
        (state.about, state.frozen) = (about, frozen);
        Ok(())
    }

    /// Begins at the first step, without evidence: other versions are compared from now on. A freeze stays.
    pub(super) fn begin_anew(&mut self, options: &SteppedCanaryOptions) {
        let SteppedState { attempt, about, .. } = self.state;
        let frozen = self.state.frozen.take();
        self.state = SteppedState { attempt, about, frozen, ..SteppedState::new(options) };
        self.asked = SinceAsked::default();
    }

    pub(super) fn set_absent(&mut self, absent: bool) {
        self.absent = absent;
    }

    pub(super) fn tell_time(&mut self, now: Timestamp) {
        self.told = Some(now);
    }

    pub(super) fn observe(&mut self, side: Side, observation: &Observation, options: &SteppedCanaryOptions) {
        if let Observation::Breach { reason } = observation {
            if side == Side::Canary {
                self.roll_back(reason);
            }
            return;
        }
        if self.state.ended.is_some() {
            return;
        }
        let Some(levels) = options.levels(self.state.step) else { return };
        for (guardrail, evidence) in options.guardrails.iter().zip(&mut self.state.evidence) {
            evidence.add(side, observation, guardrail, &levels);
        }
    }

    /// Withdraws the canary for good, also where it has passed and is not promoted yet. The first reason stays.
    pub(super) fn roll_back(&mut self, reason: &str) {
        if !matches!(self.state.ended, Some(Ended::RolledBack { .. })) {
            self.state.ended = Some(Ended::RolledBack { reason: reason.to_owned() });
        }
    }

    pub(super) fn set_frozen(&mut self, reason: Option<String>) {
        self.state.frozen = reason;
    }

    /// An operator ends the pause or opens the gate that is waited at.
    pub(super) fn resume(&mut self, options: &SteppedCanaryOptions) -> Result<()> {
        self.refuse_ended("resume")?;
        let number = self.state.step + 1;
        match options.steps.get(self.state.step) {
            Some(CanaryStep::Pause { .. } | CanaryStep::ManualGate) => {
                self.pass_step(format!("an operator resumed step {number}"));
                Ok(())
            }
            Some(CanaryStep::SetWeight { .. } | CanaryStep::Analysis) | None => {
                let problem = format!("it is at step {number} of {}, which is no pause", options.steps.len());
                Err(Error::invalid_input("resume", "stepped canary", problem)
                    .remedy("wait until it pauses; promote skips the rest"))
            }
        }
    }

    /// An operator skips the rest.
    pub(super) fn promote(&mut self, options: &SteppedCanaryOptions) -> Result<()> {
        if matches!(self.state.ended, Some(Ended::Passed { .. })) {
            return Ok(());
        }
        self.refuse_ended("promote")?;
        let (step, steps) = (self.state.step, options.steps.len());
        let reason = format!("an operator promoted it after {step} of {steps} steps");
        self.state.ended = Some(Ended::Passed { reason });
        Ok(())
    }

    /// An operator begins a release anew that was rolled back.
    pub(super) fn retry(&mut self, options: &SteppedCanaryOptions) -> Result<()> {
        match self.state.ended {
            Some(Ended::RolledBack { .. }) => {
                self.state.attempt = self.state.attempt.saturating_add(1);
                self.begin_anew(options);
                Ok(())
            }
            None | Some(Ended::Passed { .. }) => {
                let problem = "it was neither aborted nor rolled back";
                Err(Error::invalid_input("retry", "stepped canary", problem).remedy("abort it first"))
            }
        }
    }

    fn refuse_ended(&self, operation: &'static str) -> Result<()> {
        let (problem, remedy) = match &self.state.ended {
            None => return Ok(()),
            Some(Ended::Passed { reason }) => (format!("it has passed: {reason}"), "carry the promotion out"),
            Some(Ended::RolledBack { reason }) => (format!("it was rolled back: {reason}"), "retry it"),
        };
        Err(Error::invalid_input(operation, "stepped canary", problem).remedy(remedy))
    }

    fn pass_step(&mut self, passed: String) {
        self.state.passed.push(passed);
        self.state.step += 1;
        self.state.waited = Duration::ZERO;
    }

    pub(super) fn decide(&mut self, options: &SteppedCanaryOptions, now: Duration) -> Decision {
        let waited = self.asked.ask(now);
        match &self.state.ended {
            None => {}
            Some(Ended::Passed { reason }) => {
                return match &self.state.frozen {
                    Some(frozen) => Decision::hold(frozen),
                    None => Decision::promote(options.canary.clone(), reason),
                };
            }
            Some(Ended::RolledBack { reason }) => return Decision::roll_back(options.canary.clone(), reason),
        }
        if self.absent {
            // Nobody would be looked at while it paused.
            let SteppedCanaryOptions { control, canary, .. } = options;
            return Decision::hold(format!("{canary} and {control} do not both answer"));
        }
        self.state.waited = self.state.waited.saturating_add(waited);
        if let Some(reason) = self.harm(options) {
            self.roll_back(&reason);
            return Decision::roll_back(options.canary.clone(), reason);
        }
        match &self.state.frozen {
            Some(reason) => Decision::hold(reason),
            None => self.advance(options),
        }
    }

    /// Passes what is due, up to the next share.
    fn advance(&mut self, options: &SteppedCanaryOptions) -> Decision {
        loop {
            let at = format!("step {} of {}", self.state.step + 1, options.steps.len());
            let passed = match options.steps.get(self.state.step) {
                Some(CanaryStep::SetWeight { share }) if *share < 1.0 => {
                    return match self.closed(options) {
                        Some(closed) => Decision::hold(format!("{at}: {closed}")),
                        None => self.set_weight(options, *share),
                    };
                }
                None | Some(CanaryStep::SetWeight { .. }) => return self.pass(options),
                Some(CanaryStep::Pause { duration }) if self.state.waited < *duration => {
                    let waited = self.state.waited.as_secs();
                    return Decision::hold(format!("{at}: paused for {waited}s of {duration:?}"));
                }
                Some(CanaryStep::Pause { duration }) => format!("paused for {duration:?}"),
                Some(CanaryStep::ManualGate) => {
                    return Decision::hold(format!("{at}: it waits for an operator to resume it"));
                }
                Some(CanaryStep::Analysis) => match self.cleared(options) {
                    Ok(excluded) => excluded,
                    Err(missing) => return Decision::hold(format!("{at}: {missing}")),
                },
            };
            self.pass_step(passed);
        }
    }

    fn set_weight(&mut self, options: &SteppedCanaryOptions, share: f64) -> Decision {
        let reason = self.why();
        self.state.step += 1;
        self.state.waited = Duration::ZERO;
        // Pooled over changing shares, evidence would compare different days.
        self.state.evidence.fill(Evidence::default());
        Decision::step(options.canary.clone(), share, reason)
    }

    fn pass(&mut self, options: &SteppedCanaryOptions) -> Decision {
        if let Some(closed) = self.closed(options) {
            return Decision::hold(format!("all steps are passed: {closed}"));
        }
        let reason = self.why();
        self.state.ended = Some(Ended::Passed { reason: reason.clone() });
        Decision::promote(options.canary.clone(), reason)
    }

    /// What was passed since the last share, in words; begins anew.
    fn why(&mut self) -> String {
        match std::mem::take(&mut self.state.passed) {
            passed if passed.is_empty() => "nothing was to be waited for".to_owned(),
            passed => passed.join("; "),
        }
    }

    /// Why traffic may not be moved now; none where it may.
    fn closed(&self, options: &SteppedCanaryOptions) -> Option<String> {
        let schedule = options.schedule.as_ref()?;
        match self.told {
            Some(now) => schedule.closed(now),
            None => Some("it has a schedule, and was never told the time".to_owned()),
        }
    }

    /// The harm that is certain, in words.
    fn harm(&self, options: &SteppedCanaryOptions) -> Option<String> {
        let levels = options.levels(self.state.step)?;
        let mut known = options.guardrails.iter().zip(&self.state.evidence);
        known.find_map(|(guardrail, evidence)| evidence.harm(guardrail, &levels))
    }

    /// The harm that was excluded, in words; as an error the first thing that is missing.
    fn cleared(&self, options: &SteppedCanaryOptions) -> Result<String, String> {
        let levels = options.levels(self.state.step).ok_or("it has no units yet")?;
        let known = options.guardrails.iter().zip(&self.state.evidence);
        let excluded: Result<Vec<String>, String> =
            known.map(|(guardrail, evidence)| evidence.cleared(guardrail, &levels)).collect();
        Ok(excluded?.join("; "))
    }
}
