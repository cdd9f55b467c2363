use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use mlcore::batch::{Batch, RowScratch};
use mlcore::name::ModelName;
use mlcore::rollout::{Observation, Outcome, RolloutPolicy};
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use mlcore_drift::monitor::Verdict;

use super::ledger::{Ledger, Unjoined};
use super::loss::{Scoring, Unscored};
use super::news::{InvalidByArm, News, RefusedOutcomes};
use super::sink::RecordSink;
use super::tally::{ArmTally, Tally, count};
use super::watch::{Own, Watch};
use crate::endpoint::decide::{Deployment, OutcomeId};
use crate::endpoint::input::{Columns, Input};
use crate::endpoint::measures::MeasureSubject;
use crate::endpoint::record::{
    About, OutcomeRecord, OutcomeStatus, Record, RecordedInput, Reported, ReportedMeasure, Slip,
};
use crate::endpoint::release::EventKind;

/// Joins outcomes with their predictions, and feeds policy, monitors and sinks: what one thread at a time does.
pub(crate) struct Consumer {
    ledger: Ledger,
    scoring: Option<Scoring>,
    watches: Vec<Watch>,
    /// The one that the default arm's version brings.
    own: Own,
    /// The columns that the watches follow.
    columns: Arc<Columns>,
    sinks: Vec<Box<dyn RecordSink>>,
    verdicts: VecDeque<Verdict>,
    invalid: InvalidByArm,
    refused: RefusedOutcomes,
    dropped: News,
    /// The outputs of the request whose rows have had their outcome last: the other rows come next.
    unpacked: Option<(OutcomeId, Batch)>,
    tally: Arc<Tally>,
    /// What is counted of each arm and version; those of now at the end.
    arms: Vec<OfArm>,
    #[cfg(feature = "metrics")]
    model: ModelName,
    /// Shows recorded rows to the monitors.
    scratch: RowScratch,
}

/// An arm and a version that answer, or did.
struct OfArm {
    tally: Arc<ArmTally>,
    #[cfg(feature = "metrics")]
    duration: metrics::Histogram,
}

impl Consumer {
    pub(crate) fn new(
        #[cfg_attr(not(feature = "metrics"), expect(unused_variables, reason = "a label of metrics"))]
        model: &ModelName,
        open_predictions: usize,
        scoring: Option<Scoring>,
        (watches, columns): (Vec<Watch>, Arc<Columns>),
        sinks: Vec<Box<dyn RecordSink>>,
        tally: Arc<Tally>,
    ) -> Self {
        Self {
            ledger: Ledger::new(open_predictions),
            scoring,
            watches,
            own: Own::default(),
            columns,
            sinks,
            verdicts: VecDeque::new(),
            invalid: InvalidByArm::default(),
            refused: RefusedOutcomes::default(),
            dropped: News::default(),
            unpacked: None,
            tally,
            arms: Vec::new(),
            #[cfg(feature = "metrics")]
            model: model.clone(),
            scratch: RowScratch::default(),
        }
    }

    /// Counts rows for a fleet, or not, from the next version on.
    pub(crate) fn count_for_fleet(&mut self, counts: bool) {
        self.own.counts = counts;
    }

    /// What is watched by the version's own reference.
    pub(crate) fn own(&mut self) -> &mut Own {
        &mut self.own
    }

    /// Lets the monitors follow the columns that the arms read now, and the default arm's version bring its own; answers what
    /// they cannot watch.
    pub(crate) fn follow(&mut self, deployment: &Deployment) -> Vec<EventKind> {
        let columns = &deployment.columns;
        let own = self.own.follow(deployment.monitor(), columns);
        if Arc::ptr_eq(&self.columns, columns) {
            return own.into_iter().collect();
        }
        self.columns = columns.clone();
        self.watches.iter_mut().filter_map(|watch| watch.follow(columns)).chain(own).collect()
    }

    /// Counts a request for its arm and version.
    fn count(&mut self, record: &Record, rows: usize) {
        let is_own = |own: &OfArm| own.tally.version == record.version && own.tally.arm == record.arm;
        let position = self.arms.iter().rposition(is_own).unwrap_or_else(|| {
            self.arms.push(OfArm {
                tally: Arc::new(ArmTally::new(record.arm.clone(), record.version)),
                #[cfg(feature = "metrics")]
                duration: crate::metrics::names::DURATION.histogram(&[
                    self.model.as_str(),
                    &record.version.to_string(),
                    record.arm.as_str(),
                ]),
            });
            self.tally.arms.store(Arc::new(self.arms.iter().map(|own| own.tally.clone()).collect()));
            self.arms.len() - 1
        });
        let Some(own) = self.arms.get(position) else { return };
        count(&own.tally.requests);
        if record.error.is_some() || record.invalid.is_some() {
            own.tally.fail(record.error);
        }
        if record.error.is_none() {
            let predictions = &own.tally.predictions;
            predictions.store(predictions.load(Ordering::Relaxed) + rows as u64, Ordering::Relaxed);
            #[cfg(feature = "metrics")]
            own.duration.record(record.latency);
        }
    }

