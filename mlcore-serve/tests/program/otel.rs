//! What a collector of OpenTelemetry gets from the program, and what a collector that is away costs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use serde_json::json;

use crate::place::{Place, eventually};
use crate::protocol::inference::ModelInferRequest;
use crate::protocol::inference::model_infer_request::InferInputTensor;
use crate::row;

/// `ExportTraceServiceRequest` of opentelemetry-proto, as far as it is looked at; and so on.
#[derive(Clone, PartialEq, Message)]
struct Export {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    #[prost(int64, optional, tag = "3")]
    number: Option<i64>,
}

/// An attribute, as text.
fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    let value = found.value.as_ref().unwrap();
    value.text.clone().or_else(|| value.number.map(|number| number.to_string()))
}

/// Takes spans over HTTP and answers this status.
struct Collector {
    address: SocketAddr,
    got: Arc<Mutex<Vec<(String, Export)>>>,
}

impl Collector {
    fn new(status: u16) -> Self {
        Self::with(status, |stream| stream)
    }

    /// The same behind a handshake.
    fn with<S: Read + Write>(status: u16, shake: impl Fn(TcpStream) -> S + Send + Sync + 'static) -> Self {
        let shake = Arc::new(shake);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::<Mutex<Vec<_>>>::default();
        let kept = got.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, shake) = (kept.clone(), shake.clone());
                thread::spawn(move || serve(shake(stream), status, &kept));
            }
        });
        Self { address, got }
    }

    fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The heads of requests so far.
    fn heads(&self) -> Vec<String> {
        self.got.lock().unwrap().iter().map(|(head, _)| head.clone()).collect()
    }

    fn resource(&self) -> Vec<KeyValue> {
        let got = self.got.lock().unwrap();
        got[0].1.resources[0].resource.clone().unwrap().attributes
    }

    /// The spans of this trace; of all traces where it is empty.
    fn spans(&self, trace: &str) -> Vec<Span> {
        let got = self.got.lock().unwrap();
        let resources = got.iter().flat_map(|(_, export)| &export.resources);
        let spans = resources.flat_map(|of| &of.scopes).flat_map(|scope| &scope.spans);
        spans.filter(|span| trace.is_empty() || hex(&span.trace_id) == trace).cloned().collect()
    }
}

fn serve(stream: impl Read + Write, status: u16, kept: &Mutex<Vec<(String, Export)>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let head = head.to_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        if head.contains("content-encoding: gzip") {
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut unpacked).unwrap();
            body = unpacked;
        }
        kept.lock().unwrap().push((head, Export::decode(&body[..]).unwrap()));
        let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n");
        reader.get_mut().write_all(answer.as_bytes()).unwrap();
        reader.get_mut().flush().unwrap();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const PARENT: &str = "b7ad6b7169203331";

fn forest() -> Place {
    let place = Place::new();
    place.put("forest/1", "rf30.onnx");
    place
}

/// The status of an answer over HTTP, and the span that it names.
fn infer(place: &Place, traceparent: Option<&str>) -> (u16, Option<String>) {
    let input = json!({ "name": "input", "shape": [1, 30], "datatype": "FP32", "data": row() });
    let traceparent = traceparent.map_or(String::new(), |value| format!("traceparent: {value}\r\n"));
    let head =
        format!("POST /v2/models/forest/infer HTTP/1.1\r\nContent-Type: application/json\r\n{traceparent}");
    let answer = place.raw(&head, &json!({ "inputs": [input] }).to_string());
    let named = answer.lines().find_map(|line| line.strip_prefix("traceparent: ")).map(str::to_owned);
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), named)
}

