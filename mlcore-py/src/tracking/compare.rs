//! Runs side by side.

use mlcore::name::RunId;
use mlcore::tracking::{self, Compared, RunInfo, Tracker as _};
use mlcore_drift::html::{Align, Markup, Page, Table};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::Tracker;
use super::records::Records;
use crate::door::Text;
use crate::error::entry;

/// Several runs side by side: every parameter, metric and tag that one of them has, and where they differ.
///
/// Made by :func:`mlcore.compare_runs`. A notebook shows it as a table with a column for each run, ``print`` as text, in which a star
/// stands before what differs.
///
/// Examples
/// --------
/// >>> import mlcore
/// >>> mlcore.set_tracking_url("memory:")
/// >>> for depth in (4, 8):
/// ...     with mlcore.start_run(run_name=f"depth {depth}"):
/// ...         mlcore.log_params({"depth": depth, "trees": 100})
/// ...         mlcore.log_metric("loss", 1 / depth)
/// >>> comparison = mlcore.compare_runs(mlcore.search_runs(order_by=["metrics.loss ASC"], output_format="list"))
/// >>> comparison.differing().to_dict()["params"]
/// {'depth': ['8', '4']}
/// >>> mlcore.get_run(comparison.best("loss", greater_is_better=False)).info.run_name
/// 'depth 8'
#[pyclass(module = "mlcore.tracking", frozen)]
pub(crate) struct RunComparison {
    comparison: tracking::RunComparison,
}

#[pymethods]
impl RunComparison {
    /// The runs in the order in which they were given: lists of :meth:`to_dict` have their order.
    #[getter]
    fn runs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        entry(py, |py| {
            let (records, runs) = (Records::new(py)?, PyList::empty(py));
            for info in &self.comparison.runs {
                runs.append(records.run_info(info)?)?;
            }
            Ok(runs)
        })
    }

    /// The same runs, with what differs between them alone.
    fn differing(&self) -> Self {
        Self { comparison: self.comparison.differing() }
    }

    /// The id of the run that is best by a metric: the first of those with the greatest value, or with the least. None where no run has
    /// a number for it; NaN is none.
    ///
    /// Parameters
    /// ----------
    /// metric : str
    ///     The metric, such as ``loss``.
    /// greater_is_better : bool
    ///     Whether the greatest value is the best, as of an accuracy.
    #[pyo3(signature = (metric, *, greater_is_better))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
    fn best(&self, metric: Text, greater_is_better: bool) -> Option<&str> {
        let place = self.comparison.best(&metric, greater_is_better)?;
        self.comparison.runs.get(place).map(|run| run.id.as_str())
    }

    /// The comparison as plain values: ``runs``, a list of ids, and ``params``, ``metrics`` and ``tags``, a list with a value for each run by
    /// key, ``None`` where a run has none.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        entry(py, |py| {
            let all = &self.comparison;
            let dict = PyDict::new(py);
            dict.set_item("runs", all.runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>())?;
            dict.set_item("params", texts(py, &all.params)?)?;
            let metrics = PyDict::new(py);
            for compared in &all.metrics {
                let values: Vec<Option<f64>> =
                    compared.values.iter().map(|metric| metric.as_ref().map(|metric| metric.value)).collect();
                metrics.set_item(&compared.key, values)?;
            }
            dict.set_item("metrics", metrics)?;
            dict.set_item("tags", texts(py, &all.tags)?)?;
            Ok(dict)
        })
    }

    /// A frame with a row for each run, and a column for each parameter, metric and tag, such as ``metrics.loss``.
    ///
    /// Parameters
    /// ----------
    /// library : {"pandas", "polars"}, optional
    ///     Which frame. Default: pandas if it is installed, otherwise polars.
    #[pyo3(signature = (*, library = None))]
    fn to_frame<'py>(
        &self,
        py: Python<'py>,
        library: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let all = &self.comparison;
            let rows = PyList::empty(py);
            for (place, run) in all.runs.iter().enumerate() {
                let row = PyDict::new(py);
                row.set_item("run_id", run.id.as_str())?;
                row.set_item("run_name", &run.name)?;
                row.set_item("status", run.status.name())?;
                for compared in &all.params {
                    row.set_item(format!("params.{}", compared.key), at(compared, place))?;
                }
                for compared in &all.metrics {
                    let value = at(compared, place).map(|metric| metric.value);
                    row.set_item(format!("metrics.{}", compared.key), value)?;
                }
                for compared in &all.tags {
                    row.set_item(format!("tags.{}", compared.key), at(compared, place))?;
                }
                rows.append(row)?;
            }
            let options = PyDict::new(py);
            options.set_item("library", library)?;
            options.set_item("columns", ["run_id", "run_name", "status"])?;
            py.import("mlcore._frame")?.getattr("frame")?.call((rows,), Some(&options))
        })
    }

    /// The comparison as one HTML page that loads nothing and runs nothing.
    fn to_html(&self) -> String {
        self.page().to_html()
    }

    fn _repr_html_(&self) -> String {
        self.page().to_fragment()
    }

    fn __str__(&self) -> String {
        self.comparison.to_string()
    }

    fn __len__(&self) -> usize {
        self.comparison.runs.len()
    }

    fn __repr__(&self) -> String {
        format!("<mlcore.tracking.RunComparison of {} runs>", self.comparison.runs.len())
    }
}

