//! Sources that are copied to files, and what goes wrong with files.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use mlcore::Error;
use mlcore::arrow::array::{
    Int64Array, RecordBatch, RecordBatchIterator, StringArray, TimestampMicrosecondArray,
};
use mlcore_features::pipeline::Reader;
use mlcore_features::store::offline::{PointInTimeJoin, Streamed, View};

fn table(rows: i64, bytes_of_text: usize) -> RecordBatch {
    let text = "x".repeat(bytes_of_text);
    RecordBatch::try_from_iter([
        ("user", Arc::new(Int64Array::from_iter_values((0..rows).map(|row| row % 97))) as _),
        ("at", Arc::new(TimestampMicrosecondArray::from_iter_values(0..rows)) as _),
        ("text", Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("{row}{text}")))) as _),
    ])
    .unwrap()
}

/// A source that can be read once.
fn once(table: &RecordBatch) -> Streamed<impl mlcore_features::pipeline::Batches + use<>> {
    let batches: Vec<_> = super::tables::cut(table, 1000).into_iter().map(Ok).collect();
    Streamed::new(table.schema(), Reader::new(RecordBatchIterator::new(batches, table.schema())))
}

fn join(features: &RecordBatch, folder: &Path) -> PointInTimeJoin<'static> {
    let view = View::new("notes", once(features), ["user"], "at").with_features(["text"]);
    PointInTimeJoin::new("at").with(view).with_spill_folder(folder)
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn parts_are_those_of_a_source_in_memory_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (features, entity_rows) = (table(50_000, 10), table(20_000, 0).project(&[0, 1]).unwrap());
    let view = View::new("notes", &features, ["user"], "at").with_features(["text"]);
    let whole = PointInTimeJoin::new("at").with(view).run(&entity_rows).unwrap();
    for budget in [1 << 30, 1 << 20, 200_000] {
        let (join, batches) = (join(&features, folder.path()), super::tables::cut(&entity_rows, 700));
        let mut start = 0;
        let mut parts = 0;
        for part in join.run_in_parts(&batches, budget).unwrap() {
            let part = part.unwrap();
            assert_eq!(part, whole.table().slice(start, part.num_rows()));
            start += part.num_rows();
            parts += 1;
            #[cfg(unix)]
            assert_eq!(files(folder.path()), 0, "a file has no name that could be left behind");
        }
        assert_eq!(start, entity_rows.num_rows());
        assert_eq!(parts == 1, budget == 1 << 30, "{parts} parts of {budget} bytes");
        assert_eq!(files(folder.path()), 0);
    }
    // One that is not read to its end leaves nothing, too.
    let (join, batches) = (join(&features, folder.path()), super::tables::cut(&entity_rows, 700));
    let mut parts = join.run_in_parts(&batches, 200_000).unwrap();
    parts.next().unwrap().unwrap();
    drop(parts);
    assert_eq!(files(folder.path()), 0);
}

#[test]
fn a_budget_counts_features_of_any_length() {
    let folder = tempfile::tempdir().unwrap();
    let (features, entity_rows) = (table(2000, 10_000), table(2000, 0).project(&[0, 1]).unwrap());
    let (join, batches) = (join(&features, folder.path()), vec![entity_rows]);
    let rows: Vec<usize> =
        join.run_in_parts(&batches, 1 << 20).unwrap().map(|part| part.unwrap().num_rows()).collect();
    // What the type does not tell is known after the first part.
    assert!(rows.iter().skip(1).all(|rows| *rows <= 105), "{rows:?}");
    assert_eq!(rows.iter().sum::<usize>(), 2000);
}

fn refused(folder: &Path) -> Error {
    let (features, entity_rows) = (table(50_000, 200), table(20_000, 0).project(&[0, 1]).unwrap());
    let (join, batches) = (join(&features, folder), super::tables::cut(&entity_rows, 700));
    let mut parts = join.run_in_parts(&batches, 100_000).unwrap();
    let error = parts.next().unwrap().unwrap_err();
    assert!(parts.next().is_none(), "nothing comes behind an error");
    error
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let missing = refused(&folder.path().join("missing"));
    assert!(matches!(missing, Error::NotFound(_)), "{missing}");
    let text = missing.to_string();
    assert!(
        text.contains("view notes")
            && text.contains("missing/mlcore-spill")
            && text.contains("create the folder"),
        "{text}"
    );
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(refused(&file).to_string().contains("file/mlcore-spill"));
    assert_eq!(files(folder.path()), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_is_free_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(folder.path());
    if !mount.output().is_ok_and(|done| done.status.success()) {
        println!("skipped: a small file system needs the right to mount one");
        return;
    }
    let full = refused(folder.path());
    let left = files(folder.path());
    // Its room is free, so that as much can be written.
    let free = std::fs::write(folder.path().join("ballast"), vec![1; 3 << 19]);
    let _ = Command::new("umount").arg("-l").arg(folder.path()).status();
    assert!(matches!(full, Error::StorageFull(_)) && full.to_string().contains("free space"), "{full}");
    assert_eq!(left, 0);
    free.unwrap();
}
