//! Served features against history: counts, the greatest difference, and the rows.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use mlcore::batch::{OwnedValue, Value};
use mlcore_features::store::feature_store::{EntityRows, FeatureQuery, SkewOptions, SkewReport};

use super::{HOUR, MINUTE, World, at, drivers, times, with};

fn query() -> FeatureQuery {
    FeatureQuery::references([
        "driver_stats:trips",
        "driver_stats:conv_rate",
        "driver_stats:city",
        "scores:rate_plus_val",
    ])
    .unwrap()
}

/// What was served of four drivers at ten hours.
fn served(world: &World) -> RecordBatch {
    let columns: [(&str, ArrayRef); 3] = [
        ("driver_id", Arc::new(Int64Array::from(vec![1, 2, 3, 4]))),
        ("val", Arc::new(Float64Array::from(vec![0.25; 4]))),
        ("requested_at", times(&[10 * HOUR; 4])),
    ];
    let rows = RecordBatch::try_from_iter(columns).unwrap();
    let answer = world.store.online_features(&query(), &EntityRows::of(&rows).unwrap()).unwrap();
    let features = answer.to_record_batch().unwrap();
    let names = features.schema();
    names
        .fields()
        .iter()
        .zip(features.columns())
        .fold(rows, |rows, (field, column)| with(&rows, field.name(), column.clone()))
}

#[test]
fn what_was_served_is_what_history_says() {
    let world = World::with(&drivers(&[(1, 480, 480, 20), (2, 500, 500, 5), (3, 60, 60, 1)]));
    world.materialise(0, 10 * HOUR);
    let report = world.store.check_skew(&served(&world), &query(), &SkewOptions::default()).unwrap();
    assert!(report.is_equal(), "{report}");
    assert_eq!((report.rows, report.columns.len()), (4, 4));
}

#[test]
fn differences_are_counted_and_shown() {
    let world = World::with(&drivers(&[(1, 480, 480, 20), (2, 500, 500, 5), (3, 550, 550, 7)]));
    world.materialise(0, 10 * HOUR);
    let served = served(&world);
    let served = with(&served, "trips", Arc::new(Int64Array::from(vec![Some(23), Some(5), None, Some(1)])));
    let served =
        with(&served, "city", Arc::new(StringArray::from(vec!["city 1", "city 9", "city 3", "city 4"])));
    let report = world.store.check_skew(&served, &query(), &SkewOptions::default()).unwrap();
    let trips = &report.columns[0];
    assert_eq!((trips.equal, trips.differing, trips.only_online, trips.only_offline), (1, 1, 1, 1));
    assert_eq!(trips.greatest_difference, Some(3.0));
    let first = &trips.differences[0];
    assert_eq!((first.row, first.key.as_str(), first.requested_at), (0, "driver_id=1", Some(at(10 * HOUR))));
    assert_eq!((&first.online, &first.offline), (&OwnedValue::Int(23), &OwnedValue::Int(20)));
    assert_eq!(first.event_time, Some(at(480 * MINUTE)));
    let city = &report.columns[2];
    assert_eq!((city.equal, city.differing, city.only_online, city.greatest_difference), (2, 1, 1, None));
    assert!(report.columns[3].is_equal());
    let text = report.to_string();
    let expected = "trips: 1 equal, 1 differing, 1 only online, 1 only offline, at most 3 apart\n    row 0, driver_id=1, 1970-01-01T10:00:00Z: online 23, offline 20 of 1970-01-01T08:00:00Z\n";
    assert!(text.starts_with(&format!("4 rows\n{expected}")), "{text}");
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<SkewReport>(&json).unwrap(), report);
    let few = world.store.check_skew(&served, &query(), &SkewOptions::default().with_differences(1)).unwrap();
    assert_eq!((few.columns[0].differences.len(), few.columns[0].differing), (1, 1));
}