    /// Works off one record.
    pub(crate) fn record(&mut self, slip: &mut Slip, policy: &dyn RolloutPolicy) {
        count(&self.tally.records);
        self.count(&slip.record, slip.rows);
        let record = &mut slip.record;
        if !self.sinks.is_empty() {
            record.outputs = slip.outputs.unpack().unwrap_or_default();
            if let RecordedInput::Row(row) = &record.input {
                self.columns.name(row.names_digest(), &mut record.columns);
            }
            for sink in &mut self.sinks {
                self.tally.caught.guard("a sink", || sink.record(record));
            }
        }
        if let Some(invalid) = record.invalid {
            count(&self.tally.invalid_answers);
            self.invalid.add(&record.arm, record.version, || invalid.problem().to_owned());
        }
        // An invalid answer is a failure of the arm, also one that a cache kept.
        if slip.is_evidence || record.invalid.is_some() {
            let failed = record.has_failed();
            if failed {
                count(&self.tally.failures);
            }
            let latency = record.latency;
            let observation = if failed { Observation::Failed } else { Observation::answered(latency) };
            let outcome = Outcome::new(&record.arm, observation).with_epoch(record.epoch);
            let outcome = outcome.with_propensity(record.propensity);
            self.tally.caught.guard("the policy", || {
                record.context.with(|context| policy.observe(&outcome.with_context(context)));
            });
        }
        if record.error.is_none() {
            self.tally.latencies.add(record.latency);
            self.monitor(&record.input);
            let outputs = self.scoring.is_some().then_some(&slip.outputs);
            self.ledger.insert(record, slip.rows, outputs);
            self.tally.expired.store(self.ledger.expired(), Ordering::Relaxed);
        }
    }

    fn monitor(&mut self, input: &RecordedInput) {
        if self.watches.is_empty() && self.own.watch.is_none() {
            return;
        }
        input.with(&mut self.scratch, |input| {
            for watch in self.watches.iter_mut().chain(&mut self.own.watch) {
                let verdicts = match input {
                    Input::Tensors(tensors) => {
                        match self.tally.caught.guard("a monitor", || watch.observe_tensors(tensors)) {
                            // None of them is watched.
                            Some(None) => continue,
                            observed => observed.flatten(),
                        }
                    }
                    Input::Row(row) => self
                        .tally
                        .caught
                        .guard("a monitor", || watch.observe_row(&self.columns, row).map(Vec::from_iter)),
                    // A record holds what was made of them.
                    Input::Entities => continue,
                    Input::Table(table) => self.tally.caught.guard("a monitor", || watch.observe(table)),
                };
                match verdicts {
                    Some(Ok(verdicts)) => self.verdicts.extend(verdicts),
                    Some(Err(_)) | None => count(&self.tally.unmonitored),
                }
            }
        });
    }

    /// Joins an outcome with its prediction, or with a row of it, and hands it to the sinks.
    pub(crate) fn outcome(&mut self, reported: Reported, deployment: &Deployment, at: Timestamp) {
        let (status, loss) = self.join(reported, deployment);
        let row = match reported.about() {
            About::Request => None,
            About::Row(row, _) => Some(row),
        };
        let Reported { id: outcome_id, label, .. } = reported;
        let record = OutcomeRecord { outcome_id, at, row, label, status, loss };
        for sink in &mut self.sinks {
            self.tally.caught.guard("a sink", || sink.outcome(&record));
        }
    }

