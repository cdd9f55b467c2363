//! The spans of requests in the traces of a host, which has a subscriber and a layer of OpenTelemetry of its own.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking, in its helpers too")]

#[path = "../grpc/protocol/mod.rs"]
mod protocol;
#[path = "../grpc/support.rs"]
#[expect(dead_code, reason = "the tests of the service use the rest")]
mod support;
#[path = "../http/support.rs"]
#[expect(dead_code, reason = "the tests of the service use the rest")]
mod web;

use std::sync::{LazyLock, Mutex};

use http::{HeaderMap, Method};
use mlcore::name::ModelName;
use mlcore_serve::batching::BatchOptions;
use opentelemetry::Value;
use opentelemetry::trace::{SpanId, SpanKind, Status, TraceId, TracerProvider as _};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use prost::Message as _;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::{Asked, framed, request};
use crate::web::{Place, endpoint, infer_body};

static ENDED: Mutex<Vec<SpanData>> = Mutex::new(Vec::new());

/// Keeps spans.
#[derive(Debug)]
struct Keep;

impl SpanExporter for Keep {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        ENDED.lock().unwrap().extend(batch);
        Ok(())
    }
}

/// A host records every trace that nobody else decided about, as the SDK does by default.
static HOST: LazyLock<()> = LazyLock::new(|| {
    let provider = SdkTracerProvider::builder().with_simple_exporter(Keep).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("host"));
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();
});

/// The spans of this trace, in the order in which they ended.
fn spans_of(trace: &str) -> Vec<SpanData> {
    let trace = TraceId::from_hex(trace).unwrap();
    let ended = ENDED.lock().unwrap();
    ended.iter().filter(|span| span.span_context.trace_id() == trace).cloned().collect()
}

fn names(spans: &[SpanData]) -> Vec<&str> {
    spans.iter().map(|span| &*span.name).collect()
}

fn attribute<'s>(span: &'s SpanData, key: &str) -> Option<&'s Value> {
    span.attributes.iter().find(|attribute| attribute.key.as_str() == key).map(|attribute| &attribute.value)
}

