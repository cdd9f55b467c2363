//! Uploads that were cut off go on, and nothing of them is seen before they are whole.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, Digest, ObjectStore};

use crate::server::{Fault, Kind, Server};
use crate::{PART, content, options};

/// Lets so many parts through.
fn cut_after(server: &Server, parts: usize, fault: Fault) {
    let sent = Arc::new(AtomicUsize::new(0));
    server.fail(move |kind| match kind {
        Kind::Part if sent.fetch_add(1, Ordering::Relaxed) >= parts => Some(fault),
        _ => None,
    });
}

#[test]
fn an_upload_goes_on_where_it_was_cut() {
    for fault in [Fault::Cut, Fault::Status(503)] {
        let (server, spool) = (Server::start(), tempfile::tempdir().unwrap());
        let options = options(&server, "x", spool.path());
        let bytes = content(12 * PART + 1);
        let digest = Digest::of(&bytes);
        cut_after(&server, 5, fault);
        let store = ObjectStore::open_with(&options).unwrap();
        let error = store.put_bytes(&bytes).unwrap_err();
        assert!(error.is_transient(), "{error}");
        assert!(
            !store.contains(&digest).unwrap() && store.list(None, 9).unwrap().is_empty(),
            "it is not seen"
        );
        assert_eq!(std::fs::read_dir(spool.path()).unwrap().count(), 1, "what has arrived is noted");
        server.fail(|_| None);
        server.count(Kind::Part);
        server.count(Kind::Begin);
        // Another handle, as of another process.
        let store = ObjectStore::open_with(&options).unwrap();
        assert_eq!(store.put_bytes(&bytes).unwrap(), digest);
        assert_eq!((server.count(Kind::Begin), server.count(Kind::Part)), (0, 8), "the rest alone is sent");
        assert_eq!(store.read(&digest).unwrap(), bytes);
        assert!(std::fs::read_dir(spool.path()).unwrap().next().is_none());
    }
}

#[test]
fn an_upload_that_the_server_forgot_begins_anew() {
    let (server, spool) = (Server::start(), tempfile::tempdir().unwrap());
    let options = options(&server, "x", spool.path());
    let bytes = content(5 * PART);
    cut_after(&server, 4, Fault::Status(503));
    ObjectStore::open_with(&options).unwrap().put_bytes(&bytes).unwrap_err();
    server.fail(|_| None);
    let journal = std::fs::read_dir(spool.path()).unwrap().next().unwrap().unwrap().path();
    let noted = std::fs::read_to_string(&journal).unwrap();
    let id = noted.split("\"id\":\"").nth(1).unwrap().split('"').next().unwrap();
    std::fs::write(&journal, noted.replace(id, "00000000-0000-4000-8000-000000000000")).unwrap();
    // Another process, which has no connections that the server closed.
    let store = ObjectStore::open_with(&options).unwrap();
    let digest = store.put_bytes(&bytes).unwrap();
    assert_eq!(store.read(&digest).unwrap(), bytes);
}

/// A journal that a crash cut, that is no journal, or that speaks of other content, costs nothing but parts that are sent again.
#[test]
fn a_damaged_journal_is_begun_anew() {
    let (server, spool) = (Server::start(), tempfile::tempdir().unwrap());
    let options = options(&server, "x", spool.path());
    for (round, damage) in [0_usize, 1, 2, 3].into_iter().enumerate() {
        let bytes = content(5 * PART + round);
        cut_after(&server, 4, Fault::Status(503));
        ObjectStore::open_with(&options).unwrap().put_bytes(&bytes).unwrap_err();
        server.fail(|_| None);
        let journal = std::fs::read_dir(spool.path()).unwrap().next().unwrap().unwrap().path();
        let noted = std::fs::read(&journal).unwrap();
        let damaged = match damage {
            0 => noted[..noted.len() - 7].to_vec(),
            1 => noted[..40].to_vec(),
            2 => vec![0xff; 5000],
            _ => String::from_utf8(noted)
                .unwrap()
                .replace("\"part_bytes\":5242880", "\"part_bytes\":5242881")
                .into(),
        };
        std::fs::write(&journal, damaged).unwrap();
        let store = ObjectStore::open_with(&options).unwrap();
        let digest = store.put_bytes(&bytes).unwrap();
        assert_eq!(store.read(&digest).unwrap(), bytes, "{damage}");
    }
}

/// The process is killed in the middle of an upload; the next one sends the rest.
#[test]
fn a_killed_process_leaves_an_upload_that_goes_on() {
    if let Some(url) = std::env::var_os(CHILD) {
        let spool = std::env::var_os("MLCORE_TEST_SPOOL").unwrap();
        let options = mlcore::artifact::ObjectStoreOptions::from_url(url.to_str().unwrap())
            .unwrap()
            .with_credentials(mlcore::artifact::Credentials::s3(crate::KEY_ID, crate::SECRET))
            .with_part_bytes(PART as u64)
            .with_spool(spool);
        ObjectStore::open_with(&options).unwrap().put_bytes(&content(PARTS * PART)).unwrap();
        return;
    }
    let (server, spool) = (Server::start(), tempfile::tempdir().unwrap());
    let bytes = content(PARTS * PART);
    let child = Arc::new(std::sync::Mutex::new(None::<std::process::Child>));
    let (own, sent) = (Arc::clone(&child), AtomicUsize::new(0));
    server.fail(move |kind| {
        // Once some parts have been sent the child ends, wherever it is.
        if kind == Kind::Part
            && sent.fetch_add(1, Ordering::Relaxed) == 6
            && let Some(child) = own.lock().unwrap().as_mut()
        {
            child.kill().unwrap();
        }
        None
    });
    {
        let mut running = child.lock().unwrap();
        let test = "resume::a_killed_process_leaves_an_upload_that_goes_on";
        let started = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env(CHILD, server.url("x"))
            .env("MLCORE_TEST_SPOOL", spool.path())
            .spawn();
        *running = Some(started.unwrap());
    }
    loop {
        if let Some(status) = child.lock().unwrap().as_mut().unwrap().try_wait().unwrap() {
            assert!(!status.success(), "it was killed");
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    server.fail(|_| None);
    server.count(Kind::Part);
    let store = ObjectStore::open_with(&options(&server, "x", spool.path())).unwrap();
    assert!(store.list(None, 9).unwrap().is_empty(), "nothing half-written is seen");
    let digest = store.put_bytes(&bytes).unwrap();
    let parts = server.count(Kind::Part);
    assert!(parts < PARTS, "{parts} of {PARTS} parts were sent again");
    assert_eq!(store.read(&digest).unwrap(), bytes);
}

const CHILD: &str = "MLCORE_TEST_UPLOADS_TO";
const PARTS: usize = 12;
