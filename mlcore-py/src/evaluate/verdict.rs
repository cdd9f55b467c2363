//! What a gate says of a challenger.

use mlcore::evaluate;
use mlcore_drift::html::{Align, Page, Table, Tone, paragraph, pill};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::error::entry;
use crate::plain::plain;

/// Whether the challenger may take the champion's place, and why or why not.
#[pyclass(module = "mlcore.evaluate", frozen)]
#[derive(Debug)]
pub(crate) struct GateVerdict {
    pub(super) verdict: evaluate::GateVerdict,
}

#[pymethods]
impl GateVerdict {
    /// Whether every check passed.
    #[getter]
    fn passed(&self) -> bool {
        self.verdict.passed
    }

    /// The checks in the order in which they were made.
    #[getter]
    fn checks(&self) -> Vec<GateCheck> {
        self.verdict.checks.iter().cloned().map(|check| GateCheck { check }).collect()
    }

    /// The verdict as plain dicts and lists.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| plain(py, "write verdict", &self.verdict))
    }

    /// The challenger's number of each metric that was looked at, by name: for ``metrics=`` of ``Registry.register`` and for
    /// ``Registry.set_metrics``. Of several checks of one metric the first counts; ``latency`` is in seconds.
    #[getter]
    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let metrics = PyDict::new(py);
        for (name, value) in self.verdict.metrics() {
            metrics.set_item(name, value)?;
        }
        Ok(metrics)
    }

    /// The checks as a frame with a row for each.
    ///
    /// Parameters
    /// ----------
    /// library : {"pandas", "polars"}, optional
    ///     Which frame. Default: pandas if it is installed, otherwise polars.
    ///
    /// Returns
    /// -------
    /// pandas.DataFrame or polars.DataFrame
    ///     The columns ``metric``, ``champion``, ``challenger``, ``difference``, ``low`` and ``high`` (its interval), ``margin``,
    ///     ``passed``, ``sentence``.
    #[pyo3(signature = (*, library = None))]
    fn to_frame<'py>(
        &self,
        py: Python<'py>,
        library: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let rows = PyList::empty(py);
            for check in &self.verdict.checks {
                let row = PyDict::new(py);
                row.set_item("metric", &check.metric)?;
                row.set_item("champion", check.champion)?;
                row.set_item("challenger", check.challenger)?;
                row.set_item("difference", check.difference)?;
                row.set_item("low", check.interval.map(|interval| interval[0]))?;
                row.set_item("high", check.interval.map(|interval| interval[1]))?;
                row.set_item("margin", check.margin)?;
                row.set_item("passed", check.passed)?;
                row.set_item("sentence", &check.sentence)?;
                rows.append(row)?;
            }
            let options = PyDict::new(py);
            options.set_item("library", library)?;
            py.import("mlcore._frame")?.getattr("frame")?.call((rows,), Some(&options))
        })
    }

    fn _repr_html_(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |_| Ok(html(&self.verdict)))
    }

    fn __str__(&self) -> String {
        self.verdict.to_string()
    }

    fn __repr__(&self) -> String {
        let failed = self.verdict.failed().count();
        let (answer, all) =
            (if self.verdict.passed { "passed" } else { "not passed" }, self.verdict.checks.len());
        format!("<mlcore.evaluate.GateVerdict: {answer}, {failed} of {all} checks failed>")
    }
}

/// One question of a gate and its answer.
#[pyclass(module = "mlcore.evaluate", frozen)]
#[derive(Debug)]
pub(crate) struct GateCheck {
    check: evaluate::Check,
}

#[pymethods]
impl GateCheck {
    /// What was looked at: the name of a metric, ``samples`` or ``latency``.
    #[getter]
    fn metric(&self) -> &str {
        &self.check.metric
    }

    /// The champion's value.
    #[getter]
    fn champion(&self) -> Option<f64> {
        self.check.champion
    }

    /// The challenger's value.
    #[getter]
    fn challenger(&self) -> Option<f64> {
        self.check.challenger
    }

    /// The challenger's value less the champion's.
    #[getter]
    fn difference(&self) -> Option<f64> {
        self.check.difference
    }

    /// The confidence interval of the difference.
    #[getter]
    fn interval(&self) -> Option<(f64, f64)> {
        self.check.interval.map(Into::into)
    }

    /// What was asked for: a margin, a limit, a budget in seconds.
    #[getter]
    fn margin(&self) -> Option<f64> {
        self.check.margin
    }

    /// The answer.
    #[getter]
    fn passed(&self) -> bool {
        self.check.passed
    }

    /// The answer and its reason in plain words.
    #[getter]
    fn sentence(&self) -> &str {
        &self.check.sentence
    }

    fn __repr__(&self) -> String {
        format!("<{}: {}>", if self.check.passed { "passed" } else { "not passed" }, self.check.sentence)
    }
}

/// A table of the checks.
fn html(verdict: &evaluate::GateVerdict) -> String {
    let headings = [
        ("metric", Align::Left),
        ("", Align::Left),
        ("champion", Align::Right),
        ("challenger", Align::Right),
        ("", Align::Left),
    ];
    let mut table = Table::new(&headings);
    let answer = |passed| match passed {
        true => pill("passed", Tone::Good),
        false => pill("not passed", Tone::Bad),
    };
    let number = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{value:.4}").into());
    for check in &verdict.checks {
        table.row([
            check.metric.as_str().into(),
            answer(check.passed),
            number(check.champion),
            number(check.challenger),
            check.sentence.as_str().into(),
        ]);
    }
    Page::new("Gate").lead([paragraph(answer(verdict.passed)), table.markup()]).to_fragment()
}
