//! How requests leave: by the client that mlcore's other clients use, with one TLS.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpResponseBody, HttpService,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::task::{JoinHandle, spawn_blocking};
use ureq::http::header::{CONTENT_LENGTH, EXPECT, HeaderValue};
use ureq::http::{self, Method};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, BodyReader, SendBody};

use super::error::{self, Refusal};
use super::options::ObjectStoreOptions;
use crate::error::{Error, Result};

/// Makes clients that share one agent and its connections.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    agent: Agent,
}

impl Connector {
    pub(super) fn new(options: &ObjectStoreOptions) -> Result<Self> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(options.connect_timeout))
            .timeout_per_read(Some(options.idle_timeout))
            .timeout_per_write(Some(options.idle_timeout))
            .timeout_recv_response(Some(options.idle_timeout))
            .max_idle_connections_per_host(16)
            .user_agent(concat!("mlcore/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls(options)?);
        Ok(Self { agent: config.build().new_agent() })
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

type Answer<'f> = Pin<Box<dyn Future<Output = std::result::Result<HttpResponse, HttpError>> + Send + 'f>>;

impl HttpService for Connector {
    fn call<'a, 'f>(&'a self, request: HttpRequest) -> Answer<'f>
    where
        'a: 'f,
        Self: 'f,
    {
        let agent = self.agent.clone();
        Box::pin(async move {
            let sent = spawn_blocking(move || send(&agent, request)).await;
            let sent = sent.unwrap_or_else(|cause| Err((HttpErrorKind::Unknown, cause.to_string())));
            match sent {
                Ok((answer, refusal)) => {
                    error::note(refusal);
                    Ok(answer)
                }
                Err((kind, problem)) => {
                    let is_timeout = kind == HttpErrorKind::Timeout;
                    error::note(Some(Refusal::Unreached { is_timeout, problem: problem.clone() }));
                    Err(HttpError::new(kind, Said(problem)))
                }
            }
        })
    }
}

type Sent = std::result::Result<(HttpResponse, Option<Refusal>), (HttpErrorKind, String)>;

/// Sends one request and reads the head of its answer; of a refusal, the body too.
fn send(agent: &Agent, request: HttpRequest) -> Sent {
    let (mut head, body) = request.into_parts();
    let has_body = !matches!(head.method, Method::GET | Method::HEAD | Method::DELETE);
    let body = if has_body {
        head.headers.insert(CONTENT_LENGTH, body.content_length().into());
        if body.content_length() >= ASKED_BYTES {
            // A server that refuses says so before it closes a connection on which megabytes are under way.
            head.headers.insert(EXPECT, HeaderValue::from_static("100-continue"));
        }
        SendBody::from_owned_reader(Pieces::of(body))
    } else {
        SendBody::none()
    };
    let answer = agent.run(http::Request::from_parts(head, body)).map_err(|cause| unreached(&cause))?;
    let (head, body) = answer.into_parts();
    if head.status.is_success() {
        let size = body.content_length();
        let body = Downloaded { next: Some(ahead(body.into_reader())), size };
        return Ok((HttpResponse::from_parts(head, HttpResponseBody::new(body)), None));
    }
    let mut text = Vec::new();
    let read = body.into_reader().take(MOST_REFUSAL_BYTES).read_to_end(&mut text);
    read.map_err(|cause| unread(&cause))?;
    let refusal = Refusal::answered(head.status.as_u16(), &head.headers, &text);
    Ok((HttpResponse::from_parts(head, text.into()), Some(refusal)))
}

/// Why there is no answer, without the address, which may hold a signature.
fn unreached(cause: &ureq::Error) -> (HttpErrorKind, String) {
    match cause {
        ureq::Error::Timeout(_) => (HttpErrorKind::Timeout, "it did not answer in time".to_owned()),
        ureq::Error::Io(cause) => unread(cause),
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => {
            (HttpErrorKind::Connect, format!("it cannot be reached: {cause}"))
        }
        ureq::Error::BadUri(_) => (HttpErrorKind::Unknown, "its address cannot be read".to_owned()),
        cause => (HttpErrorKind::Unknown, format!("it cannot be reached: {cause}")),
    }
}

fn unread(cause: &io::Error) -> (HttpErrorKind, String) {
    if let Some(below) = cause.get_ref().and_then(|cause| cause.downcast_ref::<ureq::Error>()) {
        return unreached(below);
    }
    match cause.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            (HttpErrorKind::Timeout, "it did not answer in time".to_owned())
        }
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable => {
            (HttpErrorKind::Connect, format!("it cannot be reached: {cause}"))
        }
        // A certificate that is not trusted is no better a moment later.
        io::ErrorKind::InvalidData => (HttpErrorKind::Unknown, format!("it cannot be trusted: {cause}")),
        _ => (HttpErrorKind::Interrupted, format!("the connection was lost: {cause}")),
    }
}

/// The pieces of a payload, one after the other.
struct Pieces(VecDeque<Bytes>);

impl Pieces {
    fn of(mut body: HttpRequestBody) -> Self {
        let mut pieces = VecDeque::new();
        if let Some(whole) = body.as_bytes() {
            pieces.push_back(whole.clone());
            return Self(pieces);
        }
        let mut context = Context::from_waker(Waker::noop());
        // It is in memory, and so always ready.
        while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) {
            pieces.extend(frame.into_data());
        }
        Self(pieces)
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(piece) = self.0.front_mut() {
            if piece.is_empty() {
                self.0.pop_front();
                continue;
            }
            let count = piece.len().min(buffer.len());
            let now = piece.split_to(count);
            if let Some(buffer) = buffer.get_mut(..count) {
                buffer.copy_from_slice(&now);
            }
            return Ok(count);
        }
        Ok(0)
    }
}

