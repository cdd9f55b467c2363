//! The Open Inference Protocol V2 over HTTP, as a tower service: whatever serves HTTP in Rust mounts it.
//!
//! It opens no port and reads no setting of the process. `axum::Router::nest_service` takes it, and so does hyper:
//!
//! ```
//! # use mlcore_serve::Endpoint;
//! use mlcore_serve::http::HttpService;
//! use mlcore_serve::models::Models;
//!
//! # fn router(endpoint: Endpoint) -> axum::Router {
//! let models = Models::new();
//! models.insert(endpoint);
//! // Beside the routes that the service has: POST /ml/v2/models/{name}/infer and the others.
//! axum::Router::new().nest_service("/ml", HttpService::new(models))
//! # }
//! ```
//!
//! # What it answers
//! Health, metadata, configuration, statistics, the repository (index, load, unload), trace and log settings, and inference, with Triton's extensions:
//! binary tensors, classification, sequence ids, gzip and deflate both ways. Errors are `{"error": ..}` with the status that one
//! table gives their meaning.
//!
//! Shared memory is left out on purpose: a region of it would let a client write what the server reads while it reads it, and what
//! it saves, a copy, is small beside the request. Its status answers an empty list, everything else about it is refused.
//!
//! KServe's V1 (`GET /`, `GET /v1/models/{name}`, `POST /v1/models/{name}:predict` with `{"instances": [..]}`) is answered, too.
//!
//! MLflow's scoring server (`POST /invocations`, `GET /ping`, `/health`, `/version`) is answered for the only model, in its JSON forms
//! `dataframe_split`, `dataframe_records`, `instances` and `inputs`, and in CSV: records of the outputs for a data frame, a list for
//! each output for tensors. Where several models are served, `POST /mlcore/models/{name}/invocations` names one, with
//! `/versions/{version}` before the end where one is wanted. One tensor takes the columns of a data frame side by side, in the order
//! of the version's tag `mlflow.input_columns` where it has one, several take a column each, and a feature plan takes its raw columns.
//! Of `params`, `unit`, `timeout` (microseconds) and `priority` are read. A number that JSON has not is null in an answer.
//!
//! # Raw records and outcomes
//! Where a version has a feature plan, `POST /mlcore/models/{name}/predict` takes its raw columns:
//! `{"records": [{"age": 41, "plan": "pro"}], "unit": "user-17"}`, with `id` and `timeout` (microseconds) where they are wanted, and
//! answers `{"model", "version", "arm", "propensity", "outcome_id", "served_by", "predictions": [{output: value}]}`.
//! `POST /mlcore/models/{name}/outcomes` takes what came of predictions, of this route or the protocol's:
//! `{"outcomes": [{"outcome_id": "..", "label": 1}]}`, or the caller's own `id`, with a `row` or all `labels`.
//!
//! An answer of the protocol has the arm and the outcome id in the headers `mlcore-arm` and `mlcore-outcome-id`: outcomes are reported under that
//! id, or under the request's own.
//!
//! The protocol's own route takes raw columns, too: inputs of the names that the plan reads, numbers or `BYTES`, of the shape
//! `[rows]` or `[rows, 1]`. A column that holds nulls goes by the route of records. Where the model itself has inputs of the same names, the parameter `raw_records` says which are sent: `true` for raw columns. Such an answer repeats its arm
//! and its outcome id in the parameters `mlcore-arm` and `mlcore-outcome-id`.
//!
//! # Pages, and features
//! With the feature `feast`, [`with_feast`](HttpService::with_feast) answers Feast's stock client: see [`feast`](crate::feast).
//! With the feature `page`, [`with_pages`](HttpService::with_pages) shows experiments, runs and models to people, below `/ui/`: see
//! [`page`](crate::page).
//!
//! # Keys
//! Whoever is to be answered only with a key, and who may load models, is said by [`with_auth`](HttpService::with_auth); the table of
//! roles is that of [`auth`](crate::auth). A service that is nested in a router of yours refuses what changes it until you do.
//!
//! # Batching
//! Requests for a model that was inserted with [`BatchOptions`](crate::batching::BatchOptions) share runs. A request that waits for its
//! place holds no thread, and frees its place when its client goes. The parameters `priority` and `timeout` are Triton's. Where too many wait, the answer is 429 with `Retry-After`.
//!
//! # Traces
//! A request that the trace settings choose is told of by `tracing`, as an event of the target `mlcore_serve::trace` with the
//! nanoseconds of its stages. What the log settings let through the host asks of [`HttpService::settings`].
//!
//! The W3C trace context of a request (`traceparent`) and its `x-request-id` come back with the answer. A request whose trace is sampled has a
//! span of the target `mlcore_serve::request` with both ids, and spans of its stages within; others have one at the level DEBUG, so
//! that `--log-filter info,mlcore_serve::request=debug` puts the ids into every log line. With the feature `otel` these spans take
//! their place in the traces of OpenTelemetry, and `traceparent` of the answer names the span there.
//!
//! # Threads
//! A quick model runs on the thread that reads the request. One that takes longer than a millisecond runs on the blocking threads
//! of the tokio runtime, so that it holds up no other connection.

