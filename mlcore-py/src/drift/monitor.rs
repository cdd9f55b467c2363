//! A monitor, as Python holds it.

use std::sync::{Mutex, MutexGuard};

use mlcore::arrow::array::RecordBatch;
use mlcore::batch::{OwnedValue, Row, Value};
use mlcore::schema::{DType, Field, Schema};
use mlcore::{Error, interrupt};
use mlcore_drift::monitor::{self, MonitorOptions, MonitorState};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::fleet::WindowCounts;
use super::verdict::Verdict;
use super::{ipc, options, pickle};
use crate::door::{self, Asked, Record};
use crate::error::{detached, entry, raise};
use crate::plain::{self, plain};
use crate::value::{self, Place};

/// Watches a stream of rows for changes against a reference.
///
/// Rows are gathered into windows of ``window_rows``; each full window is judged. A column drifted if its change is both
/// certain (the p-value, corrected for the number of tests) and large (the effect).
///
/// **Rows must be independent of each other.** Readings of a sensor or the requests of one user resemble those before them:
/// with a lag-1 autocorrelation of 0.5 a window of 1,000 rows says as much as 333 independent ones, and twenty unchanged
/// columns alarm in 78 of 100 windows at the defaults. ``verdict.notes`` says so where it shows (the runs test; of windows of independent
/// rows at most one in a thousand gets the note, a sorted table gets it too). ``thin=5`` takes every fifth row of traffic and
/// reference; data with a daily or weekly season wants a reference of the same hours or weekdays.
///
/// **Every window is a test.** At ``alpha=0.05`` one window in twenty alarms where nothing changed and no effect is too small
/// to matter. ``window_correction="alpha_spending"`` holds the probability that the monitor ever alarms falsely to ``alpha``:
/// later windows are judged by smaller error rates, of which ``verdict.alpha`` is the one.
///
/// A monitor pickles and copies with its reference and the rows of its open window: what is restored goes on where it stood,
/// apart from the original. The pickle holds rows of data; keep it where such rows may lie.
///
/// Parameters
/// ----------
/// reference : table
///     The rows a model was trained on, or a stretch of traffic that was good.
/// **options
///     ``window_rows=1000``, ``alpha=0.05``, ``correction="fdr_bh"`` for the tests of a window, ``window_correction="none"``
///     or ``"alpha_spending"`` over many windows, ``thin=1`` (one of so many rows is taken), ``min_samples=100``, ``max_categories=10000``,
///     ``drift_share`` (the share of drifted columns from which on the whole drifted, as Evidently's, whose default is 0.5; here one
///     column is enough), ``columns`` (all), ``minimum_effects`` (a dict of test to effect), ``column_options`` (a dict of column to a dict
///     of ``test``, ``minimum_effect``, ``kind``). Tests are chosen by ``preset="default"`` (``"evidently"`` and ``"nannyml"`` decide as
///     these libraries do: see :func:`report`), with p-values that are exact
///     up to ``max_exact_n=1000`` values; ``numeric_test``, ``discrete_test`` and ``categorical_test`` choose others: a
///     name, a test such as ``Psi(bins=20)``, or a dict such as ``{"name": "psi", "bins": 20}``. What :attr:`options`
///     gives, or a configuration file has, is taken as it is.
///
/// Raises
/// ------
/// InvalidInputError
///     For a reference without rows or columns to watch, and for impossible options.
///
/// Examples
/// --------
/// >>> from mlcore.drift import Monitor
/// >>> monitor = Monitor({"age": [float(i * 7 % 1000) for i in range(1000)]}, window_rows=500)
/// >>> [verdict.drifted for verdict in monitor.observe({"age": [900.0 + i % 90 for i in range(500)]})]
/// [True]
#[pyclass(module = "mlcore.drift", frozen)]
#[derive(Debug)]
pub(crate) struct Monitor {
    monitor: Mutex<monitor::Monitor>,
    schema: Schema,
    options: MonitorOptions,
    /// For pickle: the monitor itself keeps what its tests need.
    reference: Source,
}

/// What a monitor was made of.
#[derive(Debug)]
enum Source {
    Table(RecordBatch),
    Reference(Box<monitor::MonitorReference>),
}