    fn join(&mut self, reported: Reported, deployment: &Deployment) -> (OutcomeStatus, Option<f64>) {
        let Reported { id, label, .. } = reported;
        let by_row = self.scoring.as_ref().is_some_and(Scoring::takes_rows);
        let joined = match self.ledger.take(reported, by_row) {
            Ok(joined) => joined,
            Err(Unjoined::Orphan) => {
                count(&self.tally.orphans);
                return (OutcomeStatus::Orphan, None);
            }
            Err(Unjoined::Refused(problem)) => {
                count(&self.tally.refused_outcomes);
                self.refused.add(problem);
                return (OutcomeStatus::Refused, None);
            }
        };
        count(&self.tally.outcomes);
        if let Some(own) = self.arms.iter().rev().find(|own| own.tally.arm == *joined.arm) {
            count(&own.tally.outcomes);
        }
        let (Some(scoring), Some(kept)) = (&self.scoring, joined.kept) else {
            return (OutcomeStatus::Joined, None);
        };
        let outputs = match (joined.row, &self.unpacked) {
            (None, _) => kept.outputs.unpack(),
            (Some(row), Some((known, outputs))) if *known == id => outputs.rows_in(row..row + 1),
            (Some(row), _) => kept.outputs.unpack().and_then(|outputs| {
                let own = outputs.rows_in(row..row + 1);
                self.unpacked = Some((id, outputs));
                own
            }),
        };
        let scored = outputs.map_err(Unscored::Answer).and_then(|outputs| {
            // It was counted as a failure when it was recorded.
            if scoring.fault_of(&outputs).is_some() {
                return Err(Unscored::Request);
            }
            let scored = self.tally.caught.guard("the loss", || scoring.score(&outputs, label));
            scored.unwrap_or_else(|| {
                let problem = "the loss panicked on the answer";
                Err(Unscored::Answer(Error::internal("score answer", "loss", problem)))
            })
        });
        let (loss, problem) = match scored {
            Ok(loss) if loss.is_finite() => (loss, None),
            Ok(loss) => (loss, Some(format!("the loss of the answer is {loss}"))),
            Err(Unscored::Request) => {
                count(&self.tally.unscored);
                return (OutcomeStatus::Joined, None);
            }
            // What is no number the policy takes for a failure: else an arm would win by losing its worst answers.
            Err(Unscored::Answer(error)) => (f64::NAN, Some(error.to_string())),
        };
        if let Some(problem) = problem {
            count(&self.tally.unscored);
            count(&self.tally.failures);
            count(&self.tally.invalid_answers);
            if let Some(model) = deployment.arm(joined.arm) {
                self.invalid.add(joined.arm, model.version().version, || problem);
            }
        }
        let outcome = Outcome::new(joined.arm, Observation::scored(loss)).with_epoch(joined.epoch);
        let outcome = outcome.with_propensity(joined.propensity);
        self.tally.caught.guard("the policy", || {
            kept.with_context(|context| deployment.policy.observe(&outcome.with_context(context)));
        });
        (OutcomeStatus::Joined, Some(loss).filter(|loss| loss.is_finite()))
    }

    /// Hands a number or a verdict to the policy, as evidence of what it is about.
    pub(crate) fn measure(&self, reported: ReportedMeasure, deployment: &Deployment) {
        let ReportedMeasure { about, assigned, observation } = reported;
        let observe = |outcome: Outcome<'_>| {
            self.tally.caught.guard("the policy", || deployment.policy.observe(&outcome));
        };
        match &about {
            MeasureSubject::Prediction(id) => {
                let Some(joined) = self.ledger.find(*id) else { return count(&self.tally.stale_measures) };
                let outcome = Outcome::new(joined.arm, observation).with_epoch(joined.epoch);
                let outcome = outcome.with_propensity(joined.propensity);
                match joined.kept {
                    Some(kept) => kept.with_context(|context| observe(outcome.with_context(context))),
                    None => observe(outcome),
                }
            }
            MeasureSubject::Version { arm, version } => {
                // Looked at again: the version may have gone since it was reported.
                let answers = deployment.arm(arm).is_some_and(|model| model.version().version == *version);
                let Some((epoch, propensity)) = assigned.filter(|_| answers) else {
                    return count(&self.tally.stale_measures);
                };
                observe(Outcome::new(arm, observation).with_epoch(epoch).with_propensity(propensity));
            }
        }
        count(&self.tally.measures);
    }

    /// So many records and outcomes were dropped by now: the number where it is news.
    pub(crate) fn dropped(&mut self, total: u64) -> Option<u64> {
        self.dropped.reach(total);
        self.dropped.tell()
    }

    /// The outcomes that were refused since the last call, where that is news. Ends a run of outcomes.
    pub(crate) fn refused_outcomes(&mut self) -> Option<EventKind> {
        self.unpacked = None;
        self.refused.event()
    }

    /// The arms whose answers were invalid, where that is news.
    pub(crate) fn invalid_answers(&mut self) -> impl Iterator<Item = EventKind> {
        self.invalid.events()
    }

    /// The verdicts on windows that ended since the last call.
    pub(crate) fn verdicts(&mut self) -> impl Iterator<Item = Verdict> {
        #[cfg(feature = "metrics")]
        self.verdicts.iter().for_each(|verdict| crate::metrics::judged(&self.model, verdict));
        self.verdicts.drain(..)
    }

    /// Judges the monitors' windows as they stand.
    pub(crate) fn judge_now(&self) -> Result<Vec<Verdict>> {
        self.watches.iter().chain(&self.own.watch).map(Watch::evaluate_now).collect()
    }
}
