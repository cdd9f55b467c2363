use std::time::Instant;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};

use super::body::{self, Coding, SMALL_ANSWER};
use super::refusal::Refusal;
use super::route::ModelPath;
use super::{AnswerBody, Answered, BoxError, HttpService};
use crate::endpoint::Prediction;
use crate::models::exchange::{self, Codec, Exchange};
use crate::models::version_of;
use crate::v2::{InferAnswer, InferLimits, InferRequest, WrittenAnswer};

/// A request for inference with its whole body.
struct Written {
    body: Bytes,
    json_bytes: Option<usize>,
    limits: InferLimits,
    /// How the client wants its answer packed.
    coding: Option<Coding>,
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
        let is_traced = self.inner.settings.is_traced(&path.name);
        let written = Written { body, json_bytes, limits: self.inner.limits.request, coding };
        Exchange::new(written, served, version, is_traced, arrived).answer().await
    }
}

impl Codec for Written {
    type Answer = Response<AnswerBody>;
    type Refusal = Refusal;

    fn json_bytes(&self) -> usize {
        self.body.len()
    }

    fn read(&self) -> Result<InferRequest, Refusal> {
        Ok(InferRequest::read(&self.body, self.json_bytes, &self.limits)?)
    }

    fn write(&self, answer: InferAnswer, prediction: &Prediction) -> Answered {
        let WrittenAnswer { body, json_bytes } = answer.write()?;
        let mut response = Response::new(AnswerBody::default());
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
        let coding = self.coding.filter(|_| body.len() >= SMALL_ANSWER);
        let body = match coding.and_then(|coding| Some((coding, coding.pack(Vec::new(), &body).ok()?))) {
            Some((coding, packed)) => {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
                packed
            }
            None => body,
        };
        *response.body_mut() = AnswerBody::from(body);
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
pub(super) const ARM: HeaderName = HeaderName::from_static(exchange::ARM);
pub(super) const OUTCOME_ID: HeaderName = HeaderName::from_static(exchange::OUTCOME_ID);
