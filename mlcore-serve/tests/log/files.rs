//! When files end, what readers make of those that are not theirs, and what happens when nothing can be written.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use mlcore::Error;
use mlcore::arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, new_null_array};
use mlcore_serve::endpoint::RecordSink;
use mlcore_serve::log::{LogOptions, LogReader, PredictionLog};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::support::{bare, full, model, open, read};

fn files(folder: &tempfile::TempDir) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder.path().join("predictions")) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn finished(folder: &tempfile::TempDir) -> usize {
    files(folder).iter().filter(|path| path.extension().is_some_and(|end| end == "parquet")).count()
}

#[test]
fn a_file_ends_at_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, LogOptions::default().with_max_rows(10));
    let mut sink = log.sink(model());
    (0..35).for_each(|number| sink.record(&bare(number)));
    log.close().unwrap();
    assert_eq!(files(&folder).len(), 4);
    // In order over the files, because their names are.
    let ids: Vec<_> = read(&folder).into_iter().map(|row| row.unit.unwrap().to_string()).collect();
    assert_eq!(ids, (0..35).map(|number| format!("user-{number}")).collect::<Vec<_>>());
}

#[test]
fn a_file_ends_at_its_bytes_and_at_its_age() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, LogOptions::default().with_max_bytes(50_000));
    let mut sink = log.sink(model());
    (0..10_000).for_each(|number| sink.record(&full(number)));
    log.flush().unwrap();
    assert!(files(&folder).len() > 2, "{}", files(&folder).len());
    assert!(files(&folder).iter().all(|path| fs::metadata(path).unwrap().len() < 400_000));
    assert_eq!(read(&folder).len(), 10_000);

    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, LogOptions::default().with_max_age(Duration::from_millis(30)));
    log.sink(model()).record(&bare(1));
    for _ in 0..1000 {
        if finished(&folder) == 1 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!((finished(&folder), read(&folder).len()), (1, 1), "nobody asked for it");
    // Traffic that never pauses is no reason to wait.
    let mut sink = log.sink(model());
    for number in 0..100 {
        sink.record(&bare(number));
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(finished(&folder) >= 3, "{}", finished(&folder));
}

#[test]
fn a_flush_of_nothing_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, LogOptions::default());
    log.flush().unwrap();
    log.close().unwrap();
    assert!(files(&folder).is_empty() && read(&folder).is_empty());
    assert!(LogReader::new(folder.path().join("nowhere")).predictions().unwrap().next().is_none());
}

#[test]
fn what_does_not_fit_into_the_queue_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, LogOptions::default().with_queue_capacity(1));
    let mut sink = log.sink(model());
    const RECORDS: u64 = 20_000;
    (0..RECORDS).for_each(|number| sink.record(&full(number)));
    log.flush().unwrap();
    let counts = log.counts();
    assert!(counts.dropped > 0, "{counts:?}");
    assert_eq!(counts.predictions + counts.dropped, RECORDS);
    assert_eq!(read(&folder).len() as u64, counts.predictions);
}

