//! The same trace in a layer of the crate `tracing-opentelemetry`, the program's or the host's.

use std::str::FromStr as _;

use http::HeaderMap;
use http::header::HeaderName;
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::TraceContext;

impl TraceContext {
    /// The caller's span.
    pub(super) fn with_state(self, state: TraceState) -> SpanContext {
        let (trace_id, span_id) = (TraceId::from(self.trace_id), SpanId::from(self.span_id));
        SpanContext::new(trace_id, span_id, TraceFlags::new(self.flags), true, state)
    }

    pub(super) fn of(span: &SpanContext, flags: u8) -> Self {
        let trace_id = u128::from_be_bytes(span.trace_id().to_bytes());
        let span_id = u64::from_be_bytes(span.span_id().to_bytes());
        Self { trace_id, span_id, flags }
    }
}

/// What other tracing systems keep in a trace; nothing where it is not well-formed.
pub(super) fn state(headers: &HeaderMap) -> TraceState {
    let mut values = headers.get_all(TRACE_STATE).iter().filter_map(|value| value.to_str().ok());
    let Some(first) = values.next() else { return TraceState::default() };
    let text = values.fold(first.to_owned(), |text, value| text + "," + value);
    TraceState::from_str(&text).unwrap_or_default()
}

/// The span of the host within which a request is answered, where there is one.
pub(super) fn surrounding() -> Option<SpanContext> {
    let of = |context: &Context| Some(context.span().span_context().clone()).filter(SpanContext::is_valid);
    let current = Span::current();
    let traced = if current.is_none() { None } else { of(&current.context()) };
    traced.or_else(|| of(&Context::current()))
}

/// Begins a span in OpenTelemetry, as a child of `parent` where one is given; none where no layer hears of it.
pub(super) fn join(span: &Span, parent: Option<SpanContext>) -> Option<SpanContext> {
    if let Some(parent) = parent {
        // It fails where there is no layer, which is no failure.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
    Some(span.context().span().span_context().clone()).filter(SpanContext::is_valid)
}

const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");
