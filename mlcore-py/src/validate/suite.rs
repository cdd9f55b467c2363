//! A suite, as Python holds it. Its methods that add expectations are Python's.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use mlcore::batch::OwnedValue;
use mlcore::time::Timestamp;
use mlcore_features::validate::{self, Expectation, RunOptions};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use super::frames::{self, VALIDATE};
use super::report::Report;
use super::row::{RowChecks, RowVerdict};
use super::severity;
use crate::door::{self, Asked, Record, Text};
use crate::error::{detached, entry, invalid, raise};
use crate::plain::plain;
use crate::profiles::Profile;
use crate::value::{self, Place};

/// The native half of a suite.
#[pyclass(module = "mlcore.validate", name = "_Suite", subclass, frozen)]
#[derive(Debug)]
pub(crate) struct NativeSuite {
    suite: Mutex<Held>,
}

/// A suite, and what rows are asked of it, once a row came.
#[derive(Debug)]
struct Held {
    suite: validate::Suite,
    rows: Option<RowChecks>,
}

const READ: &str = "read suite";

/// The place, the name and the reason of an expectation that was not taken.
type Refused = (usize, String, String);

#[pymethods]
impl NativeSuite {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
    fn new(name: Text) -> Self {
        Self::of(validate::Suite::new(&*name))
    }

    /// The name.
    #[getter]
    fn name(&self) -> String {
        self.held().suite.name().to_owned()
    }

