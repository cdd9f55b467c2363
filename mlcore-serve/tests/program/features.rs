//! A feature store that is served by one command.

use serde_json::{Value, json};

use crate::place::Place;

const DEFINITIONS: &str = r#"
project = "rides"

[[entities]]
name = "driver"
join_keys = ["driver_id"]
value_type = "int64"

[[feature_views]]
name = "stats"
entities = ["driver"]
schema = [{ name = "trips", dtype = "int64" }]
"#;

fn trips(place: &Place) -> Value {
    let body = json!({"features": ["stats:trips"], "entities": {"driver_id": [7]}});
    place.post("/get-online-features", &body)["results"][1]["values"].clone()
}

#[test]
fn a_folder_of_features_is_served_by_one_command() {
    let place = Place::new();
    place.write_here("features/feature_store.toml", DEFINITIONS);
    let serve = ["--feature-store", "features"];
    let place = place.serve(&serve);
    assert!(place.log().contains("Created feature view stats"), "{}", place.log());
    let df = json!({"driver_id": [7], "trips": [3], "event_timestamp": ["2024-02-29T12:00:00"]});
    let written = place.post("/write-to-online-store", &json!({"feature_view_name": "stats", "df": df}));
    assert_eq!((written, trips(&place)), (Value::Null, json!([3])));
    assert_eq!(place.get("/health").0, 200);
    let again = place.again();
    assert_eq!(place.stop(), Some(0));
    let place = again.serve(&serve);
    assert!(place.log().contains("are as they were"), "{}", place.log());
    assert_eq!(trips(&place), json!([3]), "it was kept");
    assert_eq!(place.stop(), Some(0));
}

#[test]
fn a_feature_store_that_is_none_is_told() {
    let place = Place::new();
    place.write_here("empty/readme.txt", "");
    place.write_here("broken/feature_store.toml", "project = \"rides\"\n[[entities]]\nname = 7\n");
    place.write_here("whole/feature_store.toml", DEFINITIONS);
    for (arguments, words) in [
        (&["--feature-store", "none"][..], "there is no such folder"),
        (&["--feature-store", "empty"], "--feature-project NAME"),
        (&["--feature-store", "broken"], "line 3, key name"),
        (
            &["--feature-store", "whole", "--feature-project", "other"],
            "the project of feature_store.toml is rides",
        ),
        (&["--feature-project", "rides"], "give --feature-store DIR, too"),
    ] {
        let (code, told) = place.fails(&[arguments, &["--http-port", "0"]].concat());
        assert!(matches!(code, Some(1 | 2)) && told.contains(words), "{arguments:?}: {code:?} {told}");
    }
}
