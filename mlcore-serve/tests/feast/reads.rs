use http::{Method, StatusCode};
use serde_json::json;

use crate::support::Place;

const NEVER: &str = "1970-01-01T00:00:00Z";

#[test]
fn features_are_read_with_status_and_time() {
    let place = Place::new().with_two_drivers();
    let answer = place.read(&["stats:trips", "stats:rating"], &json!({"driver_id": [1002, 7, 1001]}));
    assert_eq!(
        answer.json(),
        json!({
            "metadata": {"feature_names": ["driver_id", "trips", "rating"]},
            "results": [
                {"values": [1002, 7, 1001], "statuses": ["PRESENT", "PRESENT", "PRESENT"], "event_timestamps": [NEVER, NEVER, NEVER]},
                {
                    "values": [8, null, 7],
                    "statuses": ["PRESENT", "NOT_FOUND", "PRESENT"],
                    "event_timestamps": ["2024-02-29T11:45:00.250Z", NEVER, "2024-02-29T11:45:00Z"],
                },
                {
                    "values": [null, null, 4.5],
                    "statuses": ["NULL_VALUE", "NOT_FOUND", "PRESENT"],
                    "event_timestamps": ["2024-02-29T11:45:00.250Z", NEVER, "2024-02-29T11:45:00Z"],
                },
            ],
        })
    );
    assert_eq!(answer.headers["content-type"], "application/json");
}

#[test]
fn an_expired_value_is_outside_its_age_and_null() {
    let place = Place::new().with_two_drivers();
    place.wait(1);
    let (values, statuses, times) =
        place.read(&["stats:trips"], &json!({"driver_id": [1001]})).column("trips");
    assert_eq!((values, statuses), (json!([null]), json!(["OUTSIDE_MAX_AGE"])));
    assert_eq!(times, json!(["2024-02-29T11:45:00Z"]));
}

#[test]
fn names_are_full_where_that_is_asked_for() {
    let place = Place::new().with_two_drivers();
    let body = json!({
        "features": ["stats:trips", "stats@v0:trips"], "entities": {"driver_id": [1001]}, "full_feature_names": true,
        "include_feature_view_version_metadata": true, "unknown": {"a": [1]},
    });
    let json = place.post("/get-online-features", &body).json();
    assert_eq!(json["metadata"]["feature_names"], json!(["driver_id", "stats__trips", "stats@v0__trips"]));
    assert_eq!(
        json["metadata"]["feature_view_metadata"],
        json!([{"name": "stats"}]),
        "version 0 is left out"
    );
    assert_eq!(json["results"][2]["values"], json!([7]));
}

#[test]
fn a_service_maps_join_keys() {
    let place = Place::new().with_two_drivers();
    // As text, because the columns come back in the order of the request.
    let body = r#"{"feature_service": "ranking", "entities":
        {"driver_id": [1001], "origin_id": [1002], "city_name": ["Rome"], "else": [1]}}"#;
    let json = place.send(Method::POST, "/get-online-features", body).json();
    assert_eq!(
        json["metadata"]["feature_names"],
        json!(["driver_id", "origin_id", "city_name", "rating", "trips"]),
        "join keys of the project come back, what is nobody's does not"
    );
    let values: Vec<_> = (0..5).map(|place| json["results"][place]["values"][0].clone()).collect();
    assert_eq!(json!(values), json!([1001, 1002, "Rome", 4.5, 8]));
}

#[test]
fn an_entity_is_named_by_its_name_too() {
    let place = Place::new().with_two_drivers();
    let (values, ..) = place.read(&["stats:trips"], &json!({"driver": [1001]})).column("trips");
    assert_eq!(values, json!([7]));
    let names =
        place.read(&["stats:trips"], &json!({"driver": [1001]})).json()["metadata"]["feature_names"].clone();
    assert_eq!(names, json!(["driver_id", "trips"]));
}

#[test]
fn on_demand_views_read_values_of_the_request() {
    let place = Place::new().with_two_drivers();
    let answer =
        place.read(&["boosted:boost"], &json!({"driver_id": [1001, 1002, 7], "factor": [2, 2.0, 1]}));
    let (values, statuses, times) = answer.column("boost");
    assert_eq!(values, json!([9.0, null, null]));
    assert_eq!(statuses, json!(["PRESENT", "NULL_VALUE", "NULL_VALUE"]));
    assert_eq!(times, json!([NEVER, NEVER, NEVER]));
    assert_eq!(answer.json()["metadata"]["feature_names"], json!(["driver_id", "boost"]));
    let lacking = place.read(&["boosted:boost"], &json!({"driver_id": [1001]})).refusal();
    assert_eq!((lacking.0, lacking.1.as_str()), (404, "RequestDataNotFoundInEntityRowsException"));
    assert!(lacking.2.contains("factor"), "{}", lacking.2);
}

#[test]
fn every_kind_of_value_comes_back_as_feast_writes_it() {
    let place = Place::new();
    let body = r#"{"feature_view_name": "kinds", "df": {
        "driver_id": [1, 2], "small": [0.1, NaN], "numbers": [[1, 0.5], null], "seen": [1709208000, "2024-02-29T13:00:00+01:00"],
        "home": ["Rom\u00e9\"", NaN], "is_new": [true, null],
        "event_timestamp": ["2024-02-29T11:00:00Z", "2024-02-29 11:00:00"]}}"#;
    let answer = place.send(Method::POST, "/write-to-online-store", body);
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let features = ["kinds:small", "kinds:numbers", "kinds:seen", "kinds:home", "kinds:is_new"];
    let answer = place.read(&features, &json!({"driver_id": [1, 2]}));
    let of = |name: &str| answer.column(name).0;
    // As by Feast, for which a float that is NaN is missing.
    assert_eq!(of("small"), json!([0.10000000149011612, null]));
    assert_eq!(of("numbers"), json!([[1.0, 0.5], null]));
    assert_eq!(of("seen"), json!([1_709_208_000, 1_709_208_000]));
    assert_eq!(of("home"), json!(["Rom\u{e9}\"", null]));
    assert_eq!(of("is_new"), json!([true, null]));
}

#[test]
fn a_view_of_nobody_is_read_for_each_row() {
    let place = Place::new();
    assert_eq!(
        place.write("world", &json!({"level": [3], "event_timestamp": ["2024-02-29T11:00:00"]})).status,
        200
    );
    let answer = place.read(&["world:level"], &json!({"driver_id": [1, 2]}));
    assert_eq!(answer.column("level").0, json!([3, 3]));
}

#[test]
fn no_entities_are_answered_by_nothing() {
    let place = Place::new();
    for entities in [json!({"driver_id": []}), json!({"driver_id": [], "else": []})] {
        let json = place.read(&["stats:trips"], &entities).json();
        assert_eq!(json["metadata"]["feature_names"], json!(["driver_id", "trips"]));
        assert_eq!(json["results"][1], json!({"values": [], "statuses": []}));
    }
}

#[test]
fn health_asks_the_store() {
    let place = Place::new();
    let answer = place.send(Method::GET, "/health", "");
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
}
