use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlcore::Result;
use mlcore::batch::{Batch, RowScratch};
use mlcore::rollout::{Observation, Outcome, RolloutPolicy};
use mlcore::runner::RunOptions;
use mlcore_drift::monitor::{Monitor, Verdict};
use serde::Serialize;

use super::ledger::Ledger;
use super::shadow::{ShadowComparison, ShadowRun};
use crate::endpoint::decide::OutcomeId;
use crate::endpoint::record::{Item, Record, RecordedInput, Slip};

/// How wrong an answer was: the model's outputs for one request and the true outcome, to a loss of which less is better.
pub type Loss = Arc<dyn Fn(&Batch, f64) -> Result<f64> + Send + Sync>;

/// Takes every record after it was made, off the path of the request: a file, a table, a topic.
pub trait RecordSink: Send {
    /// Takes one record. What it cannot write it should count, not fail on.
    fn record(&mut self, record: &Record);
}

impl<F: FnMut(&Record) + Send> RecordSink for F {
    fn record(&mut self, record: &Record) {
        self(record);
    }
}

/// Counts of what went by, for a status page or a metric.
#[non_exhaustive]
#[derive(Clone, Debug, Default, Serialize)]
pub struct Counts {
    /// Requests recorded.
    pub records: u64,
    /// Of these, requests that the arm failed.
    pub failures: u64,
    /// Outcomes joined with their prediction.
    pub outcomes: u64,
    /// Outcomes whose prediction is unknown: never made, forgotten, or joined already.
    pub orphans: u64,
    /// Predictions forgotten before their outcome came, because too many were open.
    pub expired: u64,
    /// Decisions that were dropped without being recorded.
    pub abandoned: u64,
    /// Records, outcomes and shadows that did not fit into the queue.
    pub dropped: u64,
    /// Rows that a monitor could not take, because they do not fit its reference.
    pub unmonitored: u64,
    /// Outcomes whose loss could not be computed.
    pub unscored: u64,
}

/// The half of the endpoint that nobody waits for: joins outcomes, feeds policy, monitors, sinks, runs shadows.
pub(crate) struct Consumer {
    pub(crate) ledger: Ledger,
    pub(crate) loss: Option<Loss>,
    pub(crate) monitors: Vec<Monitor>,
    pub(crate) sinks: Vec<Box<dyn RecordSink>>,
    pub(crate) counts: Counts,
    pub(crate) shadows: Vec<ShadowComparison>,
    pub(crate) verdicts: VecDeque<Verdict>,
    latencies: Latencies,
    /// Shows recorded rows to the monitors.
    scratch: RowScratch,
}

impl Consumer {
    pub(crate) fn new(
        open_predictions: usize,
        loss: Option<Loss>,
        monitors: Vec<Monitor>,
        sinks: Vec<Box<dyn RecordSink>>,
    ) -> Self {
        Self {
            ledger: Ledger::new(open_predictions),
            loss,
            monitors,
            sinks,
            counts: Counts::default(),
            shadows: Vec::new(),
            verdicts: VecDeque::new(),
            latencies: Latencies::default(),
            scratch: RowScratch::default(),
        }
    }

    /// Works off one item; answers the slip of a record, whose memory may be used again.
    pub(crate) fn take(&mut self, item: Item, policy: &dyn RolloutPolicy) -> Option<Box<Slip>> {
        match item {
            Item::Record(mut slip) => {
                self.record(&mut slip, policy);
                return Some(slip);
            }
            Item::Shadow(run) => self.shadow(*run),
        }
        None
    }

    fn record(&mut self, slip: &mut Slip, policy: &dyn RolloutPolicy) {
        self.counts.records += 1;
        let record = &mut slip.record;
        let failed = record.error.is_some();
        if !self.sinks.is_empty() {
            record.outputs = slip.outputs.unpack().unwrap_or_default();
            for sink in &mut self.sinks {
                sink.record(record);
            }
        }
        if slip.is_evidence {
            self.counts.failures += u64::from(failed);
            let latency = record.latency;
            let observation = if failed { Observation::Failed } else { Observation::answered(latency) };
            let outcome = Outcome::new(&record.arm, observation).with_epoch(record.epoch);
            policy.observe(&outcome.with_propensity(record.propensity));
        }
        if !failed {
            self.latencies.add(record.latency);
            self.monitor(&record.input);
            let outputs = self.loss.is_some().then_some(&slip.outputs);
            self.ledger.insert(record.outcome_id, &record.arm, record.epoch, outputs);
            self.counts.expired = self.ledger.expired();
        }
    }

