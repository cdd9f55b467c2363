//! One model behind listeners of both protocols.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use mlcore_serve::grpc::GrpcLimits;
use mlcore_serve::server::{Protocol, Server, ServerOptions};
use serde_json::{Value, json};

use crate::protocol::inference::{ModelInferRequest, ModelInferResponse};
use crate::support::{Asked, Connection, doubles, request};
use crate::web::{Place, infer_body};

pub(crate) struct Attacked {
    pub(crate) asked: Asked,
    pub(crate) http: SocketAddr,
    pub(crate) grpc: SocketAddr,
}

/// What was answered over HTTP/1.1.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    fn read(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        Some(Self { status, head: head.to_lowercase(), body: body.to_owned() })
    }

    /// The sentence of a refusal, which has nothing else.
    pub(crate) fn problem(&self) -> String {
        let refused: Value = serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}", self.body));
        assert_eq!(refused.as_object().unwrap().len(), 1, "{refused}");
        let problem = refused["error"].as_str().unwrap().to_owned();
        assert!(problem.len() < 10_000 && !problem.contains(char::is_control), "{problem:?}");
        problem
    }
}

impl Attacked {
    pub(crate) fn new() -> Self {
        Self::with_options(&ServerOptions::default())
    }

    pub(crate) fn with_options(options: &ServerOptions) -> Self {
        let place = Place::new();
        let asked = Asked::of(place, GrpcLimits::default());
        let (http, grpc) = asked.run(async {
            let listen = async |service: Protocol| {
                let server = Server::bind("127.0.0.1:0".parse().unwrap(), service, options.clone());
                let server = server.await.unwrap();
                let address = server.address().unwrap();
                tokio::spawn(server.run(std::future::pending()));
                address
            };
            (listen(asked.place.service.clone().into()).await, listen(asked.service.clone().into()).await)
        });
        Self { asked, http, grpc }
    }

    /// Sends bytes, and reads until the server hangs up.
    pub(crate) fn send(&self, bytes: &[u8]) -> Option<Answer> {
        let mut stream = TcpStream::connect(self.http).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        // A server that refuses need not read to the end.
        drop(stream.write_all(bytes));
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        Answer::read(&answer)
    }

    /// A request with a body, as the only one of its connection.
    pub(crate) fn ask(&self, method: &str, path: &str, more: &str, body: &[u8]) -> Answer {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}Content-Length: {}\r\n\r\n",
            body.len()
        );
        self.send(&[head.as_bytes(), body].concat()).unwrap_or_else(|| panic!("no answer to {method} {path}"))
    }

    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Answer {
        self.ask("POST", path, "Content-Type: application/json\r\n", body)
    }

    pub(crate) fn call(&self, request: ModelInferRequest) -> Result<ModelInferResponse, tonic::Status> {
        self.asked.run(async {
            let connection = Connection::new(self.grpc).await;
            connection.client().model_infer(request).await.map(tonic::Response::into_inner)
        })
    }

    /// Others are answered, and rightly.
    pub(crate) fn check(&self) {
        let body = infer_body(&[[0.5, 1.0]]);
        let answer = self.post(INFER, body.to_string().as_bytes());
        let read: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((answer.status, &read["outputs"][0]["data"]), (200, &json!([1.0])));
        assert_eq!(doubles(&self.call(request(&[[0.5, 1.0]])).unwrap(), 0), [1.0]);
    }
}

pub(crate) const INFER: &str = "/v2/models/m/infer";