type Ahead = JoinHandle<(BodyReader<'static>, io::Result<Bytes>)>;

/// The body of an answer, of which one piece is read ahead.
struct Downloaded {
    next: Option<Ahead>,
    size: Option<u64>,
}

fn ahead(mut reader: BodyReader<'static>) -> Ahead {
    spawn_blocking(move || {
        let mut piece = vec![0; PIECE_BYTES];
        let mut filled = 0;
        let read = loop {
            match reader.read(piece.get_mut(filled..).unwrap_or_default()) {
                Ok(0) => break Ok(()),
                Ok(count) => filled += count,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                // What came before it is handed on first; the next reading fails again.
                Err(_) if filled > 0 => break Ok(()),
                Err(cause) => break Err(cause),
            }
        };
        piece.truncate(filled);
        (reader, read.map(|()| piece.into()))
    })
}

impl Body for Downloaded {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, HttpError>>> {
        let Some(next) = &mut self.next else { return Poll::Ready(None) };
        let Poll::Ready(read) = Pin::new(next).poll(context) else { return Poll::Pending };
        self.next = None;
        let failed = |(kind, problem)| {
            error::note(Some(Refusal::Unreached {
                is_timeout: kind == HttpErrorKind::Timeout,
                problem: String::clone(&problem),
            }));
            Poll::Ready(Some(Err(HttpError::new(kind, Said(problem)))))
        };
        match read {
            Ok((_, Ok(piece))) if piece.is_empty() => Poll::Ready(None),
            Ok((reader, Ok(piece))) => {
                self.next = Some(ahead(reader));
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Ok((_, Err(cause))) => failed(unread(&cause)),
            Err(cause) => failed((HttpErrorKind::Unknown, cause.to_string())),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.size.map(SizeHint::with_exact).unwrap_or_default()
    }
}

/// An error in words.
#[derive(Debug)]
struct Said(String);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Said {}

/// TLS by ring, to the authorities of a file or of this system.
fn tls(options: &ObjectStoreOptions) -> Result<TlsConfig> {
    const READ: &str = "read certificates";
    let certificates: Vec<CertificateDer<'static>> = match &options.root_certificates {
        Some(file) => {
            let subject = file.display().to_string();
            let read = CertificateDer::pem_file_iter(file)
                .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>);
            let refuse = |problem: String| {
                Error::invalid_input(READ, subject.clone(), problem).remedy("name a PEM file of certificates")
            };
            let certificates = read.map_err(|cause| refuse(cause.to_string()))?;
            if certificates.is_empty() {
                return Err(refuse("it holds no certificate".to_owned()));
            }
            certificates
        }
        // Without any, connections by TLS fail, and those without it do not.
        None => rustls_native_certs::load_native_certs().certs,
    };
    let roots: Vec<Certificate<'static>> =
        certificates.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&roots))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}

/// What is kept of the last refusal of a task.
pub(super) type Noted = Arc<Mutex<Option<Refusal>>>;

pub(super) fn taken(noted: &Noted) -> Option<Refusal> {
    noted.lock().unwrap_or_else(PoisonError::into_inner).take()
}

const MOST_REFUSAL_BYTES: u64 = 64 << 10;
/// From so many bytes on a server is asked whether it takes them. One that does not answer is sent them after a second.
const ASKED_BYTES: usize = 1 << 20;
/// Large enough that hashing, not handing over, is the cost.
const PIECE_BYTES: usize = 256 << 10;
