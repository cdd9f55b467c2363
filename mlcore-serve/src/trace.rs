//! Who traces a request: the W3C trace context and the request id that it brings, and the spans of its stages.
//!
//! A request whose `traceparent` says that its trace is sampled has a span `request` of the target `mlcore_serve::request` and the
//! level INFO, with `trace_id`, `parent_id`, `span_id` and `request_id`; any other has one of the level DEBUG, so that it costs nothing
//! unless somebody listens. Within it are spans of the stages, of the same level. Log lines of a request stand in its span, and carry
//! its ids. Other fields have the names of OpenTelemetry's semantic conventions, and are recorded when they are known.
//!
//! With the feature `otel`, a layer of the crate `tracing-opentelemetry` hears which span of the caller is the parent, and it is the
//! layer's span that an answer names.

#[cfg(feature = "otel")]
mod otel;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode, Version};
use tracing::field::{Empty, display};
use tracing::{Level, Span};

/// What the headers of a request say about who asks.
#[derive(Debug)]
pub(crate) struct Caller {
    trace: Option<TraceContext>,
    request_id: Option<HeaderValue>,
    /// The span of this server, where the request belongs to a trace.
    own: Option<TraceContext>,
    #[cfg(feature = "otel")]
    state: opentelemetry::trace::TraceState,
}

/// A span, and the trace that it belongs to (W3C Trace Context, level 2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

/// What a request asks for, as its span tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asks<'r> {
    Http {
        method: &'r Method,
        path: &'r str,
        /// The path with names in braces instead of those of models; none where there is no such path.
        route: Option<&'static str>,
        version: Version,
    },
    /// The service and its call, divided by a slash.
    #[cfg(feature = "grpc")]
    Grpc { call: &'static str, version: Version },
}

impl Caller {
    /// What is there, and well-formed; anything else is ignored, as the standard wants it.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let trace = headers.get(TRACE_PARENT).and_then(|value| TraceContext::parse(value.as_bytes()));
        let is_id = |value: &&HeaderValue| {
            (1..=MOST_ID_BYTES).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic)
        };
        let request_id = headers.get(REQUEST_ID).filter(is_id).cloned();
        let own = trace.map(|trace| TraceContext { span_id: new_span_id(), ..trace });
        Self {
            trace,
            request_id,
            own,
            #[cfg(feature = "otel")]
            state: trace.map(|_| otel::state(headers)).unwrap_or_default(),
        }
    }

    /// Begins the span of the request.
    pub(crate) fn begin(&mut self, asks: Asks<'_>) -> Span {
        macro_rules! request {
            ($span:ident) => {
                tracing::$span!(
                    target: TARGET,
                    "request",
                    trace_id = Empty,
                    parent_id = Empty,
                    span_id = Empty,
                    request_id = self.request_id.as_ref().and_then(|id| id.to_str().ok()),
                    otel.name = asks.name().as_str(),
                    otel.kind = "server",
                    otel.status_code = Empty,
                    network.protocol.version = asks.version(),
                    http.request.method = asks.method(),
                    http.route = asks.route(),
                    url.path = asks.path(),
                    http.response.status_code = Empty,
                    rpc.system.name = asks.call().map(|_| "grpc"),
                    rpc.method = asks.call(),
                    rpc.response.status_code = Empty,
                    error.type = Empty,
                    mlcore.model.name = Empty,
                    mlcore.model.version = Empty,
                    mlcore.arm = Empty,
                    mlcore.rows = Empty,
                )
            };
        }
        #[cfg(feature = "otel")]
        let surrounding = otel::surrounding();
        let is_sampled = self.trace.is_some_and(TraceContext::is_sampled);
        #[cfg(feature = "otel")]
        let is_sampled = is_sampled || surrounding.as_ref().is_some_and(|span| span.is_sampled());
        // The macros look first whether anybody listens: of nobody's requests no name is made.
        let span = if is_sampled { request!(info_span) } else { request!(debug_span) };
        if span.is_disabled() {
            return span;
        }
        #[cfg(feature = "otel")]
        self.join(&span, surrounding.is_some());
        if let Some(own) = self.own {
            span.record("trace_id", display(Hex128(own.trace_id)));
            if let Some(trace) = self.trace.filter(|trace| trace.trace_id == own.trace_id) {
                span.record("parent_id", display(Hex64(trace.span_id)));
            }
            span.record("span_id", display(Hex64(own.span_id)));
        }
        span
    }

    /// Makes the caller's span the parent, unless one of the host `is_within` which it lies is, and takes over the ids that a layer of
    /// OpenTelemetry gave.
    #[cfg(feature = "otel")]
    fn join(&mut self, span: &Span, is_within: bool) {
        let parent = self.trace.filter(|_| !is_within).map(|trace| trace.with_state(self.state.clone()));
        let Some(joined) = otel::join(span, parent) else { return };
        let sampled = if joined.is_sampled() { SAMPLED } else { 0 };
        // A trace that begins here and is not recorded is nobody's business.
        if self.trace.is_some() || sampled > 0 {
            let flags = self.trace.map_or(0, |trace| trace.flags & !SAMPLED) | sampled;
            self.own = Some(TraceContext::of(&joined, flags));
        }
    }

    /// Answers what came: the same trace with the span of this server as the parent, and the request id.
    pub(crate) fn put(self, headers: &mut HeaderMap) {
        if let Some(TraceContext { trace_id, span_id, flags }) = self.own {
            let text = format!("00-{trace_id:032x}-{span_id:016x}-{flags:02x}");
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(TRACE_PARENT, value);
            }
        }
        if let Some(id) = self.request_id {
            headers.insert(REQUEST_ID, id);
        }
    }
}

