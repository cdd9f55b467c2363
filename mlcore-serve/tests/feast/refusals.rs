use http::{Method, Request, StatusCode};
use http_body_util::Full;
use mlcore_serve::auth::Auth;
use mlcore_serve::feast::FeastLimits;
use serde_json::{Value, json};

use crate::support::Place;

#[test]
fn bodies_that_are_none_are_refused() {
    let place = Place::new();
    for path in [
        "/get-online-features",
        "/push",
        "/write-to-online-store",
        "/materialize",
        "/materialize-incremental",
    ] {
        for body in ["", "{", "[]", "7", "null", "\"text\"", "{\"entities\": 3, \"df\": 3}", "\u{0}", "{} {}"]
        {
            let (status, class, _) = place.send(Method::POST, path, body).refusal();
            assert_eq!((status, class.as_str()), (422, "FeastError"), "{path} {body}");
        }
        let (status, ..) = place.send(Method::POST, path, &b"\xff\xfe"[..]).refusal();
        assert_eq!(status, 422, "{path}");
        let (status, _, message) = place.send(Method::POST, path, vec![b' '; (1 << 20) + 1]).refusal();
        assert_eq!((status, message.contains("larger")), (413, true), "{path}");
        let typed =
            Request::post(path).header("content-type", "text/plain").body(Full::new("{}".into())).unwrap();
        assert_eq!(place.ask(typed).refusal().0, 415, "{path}");
    }
}

#[test]
fn entities_that_are_none_are_refused() {
    let place = Place::new().with_two_drivers();
    for (entities, words) in [
        (json!([1]), "an object with a list"),
        (json!({"driver_id": 1001}), "a list of values"),
        (json!({"driver_id": [{"a": 1}]}), "a number, a text"),
        (json!({"driver_id": [[[1]]]}), "a list within a list"),
        (json!({"driver_id": [[1]]}), "column driver_id, row 0: expected int64, got a list of 1"),
        (json!({"driver_id": [1001, "1001"]}), "column driver_id, row 1: expected int64, got text \"1001\""),
        (json!({"driver_id": [1001.5]}), "column driver_id, row 0: expected int64"),
        (json!({"driver_id": [1001, null]}), "null is no key"),
        (json!({"driver_id": [18446744073709551615u64]}), "column driver_id, row 0: expected int64"),
        (json!({"driver_id": [1, 2], "else": [1]}), "it has 1 values, and the first column has 2"),
        (json!({"else": [1]}), "driver_id"),
        (json!({}), "driver_id"),
    ] {
        let (status, class, message) = place.read(&["stats:trips"], &entities).refusal();
        assert_eq!((status, class.as_str()), (422, "FeastError"), "{entities}: {message}");
        assert!(message.contains(words), "{entities}: {message}");
    }
    for (body, words) in [
        (r#"{"features": ["stats:trips"], "entities": {"driver_id": [NaN]}}"#, "null is no key"),
        (r#"{"features": ["stats:trips"], "entities": {"driver_id": [Infinity]}}"#, "row 0: expected int64"),
        (r#"{"features": ["stats:trips"], "entities": {"driver_id": [1], "driver_id": [2]}}"#, "two columns"),
        (r#"{"features": ["stats:trips"], "features": [], "entities": {}}"#, "duplicate field"),
        (r#"{"features": [], "entities": {"driver_id": [1]}}"#, "none are asked for"),
        (r#"{"features": ["stats"], "entities": {"driver_id": [1]}}"#, "stats:FEATURE"),
        (r#"{"features": ["stats:trips", "stats:trips"], "entities": {"driver_id": [1]}}"#, "trips"),
    ] {
        let (status, _, message) = place.send(Method::POST, "/get-online-features", body).refusal();
        assert_eq!((status, message.contains(words)), (422, true), "{body}: {message}");
    }
    // A float that is a whole number is the key that it means, as in a table of pandas.
    assert_eq!(place.read(&["stats:trips"], &json!({"driver_id": [1001.0]})).column("trips").0, json!([7]));
}

#[test]
fn what_is_not_there_is_told_in_feasts_classes() {
    let place = Place::new();
    let entities = json!({"driver_id": [1]});
    for (body, class, words) in [
        (json!({"features": ["stat:trips"]}), "FeatureViewNotFoundException", "stats"),
        (json!({"features": ["stats:trip"]}), "FeastObjectNotFoundException", "trips"),
        (json!({"features": ["stats@v3:trips"]}), "FeastObjectNotFoundException", "v3"),
        (json!({"feature_service": "rankin"}), "FeatureServiceNotFoundException", "ranking"),
    ] {
        let mut body: Value = body;
        body["entities"] = entities.clone();
        let (status, own, message) = place.post("/get-online-features", &body).refusal();
        assert_eq!((status, own.as_str()), (404, class), "{message}");
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(place.send(Method::POST, "/search", "{}").refusal().0, 501);
    let other = place.send(Method::GET, "/push", "");
    assert_eq!(
        (other.status, other.headers["allow"].as_bytes()),
        (StatusCode::METHOD_NOT_ALLOWED, &b"POST"[..])
    );
    assert_eq!(place.send(Method::POST, "/push/", "{}").status, StatusCode::NOT_FOUND);
}

#[test]
fn too_much_is_refused_before_it_is_read() {
    let mut limits = FeastLimits::default();
    (limits.entities, limits.answered_values, limits.sent_values) = (10, 15, 100);
    let place = Place::with(limits, Auth::open()).with_two_drivers();
    let keys = |count: usize| json!({"driver_id": vec![1; count]});
    let both = ["stats:trips", "stats:rating"];
    assert_eq!(place.read(&both, &keys(7)).status, StatusCode::OK);
    for (count, words) in
        [(8, "more than 15 values"), (11, "more than the 10"), (101, "more than the 100 values")]
    {
        let (status, _, message) = place.read(&both, &keys(count)).refusal();
        assert_eq!((status, message.contains(words)), (413, true), "{message}");
    }
    // Empty columns and items of lists count, too.
    let many: serde_json::Map<_, _> = (0..101).map(|name| (name.to_string(), json!([]))).collect();
    assert_eq!(place.write("stats", &Value::Object(many)).refusal().0, 413);
    assert_eq!(place.write("stats", &json!({"numbers": [vec![1; 100]]})).refusal().0, 413);
}
