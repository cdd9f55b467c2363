//! TLS: who is let in, what is spoken, how certificates are changed, and what slow handshakes cost.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mlcore::artifact::Digest;
use mlcore_serve::auth::{Auth, KeyOptions, Keys, Role};
use mlcore_serve::grpc::GrpcService;
use mlcore_serve::http::HttpService;
use mlcore_serve::server::{Protocol, Server, ServerOptions, Tls, TlsOptions};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::auth;
use crate::support::Place;

/// An authority, which signs certificates of `localhost`.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate and its key, in PEM.
pub(crate) struct Signed {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    pub(crate) fn sign(&self) -> Signed {
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Signed { certificate, key: key.serialize_pem() }
    }

    /// What a client knows that trusts this authority.
    fn client(&self, own: Option<&Signed>, protocols: &[&str]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => builder
                .with_client_auth_cert(
                    vec![own.der()],
                    PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap(),
                )
                .unwrap(),
        };
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }

    /// Asks a server, and answers what it says and the certificate that it shows.
    pub(crate) fn ask(
        &self,
        port: u16,
        own: Option<&Signed>,
        request: &str,
    ) -> io::Result<(String, CertificateDer<'static>)> {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(self.client(own, &["http/1.1"])), name)
            .map_err(io::Error::other)?;
        let socket = TcpStream::connect(("127.0.0.1", port))?;
        socket.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut stream = StreamOwned::new(connection, socket);
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let shown = stream.conn.peer_certificates().unwrap()[0].clone().into_owned();
        Ok((String::from_utf8(answer).unwrap(), shown))
    }
}

impl Signed {
    pub(crate) fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()
    }

    /// Writes both into a folder.
    pub(crate) fn put(&self, folder: &Path) -> TlsOptions {
        let [certificate, key] = ["tls.crt", "tls.key"].map(|name| folder.join(name));
        fs::write(&certificate, &self.certificate).unwrap();
        fs::write(&key, &self.key).unwrap();
        TlsOptions::new(certificate, key)
    }
}

fn served(protocol: impl Into<Protocol>, options: ServerOptions) -> (tokio::runtime::Runtime, SocketAddr) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), protocol, options);
    let server = runtime.block_on(server).unwrap();
    let address = server.address().unwrap();
    runtime.spawn(server.run(std::future::pending()));
    (runtime, address)
}

fn http(auth: Auth) -> HttpService {
    HttpService::new(Place::new().service.models().clone()).with_auth(auth)
}

fn options_of(tls: &Tls) -> ServerOptions {
    let mut options = ServerOptions::default();
    options.tls = Some(tls.clone());
    options
}

const LIVE: &str = "GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const METADATA: &str = "GET /v2/models/m HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[test]
fn new_certificates_are_taken_and_bad_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (first, second) = (authority.sign(), authority.sign());
    let tls = Tls::open(first.put(folder.path())).unwrap();
    let (_runtime, address) = served(http(Auth::default()), options_of(&tls));
    let shown = || {
        let (answer, shown) = authority.ask(address.port(), None, LIVE).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        shown
    };
    assert_eq!(shown(), first.der());
    assert!(!tls.reload().unwrap(), "nothing has changed");
    // The certificate is there before its key.
    fs::write(folder.path().join("tls.crt"), &second.certificate).unwrap();
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("tls.key: it is not the key of the certificate in"), "{error}");
    assert!(!tls.reload().unwrap(), "told once");
    assert_eq!(shown(), first.der());
    second.put(folder.path());
    assert!(tls.reload().unwrap());
    assert_eq!(shown(), second.der());
    fs::remove_file(folder.path().join("tls.key")).unwrap();
    assert!(tls.reload().unwrap_err().to_string().contains("tls.key"));
    assert_eq!(shown(), second.der());
    // Somebody else's authority does not know it, and without TLS nothing is answered.
    assert!(Authority::new().ask(address.port(), None, LIVE).is_err());
    let mut plain = TcpStream::connect(address).unwrap();
    plain.write_all(LIVE.as_bytes()).unwrap();
    let mut answer = Vec::new();
    drop(plain.read_to_end(&mut answer));
    assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn clients_show_a_certificate_and_are_known_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, clients) = (Authority::new(), Authority::new());
    let (known, unknown, strange) = (clients.sign(), clients.sign(), authority.sign());
    let ca = folder.path().join("clients.crt");
    fs::write(&ca, &clients.pem).unwrap();
    let tls = Tls::open(authority.sign().put(folder.path()).with_client_ca(ca)).unwrap();
    let key = KeyOptions::of_certificate("gateway", [Role::Predict], Digest::of(known.der()));
    let keys = Auth::new(Keys::new([key]).unwrap());
    let (_runtime, address) = served(http(keys), options_of(&tls));
    let status = |own, request: &str| {
        let (answer, _) = authority.ask(address.port(), own, request).ok()?;
        answer.split(' ').nth(1)?.parse::<u16>().ok()
    };
    assert_eq!(status(Some(&known), METADATA), Some(200));
    let load = "POST /v2/repository/models/m/load HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    assert_eq!(status(Some(&known), load), Some(403));
    assert_eq!(status(Some(&unknown), METADATA), Some(401), "of the authority, and on no list");
    assert_eq!(status(Some(&unknown), LIVE), Some(200));
    assert_eq!(status(Some(&strange), LIVE), None, "of another authority");
    assert_eq!(status(None, LIVE), None, "without a certificate");
    let wrong = METADATA.replace("Connection", "Authorization: Bearer wrong\r\nConnection");
    assert_eq!(status(Some(&known), &wrong), Some(401), "a wrong key is not made good by a certificate");
}

