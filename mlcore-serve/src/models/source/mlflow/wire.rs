//! What an MLflow server answers: the parts of its messages that are read. Everything may be absent, as protocol buffers in JSON
//! leave what is empty away.

use serde::Deserialize;

/// `registered-models/get`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ModelAnswer {
    pub(super) registered_model: RegisteredModel,
}

/// `registered-models/search`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ModelsAnswer {
    pub(super) registered_models: Vec<RegisteredModel>,
    pub(super) next_page_token: String,
}

/// `model-versions/get`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct VersionAnswer {
    pub(super) model_version: RemoteVersion,
}

/// `model-versions/search`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct VersionsAnswer {
    pub(super) model_versions: Vec<RemoteVersion>,
    pub(super) next_page_token: String,
}

/// `model-versions/get-download-uri`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PlaceAnswer {
    pub(super) artifact_uri: String,
}

/// `logged-models/{id}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LoggedAnswer {
    pub(super) model: Logged,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Logged {
    pub(super) info: PlaceAnswer,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RegisteredModel {
    pub(super) name: String,
    pub(super) description: String,
    /// The latest of each stage.
    pub(super) latest_versions: Vec<RemoteVersion>,
    pub(super) aliases: Vec<RemoteAlias>,
    pub(super) tags: Vec<RemoteTag>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RemoteAlias {
    pub(super) alias: String,
    pub(super) version: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RemoteTag {
    pub(super) key: String,
    pub(super) value: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RemoteVersion {
    pub(super) version: String,
    pub(super) current_stage: String,
    pub(super) description: String,
    pub(super) run_id: String,
    pub(super) user_id: String,
    pub(super) status: String,
    pub(super) status_message: String,
    pub(super) tags: Vec<RemoteTag>,
    /// Milliseconds since 1970.
    pub(super) creation_timestamp: serde_json::Value,
}

/// `runs/get`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RunAnswer {
    pub(super) run: RemoteRun,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RemoteRun {
    pub(super) info: RemoteRunInfo,
    pub(super) data: RemoteRunData,
    pub(super) inputs: RemoteInputs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RemoteRunInfo {
    pub(super) run_id: String,
    pub(super) experiment_id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RemoteRunData {
    pub(super) metrics: Vec<RemoteMetric>,
    pub(super) params: Vec<RemoteTag>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RemoteMetric {
    pub(super) key: String,
    /// A number, or the text `NaN`.
    pub(super) value: serde_json::Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RemoteInputs {
    pub(super) dataset_inputs: Vec<RemoteInput>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RemoteInput {
    pub(super) tags: Vec<RemoteTag>,
    pub(super) dataset: RemoteDataset,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RemoteDataset {
    pub(super) name: String,
    pub(super) digest: String,
}

/// An error.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Failure {
    pub(super) error_code: String,
    pub(super) message: String,
}
