//! Every route of HTTP, with the key of every role and without.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use mlcore_serve::auth::{Auth, Authenticator, Credentials, Principal, Role};
use mlcore_serve::http::HttpService;
use mlcore_serve::server::{Server, ServerOptions};
use tokio::sync::oneshot;

use crate::support::Place;
use crate::{auth, bearer, key};

/// All routes, as `http/route.rs` lists them, and the role that each needs.
const ROUTES: [(&str, &str, Option<Role>); 42] = [
    ("GET", "/", None),
    ("GET", "/v2/health/live", None),
    ("HEAD", "/v2/health/live", None),
    ("GET", "/v2/health/ready", None),
    ("GET", "/v2/models/m/ready", None),
    ("GET", "/v2/models/m/versions/1/ready", None),
    ("GET", "/v1/models/m", None),
    ("GET", "/ping", None),
    ("GET", "/health", None),
    ("GET", "/version", Some(Role::Predict)),
    ("POST", "/invocations", Some(Role::Predict)),
    ("POST", "/mlcore/models/m/invocations", Some(Role::Predict)),
    ("POST", "/mlcore/models/m/versions/1/invocations", Some(Role::Predict)),
    ("GET", "/v2", Some(Role::Predict)),
    ("GET", "/v1/models", Some(Role::Predict)),
    ("GET", "/v2/models/m", Some(Role::Predict)),
    ("HEAD", "/v2/models/m", Some(Role::Predict)),
    ("GET", "/v2/models/m/versions/1", Some(Role::Predict)),
    ("GET", "/v2/models/m/config", Some(Role::Predict)),
    ("GET", "/v2/models/m/stats", Some(Role::Predict)),
    ("GET", "/v2/models/stats", Some(Role::Predict)),
    ("POST", "/v2/repository/index", Some(Role::Predict)),
    ("POST", "/v2/models/m/infer", Some(Role::Predict)),
    ("POST", "/v2/models/m/versions/1/infer", Some(Role::Predict)),
    ("POST", "/v1/models/m:predict", Some(Role::Predict)),
    ("POST", "/mlcore/models/m/predict", Some(Role::Predict)),
    ("POST", "/mlcore/models/m/versions/1/predict", Some(Role::Predict)),
    ("POST", "/mlcore/models/m/outcomes", Some(Role::Predict)),
    ("GET", "/v2/logging", Some(Role::Predict)),
    ("GET", "/v2/trace/setting", Some(Role::Predict)),
    ("GET", "/v2/models/m/trace/setting", Some(Role::Predict)),
    ("GET", "/v2/systemsharedmemory/status", Some(Role::Predict)),
    ("GET", "/v2/cudasharedmemory/region/r/status", Some(Role::Predict)),
    ("POST", "/v2/systemsharedmemory/region/r/register", Some(Role::Predict)),
    ("POST", "/v2/cudasharedmemory/region/r/unregister", Some(Role::Predict)),
    ("POST", "/v2/systemsharedmemory/unregister", Some(Role::Predict)),
    ("POST", "/v2/repository/models/m/load", Some(Role::Admin)),
    ("POST", "/v2/repository/models/m/unload", Some(Role::Admin)),
    ("POST", "/v2/logging", Some(Role::Admin)),
    ("POST", "/v2/trace/setting", Some(Role::Admin)),
    ("POST", "/v2/models/m/trace/setting", Some(Role::Admin)),
    // A model that is not there is not told apart.
    ("GET", "/v2/models/none", Some(Role::Predict)),
];

/// A service of its own for each question: some of them unload the model.
fn service(auth: Auth) -> HttpService {
    HttpService::new(Place::new().service.models().clone()).with_auth(auth)
}

fn request(method: &str, path: &str, authorization: Option<&str>) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    request.body(Full::from(if method == "POST" { "{}" } else { "" })).unwrap()
}

fn ask(service: &HttpService, request: Request<Full<Bytes>>) -> Response<Bytes> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (parts, body) = service.answer(request).await.into_parts();
        Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
    })
}

fn is_denied(status: StatusCode) -> bool {
    status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN
}

#[test]
fn every_route_asks_for_its_role() {
    let guarded = service(auth());
    for (method, path, needed) in ROUTES {
        let without = ask(&guarded, request(method, path, None));
        let Some(needed) = needed else {
            assert!(!is_denied(without.status()), "{method} {path}: {}", without.status());
            continue;
        };
        assert_eq!(without.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
        let schemes: Vec<_> = without.headers().get_all("www-authenticate").iter().collect();
        assert_eq!(schemes, ["Bearer realm=\"mlcore\"", "Basic realm=\"mlcore\", charset=\"UTF-8\""]);
        // Whatever is wrong with a key, the answer is the same.
        let basic = format!("Basic {}", "YW5hOndyb25n");
        for wrong in [&bearer(None), "Bearer", "Bearer \u{e9}", "nonsense", &basic, "Basic !"] {
            let refused = ask(&guarded, request(method, path, Some(wrong)));
            assert_eq!(refused.status(), without.status(), "{method} {path} {wrong}");
            assert_eq!(refused.body(), without.body(), "{method} {path} {wrong}");
        }
        for role in Role::ALL {
            let status = ask(&service(auth()), request(method, path, Some(&bearer(Some(role))))).status();
            match role == needed || role == Role::Admin {
                true => assert!(!is_denied(status), "{method} {path} by {role}: {status}"),
                false => assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path} by {role}"),
            }
        }
    }
}

