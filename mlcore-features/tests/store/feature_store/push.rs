//! Rows that are sent: to serving, to history, to both, and what is refused.

use std::sync::Arc;

use mlcore::arrow::array::{
    AsArray, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use mlcore::arrow::datatypes::Int64Type;
use mlcore_features::store::feature_store::{FeatureQuery, PushTo};
use mlcore_features::store::online::Written;

use super::{HOUR, MINUTE, World, drivers, times, with, without};
use crate::support::refused;

fn world() -> World {
    World::with(&drivers(&[(1, 480, 480, 8)]))
}

fn history(world: &World, minute: i64) -> Option<i64> {
    let labels = RecordBatch::try_from_iter([
        ("event_timestamp", times(&[minute * MINUTE])),
        ("driver_id", Arc::new(Int64Array::from(vec![1])) as _),
    ])
    .unwrap();
    let query = FeatureQuery::references(["driver_stats:trips"]).unwrap();
    let joined = world.store.historical_features(&labels, &query, &Default::default()).unwrap();
    joined.table()["trips"].as_primitive::<Int64Type>().iter().next().unwrap()
}

#[test]
fn rows_go_where_they_are_sent() {
    let world = world();
    let rows = drivers(&[(1, 590, 590, 9)]);
    let report = world.store.push("stats_push", &rows, PushTo::Online).unwrap();
    assert_eq!(
        (report.views[0].view.as_str(), report.views[0].stored, report.appended.len()),
        ("driver_stats", 1, 0)
    );
    assert_eq!((world.driver("driver_stats:trips", 1), history(&world, 600)), ("PRESENT 9".into(), Some(8)));
    let rows = drivers(&[(1, 595, 595, 10)]);
    let report = world.store.push("stats_push", &rows, PushTo::Offline).unwrap();
    assert_eq!((report.views.len(), report.appended), (0, vec!["stats".to_owned()]));
    assert_eq!((world.driver("driver_stats:trips", 1), history(&world, 600)), ("PRESENT 9".into(), Some(10)));
    let rows = drivers(&[(1, 599, 599, 11)]);
    world.store.push("stats_push", &rows, PushTo::OnlineAndOffline).unwrap();
    assert_eq!(
        (world.driver("driver_stats:trips", 1), history(&world, 600)),
        ("PRESENT 11".into(), Some(11))
    );
    // The same once more is there once.
    world.store.push("stats_push", &rows, PushTo::OnlineAndOffline).unwrap();
    assert_eq!(std::fs::read_dir(world.folder.path().join("stats")).unwrap().count(), 3);
    // What is older comes too late for serving, and belongs to history.
    let report =
        world.store.push("stats_push", &drivers(&[(1, 500, 500, 3)]), PushTo::OnlineAndOffline).unwrap();
    assert_eq!((report.views[0].stored, report.views[0].older), (0, 1));
    assert_eq!((world.driver("driver_stats:trips", 1), history(&world, 510)), ("PRESENT 11".into(), Some(3)));
    // A run over history changes nothing that is newer.
    world.materialise(0, 10 * HOUR);
    assert_eq!(world.driver("driver_stats:trips", 1), "PRESENT 11");
}

#[test]
fn rows_are_written_under_either_name_and_type() {
    let world = world();
    let rows = drivers(&[(1, 590, 590, 9)]);
    let rows = without(&rows, "made");
    let rate = Arc::new(Float64Array::from(vec![0.5]));
    let named = with(&without(&rows, "rate"), "conv_rate", rate);
    let keyed = with(&named, "driver_id", Arc::new(Float32Array::from(vec![1.0])));
    assert_eq!(world.store.write_to_online_store("driver_stats", &keyed).unwrap(), Written::new(1, 0));
    assert_eq!(world.driver("driver_stats:conv_rate", 1), "PRESENT 0.5");
    // Extra columns are left alone.
    let extra = with(&keyed, "note", Arc::new(StringArray::from(vec!["x"])));
    assert_eq!(world.store.write_to_online_store("driver_stats", &extra).unwrap(), Written::new(1, 0));
}

#[test]
fn what_cannot_be_stored_is_refused_by_column_and_row() {
    let world = world();
    let good = drivers(&[(1, 590, 590, 9), (2, 591, 591, 9)]);
    let put = |rows: &RecordBatch| world.store.write_to_online_store("driver_stats", rows);
    let words = |words: Vec<Option<&str>>| Arc::new(StringArray::from(words));
    refused(put(&without(&good, "trips")), "schema_mismatch", &["view driver_stats", "trips"]);
    refused(put(&without(&good, "driver_id")), "schema_mismatch", &["driver_id"]);
    refused(put(&without(&good, "at")), "schema_mismatch", &["at"]);
    refused(
        put(&with(&good, "trips", words(vec![Some("9"), None]))),
        "schema_mismatch",
        &["trips", "row 0", "int64", "\"9\""],
    );
    refused(
        put(&with(&good, "trips", Arc::new(Float64Array::from(vec![1.0, 1.5])))),
        "schema_mismatch",
        &["trips", "row 1", "1.5"],
    );
    refused(
        put(&with(&good, "driver_id", words(vec![Some("1"), Some("2")]))),
        "schema_mismatch",
        &["driver_id", "row 0"],
    );
    refused(
        put(&with(&good, "driver_id", Arc::new(Float64Array::from(vec![1.0, f64::NAN])))),
        "invalid_input",
        &["driver_id", "row 1", "no key"],
    );
    let moments = |second: Option<i64>| {
        Arc::new(TimestampMicrosecondArray::from(vec![Some(590 * MINUTE), second]).with_timezone("UTC"))
    };
    refused(put(&with(&good, "at", moments(None))), "invalid_input", &["at", "row 1", "no event time"]);
    // A minute is what clocks may differ by.
    assert!(put(&with(&good, "at", moments(Some(601 * MINUTE)))).is_ok());
    refused(
        put(&with(&good, "at", moments(Some(601 * MINUTE + 1)))),
        "invalid_input",
        &["at", "row 1", "future"],
    );
    refused(
        put(&with(&good, "at", words(vec![Some("now"), None]))),
        "schema_mismatch",
        &["at", "timestamps"],
    );
    // Nothing of a refused table was written.
    assert_eq!(world.driver("driver_stats:trips", 3), "NOT_FOUND null");
    assert_eq!(put(&good.slice(0, 0)).unwrap(), Written::default());
    refused(world.store.write_to_online_store("scores", &good), "unsupported", &["scores"]);
    refused(
        world.store.write_to_online_store("driver_stat", &good),
        "not_found",
        &["did you mean driver_stats?"],
    );
}

#[test]
fn a_push_that_history_cannot_take_writes_nothing() {
    let world = world();
    let good = drivers(&[(1, 590, 590, 9)]);
    let extra = with(&good, "note", Arc::new(StringArray::from(vec!["x"])));
    let push = |rows: &RecordBatch| world.store.push("stats_push", rows, PushTo::OnlineAndOffline);
    refused(push(&extra), "schema_mismatch", &["source stats", "note", "leave it out"]);
    refused(push(&without(&good, "city")), "schema_mismatch", &["city"]);
    assert_eq!(world.driver("driver_stats:trips", 1), "NOT_FOUND null");
    refused(world.store.push("stats", &good, PushTo::Online), "invalid_input", &["file source"]);
    refused(world.store.push("stats_pushed", &good, PushTo::Online), "not_found", &["stats_push"]);
    // A single file is not added to.
    let folder = world.folder.path().join("stats");
    let kept = folder.join("part-0.parquet");
    std::fs::rename(&kept, world.folder.path().join("kept")).unwrap();
    std::fs::remove_dir(&folder).unwrap();
    std::fs::rename(world.folder.path().join("kept"), &folder).unwrap();
    refused(push(&good), "unsupported", &["one file", "online store alone"]);
    assert_eq!(world.driver("driver_stats:trips", 1), "NOT_FOUND null");
    // Where there is no folder yet, the rows are its first.
    std::fs::remove_file(&folder).unwrap();
    push(&good).unwrap();
    assert_eq!(history(&world, 600), Some(9));
}
