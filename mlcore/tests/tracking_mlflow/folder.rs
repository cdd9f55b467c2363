//! The folder `mlruns` of a client without a server.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mlcore::tracking::mlflow::{self, Imported};
use mlcore::tracking::{LifecycleStage, MemoryTracker, Tracker, TrackerExt};
use serde_json::Value;

use crate::{data, database, takes_whole, told};

/// The folder as the stock client wrote it, and the path of its first run in it.
fn mlruns(folder: &Path) -> (PathBuf, String) {
    let root = folder.join("mlruns");
    let files: BTreeMap<String, String> = serde_json::from_str(&data("mlruns.json")).unwrap();
    for (path, text) in &files {
        put(&root, path, text);
    }
    let expected: Value = serde_json::from_str(&data("expected_mlruns.json")).unwrap();
    let end = format!("/{}/meta.yaml", expected["first"].as_str().unwrap());
    let first = files.keys().find(|path| path.ends_with(&end)).unwrap();
    (root, first.strip_suffix("/meta.yaml").unwrap().to_owned())
}

fn put(root: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn import(root: &Path) -> (MemoryTracker, Imported) {
    let tracker = MemoryTracker::new();
    let imported = mlflow::import_folder(root, &tracker).unwrap();
    (tracker, imported)
}

#[test]
fn a_folder_of_the_stock_client_is_taken_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (root, _) = mlruns(folder.path());
    takes_whole("expected_mlruns.json", |tracker| mlflow::import_folder(&root, tracker).unwrap());
    let (tracker, imported) = import(&root);
    let other = MemoryTracker::new();
    assert_eq!(mlflow::import(&root, &other).unwrap(), imported);
    assert_eq!(told(&tracker), told(&other));
    // What was deleted is deleted, with its times.
    let expected: Value = serde_json::from_str(&data("expected_mlruns.json")).unwrap();
    let (gone, _) =
        expected["experiments"].as_object().unwrap().iter().find(|(_, about)| about[1] == "deleted").unwrap();
    let gone = tracker.experiment(&gone.parse().unwrap()).unwrap();
    assert!(gone.lifecycle_stage == LifecycleStage::Deleted && gone.last_update_time > gone.creation_time);
}

/// The same store through either door: ids, times and orders aside, which the stock client makes anew.
#[test]
fn a_folder_and_a_database_give_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (_, of_folder) = import(&mlruns(folder.path()).0);
    let of_database = mlflow::import_database(database(folder.path(), ""), &MemoryTracker::new()).unwrap();
    assert_eq!(of_folder, of_database);
}

