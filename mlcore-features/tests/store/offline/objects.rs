//! Tables of Parquet in a bucket: the answers of files, by requests for what is needed alone.

#[path = "../../../../mlcore/tests/object_store/server.rs"]
pub(crate) mod server;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use mlcore::Error;
use mlcore::arrow::array::{ArrayRef, RecordBatch, StringArray};
use mlcore::artifact::{Credentials, ObjectStore, ObjectStoreOptions};
use mlcore::stats::SplitMix64;
use mlcore_features::store::offline::{Joined, Latest, ParquetTable, PointInTimeJoin, Source, View};

use self::server::{Fault, KEY_ID, Kind, SECRET, Server};
use super::parquet::{entity_rows, table, write};
use super::tables::cut;

pub(crate) fn bucket(server: &Server, prefix: &str) -> ObjectStore {
    let options = ObjectStoreOptions::from_url(&server.url(prefix)).unwrap();
    let options =
        options.with_credentials(Credentials::s3(KEY_ID, SECRET)).with_retries(2, Duration::from_secs(10));
    ObjectStore::open_with(&options).unwrap()
}

/// A table with a column that takes most of its bytes.
fn wide(rows: i64) -> RecordBatch {
    let own = table(rows);
    let mut draw = SplitMix64::new(3);
    let noise = (0..rows).map(|_| (0..32).map(|_| format!("{:016x}", draw.next_u64())).collect::<String>());
    let noise: ArrayRef = Arc::new(noise.map(Some).collect::<StringArray>());
    RecordBatch::try_from_iter([
        ("k", own["k"].clone()),
        ("noise", noise),
        ("event", own["event"].clone()),
        ("value", own["value"].clone()),
        ("word", own["word"].clone()),
    ])
    .unwrap()
}

fn join(source: impl Source + 'static, features: &[&str], rows: &RecordBatch) -> Result<RecordBatch, Error> {
    let view = View::new("v", source, ["k"], "event")
        .with_ttl(Duration::from_secs(86_400))
        .with_features(features.iter().copied());
    PointInTimeJoin::new("time").with(view).run(rows).map(Joined::into_table)
}

#[test]
fn objects_give_the_answers_of_files_and_little_is_sent() {
    let server = Server::start();
    let folder = server.objects().join("tables/trips");
    let own = wide(4000);
    for (number, part) in cut(&own, 2000).iter().enumerate() {
        write(&folder.join(format!("part-{number}.parquet")), part, 600);
    }
    fs::write(folder.join("_SUCCESS"), "").unwrap();
    let all: u64 = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    let bucket = bucket(&server, "tables");
    let opened = || ParquetTable::open_objects(&bucket, "trips").unwrap();
    let rows = entity_rows(300, 0, 12);
    let from_files = |features: &[&str]| join(ParquetTable::open(&folder).unwrap(), features, &rows).unwrap();
    server.bytes();
    for features in [&["value", "word"][..], &["noise"]] {
        assert_eq!(join(opened(), features, &rows).unwrap(), from_files(features));
    }
    let newest = |source: ParquetTable| {
        let newest = Latest::new(View::new("v", source, ["k"], "event").with_features(["word", "value"]));
        newest.rows().unwrap().collect::<Result<Vec<_>, _>>().unwrap()
    };
    assert_eq!(newest(opened()), newest(ParquetTable::open(&folder).unwrap()));

    // Columns that are not needed are not sent.
    let table = opened();
    let ends = server.bytes();
    assert!(ends > 0);
    join(table.clone(), &["value"], &rows).unwrap();
    let sent = server.bytes();
    assert!(sent > 0 && sent < all / 8, "{sent} bytes of {all} were sent");
    // Nor are row groups whose times cannot matter: two of ten days are asked about.
    join(table.clone(), &["noise"], &rows).unwrap();
    let (everything, few) = (server.bytes(), entity_rows(50, 3, 1));
    server.count(Kind::Get);
    assert_eq!(
        join(table, &["noise"], &few).unwrap(),
        join(ParquetTable::open(&folder).unwrap(), &["noise"], &few).unwrap()
    );
    let sent = server.bytes();
    assert!(sent < everything / 2, "{sent} bytes were sent, and {everything} of all row groups");
    let requests = server.count(Kind::Get);
    assert!(requests <= 16, "{requests} requests for three columns of a few row groups");
}

