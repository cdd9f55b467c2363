//! What changes a tracker without waiting in its buffer: experiments, runs, what they read and made.

use std::collections::BTreeMap;

use mlcore::name::{ExperimentId, LoggedModelId, RunId};
use mlcore::time::Timestamp;
use mlcore::tracking::{
    LoggedModelStatus, ModelOutput, NewExperiment, NewLoggedModel, NewRun, RunStatus, TrackerExt,
};
use pyo3::prelude::*;

use super::arguments::{dataset_inputs, text, texts, whole};
use super::handle::now;
use super::records::Records;
use super::{Parts, Tracker};
use crate::door::Text;
use crate::error::entry;

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl Tracker {
    /// Creates an experiment, and answers its id.
    ///
    /// Parameters
    /// ----------
    /// name : str
    ///     1 to 500 characters; no other experiment has it, not even a deleted one.
    /// artifact_location : str, optional
    ///     Where the files of its runs will lie, as a URI. Default: in the tracker's folder of artifacts.
    /// tags : dict, optional
    ///     Its labels; ``str`` shows their values.
    ///
    /// Raises
    /// ------
    /// AlreadyExistsError
    ///     Where there is one of this name.
    #[pyo3(signature = (name, artifact_location = None, tags = None))]
    fn create_experiment(
        &self,
        py: Python<'_>,
        name: Text,
        artifact_location: Option<Text>,
        tags: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        let tags: BTreeMap<String, String> = texts(tags, "create experiment", "tags")?.into_iter().collect();
        let location = artifact_location.map(Text::into_string);
        self.ask(py, |parts| {
            let made = parts.tracker.create_numbered_experiment(|id| {
                let mut new = NewExperiment::new(id, &*name, now());
                (new.artifact_location, new.tags) = (location.clone(), tags.clone());
                new
            })?;
            Ok(made.id.as_str().to_owned())
        })
    }

    /// Gives an experiment another name.
    fn rename_experiment(&self, py: Python<'_>, experiment_id: Text, new_name: Text) -> PyResult<()> {
        self.of_experiment(py, &experiment_id, |parts, id| {
            parts.tracker.rename_experiment(id, new_name.into_string(), now())
        })
    }

    /// Deletes an experiment and its runs; both can be restored.
    fn delete_experiment(&self, py: Python<'_>, experiment_id: Text) -> PyResult<()> {
        self.of_experiment(py, &experiment_id, |parts, id| parts.tracker.delete_experiment(id, now()))
    }

    /// Restores a deleted experiment and its runs.
    fn restore_experiment(&self, py: Python<'_>, experiment_id: Text) -> PyResult<()> {
        self.of_experiment(py, &experiment_id, |parts, id| parts.tracker.restore_experiment(id, now()))
    }

    /// Labels an experiment.
    fn set_experiment_tag(
        &self,
        py: Python<'_>,
        experiment_id: Text,
        key: Text,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let value = text(value)?;
        self.of_experiment(py, &experiment_id, |parts, id| {
            parts.tracker.set_experiment_tag(id, key.into_string(), value)
        })
    }

    /// Removes a label of an experiment.
    fn delete_experiment_tag(&self, py: Python<'_>, experiment_id: Text, key: Text) -> PyResult<()> {
        self.of_experiment(py, &experiment_id, |parts, id| {
            parts.tracker.delete_experiment_tag(id, key.into_string())
        })
    }

    /// Creates a run, which is running from then on.
    ///
    /// Parameters
    /// ----------
    /// experiment_id : str
    ///     The experiment, which must be active.
    /// start_time : int, optional
    ///     Milliseconds since 1970. Default: now.
    /// tags : dict, optional
    ///     Its tags; ``str`` shows their values.
    /// run_name : str, optional
    ///     Its name. Default: three words that follow from the id.
    /// run_id : str, optional
    ///     Its id. Default: 32 random hexadecimal digits, as MLflow's.
    /// user_id : str
    ///     Who runs it.
    ///
    /// Raises
    /// ------
    /// NotFoundError, InvalidInputError
    ///     For an experiment that is not there, or deleted.
    #[pyo3(
        signature = (experiment_id, start_time = None, tags = None, run_name = None, *, run_id = None, user_id = Text::new("")),
        text_signature = "($self, experiment_id, start_time=None, tags=None, run_name=None, *, run_id=None, user_id='')"
    )]
    #[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
    fn create_run<'py>(
        &self,
        py: Python<'py>,
        experiment_id: Text,
        start_time: Option<&Bound<'_, PyAny>>,
        tags: Option<&Bound<'_, PyAny>>,
        run_name: Option<Text>,
        run_id: Option<Text>,
        user_id: Text,
    ) -> PyResult<Bound<'py, PyAny>> {
        let tags = texts(tags, "create run", "tags")?;
        let start = whole(start_time, "create run", "start_time")?.map_or_else(now, Timestamp::from_millis);
        let id = match run_id {
            Some(id) => id.into_string(),
            None => new_hex(py)?,
        };
        let made = self.ask(py, |parts| {
            let experiment = ExperimentId::new(&experiment_id)?;
            let mut new =
                NewRun::new(RunId::new(&id)?, experiment, start).with_user_id(user_id.into_string());
            new.name = run_name.map(Text::into_string).filter(|name| !name.is_empty());
            new.tags = tags.into_iter().collect();
            parts.tracker.start_run(new)
        })?;
        entry(py, |py| Records::new(py)?.run(&made))
    }

    /// Changes how far a run is, or its name. What is ``None`` stays as it is.
    #[pyo3(signature = (run_id, status = None, name = None))]
    fn update_run(
        &self,
        py: Python<'_>,
        run_id: Text,
        status: Option<Text>,
        name: Option<Text>,
    ) -> PyResult<()> {
        self.of_run(py, &run_id, |parts, id| {
            let status = status.map(|status| status.parse::<RunStatus>()).transpose()?;
            parts.tracker.update_run(id, status, None, name.map(Text::into_string))
        })
    }

    /// Ends a run, after what was logged of it is written.
    ///
    /// Parameters
    /// ----------
    /// status : {"FINISHED", "FAILED", "KILLED", "RUNNING", "SCHEDULED"}
    ///     How it ended.
    /// end_time : int, optional
    ///     Milliseconds since 1970. Default: now.
    #[pyo3(
        signature = (run_id, status = Text::new("FINISHED"), end_time = None),
        text_signature = "($self, run_id, status='FINISHED', end_time=None)"
    )]
    fn set_terminated(
        &self,
        py: Python<'_>,
        run_id: Text,
        status: Text,
        end_time: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let end = whole(end_time, "end run", "end_time")?.map_or_else(now, Timestamp::from_millis);
        self.of_run(py, &run_id, |parts, id| {
            let status = status.parse::<RunStatus>()?;
            parts.flush()?;
            parts.tracker.end_run(id, status, end)
        })
    }

    /// Deletes a run; it can be restored.
    fn delete_run(&self, py: Python<'_>, run_id: Text) -> PyResult<()> {
        self.of_run(py, &run_id, |parts, id| {
            parts.flush()?;
            parts.tracker.delete_run(id, now())
        })
    }

    /// Restores a deleted run.
    fn restore_run(&self, py: Python<'_>, run_id: Text) -> PyResult<()> {
        self.of_run(py, &run_id, |parts, id| parts.tracker.restore_run(id))
    }

    /// Removes a tag of a run, which must be there.
    fn delete_tag(&self, py: Python<'_>, run_id: Text, key: Text) -> PyResult<()> {
        self.of_run(py, &run_id, |parts, id| {
            parts.flush()?;
            parts.tracker.delete_tag(id, key.into_string())
        })
    }

    /// Says what a run read. What it is known to have read already stays as it is.
    ///
    /// Parameters
    /// ----------
    /// datasets : list of DatasetInput, optional
    ///     At most 1,000.
    /// models : list of str, optional
    ///     The ids of logged models: at most 1,000.
    #[pyo3(signature = (run_id, datasets = None, models = None))]
    fn log_inputs(
        &self,
        py: Python<'_>,
        run_id: Text,
        datasets: Option<&Bound<'_, PyAny>>,
        models: Option<Vec<Text>>,
    ) -> PyResult<()> {
        let datasets = entry(py, |_| datasets.map_or_else(|| Ok(Vec::new()), dataset_inputs))?;
        self.of_run(py, &run_id, |parts, id| {
            let models = models.unwrap_or_default();
            let models = models.iter().map(LoggedModelId::new).collect::<mlcore::Result<Vec<_>>>()?;
            parts.tracker.log_inputs(id, datasets, models)
        })
    }

    /// Creates a logged model, and answers it: pending until :meth:`finalize_logged_model` says how it went.
    #[pyo3(signature = (experiment_id, name, source_run_id = None, tags = None, params = None, model_type = None))]
    #[expect(clippy::too_many_arguments, reason = "MLflow's signature")]
    fn create_logged_model<'py>(
        &self,
        py: Python<'py>,
        experiment_id: Text,
        name: Text,
        source_run_id: Option<Text>,
        tags: Option<&Bound<'_, PyAny>>,
        params: Option<&Bound<'_, PyAny>>,
        model_type: Option<Text>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let tags = texts(tags, "create logged model", "tags")?;
        let params = texts(params, "create logged model", "params")?;
        let id = format!("m-{}", new_hex(py)?);
        let made = self.ask(py, |parts| {
            let experiment = ExperimentId::new(&experiment_id)?;
            let id = LoggedModelId::new(&id)?;
            let mut new = NewLoggedModel::new(id, experiment, name.into_string(), now());
            new.source_run = source_run_id.map(|run| RunId::new(&run)).transpose()?;
            new.model_type = model_type.map(Text::into_string);
            (new.tags, new.params) = (tags.into_iter().collect(), params.into_iter().collect());
            let made = parts.tracker.create_logged_model(new)?;
            if let Some(run) = &made.source_run {
                parts.tracker.log_outputs(run, vec![ModelOutput::new(made.id.clone(), 0)])?;
            }
            Ok(made)
        })?;
        entry(py, |py| Records::new(py)?.logged_model(&made))
    }

    /// Says how far a logged model is, ``READY`` or ``FAILED``, and answers it.
    fn finalize_logged_model<'py>(
        &self,
        py: Python<'py>,
        model_id: Text,
        status: Text,
    ) -> PyResult<Bound<'py, PyAny>> {
        let found = self.ask(py, |parts| {
            let status = status.parse::<LoggedModelStatus>()?;
            parts.tracker.finalize_logged_model(&LoggedModelId::new(&model_id)?, status, now())
        })?;
        entry(py, |py| Records::new(py)?.logged_model(&found))
    }
}

impl Tracker {
    fn of_run(
        &self,
        py: Python<'_>,
        run: &str,
        change: impl FnOnce(&Parts, &RunId) -> mlcore::Result<()> + Send,
    ) -> PyResult<()> {
        self.ask(py, |parts| change(parts, &RunId::new(run)?))
    }

    fn of_experiment(
        &self,
        py: Python<'_>,
        experiment: &str,
        change: impl FnOnce(&Parts, &ExperimentId) -> mlcore::Result<()> + Send,
    ) -> PyResult<()> {
        self.ask(py, |parts| change(parts, &ExperimentId::new(experiment)?))
    }
}

fn new_hex(py: Python<'_>) -> PyResult<String> {
    py.import("uuid")?.call_method0("uuid4")?.getattr("hex")?.extract()
}
