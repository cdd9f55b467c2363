//! Files and folders of Parquet: the same answers as from memory, little that is read, and names of what is damaged.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mlcore::Error;
use mlcore::arrow::array::{
    Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    TimestampNanosecondArray,
};
use mlcore_features::store::offline::{Latest, ParquetTable, PointInTimeJoin, View};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use super::tables::{cut, integers, words};

const DAY: i64 = 86_400_000_000;

/// Rows of a hundred keys, one after another over ten days.
pub(super) fn table(rows: i64) -> RecordBatch {
    let event = (0..rows).map(|row| Some(10 * DAY * row / rows));
    let columns: [(&str, ArrayRef); 4] = [
        ("k", Arc::new((0..rows).map(|row| Some(row * 37 % 100)).collect::<Int64Array>())),
        ("event", Arc::new(event.collect::<TimestampMicrosecondArray>())),
        ("value", Arc::new((0..rows).map(Some).collect::<Int64Array>())),
        (
            "word",
            Arc::new(
                (0..rows)
                    .map(|row| (row % 7 > 0).then(|| format!("word {}", row % 11)))
                    .collect::<StringArray>(),
            ),
        ),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

pub(super) fn entity_rows(rows: i64, first_day: i64, days: i64) -> RecordBatch {
    let time = (0..rows).map(|row| Some(first_day * DAY + days * DAY * (row * 7 % rows) / rows));
    let columns: [(&str, ArrayRef); 2] = [
        ("k", Arc::new((0..rows).map(|row| Some(row % 120)).collect::<Int64Array>())),
        ("time", Arc::new(time.collect::<TimestampMicrosecondArray>())),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

pub(super) fn write(path: &Path, table: &RecordBatch, group_rows: usize) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(group_rows))
        .set_data_page_row_count_limit(100)
        .set_write_batch_size(50)
        .set_compression(parquet::basic::Compression::SNAPPY);
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), table.schema(), Some(properties.build())).unwrap();
    writer.write(table).unwrap();
    writer.close().unwrap();
}

#[test]
fn files_give_the_answers_of_memory() {
    let folder = tempfile::tempdir().unwrap();
    let own = table(5000);
    for (number, part) in cut(&own, 1700).iter().enumerate() {
        write(&folder.path().join(format!("part-{number}.parquet")), part, 400);
    }
    let rows = entity_rows(700, 0, 12);
    for ttl in [Duration::ZERO, Duration::from_secs(86_400), Duration::from_secs(1)] {
        let view = |source: Box<dyn mlcore_features::store::offline::Source>| {
            View::new("v", source, ["k"], "event")
                .with_ttl(ttl)
                .with_features(["word", "value"])
                .with_event_time("at")
        };
        let expected = PointInTimeJoin::new("time").with(view(Box::new(own.clone()))).run(&rows).unwrap();
        for batch_rows in [1 << 15, 33] {
            let source = ParquetTable::open(folder.path()).unwrap().with_batch_rows(batch_rows);
            let joined = PointInTimeJoin::new("time").with(view(Box::new(source))).run(&rows).unwrap();
            assert_eq!(joined.table(), expected.table());
        }
    }
    let newest = |source: Box<dyn mlcore_features::store::offline::Source>| {
        let newest = Latest::new(View::new("v", source, ["k"], "event").with_features(["word", "value"]));
        newest.rows().unwrap().collect::<Result<Vec<_>, _>>().unwrap()
    };
    assert_eq!(newest(Box::new(ParquetTable::open(folder.path()).unwrap())), newest(Box::new(own)));
}

#[test]
fn row_groups_whose_times_cannot_matter_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    write(&path, &table(5000), 500);
    let rows = entity_rows(100, 3, 1);
    let read = |view: View<'_>| PointInTimeJoin::new("time").with(view).run(&rows).unwrap();
    let view = || View::new("v", ParquetTable::open(&path).unwrap(), ["k"], "event").with_features(["value"]);
    // A day is five hundred rows: those of the first four days, then those of the last two of these.
    assert_eq!(read(view()).views()[0].rows(), 2000);
    let bounded = read(view().with_ttl(Duration::from_secs(86_400)));
    assert_eq!(bounded.views()[0].rows(), 1000);
    // What is too old is told from what is not there, so that it must be read.
    let told = read(view().with_ttl(Duration::from_secs(86_400)).with_status("status"));
    assert_eq!(told.views()[0].rows(), 2000);
    assert_eq!(integers(told.table(), "value"), integers(bounded.table(), "value"));
}

