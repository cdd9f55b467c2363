use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Schedule;
use crate::error::{Error, Result};
use crate::name::Arm;
use crate::rollout::ramp::{Levels, part};
use crate::rollout::{Guardrail, Metric};

/// One step of a release, in the words of Argo Rollouts.
///
/// ```
/// use mlcore::rollout::CanaryStep;
///
/// let step = CanaryStep::set_weight(0.2);
/// assert_eq!(serde_json::to_string(&step)?, r#"{"step":"set_weight","share":0.2}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub enum CanaryStep {
    /// Gives the canary this share of the units. (`setWeight`)
    #[non_exhaustive]
    SetWeight {
        /// The share, 0 to 1.
        share: f64,
    },
    /// Waits, so that harm that comes late is seen. (`pause: { duration }`)
    #[non_exhaustive]
    Pause {
        /// For so long, while the policy is asked.
        duration: Duration,
    },
    /// Waits until an operator [resumes](super::SteppedCanary::resume) it. (`pause: {}`)
    ManualGate,
    /// Waits until every guardrail is cleared, by evidence of the share that there is. (`analysis`)
    Analysis,
}

impl CanaryStep {
    /// Gives the canary this share of the units.
    #[must_use]
    pub const fn set_weight(share: f64) -> Self {
        Self::SetWeight { share }
    }

    /// Waits for so long.
    #[must_use]
    pub const fn pause(duration: Duration) -> Self {
        Self::Pause { duration }
    }
}

/// The arms of a release in steps, the steps, and what must not get worse.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SteppedCanaryOptions {
    /// The arm that answers all other units.
    pub control: Arm,
    /// The arm on trial.
    pub canary: Arm,
    /// Decides which units are on trial; each release wants its own, as for a [`Canary`](crate::rollout::CanaryOptions::salt).
    pub salt: String,
    /// What is done, one after the other. The shares grow, within `(0, 1)`; after the last step the canary is promoted. A last step
    /// that gives it all units says the same and may be left out.
    pub steps: Vec<CanaryStep>,
    /// What must not get worse, at any share.
    pub guardrails: Vec<Guardrail>,
    /// The probability of ever rolling back a canary that is within all margins and limits, and of any analysis ever passing one
    /// that is beyond a margin.
    pub alpha: f64,
    /// Values of each metric that each arm must have for an analysis to pass.
    pub min_samples: u64,
    /// When the share may grow and the canary be promoted; at any time where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
}

impl SteppedCanaryOptions {
    /// A trial of `canary` against `control`, of the units that `salt` draws, in these steps: `alpha` 0.05, at least 100 samples an
    /// arm and analysis, at any time.
    #[must_use]
    pub fn new(
        control: Arm,
        canary: Arm,
        salt: impl Into<String>,
        steps: impl Into<Vec<CanaryStep>>,
        guardrails: impl IntoIterator<Item = Guardrail>,
    ) -> Self {
        Self {
            control,
            canary,
            salt: salt.into(),
            steps: steps.into(),
            guardrails: guardrails.into_iter().collect(),
            alpha: 0.05,
            min_samples: 100,
            schedule: None,
        }
    }

    /// Sets the probability of a wrong decision.
    #[must_use]
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets the number of samples that each arm needs in an analysis.
    #[must_use]
    pub fn with_min_samples(mut self, min_samples: u64) -> Self {
        self.min_samples = min_samples;
        self
    }

