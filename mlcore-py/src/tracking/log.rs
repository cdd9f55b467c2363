//! Logging of one run, which waits for nothing.

use std::collections::HashMap;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use mlcore::name::{LoggedModelId, RunId};
use mlcore::tracking::{self, Batch, Edit, Metric, limits};
use mlcore::{Error, Result};
use pyo3::prelude::*;

use super::arguments::{items, key, number, text, texts, whole};
use super::handle::Handle;
use super::records;
use crate::door::Text;
use crate::error::{detached, entry, raise};

/// Logs of one run. Each call returns at once, and a thread writes; :meth:`flush` waits for it.
///
/// What cannot be logged is refused at once: a key or a value against the rules, and a parameter that this handle has logged with
/// another value. Any number of threads may share it, and a forked process has its own. Made by :meth:`Tracker.log`.
#[pyclass(module = "mlcore.tracking", frozen)]
pub(crate) struct RunLog {
    handle: Arc<Handle>,
    run: RunId,
    line: Line,
}

/// What a handle has in one process.
struct Line {
    process: u32,
    log: OnceLock<tracking::RunLog>,
    params: Mutex<HashMap<String, String>>,
    accepted: AtomicU64,
    dropped: AtomicU64,
    /// Written at once, without the buffer.
    direct: AtomicU64,
    /// What was refused before this handle was made.
    refused_before: OnceLock<u64>,
    child: OnceLock<Box<Line>>,
}

impl Line {
    fn new(params: HashMap<String, String>) -> Self {
        Self {
            process: process::id(),
            log: OnceLock::new(),
            params: Mutex::new(params),
            accepted: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            direct: AtomicU64::new(0),
            refused_before: OnceLock::new(),
            child: OnceLock::new(),
        }
    }
}

impl RunLog {
    /// Logs of a run of which these parameters are known.
    pub(super) fn new(handle: Arc<Handle>, run: RunId, params: HashMap<String, String>) -> Self {
        Self { handle, run, line: Line::new(params) }
    }

    fn line(&self) -> &Line {
        let own = process::id();
        let mut line = &self.line;
        while line.process != own {
            line = line.child.get_or_init(|| Box::new(Line::new(HashMap::new())));
        }
        line
    }

    fn log<'l>(&self, py: Python<'_>, line: &'l Line) -> PyResult<&'l tracking::RunLog> {
        if let Some(log) = line.log.get() {
            return Ok(log);
        }
        super::at_end(py)?;
        let made = detached(py, || {
            let parts = self.handle.parts()?;
            let refused = parts.tracker.refusals(&self.run).count;
            Ok((parts.buffer()?.run(self.run.clone()), refused))
        })?;
        line.refused_before.get_or_init(|| made.1);
        Ok(line.log.get_or_init(|| made.0))
    }

    /// Hands a batch that was checked to the buffer; answers whether all of it was accepted.
    fn push(&self, py: Python<'_>, batch: Batch) -> PyResult<bool> {
        let line = self.line();
        let log = self.log(py, line)?;
        let (mut accepted, mut dropped) = (0, 0);
        let mut count = |taken: bool| if taken { accepted += 1 } else { dropped += 1 };
        batch.metrics.into_iter().for_each(|metric| count(log.point(metric)));
        batch.params.into_iter().for_each(|(key, value)| count(log.param(key, value)));
        batch.tags.into_iter().for_each(|(key, value)| count(log.tag(key, value)));
        line.accepted.fetch_add(accepted, Ordering::Relaxed);
        if dropped > 0 {
            // A closed buffer takes nothing either.
            self.handle.parts().map_err(|error| raise(py, &error))?;
            line.dropped.fetch_add(dropped, Ordering::Relaxed);
        }
        Ok(dropped == 0)
    }

    /// Writes batches now, as one transaction, after what was logged before.
    fn write(&self, py: Python<'_>, batches: Vec<Batch>) -> PyResult<bool> {
        super::watch(py, &self.handle)?;
        let count: usize = batches.iter().map(Batch::len).sum();
        detached(py, || {
            let parts = self.handle.parts()?;
            parts.flush()?;
            let edits: Vec<Edit> = batches.into_iter().map(|batch| Edit::Log(Box::new(batch))).collect();
            parts.tracker.write_directly(&edits)
        })?;
        self.line().direct.fetch_add(count as u64, Ordering::Relaxed);
        Ok(true)
    }

