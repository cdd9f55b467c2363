use std::time::Duration;

use mlcore::name::Arm;
use mlcore::time::Timestamp;
use mlcore::{Error, Result, interrupt};
use mlcore_drift::stream::{Signal, StreamDetector};
use serde::Serialize;

use super::log::Logged;
use super::queue::between;
use super::report::as_seconds;
use super::{Detection, Judged, REPLAY, ReplayLog, Truth};

/// The numbers of a log that a detector watches, in the order in which they became known.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub enum StreamValue {
    /// 1 for a request that failed, by an error or an invalid answer, and 0 for another.
    Failure,
    /// The seconds from the decision to the answer, of requests that were answered.
    LatencySeconds,
    /// Losses, when they were reported.
    Loss,
    /// Labels, when they were reported.
    Label,
    /// A raw feature of this name, of each row. What is no number there is passed over.
    Feature(String),
}

/// What a detector said to a log: text by its `Display`, JSON by serde.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct DetectorReport {
    /// Its name.
    pub detector: String,
    /// The arm whose requests it watched; none for all.
    pub arm: Option<Arm>,
    /// The values that it took.
    pub values: u64,
    /// The values that it took for none: NaN, infinities.
    pub ignored: u64,
    /// The values that it refused, outside of its domain.
    pub refused: u64,
    /// Its warnings.
    pub warnings: u64,
    /// The changes that it detected.
    pub alarms: Vec<Alarm>,
    /// Its alarms beside the truth; none where nobody knows it.
    pub judged: Option<Judged>,
}

/// A change that was detected.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Alarm {
    /// When.
    pub at: Timestamp,
    /// How long after the first request.
    #[serde(rename = "elapsed_seconds", serialize_with = "as_seconds")]
    pub elapsed: Duration,
    /// At which value, from 0.
    pub value: u64,
}

impl ReplayLog {
    /// Shows a detector the numbers of the log, of all requests or of those that `arm` answered. No arm is chosen anew.
    ///
    /// The detector is changed by it; hand in one that has just been started, with the parameters that are in question. Of the truth, the
    /// moment counts, and the arm where the detector watches one: an alarm from then on is right.
    ///
    /// ```no_run
    /// use mlcore_drift::stream::{Algorithm, Watch};
    /// use mlcore_serve::log::LogReader;
    /// use mlcore_serve::replay::{ReplayLog, ReplayOptions, StreamValue, Truth};
    ///
    /// let log = ReplayLog::read(&LogReader::new("log"), &ReplayOptions::default())?;
    /// let mut detector = Watch::default().start()?;
    /// let truth = Truth::worse("champion".parse()?, "2026-11-02T08:00:00Z".parse()?);
    /// print!("{}", log.replay_detector(&mut detector, &StreamValue::Failure, None, &truth)?);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`] for an arm that the log does not have; what the detector answers, but for values outside of its domain,
    /// which are counted; [`Error::Interrupted`].
    pub fn replay_detector(
        &self,
        detector: &mut dyn StreamDetector,
        value: &StreamValue,
        arm: Option<&Arm>,
        truth: &Truth,
    ) -> Result<DetectorReport> {
        let watched = arm.map(|arm| self.position_of(arm)).transpose()?;
        let mut values: Vec<(i64, f64)> = Vec::new();
        for logged in self.requests.iter().filter(|logged| watched.is_none_or(|arm| logged.arm == arm)) {
            values_of(logged, value, &mut values);
        }
        // Stable: of one moment, in the order of the requests.
        values.sort_by_key(|(time, _)| *time);
        let start = self.requests.first().map_or(0, |first| first.decided);
        let mut report = DetectorReport {
            detector: detector.name().to_owned(),
            arm: arm.cloned(),
            values: 0,
            ignored: 0,
            refused: 0,
            warnings: 0,
            alarms: Vec::new(),
            judged: None,
        };
        let mut judge = Judge::new(truth, arm, start);
        let mut pace = interrupt::Pace::default();
        for (time, value) in values {
            pace.check(REPLAY, 1)?;
            match detector.update(value) {
                Ok(Signal::Ignored) => report.ignored += 1,
                Ok(signal) => {
                    judge.count(time);
                    if signal.is_drift() {
                        judge.alarm(time);
                        let at = Timestamp::from_micros(time);
                        let elapsed = between(start, time);
                        report.alarms.push(Alarm { at, elapsed, value: report.values });
                    }
                    report.warnings += u64::from(signal == Signal::Warning);
                    report.values += 1;
                }
                Err(Error::InvalidInput(_)) => report.refused += 1,
                Err(error) => return Err(error),
            }
        }
        report.judged = judge.finish();
        Ok(report)
    }

    fn position_of(&self, arm: &Arm) -> Result<usize> {
        self.arms.iter().position(|own| own == arm).ok_or_else(|| {
            let names: Vec<&str> = self.arms.iter().map(Arm::as_str).collect();
            Error::not_found(REPLAY, arm.as_str(), format!("the arms are {}", names.join(", ")))
                .remedy("name one of them")
        })
    }
}

/// Holds alarms against the truth, one after the other.
pub(super) struct Judge<'a> {
    truth: &'a Truth,
    arm: Option<&'a Arm>,
    since: i64,
    values: u64,
    judged: Judged,
}

impl<'a> Judge<'a> {
    /// Of alarms about this arm, or about all; `start` is when the log begins.
    pub(super) fn new(truth: &'a Truth, arm: Option<&'a Arm>, start: i64) -> Self {
        let since = truth.since().map_or(start, |since| since.as_micros());
        let judged = Judged { false_alarms: 0, detection: None, promoted_worse: false };
        Self { truth, arm, since, values: 0, judged }
    }

    /// Counts a value.
    pub(super) fn count(&mut self, time: i64) {
        self.values += u64::from(time >= self.since);
    }

    pub(super) fn alarm(&mut self, time: i64) {
        let at = Timestamp::from_micros(time);
        match self.truth.confirms(self.arm, at) {
            None => {}
            Some(false) => self.judged.false_alarms += 1,
            Some(true) if self.judged.detection.is_none() => {
                let delay = between(self.since, time);
                self.judged.detection = Some(Detection { at, delay, requests: self.values });
            }
            // What was found already may be found again.
            Some(true) => {}
        }
    }

    pub(super) fn finish(self) -> Option<Judged> {
        (*self.truth != Truth::Unknown).then_some(self.judged)
    }
}

/// The numbers of a request, with the moments at which they became known.
fn values_of(logged: &Logged, value: &StreamValue, values: &mut Vec<(i64, f64)>) {
    let prediction = &logged.prediction;
    let has_failed = prediction.error.is_some() || prediction.invalid.is_some();
    let outcomes = prediction.outcomes.iter();
    let at = |time: mlcore::time::Timestamp| time.as_micros().max(logged.answered);
    match value {
        StreamValue::Failure => values.push((logged.answered, f64::from(u8::from(has_failed)))),
        StreamValue::LatencySeconds if prediction.error.is_some() => {}
        StreamValue::LatencySeconds => values.push((logged.answered, prediction.latency.as_secs_f64())),
        StreamValue::Loss => values.extend(outcomes.filter_map(|own| Some((at(own.time), own.loss?)))),
        StreamValue::Label => values.extend(outcomes.map(|own| (at(own.time), own.label))),
        StreamValue::Feature(name) => {
            let rows = prediction.features.iter().flatten().filter(|(own, _)| own == name);
            values.extend(rows.filter_map(|(_, value)| Some((logged.answered, value.as_f64()?))));
        }
    }
}