    /// Lets the share grow, and the canary be promoted, only while this is open.
    #[must_use]
    pub fn with_schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = Some(schedule);
        self
    }

    /// The shares at which both arms answer, in the order of the steps, and the places of their steps.
    fn weights(&self) -> impl Iterator<Item = (usize, f64)> {
        self.steps.iter().enumerate().filter_map(|(place, step)| match step {
            CanaryStep::SetWeight { share } if *share < 1.0 => Some((place, *share)),
            CanaryStep::SetWeight { .. }
            | CanaryStep::Pause { .. }
            | CanaryStep::ManualGate
            | CanaryStep::Analysis => None,
        })
    }

    /// The shares at which both arms answer.
    pub(super) fn shares(&self) -> Vec<f64> {
        self.weights().map(|(_, share)| share).collect()
    }

    /// How many shares were given to the canary before the step at `place`, and the last of them.
    pub(super) fn weight_before(&self, place: usize) -> (usize, f64) {
        let before = self.weights().take_while(|(weight, _)| *weight < place);
        before.fold((0, 0.0), |(count, _), (_, share)| (count + 1, share))
    }

    /// How sure one claim must be before the step at `place`; none before the first share.
    ///
    /// Harm may be found at every share, and what passes an analysis only at those that have one: `alpha` is divided over the ones
    /// and over the others, as a [`Ramp`](crate::rollout::Ramp) divides it over its steps. Two analyses of one share look at the same evidence, which may
    /// be looked at as often as one likes.
    pub(super) fn levels(&self, place: usize) -> Option<Levels> {
        let (count, share) = self.weight_before(place);
        let present = count.checked_sub(1)?;
        let places: Vec<usize> = self.weights().map(|(place, _)| place).chain([self.steps.len()]).collect();
        let is_analysed = |ends: &[usize]| {
            let [from, until] = ends else { return false };
            self.steps.get(*from..*until).is_some_and(|steps| steps.contains(&CanaryStep::Analysis))
        };
        let analysed: Vec<bool> = places.windows(2).map(is_analysed).collect();
        let before = analysed.iter().take(present).filter(|analysed| **analysed).count();
        let all = analysed.iter().filter(|analysed| **analysed).count();
        let parts = [part(analysed.len(), present), part(all, before)];
        Some(Levels::of_parts(&self.guardrails, self.alpha, self.min_samples, share, parts))
    }

    /// Whether an analysis does not pass without losses.
    pub(super) fn waits_for_losses(&self) -> bool {
        let analysed = self.steps.contains(&CanaryStep::Analysis);
        analysed && self.guardrails.iter().any(|guardrail| *guardrail.metric() == Metric::Loss)
    }

    /// Refuses what no release can be built from, also when it was read from a file.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |subject: &str, problem: String, remedy: &str| {
            Err(Error::invalid_input("build stepped canary", subject, problem).remedy(remedy))
        };
        if self.control == self.canary {
            return refuse(self.canary.as_str(), "it is its own control".into(), "name two arms");
        }
        let odd = self.steps.iter().enumerate().find_map(|(place, step)| match step {
            CanaryStep::SetWeight { share } if share.is_nan() || *share > 1.0 => Some((place + 1, *share)),
            _ => None,
        });
        if let Some((number, share)) = odd {
            let problem = format!("step {number} gives the canary a share of {share}");
            return refuse("steps", problem, "write a share as 0.2, and not as a percentage");
        }
        let shares = self.shares();
        if shares.is_empty() {
            let problem = "no step gives the canary a share below 1, so it is compared with nothing".into();
            return refuse("steps", problem, "begin with a small share, such as 0.05");
        }
        let within = shares.iter().all(|share| *share > 0.0);
        if shares.len() > MOST_WEIGHTS || !within || !shares.is_sorted_by(|a, b| a < b) {
            let problem =
                format!("its shares {shares:?} are not 1 to {MOST_WEIGHTS} growing ones between 0 and 1");
            return refuse("steps", problem, "let each step give the canary more than the one before");
        }
        let last = self.steps.len() - 1;
        for (place, step) in self.steps.iter().enumerate() {
            let number = place + 1;
            match step {
                CanaryStep::SetWeight { share } if *share == 1.0 && place < last => {
                    let problem = format!("step {number} gives the canary all units, and steps follow");
                    let remedy =
                        "without a control beside it a canary is compared with nothing: end with this step";
                    return refuse("steps", problem, remedy);
                }
                CanaryStep::Analysis if self.weight_before(place).0 == 0 => {
                    let problem = format!("step {number} analyses a canary that has no units yet");
                    return refuse("steps", problem, "set a weight before the first analysis");
                }
                CanaryStep::Analysis if self.guardrails.is_empty() => {
                    let problem = format!(
                        "step {number} is an analysis, and there is none, so nothing could be excluded"
                    );
                    return refuse(
                        "guardrails",
                        problem,
                        "say what must not get worse, or leave analyses away",
                    );
                }
                CanaryStep::SetWeight { .. }
                | CanaryStep::Pause { .. }
                | CanaryStep::ManualGate
                | CanaryStep::Analysis => {}
            }
        }
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return refuse("alpha", format!("{} is not between 0 and 1", self.alpha), "0.05 is common");
        }
        self.guardrails.iter().try_for_each(Guardrail::check)?;
        self.schedule.as_ref().map_or(Ok(()), Schedule::check)
    }
}

/// The most shares: an epoch counts them in one byte, and keeps one value for "none".
const MOST_WEIGHTS: usize = 255;