    fn monitor(&mut self, input: &RecordedInput) {
        for monitor in &mut self.monitors {
            let verdicts = match input {
                RecordedInput::Row(row) => {
                    self.scratch.with(row, |row| monitor.observe_row(row)).map(Vec::from_iter)
                }
                RecordedInput::Table(table) => monitor.observe(table),
                RecordedInput::None | RecordedInput::Tensors(_) => continue,
            };
            match verdicts {
                Ok(verdicts) => self.verdicts.extend(verdicts),
                Err(_) => self.counts.unmonitored += 1,
            }
        }
    }

    /// Joins an outcome with its prediction.
    pub(crate) fn outcome(&mut self, id: OutcomeId, label: f64, policy: &dyn RolloutPolicy) {
        let Some(joined) = self.ledger.take(id) else {
            self.counts.orphans += 1;
            return;
        };
        self.counts.outcomes += 1;
        let (Some(loss), Some(outputs)) = (&self.loss, joined.outputs) else { return };
        match outputs.unpack().and_then(|outputs| loss(&outputs, label)) {
            Ok(loss) if loss.is_finite() => {
                policy.observe(&Outcome::new(joined.arm, Observation::scored(loss)).with_epoch(joined.epoch));
            }
            _ => self.counts.unscored += 1,
        }
    }

    fn shadow(&mut self, run: ShadowRun) {
        let ShadowRun { arm, model, inputs, primary } = run;
        let version = model.version().version;
        let started = Instant::now();
        let answer = model.runner().run(&inputs, &RunOptions::default());
        let latency = started.elapsed();
        let known = self.shadows.iter().position(|shadow| shadow.arm == arm && shadow.version == version);
        let position = known.unwrap_or(self.shadows.len());
        if known.is_none() {
            self.shadows.push(ShadowComparison::new(arm, version));
        }
        if let Some(shadow) = self.shadows.get_mut(position) {
            shadow.add(&primary, answer, latency);
        }
    }

    pub(crate) fn latency_quantile(&self, share: f64) -> Duration {
        self.latencies.quantile(share)
    }
}

/// A histogram of latencies with buckets 1/16 of an octave wide: quantiles within 5 %, 8 kB, no allocation.
#[derive(Debug)]
struct Latencies {
    buckets: Vec<u64>,
    total: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { buckets: vec![0; 64 * PER_OCTAVE], total: 0 }
    }
}

impl Latencies {
    fn add(&mut self, latency: Duration) {
        let nanoseconds = latency.as_nanos().clamp(1, u128::from(u64::MAX)) as f64;
        let bucket = (nanoseconds.log2() * PER_OCTAVE as f64) as usize;
        let last = self.buckets.len() - 1;
        self.buckets[bucket.min(last)] += 1;
        self.total += 1;
    }

    fn quantile(&self, share: f64) -> Duration {
        let wanted = (share.clamp(0.0, 1.0) * self.total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                // The middle of the bucket.
                return Duration::from_nanos(((bucket as f64 + 0.5) / PER_OCTAVE as f64).exp2() as u64);
            }
        }
        Duration::ZERO
    }
}

const PER_OCTAVE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_quantiles_are_within_five_percent() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile(0.5), Duration::ZERO);
        for microseconds in 1..=1_000 {
            latencies.add(Duration::from_micros(microseconds));
        }
        for share in [0.5, 0.9, 0.99] {
            let quantile = latencies.quantile(share).as_secs_f64() * 1e6;
            assert!((quantile / (share * 1_000.0) - 1.0).abs() < 0.05, "{share}: {quantile}");
        }
        latencies.add(Duration::MAX);
        latencies.add(Duration::ZERO);
    }
}