#[test]
fn a_later_schema_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let column: ArrayRef = std::sync::Arc::new(Int64Array::from(vec![1]));
    let table = RecordBatch::try_from_iter([("time", column)]).unwrap();
    fs::create_dir_all(folder.path().join("predictions")).unwrap();
    let write = |name: &str, pairs: &[(&str, &str)]| {
        let pairs = pairs
            .iter()
            .map(|(key, value)| KeyValue::new(format!("mlcore.prediction_log.{key}"), (*value).to_owned()));
        let properties = WriterProperties::builder().set_key_value_metadata(Some(pairs.collect())).build();
        let path = folder.path().join("predictions").join(name);
        let file = fs::File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, table.schema(), Some(properties)).unwrap();
        writer.write(&table).unwrap();
        writer.close().unwrap();
        path
    };
    let first = || LogReader::new(folder.path()).predictions().unwrap().next().unwrap().unwrap_err();
    let path = write("a.parquet", &[("kind", "predictions"), ("version", "3")]);
    let error = first();
    assert!(matches!(error, Error::Unsupported(_)), "{error}");
    assert!(error.to_string().contains("of version 3, and 2 is the newest"), "{error}");
    assert!(error.to_string().contains("a.parquet"), "{error}");
    for pairs in [&[("kind", "outcomes"), ("version", "1")][..], &[("kind", "predictions")], &[]] {
        fs::remove_file(&path).unwrap();
        write("a.parquet", pairs);
        assert!(matches!(first(), Error::Corrupt(_)), "{pairs:?}");
    }
    // Of the right kind, with other columns.
    write("a.parquet", &[("kind", "predictions"), ("version", "1")]);
    let error = first();
    assert!(matches!(error, Error::Corrupt(_)) && error.to_string().contains("column time"), "{error}");
    fs::write(&path, b"no parquet at all").unwrap();
    let mut rows = LogReader::new(folder.path()).predictions().unwrap();
    assert!(matches!(rows.next(), Some(Err(Error::Corrupt(_)))));
    assert!(rows.next().is_none());
}

#[test]
fn what_cannot_be_written_is_counted_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, LogOptions::default());
    // In the place of its folder stands a file.
    fs::write(folder.path().join("predictions"), b"").unwrap();
    let mut sink = log.sink(model());
    (0..3).for_each(|number| sink.record(&bare(number)));
    assert!(log.flush().is_err());
    assert_eq!((log.counts().lost, log.counts().predictions), (3, 0));
    fs::remove_file(folder.path().join("predictions")).unwrap();
    sink.record(&bare(4));
    log.flush().unwrap();
    assert_eq!((log.counts().lost, read(&folder).len()), (3, 1));
    assert!(
        PredictionLog::open(folder.path().join("predictions").join("none"), LogOptions::default()).is_ok()
    );
}

#[test]
fn a_file_that_is_being_written_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, LogOptions::default());
    let mut sink = log.sink(model());
    (0..5000).for_each(|number| sink.record(&bare(number)));
    for _ in 0..1000 {
        if !files(&folder).is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!((files(&folder).len(), finished(&folder), read(&folder).len()), (1, 0, 0));
    log.close().unwrap();
    assert_eq!((files(&folder).len(), read(&folder).len()), (1, 5000));
}

#[test]
fn files_of_the_first_version_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder, LogOptions::default());
    log.sink(model()).record(&full(3));
    log.close().unwrap();
    let path = files(&folder).pop().unwrap();
    let file = fs::File::open(&path).unwrap();
    let mut batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batch = batches.next().unwrap().unwrap();
    // The columns that were there, of the types that they had.
    let map = batch.column_by_name("probabilities").unwrap();
    let columns: Vec<(String, ArrayRef, bool)> = batch
        .schema_ref()
        .fields()
        .iter()
        .zip(batch.columns())
        .filter(|(field, _)| !["feature_statuses", "failed_expectations"].contains(&field.name().as_str()))
        .map(|(field, column)| {
            let is_new = ["entity_keys", "feature_ages_seconds"].contains(&field.name().as_str());
            let column =
                if is_new { new_null_array(map.data_type(), batch.num_rows()) } else { column.clone() };
            (field.name().clone(), column, field.is_nullable())
        })
        .collect();
    let first = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let pair = |key: &str, value: &str| KeyValue::new(key.to_owned(), value.to_owned());
    let pairs =
        vec![pair("mlcore.prediction_log.kind", "predictions"), pair("mlcore.prediction_log.version", "1")];
    let properties = WriterProperties::builder().set_key_value_metadata(Some(pairs)).build();
    let file = fs::File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, first.schema(), Some(properties)).unwrap();
    writer.write(&first).unwrap();
    writer.close().unwrap();
    let rows = read(&folder);
    assert_eq!((rows.len(), rows[0].features.len()), (1, 1));
    assert!(rows[0].looked_up.is_empty() && rows[0].failed_expectations.is_empty());
}
