//! A registry that is locked, read-only or out of room, and files that must not become artifacts.
#![cfg(all(feature = "sqlite", unix))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, Digest, FolderStore, ImportOptions};
use mlcore::name::ModelName;
use mlcore::registry::{
    Change, NewModel, NewVersion, Registry, RegistryExt, SqliteAccess, SqliteOptions, SqliteRegistry,
};
use mlcore::schema::Signature;
use mlcore::time::Timestamp;
use rusqlite::Connection;

fn change() -> Change {
    Change::new("ana", Timestamp::default())
}

fn name(text: &str) -> ModelName {
    ModelName::new(text).unwrap()
}

#[test]
fn a_locked_registry_is_unavailable_and_says_so_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    let options = SqliteOptions::new(&path).with_busy_timeout(Duration::from_millis(50));
    let registry = SqliteRegistry::open_with(&options).unwrap();
    registry.create_model(name("before"), &change()).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let start = Instant::now();
    let error = registry.create_model(name("during"), &change()).unwrap_err();
    assert!(error.kind() == "unavailable" && error.is_transient(), "{error}");
    assert!(error.to_string().contains("another process"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(registry.models(None, 9).unwrap().len(), 1, "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    registry.create_model(name("after"), &change()).unwrap();
    assert_eq!(registry.verify().unwrap().sequence, 2);
}

#[test]
fn a_full_registry_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    let registry = SqliteRegistry::open_with(&SqliteOptions::new(&path).with_max_bytes(200_000)).unwrap();
    registry.create_model(name("churn"), &change()).unwrap();
    let error = (0..1000_u32)
        .find_map(|count| {
            let new = NewVersion::new(name("churn"), Digest::of(count.to_string()), Signature::default())
                .with_description("x".repeat(2000));
            registry.create_version(new, &change()).err()
        })
        .unwrap();
    assert_eq!(error.kind(), "storage_full", "{error}");
    assert!(error.to_string().contains("free space"), "{error}");
    let head = registry.verify().unwrap();
    assert!(head.sequence > 5);
    drop(registry);
    let registry = SqliteRegistry::open(&path).unwrap();
    assert_eq!(registry.verify().unwrap(), head);
    registry.create_model(name("roomy"), &change()).unwrap();
}

#[test]
fn a_read_only_registry_is_read_and_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    SqliteRegistry::open(&path).unwrap().create_model(name("churn"), &change()).unwrap();
    let read_only = SqliteOptions::new(&path).with_access(SqliteAccess::ReadOnly);
    let registry = SqliteRegistry::open_with(&read_only).unwrap();
    assert_eq!(registry.model(&name("churn")).unwrap().name, name("churn"));
    let error = registry.create_model(name("other"), &change()).unwrap_err();
    assert_eq!(error.kind(), "permission_denied", "{error}");
    drop(registry);

    // Whoever may do anything is not stopped by permissions.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    if fs::File::options().write(true).open(&path).is_ok() {
        println!("skipped: this user may write a read-only file");
        return;
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let written = SqliteRegistry::open(&path).map(drop);
    let read_only = SqliteOptions::new(&path).with_access(SqliteAccess::ReadOnly);
    let read = SqliteRegistry::open_with(&read_only).and_then(|registry| registry.verify());
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(written.unwrap_err().kind(), "permission_denied");
    assert_eq!(read.unwrap().sequence, 1);
}

