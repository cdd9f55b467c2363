//! Registries, trackers and artifact stores by URL.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use mlcore::Error;
use mlcore::artifact::{self, ArtifactStoreExt};
use mlcore::registry;
use mlcore::tracking::{self, TrackerExt};

#[track_caller]
fn refused<T>(opened: mlcore::Result<T>, kind: &str, words: &str) {
    let error = opened.err().unwrap();
    assert_eq!(error.kind(), kind, "{error}");
    let text = error.to_string();
    assert!(text.contains(words) && !text.contains("::"), "{text}");
}

#[test]
fn an_unknown_url_is_told_the_known_ones() {
    for url in ["", "registry.db", "redis://host", "memory:x", "mysql://ana:secret@host/db", "http://host"] {
        refused(registry::open(url), "invalid_input", "sqlite:////absolute/path");
        refused(registry::artifacts_url(url), "invalid_input", "memory:");
        refused(tracking::open(url), "invalid_input", "sqlite:////absolute/path");
        refused(tracking::tracker_url(url), "invalid_input", "memory:");
    }
    for url in ["", "s3://bucket/key", "memory:x", "file:relative", "file://elsewhere/x"] {
        refused(artifact::open(url), "invalid_input", "file:///absolute/path");
    }
    let secret = registry::open("mysql://ana:secret@host/db").err().unwrap().to_string();
    assert!(!secret.contains("secret"), "{secret}");
    refused(
        registry::artifacts_url("postgresql://ana@host/db"),
        "unsupported",
        "name the store of its artifacts",
    );
}

#[cfg(not(feature = "postgres"))]
#[test]
fn a_build_without_a_backend_says_so() {
    refused(registry::open("postgresql://ana@host/db"), "unsupported", "feature postgres");
    refused(tracking::open("postgresql://ana@host/db"), "unsupported", "feature postgres");
}

#[test]
fn memory_is_new_each_time() {
    let (one, two) = (artifact::open("memory:").unwrap(), artifact::open("memory:").unwrap());
    let digest = one.put_bytes(b"x").unwrap();
    assert!(one.contains(&digest).unwrap() && !two.contains(&digest).unwrap());
    assert_eq!(registry::open("memory:").unwrap().verify().unwrap().sequence, 0);
    assert_eq!(registry::artifacts_url("memory:").unwrap(), "memory:");
    assert_eq!(tracking::tracker_url("memory:").unwrap(), "memory:");
    let at = mlcore::time::Timestamp::from_millis(0);
    tracking::open("memory:").unwrap().default_experiment(at).unwrap();
}

#[test]
fn a_folder_is_made_with_its_first_artifact() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/a b");
    let url = format!("file://{}", path.display()).replace(' ', "%20");
    for url in [url, path.display().to_string()] {
        let store = artifact::open(&url).unwrap();
        assert!(store.list(None, 9).unwrap().is_empty() && !path.exists());
        let digest = store.put_bytes(b"x").unwrap();
        assert!(path.is_dir() && store.contains(&digest).unwrap());
        std::fs::remove_dir_all(&path).unwrap();
    }
    std::fs::write(&path, b"a file").unwrap();
    refused(artifact::open(&path.display().to_string()), "invalid_input", "no folder");
}

#[cfg(not(feature = "sqlite"))]
#[test]
fn what_this_build_lacks_is_said() {
    refused(registry::open("sqlite:///x.db"), "unsupported", "feature sqlite");
    refused(registry::artifacts_url("sqlite:///x.db"), "unsupported", "feature sqlite");
    refused(tracking::open("sqlite:///x.db"), "unsupported", "feature sqlite");
    refused(tracking::tracker_url("sqlite:///x.db"), "unsupported", "feature sqlite");
}

/// The only test here that reads relative paths: it changes the working directory of the process.
#[cfg(feature = "sqlite")]
#[test]
fn a_relative_path_means_the_place_where_it_was_opened() {
    use mlcore::name::ModelName;
    use mlcore::registry::{Change, RegistryExt};
    use mlcore::time::Timestamp;

    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::env::set_current_dir(here.path()).unwrap();
    let url = "sqlite:///registry.db";
    let registry = registry::open(url).unwrap();
    let artifacts = artifact::open(&registry::artifacts_url(url).unwrap()).unwrap();
    std::env::set_current_dir(there.path()).unwrap();

    let model = ModelName::new("churn").unwrap();
    registry.create_model(&model, &Change::new("ana", Timestamp::default())).unwrap();
    // Connections that read are opened when they are needed.
    let read = || registry.model(&model).map(drop);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..4).map(|_| scope.spawn(read)).collect();
        readers.into_iter().try_for_each(|reader| reader.join().unwrap()).unwrap();
    });
    let digest = artifacts.put_bytes(b"x").unwrap();
    assert!(artifacts.contains(&digest).unwrap());
    assert!(here.path().join("registry.db.artifacts").is_dir() && here.path().join("registry.db").is_file());
    assert_eq!(std::fs::read_dir(there.path()).unwrap().count(), 0);
    assert!(matches!(registry::open("sqlite:///absent.db?mode=rw"), Err(Error::NotFound(_))));
}

/// One URL for a registry and its tracker, which are files beside each other.
#[cfg(feature = "sqlite")]
#[test]
fn a_tracker_stands_beside_its_registry() {
    use mlcore::time::Timestamp;
    use mlcore::tracking::{ExperimentSearch, Tracker};

    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:///{}", folder.path().join("registry.db").display());
    let read_only = format!("{url}?mode=ro");
    refused(tracking::open(&tracking::tracker_url(&read_only).unwrap()), "not_found", "no such file");
    drop(registry::open(&url).unwrap());
    let at = Timestamp::from_millis(0);
    let experiment =
        tracking::open(&tracking::tracker_url(&url).unwrap()).unwrap().default_experiment(at).unwrap();
    assert!(folder.path().join("registry.db.tracking").is_file());
    let reader = tracking::open(&tracking::tracker_url(&read_only).unwrap()).unwrap();
    assert_eq!(reader.search_experiments(&ExperimentSearch::default()).unwrap().items, [experiment]);
    refused(
        reader.create_numbered_experiment(|id| tracking::NewExperiment::new(id, "x", at)),
        "permission_denied",
        "read-only",
    );
    refused(tracking::open(&url), "invalid_input", "another program");
    refused(tracking::tracker_url("sqlite:///"), "invalid_input", "names no file");
}
