use std::collections::BTreeSet;

use mlcore::batch::Batch;
use mlcore::interrupt;
use mlcore::name::{Arm, ModelName, UnitId, Version};
use mlcore::rollout::{Candidate, Candidates, Draw};
use mlcore::stats::SplitMix64;
use mlcore::{Error, Result};
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use super::{REPLAY, ReplayOptions, ReplayVersions};
use crate::log::{LogReader, LoggedPrediction};

/// The requests of one model in the order of their decisions, with their outcomes: what is replayed, as often as one likes.
///
/// All of it is in memory, without outputs and tensors.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use mlcore::name::Arm;
/// use mlcore::rollout::{Canary, CanaryOptions, Guardrail, Metric, RampOptions};
/// use mlcore_serve::log::LogReader;
/// use mlcore_serve::replay::{ReplayLog, ReplayOptions};
///
/// // Would a margin of one percent have rolled back the canary of last week?
/// let options = ReplayOptions::default();
/// let log = ReplayLog::read(&LogReader::new("log"), &options)?;
/// let ramp = RampOptions::new([Guardrail::new(Metric::ErrorRate, 0.01)?]);
/// let canary = CanaryOptions::new(Arm::new("champion")?, Arm::new("canary")?, "release-7", ramp);
/// let report = log.replay(Arc::new(Canary::new(canary)?), &options)?;
/// print!("{report}");
/// if let Some(rollback) = &report.rollback {
///     println!("rolled back after {} requests of the canary", rollback.arm_requests);
/// }
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ReplayLog {
    pub(super) arms: Vec<Arm>,
    pub(super) candidates: Candidates,
    pub(super) requests: Vec<Logged>,
    pub(super) left_out: LeftOutRequests,
    /// The smallest propensity.
    pub(super) floor: f64,
}

/// A request that is replayed.
#[derive(Clone, Debug)]
pub(super) struct Logged {
    pub(super) prediction: LoggedPrediction,
    /// The position of the arm that answered.
    pub(super) arm: usize,
    pub(super) unit: UnitId,
    /// When it was decided and answered, in microseconds.
    pub(super) decided: i64,
    pub(super) answered: i64,
}

/// Rows of a log that are not replayed, and oddities of those that are.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct LeftOutRequests {
    /// Left out: no policy chose the arm.
    pub without_policy: u64,
    /// Left out: the propensity is no number in (0, 1].
    pub without_propensity: u64,
    /// Left out: the arm is none of those that can answer.
    pub unknown_arm: u64,
    /// Left out: the arm answered first with another version.
    pub other_version: u64,
    /// Replayed, in the order of time: rows that are earlier than a row before them.
    pub out_of_order: u64,
    /// Replayed as units of their own: rows without a unit.
    pub without_unit: u64,
    /// Replayed with the answer: outcomes whose time is before it.
    pub early_outcomes: u64,
    /// No evidence: outcomes without a loss, because none was computed, because it was no number, or because the outcome did not find
    /// its prediction.
    pub outcomes_without_loss: u64,
}

impl LeftOutRequests {
    /// How many rows are left out.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.without_policy + self.without_propensity + self.unknown_arm + self.other_version
    }
}

impl ReplayLog {
    /// Reads a log.
    ///
    /// # Errors
    /// As [`LogReader::predictions_with_outcomes`] and [`ReplayOptions::check`]; [`Error::InvalidInput`] for a log of several models of
    /// which none is named, and where nothing is left to be replayed; [`Error::Interrupted`].
    pub fn read(reader: &LogReader, options: &ReplayOptions) -> Result<Self> {
        Self::of(reader.predictions_with_outcomes()?, options)
    }

    /// Of rows that come from elsewhere: several logs, or those of a log that were chosen.
    ///
    /// # Errors
    /// As [`read`](Self::read), and the first error among the rows.
    pub fn of(
        predictions: impl IntoIterator<Item = Result<LoggedPrediction>>,
        options: &ReplayOptions,
    ) -> Result<Self> {
        options.check()?;
        let mut rows = Rows::default();
        let mut pace = interrupt::Pace::default();
        for prediction in predictions {
            pace.check(REPLAY, 1)?;
            rows.take(prediction?, options);
        }
        rows.finish(options)
    }

    /// The arms that can answer, the default first.
    #[must_use]
    pub fn arms(&self) -> &[Arm] {
        &self.arms
    }

    /// How many requests are replayed.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.len() as u64
    }

    /// What is left out, and what is odd.
    #[must_use]
    pub fn left_out(&self) -> &LeftOutRequests {
        &self.left_out
    }
}

impl Logged {
    /// Randomness for the request: with seed 0 that of the endpoint, which follows from the id.
    pub(super) fn draw(&self, seed: u64) -> Draw {
        let bits = xxh3_64(&self.prediction.outcome_id.to_u128().to_le_bytes());
        if seed == 0 {
            Draw::new(bits)
        } else {
            Draw::new(SplitMix64::new(bits ^ SplitMix64::new(seed).next_u64()).next_u64())
        }
    }
}