mod body;
#[cfg(feature = "feast")]
mod feast;
mod infer;
mod limits;
mod metadata;
mod mlflow;
mod openapi;
mod outgoing;
#[cfg(feature = "page")]
mod page;
mod question;
mod records;
mod refusal;
mod repository;
mod route;
mod service;
mod unique;
mod v1;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use serde::{Deserialize, Serialize};
use tracing::Instrument as _;

#[cfg(any(feature = "server", feature = "grpc"))]
pub(crate) use self::body::Late;
#[cfg(feature = "mlflow")]
pub(crate) use self::body::read as read_body;
#[cfg(feature = "grpc")]
pub(crate) use self::body::{Coding, SMALL_ANSWER, Unpacked};
pub use self::limits::HttpLimits;
pub use self::outgoing::AnswerBody;
use self::records::RecordsForm;
#[cfg(feature = "mlflow")]
pub(crate) use self::refusal::Refusal as BodyRefusal;
use self::refusal::Refusal;
use self::route::{Found, ModelRoute, Route};
use crate::auth::{Auth, Peer, Permit};
#[cfg(feature = "metrics")]
use crate::metrics::{Responses, names};
use crate::models::work::aside;
use crate::models::{Models, version_of};
use crate::settings::Settings;
use crate::trace::{self, Asks, Caller};

/// Answers the protocol's requests. Cloning shares it.
#[derive(Clone)]
pub struct HttpService {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    models: Models,
    limits: HttpLimits,
    settings: Arc<Settings>,
    auth: Auth,
    #[cfg(feature = "metrics")]
    responses: Responses,
    /// What `GET /metrics` answers.
    render: Option<Render>,
    #[cfg(feature = "mlflow")]
    mlflow: Option<crate::mlflow::Mlflow>,
    #[cfg(feature = "feast")]
    feast: Option<crate::feast::Feast>,
    #[cfg(feature = "page")]
    pages: Option<crate::page::Pages>,
}

