use std::any::Any;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use http::header::{self, HeaderValue};
use http::uri::Authority;
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use mlcore::artifact::Digest;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::paced::{Pace, Paced};
use super::protocol::AnswerBody;
use super::unread::{Unread, Watched};
use super::{HEAD_BYTES, Protocol, ServerOptions};
use crate::auth::Peer;
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
        from: SocketAddr,
        mut stopping: watch::Receiver<()>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let shared = self.shared.clone();
        async move {
            let mut peer = Peer { address: Some(from), ..Peer::default() };
            match &shared.options.tls {
                None => shared.drive(stream, peer, &mut stopping).await,
                Some(tls) => {
                    let handshake = timeout(shared.options.head_timeout, tls.acceptor().accept(stream));
                    let stream = tokio::select! {
                        stream = handshake => stream,
                        _ = stopping.changed() => return,
                    };
                    match stream {
                        Ok(Ok(stream)) => {
                            let certificates = stream.get_ref().1.peer_certificates();
                            peer.certificate = certificates.and_then(<[_]>::first).map(Digest::of);
                            shared.drive(stream, peer, &mut stopping).await;
                        }
                        Ok(Err(cause)) => tracing::debug!(%cause, "a handshake of TLS failed"),
                        Err(_) => tracing::debug!("a handshake of TLS was not over in time"),
                    }
                }
            }
            // Kept until here: the server waits for whoever holds one.
            drop(stopping);
        }
    }
}

impl Shared {
    /// Answers the requests of a connection until it ends.
    async fn drive<I>(self: &Arc<Self>, io: I, peer: Peer, stopping: &mut watch::Receiver<()>)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (pace, unread) = (Arc::new(Pace::default()), Arc::new(Unread::new()));
        let io = TokioIo::new(Paced::new(io, pace.clone(), &self.options));
        let (own, looked_at, asked) = (self.clone(), pace.clone(), unread.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (own, pace, unread) = (own.clone(), looked_at.clone(), asked.clone());
            let live = (request.version() == Version::HTTP_2).then(|| unread.begin());
            async move {
                let response = own.answer(request, peer, &pace).await?;
                Ok::<_, Infallible>(response.map(|body| match live {
                    Some(live) => Watched::new(body, live),
                    None => Watched::not(body),
                }))
            }
        });
        let mut connection = pin!(self.builder.serve_connection(io, service));
        let ServerOptions { write_timeout, idle_timeout, .. } = self.options;
        let mut looking = pin!(sleep(write_timeout.min(idle_timeout)));
        let mut is_ending = false;
        let ended = loop {
            tokio::select! {
                ended = connection.as_mut() => break ended,
                _ = stopping.changed(), if !is_ending => {
                    is_ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                // What a connection of one request at a time lets pass is seen below it.
                () = looking.as_mut() => {
                    let now = Instant::now();
                    let is_over = |since: Option<Instant>, timeout| since.is_some_and(|since| now - since >= timeout);
                    let is_idle = pace.is_multiplexed() && is_over(unread.idle_since(), idle_timeout);
                    if is_over(unread.oldest(), write_timeout) || is_idle && is_over(unread.idle_since(), idle_timeout + write_timeout) {
                        tracing::debug!("a client takes nothing of an answer: its connection is given up");
                        return;
                    }
                    if is_idle && !is_ending {
                        is_ending = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    looking.as_mut().reset(now + write_timeout.min(idle_timeout) / 2);
                }
            }
        };
        if let Err(cause) = ended {
            // A client that goes away is no news.
            tracing::debug!(%cause, "a connection ended early");
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: Peer,
        pace: &Pace,
    ) -> Result<Response<AnswerBody>, Infallible> {
        let is_told_twice = pace.begin();
        // Where the body ends only the parser knows: nothing behind it is taken for another request.
        let is_last = is_told_twice || request.headers().contains_key(header::TRANSFER_ENCODING);
        let mut response = match self.peer_of(&request, peer, is_told_twice) {
            Err((status, message)) => self.protocol.refused(status, message),
            Ok(peer) => {
                let answer = self.protocol.answer(request, peer, &self.options, &self.ending);
                guarded(answer).await.unwrap_or_else(|panic| {
                    tracing::error!(panic = words_of(&*panic), "a request's answer panicked");
                    self.protocol
                        .refused(StatusCode::INTERNAL_SERVER_ERROR, "the server failed; its log says how")
                })
            }
        };
        if is_last {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        pace.end();
        Ok(response)
    }

    /// What is known of who sends a request, or why nobody looks at it.
    fn peer_of<B>(
        &self,
        request: &Request<B>,
        mut peer: Peer,
        is_told_twice: bool,
    ) -> Result<Peer, (StatusCode, &'static str)> {
        if is_told_twice {
            return Err((StatusCode::BAD_REQUEST, "it has a Content-Length and a Transfer-Encoding"));
        }
        let hosts = &self.options.hosts;
        let named = request.headers().get(header::HOST).map(HeaderValue::as_bytes);
        let authority = match (request.uri().authority(), named) {
            (Some(authority), _) => Some(authority.clone()),
            (None, Some(named)) => Authority::try_from(named).ok(),
            (None, None) => None,
        };
        let host = authority.as_ref().map(Authority::host);
        let is_loopback_name = host.is_some_and(is_loopback_name);
        let is_addressed = match hosts.as_slice() {
            [] => !self.is_loopback || is_loopback_name,
            hosts => host.is_some_and(|host| is_among(host, hosts)),
        };
        if !is_addressed {
            let message = "this server does not answer for the host that the request names";
            return Err((StatusCode::MISDIRECTED_REQUEST, message));
        }
        if let Some(origin) = request.headers().get(header::ORIGIN)
            && !is_own_origin(origin, authority.as_ref(), hosts)
            && !matches!(*request.method(), Method::GET | Method::HEAD)
        {
            return Err((StatusCode::FORBIDDEN, "a page of another site sends this request"));
        }
        peer.is_local = self.is_loopback && is_loopback_name;
        Ok(peer)
    }
}

/// Whether a host's name or address is this machine's own.
fn is_loopback_name(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let is_own = address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    is_own || host.eq_ignore_ascii_case("localhost")
}

fn is_among(host: &str, hosts: &[String]) -> bool {
    hosts.iter().any(|own| own.eq_ignore_ascii_case(host))
}

/// Whether a browser says that the page which sends a request is of the server's own site. Browsers send some requests for any page,
/// such as a POST without a body, which unloads a model.
fn is_own_origin(origin: &HeaderValue, addressed: Option<&Authority>, hosts: &[String]) -> bool {
    let Some(authority) =
        origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|parts| parts.1)
    else {
        return false;
    };
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    addressed == Some(&authority) || is_among(authority.host(), hosts)
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
