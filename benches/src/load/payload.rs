use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::Result;
use crate::serving::FEATURES;

/// How a request is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wire {
    /// The Open Inference Protocol in JSON.
    Json,
    /// The same with binary tensors behind the JSON.
    Binary,
    /// The same over gRPC, with raw contents.
    Grpc,
    /// A raw record, for a model with a feature plan.
    Record,
}

impl Wire {
    pub(crate) const ALL: [Self; 4] = [Self::Json, Self::Binary, Self::Grpc, Self::Record];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => "HTTP, JSON",
            Self::Binary => "HTTP, binary tensors",
            Self::Grpc => "gRPC, raw contents",
            Self::Record => "HTTP, a raw record through a feature plan",
        }
    }
}

/// A request as it is sent over and over: one row.
#[derive(Debug)]
pub(crate) struct Payload {
    pub(crate) wire: Wire,
    pub(crate) body: PathBuf,
    pub(crate) headers: Vec<String>,
    pub(crate) path: &'static str,
}

/// One of each wire.
#[derive(Debug)]
pub(crate) struct Payloads([Payload; 4]);

impl Payloads {
    pub(crate) fn of(&self, wire: Wire) -> &Payload {
        &self.0[wire as usize]
    }
}

impl Payload {
    /// The row that all of them ask about.
    pub(crate) fn row() -> Vec<f32> {
        (0..FEATURES).map(|place| place as f32 / 16.0 - 1.0).collect()
    }

    /// Writes one of each into `folder`.
    pub(crate) fn all(folder: &Path) -> Result<Payloads> {
        let row = Self::row();
        let raw: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
        let write = |wire: Wire, path, headers: Vec<String>, body: &[u8]| {
            let file = folder.join(format!("{wire:?}.body"));
            fs::write(&file, body)?;
            Ok::<_, std::io::Error>(Payload { wire, body: file, headers, path })
        };
        let kind = |kind: &str| format!("content-type: {kind}");
        let mut input = json!({ "name": "input", "shape": [1, FEATURES], "datatype": "FP32", "data": row });
        let whole = json!({ "inputs": [input] }).to_string();
        let json = write(Wire::Json, INFER, vec![kind("application/json")], whole.as_bytes())?;

        if let Some(input) = input.as_object_mut() {
            input.remove("data");
            input.insert("parameters".to_owned(), json!({ "binary_data_size": raw.len() }));
        }
        let head = json!({ "parameters": { "binary_data_output": true }, "inputs": [input] }).to_string();
        let length = format!("inference-header-content-length: {}", head.len());
        let headers = vec![kind("application/octet-stream"), length];
        let binary = write(Wire::Binary, INFER, headers, &[head.as_bytes(), &raw].concat())?;

        let headers = vec![kind("application/grpc"), "te: trailers".to_owned()];
        let grpc = write(Wire::Grpc, "/inference.GRPCInferenceService/ModelInfer", headers, &message(&raw))?;

        let record: serde_json::Map<String, serde_json::Value> =
            row.iter().enumerate().map(|(place, value)| (format!("f{place}"), json!(value))).collect();
        let records = json!({ "records": [record] }).to_string();
        let path = "/mlcore/models/planned/predict";
        let record = write(Wire::Record, path, vec![kind("application/json")], records.as_bytes())?;
        Ok(Payloads([json, binary, grpc, record]))
    }
}

/// A `ModelInferRequest` behind the head of gRPC.
fn message(raw: &[u8]) -> Vec<u8> {
    // Every part is shorter than 128 bytes, so that its length is one byte.
    let field = |number: u8, content: &[u8]| [&[number << 3 | 2, content.len() as u8], content].concat();
    let shape = field(3, &[1, FEATURES as u8]);
    let input = [field(1, b"input"), field(2, b"FP32"), shape].concat();
    let message = [field(1, b"m"), field(5, &input), field(7, raw)].concat();
    let length = (message.len() as u32).to_be_bytes();
    [&[0], &length[..], &message].concat()
}

const INFER: &str = "/v2/models/m/infer";
