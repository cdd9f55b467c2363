//! A server of one model with two versions, each of which answers its number and repeats its input.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, MemoryStore};
use mlcore::batch::{Batch, Tensor};
use mlcore::name::{Alias, Arm, ModelName};
use mlcore::registry::{Change, Expected, MemoryRegistry, ModelVersion, NewVersion, RegistryExt, Stage};
use mlcore::rollout::{Canary, CanaryOptions, Guardrail, Metric, RampOptions};
use mlcore::runner::{FunctionRunner, Runner};
use mlcore::schema::{DType, Dim, Field, Schema, Signature};
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use mlcore_serve::Endpoint;
use mlcore_serve::auth::Auth;
use mlcore_serve::endpoint::EndpointBuilder;
use mlcore_serve::http::HttpService;
use mlcore_serve::models::{ModelSource, Models};
use mlcore_serve::v2::Parameters;
use serde_json::{Value, json};

pub(crate) fn signature() -> Signature {
    Signature::new(
        Schema::new([Field::tensor("x", DType::Float32, [Dim::Dynamic, Dim::Fixed(2)])]).unwrap(),
        Schema::new([
            Field::tensor("y", DType::Float64, [Dim::Dynamic]),
            Field::tensor("text", DType::String, [Dim::Dynamic]),
        ])
        .unwrap(),
    )
}

/// Answers the version's number, and the first number of each row as text; fails on 13.
fn load(version: &ModelVersion, _: &dyn ArtifactStore) -> Result<Arc<dyn Runner>> {
    let number = version.version.get() as f64;
    Ok(Arc::new(FunctionRunner::new(signature(), move |inputs| {
        let x = inputs.tensor("x")?.values::<f32>()?;
        let firsts: Vec<f32> = x.chunks(2).map(|row| row[0]).collect();
        if firsts.contains(&13.0) {
            return Err(Error::internal("run model", "m", "it fails on 13"));
        }
        let text = Tensor::strings([firsts.len()], firsts.iter().map(f32::to_string))?;
        Batch::new([("y", Tensor::column(vec![number; firsts.len()])), ("text", text)])
    })))
}

/// An endpoint of this name, whose champion is version 1 and whose challenger is version 2.
pub(crate) fn endpoint(name: &ModelName) -> EndpointBuilder {
    let change = Change::new("test", Timestamp::from_millis(1));
    let (registry, artifacts) = (Arc::new(MemoryRegistry::new()), Arc::new(MemoryStore::new()));
    registry.create_model(name.clone(), &change).unwrap();
    for alias in ["champion", "challenger"] {
        let artifact = artifacts.put_bytes(alias.as_bytes()).unwrap();
        let new = NewVersion::new(name.clone(), artifact, signature()).with_format("test");
        let version = registry.create_version(new, &change).unwrap().version;
        registry.transition(name, version, Stage::Dev, Stage::Staging, &change).unwrap();
        let alias = Alias::new(alias).unwrap();
        registry.set_alias(name, &alias, Some(version), Expected::Any, &change).unwrap();
    }
    Endpoint::builder(name.clone(), registry, artifacts)
        .with_loader(load)
        .with_arm(Alias::new("challenger").unwrap())
}

/// Two models that can be loaded, and one that cannot.
struct Source;

impl ModelSource for Source {
    fn names(&self) -> Result<Vec<ModelName>> {
        ["broken", "m", "other"].into_iter().map(ModelName::new).collect()
    }

    fn open(&self, name: &ModelName, _: &Parameters) -> Result<Endpoint> {
        match name.as_str() {
            "m" | "other" => endpoint(name).build(),
            "broken" => Err(Error::invalid_model("load model", "broken", "it is no model")),
            _ => Err(Error::not_found("load model", name.as_str(), "the source has no such model")),
        }
    }
}

pub(crate) struct Place {
    pub(crate) endpoint: Endpoint,
    pub(crate) service: HttpService,
    runtime: tokio::runtime::Runtime,
}

/// What was answered.
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::of(endpoint(&ModelName::new("m").unwrap()))
    }

    /// The same with a canary that is through after some tens of good answers.
    pub(crate) fn with_canary() -> Self {
        let arm = |name| Arm::new(name).unwrap();
        let guardrail = Guardrail::new(Metric::ErrorRate, 0.2).unwrap();
        let ramp = RampOptions::new([guardrail]).with_steps([0.5]).with_min_samples(30);
        let options = CanaryOptions::new(arm("champion"), arm("challenger"), "s", ramp);
        Self::of(endpoint(&ModelName::new("m").unwrap()).with_policy(Canary::new(options).unwrap()))
    }

    pub(crate) fn of(builder: EndpointBuilder) -> Self {
        let endpoint = builder.build().unwrap();
        let models = Models::of(Source);
        models.insert(endpoint.clone());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        // Who may do what is tested in `auth`.
        Self { endpoint, service: HttpService::new(models).with_auth(Auth::open()), runtime }
    }

    /// The same place that serves these models.
    pub(crate) fn with_models(mut self, models: Models) -> Self {
        self.service = HttpService::new(models).with_auth(Auth::open());
        self
    }

    pub(crate) fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Got {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
        self.runtime.block_on(async {
            let (parts, body) = self.service.answer(request).await.into_parts();
            Got {
                status: parts.status,
                headers: parts.headers,
                body: body.collect().await.unwrap().to_bytes(),
            }
        })
    }

    pub(crate) fn get(&self, path: &str) -> (StatusCode, Value) {
        let got = self.ask(Method::GET, path, &[], b"");
        (got.status, serde_json::from_slice(&got.body).unwrap())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let got = self.ask(
            Method::POST,
            path,
            &[("content-type", "application/json")],
            body.to_string().as_bytes(),
        );
        assert_eq!(got.headers[http::header::CONTENT_TYPE], "application/json");
        (got.status, serde_json::from_slice(&got.body).unwrap())
    }
}

/// A request named `r` about these rows.
pub(crate) fn infer_body(rows: &[[f32; 2]]) -> Value {
    json!({"id": "r", "inputs": [{"name": "x", "shape": [rows.len(), 2], "datatype": "FP32", "data": rows}]})
}
