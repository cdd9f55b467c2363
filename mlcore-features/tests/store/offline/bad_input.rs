//! What is refused, and what its error says.

use std::sync::Arc;

use mlcore::Error;
use mlcore::arrow::array::{
    Array, ArrayRef, Date32Array, Int64Array, NullArray, RecordBatch, RecordBatchIterator, StringArray,
    TimestampSecondArray,
};
use mlcore_features::pipeline::Reader;
use mlcore_features::store::offline::{Latest, PointInTimeJoin, Streamed, View};

fn table<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn days(values: Vec<Option<i32>>) -> ArrayRef {
    Arc::new(Date32Array::from(values))
}

fn ids(values: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(values))
}

fn features() -> RecordBatch {
    table([("id", ids(vec![1])), ("event", days(vec![Some(1)])), ("value", ids(vec![5]))])
}

fn view<'a>(features: RecordBatch) -> View<'a> {
    View::new("trips", features, ["id"], "event").with_features(["value"])
}

fn entity_rows() -> RecordBatch {
    table([("id", ids(vec![1, 2])), ("time", days(vec![Some(1), Some(2)]))])
}

fn refused(view: View<'_>, entity_rows: &RecordBatch) -> String {
    PointInTimeJoin::new("time").with(view).run(entity_rows).unwrap_err().to_string()
}

#[test]
fn entity_rows_need_times() {
    let rows = table([("id", ids(vec![1, 2])), ("time", days(vec![Some(1), None]))]);
    assert_eq!(
        refused(view(features()), &rows),
        "join features time: row 1 has no time, and nobody knows what was known then; \
         say when the row was, or leave it out"
    );
    let rows = table([("id", ids(vec![1])), ("time", ids(vec![1]))]);
    assert_eq!(
        refused(view(features()), &rows),
        "join features time: expected timestamps or dates, got Int64; \
         cast the column to a timestamp, or name the column that says when the rows were"
    );
    let rows = table([("id", ids(vec![1]))]);
    assert!(
        refused(view(features()), &rows)
            .starts_with("join features time: the column is missing; the table has id;")
    );
}

#[test]
fn keys_of_other_types_are_named_on_both_sides() {
    let rows = table([("id", Arc::new(StringArray::from(vec!["1"]))), ("time", days(vec![Some(1)]))]);
    assert_eq!(
        refused(view(features()), &rows),
        "join features view trips, id: it is Utf8, and the key column id of the source is Int64; \
         cast one of the two, so that both have one type"
    );
    let nulls = table([("id", Arc::new(NullArray::new(1))), ("time", days(vec![Some(1)]))]);
    assert!(refused(view(features()), &nulls).contains("a key of type Null cannot be compared"));
}

#[test]
fn columns_that_are_missing_are_named_with_their_view() {
    let own = features();
    for column in 0..3 {
        let left = (0..3).filter(|kept| *kept != column).collect::<Vec<_>>();
        let error = refused(view(own.project(&left).unwrap()), &entity_rows());
        let name = own.schema().field(column).name().clone();
        assert!(
            error.starts_with(&format!("join features view trips, {name}: the column is missing;")),
            "{error}"
        );
        // The second batch alone.
        let batches = vec![own.clone(), own.project(&left).unwrap()];
        let view = View::new("trips", batches, ["id"], "event").with_features(["value"]);
        let error = PointInTimeJoin::new("time").with(view).run(&entity_rows()).unwrap_err();
        assert!(matches!(error, Error::SchemaMismatch(_)), "{error}");
        assert!(error.to_string().contains(&name) && error.to_string().contains("trips"), "{error}");
    }
    let error = refused(view(own).with_created_timestamp("created"), &entity_rows());
    assert!(error.contains("view trips, created: the column is missing"), "{error}");
}