#[test]
fn grpc_is_spoken_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let tls = Tls::open(authority.sign().put(folder.path())).unwrap();
    let models = Place::new().service.models().clone();
    let service = GrpcService::new(models, Default::default()).with_auth(auth());
    let (runtime, address) = served(service, options_of(&tls));
    runtime.block_on(async {
        let connector = tokio_rustls::TlsConnector::from(Arc::new(authority.client(None, &["h2"])));
        let socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = connector.connect(name, socket).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let made = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (mut sender, connection) = made.unwrap();
        tokio::spawn(connection);
        for (call, status) in [("ServerLive", "0"), ("ServerMetadata", "16")] {
            let request = Request::post(format!("https://localhost/inference.GRPCInferenceService/{call}"))
                .header("content-type", "application/grpc")
                .body(Full::new(Bytes::from_static(&[0; 5])))
                .unwrap();
            let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
            let mut fields = parts.headers;
            fields.extend(body.collect().await.unwrap().trailers().cloned().unwrap_or_default());
            assert_eq!(fields["grpc-status"], status, "{call}");
        }
    });
}

/// Clients that begin a handshake and say no more hold up nobody, and not for long.
#[test]
fn slow_handshakes_are_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let tls = Tls::open(authority.sign().put(folder.path())).unwrap();
    let mut options = options_of(&tls);
    options.head_timeout = Duration::from_millis(500);
    let (_runtime, address) = served(http(Auth::default()), options);
    let began = Instant::now();
    let mut slow: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(address).unwrap()).collect();
    for stream in &mut slow {
        // The first bytes of a hello.
        stream.write_all(&[0x16, 0x03, 0x01, 0x02]).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    }
    assert!(authority.ask(address.port(), None, LIVE).unwrap().0.starts_with("HTTP/1.1 200"));
    for stream in &mut slow {
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest));
    }
    let took = began.elapsed();
    assert!((Duration::from_millis(450)..Duration::from_secs(5)).contains(&took), "{took:?}");
    // The limits of slow requests hold inside TLS, too.
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(authority.client(None, &[])), name).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(address).unwrap());
    let began = Instant::now();
    stream.write_all(b"GET /v2/health/live HTTP/1.1\r\nHost: ").unwrap();
    while stream.write_all(b"a").is_ok() && began.elapsed() < Duration::from_secs(5) {
        thread::sleep(Duration::from_millis(20));
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn bad_files_are_named_with_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (one, other) = (authority.sign(), authority.sign());
    let put = |name: &str, content: &str| -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let (good, key) = (put("good.crt", &one.certificate), put("good.key", &one.key));
    let broken = one.certificate.replace("MII", "!!!");
    for (certificate, key, ca, problem) in [
        (put("empty.crt", ""), key.clone(), None, "empty.crt: it holds no certificate in PEM"),
        (put("broken.crt", &broken), key.clone(), None, "broken.crt: it is no PEM"),
        (folder.path().join("none.crt"), key.clone(), None, "none.crt"),
        (good.clone(), put("empty.key", ""), None, "empty.key: it holds no private key in PEM"),
        (good.clone(), good.clone(), None, "good.crt: it holds no private key in PEM"),
        (
            good.clone(),
            put("other.key", &other.key),
            None,
            "other.key: it is not the key of the certificate in",
        ),
        (good, key, Some(put("empty.ca", "")), "empty.ca: it holds no certificate in PEM"),
    ] {
        let mut options = TlsOptions::new(certificate, key);
        options.client_ca = ca;
        let error = Tls::open(options).unwrap_err().to_string();
        assert!(error.starts_with("read TLS files ") && error.contains(problem), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}