    fn send(&self, py: Python<'_>, batches: Vec<Batch>, synchronous: bool) -> PyResult<bool> {
        if synchronous {
            return self.write(py, batches);
        }
        let mut all = true;
        for batch in batches {
            all &= self.push(py, batch)?;
        }
        Ok(all)
    }

    /// Batches of at most `most` things, each of which keeps the rules.
    fn batches<T>(
        &self,
        py: Python<'_>,
        things: Vec<T>,
        most: usize,
        add: impl Fn(Batch, T) -> Batch,
    ) -> PyResult<Vec<Batch>> {
        let mut batches = Vec::with_capacity(things.len().div_ceil(most));
        let mut things = things.into_iter().peekable();
        while things.peek().is_some() {
            let batch = things.by_ref().take(most).fold(Batch::new(self.run.clone()), &add);
            batches.push(checked(batch).map_err(|error| raise(py, &error))?);
        }
        Ok(batches)
    }

    /// Refuses a parameter that was logged with another value.
    fn note(&self, py: Python<'_>, params: &[(String, String)]) -> PyResult<()> {
        let mut known = self.line().params.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in params {
            match known.get(key) {
                Some(found) if found != value => {
                    let problem = format!("it was logged as {found:?} and cannot become {value:?}");
                    let error = Error::invalid_input("log param", key.as_str(), problem);
                    return Err(raise(py, &error.remedy("log it under another name, or in a nested run")));
                }
                Some(_) => {}
                None => drop(known.insert(key.clone(), value.clone())),
            }
        }
        Ok(())
    }
}

/// The batch, if a tracker takes it.
fn checked(batch: Batch) -> Result<Batch> {
    let edit = Edit::Log(Box::new(batch));
    limits::check(&edit)?;
    match edit {
        Edit::Log(batch) => Ok(*batch),
        _ => Err(Error::internal("log", "batch", "it became something else")),
    }
}

fn millis_now() -> i64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[pymethods]
impl RunLog {
    /// The id of the run.
    #[getter]
    fn run_id(&self) -> &str {
        self.run.as_str()
    }

    /// Logs a point of a metric. Answers whether it was accepted: a full queue drops it.
    ///
    /// Parameters
    /// ----------
    /// key : str
    ///     The metric: 1 to 250 letters, digits, ``_ - . / :`` and spaces.
    /// value : float
    ///     The value; NaN and infinities are values, too.
    /// step : int, optional
    ///     The training step. Default: 0.
    /// timestamp : int, optional
    ///     Milliseconds since 1970. Default: now.
    #[pyo3(signature = (key, value, step = None, timestamp = None))]
    fn metric(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        step: Option<&Bound<'_, PyAny>>,
        timestamp: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        entry(py, |py| {
            let key = self::key(key, METRIC)?;
            let value = number(value, METRIC, key)?;
            let at = whole(timestamp, METRIC, "timestamp")?.unwrap_or_else(millis_now);
            let step = whole(step, METRIC, "step")?.unwrap_or(0);
            let batch = Batch::new(self.run.clone()).with_metric(Metric::new(key, value, at).at_step(step));
            self.push(py, checked(batch).map_err(|error| raise(py, &error))?)
        })
    }