/// The same over gRPC: the code of the answer.
fn call(place: &Place, traceparent: &str) -> (String, Option<String>) {
    let log = place.log();
    let address =
        log.split("serving over gRPC address=").nth(1).and_then(|rest| rest.split_whitespace().next());
    let address: SocketAddr = address.unwrap().parse().unwrap();
    let request = ModelInferRequest {
        model_name: "forest".to_owned(),
        inputs: vec![InferInputTensor {
            name: "input".to_owned(),
            datatype: "FP32".to_owned(),
            shape: vec![1, 30],
            ..InferInputTensor::default()
        }],
        raw_input_contents: vec![
            row().iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>().into(),
        ],
        ..ModelInferRequest::default()
    };
    let message = request.encode_to_vec();
    let body = [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), &message].concat();
    let request = Request::post(format!("http://{address}/inference.GRPCInferenceService/ModelInfer"))
        .header("content-type", "application/grpc")
        .header("traceparent", traceparent)
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let made = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (mut sender, connection) = made.unwrap();
        tokio::spawn(connection);
        let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
        let named = parts.headers.get("traceparent").map(|value| value.to_str().unwrap().to_owned());
        let trailers = body.collect().await.unwrap().trailers().cloned();
        let fields = trailers.unwrap_or(parts.headers);
        (fields["grpc-status"].to_str().unwrap().to_owned(), named)
    })
}

/// The request's span of a trace, whose stages are its children.
#[track_caller]
fn request_of(collector: &Collector, trace: &str, name: &str, named: Option<String>) -> Span {
    let mut spans = collector.spans(trace);
    let place = spans.iter().position(|span| span.name == name);
    let request = spans.remove(place.unwrap_or_else(|| panic!("{spans:?}")));
    assert_eq!((hex(&request.parent_span_id), request.kind), (PARENT.to_owned(), 2), "a server's");
    assert_eq!(named.unwrap(), format!("00-{trace}-{}-01", hex(&request.span_id)));
    let mut stages: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    stages.sort_unstable();
    assert_eq!(stages, ["compute", "features", "post", "read"]);
    assert!(spans.iter().all(|stage| stage.parent_span_id == request.span_id && stage.kind == 1));
    for (key, value) in [
        ("mlcore.model.name", "forest"),
        ("mlcore.model.version", "1"),
        ("mlcore.arm", "champion"),
        ("mlcore.rows", "1"),
    ] {
        assert_eq!(attribute(&request.attributes, key).as_deref(), Some(value), "{key}");
    }
    request
}

#[test]
fn a_collector_gets_the_spans_of_recorded_traces() {
    let collector = Collector::new(200);
    let place = forest().with_variables(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.base()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20t,x-team=ml"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
    ]);
    let place = place.serve(&["--model-repository", "models"]);
    let (http, grpc, off) = (
        "0af7651916cd43dd8448eb211c80319c",
        "1af7651916cd43dd8448eb211c80319c",
        "2af7651916cd43dd8448eb211c80319c",
    );
    let (status, http_named) = infer(&place, Some(&format!("00-{http}-{PARENT}-01")));
    assert_eq!(status, 200);
    let (code, grpc_named) = call(&place, &format!("00-{grpc}-{PARENT}-01"));
    assert_eq!(code, "0");
    // Neither is recorded: a caller's trace that is not, and a request that belongs to none.
    assert!(infer(&place, Some(&format!("00-{off}-{PARENT}-00"))).1.unwrap().ends_with("-00"));
    assert_eq!(infer(&place, None), (200, None));
    eventually("it has them", || collector.spans(http).len() + collector.spans(grpc).len() >= 10);
    let request = request_of(&collector, http, "POST /v2/models/{model}/infer", http_named);
    let of = |key| attribute(&request.attributes, key);
    assert_eq!(of("http.response.status_code").as_deref(), Some("200"));
    let call = request_of(&collector, grpc, "inference.GRPCInferenceService/ModelInfer", grpc_named);
    assert_eq!(attribute(&call.attributes, "rpc.response.status_code").as_deref(), Some("OK"));
    let resource = collector.resource();
    assert_eq!(attribute(&resource, "service.name").as_deref(), Some("mlcore-serve"));
    assert_eq!(attribute(&resource, "deployment.environment.name").as_deref(), Some("test"));
    let head = collector.heads().remove(0);
    assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
    for line in ["authorization: bearer t", "x-team: ml", "content-type: application/x-protobuf"] {
        assert!(head.contains(line), "{head}");
    }
    assert_eq!(place.stop(), Some(0));
    assert_eq!(collector.spans("").len(), 10);
}

