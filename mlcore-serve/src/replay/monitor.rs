use mlcore::batch::{Row, Value};
use mlcore::time::Timestamp;
use mlcore::{Error, Result, interrupt};
use mlcore_drift::monitor::{Monitor, Outcome, Verdict};
use serde::Serialize;

use super::detector::Judge;
use super::{Judged, REPLAY, ReplayLog, Truth};

/// What a drift monitor said to the features of a log: text by its `Display`, JSON by serde.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct MonitorReport {
    /// The rows that it took.
    pub rows: u64,
    /// The rows that it could not take, because a value is of another kind than in its reference.
    pub refused: u64,
    /// Its verdicts, one for each window that ended.
    pub windows: Vec<WindowReplay>,
    /// Its alarms beside the truth; none where nobody knows it. An alarm is a window that drifted.
    pub judged: Option<Judged>,
}

/// A window of a monitor.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct WindowReplay {
    /// When its last row came.
    pub at: Timestamp,
    /// Its first row, of all that the monitor took, from 0.
    pub first_row: u64,
    /// Its last row.
    pub last_row: u64,
    /// The judgement.
    pub overall: Outcome,
    /// The columns that drifted.
    pub columns: Vec<String>,
}

impl WindowReplay {
    /// Whether the data had changed.
    #[must_use]
    pub fn is_drifted(&self) -> bool {
        self.overall == Outcome::Drifted
    }

    fn of(verdict: &Verdict, at: Timestamp) -> Self {
        let drifted = verdict.columns.iter().filter(|column| column.outcome == Outcome::Drifted);
        let mut columns: Vec<String> = drifted.map(|column| column.column.clone()).collect();
        columns.dedup();
        let window = verdict.window;
        let last_row = (window.first_row + window.rows).saturating_sub(1);
        Self { at, first_row: window.first_row, last_row, overall: verdict.overall, columns }
    }
}

impl ReplayLog {
    /// Shows a monitor the raw features of the log, row by row in the order of the answers. A column that a row does not have is null
    /// there. A window that is not full at the end has no verdict.
    ///
    /// The monitor is changed by it; hand in a new one, with the options that are in question.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the log has none of the monitor's columns: they were tensors, or redacted. What the monitor answers, but
    /// for values that it cannot take, whose rows are counted; [`Error::Interrupted`].
    pub fn replay_monitor(&self, monitor: &mut Monitor, truth: &Truth) -> Result<MonitorReport> {
        let columns: Vec<String> = monitor.columns().map(str::to_owned).collect();
        let has_one = |name: &String| columns.contains(name);
        let known = self.requests.iter().flat_map(|logged| logged.prediction.features.iter().flatten());
        if !known.into_iter().any(|(name, _)| has_one(name)) {
            let problem = format!("no row has one of the columns {}", columns.join(", "));
            return Err(Error::not_found(REPLAY, "features", problem)
                .remedy("log raw features, and do not redact those that are watched"));
        }
        let start = self.requests.first().map_or(0, |first| first.decided);
        let mut report = MonitorReport { rows: 0, refused: 0, windows: Vec::new(), judged: None };
        let mut judge = Judge::new(truth, None, start);
        let mut order: Vec<usize> = (0..self.requests.len()).collect();
        order.sort_by_key(|number| self.requests.get(*number).map(|logged| logged.answered));
        let mut pace = interrupt::Pace::default();
        let mut values: Vec<Value<'_>> = Vec::with_capacity(columns.len());
        for logged in order.into_iter().filter_map(|number| self.requests.get(number)) {
            for row in &logged.prediction.features {
                pace.check(REPLAY, columns.len())?;
                values.clear();
                values.extend(columns.iter().map(|column| {
                    let own = row.iter().find(|(name, _)| name == column);
                    own.map_or(Value::Null, |(_, value)| value.as_value())
                }));
                match monitor.observe_row(Row::unchecked(&values)) {
                    Ok(verdict) => {
                        report.rows += 1;
                        judge.count(logged.answered);
                        let Some(verdict) = verdict else { continue };
                        let window = WindowReplay::of(&verdict, logged.prediction.time);
                        if window.is_drifted() {
                            judge.alarm(logged.answered);
                        }
                        report.windows.push(window);
                    }
                    Err(Error::SchemaMismatch(_)) => report.refused += 1,
                    Err(error) => return Err(error),
                }
            }
        }
        report.judged = judge.finish();
        Ok(report)
    }
}
