//! What Prometheus finds when it scrapes the program, and what a trace finds in its log.

use serde_json::json;

use crate::place::{Place, eventually};
use crate::{infer, row};

fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

#[test]
fn prometheus_scrapes_the_program() {
    let place = Place::new();
    place.put("forest/1", "rf30.onnx");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let place =
        place.serve(&["--model-repository", "models", "--metrics-port", &port, "--prediction-log", "log"]);
    for _ in 0..3 {
        infer(&place, "/v2/models/forest/infer");
    }
    assert_eq!(place.get("/v2/models/nobody").0, 404);
    let scrape = || place.raw("GET /metrics HTTP/1.1\r\n", "");
    let answered = "mlcore_predictions_total{model=\"forest\",version=\"1\",arm=\"champion\"}";
    eventually("the worker has worked them off", || value(&scrape(), answered) == Some(3.0));
    let text = scrape();
    assert!(text.to_lowercase().contains("content-type: text/plain; version=0.0.4"), "{text}");
    let of = |metric: &str, more: &str| {
        value(&text, &format!("{metric}{{model=\"forest\",version=\"1\",arm=\"champion\"{more}}}"))
    };
    assert_eq!(of("mlcore_request_duration_seconds_count", ""), Some(3.0));
    assert_eq!(of("mlcore_request_duration_seconds_bucket", ",le=\"+Inf\""), Some(3.0));
    assert_eq!(of("mlcore_request_stage_duration_seconds_count", ",stage=\"compute\""), Some(3.0));
    assert_eq!(value(&text, "mlcore_http_responses_total{code=\"404\"}"), Some(1.0));
    assert_eq!(value(&text, "mlcore_models{state=\"ready\"}"), Some(1.0));
    assert_eq!(value(&text, "mlcore_arm_version{model=\"forest\",arm=\"champion\"}"), Some(1.0));
    assert!(value(&text, "mlcore_connections_total{protocol=\"http\"}").unwrap() >= 5.0);
    assert_eq!(value(&text, "mlcore_prediction_log_rows_total{kind=\"predictions\"}"), Some(0.0));
    if cfg!(target_os = "linux") {
        assert!(value(&text, "process_resident_memory_bytes").unwrap() > 1e6);
        assert!(value(&text, "process_open_fds").unwrap() > 3.0);
        assert!(value(&text, "process_start_time_seconds").unwrap() > 1.7e9);
    }
    assert!(!text.contains("nobody"), "a name that a client made up");
    // The same on its own port, and nothing else.
    let own = |path: &str| {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    assert_eq!(value(&own("/metrics"), answered), Some(3.0));
    assert!(own("/v2").starts_with("HTTP/1.1 404"));
    assert_eq!(place.stop(), Some(0));
}

#[test]
fn a_sampled_trace_comes_back_and_stands_in_the_log() {
    let place = Place::new();
    place.put("forest/1", "rf30.onnx");
    let place = place.serve(&["--model-repository", "models"]);
    let settings = json!({"trace_level": ["TIMESTAMPS"], "trace_rate": "1"});
    place.post("/v2/trace/setting", &settings);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let input = json!({ "name": "input", "shape": [1, 30], "datatype": "FP32", "data": row() });
    let ask = |flags: &str| {
        let head = format!(
            "POST /v2/models/forest/infer HTTP/1.1\r\nContent-Type: application/json\r\n\
             traceparent: 00-{trace}-b7ad6b7169203331-{flags}\r\nx-request-id: front-{flags}\r\n"
        );
        place.raw(&head, &json!({ "inputs": [input] }).to_string())
    };
    for flags in ["01", "00"] {
        let answer = ask(flags);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains(&format!("traceparent: 00-{trace}-")), "{answer}");
        assert!(answer.contains(&format!("x-request-id: front-{flags}\r\n")), "{answer}");
    }
    eventually("the log tells of it", || place.log().matches("mlcore_serve::trace").count() == 2);
    let log = place.log();
    let line = log.lines().find(|line| line.contains("mlcore_serve::trace")).unwrap();
    assert!(line.contains(trace) && line.contains("front-01"), "{line}");
    assert!(!log.contains("front-00"), "it is not sampled: {log}");
    assert_eq!(place.stop(), Some(0));
}