#[test]
fn batches_of_other_types_are_named() {
    let other = table([
        ("id", ids(vec![1])),
        ("event", days(vec![Some(1)])),
        ("value", Arc::new(StringArray::from(vec!["5"]))),
    ]);
    let view = View::new("trips", vec![features(), other.clone()], ["id"], "event").with_features(["value"]);
    assert_eq!(
        refused(view, &entity_rows()),
        "join features view trips, value: expected Int64, as in the schema of the source, got Utf8; \
         cast the column, so that all batches have one type"
    );
    let keys = View::new("trips", vec![other, features()], ["value"], "event");
    let rows = table([("value", Arc::new(StringArray::from(vec!["5"]))), ("time", days(vec![Some(1)]))]);
    assert!(
        refused(keys, &rows)
            .contains("view trips, value: expected Utf8, as in the schema of the source, got Int64")
    );
}

#[test]
fn names_that_are_there_already_are_refused() {
    let error = refused(view(features()).with_status("id"), &entity_rows());
    assert_eq!(
        error,
        "join features id: there is a column of this name already, before view trips; \
         give the feature another name in the answer"
    );
    let newest = Latest::new(view(features()).with_features([("id", "event")]));
    let error = newest.rows().unwrap_err();
    assert!(error.to_string().contains("the columns id and event both have this name"), "{error}");
}

#[test]
fn time_zones_can_be_required() {
    let zoned = |times: TimestampSecondArray| -> ArrayRef { Arc::new(times.with_timezone("Europe/Berlin")) };
    let bare = || TimestampSecondArray::from(vec![1]);
    let rows = |times: ArrayRef| table([("id", ids(vec![1])), ("time", times)]);
    let features = |times: ArrayRef| table([("id", ids(vec![1])), ("event", times), ("value", ids(vec![5]))]);
    let join = |own: ArrayRef, other: ArrayRef| {
        PointInTimeJoin::new("time").with_required_time_zones().with(view(features(other))).run(&rows(own))
    };
    assert_eq!(join(zoned(bare()), zoned(bare())).unwrap().views()[0].present(), 1);
    let error = join(Arc::new(bare()), zoned(bare())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "join features time: the timestamps have no time zone, and one is required; \
         give the column its time zone, or read such columns as UTC"
    );
    let error = join(zoned(bare()), Arc::new(bare())).unwrap_err();
    assert!(error.to_string().contains("view trips, event: the timestamps have no time zone"), "{error}");
}

#[test]
fn a_source_that_is_read_once_is_read_once() {
    let own = features();
    let once = || {
        let reader = RecordBatchIterator::new([Ok(own.clone())], own.schema());
        Streamed::new(own.schema(), Reader::new(reader))
    };
    let join = PointInTimeJoin::new("time").with(View::new("trips", once(), ["id"], "event"));
    let rows = vec![entity_rows()];
    let error = join.run_in_parts(&rows, 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "join features view trips: entity rows in parts take a pass each, and the source can be read once; \
         pass files, batches, a function that opens the source again, or a folder to spill to"
    );
    assert!(join.run(&rows[0]).is_ok());
    assert!(join.run(&rows[0]).unwrap_err().to_string().contains("it was read already"));
    let none: Vec<RecordBatch> = Vec::new();
    let empty = View::new("trips", none, ["id"], "event");
    assert!(refused(empty, &rows[0]).contains("there are no batches, so that nobody knows the columns"));
}

#[test]
fn types_that_cannot_be_features_are_refused() {
    use mlcore::arrow::array::{Int32Array, RunArray};
    let runs = RunArray::try_new(&Int32Array::from(vec![1]), &Int32Array::from(vec![7])).unwrap();
    let own = table([("id", ids(vec![1])), ("event", days(vec![Some(1)])), ("value", Arc::new(runs))]);
    assert!(own["value"].len() == 1);
    let error = refused(view(own), &entity_rows());
    assert!(
        error.contains("view trips, value: a column of type") && error.contains("cannot be joined"),
        "{error}"
    );
}
