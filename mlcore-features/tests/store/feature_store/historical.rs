//! Training rows: which features they get, under which names, and what is known of the set.

use std::sync::Arc;

use mlcore::arrow::array::{
    ArrayRef, AsArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use mlcore::arrow::datatypes::{Float32Type, Float64Type, Int64Type};
use mlcore_features::store::definition::ViewVersion;
use mlcore_features::store::feature_store::{FeatureQuery, HistoricalOptions, TrainingSet};

use super::{HOUR, MINUTE, World, at, drivers, times, with, without};

/// Out of order, with a row that was created late and one of the same event time.
fn world() -> World {
    World::with(&drivers(&[(1, 120, 121, 20), (1, 60, 61, 10), (2, 60, 200, 5), (1, 120, 130, 21)]))
}

fn labels() -> RecordBatch {
    let columns: [(&str, ArrayRef); 5] = [
        ("event_timestamp", times(&[125 * MINUTE, 131 * MINUTE, 61 * MINUTE, 70 * MINUTE, 9 * HOUR])),
        ("driver_id", Arc::new(Int64Array::from(vec![1, 1, 1, 2, 1]))),
        ("customer_id", Arc::new(StringArray::from(vec!["ann", "bob", "ann", "bob", "eve"]))),
        ("val", Arc::new(Float64Array::from(vec![0.5, 1.0, 2.0, 3.0, 4.0]))),
        ("label", Arc::new(Int64Array::from(vec![0, 1, 0, 1, 0]))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

#[test]
fn a_service_joins_views_of_two_entities_and_computes() {
    let world = world();
    let query = FeatureQuery::service("ranking");
    let history = world.store.historical_features(&labels(), &query, &HistoricalOptions::default()).unwrap();
    let table = history.table();
    let names: Vec<String> = table.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(
        names,
        ["event_timestamp", "driver_id", "customer_id", "val", "label", "trips", "amount", "rate_plus_val"]
    );
    let trips: Vec<Option<i64>> = table["trips"].as_primitive::<Int64Type>().iter().collect();
    // The late row of driver 2 was not known then; nine hours are past the time to live.
    assert_eq!(trips, [Some(20), Some(21), Some(10), None, None]);
    let amounts: Vec<Option<f64>> = table["amount"].as_primitive::<Float64Type>().iter().collect();
    assert_eq!(amounts, [Some(1.5), Some(2.5), Some(1.5), None, None]);
    let scores: Vec<Option<f64>> = table["rate_plus_val"].as_primitive::<Float64Type>().iter().collect();
    let rate = |trips: f32| Some(f64::from(trips / 10.0));
    assert_eq!(
        scores,
        [rate(20.0).map(|r| r + 0.5), rate(21.0).map(|r| r + 1.0), rate(10.0).map(|r| r + 2.0), None, None]
    );
    assert_eq!((history.event_timestamp(), history.features().len()), ("event_timestamp", 3));
}

#[test]
fn names_are_full_where_that_is_asked_for() {
    let world = world();
    let query =
        FeatureQuery::references(["driver_stats:conv_rate", "scores:size", "driver_stats:trips"]).unwrap();
    let query = query.with_full_feature_names(true);
    let rows = without(&labels(), "customer_id");
    let history = world.store.historical_features(&rows, &query, &HistoricalOptions::default()).unwrap();
    assert_eq!(history.features(), ["driver_stats__conv_rate", "scores__size", "driver_stats__trips"]);
    let table = history.table();
    assert_eq!(table["driver_stats__conv_rate"].as_primitive::<Float32Type>().value(0), 2.0);
    let sizes: Vec<Option<&str>> = table["scores__size"].as_string::<i32>().iter().collect();
    assert_eq!(sizes[..3], [Some("big"), Some("big"), Some("small")]);
}

#[test]
fn late_rows_are_used_on_request() {
    let world = world();
    let query = FeatureQuery::references(["driver_stats:trips"]).unwrap();
    let options = HistoricalOptions::default().with_late_rows(true);
    let history = world.store.historical_features(&labels(), &query, &options).unwrap();
    let trips: Vec<Option<i64>> = history.table()["trips"].as_primitive::<Int64Type>().iter().collect();
    assert_eq!(trips, [Some(21), Some(21), Some(10), Some(5), None]);
}

#[test]
fn the_column_of_times_is_found_as_feast_finds_it() {
    let world = world();
    let query = FeatureQuery::references(["driver_stats:trips"]).unwrap();
    let rows = without(&without(&labels(), "customer_id"), "event_timestamp");
    let moments = || times(&[130 * MINUTE; 5]);
    let join = |rows: &RecordBatch, options: &HistoricalOptions| {
        world.store.historical_features(rows, &query, options)
    };
    let one = with(&rows, "decided", moments());
    assert_eq!(join(&one, &HistoricalOptions::default()).unwrap().event_timestamp(), "decided");
    // A date is no column of timestamps, and is taken where it is named.
    let dated = with(&one, "day", Arc::new(Date32Array::from(vec![1; 5])));
    assert_eq!(join(&dated, &HistoricalOptions::default()).unwrap().event_timestamp(), "decided");
    let named = HistoricalOptions::default().with_event_timestamp("day");
    assert_eq!(join(&dated, &named).unwrap().event_timestamp(), "day");
    let two = with(&one, "seen", moments());
    crate::support::refused(
        join(&two, &HistoricalOptions::default()),
        "invalid_input",
        &["decided, seen", "event_timestamp"],
    );
    crate::support::refused(
        join(&rows, &HistoricalOptions::default()),
        "invalid_input",
        &["no column is of timestamps"],
    );
    // Times without a zone are UTC, unless a zone is required.
    let bare = with(&rows, "t", Arc::new(TimestampMicrosecondArray::from(vec![130 * MINUTE; 5])));
    assert_eq!(
        join(&bare, &HistoricalOptions::default()).unwrap().table()["trips"]
            .as_primitive::<Int64Type>()
            .value(0),
        21
    );
    let required = HistoricalOptions::default().with_required_time_zones(true);
    crate::support::refused(join(&bare, &required), "schema_mismatch", &["no time zone"]);
}

#[test]
fn a_training_set_is_known_by_its_content() {
    let world = world();
    let query = FeatureQuery::service("ranking");
    let history = world.store.historical_features(&labels(), &query, &HistoricalOptions::default()).unwrap();
    let path = world.folder.path().join("training.parquet");
    let set = history.save(&path).unwrap();
    assert_eq!(set, history.training_set().unwrap());
    let json = std::fs::read(world.folder.path().join("training.parquet.json")).unwrap();
    assert_eq!(serde_json::from_slice::<TrainingSet>(&json).unwrap(), set);
    assert_eq!((set.rows, set.features.len(), set.times), (5, 3, Some((at(61 * MINUTE), at(9 * HOUR)))));
    let stats = &set.views[0];
    assert_eq!(
        (stats.view.as_str(), stats.version, stats.rows, stats.present),
        ("driver_stats", ViewVersion::new(0), 4, 3)
    );
    assert_eq!(stats.events, Some((at(60 * MINUTE), at(120 * MINUTE))));
    // The file read back has the same content, whatever its layout.
    let file = std::fs::File::open(&path).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let read = reader.build().unwrap().next().unwrap().unwrap();
    set.check(&read).unwrap();
    let damaged = with(&read, "label", Arc::new(Int64Array::from(vec![0, 1, 0, 1, 1])));
    crate::support::refused(set.check(&damaged), "corrupt", &["digest"]);
    // The registry of models takes the digest as the data set of a version.
    assert_eq!(mlcore::registry::Lineage::default().with_dataset(set.digest).dataset, Some(set.digest));
}

#[test]
fn no_entity_rows_are_no_rows_with_all_columns() {
    let world = world();
    let history = world
        .store
        .historical_features(
            &labels().slice(0, 0),
            &FeatureQuery::service("ranking"),
            &HistoricalOptions::default(),
        )
        .unwrap();
    assert_eq!((history.table().num_rows(), history.table().num_columns()), (0, 8));
    assert_eq!(history.training_set().unwrap().times, None);
}
