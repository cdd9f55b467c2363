//! How experiments, runs and models are written, as the protobuf messages of MLflow are in JSON: what is not set and lists that are
//! empty are left out.

use std::collections::BTreeMap;

use mlcore::time::Timestamp;
use mlcore::tracking::{
    Dataset, DatasetInput, Experiment, LoggedModel, LoggedModelStatus, Metric, Run, RunData, RunInfo,
};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::refusal::{Refusal, Result};

/// Writes an answer straight to bytes.
pub(super) fn to_bytes(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value)
        .map_err(|cause| mlcore::Error::internal("write answer", "", cause.to_string()).caused_by(cause))
        .map_err(Refusal::from)
}

/// A number, also one that JSON has no word for.
pub(super) struct Number(pub(super) f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self.0 {
            number if number.is_nan() => serializer.serialize_str("NaN"),
            f64::INFINITY => serializer.serialize_str("Infinity"),
            f64::NEG_INFINITY => serializer.serialize_str("-Infinity"),
            number => serializer.serialize_f64(number),
        }
    }
}

/// Whole milliseconds since 1970.
pub(super) fn millis(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(1000)
}

/// A list that is written item by item.
pub(super) struct List<I>(pub(super) I);

impl<I> Serialize for List<I>
where
    I: Iterator + Clone,
    I::Item: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        self.0.clone().try_for_each(|item| list.serialize_element(&item))?;
        list.end()
    }
}

/// `{"key": .., "value": ..}`.
#[derive(Serialize)]
struct Pair<'a> {
    key: &'a str,
    value: &'a str,
}

/// Puts pairs under a name, unless there are none.
pub(super) fn put_pairs<M: SerializeMap>(
    map: &mut M,
    name: &'static str,
    pairs: &BTreeMap<String, String>,
) -> std::result::Result<(), M::Error> {
    if pairs.is_empty() {
        return Ok(());
    }
    map.serialize_entry(name, &List(pairs.iter().map(|(key, value)| Pair { key, value })))
}

/// Puts what is there.
fn put_some<M: SerializeMap>(
    map: &mut M,
    name: &'static str,
    value: Option<impl Serialize>,
) -> std::result::Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(name, &value))
}

pub(super) struct ExperimentView<'a>(pub(super) &'a Experiment);

impl Serialize for ExperimentView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let Self(own) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("experiment_id", own.id.as_str())?;
        map.serialize_entry("name", &own.name)?;
        map.serialize_entry("artifact_location", &own.artifact_location)?;
        map.serialize_entry("lifecycle_stage", own.lifecycle_stage.name())?;
        map.serialize_entry("last_update_time", &millis(own.last_update_time))?;
        map.serialize_entry("creation_time", &millis(own.creation_time))?;
        put_pairs(&mut map, "tags", &own.tags)?;
        map.serialize_entry("workspace", "default")?;
        map.end()
    }
}

pub(super) struct InfoView<'a>(pub(super) &'a RunInfo);

impl Serialize for InfoView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let Self(own) = self;
        let mut map = serializer.serialize_map(None)?;
        // Older clients know it by this name.
        map.serialize_entry("run_uuid", own.id.as_str())?;
        map.serialize_entry("experiment_id", own.experiment.as_str())?;
        map.serialize_entry("run_name", &own.name)?;
        map.serialize_entry("user_id", &own.user_id)?;
        map.serialize_entry("status", own.status.name())?;
        map.serialize_entry("start_time", &millis(own.start_time))?;
        put_some(&mut map, "end_time", own.end_time.map(millis))?;
        map.serialize_entry("artifact_uri", &own.artifact_uri)?;
        map.serialize_entry("lifecycle_stage", own.lifecycle_stage.name())?;
        map.serialize_entry("run_id", own.id.as_str())?;
        map.end()
    }
}

/// A point of a metric, with the run that measured it where that is said.
pub(super) struct MetricView<'a> {
    pub(super) metric: &'a Metric,
    pub(super) run: Option<&'a str>,
    /// Whether it says what it was measured on, and of which model.
    pub(super) is_whole: bool,
}

impl Serialize for MetricView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let own = self.metric;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("key", &own.key)?;
        map.serialize_entry("value", &Number(own.value))?;
        map.serialize_entry("timestamp", &own.timestamp_ms)?;
        map.serialize_entry("step", &own.step)?;
        if self.is_whole {
            put_some(&mut map, "dataset_name", own.dataset_name.as_ref())?;
            put_some(&mut map, "dataset_digest", own.dataset_digest.as_ref())?;
            put_some(&mut map, "model_id", own.model.as_ref().map(|model| model.as_str()))?;
        }
        put_some(&mut map, "run_id", self.run)?;
        map.end()
    }
}

struct DataView<'a>(&'a RunData);

impl Serialize for DataView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let Self(own) = self;
        let mut map = serializer.serialize_map(None)?;
        if !own.metrics.is_empty() {
            let views = own.metrics.values().map(|metric| MetricView { metric, run: None, is_whole: false });
            map.serialize_entry("metrics", &List(views))?;
        }
        put_pairs(&mut map, "params", &own.params)?;
        put_pairs(&mut map, "tags", &own.tags)?;
        map.end()
    }
}

