//! What is wrong is said by name, with what to do, and loses nothing.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use mlcore::batch::Value;
use mlcore_features::store::feature_store::{
    EntityRows, FeatureQuery, HistoricalOptions, MaterialiseOptions,
};

use super::{HOUR, MINUTE, World, at, drivers, times, with, without, write};
use crate::support::refused;

fn world() -> World {
    World::with(&drivers(&[(1, 480, 480, 20), (2, 490, 490, 5)]))
}

fn labels() -> RecordBatch {
    let columns: [(&str, ArrayRef); 2] =
        [("event_timestamp", times(&[500 * MINUTE])), ("driver_id", Arc::new(Int64Array::from(vec![1])))];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn trips() -> FeatureQuery {
    FeatureQuery::references(["driver_stats:trips"]).unwrap()
}

fn join(world: &World, labels: &RecordBatch) -> mlcore::Result<RecordBatch> {
    Ok(world.store.historical_features(labels, &trips(), &HistoricalOptions::default())?.into_table())
}

fn fill(world: &World) -> mlcore::Result<u64> {
    let report = world.store.materialise(
        at(0),
        at(10 * HOUR),
        &MaterialiseOptions::default().with_views(["driver_stats"]),
    )?;
    Ok(report.views[0].stored)
}

#[test]
fn what_is_not_there_is_named_with_what_is_near() {
    let world = world();
    let ask = |reference: &str| world.store.prepare(&FeatureQuery::references([reference]).unwrap());
    refused(ask("driver_stat:trips"), "not_found", &["driver_stat", "did you mean driver_stats?"]);
    refused(ask("driver_stats:trip"), "not_found", &["trip"]);
    refused(ask("driver_stats@v9:trips"), "not_found", &["v9"]);
    refused(world.store.prepare(&FeatureQuery::service("rankin")), "not_found", &["rankin", "ranking"]);
    let options = MaterialiseOptions::default().with_views(["drivers_stats"]);
    refused(world.store.materialise(at(0), at(HOUR), &options), "not_found", &["did you mean driver_stats?"]);
    refused(
        world.store.materialise(at(HOUR), at(HOUR), &MaterialiseOptions::default()),
        "invalid_input",
        &["end"],
    );
}

#[test]
fn entity_rows_that_do_not_fit_are_refused_by_column_and_row() {
    let world = world();
    let ask = |rows: &EntityRows<'_>| world.store.online_features(&trips(), rows);
    refused(
        ask(&EntityRows::one([("drivers", Value::Int(1))])),
        "invalid_input",
        &["driver_id", "join key", "drivers"],
    );
    for (value, shown) in [
        (Value::Text("1"), "\"1\""),
        (Value::Null, "no key"),
        (Value::Float(f64::NAN), "no key"),
        (Value::Float(1.5), "1.5"),
        (Value::Bool(true), "true"),
    ] {
        let values = [Value::Int(1), value];
        let rows = EntityRows::columns([("driver_id", &values[..])]).unwrap();
        refused(ask(&rows), "schema_mismatch", &["driver_id, row 1", shown, "int64"]);
    }
    let (one, two) = ([Value::Int(1)], [Value::Int(1), Value::Int(2)]);
    refused(
        EntityRows::columns([("a", &one[..]), ("b", &two[..])]),
        "invalid_input",
        &["column b", "2 values"],
    );
    refused(
        EntityRows::columns([("a", &one[..]), ("a", &one[..])]),
        "invalid_input",
        &["column a", "two columns"],
    );
    // Values that come with a request.
    let scores = FeatureQuery::references(["scores:rate_plus_val"]).unwrap();
    let rows = EntityRows::one([("driver_id", Value::Int(1))]);
    refused(world.store.online_features(&scores, &rows), "invalid_input", &["column val", "on-demand"]);
    let rows = EntityRows::one([("driver_id", Value::Int(1)), ("val", Value::Text("x"))]);
    refused(
        world.store.online_features(&scores, &rows),
        "schema_mismatch",
        &["column val, row 0", "float64"],
    );
    // Columns that nothing asks for are left alone.
    assert!(ask(&EntityRows::one([("driver_id", Value::Int(1)), ("note", Value::Text("x"))])).is_ok());
}

#[test]
fn training_rows_that_do_not_fit_are_refused_by_column() {
    let world = world();
    refused(join(&world, &without(&labels(), "driver_id")), "invalid_input", &["driver_id", "join key"]);
    let texts = with(&labels(), "driver_id", Arc::new(StringArray::from(vec!["1"])));
    refused(join(&world, &texts), "schema_mismatch", &["driver_id"]);
    // A key that is NaN equals nothing, and its row stays.
    let nan = with(&labels(), "driver_id", Arc::new(Float64Array::from(vec![f64::NAN])));
    let joined = join(&world, &nan).unwrap();
    assert_eq!((joined.num_rows(), joined["trips"].null_count()), (1, 1));
    // A label that is called as a feature.
    let label = with(&labels(), "trips", Arc::new(Int64Array::from(vec![1])));
    refused(join(&world, &label), "invalid_input", &["trips", "full feature names"]);
    // Times of the future see what is known now, within the time to live.
    let future = with(&labels(), "event_timestamp", times(&[11 * HOUR]));
    assert_eq!(join(&world, &future).unwrap()["trips"].null_count(), 0);
    // Rows twice are answered twice.
    let twice = with(
        &with(&labels(), "event_timestamp", times(&[500 * MINUTE])),
        "x",
        Arc::new(Int64Array::from(vec![1])),
    );
    let twice = arrow_select::concat::concat_batches(&twice.schema(), [&twice, &twice]).unwrap();
    assert_eq!(join(&world, &twice).unwrap().num_rows(), 2);
}

#[test]
fn a_source_that_changed_is_told_by_view_and_column() {
    let world = world();
    let path = world.folder.path().join("stats/part-0.parquet");
    let rows = drivers(&[(1, 480, 480, 20), (2, 490, 490, 5)]);
    let both = |kind: &str, words: &[&str]| {
        refused(fill(&world), kind, words);
        refused(join(&world, &labels()), kind, words);
    };
    write(&path, &without(&rows, "trips"));
    both("schema_mismatch", &["view driver_stats", "trips"]);
    write(&path, &without(&rows, "at"));
    both("schema_mismatch", &["view driver_stats", "at"]);
    // The type of a column changed: texts are no numbers.
    write(&path, &with(&rows, "trips", Arc::new(StringArray::from(vec!["20", "many"]))));
    both("schema_mismatch", &["trips", "row 0", "int64"]);
    // A file that was cut in half.
    write(&path, &rows);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    both("corrupt", &["view driver_stats", "part-0.parquet"]);
    std::fs::remove_file(&path).unwrap();
    both("not_found", &["view driver_stats", "stats"]);
    std::fs::remove_dir(world.folder.path().join("stats")).unwrap();
    both("not_found", &["view driver_stats", "no such file or folder"]);
    // Nothing was noted as done.
    assert_eq!(world.store.definitions().materialised("driver_stats").unwrap().intervals(), []);
    write(&path, &rows);
    assert_eq!(fill(&world).unwrap(), 2);
}

#[test]
fn keys_that_are_missing_are_left_out_and_whole_floats_are_integers() {
    let world = world();
    let path = world.folder.path().join("stats/part-0.parquet");
    let rows = drivers(&[(1, 480, 480, 20), (2, 490, 490, 5), (3, 490, 490, 6)]);
    // As pandas writes integers with a gap.
    write(&path, &with(&rows, "driver_id", Arc::new(Float64Array::from(vec![1.0, f64::NAN, 3.0]))));
    assert_eq!(fill(&world).unwrap(), 2);
    assert_eq!(world.driver("driver_stats:trips", 3), "PRESENT 6");
    write(&path, &with(&rows, "driver_id", Arc::new(Float64Array::from(vec![1.0, 2.5, 3.0]))));
    refused(fill(&world), "schema_mismatch", &["driver_id", "2.5"]);
}
