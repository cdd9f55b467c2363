//! Features for requests: what is there, what is too old, and under which names.

use std::sync::Arc;

use mlcore::arrow::array::{AsArray, Int32Array, RecordBatch, StringArray};
use mlcore::arrow::datatypes::{Float64Type, Int64Type};
use mlcore::batch::Value;
use mlcore::schema::DType;
use mlcore_features::store::definition::{FeatureService, Field, Projection, ViewVersion};
use mlcore_features::store::feature_store::{EntityRows, FeatureQuery, OnlineFeatures};
use mlcore_features::store::key::EntityKey;
use mlcore_features::store::online::{Cell, Status};

use super::{HOUR, MINUTE, World, at, drivers, stats};

fn world() -> World {
    let world = World::with(&drivers(&[(1, 480, 480, 20), (1, 420, 420, 10), (2, 360, 360, 5)]));
    world.materialise(0, 10 * HOUR);
    world
}

#[test]
fn a_service_is_answered_by_names_values_statuses_and_times() {
    let world = world();
    let ids = [Value::Int(1), Value::Int(2), Value::Int(3)];
    let names = [Value::Text("ann"), Value::Text("eve"), Value::Text("bob")];
    let vals = [Value::Float(0.5), Value::Float(1.0), Value::Float(1.0)];
    let rows =
        EntityRows::columns([("driver_id", &ids[..]), ("customer_id", &names[..]), ("val", &vals[..])])
            .unwrap();
    let answer = world.store.online_features(&FeatureQuery::service("ranking"), &rows).unwrap();
    assert_eq!(answer.join_keys().collect::<Vec<_>>(), ["driver_id", "customer_id"]);
    let features: Vec<&str> = answer.features().iter().map(|feature| feature.name.as_str()).collect();
    assert_eq!(features, ["trips", "amount", "rate_plus_val"]);
    use Status::{NotFound, NullValue, OutsideMaxAge, Present};
    let statuses: Vec<Vec<Status>> =
        (0..3).map(|row| (0..3).map(|feature| answer.status(row, feature)).collect()).collect();
    assert_eq!(statuses[0], [Present, Present, Present]);
    // Of driver 2 the newest row is four hours old, of three that count; nothing is computed of it.
    assert_eq!(statuses[1], [OutsideMaxAge, NotFound, NullValue]);
    assert_eq!(statuses[2], [NotFound, Present, NullValue]);
    assert_eq!(
        (answer.cell(0, 0), answer.cell(1, 0), answer.cell(0, 2)),
        (Cell::from(20_i64), Cell::NULL, Cell::from(2.5))
    );
    assert_eq!(
        (answer.event_time(0, 0), answer.event_time(1, 0)),
        (Some(at(480 * MINUTE)), Some(at(360 * MINUTE)))
    );
    assert_eq!((answer.event_time(0, 2), answer.status(9, 0)), (None, NotFound));
    let table = answer.with_join_keys(&rows).unwrap();
    let names: Vec<String> = table.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["driver_id", "customer_id", "trips", "amount", "rate_plus_val"]);
    assert_eq!(table["trips"].as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [Some(20), None, None]);
    assert_eq!(answer.to_record_batch().unwrap()["amount"].as_primitive::<Float64Type>().value(2), 2.5);
}

#[test]
fn an_expired_value_is_never_read() {
    let world = world();
    assert_eq!(world.driver("driver_stats:trips", 1), "PRESENT 20");
    world.set(11 * HOUR);
    assert_eq!(world.driver("driver_stats:trips", 1), "PRESENT 20");
    world.set(11 * HOUR + 1);
    assert_eq!(world.driver("driver_stats:trips", 1), "OUTSIDE_MAX_AGE null");
    // Nor by an on-demand view.
    let query = FeatureQuery::references(["scores:rate_plus_val"]).unwrap();
    let rows = EntityRows::one([("driver_id", Value::Int(1)), ("val", Value::Float(1.0))]);
    let answer = world.store.online_features(&query, &rows).unwrap();
    assert_eq!((answer.status(0, 0), answer.cell(0, 0)), (Status::NullValue, Cell::NULL));
}

#[test]
fn a_prepared_query_is_read_again_and_knows_its_revision() {
    let world = world();
    let query = FeatureQuery::references(["driver_stats:trips", "driver_stats:city"]).unwrap();
    let prepared = world.store.prepare(&query).unwrap();
    assert_eq!(prepared.join_keys().collect::<Vec<_>>(), [("driver_id", DType::Int64.into())]);
    let mut answer = OnlineFeatures::default();
    for (driver, expected) in [(1, Cell::from(20_i64)), (3, Cell::NULL), (1, Cell::from(20_i64))] {
        prepared.read(&EntityRows::one([("driver_id", Value::Int(driver))]), &mut answer).unwrap();
        assert_eq!((answer.rows(), answer.cell(0, 0)), (1, expected));
    }
    assert_eq!(answer.cell(0, 1), Cell::from("city 1"));
    let keys = [EntityKey::one("driver_id", 1).unwrap(), EntityKey::one("driver_id", 2).unwrap()];
    prepared.read_keys(&keys, at(9 * HOUR), &mut answer).unwrap();
    // Exactly as old as it may be.
    assert_eq!((answer.rows(), answer.cell(1, 0)), (2, Cell::from(5_i64)));
    let revision = world.store.snapshot().unwrap().revision();
    assert_eq!(prepared.revision(), revision);
    world.apply([mlcore_features::store::definition::Entity::builder("city").build().unwrap().into()]);
    assert_ne!(prepared.revision(), world.store.snapshot().unwrap().revision());
    // A failed read leaves nothing of the one before.
    prepared.read(&EntityRows::one([("driver", Value::Text("x"))]), &mut answer).unwrap_err();
    assert_eq!(answer.rows(), 0);
}

