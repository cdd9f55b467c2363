use std::fmt;
use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::sync::watch;

use super::ServerOptions;
use super::body::TimedBody;
use crate::auth::Peer;
#[cfg(feature = "grpc")]
use crate::grpc::{GrpcBody, GrpcService};
use crate::http::{HttpService, Render, rendered};
use crate::models::Models;

/// The protocol that a server speaks, and the service that answers. Both services are taken for it.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Protocol {
    /// HTTP/1.1 and HTTP/2.
    Http(HttpService),
    /// gRPC: clients call it by `secure_channel` where the server has TLS, and by `insecure_channel` where it has none.
    #[cfg(feature = "grpc")]
    Grpc(GrpcService),
    /// `GET /metrics` and nothing else.
    Metrics(MetricsService),
}

/// Answers `GET /metrics` over HTTP, on a port of its own.
#[derive(Clone)]
pub struct MetricsService {
    models: Models,
    render: Render,
}

impl MetricsService {
    /// Answers by what `render` writes in Prometheus' text format, about these models.
    #[must_use]
    pub fn new(models: Models, render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self { models, render: Arc::new(render) }
    }

    async fn answer<B>(&self, request: &Request<B>) -> Response<crate::http::AnswerBody> {
        let is_read = request.method() == Method::GET || request.method() == Method::HEAD;
        if !is_read || request.uri().path() != "/metrics" {
            return crate::http::refused(StatusCode::NOT_FOUND, "there is only GET /metrics");
        }
        let mut response = rendered(&self.render).await.unwrap_or_else(|error| {
            crate::http::refused(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
        });
        if request.method() == Method::HEAD {
            *response.body_mut() = crate::http::AnswerBody::default();
        }
        response
    }
}

impl fmt::Debug for MetricsService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsService").field("models", &self.models).finish_non_exhaustive()
    }
}

#[cfg(not(feature = "grpc"))]
pub(super) type AnswerBody = crate::http::AnswerBody;
#[cfg(feature = "grpc")]
pub(super) type AnswerBody = http_body_util::Either<crate::http::AnswerBody, GrpcBody>;

impl Protocol {
    pub(super) fn models(&self) -> &Models {
        match self {
            Self::Http(service) => service.models(),
            #[cfg(feature = "grpc")]
            Self::Grpc(service) => service.models(),
            Self::Metrics(service) => &service.models,
        }
    }

    /// Its name, as a label of metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            #[cfg(feature = "grpc")]
            Self::Grpc(_) => "grpc",
            Self::Metrics(_) => "metrics",
        }
    }

    /// Answers a request. Calls that last end soon after `ending` tells something.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        peer: Peer,
        options: &ServerOptions,
        ending: &watch::Receiver<()>,
    ) -> Response<AnswerBody> {
        let timeout = options.body_timeout;
        match self {
            Self::Http(service) => {
                // A request ends with its answer.
                let _ = ending;
                let is_upload = service.is_upload(request.method(), request.uri().path());
                let request = request.map(|body| match is_upload {
                    true => TimedBody::paced(body, timeout),
                    false => TimedBody::new(body, Some(timeout)),
                });
                http(service.answer_to(request, peer).await)
            }
            #[cfg(feature = "grpc")]
            Self::Grpc(service) => {
                let is_long = crate::grpc::is_long(request.uri().path());
                let timeout = Some(timeout).filter(|_| !is_long);
                let stopping = is_long.then(|| {
                    let mut ending = ending.clone();
                    let stop: crate::grpc::Stopping = Box::pin(async move {
                        // A sender that is gone has stopped as well.
                        let _ = ending.changed().await;
                    });
                    stop
                });
                let request = request.map(|body| TimedBody::new(body, timeout));
                service.answer_until(request, peer, stopping).await.map(AnswerBody::Right)
            }
            Self::Metrics(service) => http(service.answer(&request).await),
        }
    }

    /// A refusal, as those of the service are.
    pub(super) fn refused(&self, status: StatusCode, message: &str) -> Response<AnswerBody> {
        match self {
            Self::Http(service) => {
                service.count(status);
                http(crate::http::refused(status, message))
            }
            #[cfg(feature = "grpc")]
            Self::Grpc(service) => service.refused(status, message).map(AnswerBody::Right),
            Self::Metrics(_) => http(crate::http::refused(status, message)),
        }
    }
}

#[cfg(not(feature = "grpc"))]
fn http(response: Response<crate::http::AnswerBody>) -> Response<AnswerBody> {
    response
}

#[cfg(feature = "grpc")]
fn http(response: Response<crate::http::AnswerBody>) -> Response<AnswerBody> {
    response.map(AnswerBody::Left)
}

impl From<MetricsService> for Protocol {
    fn from(service: MetricsService) -> Self {
        Self::Metrics(service)
    }
}

impl From<HttpService> for Protocol {
    fn from(service: HttpService) -> Self {
        Self::Http(service)
    }
}

#[cfg(feature = "grpc")]
impl From<GrpcService> for Protocol {
    fn from(service: GrpcService) -> Self {
        Self::Grpc(service)
    }
}