/// A service that a host nests does not know who can reach it.
#[test]
fn without_keys_a_nested_service_is_read_and_not_changed() {
    for (method, path, needed) in ROUTES {
        let answered = ask(&service(Auth::default()), request(method, path, None));
        assert_eq!(
            answered.status() == StatusCode::FORBIDDEN,
            needed == Some(Role::Admin),
            "{method} {path}"
        );
        assert!(
            !is_denied(ask(&service(Auth::open()), request(method, path, None)).status()),
            "{method} {path}"
        );
    }
}

#[test]
fn a_host_says_who_it_is() {
    for auth in [Auth::default(), auth()] {
        let service = service(auth);
        let mut asked = request("GET", "/v2/models/m", None);
        asked.extensions_mut().insert(Principal::new("host", [Role::Predict]));
        assert_eq!(ask(&service, asked).status(), StatusCode::OK);
        let mut asked = request("POST", "/v2/repository/models/m/load", Some(&bearer(Some(Role::Admin))));
        asked.extensions_mut().insert(Principal::new("host", [Role::Predict]));
        assert_eq!(ask(&service, asked).status(), StatusCode::FORBIDDEN, "what the host says goes before");
    }
}

#[test]
fn keys_in_paths_are_refused() {
    let service = service(auth());
    let secret = key(Some(Role::Admin)).replace(' ', "+");
    for name in ["token", "access_token", "API_KEY", "password"] {
        let path = format!("/v2/models/m?x=1&{name}={secret}");
        for authorization in [None, Some(bearer(Some(Role::Admin)))] {
            let refused = ask(&service, request("GET", &path, authorization.as_deref()));
            let told = String::from_utf8_lossy(refused.body()).into_owned();
            assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{told}");
            assert!(told.contains("take this key out of use") && !told.contains(&secret), "{told}");
        }
    }
    let fine = request("GET", "/v2/models/m?x=token", Some(&bearer(Some(Role::Predict))));
    assert_eq!(ask(&service, fine).status(), StatusCode::OK);
}

/// Somebody to ask who cannot be reached.
struct Away;

impl Authenticator for Away {
    fn authenticate(&self, _: &Credentials) -> mlcore::Result<Option<Principal>> {
        Err(mlcore::Error::unavailable("look up key", "directory", "it does not answer"))
    }
}

#[test]
fn who_cannot_be_looked_up_is_not_let_in() {
    let refused = ask(&service(Auth::new(Away)), request("GET", "/v2/models/m", Some(&bearer(None))));
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let probed = ask(&service(Auth::new(Away)), request("GET", "/v2/health/live", None));
    assert_eq!(probed.status(), StatusCode::OK);
}

/// What a server on this address answers to an unload with these lines in its head.
fn unload_at(address: IpAddr, hosts: &[&str], lines: &str) -> u16 {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut options = ServerOptions::default();
    options.hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    let server = Server::bind(SocketAddr::new(address, 0), service(Auth::default()), options);
    let server = runtime.block_on(server).unwrap();
    let port = server.address().unwrap().port();
    let (_stop, stopped) = oneshot::channel::<()>();
    runtime.spawn(server.run(async move { drop(stopped.await) }));
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    // As a page can make a browser send it: without a type.
    let path = "/v2/repository/models/m/unload";
    let lines = lines.replace("PORT", &port.to_string());
    write!(stream, "POST {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n{lines}\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn without_keys_only_this_machine_changes_a_server() {
    let (loopback, all) = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    assert_eq!(unload_at(loopback, &[], "Host: localhost:PORT"), 200);
    assert_eq!(unload_at(loopback, &[], "Host: [::1]"), 200);
    assert_eq!(unload_at(all, &[], "Host: localhost:PORT"), 403, "although it comes from this machine");
    assert_eq!(unload_at(all, &[], "Host: models.example"), 403);
    // A proxy on this machine, which speaks for others.
    assert_eq!(unload_at(loopback, &["models.example"], "Host: models.example"), 403);
    for line in
        ["X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1", "Via: 1.1 proxy", "X-Real-IP: 192.0.2.1"]
    {
        assert_eq!(unload_at(loopback, &[], &format!("Host: 127.0.0.1:PORT\r\n{line}")), 403, "{line}");
    }
    // A page of another site in a browser on this machine.
    for origin in
        ["http://evil.example", "null", "http://localhost:1", "http://localhost:PORT.evil.example", ""]
    {
        let lines = format!("Host: localhost:PORT\r\nOrigin: {origin}");
        assert_eq!(unload_at(loopback, &[], &lines), 403, "{origin}");
    }
    assert_eq!(unload_at(loopback, &[], "Host: localhost:PORT\r\nOrigin: http://localhost:PORT"), 200);
    assert_eq!(unload_at(loopback, &[], "Host: localhost\r\nContent-Type: text/plain"), 415);
    assert_eq!(unload_at(loopback, &[], "Host: evil.example"), 421);
}