/// Writes metrics in Prometheus' text format.
pub(crate) type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// What is wrong with a body that a server hands in.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl HttpService {
    /// A service for these models.
    #[must_use]
    pub fn new(models: Models) -> Self {
        Self::with_limits(models, HttpLimits::default())
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(models: Models, limits: HttpLimits) -> Self {
        Self {
            inner: Arc::new(Inner {
                models,
                limits,
                settings: Arc::default(),
                auth: Auth::default(),
                #[cfg(feature = "metrics")]
                responses: Responses::new(names::HTTP_RESPONSES, &STATUSES),
                render: None,
                #[cfg(feature = "mlflow")]
                mlflow: None,
                #[cfg(feature = "feast")]
                feast: None,
                #[cfg(feature = "page")]
                pages: None,
            }),
        }
    }

    /// The same for those whom `auth` lets do what they ask for. [By default](Auth::default) there are no keys, and what changes the
    /// server is refused; over a [server](crate::server) on the loopback it is not.
    #[must_use]
    pub fn with_auth(mut self, auth: Auth) -> Self {
        Arc::make_mut(&mut self.inner).auth = auth;
        self
    }

    /// The same, which answers `GET /metrics` by what `render` writes in Prometheus' text format; it runs on a thread that may be held
    /// up. Without it there is no such path: a host has its own.
    #[must_use]
    pub fn with_metrics(mut self, render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.inner).render = Some(Arc::new(render));
        self
    }

    /// The same, which is MLflow's tracking server, too, under MLflow's own paths.
    #[cfg(feature = "mlflow")]
    #[must_use]
    pub fn with_mlflow(mut self, mlflow: crate::mlflow::Mlflow) -> Self {
        Arc::make_mut(&mut self.inner).mlflow = Some(mlflow);
        self
    }

    /// The models that it answers for.
    #[must_use]
    pub fn models(&self) -> &Models {
        &self.inner.models
    }

    /// What its clients set: whoever owns the process's log and traces asks it. Services that share it are set together.
    #[must_use]
    pub fn settings(&self) -> &Arc<Settings> {
        &self.inner.settings
    }

    /// Answers one request.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<AnswerBody>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        self.answer_to(request, Peer::default()).await
    }

    /// The same to somebody of whom the listener knows more.
    pub(crate) async fn answer_to<B>(&self, request: Request<B>, peer: Peer) -> Response<AnswerBody>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        let arrived = Instant::now();
        let (parts, body) = request.into_parts();
        let is_head = parts.method == Method::HEAD;
        let found = self.find(&parts.method, parts.uri.path());
        let route = match &found {
            Found::Route(route) => Some(route.template()),
            Found::OtherMethod(_) | Found::NoEndpoint | Found::Nothing => None,
        };
        let mut caller = Caller::read(&parts.headers);
        let (method, path, version) = (&parts.method, parts.uri.path(), parts.version);
        let span = caller.begin(Asks::Http { method, path, route, version });
        let answer = self.answer_found(found, &parts, peer, body, arrived).instrument(span.clone());
        let mut response = match answer.await {
            Ok(response) => response,
            Err(refusal) => refusal.into_response(),
        };
        trace::answered(&span, response.status());
        self.count(response.status());
        caller.put(response.headers_mut());
        if is_head {
            *response.body_mut() = AnswerBody::default();
        }
        response
    }

    /// The route of a path. MLflow's tracking server has its paths where there is one.
    fn find(&self, method: &Method, path: &str) -> Found {
        #[cfg(feature = "mlflow")]
        if let Some(mlflow) = &self.inner.mlflow
            && let Some(found) = crate::mlflow::find(method, path, mlflow.has_page())
        {
            use crate::mlflow::Found as OfMlflow;
            return match found {
                OfMlflow::Endpoint(matched) => Found::Route(Route::Tracking(matched)),
                OfMlflow::OtherMethod(methods) => Found::OtherMethod(methods),
                OfMlflow::Nothing => Found::NoEndpoint,
            };
        }
        #[cfg(feature = "feast")]
        if let Some(found) = self.find_feast(method, path) {
            return found;
        }
        route::find(method, path)
    }

    /// Whether a request sends a file of any size, which may take its time.
    #[cfg(feature = "server")]
    pub(crate) fn is_upload(&self, method: &Method, path: &str) -> bool {
        #[cfg(feature = "mlflow")]
        if *method == Method::PUT
            && let Found::Route(Route::Tracking(matched)) = self.find(method, path)
        {
            return matched.is_upload();
        }
        let _ = (method, path);
        false
    }

    /// Counts an answer of this status.
    pub(crate) fn count(&self, status: StatusCode) {
        #[cfg(feature = "metrics")]
        self.inner.responses.count(status.as_str());
        #[cfg(not(feature = "metrics"))]
        let _ = status;
    }

    async fn answer_found<B>(
        &self,
        found: Found,
        parts: &Parts,
        peer: Peer,
        body: B,
        arrived: Instant,
    ) -> Answered
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        #[cfg(feature = "page")]
        if let Some(answer) = self.answer_page(parts, peer).await {
            return answer;
        }
        let route = match found {
            Found::Route(route) => route,
            Found::OtherMethod(methods) => return Err(Refusal::other_method(methods)),
            Found::NoEndpoint => return Err(Refusal::no_endpoint()),
            Found::Nothing => return Err(Refusal::new(StatusCode::NOT_FOUND, "there is no such path")),
        };
        // Before anything is said of a model, and before the body is read.
        let (auth, act) = (&self.inner.auth, route.act(&parts.method));
        let permitted = match route {
            #[cfg(feature = "mlflow")]
            Route::Tracking(_) => auth.permit_unseen(parts, peer, act),
            _ => auth.permit(parts, peer, act),
        };
        if route.is_of_mlflow() {
            let answer = async {
                let permit = permitted?;
                permit.tell(parts.uri.path());
                self.answer_mlflow(parts, body, route, (arrived, permit)).await
            };
            return answer.await.map_err(Refusal::of_mlflow);
        }
        #[cfg(feature = "feast")]
        if let Route::Feast(endpoint) = route {
            return self.answer_feast(parts, body, endpoint, permitted).await.map_err(Refusal::of_feast);
        }
        let permit = permitted?;
        permit.tell(parts.uri.path());
        let models = &self.inner.models;
        match route {
            Route::Server => metadata::server(),
            Route::Metrics => match self.inner.render.clone() {
                Some(render) => Ok(rendered(&render).await?),
                None => Err(Refusal::new(StatusCode::NOT_FOUND, "there is no such path")),
            },
            Route::OpenApi => Ok(openapi::document()),
            Route::Live => json(&metadata::Health::live()),
            Route::Ready => metadata::ready(models),
            Route::Model(path, ModelRoute::Infer) => self.infer(parts, body, &path, arrived).await,
            Route::Model(path, ModelRoute::Predict) => {
                // Before the body is read.
                let (served, version) = (models.get(&path.name)?, version_of(path.version())?);
                let body = self.body(&parts.headers, body).await?;
                self.ask(served, body, RecordsForm { version }, arrived).await
            }
            Route::Model(path, ModelRoute::Outcomes) => {
                let served = models.get(&path.name)?;
                records::outcomes(&served, &self.body(&parts.headers, body).await?)
            }
            // Answered before.
            #[cfg(feature = "feast")]
            Route::Feast(endpoint) => self.answer_feast(parts, body, endpoint, Ok(permit)).await,
            #[cfg(feature = "mlflow")]
            Route::Tracking(_) => self.answer_mlflow(parts, body, route, (arrived, permit)).await,
            Route::Model(_, ModelRoute::Invocations)
            | Route::Invocations
            | Route::Ping
            | Route::VersionOfMlflow => self.answer_mlflow(parts, body, route, (arrived, permit)).await,
            Route::LiveV1 => json(&serde_json::json!({ "status": "alive" })),
            Route::ModelsV1 => v1::models(models),
            Route::ReadyV1(name) => v1::ready(models, &name),
            Route::PredictV1(name) => {
                // Before the body is read.
                let served = models.get(&name)?;
                let body = self.body(&parts.headers, body).await?;
                self.ask(served, body, v1::Instances, arrived).await
            }
            Route::Model(path, ModelRoute::Metadata) => metadata::model(models, &path),
            Route::Model(path, ModelRoute::Ready) => metadata::model_ready(models, &path),
            Route::Model(path, ModelRoute::Config) => metadata::config(models, &path),
            Route::Model(path, ModelRoute::Statistics) => metadata::statistics(models, Some(&path)),
            Route::AllStatistics => metadata::statistics(models, None),
            Route::Index => repository::index(models, &self.body(&parts.headers, body).await?).await,
            Route::Load(name) => {
                repository::load(models, &name, &self.body(&parts.headers, body).await?).await
            }
            // What it says of dependents says nothing here.
            Route::Unload(name) => {
                self.body(&parts.headers, body).await?;
                repository::unload(models, &name).await
            }
            Route::Log | Route::Trace(_) => {
                let asked = match parts.method {
                    Method::POST => Some(self.body(&parts.headers, body).await?),
                    _ => None,
                };
                let model = match route {
                    Route::Trace(model) => Some(model),
                    _ => None,
                };
                repository::settings(models, &self.inner.settings, model.as_ref(), asked.as_deref())
            }
            Route::SharedMemory { is_status: true } => json(&serde_json::json!([])),
            Route::SharedMemory { is_status: false } => Err(crate::v2::no_shared_memory().into()),
        }
    }

    /// Answers what clients of MLflow ask.
    async fn answer_mlflow<B>(
        &self,
        parts: &Parts,
        body: B,
        route: Route,
        (arrived, permit): (Instant, Permit),
    ) -> Answered
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        // The tracking server alone asks who it is.
        #[cfg(not(feature = "mlflow"))]
        drop(permit);
        let models = &self.inner.models;
        let (served, version) = match route {
            #[cfg(feature = "mlflow")]
            Route::Tracking(matched) => {
                let Some(mlflow) = &self.inner.mlflow else { return Err(Refusal::no_endpoint()) };
                return mlflow.answer(parts, body, matched, self.inner.limits.body_bytes, &permit).await;
            }
            Route::Ping => return mlflow::ping(models),
            Route::VersionOfMlflow => return mlflow::version(),
            Route::Model(path, _) => (models.get(&path.name)?, version_of(path.version())?),
            _ => (mlflow::only(models)?, None),
        };
        self.invocations(parts, body, served, version, arrived).await
    }

    async fn body<B>(&self, headers: &HeaderMap, body: B) -> Result<Bytes, Refusal>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        body::check_content_type(headers)?;
        body::read(headers, body, self.inner.limits.body_bytes).await
    }
}