    /// The expectations in order, as dicts: ``expect``, the parameters, and ``mostly``, ``severity``, ``where`` and ``notes`` where they
    /// are not the defaults.
    #[getter]
    fn expectations<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| plain(py, READ, &self.suite().expectations()))
    }

    /// Adds an expectation, which is written as JSON.
    fn _add(&self, py: Python<'_>, json: &str) -> PyResult<()> {
        entry(py, |py| {
            let refused = |problem: String| {
                invalid(
                    py,
                    "add expectation",
                    "expectation",
                    problem,
                    "look at the documentation of the method",
                )
            };
            let expectation: Expectation =
                serde_json::from_str(json).map_err(|cause| refused(cause.to_string()))?;
            let alone = validate::Suite::new("").with(expectation.clone());
            alone
                .check()
                .map_err(|error| refused(format!("{expectation}: {}", error.context().problem())))?;
            let mut held = self.held();
            held.rows = None;
            held.suite = std::mem::take(&mut held.suite).with(expectation);
            Ok(())
        })
    }

    /// Reads a suite from TOML.
    ///
    /// Parameters
    /// ----------
    /// text : str
    ///     As :meth:`to_toml` writes it and people edit it.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     With the line and the column of what cannot be read, or of an expectation that cannot be meant.
    #[classmethod]
    fn from_toml<'py>(class: &Bound<'py, PyType>, text: &str) -> PyResult<Bound<'py, PyAny>> {
        entry(class.py(), |py| Self::made(class, detached(py, || validate::Suite::from_toml(text))?))
    }

    /// The suite as TOML: a table ``[[expectations]]`` for each.
    fn to_toml(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| self.suite().to_toml().map_err(|error| raise(py, &error)))
    }

    /// Reads a suite from the JSON of :meth:`to_json`.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For text that is no suite.
    #[classmethod]
    fn from_json<'py>(class: &Bound<'py, PyType>, text: &str) -> PyResult<Bound<'py, PyAny>> {
        entry(class.py(), |py| {
            let suite: validate::Suite = serde_json::from_str(text).map_err(|cause| {
                invalid(py, READ, "JSON", cause.to_string(), "correct the text at this place")
            })?;
            suite.check().map_err(|error| raise(py, &error))?;
            Self::made(class, suite)
        })
    }

    /// The suite as JSON.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| crate::plain::json(py, READ, &self.suite()))
    }

    /// The expectations of a suite of Great Expectations that mean the same here, and the others: their places, names and reasons.
    #[classmethod]
    fn _imported<'py>(class: &Bound<'py, PyType>, json: &str) -> PyResult<(Bound<'py, PyAny>, Vec<Refused>)> {
        entry(class.py(), |py| {
            let imported = detached(py, || validate::Suite::from_great_expectations(json))?;
            let refused = imported.refused.into_iter();
            let refused = refused.map(|refused| (refused.place, refused.name, refused.reason)).collect();
            Ok((Self::made(class, imported.suite)?, refused))
        })
    }

    /// A suite of what a table or a profile shows, to be edited: each expectation says in its notes why it is there.
    ///
    /// Of a profile: there is a row; the columns are there; no value is missing, mostly; numbers are within a range that is a tenth wider
    /// at both ends; few values are of a set; lengths of text are within a range. Of a table also the types of its columns, and which
    /// columns are unique; nothing is expected that the table itself does not meet.
    ///
    /// Parameters
    /// ----------
    /// data : table or Profile
    /// name : str
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.validate import Suite
    /// >>> suite = Suite.infer({"age": [18 + row * 7 % 60 for row in range(500)]}, name="people")
    /// >>> suite.expectations[3]["expect"], suite.expectations[3]["bounds"]
    /// ('column_values_to_be_between', {'min_value': 12, 'max_value': 83})
    #[classmethod]
    #[pyo3(signature = (data, *, name = "inferred"))]
    fn infer<'py>(
        class: &Bound<'py, PyType>,
        data: &Bound<'py, PyAny>,
        name: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        entry(class.py(), |py| {
            let name = name.to_owned();
            let suite = match data.cast::<Profile>() {
                Ok(profile) => {
                    let profile = profile.get().snapshot(py)?;
                    detached(py, || validate::Suite::infer(name, &profile))?
                }
                Err(_) => {
                    let table = door::table(data, Asked { operation: "infer suite", subject: "data" })?;
                    detached(py, || validate::Suite::infer_table(name, &table))?
                }
            };
            Self::made(class, suite)
        })
    }

    /// Looks at a table: at all of it in one pass.
    ///
    /// Parameters
    /// ----------
    /// frame : table, stream of batches, or path
    ///     A frame of pandas, polars or pyarrow, a dict of columns, or what else holds a table. What exports an Arrow stream, such as a
    ///     ``pyarrow.RecordBatchReader``, is read batch by batch, and a path is that of a file of Parquet, of which the columns are read
    ///     that the suite asks about: neither has to fit into memory.
    /// references : dict of str to array_like or ColumnProfile, optional
    ///     The columns and profiles that expectations name: keys that may occur, samples of how a column looked.
    /// now : datetime, optional
    ///     The moment that ages are counted from. Default: when it is called. Without a time zone it is in UTC.
    /// max_unexpected : int
    ///     So many unexpected values are told of each expectation, with their rows.
    /// max_values : int
    ///     So many values are held of a column whose quantiles, z-scores or distinct values are asked for; a table with more is refused,
    ///     unless ``spill_folder`` takes the distinct values.
    /// spill_folder : path, optional
    ///     A folder for distinct values beyond ``max_values``: uniqueness and counts of tables of any size are exact.
    /// threads : int
    ///     So many threads share a table that lies in memory.
    ///
    /// Returns
    /// -------
    /// Report
    ///     An expectation about a column that is not there, or is of a type that it cannot be asked of, is not met, and its result says
    ///     why; the others are answered.
    ///
    /// Raises
    /// ------
    /// SchemaMismatchError
    ///     For batches of differing columns.
    /// UnsupportedError
    ///     For more values than ``max_values``.
    #[pyo3(signature = (
        frame, *, references = None, now = None, max_unexpected = 20, max_values = 100_000_000,
        spill_folder = None, threads = 1
    ))]
    #[expect(clippy::too_many_arguments, reason = "each is a keyword of Python's")]
    fn validate(
        &self,
        frame: &Bound<'_, PyAny>,
        references: Option<BTreeMap<String, Bound<'_, PyAny>>>,
        now: Option<&Bound<'_, PyAny>>,
        max_unexpected: usize,
        max_values: usize,
        spill_folder: Option<PathBuf>,
        threads: usize,
    ) -> PyResult<Report> {
        entry(frame.py(), |py| {
            let references = frames::references(py, references)?;
            let mut options = RunOptions::default()
                .with_now(moment(py, now)?)
                .with_most_unexpected(max_unexpected)
                .with_most_values(max_values)
                .with_threads(threads);
            if let Some(folder) = spill_folder {
                options = options.with_spill_folder(folder);
            }
            let suite = self.suite();
            let report = frames::validated(frame, &suite, &references, &options)?;
            Ok(Report { report, suite })
        })
    }

    /// The rows of a table that do not pass, and the reasons of each.
    fn _failing<'py>(
        &self,
        frame: &Bound<'py, PyAny>,
        references: Option<BTreeMap<String, Bound<'py, PyAny>>>,
        severity: &str,
    ) -> PyResult<(Vec<usize>, Vec<String>)> {
        entry(frame.py(), |py| {
            let severity = self::severity(py, severity)?;
            let references = frames::references(py, references)?;
            let suite = self.suite();
            let table = frames::asked_table(frame, &suite, Asked { operation: "split table", ..VALIDATE })?;
            let failing = detached(py, || {
                frames::compiled(&suite, &table, &references)?.failing_rows(&table, severity)
            })?;
            Ok(failing.into_iter().unzip())
        })
    }

    /// Looks at one row: at what can be asked of a row by itself, by expectations about values and about several columns of a row.
    ///
    /// What needs other rows or the column as a whole is not asked, nor what needs a reference. ``mostly`` is of no account.
    ///
    /// Parameters
    /// ----------
    /// row : dict
    ///     A value for each column; a row of pandas or a named tuple are taken, too. A column that is absent is missing.
    ///
    /// Returns
    /// -------
    /// RowVerdict
    ///     A value of a kind that an expectation cannot be asked of, such as text among numbers, does not meet it.
    fn check_row(&self, row: &Bound<'_, PyAny>) -> PyResult<RowVerdict> {
        entry(row.py(), |py| {
            let asked = Asked { operation: CHECK_ROW, subject: "row" };
            let record = Record::required(row, asked)?;
            let mut held = self.held();
            if held.rows.is_none() {
                held.rows = Some(RowChecks::new(&held.suite).map_err(|error| raise(py, &error))?);
            }
            let Held { suite, rows: Some(checks) } = &mut *held else {
                return Err(invalid(
                    py,
                    CHECK_ROW,
                    "row",
                    "the suite was not made ready",
                    "report this to mlcore",
                ));
            };
            let mut values = Vec::with_capacity(checks.columns().len());
            for name in checks.columns() {
                values.push(match record.get(name)? {
                    Some(object) => value::read(&object, Place::single(CHECK_ROW, name))?,
                    None => OwnedValue::Null,
                });
            }
            checks.check(suite, &values).map_err(|error| raise(py, &error))
        })
    }

    fn __len__(&self) -> usize {
        self.held().suite.expectations().len()
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| {
            // One after the other: it may be compared with itself.
            let theirs = other.get().suite();
            self.held().suite == theirs
        })
    }

    fn __str__(&self) -> String {
        self.held().suite.to_string()
    }

    fn __repr__(&self) -> String {
        let held = self.held();
        format!(
            "<mlcore.validate.Suite {:?}: {} expectations>",
            held.suite.name(),
            held.suite.expectations().len()
        )
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((slf.get_type().getattr("from_json")?, (slf.get().to_json(slf.py())?,)))
    }
}

