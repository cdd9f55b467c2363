//! What is said of the server and of its models.

use std::collections::BTreeMap;
use std::time::Duration;

use mlcore::schema::DType;
use mlcore::{Error, Result};

use super::protocol::inference::model_config::SchedulingChoice;
use super::protocol::inference::model_metadata_response::TensorMetadata;
use super::protocol::inference::model_queue_policy::TimeoutAction;
use super::protocol::inference::model_version_policy::{PolicyChoice, Specific};
use super::protocol::inference::{
    DataType, InferBatchStatistics, InferStatistics, ModelConfig, ModelConfigRequest, ModelConfigResponse,
    ModelDynamicBatching, ModelInput, ModelInstanceGroup, ModelMetadataRequest, ModelMetadataResponse,
    ModelOutput, ModelQueuePolicy, ModelReadyRequest, ModelReadyResponse, ModelStatistics,
    ModelStatisticsRequest, ModelStatisticsResponse, ModelVersionPolicy, ServerMetadataResponse,
    StatisticDuration,
};
use crate::batching::BatchOptions;
use crate::models::{
    BACKEND, BatchStatistics, Described, DescribedStatistics, EXTENSIONS, MODEL_FILE, Models, PLATFORM,
    SERVER, TensorDescription,
};
use crate::v2::datatype_of;

pub(super) fn server() -> ServerMetadataResponse {
    ServerMetadataResponse {
        name: SERVER.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        extensions: EXTENSIONS.map(str::to_owned).into(),
    }
}

/// A model that is not there is not ready: stock clients want an answer and no error.
pub(super) fn model_ready(models: &Models, asked: &ModelReadyRequest) -> Result<ModelReadyResponse> {
    match Described::find(models, &asked.name, &asked.version) {
        Ok(_) => Ok(ModelReadyResponse { ready: true }),
        Err(Error::NotFound(_) | Error::Unavailable(_)) => Ok(ModelReadyResponse { ready: false }),
        Err(error) => Err(error),
    }
}

pub(super) fn model(models: &Models, asked: &ModelMetadataRequest) -> Result<ModelMetadataResponse> {
    let found = Described::find(models, &asked.name, &asked.version)?;
    let tensor = |TensorDescription { name, dtype, shape }: TensorDescription<'_>| TensorMetadata {
        name: name.to_owned(),
        datatype: datatype_of(dtype).to_owned(),
        shape,
    };
    Ok(ModelMetadataResponse {
        name: found.served.name().to_string(),
        versions: found.served.versions().iter().map(ToString::to_string).collect(),
        platform: PLATFORM.to_owned(),
        inputs: found.inputs().map(tensor).collect(),
        outputs: found.outputs().map(tensor).collect(),
    })
}

pub(super) fn config(models: &Models, asked: &ModelConfigRequest) -> Result<ModelConfigResponse> {
    let found = Described::find(models, &asked.name, &asked.version)?;
    let batching = found.batching();
    // The first axis is that of the batch, and no part of the dimensions.
    let leading = usize::from(batching.is_some());
    let versions = found.served.versions();
    let versions = versions.iter().map(|version| i64::try_from(version.get()).unwrap_or(i64::MAX)).collect();
    let config = ModelConfig {
        name: found.served.name().to_string(),
        platform: PLATFORM.to_owned(),
        backend: BACKEND.to_owned(),
        version_policy: Some(ModelVersionPolicy {
            policy_choice: Some(PolicyChoice::Specific(Specific { versions })),
        }),
        max_batch_size: batching.map_or(0, |options| number(options.max_batch_size)),
        input: found
            .inputs()
            .map(|TensorDescription { name, dtype, mut shape }| ModelInput {
                name: name.to_owned(),
                data_type: data_type_of(dtype).into(),
                dims: shape.split_off(leading),
            })
            .collect(),
        output: found
            .outputs()
            .map(|TensorDescription { name, dtype, mut shape }| ModelOutput {
                name: name.to_owned(),
                data_type: data_type_of(dtype).into(),
                dims: shape.split_off(leading),
            })
            .collect(),
        instance_group: batching.map(instances).into_iter().collect(),
        default_model_filename: MODEL_FILE.to_owned(),
        scheduling_choice: batching.map(dynamic_batching).map(SchedulingChoice::DynamicBatching),
    };
    Ok(ModelConfigResponse { config: Some(config) })
}

