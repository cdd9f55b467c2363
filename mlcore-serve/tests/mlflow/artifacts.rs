use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;

use crate::support::Place;

const FILES: &str = "/api/2.0/mlflow-artifacts/artifacts";

impl Place {
    fn put(&self, path: &str, body: impl Into<Bytes>) -> StatusCode {
        self.send(Method::PUT, &format!("{FILES}/{path}"), body).status
    }
}

#[test]
fn a_file_comes_back_as_it_was_sent() {
    let place = Place::new();
    // Larger than any body that is read whole.
    let large: Vec<u8> = (0..5 << 20).map(|place| (place % 251) as u8).collect();
    assert_eq!(place.put("1/r/artifacts/large.bin", large.clone()), StatusCode::OK);
    assert_eq!(place.put("1/r/artifacts/empty", ""), StatusCode::OK);
    assert_eq!(place.put("1/r/artifacts/%C3%BC.html", "<script>"), StatusCode::OK);
    let read = place.send(Method::GET, &format!("{FILES}/1/r/artifacts/large.bin"), "");
    assert!(read.body == large);
    assert_eq!(read.headers["content-length"], large.len().to_string().as_str());
    let page = place.send(Method::GET, &format!("{FILES}/1/r/artifacts/%C3%BC.html"), "");
    assert_eq!(page.headers["content-type"], "text/plain");
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
    assert!(page.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
    let part = Request::get(format!("{FILES}/1/r/artifacts/large.bin")).header("range", "bytes=251-253");
    let part = place.ask(part.body(Full::default()).unwrap());
    assert_eq!((part.status, &*part.body), (StatusCode::PARTIAL_CONTENT, [0_u8, 1, 2].as_slice()));
    let listed = place.send(Method::GET, &format!("{FILES}?path=1/r/artifacts"), "").json();
    assert_eq!(listed["files"][0], serde_json::json!({"path": "empty", "is_dir": false}));
    assert_eq!(listed["files"].as_array().unwrap().len(), 3);
    assert_eq!(place.send(Method::DELETE, &format!("{FILES}/1/r"), "").status, StatusCode::OK);
    let gone = place.send(Method::GET, &format!("{FILES}/1/r/artifacts/empty"), "");
    assert_eq!(gone.refusal().1, "RESOURCE_DOES_NOT_EXIST");
    assert_eq!(std::fs::read_dir(place.folder.path().join("files/.mlcore-partial")).unwrap().count(), 0);
}

#[test]
fn no_path_leaves_the_folder() {
    let place = Place::new();
    std::fs::write(place.folder.path().join("secret"), "s").unwrap();
    for path in [
        "../secret",
        "..%2fsecret",
        "%2e%2e/secret",
        "%252e%252e%252fsecret",
        "a/../../secret",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "..%5csecret",
        "a%00b",
        "c:/x",
        "file:///etc/passwd",
        ".mlcore-partial/x",
        "a//b",
        "./a",
        "a%ff",
    ] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let answer = place.send(method.clone(), &format!("{FILES}/{path}"), "x");
            assert_eq!(answer.refusal().0, 400, "{method} {path}");
        }
    }
    for query in ["..", "/", "%2e%2e", "a/../..", "/etc"] {
        let listed = place.send(Method::GET, &format!("{FILES}?path={query}"), "");
        assert_eq!(listed.refusal().0, 400, "{query}");
    }
    assert_eq!(std::fs::read(place.folder.path().join("secret")).unwrap(), b"s");
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    let place = Place::new();
    let outside = place.folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret"), "s").unwrap();
    let files = place.folder.path().join("files");
    std::os::unix::fs::symlink(&outside, files.join("link")).unwrap();
    std::os::unix::fs::symlink(outside.join("secret"), files.join("file")).unwrap();
    for path in ["link/secret", "file", "link/new"] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let answer = place.send(method.clone(), &format!("{FILES}/{path}"), "x");
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{method} {path}");
        }
    }
    let listed = place.send(Method::GET, FILES, "").json();
    assert_eq!(listed, serde_json::json!({}), "links are not listed");
    assert_eq!(std::fs::read(outside.join("secret")).unwrap(), b"s");
}

#[test]
fn a_file_and_a_folder_do_not_take_each_others_place() {
    let place = Place::new();
    assert_eq!(place.put("a/b.txt", "b"), StatusCode::OK);
    assert_eq!(place.put("a", "x"), StatusCode::BAD_REQUEST);
    assert_eq!(place.put("a/b.txt/c", "x"), StatusCode::BAD_REQUEST);
    assert_eq!(place.put("a/", "x"), StatusCode::BAD_REQUEST);
    assert_eq!(place.put("", "x"), StatusCode::BAD_REQUEST);
    assert_eq!(place.send(Method::GET, &format!("{FILES}/a"), "").refusal().0, 400);
    assert_eq!(place.send(Method::GET, &format!("{FILES}/a/b.txt/c"), "").refusal().0, 404);
    assert_eq!(place.send(Method::DELETE, &format!("{FILES}/"), "").refusal().0, 400, "not the whole tree");
    assert_eq!(place.put("a/b.txt", "again"), StatusCode::OK);
    assert_eq!(&*place.send(Method::GET, &format!("{FILES}/a/b.txt"), "").body, b"again");
}

#[test]
fn a_packed_file_is_not_taken_for_what_it_holds() {
    let place = Place::new();
    let request = Request::put(format!("{FILES}/a.gz")).header("content-encoding", "gzip");
    let answer = place.ask(request.body(Full::from("x")).unwrap());
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}
