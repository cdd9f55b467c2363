use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::json;

use crate::support::Place;

fn is_there(place: &Place) -> bool {
    place.read(&["stats:trips"], &json!({"driver_id": [99]})).column("trips").0 == json!([99])
}

#[test]
fn history_is_materialised() {
    let place = Place::new();
    let body = json!({"start_ts": "2024-02-29T11:00:00", "end_ts": "2024-02-29T12:00:00+00:00"});
    let answer = place.post("/materialize", &body);
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"null"[..]), "{answer:?}");
    assert!(is_there(&place));
    for body in [
        json!({"disable_event_timestamp": true, "feature_views": ["stats"]}),
        json!({"disable_event_timestamp": true, "feature_views": ["stats"], "version": "v0"}),
        json!({"start_ts": "2024-02-29", "end_ts": "2024-03-01", "feature_views": []}),
    ] {
        assert_eq!(place.post("/materialize", &body).status, StatusCode::OK, "{body}");
    }
}

#[test]
fn what_cannot_be_materialised_is_refused() {
    let place = Place::new();
    let (start, end) = ("2024-02-29T11:00:00", "2024-02-29T12:00:00");
    for (body, status, words) in [
        (json!({}), 422, "field end_ts"),
        (json!({"end_ts": end}), 422, "field start_ts"),
        (json!({"start_ts": "eleven", "end_ts": end}), 422, "\"eleven\" is no time"),
        (json!({"start_ts": end, "end_ts": start}), 422, "end"),
        (json!({"start_ts": start, "end_ts": end, "feature_views": ["stat"]}), 404, "stats"),
        (json!({"start_ts": start, "end_ts": end, "feature_views": ["boosted"]}), 501, "computed"),
        (json!({"start_ts": start, "end_ts": end, "feature_views": ["stats"], "version": "v7"}), 404, "v7"),
        (json!({"start_ts": start, "end_ts": end, "version": "v0"}), 422, "feature_views"),
        (
            json!({"start_ts": start, "end_ts": end, "feature_views": ["stats"], "version": "x"}),
            422,
            "version",
        ),
    ] {
        let (own, _, message) = place.post("/materialize", &body).refusal();
        assert_eq!((own, message.contains(words)), (status, true), "{body}: {message}");
    }
    let (status, _, message) = place.post("/materialize-incremental", &json!({"end_ts": 3})).refusal();
    assert_eq!(status, 422, "{message}");
    assert!(!is_there(&place));
}

#[test]
fn a_run_of_its_own_is_told_at_once() {
    let place = Place::new();
    let body = json!({"end_ts": "2024-02-29T12:00:00", "feature_views": ["stats"]});
    let answer = place.post("/materialize-incremental?async=true", &body);
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    assert_eq!(answer.json(), json!({"status": "accepted", "feature_views": ["stats"]}));
    let end = Instant::now() + Duration::from_secs(20);
    while !is_there(&place) {
        assert!(Instant::now() < end, "it does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Of requests at once, some find the view being materialised.
#[test]
fn a_view_is_materialised_once_at_a_time() {
    let place = Place::new();
    let is_over = AtomicBool::new(false);
    let body = json!({"start_ts": "2024-02-29T11:00:00", "end_ts": "2024-02-29T12:00:00", "feature_views": ["stats"]});
    let (mut refused, mut taken) = (0, 0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let answer = place.runtime.block_on(async {
                        let request = Request::post("/materialize")
                            .body(Full::new(Bytes::from(body.to_string())))
                            .unwrap();
                        place.service.answer(request).await.status()
                    });
                    assert!(matches!(answer.as_u16(), 200 | 409), "{answer}");
                }
            });
        }
        let end = Instant::now() + Duration::from_secs(10);
        while (refused == 0 || taken == 0) && Instant::now() < end {
            let answer = place.post("/materialize", &body);
            match answer.status.as_u16() {
                409 => {
                    assert_eq!(answer.json()["feature_views"], json!(["stats"]));
                    refused += 1;
                }
                _ => taken += 1,
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(refused > 0 && taken > 0, "{refused} {taken}");
    assert_eq!(place.post("/materialize", &body).status, StatusCode::OK, "the last one has ended");
}
