use std::time::Duration;

use http::StatusCode;
use mlcore::registry::Change;
use mlcore::schema::DType;
use mlcore_features::store::definition::{Aggregation, AggregationFunction, FeatureView, Field};
use mlcore_features::store::registry::Changes;
use serde_json::{Value, json};

use crate::support::Place;

fn rows() -> Value {
    json!({"driver_id": [5], "rating": [1.5], "trips": [3], "at": ["2024-02-29T11:50:00Z"], "made": ["2024-02-29T11:50:00Z"]})
}

fn push(place: &Place, to: &str, df: &Value) -> crate::support::Answer {
    place.post("/push", &json!({"push_source_name": "trips_push", "df": df, "to": to}))
}

#[test]
fn pushed_rows_are_read_and_newer_ones_stay() {
    let place = Place::new();
    let answer = push(&place, "online", &rows());
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0), "{answer:?}");
    let mut older = rows();
    (older["trips"], older["at"]) = (json!([99]), json!(["2024-02-29T11:30:00Z"]));
    older["unknown to all views"] = json!(["x"]);
    assert_eq!(push(&place, "online", &older).status, StatusCode::OK);
    let read = place.read(&["stats:trips"], &json!({"driver_id": [5]}));
    assert_eq!(read.column("trips").0, json!([3]));
}

#[test]
fn pushed_rows_become_history() {
    let place = Place::new();
    let answer = push(&place, "offline", &rows());
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let read = || place.read(&["stats:trips"], &json!({"driver_id": [5]})).column("trips").0;
    assert_eq!(read(), json!([null]), "not online");
    let body = json!({"end_ts": "2024-02-29T12:00:00", "feature_views": ["stats"]});
    let answer = place.post("/materialize-incremental", &body);
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"null"[..]), "{answer:?}");
    assert_eq!(read(), json!([3]), "the pushed row is newer than that of the table");
    let mut later = rows();
    (later["trips"], later["at"]) = (json!([4]), json!(["2024-02-29T11:55:00Z"]));
    assert_eq!(push(&place, "online_and_offline", &later).status, StatusCode::OK);
    assert_eq!(read(), json!([4]));
}

#[test]
fn events_of_sliding_windows_are_pushed_filled_and_read() {
    let place = Place::new();
    let minutes = |count: u64| Duration::from_secs(60 * count);
    let view = FeatureView::builder("recent", ["driver"])
        .schema([Field::new("trips", DType::Int64)])
        .aggregations([AggregationFunction::Sum, AggregationFunction::LastN(3)].map(|function| {
            Aggregation::new(function, "trips", minutes(60)).with_slide_interval(minutes(10))
        }))
        .source("trips_push");
    let changes = Changes::of([view.build().unwrap().into()]);
    place.store.apply(&changes, &Change::new("ana", place.store.now())).unwrap();
    assert_eq!(push(&place, "online", &rows()).status, StatusCode::OK);
    let features = ["recent:sum_trips_3600s", "recent:last_3_trips_3600s"];
    let read = || place.read(&features, &json!({"driver_id": [5, 6]}));
    let (values, statuses, times) = read().column("sum_trips_3600s");
    assert_eq!((values, statuses), (json!([3, null]), json!(["PRESENT", "NULL_VALUE"])));
    assert_eq!(times, json!(["2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z"]), "the end of the window");
    // History has other events of the same hour, and not the pushed one.
    let body = json!({"end_ts": "2024-02-29T12:00:00", "feature_views": ["recent"]});
    assert_eq!(place.post("/materialize-incremental", &body).status, StatusCode::OK);
    assert_eq!(read().column("sum_trips_3600s").0, json!([8, 6]));
    assert_eq!(read().column("last_3_trips_3600s").0, json!([[3, 5], [6]]));
    // What is written counts, too, and as an event.
    let df = json!({"driver_id": [6], "trips": [1], "event_timestamp": ["2024-02-29T11:59:00"]});
    assert_eq!(place.write("recent", &df).status, StatusCode::OK);
    assert_eq!(read().column("sum_trips_3600s").0, json!([8, 7]));
}

#[test]
fn rows_that_do_not_fit_are_refused_as_a_whole() {
    let place = Place::new();
    for (change, words) in [
        (json!({"rating": ["high"]}), ["column rating, row 0", "expected float64"]),
        (json!({"trips": [0.5]}), ["column trips, row 0", "expected int64"]),
        (json!({"driver_id": [null]}), ["driver_id", "no key"]),
        (json!({"driver_id": ["5"]}), ["column driver_id, row 0", "text \"5\""]),
        (json!({"at": ["yesterday"]}), ["column at, row 0", "2024-02-29T12:30:00Z"]),
        (json!({"at": [null]}), ["column at, row 0", "no event time"]),
        (json!({"at": ["2024-03-29T12:00:00Z"]}), ["column at, row 0", "future"]),
        (json!({"trips": [[1]]}), ["column trips, row 0", "a list of 1"]),
    ] {
        let mut df = rows();
        change.as_object().unwrap().iter().for_each(|(name, values)| df[name] = values.clone());
        let (status, class, message) = push(&place, "online", &df).refusal();
        assert_eq!((status, class.as_str()), (422, "FeastError"), "{message}");
        assert!(words.iter().all(|word| message.contains(word)), "{words:?}: {message}");
    }
    let mut lacking = rows();
    lacking.as_object_mut().unwrap().remove("trips");
    let (status, _, message) = push(&place, "online", &lacking).refusal();
    assert!(status == 422 && message.contains("trips"), "{status} {message}");
    let (status, _, message) = push(&place, "offline", &{
        let mut extra = rows();
        extra["more"] = json!([1]);
        extra
    })
    .refusal();
    assert!(status == 422 && message.contains("more"), "{status} {message}");
    assert_eq!(
        place.read(&["stats:trips"], &json!({"driver_id": [5]})).column("trips").1,
        json!(["NOT_FOUND"])
    );
}

#[test]
fn what_is_not_there_is_told_in_feasts_classes() {
    let place = Place::new();
    let body = json!({"push_source_name": "trip_push", "df": rows()});
    let (status, class, message) = place.post("/push", &body).refusal();
    assert_eq!((status, class.as_str()), (422, "PushSourceNotFoundException"), "{message}");
    let (status, _, message) =
        place.post("/push", &json!({"push_source_name": "trips", "df": rows()})).refusal();
    assert_eq!(status, 422, "{message}");
    let (status, _, message) = push(&place, "everywhere", &rows()).refusal();
    assert!(status == 422 && message.contains("online_and_offline"), "{message}");
    let (status, class, message) = place.write("stat", &rows()).refusal();
    assert_eq!((status, class.as_str()), (404, "FeatureViewNotFoundException"), "{message}");
    assert!(message.contains("stats"), "the nearest name: {message}");
    let (status, _, message) = place.write("boosted", &rows()).refusal();
    assert_eq!(status, 501, "{message}");
    assert_eq!(place.write("stats", &json!({})).status, StatusCode::OK, "nothing, as in Feast");
}
