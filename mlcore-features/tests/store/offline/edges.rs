//! Moments at the edges of what can be counted, types that differ, and views without keys.

use std::sync::Arc;
use std::time::Duration;

use mlcore::arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, ListArray, RecordBatch,
    StringArray, TimestampMicrosecondArray, TimestampNanosecondArray, TimestampSecondArray,
};
use mlcore::arrow::datatypes::{Field, Int32Type, Schema};
use mlcore::interrupt;
use mlcore_features::store::offline::{PointInTimeJoin, View};

use super::tables::{cut, integers, nanoseconds, source, words};

fn table<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn ids(values: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(values))
}

#[test]
fn no_moment_overflows() {
    const YEAR_9999_SECONDS: i64 = 253_402_300_799;
    let entity_rows = table([
        ("k", ids(vec![1, 1, 1, 1])),
        ("time", Arc::new(TimestampSecondArray::from(vec![YEAR_9999_SECONDS, i64::MIN, i64::MAX, 0]))),
    ]);
    let events = vec![i64::MIN, i64::MAX, -1, 1];
    let features = table([
        ("k", ids(vec![1; 4])),
        ("event", Arc::new(TimestampNanosecondArray::from(events.clone()))),
        ("created", Arc::new(TimestampNanosecondArray::from(vec![i64::MIN, i64::MAX, -1, 1]))),
        ("born", Arc::new(TimestampMicrosecondArray::from(vec![0, YEAR_9999_SECONDS * 1_000_000, -1, 1]))),
        ("value", ids(vec![0, 1, 2, 3])),
    ]);
    let view = |created: Option<&str>, ttl: Duration| {
        let view = View::new("v", features.clone(), ["k"], "event").with_ttl(ttl).with_features(["value"]);
        let view = view.with_event_time("at").with_status("status");
        match created {
            Some(created) => view.with_created_timestamp(created),
            None => view,
        }
    };
    for created in [None, Some("created")] {
        let joined =
            PointInTimeJoin::new("time").with(view(created, Duration::MAX)).run(&entity_rows).unwrap();
        assert_eq!(integers(joined.table(), "value"), [Some(1), None, Some(1), Some(2)]);
        let at: Vec<Option<i128>> = [Some(1), None, Some(1), Some(2)]
            .iter()
            .map(|row| row.map(|row: usize| i128::from(events[row])))
            .collect();
        assert_eq!(nanoseconds(joined.table(), "at"), at);
    }
    // In units that differ: the row that will be known in the year 9999 is known then, and by the end of time.
    let joined =
        PointInTimeJoin::new("time").with(view(Some("born"), Duration::ZERO)).run(&entity_rows).unwrap();
    assert_eq!(integers(joined.table(), "value"), [Some(1), None, Some(1), Some(2)]);
    let joined =
        PointInTimeJoin::new("time").with(view(None, Duration::from_secs(1))).run(&entity_rows).unwrap();
    let expected = ["OUTSIDE_MAX_AGE", "NOT_FOUND", "OUTSIDE_MAX_AGE", "PRESENT"];
    assert_eq!(words(joined.table(), "status"), expected.map(|word| Some(word.to_owned())));
}

#[test]
fn batches_of_other_units_are_one_table() {
    let batch = |times: ArrayRef, value: i64| {
        table([("k", ids(vec![1])), ("event", times), ("value", ids(vec![value]))])
    };
    let seconds = batch(Arc::new(TimestampSecondArray::from(vec![5])), 1);
    let nanoseconds = batch(Arc::new(TimestampNanosecondArray::from(vec![5_000_000_001])), 2);
    let days = batch(Arc::new(Date32Array::from(vec![0])), 3);
    let entity_rows = table([
        ("k", ids(vec![1, 1, 1])),
        ("time", Arc::new(TimestampNanosecondArray::from(vec![5_000_000_001, 5_000_000_000, 4_999_999_999]))),
    ]);
    for kind in 0..3 {
        let source = source(vec![seconds.clone(), nanoseconds.clone(), days.clone()], kind);
        let view = View::new("v", source, ["k"], "event").with_features(["value"]);
        let joined = PointInTimeJoin::new("time").with(view).run(&entity_rows).unwrap();
        assert_eq!(integers(joined.table(), "value"), [Some(2), Some(1), Some(3)]);
    }
}

#[test]
fn a_view_without_keys_belongs_to_every_row() {
    let entity_rows = table([("time", Arc::new(Date32Array::from(vec![3, 1, 0])))]);
    let features = table([("event", Arc::new(Date32Array::from(vec![2, 1]))), ("value", ids(vec![20, 10]))]);
    for kind in 0..3 {
        let view = View::new("v", source(cut(&features, 1), kind), [""; 0], "event").with_features(["value"]);
        let joined = PointInTimeJoin::new("time").with(view).run(&entity_rows).unwrap();
        assert_eq!(integers(joined.table(), "value"), [Some(20), Some(10), None]);
    }
}

