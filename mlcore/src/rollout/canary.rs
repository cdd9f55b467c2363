use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::split::{About, Split};
use super::{
    Ask, Assignment, Candidates, Decision, Observation, Outcome, Phase, PolicyState, Ramp, RampOptions,
    RampState, Requirements, RolloutPolicy, Side, StateFormat, Subjects,
};
use crate::error::{Error, Result};
use crate::name::Arm;

/// The arms of a canary release, and how it grows.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanaryOptions {
    /// The arm that answers all other units.
    pub control: Arm,
    /// The arm on trial.
    pub canary: Arm,
    /// Decides which units are on trial; each release wants its own, or the same units would always go first, and late
    /// outcomes of the last release would be taken for the present one's.
    pub salt: String,
    /// How it grows.
    pub ramp: RampOptions,
}

impl CanaryOptions {
    /// A trial of `canary` against `control`, of the units that `salt` draws, growing as `ramp` says.
    #[must_use]
    pub fn new(control: Arm, canary: Arm, salt: impl Into<String>, ramp: RampOptions) -> Self {
        Self { control, canary, salt: salt.into(), ramp }
    }
}

/// A release on trial: a growing share of units gets the canary, as long as the [`Ramp`] finds no harm.
///
/// Sticky both ways: a unit that got the canary keeps it while the share grows, and a unit of the control stays until
/// the share reaches it. Assignments read two atomic numbers and never wait for the evidence.
///
/// Evidence belongs to the two versions that it is about. Another version behind one of the arms begins at the first step,
/// and what was decided about the version before, a rollback too, does not concern it.
#[derive(Debug)]
pub struct Canary {
    options: CanaryOptions,
    ramp: Mutex<Ramp>,
    split: Split,
}

impl Canary {
    /// The format in which its state is saved.
    pub const FORMAT: StateFormat = StateFormat::new("canary", 1);

    /// A canary at its first step. What its ramp [warns](RampOptions::warnings) of is logged.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when control and canary are one arm, and as [`Ramp::new`].
    pub fn new(options: CanaryOptions) -> Result<Self> {
        if options.control == options.canary {
            return Err(Error::invalid_input(
                "build canary",
                options.canary.as_str(),
                "it is its own control",
            ));
        }
        let ramp = Ramp::new(options.ramp.clone())?;
        for warning in options.ramp.warnings() {
            tracing::warn!(canary = %options.canary, "{warning}");
        }
        let CanaryOptions { control, canary, salt, .. } = &options;
        let split = Split::new(control, canary, salt, options.ramp.shares(), about(&ramp));
        Ok(Self { options, ramp: Mutex::new(ramp), split })
    }

    /// The canary that `state` was saved by, at the step where it stood: units keep their arms.
    ///
    /// # Errors
    /// As [`PolicyState::options`], [`Canary::new`] and [`Ramp::resume`].
    pub fn from_state(state: &PolicyState) -> Result<Self> {
        let canary = Self::new(state.options(Self::FORMAT)?)?;
        canary.restore(state)?;
        Ok(canary)
    }

    /// The ramp as it stands, to be looked at.
    #[must_use]
    pub fn ramp(&self) -> Ramp {
        self.ramp.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The options it was built with.
    #[must_use]
    pub fn options(&self) -> &CanaryOptions {
        &self.options
    }

    fn with_ramp<T>(&self, change: impl FnOnce(&mut Ramp) -> T) -> T {
        // A ramp is valid between any two of its own statements, so a poisoned lock holds a usable one.
        let mut ramp = self.ramp.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = change(&mut ramp);
        self.split.set(about(&ramp));
        answer
    }

    /// Stops the canary from growing and from being promoted; see [`Ramp::freeze`].
    pub fn freeze(&self, reason: impl Into<String>) {
        self.with_ramp(|ramp| ramp.freeze(reason));
    }

    /// Lets the canary grow again.
    pub fn thaw(&self) {
        self.with_ramp(Ramp::thaw);
    }
}

fn about(ramp: &Ramp) -> About {
    About { share: ramp.share(), versions: ramp.about(), attempt: 0 }
}

impl RolloutPolicy for Canary {
    fn assign(&self, ask: &Ask<'_>) -> Assignment {
        self.split.assign(ask)
    }

    fn probability(&self, ask: &Ask<'_>, position: usize) -> Option<f64> {
        Some(self.split.probability(ask, position))
    }

    fn requirements(&self) -> Requirements {
        let CanaryOptions { control, canary, ramp, .. } = &self.options;
        Requirements::of_arms([control.clone()])
            .with_trial(canary.clone())
            .with_losses(ramp.waits_for_losses())
    }

    /// Begins anew at the first step where one of the two arms answers with another version than the evidence is about.
    fn follow(&self, candidates: &Candidates) -> Option<String> {
        let CanaryOptions { control, canary, .. } = &self.options;
        let answering = Subjects::find(candidates, canary, control)?;
        self.with_ramp(|ramp| {
            let mut about = ramp.about();
            let change = answering.replace(&mut about, canary, control);
            match change {
                Some(_) => ramp.begin_anew(answering),
                None => ramp.set_about(answering),
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
        self.with_ramp(|ramp| {
            // What was assigned under other shares is not comparable with what is assigned now. A breach always counts.
            let epoch = self.split.epoch(about(ramp));
            let present = matches!(ramp.phase(), Phase::Running { .. }) && outcome.epoch == epoch;
            if present || matches!(outcome.observation, Observation::Breach { .. }) {
                ramp.observe(side, &outcome.observation);
            }
        });
    }

    fn decide(&self, now: Duration) -> Decision {
        self.with_ramp(|ramp| ramp.decide(&self.options.canary, now))
    }

    fn save(&self) -> Result<PolicyState> {
        PolicyState::new(Self::FORMAT, &self.options, self.ramp().state())
    }

    fn restore(&self, state: &PolicyState) -> Result<()> {
        let state: RampState = state.progress(Self::FORMAT, &self.options)?;
        let restored = Ramp::resume(self.options.ramp.clone(), state)?;
        self.with_ramp(|ramp| *ramp = restored);
        Ok(())
    }

    /// As [`Ramp::merge`].
    fn merge(&self, state: &PolicyState) -> Result<()> {
        let state: RampState = state.progress(Self::FORMAT, &self.options)?;
        self.with_ramp(|ramp| ramp.merge(&state))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::conformance::Stickiness;
    use crate::rollout::testing::{arm, hold};
    use crate::rollout::{Expiry, Guardrail, Metric};

    fn with(ramp: RampOptions) -> Canary {
        Canary::new(CanaryOptions::new(arm("champion"), arm("challenger"), "release-2", ramp)).unwrap()
    }

    fn guardrail() -> Guardrail {
        Guardrail::new(Metric::ErrorRate, 0.05).unwrap().with_limit(0.3).unwrap()
    }

    pub(crate) fn canary() -> Canary {
        with(RampOptions::new([guardrail()]))
    }

    pub(crate) fn contract() {
        hold(canary, Stickiness::Unit);
        let slow = Metric::SlowShare { budget: Duration::from_millis(100) };
        let all = [
            guardrail(),
            Guardrail::new(slow, 0.1).unwrap().with_limit(0.5).unwrap(),
            Guardrail::new(Metric::Loss, 0.1).unwrap(),
        ];
        let limited =
            RampOptions::new(all).with_steps([0.5]).with_max_hold(Duration::from_secs(60), Expiry::RollBack);
        hold(|| with(limited.clone()), Stickiness::Unit);
    }
}