#[test]
fn folders_are_columns_and_are_left_out_where_they_cannot_matter() {
    let folder = tempfile::tempdir().unwrap();
    let own = table(1000);
    for day in 0..10 {
        let date = format!("1970-01-{:02}", day + 1);
        write(&folder.path().join(format!("region=eu/day={date}/a.parquet")), &own.slice(day * 100, 100), 50);
        write(
            &folder.path().join(format!("region=us%20west/day={date}/a.parquet")),
            &own.slice(day * 100, 100),
            50,
        );
    }
    let table = ParquetTable::open(folder.path()).unwrap();
    let rows = entity_rows(100, 3, 1);
    let regions: ArrayRef = Arc::new((0..100).map(|_| Some("us west")).collect::<StringArray>());
    let rows = RecordBatch::try_from_iter([
        ("k", rows["k"].clone()),
        ("time", rows["time"].clone()),
        ("region", regions),
    ])
    .unwrap();
    let view = |source| {
        View::new("v", source, ["k", "region"], "event")
            .with_ttl(Duration::from_secs(86_400))
            .with_features(["value", "day"])
            .with_features([("region", "their_region")])
    };
    let joined =
        PointInTimeJoin::new("time").with(view(table.clone()).with_date_partition("day")).run(&rows).unwrap();
    // Three dates of one region: the days 3 and 4 and the one before, whose last moment is a day before the first entity row.
    assert_eq!(joined.views()[0].rows(), 200);
    assert_eq!(joined.table()["day"].data_type().to_string(), "Date32");
    let present = integers(joined.table(), "value");
    assert!(present.iter().filter(|value| value.is_some()).count() > 50);
    let region = words(joined.table(), "their_region");
    assert!(
        region.iter().zip(&present).all(|(region, value)| { region.as_deref() == value.map(|_| "us west") })
    );
    // The same rows, the dates aside.
    let plain = PointInTimeJoin::new("time").with(view(table)).run(&rows).unwrap();
    assert_eq!(plain.table(), joined.table());
}

#[test]
fn damaged_and_odd_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("a.parquet"), folder.path().join("b.parquet"));
    let own = table(3000);
    let rows = entity_rows(100, 0, 12);
    let refused = || {
        let source = ParquetTable::open(folder.path())?;
        let view = View::new("v", source, ["k"], "event").with_features(["value", "word"]);
        PointInTimeJoin::new("time").with(view).run(&rows).map(drop)
    };
    write(&first, &own, 500);
    // Half a file.
    let bytes = fs::read(&first).unwrap();
    fs::write(&second, &bytes[..bytes.len() / 2]).unwrap();
    let error = refused().unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)), "{error}");
    assert!(error.to_string().contains("b.parquet: it cannot be read as Parquet"), "{error}");
    // A file whose footer is whole and whose data are not.
    let mut damaged = bytes.clone();
    let middle = 4..bytes.len() / 2;
    damaged[middle].fill(0xa5);
    fs::write(&second, &damaged).unwrap();
    let error = refused().unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)) && error.to_string().contains("b.parquet"), "{error}");
    // A file that lost a column.
    write(&second, &own.project(&[0, 1, 3]).unwrap(), 500);
    let error = refused().unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::SchemaMismatch(_)), "{text}");
    assert!(
        text.contains("view v, file ") && text.contains("b.parquet, value: the column is missing"),
        "{text}"
    );
    // A file that has it in another type.
    let values: ArrayRef = Arc::new(Float64Array::from(vec![1.0; 3000]));
    let other = RecordBatch::try_from_iter([
        ("k", own["k"].clone()),
        ("event", own["event"].clone()),
        ("value", values),
        ("word", own["word"].clone()),
    ]);
    write(&second, &other.unwrap(), 500);
    let text = refused().unwrap_err().to_string();
    assert!(text.contains("b.parquet, value: expected Int64, as in the first file, got Float64"), "{text}");
    // Another unit of times is no fault.
    let nanoseconds: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1_000; 3000]));
    let other = RecordBatch::try_from_iter([
        ("k", own["k"].clone()),
        ("event", nanoseconds),
        ("value", own["value"].clone()),
        ("word", own["word"].clone()),
    ]);
    write(&second, &other.unwrap(), 500);
    assert!(refused().is_ok());
    // Folders of other names, and none.
    write(&folder.path().join("day=1/c.parquet"), &own, 500);
    let text = refused().unwrap_err().to_string();
    assert!(text.contains("its folders are not those of"), "{text}");
    let error = ParquetTable::open(folder.path().join("none")).unwrap_err();
    assert!(
        matches!(error, Error::NotFound(_)) && error.to_string().contains("there is no such file or folder")
    );
}

#[test]
fn several_threads_find_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    for (name, group_rows) in [("a.parquet", 100), ("b.parquet", 3000), ("c.parquet", 700)] {
        write(&folder.path().join(name), &table(3000), group_rows);
    }
    let rows = entity_rows(200, 0, 12);
    let join = |threads: usize| {
        let threads = std::num::NonZeroUsize::new(threads).unwrap();
        let source = ParquetTable::open(folder.path()).unwrap().on_threads(threads);
        let view =
            View::new("v", source, ["k"], "event").with_features(["value", "word"]).with_event_time("v_time");
        PointInTimeJoin::new("time").with(view).on_threads(threads).run(&rows).unwrap().into_table()
    };
    let one = join(1);
    assert!(one["value"].null_count() < rows.num_rows());
    for threads in [2, 3, 16] {
        assert_eq!(join(threads), one, "{threads} threads");
    }
}
