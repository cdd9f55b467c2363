//! Who traces a request: the W3C trace context and the request id that it brings, and the spans of its stages.
//!
//! A request whose `traceparent` says that its trace is sampled has a span `request` of the target `mlcore_serve::request` and the
//! level INFO, with `trace_id`, `parent_id`, `span_id` and `request_id`; any other has one of the level DEBUG, so that it costs nothing
//! unless somebody listens. Within it are spans of the stages. Log lines of a request stand in its span, and carry its ids.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use tracing::Span;

/// What the headers of a request say about who asks.
#[derive(Debug)]
pub(crate) struct Caller {
    trace: Option<TraceContext>,
    request_id: Option<HeaderValue>,
    span_id: u64,
}

/// The trace that a request belongs to (W3C Trace Context, level 2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct TraceContext {
    trace_id: u128,
    parent_id: u64,
    flags: u8,
}

impl Caller {
    /// What is there, and well-formed; anything else is ignored, as the standard wants it.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let trace = headers.get(TRACE_PARENT).and_then(|value| TraceContext::parse(value.as_bytes()));
        let is_id = |value: &&HeaderValue| {
            (1..=MOST_ID_BYTES).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic)
        };
        let request_id = headers.get(REQUEST_ID).filter(is_id).cloned();
        let span_id = if trace.is_some() { new_span_id() } else { 0 };
        Self { trace, request_id, span_id }
    }

    /// The span of the request.
    pub(crate) fn span(&self) -> Span {
        macro_rules! request {
            ($span:ident) => {
                tracing::$span!(
                    target: TARGET,
                    "request",
                    trace_id = self.trace.map(|trace| tracing::field::display(Hex128(trace.trace_id))),
                    parent_id = self.trace.map(|trace| tracing::field::display(Hex64(trace.parent_id))),
                    span_id = self.trace.map(|_| tracing::field::display(Hex64(self.span_id))),
                    request_id = self.request_id.as_ref().and_then(|id| id.to_str().ok()),
                )
            };
        }
        let is_sampled = self.trace.is_some_and(|trace| trace.flags & SAMPLED != 0);
        if is_sampled { request!(info_span) } else { request!(debug_span) }
    }

    /// Answers what came: the same trace with the span of this server as the parent, and the request id.
    pub(crate) fn put(self, headers: &mut HeaderMap) {
        if let Some(TraceContext { trace_id, flags, .. }) = self.trace {
            let text = format!("00-{trace_id:032x}-{:016x}-{flags:02x}", self.span_id);
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(TRACE_PARENT, value);
            }
        }
        if let Some(id) = self.request_id {
            headers.insert(REQUEST_ID, id);
        }
    }
}

impl TraceContext {
    fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let (known, rest) = text.split_at_checked(LENGTH)?;
        let mut parts = known.split('-');
        let version = hex(parts.next()?, 2)?;
        let (trace_id, parent_id) = (hex(parts.next()?, 32)?, hex(parts.next()?, 16)?);
        let flags = hex(parts.next()?, 2)?;
        // A later version may say more, behind another hyphen.
        let is_whole = parts.next().is_none() && (rest.is_empty() || (version > 0 && rest.starts_with('-')));
        if !is_whole || version == 0xff || trace_id == 0 || parent_id == 0 {
            return None;
        }
        Some(Self { trace_id, parent_id: parent_id as u64, flags: flags as u8 })
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

/// Whether this thread works on a request that has a span.
pub(crate) fn is_traced() -> bool {
    Span::current().metadata().is_some_and(|metadata| metadata.target() == TARGET)
}

/// The span of a stage within that of the request, entered until it is dropped; none where the request has none.
macro_rules! stage {
    ($name:literal) => {
        crate::trace::is_traced()
            .then(|| tracing::info_span!(target: "mlcore_serve::request", $name).entered())
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
        assert_eq!((read.parent_id, read.flags), (0xb7ad_6b71_6920_3331, 1));
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
