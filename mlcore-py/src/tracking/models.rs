//! Logged models: models as runs made them, before they are registered.

use mlcore::Error;
use mlcore::name::{ExperimentId, LoggedModelId, RunId};
use mlcore::tracking::{DEFAULT_MODELS, LoggedModelSearch, ModelOutput, Tracker as _, TrackerExt};
use pyo3::prelude::*;
use pyo3::types::{PyMapping, PyString};

use super::Tracker;
use super::arguments::texts;
use super::handle::now;
use super::records::Records;
use crate::door::{Text, type_name, unicode};
use crate::error::{entry, invalid, wrong_type};

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl Tracker {
    /// A logged model that is not deleted.
    fn get_logged_model<'py>(&self, py: Python<'py>, model_id: Text) -> PyResult<Bound<'py, PyAny>> {
        let found = self.ask(py, |parts| {
            parts.flush()?;
            parts.tracker.logged_model(&LoggedModelId::new(&model_id)?)
        })?;
        entry(py, |py| Records::new(py)?.logged_model(&found))
    }

    /// A page of logged models, a list whose ``token`` says where the next page begins.
    ///
    /// Parameters
    /// ----------
    /// experiment_ids : list of str
    ///     Where to look.
    /// filter_string : str, optional
    ///     MLflow's language, such as ``metrics.auc > 0.8 AND name = 'forest'``.
    /// datasets : list of dict, optional
    ///     Metrics count only if they were measured on one of these: dicts with ``dataset_name`` and perhaps ``dataset_digest``.
    /// max_results : int, optional
    ///     The most models, 1 to 50,000. Default: 100.
    /// order_by : list of str or dict, optional
    ///     Columns, such as ``metrics.auc DESC``, or as MLflow writes it ``{"field_name": "metrics.auc", "ascending": False}``. Default: the
    ///     last created first.
    /// page_token : str, optional
    ///     Where the page begins, as the page before it says.
    #[pyo3(signature = (experiment_ids, filter_string = None, datasets = None, max_results = None, order_by = None, page_token = None))]
    #[expect(clippy::too_many_arguments, reason = "MLflow's signature")]
    fn search_logged_models<'py>(
        &self,
        py: Python<'py>,
        experiment_ids: Vec<Text>,
        filter_string: Option<Text>,
        datasets: Option<Vec<Bound<'py, PyAny>>>,
        max_results: Option<usize>,
        order_by: Option<Vec<Bound<'py, PyAny>>>,
        page_token: Option<Text>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (datasets, orders) = entry(py, |_| {
            let datasets = datasets.unwrap_or_default();
            let datasets: Vec<_> = datasets.iter().map(dataset).collect::<PyResult<_>>()?;
            let orders: Vec<_> = order_by.unwrap_or_default().iter().map(order).collect::<PyResult<_>>()?;
            Ok((datasets, orders))
        })?;
        let page = self.ask(py, |parts| {
            let experiments: Vec<ExperimentId> =
                experiment_ids.iter().map(ExperimentId::new).collect::<mlcore::Result<_>>()?;
            let mut search = LoggedModelSearch::new(experiments)
                .with_filter(filter_string.map(Text::into_string).unwrap_or_default())
                .with_limit(max_results.unwrap_or(DEFAULT_MODELS))
                .with_page(page_token.map(|token| token.parse()).transpose()?);
            (search.datasets, search.order_by) = (datasets, orders);
            parts.flush()?;
            parts.tracker.search_logged_models(&search)
        })?;
        entry(py, |py| Records::new(py)?.page(&page, Records::logged_model))
    }

    /// Labels a logged model; ``str`` shows the values.
    fn set_logged_model_tags(&self, py: Python<'_>, model_id: Text, tags: &Bound<'_, PyAny>) -> PyResult<()> {
        let tags = entry(py, |_| texts(Some(tags), "set logged model tags", "tags"))?;
        self.ask(py, |parts| {
            let model = LoggedModelId::new(&model_id)?;
            parts.tracker.set_logged_model_tags(&model, tags.into_iter().collect())
        })
    }

    /// Removes a label of a logged model, which must be there.
    fn delete_logged_model_tag(&self, py: Python<'_>, model_id: Text, key: Text) -> PyResult<()> {
        self.ask(py, |parts| {
            parts.tracker.delete_logged_model_tag(&LoggedModelId::new(&model_id)?, key.into_string())
        })
    }

    /// Logs parameters of a logged model, whose values never change; ``str`` shows them.
    fn log_model_params(&self, py: Python<'_>, model_id: Text, params: &Bound<'_, PyAny>) -> PyResult<()> {
        let params = entry(py, |_| texts(Some(params), "log model params", "params"))?;
        self.ask(py, |parts| {
            let model = LoggedModelId::new(&model_id)?;
            parts.tracker.log_logged_model_params(&model, params.into_iter().collect())
        })
    }

    /// Deletes a logged model: it is found no longer.
    fn delete_logged_model(&self, py: Python<'_>, model_id: Text) -> PyResult<()> {
        self.ask(py, |parts| parts.tracker.delete_logged_model(&LoggedModelId::new(&model_id)?, now()))
    }

    /// Says which logged models a run made, and at which training steps.
    ///
    /// Parameters
    /// ----------
    /// models : list of (str, int)
    ///     Ids and steps: at most 1,000.
    fn log_outputs(&self, py: Python<'_>, run_id: Text, models: Vec<(Text, i64)>) -> PyResult<()> {
        self.ask(py, |parts| {
            let outputs =
                models.into_iter().map(|(id, step)| Ok(ModelOutput::new(LoggedModelId::new(&id)?, step)));
            let outputs = outputs.collect::<mlcore::Result<Vec<_>>>()?;
            parts.tracker.log_outputs(&RunId::new(&run_id)?, outputs)
        })
    }
}