#[test]
fn urls_name_files() {
    for (url, path) in
        [("sqlite:///a/b.db", "a/b.db"), ("sqlite:////a b.db", "/a b.db"), ("sqlite:///x.db?mode=ro", "x.db")]
    {
        assert_eq!(SqliteOptions::from_url(url).unwrap().path, Path::new(path));
    }
    for bad in
        ["", "x.db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "postgres:///x", "sqlite:///x?cache=1"]
    {
        assert_eq!(SqliteRegistry::open_url(bad).unwrap_err().kind(), "invalid_input", "{bad}");
    }
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join("a?b#c %41 é.db");
    SqliteRegistry::open(&odd).unwrap().create_model(NewModel::new(name("m")), &change()).unwrap();
    assert!(odd.is_file(), "a path is taken as it is");
}

#[test]
fn only_regular_files_become_artifacts() {
    let folder = tempfile::tempdir().unwrap();
    let (path, store) =
        (|name: &str| folder.path().join(name), FolderStore::open(folder.path().join("store")).unwrap());
    fs::write(path("secret"), b"secret").unwrap();
    fs::create_dir(path("model")).unwrap();
    let options = ImportOptions::default();
    let check = |entry: &str, words: &str| {
        for error in [
            store.put_file(&path(entry), &options).unwrap_err(),
            store.put_folder(&path("model"), &options).unwrap_err(),
        ] {
            assert_eq!(error.kind(), "invalid_input", "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
        fs::remove_file(path(entry)).unwrap();
    };
    symlink(path("secret"), path("model/link")).unwrap();
    check("model/link", "symbolic link");
    fs::hard_link(path("secret"), path("model/hard")).unwrap();
    check("model/hard", "hard link");
    assert!(Command::new("mkfifo").arg(path("model/pipe")).status().unwrap().success());
    check("model/pipe", "pipe");
    assert_eq!(store.put_file(&path("model"), &options).unwrap_err().kind(), "invalid_input");
    assert_eq!(store.put_file(Path::new("/dev/zero"), &options).unwrap_err().kind(), "invalid_input");
    assert_eq!(store.put_file(&path("absent"), &options).unwrap_err().kind(), "not_found");
    let sparse = fs::File::create(path("sparse")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    assert_eq!(store.put_file(&path("sparse"), &options).unwrap_err().kind(), "invalid_input");
    assert!(store.list(None, 9).unwrap().is_empty());

    fs::create_dir(path("model/weights")).unwrap();
    fs::write(path("model/model.onnx"), b"graph").unwrap();
    fs::write(path("model/weights/layer 1.bin"), b"weights").unwrap();
    let package = store.put_folder(&path("model"), &options).unwrap();
    store.materialize(&package, &path("copy")).unwrap();
    assert_eq!(fs::read(path("copy/weights/layer 1.bin")).unwrap(), b"weights");
    assert_eq!(store.materialize(&package, &path("copy")).unwrap_err().kind(), "already_exists");

    // One bit of the weights rots: nothing of the package appears. Putting it again mends it.
    let weights = Digest::of(b"weights");
    let hex = weights.to_hex();
    let (shelf, file) = hex.split_at(2);
    let stored = path("store/sha256").join(shelf).join(file);
    fs::remove_file(&stored).unwrap();
    fs::write(&stored, b"weightz").unwrap();
    assert_eq!(store.read(&weights).unwrap_err().kind(), "corrupt");
    assert_eq!(store.materialize(&package, &path("again")).unwrap_err().kind(), "corrupt");
    assert!(fs::read_dir(folder.path()).unwrap().all(|entry| !entry.unwrap().path().ends_with("again")));
    store.put_bytes(b"weights").unwrap();
    store.materialize(&package, &path("again")).unwrap();
}

/// Somebody puts a link to a secret in the place of a file, and the file back, as fast as they can.
#[test]
fn a_file_that_is_swapped_for_a_link_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let store = FolderStore::open(path("store")).unwrap();
    fs::write(path("secret"), b"secret").unwrap();
    fs::create_dir(path("model")).unwrap();
    fs::write(path("model/file"), b"weights").unwrap();
    let (own, secret, options) = (Digest::of(b"weights"), Digest::of(b"secret"), ImportOptions::default());
    let stop = AtomicBool::new(false);
    let (mut taken, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                symlink(path("secret"), path("swap")).unwrap();
                fs::rename(path("swap"), path("model/file")).unwrap();
                fs::write(path("swap"), b"weights").unwrap();
                fs::rename(path("swap"), path("model/file")).unwrap();
            }
        });
        for round in 0.. {
            if round >= 2000 && taken > 0 && refused > 0 || round >= 100_000 {
                break;
            }
            match store.put_file(&path("model/file"), &options) {
                Ok(digest) => {
                    assert_eq!(digest, own);
                    taken += 1;
                }
                Err(_) => refused += 1,
            }
            drop(store.put_folder(&path("model"), &options));
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(!store.contains(&secret).unwrap(), "{taken} taken, {refused} refused");
    assert!(taken > 0 && refused > 0, "both were met: {taken} and {refused}");
}

#[test]
fn a_hostile_manifest_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = FolderStore::open(folder.path().join("store")).unwrap();
    let digest = store.put_bytes(b"x").unwrap();
    let long = "x".repeat(300);
    for paths in [
        &["../x"][..],
        &["a/../../x"],
        &["..\\x"],
        &["/etc/passwd"],
        &["C:x"],
        &["a//b"],
        &["."],
        &[""],
        &["a\0b"],
        &["\u{202e}x"],
        &["NUL.txt"],
        &["a./b"],
        &["é"],
        &[&long],
        &["A", "a"],
        &["a", "a/b"],
        &[],
    ] {
        let files: serde_json::Map<_, _> = paths
            .iter()
            .map(|path| ((*path).to_owned(), serde_json::json!({ "digest": digest, "size": 1 })))
            .collect();
        let manifest = serde_json::json!({ "mlcore_package": 1, "files": files }).to_string();
        let manifest = store.put_bytes(manifest.as_bytes()).unwrap();
        let error = store.materialize(&manifest, &folder.path().join("out")).unwrap_err();
        assert_eq!(error.kind(), "invalid_input", "{paths:?}: {error}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing but the store was made");
}
