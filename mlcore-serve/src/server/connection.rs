use std::any::Any;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use http::header::{self, HeaderValue};
use http::uri::Authority;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::paced::{Pace, Paced};
use super::protocol::AnswerBody;
use super::{HEAD_BYTES, Protocol, ServerOptions};
use crate::endpoint::words_of;

/// What all connections of a server share.
pub(super) struct Connections {
    shared: Arc<Shared>,
}

struct Shared {
    protocol: Protocol,
    options: ServerOptions,
    is_loopback: bool,
    /// Tells calls that last that the server stops.
    ending: watch::Receiver<()>,
    builder: Builder<TokioExecutor>,
}

impl Connections {
    pub(super) fn new(
        protocol: Protocol,
        options: ServerOptions,
        is_loopback: bool,
        ending: watch::Receiver<()>,
    ) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        // The pace of the connection is looked at below it, where idle and slow are told apart.
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_buf_size(HEAD_BYTES)
            .half_close(false);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(256)
            .max_header_list_size(HEAD_BYTES as u32)
            .keep_alive_interval(options.idle_timeout)
            .keep_alive_timeout(options.head_timeout);
        Self { shared: Arc::new(Shared { protocol, options, is_loopback, ending, builder }) }
    }

    /// Serves one connection until it ends, or `stopping` says that no other request of it is to be taken.
    pub(super) fn serve(
        &self,
        stream: TcpStream,
        mut stopping: watch::Receiver<()>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let shared = self.shared.clone();
        async move {
            let pace = Arc::new(Pace::default());
            let io = TokioIo::new(Paced::new(stream, pace.clone(), &shared.options));
            let own = shared.clone();
            let service = service_fn(move |request| {
                let (own, pace) = (own.clone(), pace.clone());
                async move { own.answer(request, &pace).await }
            });
            let mut connection = pin!(shared.builder.serve_connection(io, service));
            let ended = tokio::select! {
                ended = connection.as_mut() => Some(ended),
                _ = stopping.changed() => None,
            };
            let ended = match ended {
                Some(ended) => ended,
                None => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(cause) = ended {
                // A client that goes away is no news.
                tracing::debug!(%cause, "a connection ended early");
            }
            // Kept until here: the server waits for whoever holds one.
            drop(stopping);
        }
    }
}

impl Shared {
    async fn answer(
        &self,
        request: Request<Incoming>,
        pace: &Pace,
    ) -> Result<Response<AnswerBody>, Infallible> {
        let is_told_twice = pace.begin();
        // Where the body ends only the parser knows: nothing behind it is taken for another request.
        let is_last = is_told_twice || request.headers().contains_key(header::TRANSFER_ENCODING);
        let mut response = if is_told_twice {
            self.protocol.refused(StatusCode::BAD_REQUEST, "it has a Content-Length and a Transfer-Encoding")
        } else if !self.is_addressed(&request) {
            let message = "this server does not answer for the host that the request names";
            self.protocol.refused(StatusCode::MISDIRECTED_REQUEST, message)
        } else {
            let answer = self.protocol.answer(request, &self.options, &self.ending);
            guarded(answer).await.unwrap_or_else(|panic| {
                tracing::error!(panic = words_of(&*panic), "a request's answer panicked");
                self.protocol
                    .refused(StatusCode::INTERNAL_SERVER_ERROR, "the server failed; its log says how")
            })
        };
        if is_last {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        pace.end();
        Ok(response)
    }

    /// Whether a request names a host that this server answers for.
    fn is_addressed<B>(&self, request: &Request<B>) -> bool {
        let hosts = &self.options.hosts;
        if hosts.is_empty() && !self.is_loopback {
            return true;
        }
        let named = request.headers().get(header::HOST).map(HeaderValue::as_bytes);
        let authority = match (request.uri().authority(), named) {
            (Some(authority), _) => Ok(authority.clone()),
            (None, Some(named)) => Authority::try_from(named),
            (None, None) => return false,
        };
        let Ok(authority) = authority else { return false };
        let host = authority.host();
        if hosts.is_empty() {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let is_own = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
            return is_own || host.eq_ignore_ascii_case("localhost");
        }
        hosts.iter().any(|own| own.eq_ignore_ascii_case(host))
    }
}

/// What a future answers, or what it panicked with.
async fn guarded<F: Future>(future: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(answer)) => Poll::Ready(Ok(answer)),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}
