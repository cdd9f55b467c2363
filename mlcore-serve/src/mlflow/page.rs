//! What MLflow's web page and its client ask beside the services: two GraphQL queries, and what the server is.

use mlcore::time::Timestamp;
use mlcore::tracking::Run;
use serde_json::{Value, json};

use super::VERSION;
use super::call::{Call, Reply};
use super::refusal::Result;
use super::write::millis;

/// `POST /graphql`: the two queries of the page, known by their names. There is no engine for others, which could ask for everything
/// at once.
pub(super) fn graphql(call: &Call<'_>) -> Result<Reply> {
    let name = call.text("operationName");
    let asks = |own: &str, field: &str| name == own || name.is_empty() && call.text("query").contains(field);
    let input = |key: &str| call.get("variables").and_then(|variables| variables.get(key));
    let answer = if asks("MlflowGetExperimentQuery", "mlflowGetExperiment(") {
        (
            "mlflowGetExperiment",
            input("input").map(|input| experiment(call, id_of(input, "experimentId"))),
            "$input",
            "MlflowGetExperimentInput!",
        )
    } else if asks("GetRun", "mlflowGetRun(") {
        (
            "mlflowGetRun",
            input("data").map(|data| run(call, id_of(data, "runId"))),
            "$data",
            "MlflowGetRunInput!",
        )
    } else {
        let message = "this server answers the queries MlflowGetExperimentQuery and GetRun alone";
        return Reply::json(&json!({ "data": null, "errors": [message] }));
    };
    let answer = match answer {
        (field, Some(Ok(value)), ..) => json!({ "data": { field: value }, "errors": null }),
        (field, Some(Err(refusal)), ..) if refusal.status.is_client_error() => {
            json!({ "data": { field: null }, "errors": [refusal.message] })
        }
        (_, Some(Err(refusal)), ..) => return Err(refusal),
        (_, None, variable, kind) => {
            let message = format!("Variable '{variable}' of required type '{kind}' was not provided.");
            json!({ "data": null, "errors": [message] })
        }
    };
    Reply::json(&answer)
}

fn id_of<'v>(input: &'v Value, key: &str) -> &'v str {
    input.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Keys and values with the name of their type.
fn pairs<'p>(kind: &str, pairs: impl IntoIterator<Item = (&'p String, &'p String)>) -> Vec<Value> {
    let pair = |(key, value)| json!({ "__typename": kind, "key": key, "value": value });
    pairs.into_iter().map(pair).collect()
}

/// 64 bits are a text there.
fn time(time: Timestamp) -> String {
    millis(time).to_string()
}

fn experiment(call: &Call<'_>, id: &str) -> Result<Value> {
    // The page asks so for the experiment that is there from the start.
    let found = call.server.experiment(if id.is_empty() { "0" } else { id })?;
    Ok(json!({
        "__typename": "MlflowGetExperimentResponse",
        "apiError": null,
        "experiment": {
            "__typename": "MlflowExperiment",
            "artifactLocation": found.artifact_location,
            "creationTime": time(found.creation_time),
            "effectiveTraceArchivalRetention": "",
            "experimentId": found.id.as_str(),
            "lastUpdateTime": time(found.last_update_time),
            "lifecycleStage": found.lifecycle_stage.name(),
            "name": found.name,
            "tags": pairs("MlflowExperimentTag", &found.tags),
        },
    }))
}

fn run(call: &Call<'_>, id: &str) -> Result<Value> {
    let run = call.server.run(id)?;
    let owner = call.server.experiment(run.info.experiment.as_str())?;
    let info = &run.info;
    Ok(json!({
        "__typename": "MlflowGetRunResponse",
        "apiError": null,
        "run": {
            "__typename": "MlflowRunExtension",
            "info": {
                "__typename": "MlflowRunInfo",
                "artifactUri": info.artifact_uri,
                "endTime": info.end_time.map_or_else(|| "0".to_owned(), time),
                "experimentId": info.experiment.as_str(),
                "lifecycleStage": info.lifecycle_stage.name(),
                "runName": info.name,
                "runUuid": info.id.as_str(),
                "startTime": time(info.start_time),
                "status": info.status.name(),
                "userId": info.user_id,
            },
            "experiment": {
                "__typename": "MlflowExperiment",
                "artifactLocation": owner.artifact_location,
                "experimentId": owner.id.as_str(),
                "lastUpdateTime": time(owner.last_update_time),
                "lifecycleStage": owner.lifecycle_stage.name(),
                "name": owner.name,
                "tags": pairs("MlflowExperimentTag", &owner.tags),
            },
            "modelVersions": versions_of(&run),
            "data": data(&run),
            "inputs": inputs(&run),
            "outputs": outputs(&run),
        },
    }))
}

