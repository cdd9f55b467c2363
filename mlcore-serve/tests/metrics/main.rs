//! What the host's recorder of the facade `metrics` hears.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking, in its helpers too")]

mod recorder;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, MemoryStore};
use mlcore::batch::{Batch, Tensor};
use mlcore::name::{Alias, Arm, ModelName};
use mlcore::registry::{Change, Expected, MemoryRegistry, ModelVersion, NewVersion, RegistryExt};
use mlcore::rollout::Weighted;
use mlcore::runner::{FunctionRunner, Runner};
use mlcore::schema::{DType, Dim, Field, Schema, Signature};
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use mlcore_serve::Endpoint;
use mlcore_serve::batching::BatchOptions;
use mlcore_serve::http::HttpService;
use mlcore_serve::metrics::{METRICS, MetricKind, MetricUnit};
use mlcore_serve::models::Models;
use serde_json::{Value, json};

use self::recorder::Told;

fn signature() -> Signature {
    let of = |name, dtype| Schema::new([Field::tensor(name, dtype, [Dim::Dynamic])]).unwrap();
    Signature::new(of("x", DType::Float32), of("y", DType::Float32))
}

/// Repeats its input; fails on 13.
fn load(_: &ModelVersion, _: &dyn ArtifactStore) -> Result<Arc<dyn Runner>> {
    Ok(Arc::new(FunctionRunner::new(signature(), |inputs| {
        let x = inputs.tensor("x")?.values::<f32>()?.to_vec();
        if x.contains(&13.0) {
            return Err(Error::internal("run model", "m", "it fails on 13"));
        }
        Ok(Batch::single("y", Tensor::column(x)))
    })))
}

struct Place {
    told: &'static Told,
    endpoint: Endpoint,
    service: HttpService,
    runtime: tokio::runtime::Runtime,
}

impl Place {
    /// A model of its own name, because all tests have one recorder: versions 1 and 2, with equal shares.
    fn new(name: &str) -> Self {
        let told = Told::of_process();
        let name = ModelName::new(name).unwrap();
        let change = Change::new("test", Timestamp::from_millis(1));
        let (registry, artifacts) = (Arc::new(MemoryRegistry::new()), Arc::new(MemoryStore::new()));
        registry.create_model(name.clone(), &change).unwrap();
        for alias in ["champion", "challenger"] {
            let artifact = artifacts.put_bytes(alias.as_bytes()).unwrap();
            let new = NewVersion::new(name.clone(), artifact, signature()).with_format("test");
            let version = registry.create_version(new, &change).unwrap().version;
            let alias = Alias::new(alias).unwrap();
            registry.set_alias(&name, &alias, Some(version), Expected::Any, &change).unwrap();
        }
        let arms = ["champion", "challenger"].map(|arm| (Arm::new(arm).unwrap(), 1.0));
        let endpoint = Endpoint::builder(name, registry, artifacts)
            .with_loader(load)
            .with_arm(Alias::new("challenger").unwrap())
            .with_policy(Weighted::new("s", arms).unwrap())
            .build()
            .unwrap();
        let models = Models::new();
        models.insert(endpoint.clone());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        Self { told, endpoint, service: HttpService::new(models), runtime }
    }

    fn post(&self, path: &str, body: &Value) -> StatusCode {
        let request = Request::post(path).body(Full::new(Bytes::from(body.to_string()))).unwrap();
        self.runtime.block_on(async {
            let response = self.service.answer(request).await;
            let status = response.status();
            response.into_body().collect().await.unwrap();
            status
        })
    }

    fn infer(&self, version: u64, values: &[f32]) -> StatusCode {
        let name = self.endpoint.model_name();
        let input = json!({"name": "x", "shape": [values.len()], "datatype": "FP32", "data": values});
        let id = format!("r{version}");
        self.post(
            &format!("/v2/models/{name}/versions/{version}/infer"),
            &json!({"id": id, "inputs": [input]}),
        )
    }

    /// What a series of this model stands at; its other labels begin with a comma.
    fn sum(&self, metric: &str, labels: &str) -> f64 {
        let name = self.endpoint.model_name();
        self.told.sum(&format!("{metric}{{model={name}{labels}}}"))
    }

    fn collect(&self) {
        self.endpoint.process();
        self.service.models().collect_metrics();
    }
}