struct DatasetView<'a>(&'a Dataset);

impl Serialize for DatasetView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let Self(own) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &own.name)?;
        map.serialize_entry("digest", &own.digest)?;
        map.serialize_entry("source_type", &own.source_type)?;
        map.serialize_entry("source", &own.source)?;
        put_some(&mut map, "schema", own.schema.as_ref())?;
        put_some(&mut map, "profile", own.profile.as_ref())?;
        map.end()
    }
}

struct DatasetInputView<'a>(&'a DatasetInput);

impl Serialize for DatasetInputView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        put_pairs(&mut map, "tags", &self.0.tags)?;
        map.serialize_entry("dataset", &DatasetView(&self.0.dataset))?;
        map.end()
    }
}

/// How much of a run is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// A run that was just created has no outputs.
    Created,
    /// A search does not say which models a run read.
    Found,
    Whole,
}

pub(super) struct RunView<'a>(pub(super) &'a Run, pub(super) Part);

impl Serialize for RunView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("info", &InfoView(&self.0.info))?;
        map.serialize_entry("data", &DataView(&self.0.data))?;
        map.serialize_entry("inputs", &InputsView(self.0, self.1))?;
        if self.1 != Part::Created {
            map.serialize_entry("outputs", &OutputsView(self.0))?;
        }
        map.end()
    }
}

struct InputsView<'a>(&'a Run, Part);

impl Serialize for InputsView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let own = &self.0.inputs;
        let mut map = serializer.serialize_map(None)?;
        if !own.datasets.is_empty() {
            map.serialize_entry("dataset_inputs", &List(own.datasets.iter().map(DatasetInputView)))?;
        }
        if self.1 == Part::Whole && !own.models.is_empty() {
            let models = own.models.iter().map(|model| One("model_id", model.as_str()));
            map.serialize_entry("model_inputs", &List(models))?;
        }
        map.end()
    }
}

struct OutputsView<'a>(&'a Run);

impl Serialize for OutputsView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Output<'a> {
            model_id: &'a str,
            step: i64,
        }
        let own = &self.0.outputs;
        let mut map = serializer.serialize_map(None)?;
        if !own.is_empty() {
            let outputs =
                own.iter().map(|output| Output { model_id: output.model.as_str(), step: output.step });
            map.serialize_entry("model_outputs", &List(outputs))?;
        }
        map.end()
    }
}

/// An object of one entry.
pub(super) struct One<V>(pub(super) &'static str, pub(super) V);

impl<V: Serialize> Serialize for One<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, &self.1)?;
        map.end()
    }
}

/// A page: rows under a name, and where the next one begins.
pub(super) struct PageView<I> {
    pub(super) name: &'static str,
    pub(super) rows: I,
    pub(super) is_empty: bool,
    pub(super) next: Option<String>,
}

impl<I> Serialize for PageView<I>
where
    I: Iterator + Clone,
    I::Item: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.is_empty {
            map.serialize_entry(self.name, &List(self.rows.clone()))?;
        }
        put_some(&mut map, "next_page_token", self.next.as_ref())?;
        map.end()
    }
}

pub(super) struct ModelView<'a>(pub(super) &'a LoggedModel);

impl Serialize for ModelView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("info", &ModelInfoView(self.0))?;
        map.serialize_entry("data", &ModelDataView(self.0))?;
        map.end()
    }
}

struct ModelInfoView<'a>(&'a LoggedModel);

impl Serialize for ModelInfoView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let Self(own) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("model_id", own.id.as_str())?;
        map.serialize_entry("experiment_id", own.experiment.as_str())?;
        map.serialize_entry("name", &own.name)?;
        map.serialize_entry("creation_timestamp_ms", &millis(own.creation_time))?;
        map.serialize_entry("last_updated_timestamp_ms", &millis(own.last_updated_time))?;
        map.serialize_entry("artifact_uri", &own.artifact_location)?;
        map.serialize_entry("status", status_of(own.status))?;
        map.serialize_entry("model_type", own.model_type.as_deref().unwrap_or_default())?;
        map.serialize_entry("source_run_id", own.source_run.as_ref().map_or("", |run| run.as_str()))?;
        put_pairs(&mut map, "tags", &own.tags)?;
        map.end()
    }
}

fn status_of(status: LoggedModelStatus) -> &'static str {
    match status {
        LoggedModelStatus::Ready => "LOGGED_MODEL_READY",
        LoggedModelStatus::Failed => "LOGGED_MODEL_UPLOAD_FAILED",
        _ => "LOGGED_MODEL_PENDING",
    }
}

struct ModelDataView<'a>(&'a LoggedModel);

impl Serialize for ModelDataView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let Self(own) = self;
        let mut map = serializer.serialize_map(None)?;
        put_pairs(&mut map, "params", &own.params)?;
        if !own.metrics.is_empty() {
            let views = own.metrics.iter().map(|found| MetricView {
                metric: &found.metric,
                run: Some(found.run.as_str()),
                is_whole: true,
            });
            map.serialize_entry("metrics", &List(views))?;
        }
        map.end()
    }
}