#[test]
fn what_is_half_written_is_told_and_the_rest_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (root, run) = mlruns(folder.path());
    let (experiment, id) = run.split_once('/').unwrap();
    let (clean, before) = import(&root);
    put(&root, &format!("{run}/metrics/cut"), "1 0.5 0\n2 0.25 1\n3 0.12");
    put(&root, &format!("{run}/metrics/strange"), "1 0.5 0\nhello\n2 x 0\n1.5 1 1\n9 1 1 lonely\n3 0.25 1\n");
    put(&root, &format!("{run}/metrics/binary"), b"1 0.5 0\n\xff\xfe 1 1\n");
    put(&root, &format!("{run}/metrics/old"), "5 0.5\n");
    put(&root, &format!("{run}/metrics/spaced"), "5 0.5 3 two words abc\n");
    put(&root, &format!("{run}/metrics/empty"), "");
    put(&root, &format!("{run}/params/latin"), b"caf\xe9");
    put(&root, &format!("{experiment}/half/meta.yaml"), "");
    put(&root, &format!("{experiment}/cut/meta.yaml"), "artifact_uri: x\nend_time: 160000");
    put(&root, &format!("{experiment}/moved/meta.yaml"), "experiment_id: '9'\nrun_id: moved\n");
    put(&root, &format!("{experiment}/nothing/metrics/a"), "1 1 1\n");
    put(&root, &format!("{experiment}/models/m-1/meta.yaml"), "experiment_id: '1'\n");
    put(&root, "77/meta.yaml", "experiment_id: '78'\nname: x\n");
    put(&root, "78/tags/a", "x");
    put(&root, &format!("0/{id}/note.txt"), "somebody's");
    let (tracker, imported) = import(&root);
    let left = imported.left.join("\n");
    for words in [
        "metrics/cut: its last line is cut",
        "metrics/strange: \"hello\" is no point",
        "\"x\" is no number",
        "\"1.5\" is no whole number",
        "\"lonely\"",
        "metrics/binary: a line is no UTF-8",
        "params/latin: it is no UTF-8",
        "half/meta.yaml: it is empty",
        "cut/meta.yaml: its last line is cut",
        "moved/meta.yaml: its experiment_id is \"9\"",
        "nothing/meta.yaml: it is missing",
        "m-1/meta.yaml: its experiment_id is \"1\"",
        "77/meta.yaml: its experiment_id is \"78\"",
        "78/meta.yaml: it is missing",
    ] {
        assert!(left.contains(words), "{words} in\n{left}");
    }
    assert!(left.contains(&format!("0/{id}/meta.yaml: it is missing")), "{left}");
    assert_eq!(imported.left_out, 15, "{left}");
    let first = id.parse().unwrap();
    let values = |key: &str| -> Vec<(i64, f64)> {
        tracker.whole_history(&first, key).unwrap().iter().map(|point| (point.step, point.value)).collect()
    };
    assert_eq!(values("cut"), [(0, 0.5), (1, 0.25)]);
    assert_eq!(values("strange"), [(0, 0.5), (1, 0.25)]);
    assert_eq!((values("old"), values("empty")), (vec![(0, 0.5)], vec![]));
    let spaced = tracker.whole_history(&first, "spaced").unwrap().remove(0);
    assert_eq!((spaced.step, spaced.dataset_name.as_deref()), (3, Some("two words")));
    // All that was whole before is there.
    assert_eq!((imported.runs, imported.experiments), (before.runs, before.experiments));
    assert_eq!(tracker.run(&first).unwrap().data.params, clean.run(&first).unwrap().data.params);
}

#[test]
#[cfg(unix)]
fn nothing_is_reached_through_a_link_or_a_name_that_is_a_path() {
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir().unwrap();
    let (root, run) = mlruns(folder.path());
    let (experiment, _) = run.split_once('/').unwrap();
    let (_, before) = import(&root);
    // A store of somebody else's, with a run and a secret.
    let outside = folder.path().join("outside");
    put(&outside, "secret", "hush");
    put(&outside, "run/meta.yaml", format!("experiment_id: '{experiment}'\nrun_id: linked\n"));
    put(&outside, "dataset/meta.yaml", "name: theirs\ndigest: d\nsource_type: t\nsource: s\n");
    symlink(outside.join("secret"), root.join(&run).join("params/linked")).unwrap();
    symlink(&outside, root.join(&run).join("tags/folder")).unwrap();
    symlink(outside.join("run"), root.join(experiment).join("linked")).unwrap();
    symlink(&outside, root.join("99")).unwrap();
    put(
        &root,
        &format!("{run}/inputs/evil/meta.yaml"),
        "source_id: ../../../outside/dataset\nsource_type: DATASET\ndestination_type: RUN\n",
    );
    assert!(
        std::process::Command::new("mkfifo")
            .arg(root.join(&run).join("metrics/pipe"))
            .status()
            .unwrap()
            .success()
    );
    let (tracker, imported) = import(&root);
    let left = imported.left.join("\n");
    for words in [
        "params/linked: a symbolic link",
        "tags/folder: a symbolic link",
        "/linked: a symbolic link",
        "99: a symbolic link",
        "../../../outside/dataset",
        "metrics/pipe: a pipe",
    ] {
        assert!(left.contains(words), "{words} in\n{left}");
    }
    assert_eq!((imported.left_out, imported.runs), (6, before.runs), "{left}");
    assert!(!told(&tracker).join("\n").contains("hush") && !told(&tracker).join("\n").contains("theirs"));
    // The root itself is the user's word.
    let other = folder.path().join("other");
    symlink(&root, &other).unwrap();
    assert_eq!(import(&other).1, imported);
}

