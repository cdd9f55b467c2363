//! A query by the keys of entities, as an endpoint asks.

use std::time::Duration;

use mlcore::schema::DType;
use mlcore_features::expression::col;
use mlcore_features::store::definition::{
    FeatureService, FeatureView, Field, OnDemandFeatureView, Projection, ValueType,
};
use mlcore_features::store::feature_store::FeatureQuery;
use mlcore_features::store::key::EntityKey;
use mlcore_features::store::online::{Cell, FeatureReader, Found, Status};

use super::{HOUR, MINUTE, World, at, drivers};

type Told = Vec<(Status, String, Option<i64>, Option<i64>)>;

/// What the reader tells of these entities, entity by entity.
fn told(reader: &dyn FeatureReader, keys: &[EntityKey], now: i64) -> Told {
    let width = reader.features().len();
    let mut told = vec![None; width * keys.len()];
    let mut visit = |entity: usize, feature: usize, found: Found<'_>| {
        let shown = found.cell.value().map_or("a list".to_owned(), |value| value.to_string());
        let micros = |moment: Option<mlcore::time::Timestamp>| moment.map(|moment| moment.as_micros());
        let place = &mut told[entity * width + feature];
        assert!(place.is_none(), "it is told once");
        *place = Some((found.status, shown, micros(found.event), micros(found.expiry)));
    };
    reader.read_features(keys, at(now), &mut visit).unwrap();
    told.into_iter().map(Option::unwrap).collect()
}

fn driver(id: i64) -> EntityKey {
    EntityKey::one("driver_id", id).unwrap()
}

fn world() -> World {
    let world = World::with(&drivers(&[(1, 480, 480, 20), (2, 360, 360, 5)]));
    world.apply([OnDemandFeatureView::builder("halves")
        .view("driver_stats")
        .schema([Field::new("half", DType::Float64)])
        .expression("half", col("trips") / 2.0)
        .build()
        .unwrap()
        .into()]);
    world.materialise(0, 10 * HOUR);
    world
}

#[test]
fn a_query_is_read_by_keys_with_what_a_value_expires_by() {
    let world = world();
    let query = FeatureQuery::references(["driver_stats:trips", "halves:half"]).unwrap();
    let reader = world.store.reader(&query).unwrap();
    let names: Vec<&str> = reader.join_keys().iter().map(|field| field.name()).collect();
    assert_eq!((names, reader.is_remote()), (vec!["driver_id"], false));
    let features = reader.features();
    let features: Vec<_> =
        features.iter().map(|field| (field.name(), field.dtype(), field.is_nullable())).collect();
    assert_eq!(features, [("trips", DType::Int64, true), ("half", DType::Float64, true)]);
    let event = 480 * MINUTE;
    let expiry = Some(event + Duration::from_secs(3 * 3600).as_micros() as i64);
    let old = 360 * MINUTE;
    let old_expiry = Some(old + 3 * HOUR);
    let keys = [driver(1), driver(2), driver(9)];
    for _ in 0..2 {
        let found = told(&reader, &keys, 10 * HOUR);
        assert_eq!(
            found,
            [
                (Status::Present, "20".to_owned(), Some(event), expiry),
                // What is computed counts as long as what it is computed of.
                (Status::Present, "10.0".to_owned(), None, expiry),
                (Status::OutsideMaxAge, "null".to_owned(), Some(old), old_expiry),
                (Status::NullValue, "null".to_owned(), None, old_expiry),
                (Status::NotFound, "null".to_owned(), None, None),
                (Status::NullValue, "null".to_owned(), None, None),
            ]
        );
    }
    assert_eq!(told(&reader, &keys[..1], 11 * HOUR + 1)[0].0, Status::OutsideMaxAge);
    assert!(told(&reader, &[], 0).is_empty());
    let wrong = EntityKey::one("customer_id", 1).unwrap();
    let mut seen = 0;
    let read = reader.read_features(&[wrong], at(0), &mut |_, _, found| {
        seen += u32::from(found.status == Status::Present && found.cell != Cell::NULL);
    });
    assert!(read.is_err() || seen == 0);
}

#[test]
fn keys_have_the_names_of_the_querys_columns() {
    let world = world();
    let rival = Projection::of("driver_stats").with_name("rival").with_join_key("driver_id", "rival_id");
    let service =
        FeatureService::builder("rivals").projection(rival.with_features(["trips"])).build().unwrap();
    world.apply([service.into()]);
    let reader = world.store.reader(&FeatureQuery::service("rivals")).unwrap();
    assert_eq!(reader.join_keys()[0].name(), "rival_id");
    let found = told(&reader, &[EntityKey::one("rival_id", 1).unwrap()], 10 * HOUR);
    assert_eq!((found[0].0, found[0].1.as_str()), (Status::Present, "20"));
    let error = reader.read_features(&[driver(1)], at(0), &mut |_, _, _| ()).unwrap_err();
    assert!(error.to_string().contains("it has no join key rival_id"), "{error}");
}

#[test]
fn queries_that_one_key_does_not_answer_are_refused() {
    let world = world();
    let vectors = FeatureView::builder("vectors", ["driver"])
        .schema([Field::new("vector", ValueType::List(DType::Float64))])
        .source("stats")
        .build()
        .unwrap();
    world.apply([vectors.into()]);
    let refused = |query: FeatureQuery, words: &str| {
        let error = world.store.reader(&query).unwrap_err();
        assert!(matches!(error, mlcore::Error::Unsupported(_)), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    };
    let both = FeatureQuery::references(["driver_stats:trips", "spend:amount"]).unwrap();
    refused(both, "one set of join keys");
    refused(FeatureQuery::references(["scores:rate_plus_val"]).unwrap(), "reads val from the request");
    refused(FeatureQuery::references(["vectors:vector"]).unwrap(), "it is a list");
    assert!(world.store.reader(&FeatureQuery::references(["driver_stats:tips"]).unwrap()).is_err());
}