const CHECK_ROW: &str = "check row";

impl NativeSuite {
    pub(super) fn of(suite: validate::Suite) -> Self {
        Self { suite: Mutex::new(Held { suite, rows: None }) }
    }

    /// An object of the class, which may be one of Python's, with this suite.
    fn made<'py>(class: &Bound<'py, PyType>, suite: validate::Suite) -> PyResult<Bound<'py, PyAny>> {
        let made = class.call1((PyString::new(class.py(), suite.name()),))?;
        *made.cast::<Self>()?.get().held() = Held { suite, rows: None };
        Ok(made)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.suite.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn suite(&self) -> validate::Suite {
        self.held().suite.clone()
    }
}

/// A moment that was handed in, or that of this call.
fn moment(py: Python<'_>, given: Option<&Bound<'_, PyAny>>) -> PyResult<Timestamp> {
    let Some(given) = given else {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        return Ok(Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)));
    };
    match value::read(given, Place::single(VALIDATE.operation, "now"))? {
        OwnedValue::Timestamp(moment) => Ok(moment),
        OwnedValue::DateTime(shown) => Ok(Timestamp::new(shown.count(), shown.unit())),
        _ => Err(invalid(py, VALIDATE.operation, "now", "it is no moment", "pass a datetime")),
    }
}