#[test]
fn what_a_stop_finds_is_sent() {
    let collector = Collector::new(200);
    let place = forest().with_variables(&[
        ("OTEL_SERVICE_NAME", "risk"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "1"),
        // After the test.
        ("OTEL_BSP_SCHEDULE_DELAY", "600000"),
    ]);
    let place = place.serve(&["--model-repository", "models", "--otlp-endpoint", &collector.base()]);
    let (status, named) = infer(&place, None);
    assert_eq!(status, 200);
    let named = named.unwrap();
    assert!(infer(&place, Some(&format!("00-2af7651916cd43dd8448eb211c80319c-{PARENT}-00"))).0 == 200);
    assert!(collector.heads().is_empty());
    assert_eq!(place.stop(), Some(0));
    let spans = collector.spans("");
    assert_eq!(spans.len(), 5, "only the request that nobody decided about: {spans:?}");
    let request = spans.iter().find(|span| span.parent_span_id.is_empty()).unwrap();
    assert_eq!(named, format!("00-{}-{}-01", hex(&request.trace_id), hex(&request.span_id)));
    assert_eq!(attribute(&collector.resource(), "service.name").as_deref(), Some("risk"));
}

#[test]
fn a_collector_behind_tls_is_trusted_by_its_authority_alone() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key);
    let config = Arc::new(config.unwrap());
    let collector = Collector::with(200, move |stream| {
        rustls::StreamOwned::new(rustls::ServerConnection::new(config.clone()).unwrap(), stream)
    });
    let base = format!("https://localhost:{}", collector.address.port());
    let sent = format!("00-0af7651916cd43dd8448eb211c80319c-{PARENT}-01");
    let place = forest();
    place.write_here("collector.pem", made.cert.pem());
    for (file, count) in [(None, 0), (Some("collector.pem"), 5)] {
        let mut variables =
            vec![("OTEL_EXPORTER_OTLP_ENDPOINT", base.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "20")];
        variables.extend(file.map(|file| ("OTEL_EXPORTER_OTLP_CERTIFICATE", file)));
        let place = place.again().with_variables(&variables).serve(&["--model-repository", "models"]);
        assert_eq!(infer(&place, Some(&sent)).0, 200);
        if count == 0 {
            eventually("it is told", || place.log().contains("spans were not exported"));
        }
        assert_eq!(place.stop(), Some(0));
        assert_eq!(collector.spans("").len(), count);
    }
}

/// A port at which nobody listens; one that takes connections and answers nothing; and a collector that refuses.
#[test]
fn a_collector_that_is_away_costs_no_request_and_no_stop() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let refusing = Collector::new(400);
    for (address, is_told, why) in [
        (nobody, true, "refused"),
        (silent.local_addr().unwrap(), false, ""),
        (refusing.address, true, "it answered the status 400"),
    ] {
        let url = format!("http://{address}/v1/traces");
        let place = forest().with_variables(&[
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &url),
            ("OTEL_BSP_SCHEDULE_DELAY", "20"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "8"),
        ]);
        let place = place.serve(&["--model-repository", "models"]);
        let sent = format!("00-0af7651916cd43dd8448eb211c80319c-{PARENT}-01");
        for _ in 0..20 {
            let begin = Instant::now();
            assert_eq!(infer(&place, Some(&sent)).0, 200);
            assert!(begin.elapsed() < Duration::from_secs(2), "{address}");
        }
        if is_told {
            eventually("it is told", || place.log().contains("spans were not exported"));
            thread::sleep(Duration::from_millis(200));
            let log = place.log();
            let lines: Vec<&str> =
                log.lines().filter(|line| line.contains("spans were not exported")).collect();
            assert!(lines.len() == 1 && lines[0].contains(why) && lines[0].contains(&url), "{log}");
        }
        let begin = Instant::now();
        let log = place.told();
        assert_eq!(place.stop(), Some(0));
        assert!(
            begin.elapsed() < Duration::from_secs(8),
            "{address}: it stopped after {:?}",
            begin.elapsed()
        );
        eventually("the rest is told", || log.lock().unwrap().contains("lost=100"));
    }
}