type Answered = Result<Response<AnswerBody>, Refusal>;

/// A refusal of a server's, as those of the service are.
#[cfg(feature = "server")]
pub(crate) fn refused(status: StatusCode, message: &str) -> Response<AnswerBody> {
    Refusal::new(status, message).into_response()
}

/// Metrics in Prometheus' text format.
pub(crate) async fn rendered(render: &Render) -> mlcore::Result<Response<AnswerBody>> {
    let render = render.clone();
    let text = aside(false, move || render()).await?;
    let mut response = Response::new(AnswerBody::from(text));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

/// What a body in JSON says. All of it is text, also what nobody reads.
fn parsed<'b, T: Deserialize<'b>>(body: &'b [u8]) -> mlcore::Result<T> {
    serde_json::from_str(crate::v2::json_text(body)?).map_err(|cause| {
        mlcore::Error::invalid_input("read request", "body", cause.to_string()).caused_by(cause)
    })
}

/// What is answered as JSON.
fn json<T: Serialize + ?Sized>(value: &T) -> Answered {
    let body = serde_json::to_vec(value)
        .map_err(|cause| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, format!("write answer: {cause}")))?;
    let mut response = Response::new(AnswerBody::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// The statuses that are counted one by one.
#[cfg(feature = "metrics")]
const STATUSES: [&str; 19] = [
    "200", "202", "400", "401", "403", "404", "405", "406", "408", "409", "413", "415", "421", "422", "429",
    "500", "501", "503", "504",
];

impl fmt::Debug for HttpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpService").field("models", &self.inner.models).finish_non_exhaustive()
    }
}
