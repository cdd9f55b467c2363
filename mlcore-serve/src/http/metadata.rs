//! What is said of the server and of its models.

use mlcore::name::Version;
use mlcore::schema::{DType, Dim, Field, Schema};
use mlcore::{Error, Result};
use serde::Serialize;
use serde_json::{Value, json};

use super::route::ModelPath;
use super::{Answered, json};
use crate::batching::{BatchOptions, is_batched};
use crate::models::{BatchStatistics, Models, Served, VersionStatistics};
use crate::v2::{datatype_of, shortened};

/// Triton's extensions that are spoken here; shared memory is none of them.
const EXTENSIONS: [&str; 10] = [
    "classification",
    "sequence",
    "model_repository",
    "model_repository(unload_dependents)",
    "model_configuration",
    "binary_tensor_data",
    "parameters",
    "statistics",
    "trace",
    "logging",
];

/// What Triton calls a model of ONNX.
const PLATFORM: &str = "onnxruntime_onnx";

pub(super) fn server() -> Answered {
    json(&json!({"name": "mlcore", "version": env!("CARGO_PKG_VERSION"), "extensions": EXTENSIONS}))
}

/// Stock clients of KServe read these bodies.
#[derive(Default, Serialize)]
pub(super) struct Health<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready: Option<bool>,
}

impl Health<'_> {
    pub(super) fn live() -> Self {
        Self { live: Some(true), ..Self::default() }
    }
}

pub(super) fn ready(is_ready: bool, is_draining: bool) -> Answered {
    if is_draining {
        return Err(Error::unavailable("serve", "models", "the server is stopping").into());
    }
    if is_ready {
        return json(&Health { ready: Some(true), ..Health::default() });
    }
    let problem = "a model is being loaded, or could not be; the index of the repository says which";
    Err(Error::unavailable("serve", "models", problem).into())
}

pub(super) fn model_ready(models: &Models, path: &ModelPath) -> Answered {
    let served = models.get(&path.name)?;
    served.model(version_of(path)?)?;
    json(&Health { name: Some(served.name().as_str()), ready: Some(true), ..Health::default() })
}

pub(super) fn model(models: &Models, path: &ModelPath) -> Answered {
    let served = models.get(&path.name)?;
    let model = served.model(version_of(path)?)?;
    let signature = model.runner().signature();
    json(&json!({
        "name": served.name().as_str(),
        "versions": versions(&served),
        "platform": PLATFORM,
        "inputs": tensors(&signature.inputs),
        "outputs": tensors(&signature.outputs),
    }))
}

fn versions(served: &Served) -> Vec<String> {
    served.versions().iter().map(Version::to_string).collect()
}

fn tensors(schema: &Schema) -> Vec<Value> {
    let tensor = |field: &Field| json!({"name": field.name(), "datatype": datatype_of(field.dtype()), "shape": shape_of(field)});
    schema.fields().iter().map(tensor).collect()
}

/// The sizes of the axes, -1 for any.
fn shape_of(field: &Field) -> Vec<i64> {
    if field.is_of_any_shape() {
        return vec![-1];
    }
    let size = |dim: &Dim| match dim {
        Dim::Fixed(size) => i64::try_from(*size).unwrap_or(i64::MAX),
        _ => -1,
    };
    field.shape().iter().map(size).collect()
}

/// The configuration as Triton would have it. Where requests are batched the first axis is that of the batch and no part of the
/// dimensions, as there; elsewhere batching is left to the client, and it is one.
pub(super) fn config(models: &Models, path: &ModelPath) -> Answered {
    let served = models.get(&path.name)?;
    let model = served.model(version_of(path)?)?;
    let signature = model.runner().signature();
    let batching = served.batching().filter(|_| is_batched(&model));
    let leading = usize::from(batching.is_some());
    let described = |schema: &Schema| -> Vec<Value> {
        let dims = |field: &Field| shape_of(field).split_off(leading);
        let tensor = |field: &Field| json!({"name": field.name(), "data_type": data_type_of(field.dtype()), "dims": dims(field)});
        schema.fields().iter().map(tensor).collect()
    };
    let versions: Vec<u64> = served.versions().iter().map(|version| version.get()).collect();
    let mut config = json!({
        "name": served.name().as_str(),
        "platform": PLATFORM,
        "backend": "onnxruntime",
        "version_policy": {"specific": {"versions": versions}},
        "max_batch_size": batching.map_or(0, |options| options.max_batch_size),
        "input": described(&signature.inputs),
        "output": described(&signature.outputs),
        "default_model_filename": "model.onnx",
    });
    if let (Some(options), Some(config)) = (batching, config.as_object_mut()) {
        config.insert("dynamic_batching".to_owned(), dynamic_batching(options));
        config.insert("instance_group".to_owned(), json!([{"count": options.instance_count}]));
    }
    json(&config)
}

