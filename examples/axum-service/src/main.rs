//! A member service that was there before: mlcore joins it as state and three routes. Start it with
//! `cargo run --release -p axum-service`, then:
//!
//! ```sh
//! curl -s localhost:8080/members/125024/visit --json \
//!     '{"age": 31.5, "plan": "free", "sex": "female", "self_rated_health": "good"}'
//! curl -si localhost:8080/outcomes/OUTCOME_ID --json true    # the outcome_id of that answer
//! curl -s localhost:8080/release
//! ```
#![expect(clippy::print_stdout, reason = "a service says where it listens")]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use doctor_visit::data::Rows;
use doctor_visit::release;
use mlcore::artifact::MemoryStore;
use mlcore::name::{Alias, UnitId};
use mlcore::registry::MemoryRegistry;
use mlcore::{Error, Result};
use mlcore_drift::monitor::MonitorOptions;
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{Loss, OutcomeId, Request};
use serde_json::json;

/// An error as this service answers it: one table from meaning to status.
struct Refusal(Error);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match &self.0 {
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::Overloaded(_) | Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Error::Timeout(_) => StatusCode::GATEWAY_TIMEOUT,
            error if error.is_caller_fault() => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let body = json!({"error": {"code": self.0.kind(), "message": self.0.to_string()}});
        (status, Json(body)).into_response()
    }
}

/// A member's record: features by name; what is absent is missing, and a name that the model does not know is refused.
type MemberRecord = HashMap<String, serde_json::Value>;

/// Answers in microseconds and without I/O, so it runs on the async worker as it is.
async fn visit(
    State(endpoint): State<Endpoint>,
    Path(member): Path<String>,
    Json(record): Json<MemberRecord>,
) -> Result<Json<serde_json::Value>, Refusal> {
    predict(&endpoint, &member, &record).map(Json).map_err(Refusal)
}

fn predict(endpoint: &Endpoint, member: &str, record: &MemberRecord) -> Result<serde_json::Value> {
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
    Json(visited): Json<bool>,
) -> Result<StatusCode, Refusal> {
    let id: OutcomeId = id.parse().map_err(Refusal)?;
    endpoint.report_outcome(id, f64::from(u8::from(visited)));
    Ok(StatusCode::ACCEPTED)
}

async fn status(State(endpoint): State<Endpoint>) -> Json<serde_json::Value> {
    let arms: HashMap<String, u64> =
        endpoint.arms().into_iter().map(|(arm, version)| (arm.to_string(), version.get())).collect();
    let latency = |share| format!("{:?}", endpoint.latency_quantile(share));
    Json(json!({"arms": arms, "counts": endpoint.counts(), "p50": latency(0.5), "p99": latency(0.99)}))
}

/// The endpoint, with a registry in memory; a real service opens the file or server that is there already.
fn endpoint() -> Result<Endpoint> {
    let rows = Rows::read(&release::testdata("datasets/randhie.parquet"))?;
    let train = rows.of(&[1, 2, 3, 4], &[1, 2])?.features()?;
    let plan = release::fit(&train)?;
    let (registry, artifacts) = (Arc::new(MemoryRegistry::new()), Arc::new(MemoryStore::new()));
    let registrar = release::Registrar::new(registry.clone(), artifacts.clone(), &plan)?;
    registrar.register("v1", Some("champion"))?;
    registrar.register("v2", Some("challenger"))?;
    Endpoint::builder(release::model_name()?, registry, artifacts)
        .with_arm(Alias::new("challenger")?)
        .with_policy(release::canary("v2")?)
        .with_loss(Loss::LogLoss)
        .with_reference(train, MonitorOptions::default())
        .build()
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let endpoint = endpoint()?;
    let _worker = endpoint.spawn_worker(Duration::from_millis(20), |event| println!("{}", event.kind))?;
    let service = Router::new()
        .route("/", get(async || "the member service"))
        .route("/members/{id}/visit", post(visit))
        .route("/outcomes/{id}", post(outcome))
        .route("/release", get(status))
        .with_state(endpoint);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, service).await?)
}