/// The attributes of a request that are known when it begins, none of which is made for a span that nobody wants.
impl<'r> Asks<'r> {
    fn name(self) -> String {
        match self {
            Self::Http { route, .. } => {
                let method = self.method().filter(|method| *method != OTHER_METHOD).unwrap_or("HTTP");
                route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"))
            }
            #[cfg(feature = "grpc")]
            Self::Grpc { call, .. } => call.to_owned(),
        }
    }

    fn version(self) -> Option<&'static str> {
        match self {
            Self::Http { version, .. } => version_name(version),
            #[cfg(feature = "grpc")]
            Self::Grpc { version, .. } => version_name(version),
        }
    }

    /// A client may make up any number of methods; there are few names of spans.
    fn method(self) -> Option<&'r str> {
        match self {
            Self::Http { method, .. } if METHODS.contains(&method.as_str()) => Some(method.as_str()),
            Self::Http { .. } => Some(OTHER_METHOD),
            #[cfg(feature = "grpc")]
            Self::Grpc { .. } => None,
        }
    }

    fn path(self) -> Option<&'r str> {
        match self {
            Self::Http { path, .. } => Some(path.get(..MOST_PATH_BYTES).unwrap_or(path)),
            #[cfg(feature = "grpc")]
            Self::Grpc { .. } => None,
        }
    }

    fn route(self) -> Option<&'static str> {
        match self {
            Self::Http { route, .. } => route,
            #[cfg(feature = "grpc")]
            Self::Grpc { .. } => None,
        }
    }

    fn call(self) -> Option<&'static str> {
        match self {
            Self::Http { .. } => None,
            #[cfg(feature = "grpc")]
            Self::Grpc { call, .. } => Some(call),
        }
    }
}

fn version_name(version: Version) -> Option<&'static str> {
    Some(match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_11 => "1.1",
        Version::HTTP_2 => "2",
        _ => return None,
    })
}

/// Tells a request's span with which status of HTTP it was answered.
pub(crate) fn answered(span: &Span, status: StatusCode) {
    if span.is_disabled() {
        return;
    }
    // Not as u16: a layer of OpenTelemetry writes that as text.
    span.record("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.record("error.type", status.as_str());
        span.record("otel.status_code", "ERROR");
    }
}

/// Tells the span of a call of gRPC, or of one message of a stream, with which code it ended, and whether that is a failure of the
/// server's.
#[cfg(feature = "grpc")]
pub(crate) fn ended(span: &Span, code: &'static str, is_failure: bool) {
    if span.is_disabled() {
        return;
    }
    span.record("rpc.response.status_code", code);
    if is_failure {
        span.record("error.type", code);
        span.record("otel.status_code", "ERROR");
    }
}

/// Tells the span of a request which model it goes to.
pub(crate) fn decided(model: &str, version: u64, arm: &str, rows: usize) {
    let span = Span::current();
    if !is_ours(&span) {
        return;
    }
    span.record("mlcore.model.name", model);
    span.record("mlcore.model.version", i64::try_from(version).unwrap_or(i64::MAX));
    span.record("mlcore.arm", arm);
    span.record("mlcore.rows", i64::try_from(rows).unwrap_or(i64::MAX));
}

/// The span of one message of a stream, within that of the call; none where the call has none.
#[cfg(feature = "grpc")]
pub(crate) fn message() -> Span {
    macro_rules! message {
        ($span:ident) => {
            tracing::$span!(
                target: TARGET,
                "message",
                otel.status_code = Empty,
                rpc.response.status_code = Empty,
                error.type = Empty,
                mlcore.model.name = Empty,
                mlcore.model.version = Empty,
                mlcore.arm = Empty,
                mlcore.rows = Empty,
            )
        };
    }
    match level() {
        Some(Level::INFO) => message!(info_span),
        Some(_) => message!(debug_span),
        None => Span::none(),
    }
}