/// The registered versions that came of a run: the registry's half tells them.
fn versions_of(_: &Run) -> Vec<Value> {
    Vec::new()
}

fn data(run: &Run) -> Value {
    let metrics: Vec<Value> = run
        .data
        .metrics
        .values()
        .map(|metric| {
            // What JSON has no number for is null there.
            json!({
                "__typename": "MlflowMetricExtension",
                "key": metric.key,
                "step": metric.step.to_string(),
                "timestamp": metric.timestamp_ms.to_string(),
                "value": metric.value,
            })
        })
        .collect();
    json!({
        "__typename": "MlflowRunData",
        "metrics": metrics,
        "params": pairs("MlflowParam", &run.data.params),
        "tags": pairs("MlflowRunTag", &run.data.tags),
    })
}

fn inputs(run: &Run) -> Value {
    let datasets: Vec<Value> = run
        .inputs
        .datasets
        .iter()
        .map(|input| {
            let own = &input.dataset;
            json!({
                "__typename": "MlflowDatasetInput",
                "dataset": {
                    "__typename": "MlflowDataset",
                    "digest": own.digest,
                    "name": own.name,
                    "profile": own.profile.as_deref().unwrap_or_default(),
                    "schema": own.schema.as_deref().unwrap_or_default(),
                    "source": own.source,
                    "sourceType": own.source_type,
                },
                "tags": pairs("MlflowInputTag", &input.tags),
            })
        })
        .collect();
    let model = |id: &mlcore::name::LoggedModelId| json!({ "__typename": "MlflowModelInput", "modelId": id.as_str() });
    let models: Vec<Value> = run.inputs.models.iter().map(model).collect();
    json!({ "__typename": "MlflowRunInputs", "datasetInputs": datasets, "modelInputs": models })
}

fn outputs(run: &Run) -> Value {
    let output = |own: &mlcore::tracking::ModelOutput| json!({ "__typename": "MlflowModelOutput", "modelId": own.model.as_str(), "step": own.step.to_string() });
    let models: Vec<Value> = run.outputs.iter().map(output).collect();
    json!({ "__typename": "MlflowRunOutputs", "modelOutputs": models })
}

pub(super) fn server_info(_: &Call<'_>) -> Result<Reply> {
    Reply::json(&json!({
        "store_type": "SqlStore",
        "workspaces_enabled": false,
        "trace_archival_enabled": false,
        "multipart_uploads_enabled": false,
        "multipart_downloads_enabled": false,
        "presigned_upload_run_id_supported": false,
        "presigned_upload_model_id_supported": false,
    }))
}

/// There is no gateway to language models.
pub(super) fn gateway(_: &Call<'_>) -> Result<Reply> {
    Reply::json(&json!({ "endpoints": [] }))
}

/// There is no assistant.
pub(super) fn assistant(_: &Call<'_>) -> Result<Reply> {
    Reply::json(&json!({ "providers": {}, "projects": {}, "remote_access_allowed": false }))
}

pub(super) fn assistant_providers(_: &Call<'_>) -> Result<Reply> {
    Reply::json(&json!([]))
}

#[expect(clippy::unnecessary_wraps, reason = "it is a handler like the others")]
pub(super) fn health(_: &Call<'_>) -> Result<Reply> {
    Ok(Reply::Text("OK", "text/plain; charset=utf-8"))
}

#[expect(clippy::unnecessary_wraps, reason = "it is a handler like the others")]
pub(super) fn version(_: &Call<'_>) -> Result<Reply> {
    Ok(Reply::Text(VERSION, "text/html; charset=utf-8"))
}
