//! A canary in steps: weights, pauses, gates, analyses and a schedule, in Argo Rollouts' vocabulary.

mod course;
mod options;
mod schedule;
#[cfg(test)]
pub(super) mod tests;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use self::course::{Course, SteppedState};
pub use self::options::{CanaryStep, SteppedCanaryOptions};
pub use self::schedule::{Schedule, Weekday, Window};
use super::split::{About, Split};
use super::{
    Ask, Assignment, Candidates, Decision, Evidence, Observation, Outcome, Phase, PolicyState, Requirements,
    RolloutPolicy, Side, StateFormat, Subjects,
};
use crate::error::Result;
use crate::time::Timestamp;

/// A release on trial in steps that somebody wrote down: Argo Rollouts' canary, for arms of a model.
///
/// A step gives the canary a share, pauses for a time, waits for an operator, or analyses: it passes when the evidence since the
/// last share excludes that any guardrail is exceeded, and holds while that is open. Harm that is certain rolls the canary back
/// at once, at whatever step. No data means hold.
///
/// Units are assigned as a [`Canary`](super::Canary) assigns them: a share that grows only gains units, and it shrinks only to 0,
/// by a rollback. Evidence is judged as a [`Ramp`](super::Ramp) judges it; `alpha` is divided over the shares, the first of which
/// has three quarters.
///
/// With a [`Schedule`] the share grows, and the canary is promoted, only while it is open, by the time that
/// [`tell_time`](RolloutPolicy::tell_time) tells; a policy that was never told holds and says so. Harm and operators do not wait for it.
///
/// What an operator does about a release that was carried out is too late: an endpoint that has withdrawn the canary has handed over to
/// another policy.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore::name::Arm;
/// use mlcore::rollout::{CanaryStep, Decision, RolloutPolicy, SteppedCanary, SteppedCanaryOptions};
///
/// let (champion, next) = (Arm::new("champion")?, Arm::new("next")?);
/// let steps = [
///     CanaryStep::set_weight(0.05),
///     CanaryStep::pause(Duration::from_secs(600)),
///     CanaryStep::set_weight(0.5),
///     CanaryStep::ManualGate,
/// ];
/// let release = SteppedCanary::new(SteppedCanaryOptions::new(champion, next, "release-7", steps, []))?;
/// let decide = |second| release.decide(Duration::from_secs(second));
/// assert!(matches!(decide(0), Decision::Step { share: 0.05, .. }));
/// assert_eq!(decide(599).reason(), "step 2 of 4: paused for 599s of 600s");
/// assert!(matches!(decide(600), Decision::Step { share: 0.5, .. }));
/// assert_eq!(decide(601).reason(), "step 4 of 4: it waits for an operator to resume it");
/// release.resume()?;
/// assert!(matches!(decide(602), Decision::Promote { .. }));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug)]
pub struct SteppedCanary {
    options: SteppedCanaryOptions,
    course: Mutex<Course>,
    split: Split,
}

impl SteppedCanary {
    /// The format in which its state is saved.
    pub const FORMAT: StateFormat = StateFormat::new("stepped_canary", 1);

    /// A release before its first step: every unit gets the control until it is asked for a decision.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) when control and canary are one arm, for shares that do not grow within
    /// `(0, 1)`, an analysis before the first share or without a guardrail, an `alpha` outside `(0, 1)`, and a schedule that is never
    /// open.
    pub fn new(options: SteppedCanaryOptions) -> Result<Self> {
        options.check()?;
        let course = Course::new(&options);
        let about = about(&course, &options);
        let split = Split::new(&options.control, &options.canary, &options.salt, &options.shares(), about);
        Ok(Self { options, course: Mutex::new(course), split })
    }

    /// The release that `state` was saved by, at the step where it stood: units keep their arms.
    ///
    /// # Errors
    /// As [`PolicyState::options`], [`SteppedCanary::new`] and [`PolicyState::progress`].
    pub fn from_state(state: &PolicyState) -> Result<Self> {
        let release = Self::new(state.options(Self::FORMAT)?)?;
        release.restore(state)?;
        Ok(release)
    }

    /// The options it was built with.
    #[must_use]
    pub fn options(&self) -> &SteppedCanaryOptions {
        &self.options
    }

