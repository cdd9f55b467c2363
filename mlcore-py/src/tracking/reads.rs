//! Reading a tracker, and searching it.

use mlcore::Error;
use mlcore::name::{ExperimentId, RunId};
use mlcore::tracking::{
    self, ExperimentSearch, MOST_ROWS, Run, RunSearch, Tracker as _, TrackerExt, ViewType,
};
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::arguments::view;
use super::frame;
use super::records::Records;
use super::{Parts, Tracker};
use crate::door::Text;
use crate::error::entry;
use crate::table::Table;

/// What to look for, read.
struct Wanted {
    experiments: Vec<String>,
    filter: String,
    view: ViewType,
    order: Vec<String>,
}

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl Tracker {
    /// An experiment, active or deleted.
    fn get_experiment<'py>(&self, py: Python<'py>, experiment_id: Text) -> PyResult<Bound<'py, PyAny>> {
        let found = self.ask(py, |parts| parts.tracker.experiment(&ExperimentId::new(&experiment_id)?))?;
        entry(py, |py| Records::new(py)?.experiment(&found))
    }

    /// The experiment of this name, active or deleted, or ``None``.
    fn get_experiment_by_name<'py>(
        &self,
        py: Python<'py>,
        name: Text,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = self.ask(py, |parts| match parts.tracker.experiment_by_name(&name) {
            Err(Error::NotFound(_)) => Ok(None),
            found => found.map(Some),
        })?;
        entry(py, |py| {
            let records = Records::new(py)?;
            found.map(|found| records.experiment(&found)).transpose()
        })
    }

    /// A page of experiments, a list whose ``token`` says where the next page begins.
    ///
    /// Parameters
    /// ----------
    /// view_type : int
    ///     1 for what is active, 2 for what was deleted, 3 for both: :class:`mlcore.tracking.ViewType`.
    /// max_results : int
    ///     The most experiments, 1 to 50,000.
    /// filter_string : str, optional
    ///     MLflow's language, such as ``name LIKE 'churn%' AND tags.team = 'growth'``.
    /// order_by : list of str, optional
    ///     Columns, such as ``name DESC``. Default: the last created first.
    /// page_token : str, optional
    ///     Where the page begins, as the page before it says.
    #[pyo3(signature = (view_type = None, max_results = 1000, filter_string = None, order_by = None, page_token = None))]
    fn search_experiments<'py>(
        &self,
        py: Python<'py>,
        view_type: Option<&Bound<'_, PyAny>>,
        max_results: usize,
        filter_string: Option<Text>,
        order_by: Option<Vec<Text>>,
        page_token: Option<Text>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let view = view_type.map(view).transpose()?.unwrap_or_default();
        let page = self.ask(py, |parts| {
            let mut search = ExperimentSearch::default().with_view(view).with_limit(max_results);
            search.filter = filter_string.map(Text::into_string).unwrap_or_default();
            search.order_by = order_by.unwrap_or_default().into_iter().map(Text::into_string).collect();
            search.page = token(page_token)?;
            parts.tracker.search_experiments(&search)
        })?;
        entry(py, |py| Records::new(py)?.page(&page, Records::experiment))
    }

    /// A run, active or deleted, with what was logged of it by now.
    fn get_run<'py>(&self, py: Python<'py>, run_id: Text) -> PyResult<Bound<'py, PyAny>> {
        let found = self.ask(py, |parts| {
            let run = RunId::new(&run_id)?;
            // What this process logged is seen by it.
            parts.flush()?;
            parts.tracker.run(&run)
        })?;
        entry(py, |py| Records::new(py)?.run(&found))
    }

    /// A page of runs, a list whose ``token`` says where the next page begins.
    ///
    /// Parameters
    /// ----------
    /// experiment_ids : list of str
    ///     Where to look.
    /// filter_string : str
    ///     MLflow's language, such as ``metrics.loss < 0.5 AND params.depth = '8'``.
    /// run_view_type : int
    ///     1 for what is active, 2 for what was deleted, 3 for both: :class:`mlcore.tracking.ViewType`.
    /// max_results : int
    ///     The most runs, 1 to 50,000.
    /// order_by : list of str, optional
    ///     Columns, such as ``metrics.loss ASC``. Default: the last begun first.
    /// page_token : str, optional
    ///     Where the page begins, as the page before it says.
    #[pyo3(
        signature = (
            experiment_ids, filter_string = Text::new(""), run_view_type = None, max_results = 1000, order_by = None,
            page_token = None
        ),
        text_signature = "($self, experiment_ids, filter_string='', run_view_type=None, max_results=1000, order_by=None, page_token=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "MLflow's signature")]
    fn search_runs<'py>(
        &self,
        py: Python<'py>,
        experiment_ids: Vec<Text>,
        filter_string: Text,
        run_view_type: Option<&Bound<'_, PyAny>>,
        max_results: usize,
        order_by: Option<Vec<Text>>,
        page_token: Option<Text>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let wanted = Wanted::of(experiment_ids, filter_string, run_view_type, order_by)?;
        let page = self.ask(py, |parts| {
            let search = wanted.search()?.with_limit(max_results).with_page(token(page_token)?);
            parts.flush()?;
            parts.tracker.search_runs(&search)
        })?;
        entry(py, |py| Records::new(py)?.page(&page, Records::run))
    }

    /// Runs as one table of Arrow, which polars, pandas, pyarrow and duckdb take: MLflow's columns, then a column for each metric,
    /// parameter and tag that any of the runs has, such as ``metrics.loss``.
    ///
    /// Parameters
    /// ----------
    /// experiment_ids, filter_string, run_view_type, order_by
    ///     As :meth:`search_runs` takes them.
    /// max_results : int
    ///     The most rows.
    #[pyo3(
        signature = (experiment_ids, filter_string = Text::new(""), run_view_type = None, max_results = 100_000, order_by = None),
        text_signature = "($self, experiment_ids, filter_string='', run_view_type=None, max_results=100000, order_by=None)"
    )]
    fn search_table(
        &self,
        py: Python<'_>,
        experiment_ids: Vec<Text>,
        filter_string: Text,
        run_view_type: Option<&Bound<'_, PyAny>>,
        max_results: usize,
        order_by: Option<Vec<Text>>,
    ) -> PyResult<Table> {
        let wanted = Wanted::of(experiment_ids, filter_string, run_view_type, order_by)?;
        let table = self.ask(py, |parts| frame::runs(&wanted.all(parts, max_results)?))?;
        Ok(Table::new(&table))
    }

    /// The whole history of a metric, in the order of time, step and value.
    fn get_metric_history<'py>(
        &self,
        py: Python<'py>,
        run_id: Text,
        key: Text,
    ) -> PyResult<Bound<'py, PyList>> {
        let found = self.ask(py, |parts| {
            let run = RunId::new(&run_id)?;
            parts.flush()?;
            parts.tracker.whole_history(&run, &key)
        })?;
        entry(py, |py| {
            let (records, points) = (Records::new(py)?, PyList::empty(py));
            for point in &found {
                points.append(records.metric(point)?)?;
            }
            Ok(points)
        })
    }

    /// As many runs as are wanted, page by page.
    #[pyo3(signature = (experiment_ids, filter_string, run_view_type, max_results, order_by))]
    fn _all_runs<'py>(
        &self,
        py: Python<'py>,
        experiment_ids: Vec<Text>,
        filter_string: Text,
        run_view_type: Option<&Bound<'_, PyAny>>,
        max_results: usize,
        order_by: Option<Vec<Text>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let wanted = Wanted::of(experiment_ids, filter_string, run_view_type, order_by)?;
        let found = self.ask(py, |parts| wanted.all(parts, max_results))?;
        entry(py, |py| Records::new(py)?.page(&tracking::Page::new(found, None), Records::run))
    }
}