impl TraceContext {
    fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let (known, rest) = text.split_at_checked(LENGTH)?;
        let mut parts = known.split('-');
        let version = hex(parts.next()?, 2)?;
        let (trace_id, span_id) = (hex(parts.next()?, 32)?, hex(parts.next()?, 16)?);
        let flags = hex(parts.next()?, 2)?;
        // A later version may say more, behind another hyphen.
        let is_whole = parts.next().is_none() && (rest.is_empty() || (version > 0 && rest.starts_with('-')));
        if !is_whole || version == 0xff || trace_id == 0 || span_id == 0 {
            return None;
        }
        Some(Self { trace_id, span_id: span_id as u64, flags: flags as u8 })
    }

    fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }
}

/// A number of so many lower-case digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == digits && text.bytes().all(is_hex)).then(|| u128::from_str_radix(text, 16).ok())?
}

/// Numbers from a place of its own in each process, spread out.
fn new_span_id() -> u64 {
    static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    SEED.hash_one(NEXT.fetch_add(1, Ordering::Relaxed)).max(1)
}

struct Hex128(u128);

impl fmt::Display for Hex128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

struct Hex64(u64);

impl fmt::Display for Hex64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Whether a span is one of a request.
fn is_ours(span: &Span) -> bool {
    span.metadata().is_some_and(|metadata| metadata.target() == TARGET)
}

/// The level of the spans of the request that this thread works on; none where it has none.
pub(crate) fn level() -> Option<Level> {
    let span = Span::current();
    span.metadata().filter(|metadata| metadata.target() == TARGET).map(|metadata| *metadata.level())
}

/// The span of a stage within that of the request; a disabled one where the request has none.
macro_rules! stage_span {
    ($name:literal) => {
        match crate::trace::level() {
            Some(tracing::Level::INFO) => tracing::info_span!(target: "mlcore_serve::request", $name),
            Some(_) => tracing::debug_span!(target: "mlcore_serve::request", $name),
            None => tracing::Span::none(),
        }
    };
}
pub(crate) use stage_span;

/// The same, entered until it is dropped.
macro_rules! stage {
    ($name:literal) => {
        crate::trace::stage_span!($name).entered()
    };
}
pub(crate) use stage;

const TARGET: &str = "mlcore_serve::request";
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The flag of a trace that is recorded.
const SAMPLED: u8 = 1;
/// The characters of `00-{32}-{16}-{2}`.
const LENGTH: usize = 55;
/// The methods that have a name in OpenTelemetry's conventions.
const METHODS: [&str; 9] = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];
/// What another method is called there.
const OTHER_METHOD: &str = "_OTHER";
/// A span holds no more of a path, which may be as long as the head of a request.
const MOST_PATH_BYTES: usize = 512;
/// A longer id is not repeated.
const MOST_ID_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_context_is_read_as_the_standard_says() {
        let trace = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";
        let parse = |text: &str| TraceContext::parse(text.as_bytes());
        let read = parse(&format!("00-{trace}-01")).unwrap();
        assert_eq!(read.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!((read.span_id, read.flags), (0xb7ad_6b71_6920_3331, 1));
        assert_eq!(parse(&format!("01-{trace}-01-more")), Some(read), "a later version");
        for wrong in [
            format!("00-{trace}-01-more"),
            format!("ff-{trace}-01"),
            format!("00-{trace}-0"),
            format!("00-{}-01", trace.to_uppercase()),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", "0".repeat(16)),
            format!("+0-{trace}-01"),
            format!("00-{trace}+01"),
            String::new(),
            "é".repeat(55),
        ] {
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_answer_belongs_to_the_same_trace() {
        let mut headers = HeaderMap::new();
        let sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        headers.insert(TRACE_PARENT, HeaderValue::from_static(sent));
        headers.insert(REQUEST_ID, HeaderValue::from_static("r-17"));
        let mut answer = HeaderMap::new();
        Caller::read(&headers).put(&mut answer);
        let told = answer["traceparent"].to_str().unwrap();
        assert!(told.starts_with(&sent[..36]) && told.ends_with("-01") && told != sent, "{told}");
        assert_eq!(answer["x-request-id"], "r-17");
        headers.insert(TRACE_PARENT, HeaderValue::from_static("00-1"));
        headers.insert(REQUEST_ID, HeaderValue::from_static("a b"));
        let mut answer = HeaderMap::new();
        Caller::read(&headers).put(&mut answer);
        assert!(answer.is_empty());
    }
}
