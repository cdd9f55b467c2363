use std::convert::Infallible;
use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::Result;
use crate::model::{Model, Values, floats};

#[derive(Deserialize)]
struct Asked {
    inputs: Vec<Input>,
}

#[derive(Deserialize)]
struct Input {
    shape: Vec<i64>,
    #[serde(default)]
    data: Vec<f32>,
}

#[derive(Serialize)]
struct Answer {
    model_name: &'static str,
    outputs: Vec<Answered>,
}

#[derive(Serialize)]
struct Answered {
    name: String,
    shape: Vec<i64>,
    datatype: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Size>,
    #[serde(flatten)]
    data: Data,
}

#[derive(Serialize)]
struct Size {
    binary_data_size: usize,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data {
    Float { data: Vec<f32> },
    Int { data: Vec<i64> },
    Binary {},
}

pub(crate) async fn serve(address: SocketAddr, model: &'static Model) -> Result<()> {
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let service = service_fn(move |request| async move {
                let response = answer(model, request).await.unwrap_or_else(|error| {
                    let mut response = Response::new(Full::new(Bytes::from(error.to_string())));
                    *response.status_mut() = hyper::StatusCode::BAD_REQUEST;
                    response
                });
                Ok::<_, Infallible>(response)
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(model: &Model, request: Request<Incoming>) -> Result<Response<Full<Bytes>>> {
    let json_bytes = match request.headers().get(JSON_BYTES) {
        Some(value) => Some(value.to_str()?.parse::<usize>()?),
        None => None,
    };
    let body = request.into_body().collect().await?.to_bytes();
    if body.is_empty() {
        // It is asked whether it is there.
        return Ok(Response::new(Full::default()));
    }
    let (json, binary) = body.split_at_checked(json_bytes.unwrap_or(body.len())).ok_or("a short body")?;
    let mut asked: Asked = serde_json::from_slice(json)?;
    let input = asked.inputs.pop().ok_or("no input")?;
    let data = if json_bytes.is_some() { floats(binary) } else { input.data };
    let (mut outputs, mut raw) = (Vec::new(), Vec::new());
    for output in model.run(input.shape, data)? {
        let datatype = output.values.datatype();
        let (parameters, data) = match (json_bytes, output.values) {
            (None, Values::Float(data)) => (None, Data::Float { data }),
            (None, Values::Int(data)) => (None, Data::Int { data }),
            (Some(_), values) => {
                let bytes = values.bytes();
                raw.extend_from_slice(&bytes);
                (Some(Size { binary_data_size: bytes.len() }), Data::Binary {})
            }
        };
        outputs.push(Answered { name: output.name, shape: output.shape, datatype, parameters, data });
    }
    let mut body = serde_json::to_vec(&Answer { model_name: "m", outputs })?;
    let mut response = Response::builder().header("content-type", "application/json");
    if json_bytes.is_some() {
        response = response.header(JSON_BYTES, body.len());
        body.extend(raw);
    }
    Ok(response.body(Full::from(body))?)
}

const JSON_BYTES: &str = "inference-header-content-length";