#[test]
fn requests_are_counted_by_model_version_and_arm() {
    let place = Place::new("counted");
    for _ in 0..3 {
        assert_eq!(place.infer(1, &[1.0, 2.0]), StatusCode::OK);
    }
    assert_eq!(place.infer(2, &[1.0]), StatusCode::OK);
    assert_eq!(place.infer(2, &[13.0]), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        place.post("/v2/models/counted/versions/1/infer", &json!({"inputs": []})),
        StatusCode::BAD_REQUEST
    );
    let outcomes = json!({"outcomes": [{"id": "r1", "label": 1.0}, {"id": "nobody", "label": 1.0}]});
    assert_eq!(place.post("/mlcore/models/counted/outcomes", &outcomes), StatusCode::OK);
    let (first, second) = (",version=1,arm=champion", ",version=2,arm=challenger");
    // Told once, however often it is asked for.
    for _ in 0..2 {
        place.collect();
        assert_eq!(place.sum("mlcore_predictions_total", first), 6.0);
        assert_eq!(place.sum("mlcore_predictions_total", second), 1.0);
        assert_eq!(place.sum("mlcore_requests_total", second), 2.0);
        assert_eq!(place.sum("mlcore_request_failures_total", &format!("{second},kind=internal")), 1.0);
        assert_eq!(place.sum("mlcore_outcomes_total", ",arm=champion"), 1.0);
        assert_eq!(place.sum("mlcore_outcomes_unjoined_total", ",reason=orphan"), 1.0);
        assert_eq!(place.sum("mlcore_requests_in_flight", ""), 0.0);
    }
    assert_eq!(place.sum("mlcore_arm_version", ",arm=challenger"), 2.0);
    assert_eq!(place.sum("mlcore_arm_traffic_share", ",arm=challenger"), 0.5);
    assert_eq!(place.told.sum("mlcore_models{state=ready}"), 1.0);
    // The latencies of answered requests, by stage.
    let of = |metric: &str, labels: &str| {
        place.told.all(&format!("{metric}{{model=counted,version=1,arm=champion{labels}}}"))
    };
    let totals = of("mlcore_request_duration_seconds", "");
    assert_eq!((totals.len(), of("mlcore_prediction_duration_seconds", "").len()), (3, 3));
    let stages = ["read", "queue", "features", "compute", "post"]
        .map(|stage| of("mlcore_request_stage_duration_seconds", &format!(",stage={stage}")));
    for (place, total) in totals.iter().enumerate() {
        let parts: f64 = stages.iter().map(|stage| stage[place]).sum();
        assert!(parts <= *total && *total < 60.0, "{parts} of {total}");
    }
    assert!(of("mlcore_request_stage_duration_seconds", ",stage=batch_wait").is_empty());
    assert!(place.told.sum("mlcore_http_responses_total{code=200}") >= 5.0);
    assert!(place.told.sum("mlcore_http_responses_total{code=500}") >= 1.0);
}

#[test]
fn runs_of_batches_are_told_with_their_sizes() {
    let place = Place::new("batched");
    place.service.models().insert_batched(place.endpoint.clone(), BatchOptions::default()).unwrap();
    assert_eq!(place.infer(1, &[1.0, 2.0, 3.0]), StatusCode::OK);
    assert_eq!(place.infer(1, &[1.0]), StatusCode::OK);
    place.collect();
    assert_eq!(place.sum("mlcore_batch_rows", ",version=1"), 4.0);
    assert_eq!(place.sum("mlcore_batch_requests", ",version=1"), 2.0);
    assert_eq!(place.sum("mlcore_batch_queue_requests", ""), 0.0);
    let waits = place
        .told
        .all("mlcore_request_stage_duration_seconds{model=batched,version=1,arm=champion,stage=batch_wait}");
    assert_eq!(waits.len(), 2);
}

#[test]
fn names_that_clients_make_up_are_no_series() {
    let place = Place::new("bounded");
    let ask = |name: &str| {
        let input = json!({"name": "x", "shape": [1], "datatype": "FP32", "data": [1.0]});
        let body = json!({"id": name, "inputs": [input], "parameters": {"unit": name}});
        place.post(&format!("/v2/models/{name}/infer"), &body);
        place.post(&format!("/v2/models/bounded/versions/{name}/infer"), &body);
        place.post(&format!("/{name}"), &body);
        place.post("/v2/models/bounded/versions/1/infer", &body);
        place.post("/v2/models/bounded/versions/2/infer", &body);
    };
    ask("m0");
    place.collect();
    let before = place.told.names("model=bounded");
    (1..=1000).for_each(|number| ask(&format!("m{number}")));
    place.collect();
    assert_eq!(place.told.names("model=bounded"), before);
    for part in ["=m1", "m999"] {
        assert!(place.told.names(part).is_empty(), "{part}");
    }
}

#[test]
fn a_model_that_is_loaded_again_counts_on() {
    let place = Place::new("reloaded");
    place.infer(1, &[1.0]);
    place.collect();
    // Another endpoint, which counts from zero.
    let again = Place::new("reloaded");
    again.infer(1, &[1.0, 2.0]);
    again.collect();
    assert_eq!(place.sum("mlcore_predictions_total", ",version=1,arm=champion"), 3.0);
}

#[test]
fn every_metric_is_described_and_named_as_prometheus_wants_it() {
    let described = Told::of_process().described();
    let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), METRICS.len(), "a name is there twice");
    assert_eq!(described.keys().map(String::as_str).collect::<BTreeSet<_>>(), names);
    for metric in METRICS {
        let name = metric.name;
        assert_eq!(name.ends_with("_total"), metric.kind == MetricKind::Counter, "{name}");
        let base = name.trim_end_matches("_total");
        assert_eq!(base.ends_with("_seconds"), metric.unit == MetricUnit::Seconds, "{name}");
        assert_eq!(base.ends_with("_bytes"), metric.unit == MetricUnit::Bytes, "{name}");
        assert_eq!(metric.buckets().is_empty(), metric.kind != MetricKind::Histogram, "{name}");
        assert!(metric.buckets().is_sorted(), "{name}");
        assert!(described[name].contains(metric.meaning) && metric.meaning.ends_with('.'), "{name}");
    }
    // And nothing is told that does not stand there.
    for series in Told::of_process().names("") {
        assert!(names.contains(series.split('{').next().unwrap()), "{series}");
    }
}

/// The table in README.md; a list of names exists once.
#[test]
fn the_table_of_the_documentation_is_that_of_the_code() {
    let lines = METRICS.iter().map(|metric| {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind, unit) = (metric.name, metric.kind, metric.unit);
        format!("| `{name}` | {kind} | {unit} | {} | {} |\n", labels.join(", "), metric.meaning)
    });
    let table: String = lines.collect();
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/METRICS.md")).unwrap();
    assert!(
        text.ends_with(&format!("|---|---|---|---|---|\n{table}")),
        "METRICS.md should end with:\n{table}"
    );
}
