//! The Open Inference Protocol V2 over gRPC, as a tower service: whatever serves HTTP/2 in Rust mounts it.
//!
//! It opens no port and reads no setting of the process. What it answers is what [`http`](crate::http) answers, of the same models
//! and with the same sentences:
//!
//! ```
//! # use mlcore_serve::Endpoint;
//! use mlcore_serve::grpc::GrpcService;
//! use mlcore_serve::http::HttpService;
//! use mlcore_serve::models::Models;
//!
//! # fn router(endpoint: Endpoint) -> axum::Router {
//! let models = Models::new();
//! models.insert(endpoint);
//! let http = HttpService::new(models.clone());
//! let grpc = GrpcService::new(models, http.settings().clone());
//! // One router for both. A tonic server takes it by `add_routes(router.into())`.
//! axum::Router::new()
//!     .nest_service("/ml", http)
//!     .route_service("/inference.GRPCInferenceService/{call}", grpc.clone())
//!     .route_service("/grpc.health.v1.Health/{call}", grpc)
//! # }
//! ```
//!
//! # What it answers
//! All calls of `inference.GRPCInferenceService` as KServe and Triton define it, with messages packed by gzip or deflate, and
//! `grpc.health.v1.Health`. Tensors come raw or as typed contents and are answered raw: stock clients read that. A request to load
//! or to unload names its model in Triton's field or in KServe's. Shared memory is left out, as over HTTP.
//!
//! An answer has the arm and the outcome id in its parameters `mlcore-arm` and `mlcore-outcome-id`. Raw columns are taken as over HTTP.
//!
//! # Keys
//! As over HTTP, from the metadata `authorization`; see [`auth`](crate::auth). A stream is asked once, when it begins.
//!
//! # Streams
//! `ModelStreamInfer` answers in the order of the requests, some of which are worked on at once. What is wrong with a request is
//! told in its answer, and the stream goes on. A stream that a [server](crate::server) has to end when it stops ends between
//! two requests, as `UNAVAILABLE`.
//!
//! # Deadlines
//! A call's `grpc-timeout` and a request's parameter `timeout`, whichever is shorter, are carried into the run.
//!
//! # Traces
//! As those of [`http`](crate::http), from and in the metadata `traceparent` and `x-request-id`. Each message of a stream has a span
//! `message` within that of the call.
//!
//! # Threads
//! As those of [`http`](crate::http). The calls `Watch` and `ModelStreamInfer` must run in a tokio runtime with time.

mod body;
mod call;
mod head;
mod health;
mod infer;
mod message;
mod metadata;
mod protocol;
mod repository;
mod status;
mod stream;

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use mlcore::{Error, Result};
use prost::Message;
use tower_service::Service;
use tracing::Instrument as _;

pub use self::body::GrpcBody;
use self::call::Call;
use self::head::{Head, NoCall};
use self::message::{HEAD_BYTES, Messages, framed};
use self::protocol::health::HealthCheckRequest;
use self::protocol::inference::{
    CudaSharedMemoryStatusResponse, LogSettingsRequest, RepositoryModelLoadRequest,
    RepositoryModelUnloadRequest, ServerLiveResponse, ServerReadyResponse, SystemSharedMemoryStatusResponse,
    TraceSettingRequest,
};
use self::status::{Code, Status};
pub(crate) use self::stream::Stopping;
use self::stream::{Answers, Watching};
use crate::auth::{Act, Auth, Peer};
#[cfg(feature = "metrics")]
use crate::metrics::{Responses, names};
use crate::models::Models;
use crate::models::work::aside;
use crate::settings::Settings;
use crate::trace::{self, Asks, Caller};
use crate::v2::{InferLimits, no_shared_memory};

/// Limits to what a client may send.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct GrpcLimits {
    /// Bytes of a request for inference, or to load a model, unpacked. 64 MiB by default; others have 1 MiB.
    pub message_bytes: usize,
    /// Requests of one stream that are worked on at once; others wait until one is answered. 16 by default.
    pub stream_requests: usize,
    /// What a request may hold.
    pub request: InferLimits,
}

impl Default for GrpcLimits {
    fn default() -> Self {
        Self { message_bytes: 64 << 20, stream_requests: 16, request: InferLimits::default() }
    }
}

/// Answers the protocol's calls. Cloning shares it.
#[derive(Clone)]
pub struct GrpcService {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    models: Models,
    settings: Arc<Settings>,
    limits: GrpcLimits,
    auth: Auth,
    #[cfg(feature = "metrics")]
    responses: Responses,
}