impl Wanted {
    fn of(
        experiments: Vec<Text>,
        filter: Text,
        view_type: Option<&Bound<'_, PyAny>>,
        order: Option<Vec<Text>>,
    ) -> PyResult<Self> {
        Ok(Self {
            experiments: experiments.into_iter().map(Text::into_string).collect(),
            filter: filter.into_string(),
            view: view_type.map(view).transpose()?.unwrap_or_default(),
            order: order.unwrap_or_default().into_iter().map(Text::into_string).collect(),
        })
    }

    fn search(&self) -> mlcore::Result<RunSearch> {
        let experiments: Vec<ExperimentId> =
            self.experiments.iter().map(ExperimentId::new).collect::<mlcore::Result<_>>()?;
        let mut search = RunSearch::new(experiments).with_filter(&self.filter).with_view(self.view);
        search.order_by.clone_from(&self.order);
        Ok(search)
    }

    fn all(&self, parts: &Parts, most: usize) -> mlcore::Result<Vec<Run>> {
        let mut search = self.search()?;
        parts.flush()?;
        let mut found: Vec<Run> = Vec::new();
        loop {
            let left = most - found.len();
            if left == 0 && most > 0 {
                return Ok(found);
            }
            let page = parts.tracker.search_runs(&search.clone().with_limit(left.min(MOST_ROWS)))?;
            found.extend(page.items);
            match page.next {
                Some(next) => search = search.with_page(next),
                None => return Ok(found),
            }
        }
    }
}

fn token(text: Option<Text>) -> mlcore::Result<Option<tracking::PageToken>> {
    text.map(|text| text.parse()).transpose()
}