#[pymethods]
impl Monitor {
    #[new]
    #[pyo3(signature = (reference, **options))]
    fn new(
        py: Python<'_>,
        reference: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        entry(py, |py| {
            let (reference, options) = parts(reference, options)?;
            detached(py, || Self::of(reference, options))
        })
    }

    /// Takes the rows of a table, and answers a verdict for each window that they complete.
    ///
    /// Parameters
    /// ----------
    /// frame : table
    ///     Columns are found by name. Others are listed in the verdict, as are watched ones that it does not have, whose rows
    ///     count as missing.
    ///
    /// Returns
    /// -------
    /// list of Verdict
    ///     Empty while the window is not full.
    ///
    /// Raises
    /// ------
    /// SchemaMismatchError
    ///     For a watched column of another kind, and a table without any of them; no row is counted then.
    fn observe(&self, py: Python<'_>, frame: &Bound<'_, PyAny>) -> PyResult<Vec<Verdict>> {
        entry(py, |py| {
            let watched: Vec<String> = self.schema.names().map(str::to_owned).collect();
            let asked = Asked { operation: OBSERVE, subject: "frame" };
            let table = door::watched_table(frame, &watched, asked)?;
            let verdicts = detached(py, || self.locked()?.observe(&table))?;
            Ok(verdicts.into_iter().map(Verdict::new).collect())
        })
    }

    /// Takes a single record, and answers a verdict if it completes a window.
    ///
    /// Parameters
    /// ----------
    /// row : dict
    ///     A value per watched column, or what else :meth:`mlcore.features.Plan.transform_row` takes; others are ignored.
    ///     ``None`` and NaN are missing, and so is, in a table, null.
    ///
    /// Raises
    /// ------
    /// SchemaMismatchError
    ///     For a watched column that is absent or of another kind; the row is not counted then.
    fn observe_row(&self, py: Python<'_>, row: &Bound<'_, PyAny>) -> PyResult<Option<Verdict>> {
        entry(py, |py| {
            let asked = Asked { operation: OBSERVE, subject: "row" };
            let columns: Vec<String> = self.schema.names().map(str::to_owned).collect();
            let row = Record::required(row, asked)?.by_name(py, &columns, true, asked)?;
            let mut cells: Vec<OwnedValue> = Vec::with_capacity(self.schema.len());
            for field in self.schema.fields() {
                let Some(object) = row.get(field.name())? else {
                    let problem = format!("the record has no value for it; a {} is expected", field.dtype());
                    let error = Error::schema_mismatch(OBSERVE, field.name(), problem);
                    return Err(raise(py, &error.remedy("send None where it is missing")));
                };
                let value = value::read(&object, Place::single(OBSERVE, field.name()))?;
                cells.push(value::meant(value, field.dtype()));
            }
            let values: Vec<Value<'_>> = cells.iter().map(OwnedValue::as_value).collect();
            let verdict = detached(py, || {
                // The monitor takes every type of the same meaning: True, 1 and 1.0 are one value.
                let row = Row::unchecked(&values).with_names_digest(self.schema.names_digest());
                self.locked()?.observe_row(row)
            })?;
            Ok(verdict.map(Verdict::new))
        })
    }

    /// Judges the rows of the current window so far; the window goes on.
    fn evaluate_now(&self, py: Python<'_>) -> PyResult<Verdict> {
        entry(py, |py| detached(py, || self.locked()?.evaluate_now()).map(Verdict::new))
    }

    /// The rows of the current window so far as counts, which those of other replicas can be added to in a
    /// :class:`Fleet`; the window goes on.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For a column whose test needs every value.
    fn counts(&self, py: Python<'_>) -> PyResult<WindowCounts> {
        entry(py, |py| detached(py, || self.locked()?.counts()).map(WindowCounts::new))
    }

    /// Drops the rows of the current window, as after a change of the model.
    fn reset_window(&self, py: Python<'_>) -> PyResult<()> {
        entry(py, |py| {
            detached(py, || {
                self.locked()?.reset_window();
                Ok(())
            })
        })
    }