#[test]
fn a_column_may_have_the_entitys_name_and_another_integer_type() {
    let world = world();
    let query = FeatureQuery::references(["driver_stats:trips"]).unwrap();
    let table =
        RecordBatch::try_from_iter([("driver", Arc::new(Int32Array::from(vec![1, 2])) as _)]).unwrap();
    let answer = world.store.online_features(&query, &EntityRows::of(&table).unwrap()).unwrap();
    assert_eq!(answer.cell(0, 0), Cell::from(20_i64));
    // As JSON brings it.
    let rows = EntityRows::one([("driver_id", Value::Float(1.0))]);
    assert_eq!(world.store.online_features(&query, &rows).unwrap().cell(0, 0), Cell::from(20_i64));
}

#[test]
fn one_view_is_read_by_two_keys_under_two_names() {
    let world = world();
    let projection = |name: &str, column: &str| {
        Projection::of("driver_stats")
            .with_features(["trips"])
            .with_name(name)
            .with_join_key("driver_id", column)
    };
    let service = FeatureService::builder("pair")
        .projection(projection("first", "a"))
        .projection(projection("second", "b"));
    world.apply([service.build().unwrap().into()]);
    let query = FeatureQuery::service("pair").with_full_feature_names(true);
    let rows = EntityRows::one([("a", Value::Int(1)), ("b", Value::Int(2))]);
    world.set(9 * HOUR);
    let answer = world.store.online_features(&query, &rows).unwrap();
    let names: Vec<&str> = answer.features().iter().map(|feature| feature.name.as_str()).collect();
    assert_eq!(names, ["first__trips", "second__trips"]);
    assert_eq!((answer.cell(0, 0), answer.cell(0, 1)), (Cell::from(20_i64), Cell::from(5_i64)));
    // The same of history.
    let labels = RecordBatch::try_from_iter([
        ("event_timestamp", super::times(&[9 * HOUR])),
        ("a", Arc::new(mlcore::arrow::array::Int64Array::from(vec![1])) as _),
        ("b", Arc::new(mlcore::arrow::array::Int64Array::from(vec![2])) as _),
    ])
    .unwrap();
    let history = world.store.historical_features(&labels, &query, &Default::default()).unwrap();
    assert_eq!(history.table()["first__trips"].as_primitive::<Int64Type>().value(0), 20);
    assert_eq!(history.table()["second__trips"].as_primitive::<Int64Type>().value(0), 5);
}

#[test]
fn an_older_version_is_read_from_its_own_table() {
    let world = world();
    // Another time to live is another version, whose table is empty until it is materialised.
    let longer = mlcore_features::store::definition::FeatureView::builder("driver_stats", ["driver"])
        .schema(stats().schema().to_vec())
        .source("stats_push")
        .ttl(std::time::Duration::from_secs(9 * 3600));
    world.apply([longer.build().unwrap().into()]);
    assert_eq!(world.store.snapshot().unwrap().version_of("driver_stats").unwrap(), ViewVersion::new(1));
    assert_eq!(world.driver("driver_stats:trips", 2), "NOT_FOUND null");
    assert_eq!(world.driver("driver_stats@v0:trips", 2), "OUTSIDE_MAX_AGE null");
    world.materialise(0, 10 * HOUR);
    assert_eq!(world.driver("driver_stats:trips", 2), "PRESENT 5");
    assert_eq!(world.driver("driver_stats@v0:trips", 1), "PRESENT 20");
}

#[test]
fn a_view_without_entities_has_one_row_for_everybody() {
    let world = world();
    let view = mlcore_features::store::definition::FeatureView::builder("totals", Vec::<String>::new())
        .schema([Field::new("amount", DType::Float64)])
        .source("spend");
    world.apply([view.build().unwrap().into()]);
    world.materialise(0, 10 * HOUR);
    let query = FeatureQuery::references(["totals:amount", "driver_stats:trips"]).unwrap();
    let rows = EntityRows::one([("driver_id", Value::Int(1))]);
    let answer = world.store.online_features(&query, &rows).unwrap();
    assert_eq!((answer.cell(0, 0), answer.cell(0, 1)), (Cell::from(2.5), Cell::from(20_i64)));
}

#[test]
fn no_entities_are_answered_with_no_rows() {
    let world = world();
    let table = RecordBatch::try_from_iter([
        ("driver_id", Arc::new(Int32Array::from(Vec::<i32>::new())) as _),
        ("customer_id", Arc::new(StringArray::from(Vec::<&str>::new())) as _),
        ("val", Arc::new(mlcore::arrow::array::Float64Array::from(Vec::<f64>::new())) as _),
    ])
    .unwrap();
    let answer = world
        .store
        .online_features(&FeatureQuery::service("ranking"), &EntityRows::of(&table).unwrap())
        .unwrap();
    assert_eq!((answer.rows(), answer.to_record_batch().unwrap().num_rows()), (0, 0));
    assert_eq!(answer.to_record_batch().unwrap().num_columns(), 3);
}