fn instances(options: &BatchOptions) -> ModelInstanceGroup {
    ModelInstanceGroup { count: number(options.instance_count), ..ModelInstanceGroup::default() }
}

fn dynamic_batching(options: &BatchOptions) -> ModelDynamicBatching {
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    ModelDynamicBatching {
        preferred_batch_size: options.preferred_batch_size.iter().map(|size| number(*size)).collect(),
        max_queue_delay_microseconds: micros(options.max_queue_delay),
        preserve_ordering: false,
        priority_levels: options.priority_levels.into(),
        default_priority_level: options.default_priority_level.into(),
        default_queue_policy: Some(ModelQueuePolicy {
            timeout_action: TimeoutAction::Reject.into(),
            default_timeout_microseconds: micros(options.default_timeout),
            allow_timeout_override: true,
            max_queue_size: u32::try_from(options.max_queue_size).unwrap_or(u32::MAX),
        }),
        priority_queue_policy: BTreeMap::new(),
    }
}

/// A number of the configuration, the largest where it is beyond.
fn number(own: usize) -> i32 {
    i32::try_from(own).unwrap_or(i32::MAX)
}

fn data_type_of(dtype: DType) -> DataType {
    match dtype {
        DType::Bool => DataType::TypeBool,
        DType::UInt8 => DataType::TypeUint8,
        DType::UInt16 => DataType::TypeUint16,
        DType::UInt32 => DataType::TypeUint32,
        DType::UInt64 => DataType::TypeUint64,
        DType::Int8 => DataType::TypeInt8,
        DType::Int16 => DataType::TypeInt16,
        DType::Int32 => DataType::TypeInt32,
        DType::Int64 => DataType::TypeInt64,
        DType::Float16 => DataType::TypeFp16,
        DType::Float32 => DataType::TypeFp32,
        DType::Float64 => DataType::TypeFp64,
        DType::String => DataType::TypeString,
        _ => DataType::TypeInvalid,
    }
}

pub(super) fn statistics(models: &Models, asked: &ModelStatisticsRequest) -> Result<ModelStatisticsResponse> {
    let named = Some((asked.name.as_str(), asked.version.as_str())).filter(|(name, _)| !name.is_empty());
    let statistics = DescribedStatistics::find(models, named)?;
    Ok(ModelStatisticsResponse { model_stats: statistics.iter().map(described).collect() })
}

fn described(statistics: &DescribedStatistics) -> ModelStatistics {
    let durations = statistics.durations().map(|(_, count, ns)| Some(StatisticDuration { count, ns }));
    let [success, fail, queue, compute_input, compute_infer, compute_output, cache_hit, cache_miss] =
        durations;
    let DescribedStatistics { served, version, counts } = statistics;
    let batch = |batch: &BatchStatistics| {
        let of = |ns| Some(StatisticDuration { count: batch.executions, ns });
        InferBatchStatistics {
            batch_size: batch.rows,
            compute_input: of(0),
            compute_infer: of(batch.compute),
            compute_output: of(0),
        }
    };
    let batches = served.statistics().batches(*version);
    ModelStatistics {
        name: served.name().to_string(),
        version: version.to_string(),
        last_inference: counts.last_inference,
        inference_count: counts.rows,
        execution_count: counts.executions,
        inference_stats: Some(InferStatistics {
            success,
            fail,
            queue,
            compute_input,
            compute_infer,
            compute_output,
            cache_hit,
            cache_miss,
        }),
        batch_stats: batches.iter().map(batch).collect(),
    }
}
