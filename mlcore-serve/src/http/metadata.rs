//! What is said of the server and of its models.

use mlcore::name::Version;
use mlcore::schema::DType;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::route::ModelPath;
use super::{Answered, json};
use crate::batching::BatchOptions;
use crate::models::{
    BACKEND, BatchStatistics, Described, DescribedStatistics, EXTENSIONS, MODEL_FILE, Models, PLATFORM,
    SERVER, TensorDescription,
};
use crate::v2::datatype_of;

pub(super) fn server() -> Answered {
    json(&json!({"name": SERVER, "version": env!("CARGO_PKG_VERSION"), "extensions": EXTENSIONS}))
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

pub(super) fn ready(models: &Models) -> Answered {
    models.check_ready()?;
    json(&Health { ready: Some(true), ..Health::default() })
}

pub(super) fn model_ready(models: &Models, path: &ModelPath) -> Answered {
    let found = Described::find(models, &path.name, path.version())?;
    json(&Health { name: Some(found.served.name().as_str()), ready: Some(true), ..Health::default() })
}

pub(super) fn model(models: &Models, path: &ModelPath) -> Answered {
    let found = Described::find(models, &path.name, path.version())?;
    let tensor = |TensorDescription { name, dtype, shape }: TensorDescription<'_>| json!({"name": name, "datatype": datatype_of(dtype), "shape": shape});
    json(&json!({
        "name": found.served.name().as_str(),
        "versions": found.served.versions().iter().map(Version::to_string).collect::<Vec<_>>(),
        "platform": PLATFORM,
        "inputs": found.inputs().map(tensor).collect::<Vec<_>>(),
        "outputs": found.outputs().map(tensor).collect::<Vec<_>>(),
    }))
}

/// The configuration as Triton would have it. Where requests are batched the first axis is that of the batch and no part of the
/// dimensions, as there; elsewhere batching is left to the client, and it is one.
pub(super) fn config(models: &Models, path: &ModelPath) -> Answered {
    let found = Described::find(models, &path.name, path.version())?;
    let batching = found.batching();
    let leading = usize::from(batching.is_some());
    let tensor = |TensorDescription { name, dtype, mut shape }: TensorDescription<'_>| json!({"name": name, "data_type": data_type_of(dtype), "dims": shape.split_off(leading)});
    let versions: Vec<u64> = found.served.versions().iter().map(|version| version.get()).collect();
    let mut config = json!({
        "name": found.served.name().as_str(),
        "platform": PLATFORM,
        "backend": BACKEND,
        "version_policy": {"specific": {"versions": versions}},
        "max_batch_size": batching.map_or(0, |options| options.max_batch_size),
        "input": found.inputs().map(tensor).collect::<Vec<_>>(),
        "output": found.outputs().map(tensor).collect::<Vec<_>>(),
        "default_model_filename": MODEL_FILE,
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
    let asked = path.map(|path| (path.name.as_str(), path.version()));
    let statistics = DescribedStatistics::find(models, asked)?;
    json(&json!({ "model_stats": statistics.iter().map(described).collect::<Vec<_>>() }))
}

/// The statistics of a version as Triton writes them.
fn described(statistics: &DescribedStatistics) -> Value {
    let duration =
        |(name, count, nanos): (&str, u64, u64)| (name.to_owned(), json!({"count": count, "ns": nanos}));
    let DescribedStatistics { served, version, counts } = statistics;
    let batch = |batch: &BatchStatistics| {
        let BatchStatistics { rows, executions, compute, .. } = *batch;
        let duration = |nanos: u64| json!({"count": executions, "ns": nanos});
        json!({
            "batch_size": rows,
            "compute_input": duration(0),
            "compute_infer": duration(compute),
            "compute_output": duration(0),
        })
    };
    let batches: Vec<Value> = served.statistics().batches(*version).iter().map(batch).collect();
    json!({
        "name": served.name().as_str(),
        "version": version.to_string(),
        "last_inference": counts.last_inference,
        "inference_count": counts.rows,
        "execution_count": counts.executions,
        "inference_stats": statistics.durations().map(duration).into_iter().collect::<Map<String, Value>>(),
        "batch_stats": batches,
    })
}