#[track_caller]
fn check(span: &SpanData, attributes: &[(&'static str, Value)]) {
    for (key, value) in attributes {
        assert_eq!(attribute(span, key), Some(value), "{key} of {}: {:?}", span.name, span.attributes);
    }
}

/// The trace and the span that an answer names.
fn named(headers: &HeaderMap) -> (String, SpanId, String) {
    let text = headers["traceparent"].to_str().unwrap();
    let parts: Vec<&str> = text.split('-').collect();
    (parts[1].to_owned(), SpanId::from_hex(parts[2]).unwrap(), parts[3].to_owned())
}

const PARENT: &str = "b7ad6b7169203331";

fn infer(place: &Place, headers: &[(&str, &str)], rows: &[[f32; 2]]) -> HeaderMap {
    let headers = [&[("content-type", "application/json")], headers].concat();
    let body = infer_body(rows).to_string();
    place.ask(Method::POST, "/v2/models/m/versions/2/infer", &headers, body.as_bytes()).headers
}

#[test]
fn a_request_is_a_child_of_its_callers_span() {
    LazyLock::force(&HOST);
    let (place, trace) = (Place::new(), "0af7651916cd43dd8448eb211c80319c");
    let parent = format!("00-{trace}-{PARENT}-03");
    let sent = [("traceparent", parent.as_str()), ("tracestate", "a=1"), ("tracestate", "b=2")];
    let answer = infer(&place, &sent, &[[0.5, 1.0], [0.25, 1.0]]);
    let spans = spans_of(trace);
    assert_eq!(
        names(&spans),
        ["read", "features", "compute", "post", "POST /v2/models/{model}/versions/{version}/infer"]
    );
    let (request, stages) = spans.split_last().unwrap();
    assert_eq!(request.parent_span_id, SpanId::from_hex(PARENT).unwrap());
    assert!(request.parent_span_is_remote && request.span_kind == SpanKind::Server);
    assert_eq!(request.span_context.trace_state().header(), "a=1,b=2");
    assert_eq!(request.status, Status::Unset);
    let (told, span, flags) = named(&answer);
    assert_eq!((told.as_str(), span, flags.as_str()), (trace, request.span_context.span_id(), "03"));
    for stage in stages {
        assert_eq!(stage.parent_span_id, span, "{}", stage.name);
        assert!(request.start_time <= stage.start_time && stage.end_time <= request.end_time);
    }
    check(
        request,
        &[
            ("http.request.method", "POST".into()),
            ("http.route", "/v2/models/{model}/versions/{version}/infer".into()),
            ("url.path", "/v2/models/m/versions/2/infer".into()),
            ("http.response.status_code", 200.into()),
            ("network.protocol.version", "1.1".into()),
            ("mlcore.model.name", "m".into()),
            ("mlcore.model.version", 2.into()),
            ("mlcore.arm", "challenger".into()),
            ("mlcore.rows", 2.into()),
        ],
    );
    // Each once, and none of the other protocol.
    let mut keys: Vec<&str> = request.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    keys.sort_unstable();
    let count = keys.len();
    keys.dedup();
    assert_eq!(keys.len(), count);
    assert!(!keys.iter().any(|key| key.starts_with("rpc.")), "{keys:?}");
}

#[test]
fn only_failures_of_the_server_are_errors() {
    LazyLock::force(&HOST);
    let (place, trace) = (Place::new(), "1af7651916cd43dd8448eb211c80319c");
    let parent = format!("00-{trace}-{PARENT}-01");
    let sent = [("traceparent", parent.as_str())];
    infer(&place, &sent, &[[13.0, 1.0]]);
    place.ask(Method::GET, "/v2/models/none/ready", &sent, b"");
    place.ask(Method::from_bytes(b"BREW").unwrap(), "/nowhere", &sent, b"");
    let spans = spans_of(trace);
    let of = |name: &str| {
        spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{:?}", names(&spans)))
    };
    let failed = of("POST /v2/models/{model}/versions/{version}/infer");
    assert_eq!(failed.status, Status::error(""));
    let told = [("http.response.status_code", 500.into()), ("error.type", "500".into())];
    check(failed, &[&told[..], &[("mlcore.arm", "challenger".into())]].concat());
    let missing = of("GET /v2/models/{model}/ready");
    assert_eq!((&missing.status, attribute(missing, "error.type")), (&Status::Unset, None));
    check(missing, &[("http.response.status_code", 404.into())]);
    // Names that a client makes up are no names of spans.
    check(of("HTTP"), &[("http.request.method", "_OTHER".into()), ("url.path", "/nowhere".into())]);
}

#[test]
fn a_caller_that_records_nothing_is_obeyed() {
    LazyLock::force(&HOST);
    let (place, trace) = (Place::new(), "2af7651916cd43dd8448eb211c80319c");
    let answer = infer(&place, &[("traceparent", &format!("00-{trace}-{PARENT}-00"))], &[[0.5, 1.0]]);
    let (told, _, flags) = named(&answer);
    assert_eq!((told.as_str(), flags.as_str()), (trace, "00"));
    assert!(spans_of(trace).is_empty());
}

#[test]
fn a_request_of_nobodys_trace_begins_one() {
    LazyLock::force(&HOST);
    let (trace, span, flags) = named(&infer(&Place::new(), &[], &[[0.5, 1.0]]));
    let spans = spans_of(&trace);
    let (request, stages) = spans.split_last().unwrap();
    assert_eq!((request.span_context.span_id(), request.parent_span_id), (span, SpanId::INVALID));
    assert_eq!(flags, "01");
    assert_eq!(names(stages), ["read", "features", "compute", "post"]);
    assert!(stages.iter().all(|stage| stage.parent_span_id == span));
}

#[test]
fn within_a_span_of_the_host_a_request_is_its_child() {
    LazyLock::force(&HOST);
    let trace = "3af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace}-{PARENT}-01");
    let place = Place::new();
    let (told, span, _) = tracing::info_span!("handler")
        .in_scope(|| named(&infer(&place, &[("traceparent", &parent)], &[[0.5, 1.0]])));
    assert!(spans_of(trace).is_empty(), "the host decides which trace it belongs to");
    let spans = spans_of(&told);
    let of = |name: &str| spans.iter().find(|span| span.name.starts_with(name)).unwrap();
    assert_eq!(of("POST").parent_span_id, of("handler").span_context.span_id());
    assert_eq!(of("POST").span_context.span_id(), span);
}

/// Whether the thread waits for its place or a task does.
#[test]
fn a_request_that_shares_a_run_says_how_long_it_waited_for_it() {
    LazyLock::force(&HOST);
    let (place, trace) = (Place::new(), "7af7651916cd43dd8448eb211c80319c");
    let endpoint = endpoint(&ModelName::new("m").unwrap()).build().unwrap();
    place.service.models().insert_batched(endpoint, BatchOptions::default()).unwrap();
    let parent = format!("00-{trace}-{PARENT}-01");
    let sent = [("traceparent", parent.as_str())];
    infer(&place, &sent, &[[0.5, 1.0]]);
    place.ask(Method::POST, "/v1/models/m:predict", &sent, br#"{"instances": [[0.5, 1.0]]}"#);
    let spans = spans_of(trace);
    for name in ["POST /v2/models/{model}/versions/{version}/infer", "POST /v1/models/{model}:predict"] {
        let request = spans.iter().find(|span| span.name == name).unwrap();
        let own = request.span_context.span_id();
        assert!(
            spans.iter().any(|span| span.name == "batch" && span.parent_span_id == own),
            "{name}: {spans:?}"
        );
        check(request, &[("mlcore.rows", 1.into()), ("http.response.status_code", 200.into())]);
    }
}

#[test]
fn calls_of_grpc_have_spans_and_answer_their_names() {
    LazyLock::force(&HOST);
    let (asked, trace) = (Asked::new(), "4af7651916cd43dd8448eb211c80319c");
    let parent = format!("00-{trace}-{PARENT}-01");
    let sent = [("traceparent", parent.as_str()), ("x-request-id", "r-1")];
    let body = framed(0, &request(&[[0.5, 1.0]]).encode_to_vec());
    let (fields, _) = asked.post("/inference.GRPCInferenceService/ModelInfer", &sent, &body);
    assert_eq!(
        (&fields["grpc-status"], &fields["x-request-id"]),
        (&"0".parse().unwrap(), &"r-1".parse().unwrap())
    );
    let spans = spans_of(trace);
    assert_eq!(
        names(&spans),
        ["read", "features", "compute", "post", "inference.GRPCInferenceService/ModelInfer"]
    );
    let (call, stages) = spans.split_last().unwrap();
    let (told, span, _) = named(&fields);
    assert_eq!((told.as_str(), span), (trace, call.span_context.span_id()));
    assert_eq!(
        (call.parent_span_id, &call.span_kind),
        (SpanId::from_hex(PARENT).unwrap(), &SpanKind::Server)
    );
    assert!(stages.iter().all(|stage| stage.parent_span_id == span));
    check(
        call,
        &[
            ("rpc.system.name", "grpc".into()),
            ("rpc.method", "inference.GRPCInferenceService/ModelInfer".into()),
            ("rpc.response.status_code", "OK".into()),
            ("network.protocol.version", "2".into()),
            ("mlcore.model.name", "m".into()),
            ("mlcore.rows", 1.into()),
        ],
    );
    assert_eq!(attribute(call, "http.request.method"), None);
}

#[test]
fn calls_of_grpc_that_fail_say_how() {
    LazyLock::force(&HOST);
    let (asked, trace) = (Asked::new(), "5af7651916cd43dd8448eb211c80319c");
    let parent = format!("00-{trace}-{PARENT}-01");
    let sent = [("traceparent", parent.as_str())];
    let late = [sent[0], ("grpc-timeout", "soon")];
    asked.post("/inference.GRPCInferenceService/Brew", &sent, &framed(0, b""));
    asked.post("/inference.GRPCInferenceService/ServerLive", &late, &framed(0, b""));
    let spans = spans_of(trace);
    assert_eq!(names(&spans), ["_OTHER", "inference.GRPCInferenceService/ServerLive"]);
    check(
        &spans[0],
        &[("rpc.response.status_code", "UNIMPLEMENTED".into()), ("error.type", "UNIMPLEMENTED".into())],
    );
    assert_eq!(spans[0].status, Status::error(""));
    // The caller's mistake.
    check(&spans[1], &[("rpc.response.status_code", "INVALID_ARGUMENT".into())]);
    assert_eq!(spans[1].status, Status::Unset);
}

#[test]
fn each_message_of_a_stream_has_a_span_in_that_of_the_call() {
    LazyLock::force(&HOST);
    let (asked, trace) = (Asked::new(), "6af7651916cd43dd8448eb211c80319c");
    let parent = format!("00-{trace}-{PARENT}-01");
    let sent = [("traceparent", parent.as_str())];
    let message = |row| framed(0, &request(&[row]).encode_to_vec());
    let body = [message([0.5, 1.0]), message([13.0, 1.0])].concat();
    let (fields, _) = asked.post("/inference.GRPCInferenceService/ModelStreamInfer", &sent, &body);
    let spans = spans_of(trace);
    let of = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let [call] = of("inference.GRPCInferenceService/ModelStreamInfer")[..] else {
        panic!("{:?}", names(&spans))
    };
    // Both are answered at once, and either may end first.
    let mut messages = of("message");
    messages.sort_by_key(|message| message.start_time);
    let [first, second] = messages[..] else { panic!("{:?}", names(&spans)) };
    assert_eq!(named(&fields).1, call.span_context.span_id());
    check(call, &[("rpc.response.status_code", "OK".into())]);
    for message in [first, second] {
        assert_eq!(message.parent_span_id, call.span_context.span_id());
        check(message, &[("mlcore.model.name", "m".into()), ("mlcore.rows", 1.into())]);
        let own = message.span_context.span_id();
        assert!(of("compute").iter().any(|stage| stage.parent_span_id == own));
        assert!(call.start_time <= message.start_time && message.end_time <= call.end_time);
    }
    check(first, &[("rpc.response.status_code", "OK".into())]);
    check(second, &[("rpc.response.status_code", "INTERNAL".into()), ("error.type", "INTERNAL".into())]);
}
