//! Objects of others in pieces: the bytes that are asked for and no more, all of one writing.

use std::fs;

use mlcore::Error;
use mlcore::artifact::ObjectStore;

use super::options;
use super::server::{Fault, Kind, Server};

#[test]
fn ranges_are_of_one_writing() {
    let (server, spool) = (Server::start(), tempfile::tempdir().unwrap());
    let store = ObjectStore::open_with(&options(&server, "tables", spool.path())).unwrap();
    let folder = server.objects().join("tables/day=2026-01-01");
    fs::create_dir_all(folder.join("more")).unwrap();
    let content: Vec<u8> = (0..200_000_u32).map(|place| (place % 251) as u8).collect();
    // Names stay as the server writes them.
    let path = "day=2026-01-01/part%20one.parquet";
    let file = folder.join("part%20one.parquet");
    fs::write(&file, &content).unwrap();
    fs::write(folder.join("more/b c.parquet"), b"b").unwrap();
    assert_eq!(store.find_objects("").unwrap(), ["day=2026-01-01/more/b c.parquet", path]);
    assert_eq!(store.find_objects("day=2026-01-01/more/").unwrap(), ["day=2026-01-01/more/b c.parquet"]);
    assert_eq!(store.find_objects("none").unwrap(), [""; 0]);
    assert_eq!(store.object_version("none").unwrap(), None);
    let object = store.object_version(path).unwrap().unwrap();
    assert_eq!((object.size(), object.url()), (200_000, &*format!("s3://models/tables/{path}")));
    server.bytes();
    for range in [0..1, 199_999..200_000, 1_000..70_000, 0..200_000, 7..7] {
        let found = store.read_range(&object, range.clone()).unwrap();
        assert_eq!(found, content[range.start as usize..range.end as usize]);
        assert_eq!(server.bytes(), range.end - range.start, "no more is sent than is asked for");
    }
    let error = store.read_range(&object, 1..200_001).unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)) && error.to_string().contains(path), "{error}");
    for bad in ["a//b", "../a", "a/./b"] {
        assert!(matches!(store.object_version(bad), Err(Error::InvalidInput(_))), "{bad}");
    }

    // A server that fails for a moment is asked again; one that stays so is named with the object.
    let mut failed = false;
    server
        .fail(move |kind| (kind == Kind::Get && !std::mem::replace(&mut failed, true)).then_some(Fault::Cut));
    assert_eq!(store.read_range(&object, 0..3).unwrap(), content[..3]);
    server.fail(|kind| (kind == Kind::Get).then_some(Fault::Status(403)));
    let error = store.read_range(&object, 0..3).unwrap_err();
    assert!(matches!(error, Error::PermissionDenied(_)) && error.to_string().contains(path), "{error}");
    server.fail(|_| None);

    // What was written anew, of the same size or another, is no part of what was read.
    for other in [content.iter().rev().copied().collect::<Vec<u8>>(), content[..10].to_vec()] {
        fs::write(&file, other).unwrap();
        for range in [0..3, 100_000..100_003] {
            let error = store.read_range(&object, range).unwrap_err();
            assert!(matches!(error, Error::Conflict(_)), "{error}");
            assert!(error.to_string().contains(&format!("{path}: it was written anew")), "{error}");
        }
    }
    fs::remove_file(&file).unwrap();
    let error = store.read_range(&object, 0..3).unwrap_err();
    assert!(matches!(error, Error::NotFound(_)) && error.to_string().contains("it was deleted"), "{error}");
}
