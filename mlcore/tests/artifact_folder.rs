//! A folder of artifacts in which somebody put other things: nothing outside of it is touched, and nothing hangs.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, Digest, FolderOptions, FolderStore};

const CONTENT: &[u8] = b"a model";

/// A store that holds [`CONTENT`], and the path of that content.
fn stored(folder: &Path) -> (FolderStore, PathBuf) {
    let store = FolderStore::open(folder.join("store")).unwrap();
    let hex = store.put_bytes(CONTENT).unwrap().to_hex();
    let (shelf, name) = hex.split_at(2);
    (store, folder.join("store/sha256").join(shelf).join(name))
}

/// What `work` answers, unless it hangs.
fn soon<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (answered, answer) = mpsc::channel();
    std::thread::spawn(move || answered.send(work()));
    answer.recv_timeout(Duration::from_secs(20)).unwrap()
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

type Replace = fn(&Path);

/// What somebody may put in the place of content, and what the error calls it.
const INTRUDERS: [(&str, Replace); 6] = [
    ("a pipe", pipe),
    ("a symbolic link", |path| {
        fs::write(path.with_extension("beside"), CONTENT).unwrap();
        symlink(path.with_extension("beside"), path).unwrap();
    }),
    ("a symbolic link", |path| symlink("/dev/zero", path).unwrap()),
    ("a folder", |path| {
        fs::create_dir(path).unwrap();
        fs::write(path.join("theirs"), b"theirs").unwrap();
    }),
    ("a socket", |path| drop(UnixListener::bind(path).unwrap())),
    ("at most", |path| File::create(path).unwrap().set_len(1 << 40).unwrap()),
];

#[test]
fn what_lies_in_the_place_of_content_is_named_at_once_and_replaced_by_putting_it_again() {
    for (words, replace) in INTRUDERS {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let (store, blob) = stored(folder.path());
        fs::remove_file(&blob).unwrap();
        replace(&blob);
        let reading = store.clone();
        let error = soon(move || reading.read(&Digest::of(CONTENT)).unwrap_err());
        assert_eq!(error.kind(), "corrupt", "{words}: {error}");
        assert!(error.to_string().contains(words) && error.to_string().contains("put"), "{words}: {error}");
        let writing = store.clone();
        soon(move || writing.put_bytes(CONTENT).unwrap());
        assert_eq!(store.read(&Digest::of(CONTENT)).unwrap(), CONTENT, "{words}");
    }
}

#[test]
fn a_folder_in_the_place_of_content_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (store, blob) = stored(folder.path());
    fs::remove_file(&blob).unwrap();
    fs::create_dir(&blob).unwrap();
    fs::write(blob.join("theirs"), b"theirs").unwrap();
    store.put_bytes(CONTENT).unwrap();
    let displaced =
        fs::read_dir(folder.path().join("store/partial")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(fs::read(displaced.join("theirs")).unwrap(), b"theirs");
}

#[test]
fn a_linked_folder_leads_nowhere() {
    for (linked, what) in [("partial", "put"), ("sha256", "read")] {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = stored(folder.path());
        let (theirs, link) = (folder.path().join("theirs"), folder.path().join("store").join(linked));
        fs::rename(&link, folder.path().join("away")).unwrap();
        fs::create_dir(&theirs).unwrap();
        fs::write(theirs.join("precious"), b"precious").unwrap();
        symlink(&theirs, &link).unwrap();
        let again = FolderStore::open(folder.path().join("store")).unwrap();
        let error = match what {
            "put" => again.put_bytes(b"other").unwrap_err(),
            _ => again.read(&Digest::of(CONTENT)).unwrap_err(),
        };
        assert_eq!(error.kind(), "corrupt", "{error}");
        assert!(error.to_string().contains("symbolic link"), "{error}");
        assert_eq!(fs::read(theirs.join("precious")).unwrap(), b"precious", "opening {linked} removed it");
        assert_eq!(fs::read_dir(&theirs).unwrap().count(), 1);
        drop(store);
    }
}

#[test]
fn the_lock_is_waited_for_a_while_and_may_be_no_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let (_, _) = stored(folder.path());
    let (root, lock) = (folder.path().join("store"), folder.path().join("store/writers.lock"));
    let options = FolderOptions::new(&root).with_lock_timeout(Duration::from_millis(50));
    let held = File::options().write(true).open(&lock).unwrap();
    held.lock().unwrap();
    let store = FolderStore::open_with(&options).unwrap();
    let putting = store.clone();
    let error = soon(move || putting.put_bytes(b"other").unwrap_err());
    assert_eq!(error.kind(), "unavailable", "{error}");
    assert_eq!(store.read(&Digest::of(CONTENT)).unwrap(), CONTENT, "reading needs no lock");
    held.unlock().unwrap();
    store.put_bytes(b"other").unwrap();

    fs::remove_file(&lock).unwrap();
    pipe(&lock);
    let putting = soon(move || FolderStore::open_with(&options).unwrap());
    let error = soon(move || putting.put_bytes(b"third").unwrap_err());
    assert!(error.kind() == "corrupt" && error.to_string().contains("a pipe"), "{error}");
}

#[test]
fn a_root_may_be_a_link_and_may_vanish() {
    let folder = tempfile::tempdir().unwrap();
    let (_, _) = stored(folder.path());
    symlink(folder.path().join("store"), folder.path().join("link")).unwrap();
    let store = FolderStore::open(folder.path().join("link")).unwrap();
    assert_eq!(store.read(&Digest::of(CONTENT)).unwrap(), CONTENT);
    let other = store.put_bytes(b"other").unwrap();
    assert_eq!(store.list(None, 9).unwrap().len(), 2);

    let store = FolderStore::open(folder.path().join("store")).unwrap();
    fs::remove_dir_all(folder.path().join("store")).unwrap();
    assert_eq!(store.read(&other).unwrap_err().kind(), "not_found");
    assert_eq!((store.size(&other).unwrap(), store.list(None, 9).unwrap().len()), (None, 0));
    assert!(!store.delete(&other).unwrap());
    store.put_bytes(b"other").unwrap();
    assert_eq!(store.read(&other).unwrap(), b"other");
}

#[test]
fn large_content_that_is_damaged_is_found_before_it_takes_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (store, blob) = stored(folder.path());
    fs::set_permissions(&blob, fs::Permissions::from_mode(0o644)).unwrap();
    File::options().write(true).open(&blob).unwrap().set_len(100 << 20).unwrap();
    let before = peak_kib();
    assert_eq!(store.read(&Digest::of(CONTENT)).unwrap_err().kind(), "corrupt");
    assert!(peak_kib() - before < 80 << 10, "{before} KiB grew to {} KiB", peak_kib());
    let error = store.read_up_to(&Digest::of(CONTENT), 100).unwrap_err();
    assert_eq!(error.kind(), "invalid_input", "{error}");
    store.put_bytes(CONTENT).unwrap();
    assert_eq!(store.check(&Digest::of(CONTENT)).unwrap(), CONTENT.len() as u64);

    let options = FolderOptions::new(folder.path().join("store")).with_max_bytes(5);
    let small = FolderStore::open_with(&options).unwrap();
    assert_eq!(small.put_bytes(b"123456").unwrap_err().kind(), "invalid_input");
    assert_eq!(small.put_bytes(b"12345").unwrap(), Digest::of(b"12345"));
    assert_eq!(fs::read_dir(folder.path().join("store/partial")).unwrap().count(), 0);
}

/// The most memory that the process had; 0 where the system does not say.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
