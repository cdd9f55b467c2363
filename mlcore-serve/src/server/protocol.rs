use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::sync::watch;

use super::ServerOptions;
use super::body::TimedBody;
use crate::auth::Peer;
#[cfg(feature = "grpc")]
use crate::grpc::{GrpcBody, GrpcService};
use crate::http::HttpService;
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
}

#[cfg(not(feature = "grpc"))]
pub(super) type AnswerBody = Full<Bytes>;
#[cfg(feature = "grpc")]
pub(super) type AnswerBody = http_body_util::Either<Full<Bytes>, GrpcBody>;

impl Protocol {
    pub(super) fn models(&self) -> &Models {
        match self {
            Self::Http(service) => service.models(),
            #[cfg(feature = "grpc")]
            Self::Grpc(service) => service.models(),
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
                let request = request.map(|body| TimedBody::new(body, Some(timeout)));
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
        }
    }

    /// A refusal, as those of the service are.
    pub(super) fn refused(&self, status: StatusCode, message: &str) -> Response<AnswerBody> {
        match self {
            Self::Http(_) => http(crate::http::refused(status, message)),
            #[cfg(feature = "grpc")]
            Self::Grpc(_) => crate::grpc::refused(status, message).map(AnswerBody::Right),
        }
    }
}

#[cfg(not(feature = "grpc"))]
fn http(response: Response<Full<Bytes>>) -> Response<AnswerBody> {
    response
}

#[cfg(feature = "grpc")]
fn http(response: Response<Full<Bytes>>) -> Response<AnswerBody> {
    response.map(AnswerBody::Left)
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
