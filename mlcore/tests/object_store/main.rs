//! Artifacts in object stores: a real S3-compatible server, and Azure's emulator.
#![cfg(feature = "object-store")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skips"
)]

mod azure;
mod ranges;
mod resume;
mod server;

use std::io::Read as _;
#[cfg(feature = "conformance")]
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use std::time::Duration;

use mlcore::Error;
use mlcore::artifact::{
    ArtifactStore, ArtifactStoreExt, Credentials, Digest, ObjectStore, ObjectStoreOptions,
};

use server::{Fault, KEY_ID, Kind, SECRET, Server};

fn options(server: &Server, prefix: &str, spool: &std::path::Path) -> ObjectStoreOptions {
    ObjectStoreOptions::from_url(&server.url(prefix))
        .unwrap()
        .with_credentials(Credentials::s3(KEY_ID, SECRET))
        .with_spool(spool)
        .with_part_bytes(PART as u64)
        .with_retries(2, Duration::from_secs(10))
}

/// What S3 takes at least.
const PART: usize = 5 << 20;

/// Bytes without a pattern that a wrong part could repeat.
fn content(size: usize) -> Vec<u8> {
    let mut numbers = mlcore::stats::SplitMix64::new(7);
    let mut bytes: Vec<u8> = (0..size.div_ceil(8)).flat_map(|_| numbers.next_u64().to_le_bytes()).collect();
    bytes.truncate(size);
    bytes
}

#[cfg(feature = "conformance")]
#[test]
fn it_keeps_the_contract_on_s3() {
    use mlcore::conformance::{self, Persistence};

    let (server, spool) = (Server::start(), tempfile::tempdir().unwrap());
    conformance::artifact_store(Persistence::Shared, |place| {
        let options = options(&server, &format!("team/place-{place}"), spool.path());
        Box::new(ObjectStore::open_with(&options).unwrap())
    });
    assert_eq!(server.count(Kind::Part), 0);
    let store = ObjectStore::open_with(&options(&server, "team", spool.path())).unwrap();
    for size in [PART, PART + 1, 3 * PART] {
        let bytes = content(size);
        let digest = store.put(&mut Trickle(&bytes)).unwrap();
        assert_eq!((digest, store.read(&digest).unwrap() == bytes), (Digest::of(&bytes), true), "{size}");
        assert_eq!(server.count(Kind::Part), if size > PART { size.div_ceil(PART) } else { 0 });
    }
    assert!(std::fs::read_dir(spool.path()).unwrap().next().is_none(), "nothing is left on the way");
}

/// The same while the server refuses each seventeenth request and cuts each thirty-first; each costs a wait.
#[cfg(feature = "conformance")]
#[test]
fn it_keeps_the_contract_on_a_server_that_fails_now_and_then() {
    use mlcore::conformance::{self, Persistence};

    let (server, spool) = (Server::start(), tempfile::tempdir().unwrap());
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    server.fail(move |_| match counted.fetch_add(1, Ordering::Relaxed) + 1 {
        count if count.is_multiple_of(17) => Some(Fault::Status(503)),
        count if count.is_multiple_of(31) => Some(Fault::Cut),
        _ => None,
    });
    conformance::artifact_store(Persistence::Shared, |place| {
        let options = options(&server, &format!("place-{place}"), spool.path());
        Box::new(ObjectStore::open_with(&options.with_retries(6, Duration::from_secs(60))).unwrap())
    });
    let store = ObjectStore::open_with(
        &options(&server, "large", spool.path()).with_retries(6, Duration::from_secs(60)),
    );
    let (store, bytes) = (store.unwrap(), content(9 * PART));
    let digest = store.put_bytes(&bytes).unwrap();
    assert!(store.read(&digest).unwrap() == bytes);
    let requests = count.load(Ordering::Relaxed);
    assert!(requests >= 10 * 31, "{requests} requests are too few to meet faults everywhere");
}

/// A host calls from inside its own runtime, whose threads may not run another one.
#[test]
fn it_answers_inside_a_hosts_runtime() {
    let (server, spool) = (Server::start(), tempfile::tempdir().unwrap());
    let options = options(&server, "host", spool.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = ObjectStore::open_with(&options).unwrap();
        let bytes = content(2 * PART);
        let digest = store.put_bytes(&bytes).unwrap();
        assert_eq!(store.read(&digest).unwrap(), bytes);
        // Dropped here, too.
    });
}

#[test]
fn what_is_there_is_not_sent_again() {
    let (server, spool) = (Server::start(), tempfile::tempdir().unwrap());
    let store = ObjectStore::open_with(&options(&server, "once", spool.path())).unwrap();
    for size in [10, 2 * PART] {
        let bytes = content(size);
        let digest = store.put_bytes(&bytes).unwrap();
        assert!(server.count(Kind::Put) + server.count(Kind::Part) > 0);
        assert_eq!(store.put_bytes(&bytes).unwrap(), digest);
        assert_eq!((server.count(Kind::Put), server.count(Kind::Part)), (0, 0), "{size} bytes");
    }
}

