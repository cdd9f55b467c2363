//! A member service that was there before: mlcore joins it as state and three routes, and mounts its own router under `/ml`, where
//! `tritonclient` and every other client of the Open Inference Protocol finds the same endpoint. Start it with
//! `cargo run --release -p axum-service`, then:
//!
//! ```sh
//! curl -s localhost:8080/members/125024/visit --json \
//!     '{"age": 31.5, "plan": "free", "sex": "female", "self_rated_health": "good"}'
//! curl -si localhost:8080/outcomes/OUTCOME_ID --json true    # the outcome_id of that answer
//! curl -s localhost:8080/release
//! curl -s localhost:8080/ml/v2/models/doctor-visit
//! ```
//!
//! Ctrl-C and `SIGTERM` let the requests that are under way end, and the worker work off what they left.

mod refusal;

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use doctor_visit::data::Rows;
use doctor_visit::release;
use mlcore::Result;
use mlcore::artifact::MemoryStore;
use mlcore::name::{Alias, UnitId};
use mlcore::registry::MemoryRegistry;
use mlcore_drift::monitor::{MonitorOptions, MonitorReference};
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{EventKind, Loss, OutcomeId, Request};
use mlcore_serve::http::HttpService;
use mlcore_serve::models::Models;
use serde_json::{Value, json};

use self::refusal::Refusal;

/// A body that serde reads, or why it does not.
type Body<T> = std::result::Result<Json<T>, JsonRejection>;

/// The service around an endpoint.
pub fn service(endpoint: Endpoint) -> Router {
    let models = Models::new();
    models.insert(endpoint.clone());
    Router::new()
        .nest_service("/ml", HttpService::new(models))
        .route("/", get(async || "the member service"))
        .route("/members/{id}/visit", post(visit))
        .route("/outcomes/{id}", post(outcome))
        .route("/release", get(status))
        .fallback(async || Refusal::new(StatusCode::NOT_FOUND, "not_found", "there is no such route"))
        .method_not_allowed_fallback(async || {
            Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "the route takes another method",
            )
        })
        .with_state(endpoint)
}

/// Answers in microseconds and without I/O, so it runs on the async worker as it is.
async fn visit(
    State(endpoint): State<Endpoint>,
    Path(member): Path<String>,
    body: Body<HashMap<String, Value>>,
) -> std::result::Result<Json<Value>, Refusal> {
    let Json(record) = body?;
    Ok(Json(predict(&endpoint, &member, &record)?))
}

/// Features by name. What is absent is missing here, as callers of this service have it; a name that the model does not
/// know, and a value that its column cannot hold, are refused with the column's name.
fn predict(endpoint: &Endpoint, member: &str, record: &HashMap<String, Value>) -> Result<Value> {
    let unit = UnitId::new(member)?;
    let mut records = endpoint.records()?.with_strict_names().with_absent_as_null();
    let prediction = records.read(record, |row| endpoint.predict(Request::row(&unit, row)))?;
    Ok(json!({
        "probability": release::probability(&prediction.outputs)?,
        "version": prediction.version.get(),
        "arm": prediction.arm.as_str(),
        "outcome_id": prediction.outcome_id.to_string(),
    }))
}

async fn outcome(
    State(endpoint): State<Endpoint>,
    Path(id): Path<String>,
    body: Body<bool>,
) -> std::result::Result<StatusCode, Refusal> {
    let Json(visited) = body?;
    let id: OutcomeId = id.parse()?;
    endpoint.report_outcome(id, f64::from(u8::from(visited)))?;
    Ok(StatusCode::ACCEPTED)
}

async fn status(State(endpoint): State<Endpoint>) -> Json<Value> {
    let arms: HashMap<String, u64> =
        endpoint.arms().into_iter().map(|(arm, version)| (arm.to_string(), version.get())).collect();
    let latency = |share| format!("{:?}", endpoint.latency_quantile(share));
    Json(json!({"arms": arms, "counts": endpoint.counts(), "p50": latency(0.5), "p99": latency(0.99)}))
}

/// What the service's log says of an event: one line, and nothing of a window in which nothing changed.
pub fn log_line(kind: &EventKind) -> Option<String> {
    match kind {
        EventKind::Judged { verdict } if !verdict.is_drifted() => None,
        EventKind::Judged { verdict } => {
            let names: Vec<&str> = verdict.drifted().map(|column| column.column.as_str()).collect();
            Some(format!(
                "{} of {} columns drifted: {}",
                names.len(),
                verdict.columns.len(),
                names.join(", ")
            ))
        }
        other => Some(other.to_string()),
    }
}

/// The endpoint, with a registry in memory; a real service opens the file or server that is there already.
///
/// # Errors
/// Those of reading the training data, of fitting, and of loading the model.
pub fn endpoint() -> Result<Endpoint> {
    let rows = Rows::read(&release::testdata("datasets/randhie.parquet"))?;
    let train = rows.of(&[1, 2, 3, 4], &[1, 2])?.features()?;
    let plan = release::fit(&train)?;
    let (registry, artifacts) = (Arc::new(MemoryRegistry::new()), Arc::new(MemoryStore::new()));
    let reference = MonitorReference::new(&train, &MonitorOptions::default())?;
    let registrar = release::Registrar::new(registry.clone(), artifacts.clone(), &plan, &reference)?;
    registrar.register("v1", Some("champion"))?;
    registrar.register("v2", Some("challenger"))?;
    Endpoint::builder(release::model_name()?, registry, artifacts)
        .with_arm(Alias::new("challenger")?)
        .with_policy(release::canary("v2")?)
        .with_loss(Loss::LogLoss)
        .build()
}