    /// Where it stands: the step that is waited at, or taken next, counted from 0.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.look(Course::phase)
    }

    /// The canary's share now: 0 before the first step and after a rollback.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.look(|course| course.share(&self.options))
    }

    /// What is known at the present share, one entry per guardrail.
    #[must_use]
    pub fn evidence(&self) -> Vec<Evidence> {
        self.look(|course| course.evidence().to_vec())
    }

    /// Ends the pause or opens the gate that the release waits at.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) where it waits at neither, or is over.
    pub fn resume(&self) -> Result<()> {
        self.change(|course| course.resume(&self.options))
    }

    /// Withdraws the canary, for this reason. Does nothing where it was rolled back already.
    pub fn abort(&self, reason: &str) {
        self.change(|course| course.roll_back(reason));
    }

    /// Skips the rest and promotes the canary, whatever the schedule says. (Argo's `promote --full`)
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) where it was rolled back.
    pub fn promote(&self) -> Result<()> {
        self.change(|course| course.promote(&self.options))
    }

    /// Begins a release anew that was aborted or rolled back and is not withdrawn yet: at the first step, without evidence. Units
    /// keep their places.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) where it was neither.
    pub fn retry(&self) -> Result<()> {
        self.change(|course| course.retry(&self.options))
    }

    /// Stops it from growing and from being promoted, until it is thawed; pauses go on, and harm still rolls it back.
    pub fn freeze(&self, reason: impl Into<String>) {
        let reason = reason.into();
        self.change(|course| course.set_frozen(Some(reason)));
    }

    /// Lets it grow again.
    pub fn thaw(&self) {
        self.change(|course| course.set_frozen(None));
    }

    fn look<T>(&self, look: impl FnOnce(&Course) -> T) -> T {
        // A course is valid between any two of its own statements, so a poisoned lock holds a usable one.
        look(&self.course.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Course) -> T) -> T {
        let mut course = self.course.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = change(&mut course);
        self.split.set(about(&course, &self.options));
        answer
    }
}

fn about(course: &Course, options: &SteppedCanaryOptions) -> About {
    About { share: course.share(options), versions: course.about(), attempt: course.attempt() }
}

impl RolloutPolicy for SteppedCanary {
    fn assign(&self, ask: &Ask<'_>) -> Assignment {
        self.split.assign(ask)
    }

    fn probability(&self, ask: &Ask<'_>, position: usize) -> Option<f64> {
        Some(self.split.probability(ask, position))
    }

    fn requirements(&self) -> Requirements {
        let SteppedCanaryOptions { control, canary, .. } = &self.options;
        Requirements::of_arms([control.clone()])
            .with_trial(canary.clone())
            .with_losses(self.options.waits_for_losses())
    }

    /// Begins anew at the first step where one of the two arms answers with another version than the evidence is about. While one of
    /// them does not answer no step is taken, and no time counts.
    fn follow(&self, candidates: &Candidates) -> Option<String> {
        let SteppedCanaryOptions { control, canary, .. } = &self.options;
        let answering = Subjects::find(candidates, canary, control);
        self.change(|course| {
            course.set_absent(answering.is_none());
            let answering = answering?;
            let change = answering.replace(course.about_mut(), canary, control);
            if change.is_some() {
                course.begin_anew(&self.options);
            }
            change
        })
    }

    fn observe(&self, outcome: &Outcome<'_>) {
        let side = match outcome.arm {
            arm if *arm == self.options.canary => Side::Canary,
            arm if *arm == self.options.control => Side::Control,
            _ => return,
        };
        self.change(|course| {
            // What was assigned under other shares is not comparable with what is assigned now. A breach always counts.
            let present = course.is_running()
                && course.share(&self.options) > 0.0
                && outcome.epoch == self.split.epoch(about(course, &self.options));
            if present || matches!(outcome.observation, Observation::Breach { .. }) {
                course.observe(side, &outcome.observation, &self.options);
            }
        });
    }

    fn tell_time(&self, now: Timestamp) {
        self.change(|course| course.tell_time(now));
    }

    fn decide(&self, now: Duration) -> Decision {
        self.change(|course| course.decide(&self.options, now))
    }

    fn save(&self) -> Result<PolicyState> {
        self.look(|course| PolicyState::new(Self::FORMAT, &self.options, course.state()))
    }

    fn restore(&self, state: &PolicyState) -> Result<()> {
        let state: SteppedState = state.progress(Self::FORMAT, &self.options)?;
        self.change(|course| course.restore(state, &self.options))
    }

    /// As [`Ramp::merge`](super::Ramp::merge): evidence of the same share adds up, whichever step the two wait at, and of different
    /// shares that of the release that is farther counts. A retry counts for both.
    fn merge(&self, state: &PolicyState) -> Result<()> {
        let state: SteppedState = state.progress(Self::FORMAT, &self.options)?;
        self.change(|course| course.merge(state, &self.options))
    }
}