#[test]
fn what_is_huge_or_deep_is_left_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let (root, run) = mlruns(folder.path());
    put(&root, &format!("{run}/params/huge"), "x".repeat(1 << 20));
    put(&root, &format!("{run}/params/large"), "x".repeat(7000));
    put(&root, &format!("{run}/metrics/line"), format!("1 {} 1\n", "0".repeat(100_000)));
    put(&root, &format!("{run}/tags/{}", "a/".repeat(200) + "b"), "deep");
    put(&root, &format!("{run}/inputs/bomb/meta.yaml"), format!("a: {}\n", "[".repeat(100_000)));
    let many = "{b: &x [1], c: *x}".to_owned();
    put(&root, &format!("{run}/inputs/alias/meta.yaml"), format!("source_type: DATASET\ntags: {many}\n"));
    let (_, imported) = import(&root);
    let left = imported.left.join("\n");
    for words in [
        "params/huge: it has more than",
        "param value",
        "a line is longer",
        "deeper than any key",
        "bomb/meta.yaml: it cannot be read",
        "alias/meta.yaml",
    ] {
        assert!(left.contains(words), "{words} in\n{left}");
    }
    assert_eq!(imported.left_out, 6, "{left}");
}

/// Stores of earlier versions: ids as numbers, `run_uuid`, no names, no times of experiments.
#[test]
fn a_folder_of_years_ago_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put(
        root,
        "0/meta.yaml",
        "artifact_location: ./mlruns/0\nexperiment_id: 0\nlifecycle_stage: active\nname: Default\n",
    );
    let meta = "artifact_uri: ./mlruns/0/abc/artifacts\nend_time: 1500000001000\nentry_point_name: ''\nexperiment_id: 0\n\
        name: ''\nrun_uuid: abc\nsource_name: ''\nsource_type: 4\nsource_version: ''\nstart_time: 1500000000000\nstatus: 3\n\
        tags: []\nuser_id: ana\n";
    put(root, "0/abc/meta.yaml", meta);
    put(root, "0/abc/tags/mlflow.runName", "named by its tag");
    put(root, "0/abc/metrics/m", "1500000000 0.5\n");
    let (tracker, imported) = import(root);
    assert_eq!(imported.left, Vec::<String>::new());
    let run = tracker.run(&"abc".parse().unwrap()).unwrap();
    assert_eq!((run.info.name.as_str(), run.info.user_id.as_str()), ("named by its tag", "ana"));
    assert_eq!(
        (run.info.status.name(), run.info.start_time.as_micros()),
        ("FINISHED", 1_500_000_000_000_000)
    );
}

#[test]
fn what_is_no_store_is_refused_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let (root, run) = mlruns(folder.path());
    let tracker = MemoryTracker::new();
    let refused = |path: &Path| {
        let error = mlflow::import_folder(path, &tracker).unwrap_err();
        (error.kind(), error.to_string())
    };
    assert_eq!(refused(&folder.path().join("absent")).0, "not_found");
    for (path, words) in [
        (root.join(run.split_once('/').unwrap().0), "one experiment or run"),
        (root.join(&run), "one experiment or run"),
        (folder.path().to_owned(), "name the folder mlruns itself"),
        (root.join(&run).join("params/depth"), "it is no folder"),
    ] {
        let (kind, text) = refused(&path);
        assert!(kind == "invalid_input" && text.contains(words), "{text}");
    }
    assert!(told(&tracker).is_empty());
    // Another experiment of the same name is not mixed with it.
    let at = mlcore::time::Timestamp::from_millis(0);
    tracker.create_numbered_experiment(|id| mlcore::tracking::NewExperiment::new(id, "Default", at)).unwrap();
    assert_eq!(refused(&root).0, "already_exists");
}