/// What is wrong with a body that a server hands in.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl GrpcService {
    /// A service for these models and these settings, which other services may share.
    #[must_use]
    pub fn new(models: Models, settings: Arc<Settings>) -> Self {
        Self::with_limits(models, settings, GrpcLimits::default())
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(models: Models, settings: Arc<Settings>, limits: GrpcLimits) -> Self {
        Self {
            inner: Arc::new(Inner {
                models,
                settings,
                limits,
                auth: Auth::default(),
                #[cfg(feature = "metrics")]
                responses: Responses::new(names::GRPC_RESPONSES, &Code::NAMES),
            }),
        }
    }

    /// The same for those whom `auth` lets do what they ask for, as [`HttpService::with_auth`](crate::http::HttpService::with_auth).
    #[must_use]
    pub fn with_auth(mut self, auth: Auth) -> Self {
        Arc::make_mut(&mut self.inner).auth = auth;
        self
    }

    /// The models that it answers for.
    #[must_use]
    pub fn models(&self) -> &Models {
        &self.inner.models
    }

    /// What its clients set: whoever owns the process's log and traces asks it.
    #[must_use]
    pub fn settings(&self) -> &Arc<Settings> {
        &self.inner.settings
    }

    fn limits(&self) -> &GrpcLimits {
        &self.inner.limits
    }

    /// Answers one call.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<GrpcBody>
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.answer_until(request, Peer::default(), None).await
    }

    /// The same to somebody of whom the listener knows more; long calls end when `stopping` is ready.
    pub(crate) async fn answer_until<B>(
        &self,
        request: Request<B>,
        peer: Peer,
        stopping: Option<Stopping>,
    ) -> Response<GrpcBody>
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let arrived = Instant::now();
        let (parts, body) = request.into_parts();
        if let Err(NoCall(status)) = NoCall::check(&parts) {
            let mut response = Response::new(GrpcBody::EMPTY);
            *response.status_mut() = status;
            if status == StatusCode::METHOD_NOT_ALLOWED {
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
            }
            return response;
        }
        let mut caller = Caller::read(&parts.headers);
        let span = caller.begin(Asks::Grpc { call: Call::name_of(parts.uri.path()), version: parts.version });
        let head = Head::read(&parts.headers, arrived);
        let coding = head.as_ref().ok().and_then(|head| head.answer_coding);
        let answered = match head {
            Ok(head) => {
                let called = self.called(&parts, peer, head, body, arrived, stopping);
                called.instrument(span.clone()).await
            }
            Err(status) => Err(status),
        };
        let mut response = Response::new(GrpcBody::EMPTY);
        let headers = response.headers_mut();
        caller.put(headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(head::ACCEPTED, HeaderValue::from_static("identity,deflate,gzip"));
        match answered {
            Ok(body) => {
                self.count(Code::Ok);
                // A stream tells it when it ends.
                if !body.is_stream() {
                    trace::ended(&span, Code::Ok.name(), false);
                }
                if let Some(coding) = coding {
                    headers.insert(head::CODING, HeaderValue::from_static(coding.name()));
                }
                *response.body_mut() = body;
            }
            Err(status) => {
                self.count(status.code);
                trace::ended(&span, status.code.name(), status.code.is_failure());
                status.put(headers);
            }
        }
        response
    }

    /// Counts an answer that ended so.
    fn count(&self, code: Code) {
        #[cfg(feature = "metrics")]
        self.inner.responses.count(code.name());
        #[cfg(not(feature = "metrics"))]
        let _ = code;
    }

    /// A refusal of a server's: no call was looked at.
    #[cfg(feature = "server")]
    pub(crate) fn refused(&self, status: StatusCode, message: &str) -> Response<GrpcBody> {
        let code = match status {
            StatusCode::INTERNAL_SERVER_ERROR => Code::Internal,
            _ => Code::InvalidArgument,
        };
        self.count(code);
        let mut response = Response::new(GrpcBody::EMPTY);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        Status::new(code, message).put(headers);
        response
    }

    async fn called<B>(
        &self,
        parts: &Parts,
        peer: Peer,
        head: Head,
        body: B,
        arrived: Instant,
        stopping: Option<Stopping>,
    ) -> Result<GrpcBody, Status>
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let Some(call) = Call::of(parts.uri.path()) else {
            return Err(Status::new(Code::Unimplemented, "find call: there is no such call"));
        };
        // Before anything is said of a model, and before the message is read.
        let auth = &self.inner.auth;
        let permit = auth.permit(parts, peer, call.act())?;
        let most = match call {
            Call::ModelInfer | Call::ModelStreamInfer | Call::RepositoryModelLoad => {
                self.limits().message_bytes
            }
            _ => OTHER_MESSAGE_BYTES.min(self.limits().message_bytes),
        };
        let messages = Messages::new(body, most, head.coding);
        match call {
            Call::ModelInfer => {
                let message = messages.only().await?;
                self.infer(message, head, arrived).await.map(GrpcBody::message)
            }
            Call::ModelStreamInfer => {
                Ok(GrpcBody::stream(Answers::new(self.clone(), head, messages, stopping)))
            }
            Call::HealthWatch => {
                let HealthCheckRequest { service } = read(&messages.only().await?)?;
                Ok(GrpcBody::stream(Watching::new(self.clone(), service, stopping)))
            }
            Call::RepositoryModelLoad => {
                let asked: RepositoryModelLoadRequest = read(&messages.only().await?)?;
                permit.tell(repository::name_of(&asked.repository_name, &asked.model_name));
                let models = self.models().clone();
                // It may take minutes.
                let loaded = aside(false, move || repository::load(&models, asked)).await;
                answered(&loaded.flatten()?).map(GrpcBody::message)
            }
            Call::RepositoryModelUnload => {
                let asked: RepositoryModelUnloadRequest = read(&messages.only().await?)?;
                permit.tell(repository::name_of(&asked.repository_name, &asked.model_name));
                let models = self.models().clone();
                // It waits for a load that is under way.
                let unloaded = aside(false, move || repository::unload(&models, &asked)).await;
                answered(&unloaded.flatten()?).map(GrpcBody::message)
            }
            Call::TraceSetting => {
                let asked: TraceSettingRequest = read(&messages.only().await?)?;
                if !asked.settings.is_empty() {
                    auth.permit(parts, peer, Act::Set)?.tell("traces");
                }
                let settings = repository::trace_settings(self.models(), self.settings(), &asked)?;
                answered(&settings).map(GrpcBody::message)
            }
            Call::LogSettings => {
                let asked: LogSettingsRequest = read(&messages.only().await?)?;
                if !asked.settings.is_empty() {
                    auth.permit(parts, peer, Act::Set)?.tell("log");
                }
                answered(&repository::log_settings(self.settings(), asked)?).map(GrpcBody::message)
            }
            call => {
                let message = messages.only().await?;
                let service = self.clone();
                // That waits for the source of the models.
                let is_quick = call != Call::RepositoryIndex;
                aside(is_quick, move || service.told(call, &message)).await?.map(GrpcBody::message)
            }
        }
    }

    /// Answers what needs no runtime.
    fn told(&self, call: Call, message: &[u8]) -> Result<Bytes, Status> {
        let models = self.models();
        match call {
            Call::ServerLive => answered(&ServerLiveResponse { live: true }),
            Call::ServerReady => answered(&ServerReadyResponse { ready: models.check_ready().is_ok() }),
            Call::ModelReady => answered(&metadata::model_ready(models, &read(message)?)?),
            Call::ServerMetadata => answered(&metadata::server()),
            Call::ModelMetadata => answered(&metadata::model(models, &read(message)?)?),
            Call::ModelConfig => answered(&metadata::config(models, &read(message)?)?),
            Call::ModelStatistics => answered(&metadata::statistics(models, &read(message)?)?),
            Call::RepositoryIndex => answered(&repository::index(models, &read(message)?)?),
            Call::SystemSharedMemoryStatus => answered(&SystemSharedMemoryStatusResponse::default()),
            Call::CudaSharedMemoryStatus => answered(&CudaSharedMemoryStatusResponse::default()),
            Call::SharedMemory => Err(no_shared_memory().into()),
            Call::HealthCheck => {
                let HealthCheckRequest { service } = read(message)?;
                let health = health::of(models, &service);
                if health.is_none() {
                    return Err(Error::not_found(
                        "check health",
                        service,
                        "there is no such service or model",
                    )
                    .into());
                }
                answered(&health::response(health))
            }
            Call::ModelInfer
            | Call::ModelStreamInfer
            | Call::RepositoryModelLoad
            | Call::RepositoryModelUnload
            | Call::TraceSetting
            | Call::LogSettings
            | Call::HealthWatch => {
                Err(Error::internal("answer call", format!("{call:?}"), "it is answered elsewhere").into())
            }
        }
    }
}