#[test]
fn a_log_without_a_feature_is_refused_by_name() {
    let world = World::with(&drivers(&[(1, 480, 480, 20)]));
    let served = served(&world);
    let check = |table: &RecordBatch| world.store.check_skew(table, &query(), &SkewOptions::default());
    crate::support::refused(check(&super::without(&served, "city")), "schema_mismatch", &["city"]);
    let wrong = with(&served, "trips", Arc::new(StringArray::from(vec!["1"; 4])));
    crate::support::refused(check(&wrong), "schema_mismatch", &["trips", "row 0"]);
    crate::support::refused(check(&super::without(&served, "driver_id")), "invalid_input", &["driver_id"]);
}

#[test]
fn requests_are_collected_one_by_one() {
    let world = World::with(&drivers(&[(1, 480, 480, 20), (2, 500, 500, 5)]));
    let mut rows = world.store.served_rows(&query(), "served_at").unwrap();
    assert_eq!(rows.asked().collect::<Vec<_>>(), ["driver_id", "val"]);
    assert_eq!(rows.features().collect::<Vec<_>>(), ["trips", "conv_rate", "city", "rate_plus_val"]);
    let value = |driver: i64, trips: i64| {
        move |column: &str| match column {
            "driver_id" => Some(Value::Int(driver)),
            "val" => Some(Value::Float(0.25)),
            "trips" => Some(Value::Int(trips)),
            "conv_rate" => Some(Value::Float(f64::from(trips as f32 / 10.0))),
            "city" => Some(Value::Text(if driver == 1 { "city 1" } else { "city 2" })),
            // An integer is taken where a float is meant.
            "rate_plus_val" => Some(Value::Null),
            _ => None,
        }
    };
    rows.push(at(10 * HOUR), value(1, 20)).unwrap();
    rows.push(at(10 * HOUR), value(2, 6)).unwrap();
    let lacks = rows.push(at(0), |column| value(1, 1)(column).filter(|_| column != "city"));
    crate::support::refused(lacks, "invalid_input", &["city", "row 2"]);
    let wrong = rows
        .push(at(0), |column| if column == "trips" { Some(Value::Text("x")) } else { value(1, 1)(column) });
    crate::support::refused(wrong, "schema_mismatch", &["trips", "row 2"]);
    assert_eq!(rows.rows(), 2);
    let table = rows.finish().unwrap();
    assert_eq!((table.num_rows(), rows.rows()), (2, 0));
    let historical = SkewOptions::default().historical.with_event_timestamp("served_at");
    let options = SkewOptions::default().with_historical(historical);
    let report = world.store.check_skew(&table, &query(), &options).unwrap();
    let counts: Vec<_> =
        report.columns.iter().map(|column| (column.equal, column.differing, column.only_offline)).collect();
    assert_eq!(counts, [(1, 1, 0), (1, 1, 0), (2, 0, 0), (0, 0, 2)]);
    let conflict = world.store.served_rows(&query(), "driver_id");
    crate::support::refused(conflict, "invalid_input", &["driver_id", "a join key"]);
}

#[test]
fn reports_of_stretches_add_up() {
    let world = World::with(&drivers(&[(1, 480, 480, 20), (2, 500, 500, 5), (3, 550, 550, 7)]));
    world.materialise(0, 10 * HOUR);
    let served = served(&world);
    let served = with(&served, "trips", Arc::new(Int64Array::from(vec![Some(23), Some(5), None, Some(1)])));
    for most in [1, 2, 10] {
        let options = SkewOptions::default().with_differences(most);
        let check = |rows: &RecordBatch| world.store.check_skew(rows, &query(), &options).unwrap();
        let whole = check(&served);
        let mut added = check(&served.slice(0, 1));
        for row in 1..4 {
            added.append(check(&served.slice(row, 1)), most).unwrap();
        }
        assert_eq!(added, whole);
    }
    let other = FeatureQuery::references(["driver_stats:trips"]).unwrap();
    let other = world.store.check_skew(&served, &other, &SkewOptions::default()).unwrap();
    let mut report = world.store.check_skew(&served, &query(), &SkewOptions::default()).unwrap();
    crate::support::refused(report.append(other, 10), "invalid_input", &["trips"]);
}