    /// Logs points of several metrics at one step and time, by their names.
    ///
    /// Parameters
    /// ----------
    /// metrics : dict of str to float
    ///     The values.
    /// step, timestamp : int, optional
    ///     As :meth:`metric` takes them.
    /// model : str, optional
    ///     The id of the logged model that they say something about.
    /// dataset : (str, str), optional
    ///     The name and the digest of the dataset on which they were measured.
    /// synchronous : bool
    ///     Whether they are written before the call returns, as one transaction.
    #[pyo3(signature = (metrics, step = None, timestamp = None, *, model = None, dataset = None, synchronous = false))]
    #[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
    fn metrics(
        &self,
        py: Python<'_>,
        metrics: &Bound<'_, PyAny>,
        step: Option<&Bound<'_, PyAny>>,
        timestamp: Option<&Bound<'_, PyAny>>,
        model: Option<Text>,
        dataset: Option<(Text, Text)>,
        synchronous: bool,
    ) -> PyResult<bool> {
        entry(py, |py| {
            let at = whole(timestamp, METRIC, "timestamp")?.unwrap_or_else(millis_now);
            let step = whole(step, METRIC, "step")?.unwrap_or(0);
            let model = model.map(|id| LoggedModelId::new(&id)).transpose().map_err(|e| raise(py, &e))?;
            let dataset = dataset.map(|(name, digest)| (name.into_string(), digest.into_string()));
            let mut points = Vec::new();
            for (key, value) in items(Some(metrics), METRIC, "metrics")? {
                let value = number(&value, METRIC, &key)?;
                let mut point = Metric::new(key, value, at).at_step(step);
                point.model.clone_from(&model);
                if let Some((name, digest)) = &dataset {
                    point = point.on_dataset(name, digest);
                }
                points.push(point);
            }
            let batches = self.batches(py, points, limits::MOST_METRICS, Batch::with_metric)?;
            self.send(py, batches, synchronous)
        })
    }

    /// Logs parameters, whose values never change, as ``str`` shows them: at most 6,000 characters each.
    #[pyo3(signature = (params, *, synchronous = false))]
    fn params(&self, py: Python<'_>, params: &Bound<'_, PyAny>, synchronous: bool) -> PyResult<bool> {
        entry(py, |py| {
            let params = texts(Some(params), "log param", "params")?;
            let add = |batch: Batch, (key, value): (String, String)| batch.with_param(key, value);
            let batches = self.batches(py, params.clone(), limits::MOST_PARAMS_OR_TAGS, add)?;
            self.note(py, &params)?;
            self.send(py, batches, synchronous)
        })
    }

    /// Logs one parameter.
    fn param(&self, py: Python<'_>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        entry(py, |py| {
            let param = (self::key(key, "log param")?.to_owned(), text(value)?);
            let batch = Batch::new(self.run.clone()).with_param(&param.0, &param.1);
            let batch = checked(batch).map_err(|error| raise(py, &error))?;
            self.note(py, std::slice::from_ref(&param))?;
            self.push(py, batch)
        })
    }

    /// Sets tags, as ``str`` shows their values: at most 8,000 characters each.
    #[pyo3(signature = (tags, *, synchronous = false))]
    fn tags(&self, py: Python<'_>, tags: &Bound<'_, PyAny>, synchronous: bool) -> PyResult<bool> {
        entry(py, |py| {
            let tags = texts(Some(tags), "set tag", "tags")?;
            let add = |batch: Batch, (key, value): (String, String)| batch.with_tag(key, value);
            let batches = self.batches(py, tags, limits::MOST_PARAMS_OR_TAGS, add)?;
            self.send(py, batches, synchronous)
        })
    }

    /// Waits until everything that was logged before is written or refused, and answers what became of it.
    ///
    /// Raises
    /// ------
    /// UnavailableError
    ///     When the tracker was away for longer than its patience: what waits goes on waiting.
    fn flush<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            super::watch(py, &self.handle)?;
            detached(py, || self.handle.parts()?.flush())?;
            self.found(py, true)
        })
    }

    /// What became of what was logged so far, without waiting.
    fn progress<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| self.found(py, false))
    }

    fn __repr__(&self) -> String {
        format!("<mlcore.tracking.RunLog {}>", self.run)
    }
}

impl RunLog {
    fn found<'py>(&self, py: Python<'py>, is_flushed: bool) -> PyResult<Bound<'py, PyAny>> {
        let line = self.line();
        let parts = self.handle.parts().map_err(|error| raise(py, &error))?;
        let refusals = parts.tracker.refusals(&self.run);
        let refused = refusals.count.saturating_sub(line.refused_before.get().copied().unwrap_or(0));
        let accepted = line.accepted.load(Ordering::Relaxed);
        let dropped = line.dropped.load(Ordering::Relaxed);
        let direct = line.direct.load(Ordering::Relaxed);
        let settled = accepted.saturating_sub(refused);
        // A buffer counts what waits for all its runs together.
        let waits = if is_flushed { 0 } else { parts.waiting().min(settled) };
        let first = refusals.first.filter(|_| refused > 0);
        records::flushed(py, settled - waits + direct, refused, dropped, waits, first)
    }
}

const METRIC: &str = "log metric";
