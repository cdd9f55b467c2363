//! Pages as a part of the HTTP service: headers, keys, what is kept, and what is told of failures.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use mlcore::name::{ExperimentId, LoggedModelId, RunId};
use mlcore::tracking::{
    Edit, Experiment, ExperimentSearch, HistorySearch, LoggedModel, LoggedModelSearch, Metric, Page, Run,
    RunSearch, Tracker,
};
use mlcore::{Error, Result};
use mlcore_serve::auth::{Auth, KeyOptions, Keys, Role, hash_key};
use mlcore_serve::http::HttpService;
use mlcore_serve::models::Models;
use mlcore_serve::page::Pages;

use crate::markup::tags;
use crate::support::Place;

fn ask(service: &HttpService, method: &str, path: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (parts, body) =
            service.answer(request.body(Full::<Bytes>::default()).unwrap()).await.into_parts();
        Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
    })
}

fn service() -> HttpService {
    let place = Place::new();
    place.fill_tracker("x");
    HttpService::new(Models::new()).with_pages(place.pages)
}

fn text(response: &Response<Bytes>) -> String {
    String::from_utf8(response.body().to_vec()).unwrap()
}

#[test]
fn a_browser_is_told_to_run_and_load_nothing_else() {
    let service = service();
    let response = ask(&service, "GET", "/ui/experiments/1", &[]);
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers();
    let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe") && !policy.contains("http"),
        "{policy}"
    );
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "private, no-cache"),
    ] {
        assert_eq!(headers[name], value);
    }
    for asset in ["style.css", "page.js", "icon.svg"] {
        let response = ask(&service, "GET", &format!("/ui/assets/{asset}"), &[]);
        assert_eq!(response.status(), StatusCode::OK, "{asset}");
        assert!(response.headers()["cache-control"].to_str().unwrap().contains("max-age"));
    }
    assert_eq!(ask(&service, "GET", "/ui/assets/other", &[]).status(), StatusCode::NOT_FOUND);
}

#[test]
fn what_has_not_changed_is_not_sent_again() {
    let service = service();
    let first = ask(&service, "GET", "/ui/runs/a", &[]);
    let tag = first.headers()[header::ETAG].to_str().unwrap();
    let again = ask(&service, "GET", "/ui/runs/a", &[("if-none-match", tag)]);
    assert_eq!((again.status(), again.body().len()), (StatusCode::NOT_MODIFIED, 0));
    let packed = ask(&service, "GET", "/ui/runs/a", &[("accept-encoding", "gzip")]);
    assert_eq!(packed.headers()[header::CONTENT_ENCODING], "gzip");
    assert!(packed.body().len() * 2 < first.body().len());
    let head = ask(&service, "HEAD", "/ui/runs/a", &[]);
    assert_eq!((head.status(), head.body().len()), (StatusCode::OK, 0));
}