#[test]
fn features_keep_their_type_and_nothing_is_null_without_reason() {
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None]);
    let features = table([
        ("k", Arc::new(StringArray::from(vec!["a", "b"]))),
        ("event", Arc::new(Date32Array::from(vec![1, 1]))),
        ("flag", Arc::new(BooleanArray::from(vec![true, false]))),
        ("list", Arc::new(lists.clone())),
        ("nan", Arc::new(Float64Array::from(vec![f64::NAN, 1.0]))),
    ]);
    let entity_rows = table([
        ("k", Arc::new(StringArray::from(vec!["b", "a"]))),
        ("time", Arc::new(Date32Array::from(vec![1, 1]))),
    ]);
    for kind in 0..3 {
        let view = View::new("v", source(vec![features.clone()], kind), ["k"], "event");
        let view = view.with_features(["flag", "list", "nan"]).with_features([("flag", "again")]);
        let joined = PointInTimeJoin::new("time").with(view).run(&entity_rows).unwrap().into_table();
        assert_eq!(joined["flag"].as_ref(), &BooleanArray::from(vec![false, true]) as &dyn Array);
        assert_eq!(&joined["flag"], &joined["again"]);
        assert_eq!(joined["list"].slice(1, 1).as_ref(), &lists.slice(0, 1) as &dyn Array);
        assert!(joined["list"].is_null(0) && joined["nan"].null_count() == 0);
    }
}

#[test]
fn empty_tables_join() {
    let entity_rows = table([("k", ids(vec![1])), ("time", Arc::new(Date32Array::from(vec![1])))]);
    let features = table([
        ("k", ids(vec![1])),
        ("event", Arc::new(Date32Array::from(vec![1]))),
        ("value", ids(vec![1])),
    ]);
    let none = features.slice(0, 0);
    for kind in 0..3 {
        let join = |features: &RecordBatch, entity_rows: &RecordBatch| {
            let view =
                View::new("v", source(vec![features.clone()], kind), ["k"], "event").with_features(["value"]);
            PointInTimeJoin::new("time").with(view).run(entity_rows).unwrap().into_table()
        };
        assert_eq!(integers(&join(&none, &entity_rows), "value"), [None]);
        assert_eq!(integers(&join(&features, &entity_rows.slice(0, 0)), "value"), []);
        assert_eq!(
            join(&features, &entity_rows.slice(0, 0)).schema(),
            join(&features, &entity_rows).schema()
        );
    }
}

#[test]
fn a_source_that_is_read_once_keeps_no_more_than_is_needed() {
    // Each row is better than the one before: all are kept for a while, and most are let go.
    let rows = 300_000_i64;
    let features = table([
        ("k", Arc::new((0..rows).map(|row| Some(row % 10)).collect::<Int64Array>())),
        ("event", Arc::new((0..rows).map(Some).collect::<TimestampSecondArray>())),
        ("value", Arc::new((0..rows).map(Some).collect::<Int64Array>())),
    ]);
    let entity_rows = table([
        ("k", ids((0..10).chain(0..10).collect())),
        (
            "time",
            Arc::new((0..20).map(|row| Some(rows / 2 * (1 + row / 10))).collect::<TimestampSecondArray>()),
        ),
    ]);
    let expected: Vec<Option<i64>> = (0..20)
        .map(|row| Some(if row < 10 { rows / 2 - 10 * i64::from(row > 0) + row } else { rows - 20 + row }))
        .collect();
    for kind in 0..2 {
        let view = View::new("v", source(cut(&features, 7), kind), ["k"], "event").with_features(["value"]);
        let joined = PointInTimeJoin::new("time").with(view).run(&entity_rows).unwrap();
        assert_eq!(integers(joined.table(), "value"), expected);
    }
}

#[test]
fn a_join_is_interrupted() {
    let features = table([("k", ids(vec![1; 9000])), ("event", Arc::new(Date32Array::from(vec![1; 9000])))]);
    let entity_rows = features.clone();
    let view = View::new("v", features, ["k"], "event");
    let join = PointInTimeJoin::new("event").with(view.with_event_time("at"));
    let stopped = interrupt::scope(|| true, || join.run(&entity_rows));
    assert_eq!(stopped.unwrap_err().kind(), "interrupted");
}

#[test]
fn metadata_of_features_is_kept() {
    let field = Field::new("value", mlcore::arrow::datatypes::DataType::Int64, false)
        .with_metadata([("unit".to_owned(), "m".to_owned())].into());
    let schema =
        Schema::new(vec![Field::new("event", mlcore::arrow::datatypes::DataType::Date32, false), field]);
    let features =
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(Date32Array::from(vec![1])), ids(vec![7])])
            .unwrap();
    let view = View::new("v", features.clone(), [""; 0], "event").with_features([("value", "made")]);
    let joined = PointInTimeJoin::new("event").with(view).run(&features).unwrap();
    let schema = joined.table().schema();
    let made = schema.field_with_name("made").unwrap();
    assert_eq!((made.metadata()["unit"].as_str(), made.is_nullable()), ("m", true));
}
