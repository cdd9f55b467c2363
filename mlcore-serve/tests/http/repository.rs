//! Models that are loaded and unloaded while a client looks on.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Method, StatusCode};
use mlcore::Error;
use mlcore::name::ModelName;
use mlcore_serve::Endpoint;
use mlcore_serve::models::{ModelSource, Models};
use mlcore_serve::v2::Parameters;
use serde_json::{Value, json};

use crate::support::endpoint;
use crate::support::{Place, infer_body};

fn index(place: &Place, body: &str) -> Vec<(String, Value, String)> {
    let got = place.ask(Method::POST, "/v2/repository/index", &[], body.as_bytes());
    assert_eq!(got.status, StatusCode::OK);
    let index: Vec<Value> = serde_json::from_slice(&got.body).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    index.iter().map(|own| (text(&own["name"]), own["version"].clone(), text(&own["state"]))).collect()
}

fn entry(name: &str, version: Option<&str>, state: &str) -> (String, Value, String) {
    (name.to_owned(), version.map_or(Value::Null, Value::from), state.to_owned())
}

#[test]
fn models_come_and_go() {
    let place = Place::new();
    let of_m = [entry("m", Some("1"), "READY"), entry("m", Some("2"), "READY")];
    // Stock clients send an empty body.
    let all = index(&place, "");
    assert_eq!(
        all,
        [&[entry("broken", None, "UNAVAILABLE")], &of_m[..], &[entry("other", None, "UNAVAILABLE")]].concat()
    );
    assert_eq!(index(&place, r#"{"ready":true}"#), of_m);

    let ask = |name: &str| place.post(&format!("/v2/models/{name}/infer"), &infer_body(&[[0.5, 1.0]])).0;
    assert_eq!(ask("other"), StatusCode::NOT_FOUND);
    assert_eq!(place.post("/v2/repository/models/other/load", &json!({})), (StatusCode::OK, json!({})));
    assert_eq!(ask("other"), StatusCode::OK);
    assert_eq!(index(&place, "{}").len(), 5);
    let unload = json!({"parameters": {"unload_dependents": true}});
    assert_eq!(place.post("/v2/repository/models/other/unload", &unload).0, StatusCode::OK);
    assert_eq!(ask("other"), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(place.post("/v2/repository/models/other/unload", &unload).0, StatusCode::NOT_FOUND);
    assert_eq!(
        place.get("/v2/health/ready").0,
        StatusCode::OK,
        "what was unloaded on purpose is not waited for"
    );
}

#[test]
fn a_model_that_does_not_load_says_why() {
    let place = Place::new();
    let (status, refused) = place.post("/v2/repository/models/broken/load", &json!({}));
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(refused["error"].as_str().unwrap().contains("it is no model"), "{refused}");
    let got = place.ask(Method::POST, "/v2/repository/index", &[], b"");
    let index: Value = serde_json::from_slice(&got.body).unwrap();
    assert!(index[0]["reason"].as_str().unwrap().contains("it is no model"), "{index}");
    assert_eq!(place.get("/v2/health/ready").0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(place.post("/v2/repository/models/none/load", &json!({})).0, StatusCode::NOT_FOUND);
    assert_eq!(place.post("/v2/repository/models/..%2Fm/load", &json!({})).0, StatusCode::BAD_REQUEST);
    assert_eq!(
        place.post("/v2/repository/models/m/load", &json!({"parameters": []})).0,
        StatusCode::BAD_REQUEST
    );
}

#[test]
fn a_model_that_is_loaded_again_never_stops_answering() {
    let place = Place::new();
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            (0..300).all(|_| place.post("/v2/models/m/infer", &infer_body(&[[0.5, 1.0]])).0 == StatusCode::OK)
        });
        for _ in 0..50 {
            assert_eq!(place.post("/v2/repository/models/m/load", &json!({})).0, StatusCode::OK);
        }
        assert!(asking.join().unwrap());
    });
}