impl RunComparison {
    fn page(&self) -> Page {
        let all = &self.comparison;
        let about = self.table([
            ("run", false, self.of_runs(|run| run.id.to_string())),
            ("status", false, self.of_runs(|run| run.status.name().to_owned())),
            ("started", false, self.of_runs(|run| run.start_time.to_string())),
        ]);
        let shown = |compared: &Compared<String>| {
            compared.values.iter().map(|value| value.clone().unwrap_or_default()).collect::<Vec<_>>()
        };
        let numbers = |compared: &Compared<tracking::Metric>| {
            let values = compared.values.iter().map(|metric| metric.as_ref().map(|metric| metric.value));
            values.map(|value| value.map_or_else(String::new, |value| value.to_string())).collect::<Vec<_>>()
        };
        // What clients write by themselves says nothing of a run.
        let of_people = all.tags.iter().filter(|tag| !tag.key.starts_with("mlflow."));
        Page::new(format!("{} runs", all.runs.len()))
            .lead(about)
            .section(
                "metrics",
                self.table(all.metrics.iter().map(|row| (row.key.as_str(), row.differs, numbers(row)))),
            )
            .section(
                "parameters",
                self.table(all.params.iter().map(|row| (row.key.as_str(), row.differs, shown(row)))),
            )
            .section("tags", self.table(of_people.map(|row| (row.key.as_str(), row.differs, shown(row)))))
    }

    fn of_runs(&self, of: impl Fn(&RunInfo) -> String) -> Vec<String> {
        self.comparison.runs.iter().map(of).collect()
    }

    /// A column for each run, and a star before what differs.
    fn table<'a>(&self, rows: impl IntoIterator<Item = (&'a str, bool, Vec<String>)>) -> Markup {
        let mut headings = vec![("", Align::Left)];
        headings.extend(self.comparison.runs.iter().map(|run| (run.name.as_str(), Align::Left)));
        let mut table = Table::new(&headings);
        for (name, differs, values) in rows {
            let name = if differs { format!("* {name}") } else { name.to_owned() };
            let cells = std::iter::once(name).chain(values);
            table.row(cells.map(|cell| Markup::text(&cell)));
        }
        table.markup()
    }
}

fn at<V>(compared: &Compared<V>, place: usize) -> Option<&V> {
    compared.values.get(place).and_then(Option::as_ref)
}

fn texts<'py>(py: Python<'py>, all: &[Compared<String>]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for compared in all {
        dict.set_item(&compared.key, &compared.values)?;
    }
    Ok(dict)
}

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl Tracker {
    /// Compares runs with what was logged of them by now.
    ///
    /// Parameters
    /// ----------
    /// run_ids : list of str
    ///     The runs, in the order in which they are shown.
    ///
    /// Raises
    /// ------
    /// NotFoundError
    ///     For a run that is not there.
    fn compare_runs(&self, py: Python<'_>, run_ids: Vec<Text>) -> PyResult<RunComparison> {
        let runs = self.ask(py, |parts| {
            parts.flush()?;
            let runs = run_ids.iter().map(|id| parts.tracker.run(&RunId::new(id)?));
            runs.collect::<mlcore::Result<Vec<_>>>()
        })?;
        Ok(RunComparison { comparison: tracking::RunComparison::of(&runs) })
    }
}
