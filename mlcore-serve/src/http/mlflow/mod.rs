//! MLflow's scoring server, as `mlflow models serve` answers for an ONNX model: `POST /invocations` with a data frame or tensors,
//! `GET /ping`, `/health` and `/version`.
//!
//! A body is JSON with exactly one of `dataframe_split`, `dataframe_records`, `instances` and `inputs`, or a data frame in CSV. The
//! answer is `{"predictions": ..}`: records of the outputs for a data frame, and a list for each output for tensors. Errors are
//! `{"error_code": .., "message": ..}`.

mod answer;
mod csv;
mod form;
mod frame;
mod input;

use std::sync::Arc;
use std::time::Instant;

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};
use mlcore::name::Version;

use self::answer::predictions;
use self::form::{Body, Sent};
use self::input::question;
use super::infer::{ARM, OUTCOME_ID};
use super::question::{Form, Question};
use super::refusal::Refusal;
use super::{AnswerBody, Answered, BoxError, HttpService, body};
use crate::endpoint::Prediction;
use crate::models::{Models, Served};

/// The version of MLflow whose protocol is spoken, which `GET /version` answers.
const MLFLOW: &str = "3.17.2";

/// The format of a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    Json,
    Csv,
}

impl HttpService {
    /// Answers what a data frame or tensors ask of a model.
    pub(super) async fn invocations<B>(
        &self,
        parts: &Parts,
        body: B,
        served: Arc<Served>,
        version: Option<Version>,
        arrived: Instant,
    ) -> Answered
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        let format = format_of(&parts.headers)?;
        let body = body::read(&parts.headers, body, self.inner.limits.body_bytes).await?;
        self.ask(served, body, Invocation { version, format }, arrived).await
    }
}

/// The forms of MLflow's scoring server, asked of a version where one is named.
struct Invocation {
    version: Option<Version>,
    format: Format,
}

impl Form for Invocation {
    /// Whether it is a data frame, and how many rows it asks about where the form says so.
    type Kept = (bool, Option<usize>);

    fn read<'b>(
        &self,
        served: &Served,
        body: &'b [u8],
        most: usize,
        arrived: Instant,
    ) -> Result<(Question<'b>, Self::Kept), Refusal> {
        let text = std::str::from_utf8(body).map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, NOT_UTF_8))?;
        let quoted;
        let Body { sent, parameters } = match self.format {
            Format::Csv => Body::of_csv(text, most)?,
            Format::Json => {
                // Python writes NaN and Infinity as bare words.
                quoted = crate::v2::quoted(text);
                Body::of_json(quoted.as_deref().unwrap_or(text), most)?
            }
        };
        let kept = (matches!(sent, Sent::Frame(_)), sent.rows());
        Ok((question(served, sent, self.version, parameters, arrived)?, kept))
    }

    fn write(&self, _: &Served, (is_frame, rows): Self::Kept, prediction: &Prediction) -> Answered {
        let predictions = predictions(&prediction.outputs, is_frame, rows)?;
        let mut response = super::json(&serde_json::json!({ "predictions": predictions }))?;
        let told = [(ARM, prediction.arm.to_string()), (OUTCOME_ID, prediction.outcome_id.to_string())];
        for (name, value) in told {
            // An arm is named like an alias, which a header can hold.
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        Ok(response)
    }
}

/// The model that answers where the path names none: the only one.
pub(super) fn only(models: &Models) -> Result<Arc<Served>, Refusal> {
    let served = models.served();
    if let [only] = served.as_slice() {
        return Ok(only.clone());
    }
    if served.is_empty() {
        models.check_ready()?;
        return Err(Refusal::new(StatusCode::NOT_FOUND, "find model: no model is served here"));
    }
    let mut names: Vec<&str> = served.iter().map(|served| served.name().as_str()).collect();
    let count = names.len();
    names.truncate(MOST_NAMES);
    let (names, more) = (names.join(", "), if count > MOST_NAMES { ", .." } else { "" });
    let message = format!(
        "find model: /invocations names no model, and {count} are served here ({names}{more}); send the request to \
         /mlcore/models/NAME/invocations"
    );
    Err(Refusal::new(StatusCode::BAD_REQUEST, message))
}

/// Whether a model answers: probes of SageMaker and of Kubernetes ask. A server that is stopping still answers.
pub(super) fn ping(models: &Models) -> Answered {
    if models.served().is_empty() {
        if !models.is_ready() {
            let message = "no model is loaded yet, or none could be";
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message));
        }
        return Err(Refusal::new(StatusCode::NOT_FOUND, "no model is served here"));
    }
    Ok(plain("\n"))
}

pub(super) fn version() -> Answered {
    Ok(plain(MLFLOW))
}

/// A body that MLflow declares as JSON, whatever it holds.
fn plain(body: &'static str) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The format that the header `Content-Type` names, in MLflow's words where it names none that is read.
fn format_of(headers: &HeaderMap) -> Result<Format, Refusal> {
    let refused = |message: String| Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message).in_text());
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = value.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        if key != "charset" {
            return refused(format!("Unrecognized content type parameters: {}.", crate::v2::shortened(key)));
        }
        if !value.eq_ignore_ascii_case("utf-8") {
            return refused("The scoring server only supports UTF-8".to_owned());
        }
    }
    match name {
        "application/json" => Ok(Format::Json),
        "text/csv" => Ok(Format::Csv),
        _ => refused(format!(
            "This predictor only supports the following content types: Types: ['text/csv', 'application/json']. Got '{}'.",
            crate::v2::shortened(value)
        )),
    }
}

const NOT_UTF_8: &str = "Invalid input. Ensure that input is a valid UTF-8 encoded string.";
/// So many models are named where one has to be chosen.
const MOST_NAMES: usize = 20;
const READ: &str = "read request";