#[test]
fn browsers_find_the_pages_and_probes_what_they_expect() {
    let service = service();
    let browser = ask(&service, "GET", "/", &[("accept", "text/html,*/*")]);
    assert_eq!(
        (browser.status(), browser.headers()[header::LOCATION].to_str().unwrap()),
        (StatusCode::SEE_OTHER, "ui/")
    );
    assert_eq!(text(&ask(&service, "GET", "/", &[("accept", "*/*")])), r#"{"status":"alive"}"#);
    assert_eq!(ask(&service, "GET", "/ui", &[]).headers()[header::LOCATION], "ui/experiments");
    assert_eq!(ask(&service, "GET", "/ui/", &[]).headers()[header::LOCATION], "experiments");
    let without = HttpService::new(Models::new());
    assert_eq!(ask(&without, "GET", "/ui/experiments", &[]).status(), StatusCode::NOT_FOUND);
    assert_eq!(ask(&without, "GET", "/", &[("accept", "text/html")]).status(), StatusCode::OK);
}

#[test]
fn pages_need_a_key_where_there_are_keys() {
    let (reader, writer) = ("a key that reads, made by a machine", "a key that writes, made by a machine");
    let hash = |key: &str| hash_key(key.as_bytes()).unwrap();
    let keys = [
        KeyOptions::of_token("reader", [Role::Predict], hash(reader)),
        KeyOptions::of_token("writer", [Role::Write], hash(writer)),
    ];
    let service = service().with_auth(Auth::new(Keys::new(keys).unwrap()));
    let with =
        |key: &str, path: &str| ask(&service, "GET", path, &[("authorization", &format!("Bearer {key}"))]);
    let pages = [
        "/ui",
        "/ui/",
        "/ui/experiments",
        "/ui/experiments/1",
        "/ui/runs/a",
        "/ui/compare",
        "/ui/models",
        "/ui/audit",
    ];
    let more = [
        "/ui/runs/a/metrics/acc",
        "/ui/models/m",
        "/ui/models/m/versions/1",
        "/ui/datasets/1",
        "/ui/audit/1",
        "/ui/assets/style.css",
    ];
    for path in pages.into_iter().chain(more) {
        let without = ask(&service, "GET", path, &[]);
        assert_eq!(without.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(
            without.headers().get_all("www-authenticate").iter().count(),
            2,
            "a browser asks for a name and a password"
        );
        let html = text(&without);
        tags(&html);
        assert!(html.contains("Who are you?") && !html.contains("Experiments"), "{html}");
        assert_eq!(with("a key that nobody has, of some length", path).body(), without.body());
        // What writes reads what it has written.
        for key in [reader, writer] {
            let status = with(key, path).status();
            assert!(
                status != StatusCode::UNAUTHORIZED && status != StatusCode::FORBIDDEN,
                "{path}: {status}"
            );
        }
    }
}

#[test]
fn pages_are_only_read() {
    let service = service();
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let response = ask(&service, method, "/ui/runs/a", &[]);
        assert_eq!(
            (response.status(), response.headers()[header::ALLOW].to_str().unwrap()),
            (StatusCode::METHOD_NOT_ALLOWED, "GET")
        );
        tags(&text(&response));
    }
}

/// A tracker whose file cannot be read.
struct Broken;

fn broken<T>() -> Result<T> {
    Err(Error::unavailable("read tracker", "/secret/tracking.db", "the disk of host db-7 is away"))
}

impl Tracker for Broken {
    fn write(&self, _: &[Edit]) -> Result<()> {
        broken()
    }
    fn experiment(&self, _: &ExperimentId) -> Result<Experiment> {
        broken()
    }
    fn experiment_by_name(&self, _: &str) -> Result<Experiment> {
        broken()
    }
    fn search_experiments(&self, _: &ExperimentSearch) -> Result<Page<Experiment>> {
        broken()
    }
    fn run(&self, _: &RunId) -> Result<Run> {
        broken()
    }
    fn search_runs(&self, _: &RunSearch) -> Result<Page<Run>> {
        broken()
    }
    fn metric_history(&self, _: &HistorySearch) -> Result<Page<Metric>> {
        broken()
    }
    fn logged_model(&self, _: &LoggedModelId) -> Result<LoggedModel> {
        broken()
    }
    fn search_logged_models(&self, _: &LoggedModelSearch) -> Result<Page<LoggedModel>> {
        broken()
    }
}

#[test]
fn a_failure_tells_readers_nothing_of_files_and_hosts() {
    let pages = Pages::new().with_tracker(Arc::new(Broken));
    for path in [
        "/ui/experiments",
        "/ui/experiments/1",
        "/ui/runs/a",
        "/ui/compare?run=a",
        "/ui/runs/a/metrics/b",
        "/ui/datasets/d",
    ] {
        let response = pages.answer(&path.parse().unwrap(), &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        let html = String::from_utf8(response.into_body()).unwrap();
        tags(&html);
        assert!(
            html.contains("Not at the moment") && !html.contains("secret") && !html.contains("db-7"),
            "{html}"
        );
    }
    // Without a registry there is none in the navigation.
    let html = String::from_utf8(pages.answer(&"/ui/models".parse().unwrap(), &HeaderMap::new()).into_body())
        .unwrap();
    assert!(html.contains("no registry") && !html.contains("Audit log"));
}
