//! An S3-compatible server within the test's process, which fails where it is told to.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::service::S3ServiceBuilder;
use tempfile::TempDir;

pub(crate) const KEY_ID: &str = "AKIDTEST";
pub(crate) const SECRET: &str = "a-secret-that-nobody-shows";
pub(crate) const BUCKET: &str = "models";

/// What a request is, as far as the tests tell them apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    Get,
    Head,
    Put,
    Begin,
    Part,
    Complete,
    Other,
}

/// What the server does instead of answering.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Fault {
    /// It answers this status.
    Status(u16),
    /// It cuts the connection.
    Cut,
}

type Plan = Box<dyn FnMut(Kind) -> Option<Fault> + Send>;

/// A server in a temporary folder, on a thread of its own.
pub(crate) struct Server {
    folder: TempDir,
    port: u16,
    counts: Arc<Mutex<BTreeMap<Kind, usize>>>,
    bytes: Arc<Mutex<u64>>,
    plan: Arc<Mutex<Plan>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let files = s3s_fs::FileSystem::new(folder.path()).unwrap();
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(s3s::auth::SimpleAuth::from_single(KEY_ID, SECRET));
        let service = service.build();
        let plan: Plan = Box::new(|_| None);
        let (counts, bytes, plan) =
            (Arc::default(), Arc::<Mutex<u64>>::default(), Arc::new(Mutex::new(plan)));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self {
            folder,
            port,
            counts: Arc::clone(&counts),
            bytes: Arc::clone(&bytes),
            plan: Arc::clone(&plan),
        };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                while let Ok((socket, _)) = listener.accept().await {
                    let (service, counts, plan) = (service.clone(), Arc::clone(&counts), Arc::clone(&plan));
                    let bytes = Arc::clone(&bytes);
                    let answer = hyper::service::service_fn(move |request: Request<Incoming>| {
                        let kind = kind_of(&request);
                        *counts.lock().unwrap().entry(kind).or_default() += 1;
                        let fault = (plan.lock().unwrap())(kind);
                        let (service, bytes) = (service.clone(), Arc::clone(&bytes));
                        async move {
                            match fault {
                                None => {
                                    let answer = service.call(request.map(s3s::Body::from)).await;
                                    let answer = answer.map_err(io::Error::other)?;
                                    let length = answer.headers().get("content-length");
                                    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
                                    if kind == Kind::Get {
                                        *bytes.lock().unwrap() += length.unwrap_or(0);
                                    }
                                    Ok(answer)
                                }
                                Some(Fault::Cut) => Err(io::ErrorKind::ConnectionReset.into()),
                                Some(Fault::Status(status)) => {
                                    // What a client still sends would be taken for the next request.
                                    drop(request.into_body().collect().await);
                                    let text =
                                        "<Error><Code>Told</Code><Message>as the test says</Message></Error>";
                                    let body = Full::new(Bytes::from(text))
                                        .map_err(|never: Infallible| match never {});
                                    let answer = Response::builder()
                                        .status(status)
                                        .header("x-amz-request-id", "REQUEST-7")
                                        .body(s3s::Body::http_body_unsync(body));
                                    answer.map_err(io::Error::other)
                                }
                            }
                        }
                    });
                    tokio::spawn(async move {
                        let connection = Builder::new(TokioExecutor::new());
                        drop(connection.serve_connection(TokioIo::new(socket), answer).await);
                    });
                }
            });
        });
        server
    }

    /// The URL of a prefix of its bucket.
    pub(crate) fn url(&self, prefix: &str) -> String {
        format!("s3://{BUCKET}/{prefix}?endpoint=http://127.0.0.1:{}&region=us-east-1", self.port)
    }

    /// Where its objects lie.
    pub(crate) fn objects(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }

    /// Fails from now on where `plan` says so.
    pub(crate) fn fail(&self, plan: impl FnMut(Kind) -> Option<Fault> + Send + 'static) {
        *self.plan.lock().unwrap() = Box::new(plan);
    }

    /// How many requests of a kind came since the last time it was asked.
    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.counts.lock().unwrap().remove(&kind).unwrap_or(0)
    }

    /// How many bytes it sent of objects since the last time it was asked.
    pub(crate) fn bytes(&self) -> u64 {
        std::mem::take(&mut *self.bytes.lock().unwrap())
    }
}

fn kind_of<B>(request: &Request<B>) -> Kind {
    let query = request.uri().query().unwrap_or_default();
    match *request.method() {
        Method::GET => Kind::Get,
        Method::HEAD => Kind::Head,
        Method::PUT if query.contains("partNumber") => Kind::Part,
        Method::PUT => Kind::Put,
        Method::POST if query.contains("uploads") => Kind::Begin,
        Method::POST if query.contains("uploadId") => Kind::Complete,
        _ => Kind::Other,
    }
}