/// A dataset by name, and digest or any.
fn dataset(object: &Bound<'_, PyAny>) -> PyResult<(String, Option<String>)> {
    let mapping = mapping(object, "datasets", "{\"dataset_name\": \"train\"}")?;
    match text(mapping, "dataset_name")? {
        Some(name) => Ok((name, text(mapping, "dataset_digest")?)),
        None => {
            let remedy = "give each a dataset_name";
            Err(invalid(object.py(), SEARCH, "datasets", "one has no dataset_name", remedy))
        }
    }
}

/// A column to order by, in words.
fn order(object: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(words) = object.cast::<PyString>() {
        return unicode(words).map(str::to_owned);
    }
    let py = object.py();
    let mapping = mapping(object, "order_by", "\"metrics.auc DESC\"")?;
    let Some(field) = text(mapping, "field_name")? else {
        return Err(invalid(
            py,
            SEARCH,
            "order_by",
            "one has no field_name",
            "name the column, such as metrics.auc",
        ));
    };
    if text(mapping, "dataset_name")?.is_some() {
        let problem = "one orders by a metric on a dataset of its own";
        let error = Error::unsupported(SEARCH, "order_by", problem)
            .remedy("say with datasets= on which datasets metrics count");
        return Err(crate::error::raise(py, &error));
    }
    let ascending = match mapping.get_item("ascending") {
        Ok(ascending) if !ascending.is_none() => ascending.is_truthy()?,
        _ => true,
    };
    Ok(format!("{field} {}", if ascending { "ASC" } else { "DESC" }))
}

fn mapping<'a, 'py>(
    object: &'a Bound<'py, PyAny>,
    subject: &'static str,
    example: &str,
) -> PyResult<&'a Bound<'py, PyMapping>> {
    object.cast::<PyMapping>().map_err(|_| {
        let problem = format!("one is a {}", type_name(object));
        wrong_type(object.py(), SEARCH, subject, problem, &format!("pass a list of such as {example}"))
    })
}

fn text(mapping: &Bound<'_, PyMapping>, key: &str) -> PyResult<Option<String>> {
    match mapping.get_item(key) {
        Ok(found) if !found.is_none() => found.extract::<Text>().map(|text| Some(text.into_string())),
        _ => Ok(None),
    }
}

const SEARCH: &str = "search logged models";