/// Whether the client of a path's call may say nothing for as long as it likes.
#[cfg(feature = "server")]
pub(crate) fn is_long(path: &str) -> bool {
    Call::of(path).is_some_and(Call::is_long)
}

/// Reads a message. Of fields it has a bounded number, whatever they would take in memory.
fn read<M: Message + Default>(message: &[u8]) -> Result<M> {
    crate::v2::check_fields(message, MOST_FIELDS)?;
    M::decode(message)
        .map_err(|cause| Error::invalid_input("read request", "message", cause.to_string()).caused_by(cause))
}

/// A message with its head.
fn answered<M: Message>(message: &M) -> Result<Bytes, Status> {
    let mut written = Vec::with_capacity(HEAD_BYTES + message.encoded_len());
    written.resize(HEAD_BYTES, 0);
    message.encode_raw(&mut written);
    framed(written, None)
}

impl<B> Service<Request<B>> for GrpcService
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<GrpcBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.answer(request).await) })
    }
}

impl fmt::Debug for GrpcService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcService").field("models", &self.inner.models).finish_non_exhaustive()
    }
}

/// The most bytes of a message that holds no tensors and no files.
const OTHER_MESSAGE_BYTES: usize = 1 << 20;
/// The most fields of such a message.
const MOST_FIELDS: usize = 1024;