#[test]
fn trace_and_log_settings_are_answered_and_applied() {
    let place = Place::new();
    let (status, log) = place.get("/v2/logging");
    assert_eq!(
        (status, &log["log_info"], &log["log_verbose_level"]),
        (StatusCode::OK, &true.into(), &0.into())
    );
    let (_, log) = place.post("/v2/logging", &json!({"log_info": false}));
    assert_eq!((&log["log_info"], &log["log_warning"]), (&false.into(), &true.into()));
    assert!(!place.service.settings().allows(tracing::Level::INFO));
    let (status, refused) = place.post("/v2/logging", &json!({"log_file": "/etc/passwd"}));
    assert!(
        status == StatusCode::BAD_REQUEST && refused["error"].as_str().unwrap().contains("over the network")
    );
    let (_, trace) =
        place.post("/v2/models/m/trace/setting", &json!({"trace_level": ["TIMESTAMPS"], "trace_rate": "1"}));
    assert_eq!((&trace["trace_level"], &trace["trace_rate"]), (&json!(["TIMESTAMPS"]), &"1".into()));
    assert_eq!(place.get("/v2/trace/setting").1["trace_level"], json!(["OFF"]));
    assert!(place.service.settings().is_traced("m") && !place.service.settings().is_traced("other"));
    assert_eq!(place.get("/v2/models/none/trace/setting").0, StatusCode::NOT_FOUND);
    assert_eq!(place.ask(Method::POST, "/v2/logging", &[], b"[]").status, StatusCode::BAD_REQUEST);
}

/// A traced request is told of, with the time of its stages.
#[test]
fn a_traced_request_is_an_event() {
    use std::sync::{Arc, Mutex};

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    #[derive(Default)]
    struct Told(Vec<String>);
    impl Visit for Told {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            self.0.push(format!("{}={value:?}", field.name()));
        }
    }

    struct Listener(Arc<Mutex<Vec<String>>>);
    impl Subscriber for Listener {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == "mlcore_serve::trace"
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            let mut told = Told::default();
            event.record(&mut told);
            self.0.lock().unwrap().push(told.0.join(" "));
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    let place = Place::new();
    // The first request runs on another thread, before it is known that the model is quick.
    place.post("/v2/models/m/infer", &infer_body(&[[0.5, 1.0]]));
    place.post("/v2/trace/setting", &json!({"trace_level": ["TIMESTAMPS"], "trace_rate": "2"}));
    let told = Arc::<Mutex<Vec<String>>>::default();
    tracing::subscriber::with_default(Listener(told.clone()), || {
        for _ in 0..4 {
            place.post("/v2/models/m/infer", &infer_body(&[[0.5, 1.0]]));
        }
    });
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("model=\"m\"") && told[0].contains("compute_ns="), "{told:?}");
}

/// Fails as often as it is told before it opens its model.
struct Late {
    failures: AtomicUsize,
    error: fn() -> Error,
    state: Option<u64>,
}

impl ModelSource for Late {
    fn names(&self) -> mlcore::Result<Vec<ModelName>> {
        Ok(vec![ModelName::new("m")?])
    }

    fn open(&self, name: &ModelName, _: &Parameters) -> mlcore::Result<Endpoint> {
        let left = self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_ok() { Err((self.error)()) } else { endpoint(name).build() }
    }

    fn state(&self, _: &ModelName) -> mlcore::Result<Option<u64>> {
        Ok(self.state)
    }
}

#[test]
fn what_failed_is_tried_again_where_that_may_help() {
    let busy = || Error::unavailable("open", "m", "it is busy");
    let broken = || Error::invalid_model("open", "m", "it is no model");
    let missing = || Error::not_found("open", "m", "it has no version");
    for (error, state, heals) in [
        (busy as fn() -> Error, Some(1), true),
        (broken, Some(1), false),
        (missing, Some(1), false),
        (broken, None, true),
        (missing, None, true),
    ] {
        let models = Models::of(Late { failures: AtomicUsize::new(1), error, state });
        models.follow_source().unwrap();
        assert!(models.served().is_empty());
        assert!(!models.is_ready(), "what is there and cannot be loaded is missing");
        models.follow_source().unwrap();
        assert_eq!(models.is_ready(), heals, "{} with {state:?}", error());
        assert_eq!(models.served().len(), usize::from(heals));
    }
}