fn dynamic_batching(options: &BatchOptions) -> Value {
    json!({
        "preferred_batch_size": options.preferred_batch_size,
        "max_queue_delay_microseconds": options.max_queue_delay.as_micros() as u64,
        "preserve_ordering": false,
        "priority_levels": options.priority_levels,
        "default_priority_level": options.default_priority_level,
        "default_queue_policy": {
            "timeout_action": "REJECT",
            "default_timeout_microseconds": options.default_timeout.as_micros() as u64,
            "allow_timeout_override": true,
            "max_queue_size": options.max_queue_size,
        },
        "priority_queue_policy": {},
    })
}

fn data_type_of(dtype: DType) -> String {
    match dtype {
        DType::String => "TYPE_STRING".to_owned(),
        dtype => format!("TYPE_{}", datatype_of(dtype)),
    }
}

pub(super) fn statistics(models: &Models, path: Option<&ModelPath>) -> Answered {
    let (served, version) = match path {
        Some(path) => {
            let served = models.get(&path.name)?;
            let version = version_of(path)?;
            if version.is_some() {
                served.model(version)?;
            }
            (vec![served], version)
        }
        None => (models.served(), None),
    };
    let mut statistics = Vec::new();
    for served in served {
        let known = served.statistics().of_versions();
        // A version that nobody asked yet has its zeros, too.
        for own in served.versions() {
            if version.is_none_or(|version| version == own) {
                let found = known.iter().find(|(version, _)| *version == own);
                statistics.push(described(
                    &served,
                    own,
                    &found.map(|(_, counts)| *counts).unwrap_or_default(),
                ));
            }
        }
    }
    json(&json!({ "model_stats": statistics }))
}

/// The statistics of a version as Triton writes them.
fn described(served: &Served, version: Version, counts: &VersionStatistics) -> Value {
    let duration = |count: u64, nanos: u64| json!({"count": count, "ns": nanos});
    let VersionStatistics { successes, failures, input, queue, compute, output, .. } = *counts;
    let batch = |batch: &BatchStatistics| {
        let BatchStatistics { rows, executions, compute, .. } = *batch;
        json!({
            "batch_size": rows,
            "compute_input": duration(executions, 0),
            "compute_infer": duration(executions, compute),
            "compute_output": duration(executions, 0),
        })
    };
    let batches: Vec<Value> = served.statistics().batches(version).iter().map(batch).collect();
    json!({
        "name": served.name().as_str(),
        "version": version.to_string(),
        "last_inference": counts.last_inference,
        "inference_count": counts.rows,
        "execution_count": counts.executions,
        "inference_stats": {
            "success": duration(successes, input + queue + compute + output),
            "fail": duration(failures, counts.failed),
            "queue": duration(successes, queue),
            "compute_input": duration(successes, input),
            "compute_infer": duration(successes, compute),
            "compute_output": duration(successes, output),
            "cache_hit": duration(0, 0),
            "cache_miss": duration(0, 0),
        },
        "batch_stats": batches,
    })
}

/// The version in a path.
pub(super) fn version_of(path: &ModelPath) -> Result<Option<Version>> {
    let Some(text) = path.version.as_deref().filter(|text| !text.is_empty()) else { return Ok(None) };
    let number = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let version = number.and_then(|text| text.parse().ok()).map(Version::new);
    match version {
        Some(Ok(version)) => Ok(Some(version)),
        _ => Err(Error::invalid_input(
            "find version",
            shortened(text),
            "it is no version; versions are numbers from 1",
        )),
    }
}
