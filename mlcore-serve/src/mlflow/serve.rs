//! From a request to its answer: the body is read within limits, its fields are checked, and the handler runs on a thread that may
//! wait.

use std::pin::{Pin, pin};

use bytes::{Buf as _, Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Map, Value};

use super::artifacts::{self, IncomingArtifact, Outgoing};
use super::call::{Call, Reply, Sent};
use super::endpoints::{Brings, Endpoint, Matched};
use super::fields::Fields;
use super::refusal::{Refusal, Result};
use super::{Mlflow, fields, query, scope};
use crate::auth::Permit;
use crate::http::{AnswerBody, BodyRefusal, BoxError, read_body};
use crate::models::work::aside;

impl Mlflow {
    /// Answers a request whose sender may send it. A body that is read whole has at most `most` bytes.
    pub(crate) async fn answer<B>(
        &self,
        parts: &Parts,
        body: B,
        matched: Matched,
        most: usize,
        permit: &Permit,
    ) -> std::result::Result<Response<AnswerBody>, BodyRefusal>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        let endpoint = matched.endpoint();
        if let Brings::File = endpoint.brings {
            return Ok(respond(self.upload(&parts.headers, body, &matched, permit).await));
        }
        let is_json = matches!(endpoint.brings, Brings::Fields(_));
        if is_json && let Err(refusal) = check_content_type(&parts.method, &parts.headers) {
            return Ok(respond(Err(refusal)));
        }
        let body = match (endpoint.brings, &parts.method) {
            (Brings::Nothing | Brings::File, _) => Bytes::new(),
            (Brings::Fields(_), &Method::GET | &Method::HEAD) if parts.uri.query().is_some() => Bytes::new(),
            _ => read_body(&parts.headers, body, most).await?,
        };
        let range = parts.headers.get(header::RANGE).and_then(|range| range.to_str().ok()).map(str::to_owned);
        let (own, sent, permit) = (self.clone(), parts.uri.query().map(str::to_owned), permit.clone());
        let is_get = matches!(parts.method, Method::GET | Method::HEAD);
        let answered = aside(false, move || {
            let asked = Asked { names: &matched.names, is_get, query: sent.as_deref(), body: &body };
            own.handle(endpoint, &asked, &permit, range.as_deref())
        });
        Ok(respond(answered.await.unwrap_or_else(|error| Err(error.into()))))
    }

    fn handle(
        &self,
        endpoint: &Endpoint,
        asked: &Asked<'_>,
        permit: &Permit,
        range: Option<&str>,
    ) -> Result<Reply> {
        let Asked { names, is_get, query, body } = *asked;
        let (map, message) = match (endpoint.brings, query) {
            (Brings::Fields(message), Some(query)) if is_get && !query.is_empty() => {
                (query::fields(query, message)?, message)
            }
            (Brings::Fields(message), _) => (object(body)?, message),
            _ => (Map::new(), [].as_slice()),
        };
        let fields = Fields::checked(&map, message)?;
        let (query, actor) = (query.unwrap_or_default(), permit.name().unwrap_or("anonymous"));
        let call = Call { server: &self.inner, fields, names, query, body, actor, range };
        if let Some(resources) = permit.resources() {
            scope::check(&call, endpoint.about, message, resources).inspect_err(|_| permit.refuse())?;
        }
        (endpoint.handler)(&call)
    }

    /// Stores a file while it is read.
    async fn upload<B>(
        &self,
        headers: &HeaderMap,
        body: B,
        matched: &Matched,
        permit: &Permit,
    ) -> Result<Reply>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        let sent = matched.names.first().map(String::as_str).unwrap_or_default();
        if let Some(resources) = permit.resources() {
            scope::check_file(&self.inner, sent, resources).inspect_err(|_| permit.refuse())?;
        }
        let path = artifacts::upload_path(sent)?;
        let coding =
            headers.get(header::CONTENT_ENCODING).map_or(b"identity".as_slice(), HeaderValue::as_bytes);
        if !coding.eq_ignore_ascii_case(b"identity") {
            let message = "an artifact is stored as it is sent: send it without a Content-Encoding";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "BAD_REQUEST", message));
        }
        let own = self.clone();
        let mut incoming = aside(false, move || own.inner.incoming(&path)).await??;
        let (mut body, mut waiting) = (pin!(body), BytesMut::new());
        while let Some(piece) = next_piece(body.as_mut()).await? {
            waiting.extend_from_slice(&piece);
            if waiting.len() >= PIECE_BYTES {
                incoming = append(incoming, waiting.split().freeze()).await?;
            }
        }
        let rest = waiting.freeze();
        let stored = aside(false, move || {
            incoming.write(&rest)?;
            incoming.commit()
        });
        stored.await??;
        Ok(Reply::Empty(None))
    }
}