    /// All options as plain values: a monitor with the same ones is ``Monitor(reference, **options)``.
    #[getter]
    fn options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| plain(py, "read options", &self.options))
    }

    /// The names of the watched columns.
    #[getter]
    fn columns(&self) -> Vec<&str> {
        self.schema.names().collect()
    }

    /// The rows of the current window so far.
    #[getter]
    fn rows_in_window(&self, py: Python<'_>) -> PyResult<usize> {
        // Another thread may hold the lock while it judges a window.
        entry(py, |py| detached(py, || Ok(self.locked()?.rows_in_window())))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Pickled<'py>)> {
        entry(py, |py| {
            let state = detached(py, || Ok(self.locked()?.save()))?;
            let reference = detached(py, || match &self.reference {
                Source::Table(table) => ipc::written(table),
                Source::Reference(reference) => reference.to_bytes(),
            })?;
            let [options, state] =
                [plain::json(py, "pickle", &self.options)?, plain::json(py, "pickle", &state)?];
            let pickled = (pickle::VERSION, PyBytes::new(py, &reference), options, state);
            Ok((pickle::function(py, "_monitor")?, pickled))
        })
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let rows = self.rows_in_window(py)?;
        Ok(format!(
            "<mlcore.drift.Monitor: {} columns, {rows} of {} rows>",
            self.schema.len(),
            self.options.window_rows
        ))
    }
}

/// A version, the reference, the options and how far the monitor is.
type Pickled<'py> = (u32, Bound<'py, PyBytes>, String, String);

/// The monitor that was pickled.
#[pyfunction]
#[pyo3(name = "_monitor")]
pub(crate) fn unpickled_monitor(
    py: Python<'_>,
    version: u32,
    reference: &[u8],
    options: &str,
    state: &str,
) -> PyResult<Monitor> {
    entry(py, |py| {
        let options: MonitorOptions = pickle::restored(py, "monitor", version, options)?;
        let state: MonitorState = pickle::restored(py, "monitor", version, state)?;
        detached(py, || {
            let monitor = match ipc::is_table(reference) {
                true => Monitor::of(ipc::read(reference)?, options)?,
                false => Monitor::of_reference(stored(reference)?)?,
            };
            monitor.locked()?.restore(&state)?;
            Ok(monitor)
        })
    })
}

/// The reference of a monitor that was made of one.
fn stored(bytes: &[u8]) -> mlcore::Result<monitor::MonitorReference> {
    monitor::MonitorReference::from_bytes(bytes).map_err(|cause| match cause {
        Error::Corrupt(_) => {
            Error::corrupt(pickle::OPERATION, "monitor", cause.context().problem().to_owned())
                .caused_by(cause)
        }
        other => other,
    })
}

impl Monitor {
    fn of(reference: RecordBatch, options: MonitorOptions) -> mlcore::Result<Self> {
        let mut monitor = monitor::Monitor::new(&reference, &options)?;
        let columns: Vec<String> = monitor.columns().map(str::to_owned).collect();
        let fields = columns.iter().map(|name| {
            let dtype = reference.column_by_name(name).and_then(|c| DType::from_arrow(c.data_type()));
            // A record's numbers are judged as floats, whatever the reference held.
            let dtype = dtype.filter(|dtype| matches!(dtype, DType::String | DType::Bool));
            Field::column(name, dtype.unwrap_or(DType::Float64)).nullable()
        });
        let schema = Schema::new(fields)?;
        monitor.bind(&schema)?;
        Ok(Self { monitor: Mutex::new(monitor), schema, options, reference: Source::Table(reference) })
    }

    pub(super) fn of_reference(reference: monitor::MonitorReference) -> mlcore::Result<Self> {
        let (mut monitor, schema) = (reference.monitor()?, reference.schema()?);
        monitor.bind(&schema)?;
        let options = reference.options().clone();
        Ok(Self {
            monitor: Mutex::new(monitor),
            schema,
            options,
            reference: Source::Reference(Box::new(reference)),
        })
    }

    /// The monitor, waited for until a signal comes.
    pub(crate) fn locked(&self) -> mlcore::Result<MutexGuard<'_, monitor::Monitor>> {
        interrupt::lock("observe", &self.monitor)
    }
}

/// What a monitor is made of: its reference and its options.
pub(crate) fn parts(
    reference: &Bound<'_, PyAny>,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<(RecordBatch, MonitorOptions)> {
    const OPERATION: &str = "make monitor";
    let options = options::of_monitor(options)?;
    let asked = Asked { operation: OPERATION, subject: "reference" };
    let reference = door::compared_table(reference, options.columns.as_deref(), asked)?;
    Ok((reference, options))
}

const OBSERVE: &str = "observe";
