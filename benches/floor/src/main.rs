//! What a server of a model costs where there is nothing but the server and the model: `mlcore-floor http|grpc PORT MODEL.onnx`.
//!
//! It speaks as much of the Open Inference Protocol as the load bench sends: one float input, JSON or binary over hyper, typed or
//! raw contents over tonic. It checks nothing. `ORT_DYLIB_PATH` names ONNX Runtime.

mod grpc;
mod http;
mod model;

use std::net::{Ipv4Addr, SocketAddr};

use crate::model::Model;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [protocol, port, model] = arguments.as_slice() else {
        return Err("usage: mlcore-floor http|grpc PORT MODEL.onnx".into());
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse()?));
    let model: &'static Model = Box::leak(Box::new(Model::open(model)?));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match protocol.as_str() {
        "http" => runtime.block_on(http::serve(address, model)),
        "grpc" => runtime.block_on(grpc::serve(address, model)),
        other => Err(format!("{other} is neither http nor grpc").into()),
    }
}
