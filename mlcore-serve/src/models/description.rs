//! What is said of a server and of its models, whatever protocol asks.

use std::sync::Arc;

use mlcore::name::Version;
use mlcore::schema::{DType, Dim, Field, Schema};
use mlcore::{Error, Result};

use super::{Models, Served, VersionStatistics};
use crate::batching::{BatchOptions, is_batched};
use crate::endpoint::LoadedModel;
use crate::v2::shortened;

/// What the server calls itself.
pub(crate) const SERVER: &str = "mlcore";

/// Triton's extensions that are spoken here; shared memory is none of them.
pub(crate) const EXTENSIONS: [&str; 10] = [
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

/// What Triton calls a model of ONNX, the backend of it, and its file.
pub(crate) const PLATFORM: &str = "onnxruntime_onnx";
pub(crate) const BACKEND: &str = "onnxruntime";
pub(crate) const MODEL_FILE: &str = "model.onnx";

/// A version of a model that is asked for by name.
pub(crate) struct Described {
    pub(crate) served: Arc<Served>,
    pub(crate) model: Arc<LoadedModel>,
}

/// A tensor that a model takes or gives.
pub(crate) struct TensorDescription<'a> {
    pub(crate) name: &'a str,
    pub(crate) dtype: DType,
    /// The sizes of the axes, -1 for any.
    pub(crate) shape: Vec<i64>,
}

impl Described {
    /// The version of this text, or that of the default arm where it is empty.
    pub(crate) fn find(models: &Models, name: &str, version: &str) -> Result<Self> {
        let served = models.get(name)?;
        let model = served.model(version_of(version)?)?;
        Ok(Self { served, model })
    }

    /// How its requests share runs, where they do.
    pub(crate) fn batching(&self) -> Option<&BatchOptions> {
        self.served.batching().filter(|_| is_batched(&self.model))
    }

    pub(crate) fn inputs(&self) -> impl Iterator<Item = TensorDescription<'_>> {
        tensors(&self.model.runner().signature().inputs)
    }

    pub(crate) fn outputs(&self) -> impl Iterator<Item = TensorDescription<'_>> {
        tensors(&self.model.runner().signature().outputs)
    }
}

fn tensors(schema: &Schema) -> impl Iterator<Item = TensorDescription<'_>> {
    let described =
        |field| TensorDescription { name: Field::name(field), dtype: field.dtype(), shape: shape_of(field) };
    schema.fields().iter().map(described)
}

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

/// The version that a client names; none where it names none.
pub(crate) fn version_of(text: &str) -> Result<Option<Version>> {
    if text.is_empty() {
        return Ok(None);
    }
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

/// The statistics of a version of a model.
pub(crate) struct DescribedStatistics {
    pub(crate) served: Arc<Served>,
    pub(crate) version: Version,
    pub(crate) counts: VersionStatistics,
}

impl DescribedStatistics {
    /// Those of all models, or of a model and, where its text is not empty, of one version. A version that nobody has asked yet has
    /// its zeros.
    pub(crate) fn find(models: &Models, asked: Option<(&str, &str)>) -> Result<Vec<Self>> {
        let (all, version) = match asked {
            None => (models.served(), None),
            Some((name, version)) => {
                let (served, version) = (models.get(name)?, version_of(version)?);
                if version.is_some() {
                    served.model(version)?;
                }
                (vec![served], version)
            }
        };
        let mut statistics = Vec::new();
        for served in all {
            let known = served.statistics().of_versions();
            let asked =
                served.versions().into_iter().filter(|own| version.is_none_or(|version| version == *own));
            statistics.extend(asked.map(|version| {
                let found = known.iter().find(|(own, _)| *own == version);
                let counts = found.map(|(_, counts)| *counts).unwrap_or_default();
                Self { served: served.clone(), version, counts }
            }));
        }
        Ok(statistics)
    }

    /// The durations that Triton tells: how often, and how many nanoseconds together.
    pub(crate) fn durations(&self) -> [(&'static str, u64, u64); 8] {
        let VersionStatistics { successes, failures, input, queue, compute, output, failed, .. } =
            self.counts;
        [
            ("success", successes, input + queue + compute + output),
            ("fail", failures, failed),
            ("queue", successes, queue),
            ("compute_input", successes, input),
            ("compute_infer", successes, compute),
            ("compute_output", successes, output),
            ("cache_hit", 0, 0),
            ("cache_miss", 0, 0),
        ]
    }
}
