//! Bodies: binary, packed, too large, of the wrong type.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Got, Place, infer_body};

const INFER: &str = "/v2/models/m/infer";
/// Enough for an answer that is worth packing.
const ROWS: usize = 200;

fn packed(coding: &str, body: &[u8]) -> Vec<u8> {
    if coding == "gzip" {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    } else {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }
}

fn problem(got: &Got) -> String {
    let refused: Value = serde_json::from_slice(&got.body).unwrap();
    refused["error"].as_str().unwrap().to_owned()
}

#[test]
fn tensors_travel_as_bytes_both_ways_packed_or_not() {
    let place = Place::new();
    let head = json!({
        "parameters": {"binary_data_output": true},
        "inputs": [{"name": "x", "shape": [ROWS, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8 * ROWS}}],
    })
    .to_string();
    let length = head.len().to_string();
    let mut body = head.into_bytes();
    body.extend([0.5_f32, 1.0].repeat(ROWS).iter().flat_map(|value| value.to_le_bytes()));
    for coding in ["identity", "gzip", "deflate"] {
        let sent = if coding == "identity" { body.clone() } else { packed(coding, &body) };
        // The length is that of the unpacked JSON, in both directions.
        let headers = [
            ("inference-header-content-length", length.as_str()),
            ("content-encoding", coding),
            ("accept-encoding", coding),
        ];
        let got = place.ask(Method::POST, INFER, &headers, &sent);
        assert_eq!(got.status, StatusCode::OK, "{coding}: {:?}", got.body);
        let mut unpacked = Vec::new();
        match coding {
            "gzip" => drop(GzDecoder::new(&got.body[..]).read_to_end(&mut unpacked).unwrap()),
            "deflate" => drop(ZlibDecoder::new(&got.body[..]).read_to_end(&mut unpacked).unwrap()),
            _ => unpacked.extend_from_slice(&got.body),
        }
        assert_eq!(got.headers.get("content-encoding").is_some(), coding != "identity");
        let json_bytes: usize =
            got.headers["inference-header-content-length"].to_str().unwrap().parse().unwrap();
        let (head, tail) = unpacked.split_at(json_bytes);
        let answer: Value = serde_json::from_slice(head).unwrap();
        assert_eq!(answer["outputs"][0]["parameters"], json!({"binary_data_size": 8 * ROWS}));
        assert_eq!(tail, [1.0_f64.to_le_bytes().repeat(ROWS), b"\x03\x00\x00\x000.5".repeat(ROWS)].concat());
        assert_eq!(got.headers["content-type"], "application/octet-stream");
    }
}

/// Many clients say that they could unpack an answer, of one row too.
#[test]
fn a_small_answer_is_not_packed() {
    let place = Place::new();
    let body = infer_body(&[[0.5, 1.0]]).to_string();
    let got = place.ask(Method::POST, INFER, &[("accept-encoding", "gzip, deflate")], body.as_bytes());
    assert_eq!((got.status, got.headers.get("content-encoding")), (StatusCode::OK, None));
}

#[test]
fn a_body_that_is_too_large_is_refused_packed_or_not() {
    let place = Place::new();
    let got = place.ask(Method::POST, INFER, &[], &vec![b' '; (64 << 20) + 1]);
    assert_eq!(got.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(problem(&got).contains("67108864 bytes"), "{}", problem(&got));
    // 10 MB of which a packer makes 10 kB.
    for coding in ["gzip", "deflate"] {
        let bomb = packed(coding, &vec![b' '; 10 << 20]);
        let got = place.ask(Method::POST, INFER, &[("content-encoding", coding)], &bomb);
        assert_eq!(got.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(problem(&got).contains("unpacks to more than"), "{}", problem(&got));
    }
}

#[test]
fn what_does_not_unpack_is_refused() {
    let place = Place::new();
    let whole = packed("gzip", infer_body(&[[0.5, 1.0]]).to_string().as_bytes());
    let got = place.ask(Method::POST, INFER, &[("content-encoding", "gzip")], &whole[..whole.len() / 2]);
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
    assert!(problem(&got).contains("does not unpack"), "{}", problem(&got));
    let got = place.ask(Method::POST, INFER, &[("content-encoding", "br")], &whole);
    assert_eq!(got.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[test]
fn what_a_browser_sends_without_asking_is_refused() {
    let place = Place::new();
    let body = infer_body(&[[0.5, 1.0]]).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let got = place.ask(Method::POST, INFER, &[("content-type", kind)], body.as_bytes());
        assert_eq!(got.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
    }
    for kind in ["application/json; charset=utf-8", "application/octet-stream", "APPLICATION/JSON"] {
        let got = place.ask(Method::POST, INFER, &[("content-type", kind)], body.as_bytes());
        assert_eq!(got.status, StatusCode::OK, "{kind}");
    }
    assert_eq!(place.ask(Method::POST, INFER, &[], body.as_bytes()).status, StatusCode::OK);
}

#[test]
fn a_header_that_lies_about_the_json_is_refused() {
    let place = Place::new();
    let body = infer_body(&[[0.5, 1.0]]).to_string();
    for length in ["99999", "-1", "a", "", "18446744073709551616", "10"] {
        let headers = [("inference-header-content-length", length)];
        let got = place.ask(Method::POST, INFER, &headers, body.as_bytes());
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{length}");
    }
    let twice = [("inference-header-content-length", "10"), ("inference-header-content-length", "20")];
    assert_eq!(place.ask(Method::POST, INFER, &twice, body.as_bytes()).status, StatusCode::BAD_REQUEST);
}
