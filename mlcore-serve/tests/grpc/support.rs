//! Clients of tonic against the service, in process or over a connection.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mlcore_serve::auth::Auth;
use mlcore_serve::grpc::{GrpcLimits, GrpcService};
use tonic::body::Body;

use crate::protocol::inference::infer_parameter::ParameterChoice;
use crate::protocol::inference::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
use crate::protocol::inference::{
    InferParameter, InferTensorContents, ModelInferRequest, ModelInferResponse,
};
use crate::protocol::inference_client::grpc_inference_service_client::GrpcInferenceServiceClient;
use crate::web::Place;

pub(crate) type Client = GrpcInferenceServiceClient<GrpcService>;

/// A place with a service of gRPC, and a runtime for its clients.
pub(crate) struct Asked {
    pub(crate) place: Place,
    pub(crate) service: GrpcService,
    runtime: tokio::runtime::Runtime,
}

impl Asked {
    pub(crate) fn new() -> Self {
        Self::with_limits(GrpcLimits::default())
    }

    pub(crate) fn with_limits(limits: GrpcLimits) -> Self {
        Self::of(Place::new(), limits)
    }

    pub(crate) fn of(place: Place, limits: GrpcLimits) -> Self {
        let http = &place.service;
        let service = GrpcService::with_limits(http.models().clone(), http.settings().clone(), limits)
            .with_auth(Auth::open());
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { place, service, runtime }
    }

    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.service.clone())
    }

    pub(crate) fn infer(&self, request: ModelInferRequest) -> Result<ModelInferResponse, tonic::Status> {
        self.run(self.client().model_infer(request)).map(tonic::Response::into_inner)
    }

    /// Posts bytes as they are and answers the status of gRPC, the head, and the bytes of the answer.
    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (HeaderMap, Bytes) {
        let mut request =
            Request::post(path).version(http::Version::HTTP_2).header("content-type", "application/grpc");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
        self.run(async {
            let (parts, body) = self.service.answer(request).await.into_parts();
            let collected = body.collect().await.unwrap();
            let mut fields = parts.headers;
            fields.extend(collected.trailers().cloned().unwrap_or_default());
            fields.insert("status", parts.status.as_u16().into());
            (fields, collected.to_bytes())
        })
    }
}

/// A message with its head.
pub(crate) fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    [&[flag][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

pub(crate) fn map<const N: usize>(entries: [(&str, ParameterChoice); N]) -> BTreeMap<String, InferParameter> {
    let entry =
        |(name, choice): (&str, _)| (name.to_owned(), InferParameter { parameter_choice: Some(choice) });
    entries.into_iter().map(entry).collect()
}

pub(crate) fn input(name: &str, datatype: &str, shape: &[i64]) -> InferInputTensor {
    InferInputTensor {
        name: name.to_owned(),
        datatype: datatype.to_owned(),
        shape: shape.to_vec(),
        ..InferInputTensor::default()
    }
}

pub(crate) fn output(name: &str) -> InferRequestedOutputTensor {
    InferRequestedOutputTensor { name: name.to_owned(), parameters: BTreeMap::new() }
}

pub(crate) fn raw(values: &[f32]) -> Bytes {
    values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>().into()
}

/// A request named `r` about these rows, raw.
pub(crate) fn request(rows: &[[f32; 2]]) -> ModelInferRequest {
    ModelInferRequest {
        model_name: "m".to_owned(),
        id: "r".to_owned(),
        inputs: vec![input("x", "FP32", &[rows.len() as i64, 2])],
        raw_input_contents: vec![raw(rows.as_flattened())],
        ..ModelInferRequest::default()
    }
}

/// The same with typed contents.
pub(crate) fn typed(rows: &[[f32; 2]]) -> ModelInferRequest {
    let mut request = request(rows);
    request.raw_input_contents.clear();
    let fp32_contents = rows.as_flattened().to_vec();
    request.inputs[0].contents =
        Some(InferTensorContents { fp32_contents, ..InferTensorContents::default() });
    request
}

/// The elements of an output.
pub(crate) fn doubles(response: &ModelInferResponse, place: usize) -> Vec<f64> {
    response.raw_output_contents[place]
        .chunks(8)
        .map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()))
        .collect()
}

pub(crate) fn texts(response: &ModelInferResponse, place: usize) -> Vec<String> {
    let mut bytes = &response.raw_output_contents[place][..];
    let mut texts = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (text, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
        texts.push(String::from_utf8(text.to_vec()).unwrap());
        bytes = rest;
    }
    texts
}

pub(crate) fn told<'r>(response: &'r ModelInferResponse, name: &str) -> &'r str {
    match response.parameters[name].parameter_choice.as_ref().unwrap() {
        ParameterChoice::StringParam(text) => text,
        other => panic!("{other:?}"),
    }
}

/// A connection of HTTP/2 as tonic's clients take it.
#[derive(Clone)]
pub(crate) struct Connection {
    sender: SendRequest<Body>,
}

impl Connection {
    pub(crate) async fn new(address: std::net::SocketAddr) -> Self {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let made = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (sender, connection) = made.unwrap();
        tokio::spawn(connection);
        Self { sender }
    }

    pub(crate) fn client(&self) -> GrpcInferenceServiceClient<Self> {
        self.client_of("http://localhost")
    }

    pub(crate) fn client_of(&self, origin: &'static str) -> GrpcInferenceServiceClient<Self> {
        GrpcInferenceServiceClient::with_origin(self.clone(), http::Uri::from_static(origin))
    }
}

impl tower_service::Service<Request<Body>> for Connection {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.sender.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.sender.send_request(request))
    }
}
