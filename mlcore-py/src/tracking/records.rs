//! What a tracker answers, as the records of `mlcore.tracking`.

use std::collections::BTreeMap;

use mlcore::time::Timestamp;
use mlcore::tracking::{self, DatasetInput, Page, PageToken};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

type Object<'py> = PyResult<Bound<'py, PyAny>>;

/// The record of what was carried from one tracker to another.
macro_rules! carried {
    ($records:expr, $class:literal, $found:expr) => {
        $records.make(
            $class,
            (
                $found.experiments,
                $found.runs,
                $found.points,
                $found.params,
                $found.tags,
                $found.datasets,
                $found.models,
                $found.left_out,
                $found.left.clone(),
            ),
        )
    };
}

/// Makes records: the classes are looked up once for all of them.
pub(super) struct Records<'py> {
    module: Bound<'py, PyModule>,
}

impl<'py> Records<'py> {
    pub(super) fn new(py: Python<'py>) -> PyResult<Self> {
        Ok(Self { module: py.import("mlcore.tracking._records")? })
    }

    fn make(&self, class: &str, arguments: impl pyo3::call::PyCallArgs<'py>) -> Object<'py> {
        self.module.getattr(class)?.call1(arguments)
    }

    pub(super) fn experiment(&self, found: &tracking::Experiment) -> Object<'py> {
        let arguments = (
            found.id.as_str(),
            &found.name,
            &found.artifact_location,
            found.lifecycle_stage.name(),
            &found.tags,
            millis(found.creation_time),
            millis(found.last_update_time),
        );
        self.make("Experiment", arguments)
    }

    pub(super) fn run_info(&self, info: &tracking::RunInfo) -> Object<'py> {
        let arguments = (
            info.id.as_str(),
            info.experiment.as_str(),
            &info.name,
            &info.user_id,
            info.status.name(),
            millis(info.start_time),
            info.end_time.map(millis),
            &info.artifact_uri,
            info.lifecycle_stage.name(),
        );
        self.make("RunInfo", arguments)
    }

    pub(super) fn run(&self, found: &tracking::Run) -> Object<'py> {
        let py = self.module.py();
        let info = self.run_info(&found.info)?;
        let metrics = PyDict::new(py);
        for (key, metric) in &found.data.metrics {
            metrics.set_item(key, metric.value)?;
        }
        let data = self.make("RunData", (metrics, &found.data.params, &found.data.tags))?;
        let datasets = PyList::empty(py);
        for input in &found.inputs.datasets {
            datasets.append(self.dataset_input(input)?)?;
        }
        let models: Vec<&str> = found.inputs.models.iter().map(AsRef::as_ref).collect();
        let inputs = self.make("RunInputs", (datasets, models))?;
        let outputs: Vec<(&str, i64)> =
            found.outputs.iter().map(|output| (output.model.as_str(), output.step)).collect();
        let outputs = self.make("RunOutputs", (outputs,))?;
        self.make("Run", (info, data, inputs, outputs))
    }

    fn dataset_input(&self, input: &DatasetInput) -> Object<'py> {
        let dataset = &input.dataset;
        let dataset = self.make(
            "Dataset",
            (
                &dataset.name,
                &dataset.digest,
                &dataset.source_type,
                &dataset.source,
                &dataset.schema,
                &dataset.profile,
            ),
        )?;
        self.make("DatasetInput", (dataset, &input.tags))
    }

    pub(super) fn metric(&self, found: &tracking::Metric) -> Object<'py> {
        let arguments = (
            &found.key,
            found.value,
            found.timestamp_ms,
            found.step,
            found.model.as_ref().map(AsRef::<str>::as_ref),
            &found.dataset_name,
            &found.dataset_digest,
        );
        self.make("Metric", arguments)
    }

    pub(super) fn logged_model(&self, found: &tracking::LoggedModel) -> Object<'py> {
        let metrics: BTreeMap<&str, f64> =
            found.metrics.iter().map(|of_run| (of_run.metric.key.as_str(), of_run.metric.value)).collect();
        let arguments = (
            found.id.as_str(),
            found.experiment.as_str(),
            &found.name,
            &found.artifact_location,
            found.status.name(),
            found.model_type.as_deref(),
            found.source_run.as_ref().map(AsRef::<str>::as_ref),
            &found.tags,
            &found.params,
            metrics,
            millis(found.creation_time),
            millis(found.last_updated_time),
        );
        self.make("LoggedModel", arguments)
    }

    pub(super) fn imported(&self, found: &tracking::mlflow::Imported) -> Object<'py> {
        carried!(self, "Imported", found)
    }

    pub(super) fn exported(&self, found: &tracking::mlflow::Exported) -> Object<'py> {
        carried!(self, "Exported", found)
    }

    /// A page of records, which is a list that knows where the next page begins.
    pub(super) fn page<T>(&self, page: &Page<T>, record: impl Fn(&Self, &T) -> Object<'py>) -> Object<'py> {
        let items = PyList::empty(self.module.py());
        for found in &page.items {
            items.append(record(self, found)?)?;
        }
        paged(&items, page.next.as_ref())
    }
}

/// What became of what was logged.
pub(super) fn flushed(
    py: Python<'_>,
    written: u64,
    refused: u64,
    dropped: u64,
    waiting: u64,
    first_refusal: Option<String>,
) -> PyResult<Bound<'_, PyAny>> {
    let arguments = (written, refused, dropped, waiting, first_refusal).into_pyobject(py)?;
    Records::new(py)?.make("Flushed", arguments.cast_into::<PyTuple>()?)
}

fn millis(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(1000)
}

/// A list that knows where the next page begins.
pub(crate) fn paged<'py>(items: &Bound<'py, PyList>, next: Option<&PageToken>) -> Object<'py> {
    let class = items.py().import("mlcore._page")?.getattr("Page")?;
    class.call1((items, next.map(PageToken::as_str)))
}
