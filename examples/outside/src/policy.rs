//! A `RolloutPolicy`: half of the units try an arm, until it has failed too often.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use mlcore::Result;
use mlcore::name::Arm;
use mlcore::rollout::{
    Ask, Assignment, Decision, Observation, Outcome, PolicyState, RolloutPolicy, StateFormat, bucket,
};

const FORMAT: StateFormat = StateFormat::new("half_until", 1);

/// Gives half of the units to the arm on trial, and wants it rolled back when it has failed too often.
#[derive(Debug)]
pub struct HalfUntil {
    /// The arm on trial, and how often it may fail.
    pub trial: (Arm, u64),
    /// How often it has failed.
    pub failures: AtomicU64,
}

impl RolloutPolicy for HalfUntil {
    fn assign(&self, ask: &Ask<'_>) -> Assignment {
        let find =
            |trial| ask.candidates.as_slice().iter().position(|own| (own.arm == self.trial.0) == trial);
        match (find(false), find(true)) {
            (Some(default), Some(trial)) if self.failures.load(Relaxed) < self.trial.1 => {
                let half = if bucket("half_until", ask.unit) < 0.5 { trial } else { default };
                Assignment::certain(half).with_propensity(0.5)
            }
            (default, trial) => Assignment::certain(default.or(trial).unwrap_or_default()),
        }
    }

    fn observe(&self, outcome: &Outcome<'_>) {
        if *outcome.arm == self.trial.0 && outcome.observation == Observation::Failed {
            self.failures.fetch_add(1, Relaxed);
        }
    }

    fn decide(&self, _now: Duration) -> Decision {
        match self.failures.load(Relaxed) {
            failures if failures < self.trial.1 => Decision::hold("it has not failed too often"),
            failures => Decision::roll_back(self.trial.0.clone(), format!("it failed {failures} times")),
        }
    }

    fn save(&self) -> Result<PolicyState> {
        PolicyState::new(FORMAT, &self.trial, &self.failures.load(Relaxed))
    }

    fn restore(&self, state: &PolicyState) -> Result<()> {
        self.failures.store(state.progress(FORMAT, &self.trial)?, Relaxed);
        Ok(())
    }
}
