use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use http_body_util::Full;
use mlcore::name::Version;

use super::body::{self, Coding};
use super::metadata::version_of;
use super::refusal::Refusal;
use super::route::ModelPath;
use super::{Answered, BoxError, HttpService};
use crate::models::{Inference, Served};
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
        let version = version_of(path)?;
        let json_bytes = json_bytes_of(parts)?;
        let body = self.body(&parts.headers, body).await?;
        let coding = body::accepted(&parts.headers);
        let limits = self.inner.limits.request;
        let is_traced = self.inner.settings.is_traced(&path.name);
        let asked = Asked { served, version, body, json_bytes, limits, coding, is_traced, arrived };
        let is_quick = is_quick(&asked.served, &asked.body);
        if asked.served.batching().is_some() {
            return asked.answer_batched().await;
        }
        aside(is_quick, move || asked.answer()).await
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
        let is_quick = is_quick(&served, &body) && served.batching().is_none();
        aside(is_quick, move || answer(&served, &body, most)).await
    }
}

/// Whether a request is expected to hold its thread up for no longer than a moment.
fn is_quick(served: &Served, body: &[u8]) -> bool {
    body.len() < LARGE_BODY && served.expected() < SLOW
}

/// Answers on this thread, or on one that may be held up.
pub(super) async fn aside<T: Send + 'static>(
    is_quick: bool,
    answer: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) if !is_quick => {
            let ended = runtime.spawn_blocking(answer).await;
            ended.map_err(|_| {
                Refusal::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the thread that worked on the request ended; the server's log says how",
                )
            })?
        }
        _ => answer(),
    }
}

impl Asked {
    fn answer(self) -> Answered {
        let request = InferRequest::read(&self.body, self.json_bytes, &self.limits)?;
        let inference = self.served.infer(&request, self.version, self.arrived)?;
        self.write(&request, inference)
    }

    /// Answers without holding up the thread while others' requests run.
    async fn answer_batched(self) -> Answered {
        let is_small = self.body.len() < LARGE_BODY;
        let elsewhere = !is_quick(&self.served, &self.body);
        let (asked, request) = aside(is_small, move || {
            let request = InferRequest::read(&self.body, self.json_bytes, &self.limits)?;
            Ok((self, request))
        })
        .await?;
        let Self { served, version, arrived, .. } = &asked;
        let inference = served.infer_async(&request, *version, *arrived, elsewhere).await?;
        aside(is_small, move || asked.write(&request, inference)).await
    }

    fn write(self, request: &InferRequest, inference: Inference) -> Answered {
        let Self { served, coding, is_traced, .. } = self;
        let Inference { prediction, model, mut spent } = inference;
        let began = Instant::now();
        let (name, version) = (served.name().as_str(), prediction.version);
        let declared = &model.runner().signature().outputs;
        let answer = InferAnswer::new(request, name, version.to_string(), &prediction.outputs, declared)?;
        let WrittenAnswer { body, json_bytes } = answer.write()?;
        let body = Bytes::from(body);
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
        let packed =
            coding.filter(|_| body.len() >= SMALL_ANSWER).and_then(|coding| body::pack(coding, &body));
        let body = match packed {
            Some((packed, coding)) => {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
                packed
            }
            None => body,
        };
        *response.body_mut() = Full::new(body);
        spent.output = began.elapsed();
        served.statistics().succeed(version, spent);
        if is_traced {
            let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
            tracing::info!(
                target: "mlcore_serve::trace",
                model = name,
                version = version.get(),
                id = request.id.as_deref(),
                arm = prediction.arm.as_str(),
                outcome_id = %prediction.outcome_id,
                rows = spent.rows,
                input_ns = nanos(spent.input),
                queue_ns = nanos(spent.queue),
                compute_ns = nanos(spent.compute),
                output_ns = nanos(spent.output),
                "request"
            );
        }
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
/// What takes longer than this holds up no other connection.
const SLOW: Duration = Duration::from_millis(1);
/// A body that takes about that long to read as JSON.
const LARGE_BODY: usize = 128 << 10;
/// What fits into one packet is not packed: many clients say that they could unpack it and do not care.
const SMALL_ANSWER: usize = 1400;
