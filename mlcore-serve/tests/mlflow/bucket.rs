//! Artifacts in a bucket of a server that speaks S3, which the test starts.

use std::io::Read as _;
use std::sync::Arc;

use http::{Method, Request, StatusCode};
use http_body_util::Full;
use mlcore::Error;
use mlcore::artifact::{Credentials, ObjectStoreOptions};
use mlcore_serve::mlflow::{ArtifactBucket, ArtifactTree};

use crate::server::{Fault, KEY_ID, Kind, SECRET, Server};
use crate::support::Place;

const FILES: &str = "/api/2.0/mlflow-artifacts/artifacts";

fn tree(server: &Server, folder: &std::path::Path) -> ArtifactBucket {
    let options = ObjectStoreOptions::from_url(&server.url("prod/mlflow")).unwrap();
    let options = options.with_credentials(Credentials::s3(KEY_ID, SECRET)).with_spool(folder.join("spool"));
    ArtifactBucket::open_with(&options.with_part_bytes(5 << 20)).unwrap()
}

fn text(tree: &dyn ArtifactTree, path: &str, from: u64) -> mlcore::Result<(u64, String)> {
    let mut file = tree.read(path, from)?;
    let mut text = String::new();
    file.content.read_to_string(&mut text).unwrap();
    Ok((file.size, text))
}

fn write(tree: &dyn ArtifactTree, path: &str, bytes: &[u8]) -> mlcore::Result<()> {
    let mut file = tree.create(path)?;
    file.write(bytes)?;
    file.commit()
}

#[test]
fn a_tree_in_a_bucket_keeps_its_contract() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let tree = tree(&server, folder.path());
    assert!(tree.list("").unwrap().is_empty() && tree.list("1").unwrap().is_empty());
    write(&tree, "1/run/note ü.txt", b"a note").unwrap();
    write(&tree, "1/run/deep/er/empty", b"").unwrap();
    write(&tree, "1/run/50%#.txt", b"odd").unwrap();
    assert_eq!(text(&tree, "1/run/note ü.txt", 0).unwrap(), (6, "a note".to_owned()));
    assert_eq!(text(&tree, "1/run/note ü.txt", 2).unwrap(), (6, "note".to_owned()));
    assert_eq!(text(&tree, "1/run/note ü.txt", 6).unwrap(), (6, String::new()));
    assert_eq!(text(&tree, "1/run/deep/er/empty", 0).unwrap(), (0, String::new()));
    let listed = tree.list("1/run").unwrap();
    let listed: Vec<_> = listed.iter().map(|found| (found.name.as_str(), found.size)).collect();
    assert_eq!(listed, [("50%#.txt", Some(3)), ("deep", None), ("note ü.txt", Some(6))]);
    assert!(tree.list("1/ru").unwrap().is_empty(), "the beginning of a name is no folder");
    // Given up, it leaves nothing; committed, it takes the place of what is there.
    let mut given_up = tree.create("1/run/note ü.txt").unwrap();
    given_up.write(b"another").unwrap();
    drop(given_up);
    assert_eq!(text(&tree, "1/run/note ü.txt", 0).unwrap().1, "a note");
    write(&tree, "1/run/note ü.txt", b"another").unwrap();
    assert_eq!(text(&tree, "1/run/note ü.txt", 0).unwrap().1, "another");
    for path in ["1/run", ""] {
        let refused = write(&tree, path, b"x").unwrap_err();
        assert!(matches!(refused, Error::InvalidInput(_)), "{path}: {refused}");
    }
    // S3 says that nothing is there; this server says of its own folder what no other does.
    server.fail(|kind| (kind == Kind::Head).then_some(Fault::Status(404)));
    assert!(matches!(text(&tree, "1/run", 0), Err(Error::InvalidInput(_))));
    server.fail(|_| None);
    assert!(matches!(text(&tree, "1/nothing", 0), Err(Error::NotFound(_))));
    for path in ["../x", "1//x", "1/./x"] {
        assert!(matches!(write(&tree, path, b"x"), Err(Error::InvalidInput(_))), "{path}");
    }
    assert!(server.objects().join("prod/mlflow/1/run").is_dir(), "it lies below the prefix");

    tree.delete("1/run/deep").unwrap();
    tree.delete("1/run/absent").unwrap();
    assert!(matches!(text(&tree, "1/run/deep/er/empty", 0), Err(Error::NotFound(_))));
    assert!(tree.delete("").is_err() && tree.list("1/run").unwrap().len() == 2);
    tree.delete("1").unwrap();
    assert!(tree.list("").unwrap().is_empty());
}

#[test]
fn mlflows_routes_send_and_read_files_of_a_bucket() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let place = Place::with_artifacts(Arc::new(tree(&server, folder.path())));
    // In several parts, the last of which is short.
    let large: Vec<u8> = (0..11_u32 << 20).map(|place| (place % 251) as u8).collect();
    let put = |path: &str, body: Vec<u8>| place.send(Method::PUT, &format!("{FILES}/{path}"), body).status;
    assert_eq!(put("1/r/artifacts/large.bin", large.clone()), StatusCode::OK);
    assert_eq!(server.count(Kind::Part), 3);
    assert!(place.send(Method::GET, &format!("{FILES}/1/r/artifacts/large.bin"), "").body == large);
    let part = Request::get(format!("{FILES}/1/r/artifacts/large.bin")).header("range", "bytes=251-253");
    let part = place.ask(part.body(Full::default()).unwrap());
    assert_eq!((part.status, &*part.body), (StatusCode::PARTIAL_CONTENT, [0_u8, 1, 2].as_slice()));
    let listed = place.send(Method::GET, &format!("{FILES}?path=1/r"), "").json();
    assert_eq!(listed["files"], serde_json::json!([{"path": "artifacts", "is_dir": true}]));

    // A part that is refused leaves nothing to be seen.
    server.fail(|kind| (kind == Kind::Part).then_some(Fault::Status(403)));
    let refused = place.send(Method::PUT, &format!("{FILES}/1/r/artifacts/other.bin"), large);
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{:?}", refused.refusal());
    server.fail(|_| None);
    let absent = place.send(Method::GET, &format!("{FILES}/1/r/artifacts/other.bin"), "");
    assert_eq!(absent.refusal().1, "RESOURCE_DOES_NOT_EXIST");
    assert_eq!(place.send(Method::DELETE, &format!("{FILES}/1"), "").status, StatusCode::OK);
    let gone = place.send(Method::GET, &format!("{FILES}/1/r/artifacts/large.bin"), "");
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}