/// What a request brought.
#[derive(Clone, Copy)]
struct Asked<'a> {
    names: &'a [String],
    is_get: bool,
    query: Option<&'a str>,
    body: &'a [u8],
}

/// What has arrived of a body; none at its end.
async fn next_piece<B>(mut body: Pin<&mut B>) -> Result<Option<Bytes>>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    match body.frame().await {
        None => Ok(None),
        Some(Ok(frame)) => {
            let data = frame.into_data().ok();
            Ok(Some(data.map_or_else(Bytes::new, |mut data| data.copy_to_bytes(data.remaining()))))
        }
        Some(Err(cause)) => {
            let cause: BoxError = cause.into();
            Err(Refusal::bad_request(format!("the file did not arrive whole: {cause}")))
        }
    }
}

/// Appends a piece on a thread that may wait for the disk.
async fn append(mut incoming: Box<dyn IncomingArtifact>, piece: Bytes) -> Result<Box<dyn IncomingArtifact>> {
    Ok(aside(false, move || incoming.write(&piece).map(|()| incoming)).await??)
}

/// A page of another site can make a browser send text without asking: that is not taken for JSON.
fn check_content_type(method: &Method, headers: &HeaderMap) -> Result<()> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Err(Refusal::invalid("Bad Request. Content-Type header is missing."));
    };
    let name = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if name.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Refusal::invalid("Bad Request. Content-Type must be one of ['application/json']."))
}

/// The object that a body holds. What is no JSON counts as an empty one, so that the answer tells what is missing.
fn object(body: &[u8]) -> Result<Map<String, Value>> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let Ok(text) = std::str::from_utf8(body) else { return Ok(Map::new()) };
    // Python writes NaN and Infinity as bare words; they must not be taken for texts.
    let quoted = crate::v2::marked(text, fields::BARE);
    let read = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
    let value = match read(quoted.as_deref().unwrap_or(text)) {
        // Older clients send JSON in a text of JSON.
        Value::String(inner) => match serde_json::from_str(&inner) {
            Ok(inner) => inner,
            Err(_) => Value::String(inner),
        },
        value => value,
    };
    match value {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        _ => Err(Refusal::invalid("Bad Request. The body must be a JSON object.")),
    }
}

fn respond(answered: Result<Reply>) -> Response<AnswerBody> {
    match answered {
        Ok(Reply::Json(bytes)) => typed(AnswerBody::from(bytes), "application/json"),
        Ok(Reply::Text(text, kind)) => typed(AnswerBody::from(text), kind),
        Ok(Reply::Empty(Some(kind))) => typed(AnswerBody::default(), kind),
        Ok(Reply::Empty(None)) => Response::new(AnswerBody::default()),
        Ok(Reply::File(sent)) => file(*sent),
        Err(refusal) => {
            let mut response = typed(AnswerBody::from(refusal.body()), "application/json");
            *response.status_mut() = refusal.status;
            if let Some(seconds) = refusal.retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            response
        }
    }
}

fn typed(body: AnswerBody, kind: &'static str) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn file(Sent { file, name, range, shown }: Sent) -> Response<AnswerBody> {
    let size = file.size;
    let bytes = range.map_or(size, |(_, bytes)| bytes);
    let mut response =
        typed(Outgoing::new(file, bytes).into(), shown.unwrap_or_else(|| artifacts::media_type(&name)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, bytes.into());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if shown.is_none() {
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    if shown.is_none()
        && let Ok(disposition) = HeaderValue::try_from(artifacts::disposition(&name))
    {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    if let Some((from, bytes)) = range {
        let told = format!("bytes {from}-{}/{size}", (from + bytes).saturating_sub(1));
        if let Ok(told) = HeaderValue::try_from(told) {
            headers.insert(header::CONTENT_RANGE, told);
        }
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

/// So much of a file that is sent waits in memory.
const PIECE_BYTES: usize = 512 << 10;
