//! One file of a folder of MLflow's, by the first byte: it is taken over, or told as left, and the rest is there either way.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use mlcore::tracking::{MemoryTracker, RunSearch, Tracker, mlflow};

use crate::told::told;

/// The files of a small store, and by which byte each is replaced.
const FILES: [(u8, &str, &str); 8] = [
    (b'e', "1/meta.yaml", "experiment_id: '1'\nlifecycle_stage: active\nname: churn\n"),
    (
        b'r',
        "1/a/meta.yaml",
        "experiment_id: '1'\nrun_id: a\nrun_name: x\nstart_time: 1\nstatus: 3\nuser_id: ana\n",
    ),
    (b'm', "1/a/metrics/loss", "1 0.5 0\n2 0.25 1 iris d1\n"),
    (b'p', "1/a/params/depth", "8"),
    (b'i', "1/a/inputs/x/meta.yaml", "source_id: d\nsource_type: DATASET\ntags:\n  a: b\n"),
    (b'd', "1/datasets/d/meta.yaml", "digest: d1\nname: iris\nsource: '{}'\nsource_type: local\n"),
    (b'l', "1/models/m-1/meta.yaml", "experiment_id: '1'\nmodel_id: m-1\nname: forest\nstatus: 2\n"),
    (b'k', "1/models/m-1/metrics/loss", "1 0.5 0 a\n2 0.25 1 a iris d1\n"),
];

thread_local! {
    static FOLDER: RefCell<tempfile::TempDir> = RefCell::new(whole());
}

fn whole() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "0/meta.yaml", b"experiment_id: '0'\nname: Default\n");
    FILES.iter().for_each(|(_, path, text)| put(folder.path(), path, text.as_bytes()));
    folder
}

fn put(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Takes a store over in which one file is these bytes; says whether nothing was left.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let Some((kind, bytes)) = bytes.split_first() else { return false };
    let (_, path, text) = FILES.iter().find(|(byte, ..)| byte == kind).unwrap_or(&FILES[0]);
    FOLDER.with_borrow(|folder| {
        put(folder.path(), path, bytes);
        let tracker = MemoryTracker::new();
        let imported = mlflow::import_folder(folder.path(), &tracker);
        put(folder.path(), path, text.as_bytes());
        let imported = match imported {
            Ok(imported) => imported,
            Err(error) => {
                told(&error);
                // Two experiments that would have one name, or that are one.
                assert!(*kind == b'e' || error.kind() != "already_exists", "{error}");
                return false;
            }
        };
        assert_eq!(imported.left_out, imported.left.len() as u64);
        for left in &imported.left {
            assert!(!left.is_empty() && !left.contains(char::is_control), "{left:?}");
        }
        // What is beside the file is there.
        assert_eq!(tracker.experiment(&"0".parse().unwrap()).unwrap().name, "Default");
        let search = RunSearch::new(["1".parse().unwrap()]);
        let runs = tracker.search_runs(&search).unwrap().items;
        assert!(
            matches!(kind, b'e' | b'r') || runs.len() == 1 || !FILES.iter().any(|(byte, ..)| byte == kind)
        );
        imported.left_out == 0
    })
}