#[test]
fn folders_and_patterns_are_those_of_files() {
    let server = Server::start();
    let own = table(900);
    let root = server.objects().join("lake");
    for (number, path) in [
        "trips/region=eu/day=1970-01-01/a.parquet",
        "trips/region=eu/day=1970-01-02/a.parquet",
        "trips/region=us%20west/day=1970-01-01/a.pq",
        "trips/region=us%20west/day=1970-01-02/_part/a.parquet",
        "trips-old/a.parquet",
        "one.parquet",
        "trips/region=eu/notes.txt",
    ]
    .iter()
    .enumerate()
    {
        write(&root.join(path), &own.slice(number * 100, 100), 50);
    }
    let bucket = bucket(&server, "");
    let rows = entity_rows(100, 0, 3);
    for path in [
        "lake/trips",
        "lake/trips/",
        "lake/one.parquet",
        "lake/trips/region=eu",
        "lake/trips/region=*/day=1970-01-01",
        "lake/trips/region=*/day=1970-01-0?/*.parquet",
        "lake/trips/**/*.pq",
        "lake/trips*/a.parquet",
        "lake/trips/region=eu/day=*/a.*",
    ] {
        let (objects, files) = (
            ParquetTable::open_objects(&bucket, path).unwrap(),
            ParquetTable::open(server.objects().join(path)).unwrap(),
        );
        let schema = files.schema().unwrap();
        assert_eq!(objects.schema().unwrap(), schema, "{path}");
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let features: Vec<&str> = names.into_iter().filter(|name| !["k", "event"].contains(name)).collect();
        let joined = join(objects, &features, &rows).unwrap();
        assert_eq!(joined, join(files, &features, &rows).unwrap(), "{path}");
    }
    for path in
        ["lake/none", "lake/trips/region=asia", "lake/*/none.parquet", "lake/trips/region=eu/notes.txt/x"]
    {
        let error = ParquetTable::open_objects(&bucket, path).unwrap_err();
        assert!(matches!(error, Error::NotFound(_)) && error.to_string().contains(path), "{error}");
    }
}

#[test]
fn what_changes_is_damaged_or_fails_is_named() {
    let server = Server::start();
    let path = server.objects().join("trips/a.parquet");
    write(&path, &wide(2000), 500);
    let bucket = bucket(&server, "");
    let rows = entity_rows(100, 0, 12);
    let opened = || ParquetTable::open_objects(&bucket, "trips");
    let told = |source: ParquetTable| {
        let error = join(source, &["value", "word"], &rows).unwrap_err();
        assert!(error.to_string().contains("trips/a.parquet"), "{error}");
        error
    };
    let bytes = fs::read(&path).unwrap();

    // Written anew after the table was opened, and in the middle of a join: no answer mixes the two.
    let table = opened().unwrap();
    let mut other = bytes.clone();
    other.extend_from_slice(b"more");
    fs::write(&path, &other).unwrap();
    let error = told(table.clone());
    assert!(matches!(error, Error::Conflict(_)), "{error}");
    fs::write(&path, &bytes).unwrap();
    assert!(join(table.clone(), &["value"], &rows).is_ok(), "the same content is the same object");
    for requests in [1, 3] {
        let (target, anew, mut rest) = (path.clone(), other.clone(), requests);
        server.fail(move |kind| {
            if kind == Kind::Get {
                rest -= 1;
                if rest == 0 {
                    fs::write(&target, &anew).unwrap();
                }
            }
            None
        });
        assert!(matches!(told(table.clone()), Error::Conflict(_)));
        server.fail(|_| None);
        fs::write(&path, &bytes).unwrap();
    }
    // Deleted.
    fs::remove_file(&path).unwrap();
    assert!(matches!(told(table.clone()), Error::NotFound(_)));
    // Cut in half, and damaged in the middle.
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = opened().unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)) && error.to_string().contains("trips/a.parquet"), "{error}");
    let mut damaged = bytes.clone();
    damaged[4..bytes.len() / 2].fill(0xa5);
    fs::write(&path, &damaged).unwrap();
    assert!(matches!(told(opened().unwrap()), Error::Corrupt(_)));
    fs::write(&path, &bytes).unwrap();

    // A server that fails, cuts, or does not know who asks.
    server.fail(|kind| (kind == Kind::Get).then_some(Fault::Status(503)));
    assert!(matches!(told(table.clone()), Error::Unavailable(_)));
    let mut times = 0;
    server.fail(move |kind| {
        times += usize::from(kind == Kind::Get);
        (kind == Kind::Get && times == 1).then_some(Fault::Cut)
    });
    assert!(join(table, &["value"], &rows).is_ok(), "what was lost for a moment is asked for again");
    server.fail(|_| None);
    let options = ObjectStoreOptions::from_url(&server.url("")).unwrap();
    let options = options.with_credentials(Credentials::s3(KEY_ID, "a-wrong-secret"));
    let stranger = ObjectStore::open_with(&options).unwrap();
    let error = ParquetTable::open_objects(&stranger, "trips").unwrap_err();
    assert!(matches!(error, Error::PermissionDenied(_)), "{error}");
    assert!(!format!("{error:?}").contains("a-wrong-secret"), "{error:?}");
}
