use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use http_body_util::Full;
use mlcore::name::Version;

use super::body::{self, Coding, SMALL_ANSWER};
use super::refusal::Refusal;
use super::route::ModelPath;
use super::{Answered, BoxError, HttpService};
use crate::models::work::{self, LARGE_BODY, aside, is_quick};
use crate::models::{Inference, Served, version_of};
use crate::trace::stage;
use crate::v2::{InferAnswer, InferLimits, InferRequest, WrittenAnswer};

/// A request for inference with its whole body.
struct Asked {
    served: Arc<Served>,
    version: Option<Version>,
    body: Bytes,
    json_bytes: Option<usize>,
    limits: InferLimits,
    /// How the client wants its answer packed.
    coding: Option<Coding>,
    is_traced: bool,
    arrived: Instant,
    /// Since when it waits for a thread, and how long it did.
    complete: Instant,
    waited: Duration,
}

impl HttpService {
    pub(super) async fn infer<B>(
        &self,
        parts: &Parts,
        body: B,
        path: &ModelPath,
        arrived: Instant,
    ) -> Answered
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        // Before the body is read.
        let served = self.inner.models.get(&path.name)?;
        let version = version_of(path.version())?;
        let json_bytes = json_bytes_of(parts)?;
        let body = self.body(&parts.headers, body).await?;
        let coding = body::accepted(&parts.headers);
        let limits = self.inner.limits.request;
        let is_traced = self.inner.settings.is_traced(&path.name);
        let (complete, waited) = (Instant::now(), Duration::ZERO);
        let asked =
            Asked { served, version, body, json_bytes, limits, coding, is_traced, arrived, complete, waited };
        if asked.served.batching().is_some() {
            return asked.answer_batched().await;
        }
        let is_quick = is_quick(&asked.served, asked.body.len());
        aside(is_quick, move || asked.answer()).await?
    }

    /// Answers a question about raw records, or one of KServe's first protocol: by a function of the model, the body, and the most
    /// records that it may hold.
    pub(super) async fn ask<B>(
        &self,
        parts: &Parts,
        body: B,
        name: &str,
        answer: impl FnOnce(&Served, &[u8], usize) -> Answered + Send + 'static,
    ) -> Answered
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        // Before the body is read.
        let served = self.inner.models.get(name)?;
        let body = self.body(&parts.headers, body).await?;
        let most = self.inner.limits.records;
        // A request that waits for its place in a batch holds up its thread.
        let is_quick = is_quick(&served, body.len()) && served.batching().is_none();
        aside(is_quick, move || answer(&served, &body, most)).await?
    }
}

impl Asked {
    fn answer(mut self) -> Answered {
        self.waited = self.complete.elapsed();
        let read = stage!("read");
        let request = InferRequest::read(&self.body, self.json_bytes, &self.limits)?;
        drop(read);
        let inference = self.served.infer(&request, self.version, self.arrived)?;
        self.write(&request, inference)
    }

    /// Answers without holding up the thread while others' requests run.
    async fn answer_batched(mut self) -> Answered {
        let is_small = self.body.len() < LARGE_BODY;
        let elsewhere = !is_quick(&self.served, self.body.len());
        let (asked, request) = aside(is_small, move || {
            self.waited = self.complete.elapsed();
            let _read = stage!("read");
            let request = InferRequest::read(&self.body, self.json_bytes, &self.limits)?;
            Ok::<_, Refusal>((self, request))
        })
        .await??;
        let Self { served, version, arrived, .. } = &asked;
        let inference = served.infer_async(&request, *version, *arrived, elsewhere).await?;
        aside(is_small, move || asked.write(&request, inference)).await?
    }

    fn write(self, request: &InferRequest, inference: Inference) -> Answered {
        let Self { served, coding, is_traced, arrived, waited, .. } = self;
        let Inference { prediction, model, mut spent } = inference;
        let _post = stage!("post");
        let began = Instant::now();
        let declared = &model.runner().signature().outputs;
        let answer = InferAnswer::new(
            request,
            served.name().as_str(),
            prediction.version.to_string(),
            &prediction.outputs,
            declared,
        )?;
        let WrittenAnswer { body, json_bytes } = answer.write()?;
        let mut response = Response::new(Full::default());
        let headers = response.headers_mut();
        let kind = if json_bytes.is_some() { "application/octet-stream" } else { "application/json" };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some(bytes) = json_bytes {
            headers.insert(JSON_BYTES, bytes.into());
        }
        let told = [(ARM, prediction.arm.to_string()), (OUTCOME_ID, prediction.outcome_id.to_string())];
        for (name, value) in told {
            // An arm is named like an alias, which a header can hold.
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
        let coding = coding.filter(|_| body.len() >= SMALL_ANSWER);
        let body = match coding.and_then(|coding| Some((coding, coding.pack(Vec::new(), &body).ok()?))) {
            Some((coding, packed)) => {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
                packed
            }
            None => body,
        };
        *response.body_mut() = Full::from(body);
        (spent.wait, spent.output, spent.total) = (waited, began.elapsed(), arrived.elapsed());
        work::succeed(&served, request.id.as_deref(), &prediction, spent, is_traced);
        Ok(response)
    }
}

/// How many bytes of the body are JSON, where the client says so.
fn json_bytes_of(parts: &Parts) -> Result<Option<usize>, Refusal> {
    let mut values = parts.headers.get_all(JSON_BYTES).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let bytes = value.to_str().ok().and_then(|text| text.parse().ok());
    match (bytes, values.next()) {
        (Some(bytes), None) => Ok(Some(bytes)),
        _ => {
            let message = "the header Inference-Header-Content-Length is not one number of bytes";
            Err(Refusal::new(StatusCode::BAD_REQUEST, message))
        }
    }
}

const JSON_BYTES: HeaderName = HeaderName::from_static("inference-header-content-length");
const ARM: HeaderName = HeaderName::from_static("mlcore-arm");
const OUTCOME_ID: HeaderName = HeaderName::from_static("mlcore-outcome-id");