#[test]
fn changed_objects_are_corrupt_and_can_be_mended() {
    let (server, spool) = (Server::start(), tempfile::tempdir().unwrap());
    let store = ObjectStore::open_with(&options(&server, "x", spool.path())).unwrap();
    let bytes = content(200_000);
    let digest = store.put_bytes(&bytes).unwrap();
    let hex = digest.to_hex();
    let file = server.objects().join("x/sha256").join(&hex[..2]).join(&hex[2..]);
    let mut changed = bytes.clone();
    changed[100_000] ^= 1;
    std::fs::write(&file, &changed).unwrap();
    let error = store.read(&digest).unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)) && error.to_string().contains("delete it and put"), "{error}");
    // What has another size is replaced without being deleted first.
    std::fs::write(&file, &changed[..1000]).unwrap();
    assert_eq!(store.read(&digest).unwrap_err().kind(), "corrupt");
    store.put_bytes(&bytes).unwrap();
    assert_eq!(store.read(&digest).unwrap(), bytes);
    assert!(store.delete(&digest).unwrap());
}

#[test]
fn errors_say_what_the_server_said_and_no_secret() {
    let (server, spool) = (Server::start(), tempfile::tempdir().unwrap());
    let wrong =
        options(&server, "x", spool.path()).with_credentials(Credentials::s3(KEY_ID, "another-secret"));
    let store = ObjectStore::open_with(&wrong).unwrap();
    let error = store.put_bytes(b"a model").unwrap_err();
    assert!(matches!(error, Error::PermissionDenied(_)), "{error}");
    for text in [error.to_string(), format!("{error:?} {store:?}")] {
        assert!(!text.contains("another-secret") && !text.contains("Signature="), "{text}");
    }

    let store = ObjectStore::open_with(&options(&server, "x", spool.path())).unwrap();
    server.fail(|_| Some(Fault::Status(500)));
    let error = store.list(None, 1).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Unavailable(_)) && error.is_transient(), "{text}");
    assert!(text.contains("500 Told: as the test says (request id REQUEST-7)"), "{text}");
    assert!(text.contains("s3://models/x") && !text.contains(SECRET), "{text}");

    server.fail(|_| Some(Fault::Status(307)));
    assert_eq!(store.list(None, 1).unwrap_err().kind(), "invalid_input", "redirects are not followed");
    server.fail(|_| None);

    let missing = server.url("x").replace("models", "elsewhere");
    let missing =
        ObjectStoreOptions::from_url(&missing).unwrap().with_credentials(Credentials::s3(KEY_ID, SECRET));
    let error = ObjectStore::open_with(&missing).unwrap().open(&Digest::of("x")).unwrap_err();
    assert_eq!(error.kind(), "not_found", "{error}");
}

/// Gives a few bytes at a time.
struct Trickle<'a>(&'a [u8]);

impl std::io::Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(60_001);
        self.0.read(&mut buffer[..most])
    }
}

/// A server that never answers, and one that is not there.
#[test]
fn a_silent_server_is_given_up_in_time() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let spool = tempfile::tempdir().unwrap();
    let open = |port: u16| {
        let url = format!("s3://models?endpoint=http://127.0.0.1:{port}&region=us-east-1");
        let options = ObjectStoreOptions::from_url(&url)
            .unwrap()
            .with_credentials(Credentials::s3(KEY_ID, SECRET))
            .with_spool(spool.path())
            .with_idle_timeout(Duration::from_millis(300))
            .with_retries(1, Duration::from_secs(5));
        ObjectStore::open_with(&options).unwrap()
    };
    let started = std::time::Instant::now();
    let error = open(port).size(&Digest::of("x")).unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error}");
    drop(listener);
    let error = open(port).put_bytes(b"x").unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    assert!(started.elapsed() < Duration::from_secs(30));
}

/// A caller who is told to stop does not wait for the server.
#[test]
fn an_interruption_ends_the_wait() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("s3://models?endpoint=http://{}&region=us-east-1", listener.local_addr().unwrap());
    let options =
        ObjectStoreOptions::from_url(&url).unwrap().with_credentials(Credentials::s3(KEY_ID, SECRET));
    let store = ObjectStore::open_with(&options).unwrap();
    let started = std::time::Instant::now();
    let stop = move || started.elapsed() > Duration::from_millis(200);
    let error = mlcore::interrupt::scope(stop, || store.size(&Digest::of("x"))).unwrap_err();
    assert!(matches!(error, Error::Interrupted(_)), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

/// Memory stays at a few parts, in a process of its own: others would be counted, too.
#[test]
#[cfg(target_os = "linux")]
fn content_larger_than_memory_goes_through() {
    const SIZE: u64 = 128 << 20;
    const CHILD: &str = "MLCORE_TEST_STREAMS_TO";
    if let Some(url) = std::env::var_os(CHILD) {
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap().to_owned();
            line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
        };
        let spool = tempfile::tempdir().unwrap();
        let options = ObjectStoreOptions::from_url(url.to_str().unwrap())
            .unwrap()
            .with_credentials(Credentials::s3(KEY_ID, SECRET))
            .with_spool(spool.path())
            .with_part_bytes(PART as u64);
        let store = ObjectStore::open_with(&options).unwrap();
        let before = resident();
        let digest = store.put(&mut std::io::repeat(7).take(SIZE)).unwrap();
        assert_eq!(store.check(&digest).unwrap(), SIZE);
        let grown = resident() - before;
        assert!(grown < SIZE / 2, "{} MiB more", grown >> 20);
        return;
    }
    let server = Server::start();
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "content_larger_than_memory_goes_through"])
        .env(CHILD, server.url("large"))
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
}
