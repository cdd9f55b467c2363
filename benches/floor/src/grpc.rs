use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::codegen::http::{Request as HttpRequest, Response as HttpResponse};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower_service::Service;

use crate::Result;
use crate::model::{Model, floats};

#[derive(Clone, PartialEq, prost::Message)]
struct Contents {
    #[prost(int64, repeated, tag = "3")]
    int64_contents: Vec<i64>,
    #[prost(float, repeated, tag = "6")]
    fp32_contents: Vec<f32>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Tensor {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    datatype: String,
    #[prost(int64, repeated, tag = "3")]
    shape: Vec<i64>,
    #[prost(message, optional, tag = "5")]
    contents: Option<Contents>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Parameter {
    #[prost(string, tag = "3")]
    string_param: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ModelInferRequest {
    #[prost(string, tag = "1")]
    model_name: String,
    #[prost(string, tag = "2")]
    model_version: String,
    #[prost(string, tag = "3")]
    id: String,
    #[prost(map = "string, message", tag = "4")]
    parameters: HashMap<String, Parameter>,
    #[prost(message, repeated, tag = "5")]
    inputs: Vec<Tensor>,
    #[prost(bytes = "vec", repeated, tag = "7")]
    raw_input_contents: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ModelInferResponse {
    #[prost(string, tag = "1")]
    model_name: String,
    #[prost(string, tag = "2")]
    model_version: String,
    #[prost(string, tag = "3")]
    id: String,
    #[prost(message, repeated, tag = "5")]
    outputs: Vec<Tensor>,
    #[prost(bytes = "vec", repeated, tag = "6")]
    raw_output_contents: Vec<Vec<u8>>,
}

/// The service, which has one method.
#[derive(Clone)]
struct Inference(&'static Model);

struct ModelInfer(&'static Model);

impl ModelInfer {
    fn infer(&self, request: ModelInferRequest) -> Result<ModelInferResponse> {
        let ModelInferRequest { model_name, id, mut inputs, mut raw_input_contents, .. } = request;
        let input = inputs.pop().ok_or("no input")?;
        let values = match raw_input_contents.pop() {
            Some(bytes) => floats(&bytes),
            None => input.contents.unwrap_or_default().fp32_contents,
        };
        let (mut outputs, mut raw_output_contents) = (Vec::new(), Vec::new());
        for output in self.0.run(input.shape, values)? {
            raw_output_contents.push(output.values.bytes());
            let datatype = output.values.datatype().to_owned();
            outputs.push(Tensor { name: output.name, datatype, shape: output.shape, contents: None });
        }
        Ok(ModelInferResponse { model_name, model_version: "1".to_owned(), id, outputs, raw_output_contents })
    }
}

impl UnaryService<ModelInferRequest> for ModelInfer {
    type Response = ModelInferResponse;
    type Future = std::future::Ready<std::result::Result<Response<ModelInferResponse>, Status>>;

    fn call(&mut self, request: Request<ModelInferRequest>) -> Self::Future {
        let answered = self.infer(request.into_inner()).map(Response::new);
        std::future::ready(answered.map_err(|error| Status::invalid_argument(error.to_string())))
    }
}

impl Service<HttpRequest<Body>> for Inference {
    type Response = HttpResponse<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<Body>) -> Self::Future {
        let method = ModelInfer(self.0);
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<ModelInferResponse, ModelInferRequest>::default())
                .max_decoding_message_size(64 << 20);
            Ok(grpc.unary(method, request).await)
        })
    }
}

impl NamedService for Inference {
    const NAME: &'static str = "inference.GRPCInferenceService";
}

pub(crate) async fn serve(address: SocketAddr, model: &'static Model) -> Result<()> {
    Ok(Server::builder().tcp_nodelay(true).add_service(Inference(model)).serve(address).await?)
}