/// Rows on their way.
#[derive(Default)]
struct Rows {
    kept: Vec<LoggedPrediction>,
    models: BTreeSet<ModelName>,
    left_out: LeftOutRequests,
}

impl Rows {
    /// Keeps a row that can be replayed, whatever its arm.
    fn take(&mut self, mut prediction: LoggedPrediction, options: &ReplayOptions) {
        let within = options.since.is_none_or(|since| prediction.time >= since)
            && options.until.is_none_or(|until| prediction.time < until);
        if !within || options.model.as_ref().is_some_and(|model| *model != prediction.model) {
            return;
        }
        if !self.models.contains(&prediction.model) {
            self.models.insert(prediction.model.clone());
        }
        if prediction.epoch.is_none() {
            self.left_out.without_policy += 1;
        } else if !(prediction.propensity >= LEAST_PROPENSITY && prediction.propensity <= 1.0) {
            self.left_out.without_propensity += 1;
        } else {
            prediction.outputs = Batch::default();
            prediction.tensors = None;
            self.kept.push(prediction);
        }
    }

    fn finish(mut self, options: &ReplayOptions) -> Result<ReplayLog> {
        if self.models.len() > 1 {
            let names: Vec<&str> = self.models.iter().map(ModelName::as_str).collect();
            let problem = format!("the log has the models {}", names.join(", "));
            return Err(Error::invalid_input(REPLAY, "model", problem).remedy("name the one to replay"));
        }
        let mut latest = i64::MIN;
        for prediction in &self.kept {
            let time = prediction.time.as_micros();
            self.left_out.out_of_order += u64::from(time < latest);
            latest = latest.max(time);
        }
        self.kept.sort_by_key(|prediction| prediction.time);
        let arms = if options.arms.is_empty() { arms_of(&self.kept) } else { options.arms.clone() };
        let mut versions: Vec<Option<Version>> = vec![None; arms.len()];
        let mut requests = Vec::with_capacity(self.kept.len());
        for prediction in self.kept {
            let Some(arm) = arms.iter().position(|arm| *arm == prediction.arm) else {
                self.left_out.unknown_arm += 1;
                continue;
            };
            if let Some(first) = versions.get_mut(arm) {
                let first = first.get_or_insert(prediction.version);
                if options.versions == ReplayVersions::First && *first != prediction.version {
                    self.left_out.other_version += 1;
                    continue;
                }
            }
            requests.push(logged(prediction, arm, &mut self.left_out)?);
        }
        if requests.is_empty() {
            let problem = format!("no row of it can be replayed; {} were left out", self.left_out.total());
            return Err(Error::invalid_input(REPLAY, "log", problem)
                .remedy("look at the folder, the model, the times and the arms that were named"));
        }
        // Stable: requests of one moment stay in the order of their answers.
        requests.sort_by_key(|logged: &Logged| logged.decided);
        let floor = requests.iter().map(|logged| logged.prediction.propensity).fold(1.0, f64::min);
        // Nobody knows the version of an arm that never answers, and no evidence is about it.
        let candidates = arms.iter().zip(versions);
        let candidates = Candidates::new(
            candidates.map(|(arm, version)| Candidate::new(arm.clone(), version.unwrap_or(Version::FIRST))),
        )?;
        Ok(ReplayLog { arms, candidates, requests, left_out: self.left_out, floor })
    }
}

/// The arms of a log: in the order in which the first row with probabilities has them, and then as they come.
fn arms_of(predictions: &[LoggedPrediction]) -> Vec<Arm> {
    let told = predictions.iter().find(|prediction| !prediction.probabilities.is_empty());
    let told = told.into_iter().flat_map(|prediction| prediction.probabilities.iter().map(|(arm, _)| arm));
    let mut arms: Vec<Arm> = Vec::new();
    for arm in told.chain(predictions.iter().map(|prediction| &prediction.arm)) {
        if !arms.contains(arm) {
            arms.push(arm.clone());
        }
    }
    arms
}

fn logged(prediction: LoggedPrediction, arm: usize, odd: &mut LeftOutRequests) -> Result<Logged> {
    let unit = match &prediction.unit {
        Some(unit) => unit.clone(),
        None => {
            odd.without_unit += 1;
            UnitId::new(prediction.outcome_id.to_string())?
        }
    };
    odd.early_outcomes +=
        prediction.outcomes.iter().filter(|outcome| outcome.time < prediction.time).count() as u64;
    odd.outcomes_without_loss +=
        prediction.outcomes.iter().filter(|outcome| outcome.loss.is_none()).count() as u64;
    let answered = prediction.time.as_micros();
    let latency = i64::try_from(prediction.latency.as_micros()).unwrap_or(i64::MAX).min(LONGEST_LATENCY);
    Ok(Logged { prediction, arm, unit, decided: answered.saturating_sub(latency), answered })
}

/// Smaller ones have weights whose squares are no numbers.
const LEAST_PROPENSITY: f64 = 1e-100;
/// A day, in microseconds: no answer takes longer, and the clock of the replay does not begin years before its log.
const LONGEST_LATENCY: i64 = 86_400_000_000;
