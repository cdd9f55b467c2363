//! Requests over HTTP that share runs, and what is said of it.

use std::future::Future as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use mlcore::artifact::ArtifactStore;
use mlcore::batch::{Batch, Tensor};
use mlcore::registry::ModelVersion;
use mlcore::runner::{FunctionRunner, Runner};
use mlcore_serve::batching::BatchOptions;
use serde_json::{Value, json};

use crate::planned;
use crate::support::{Place, infer_body};

fn place(options: BatchOptions) -> Place {
    let place = Place::new();
    place.service.models().insert_batched(place.endpoint.clone(), options).unwrap();
    place
}

#[test]
fn requests_at_once_share_runs_and_get_their_own_rows() {
    let place = Arc::new(place(BatchOptions::default().with_max_batch_size(16)));
    let failed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8_u32 {
            let (place, failed) = (&place, &failed);
            scope.spawn(move || {
                for number in 0..100_u32 {
                    // On 13 the model fails, and nobody else's request does.
                    let first = if number % 10 == 3 { 13.0 } else { (thread * 1000 + number) as f32 + 0.5 };
                    let (status, answer) =
                        place.post("/v2/models/m/infer", &infer_body(&[[first, 0.0], [first + 1000.0, 0.0]]));
                    if number % 10 == 3 {
                        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
                        failed.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                    assert_eq!(status, StatusCode::OK, "{answer}");
                    let texts = json!([first.to_string(), (first + 1000.0).to_string()]);
                    assert_eq!(answer["outputs"][1]["data"], texts);
                }
            });
        }
    });
    assert_eq!(failed.load(Ordering::Relaxed), 80);
    let (_, statistics) = place.get("/v2/models/m/versions/1/stats");
    let own = &statistics["model_stats"][0];
    assert_eq!(own["inference_stats"]["success"]["count"], 720);
    assert_eq!(own["inference_stats"]["fail"]["count"], 80);
    assert_eq!(own["inference_count"], 1440);
    let batches = own["batch_stats"].as_array().unwrap();
    let sum = |rows: bool| -> u64 {
        batches
            .iter()
            .map(|batch| {
                let count = batch["compute_infer"]["count"].as_u64().unwrap();
                if rows { count * batch["batch_size"].as_u64().unwrap() } else { count }
            })
            .sum()
    };
    assert_eq!((sum(true), &json!(sum(false))), (1440, &own["execution_count"]));
    assert!(batches.iter().all(|batch| batch["batch_size"].as_u64().unwrap() <= 16), "{batches:?}");
}

#[test]
fn the_configuration_says_how_requests_are_batched() {
    let options = BatchOptions::default().with_max_batch_size(8).with_preferred_batch_size([4]);
    let (_, config) = place(options.with_priority_levels(2, 1)).get("/v2/models/m/config");
    assert_eq!(config["max_batch_size"], 8);
    // The axis of the batch is no part of them, as with Triton.
    assert_eq!(config["input"], json!([{"name": "x", "data_type": "TYPE_FP32", "dims": [2]}]));
    assert_eq!(config["output"][1]["dims"], json!([]));
    assert_eq!(config["dynamic_batching"]["preferred_batch_size"], json!([4]));
    assert_eq!(config["dynamic_batching"]["default_queue_policy"]["max_queue_size"], 1024);
    let (_, config) = Place::new().get("/v2/models/m/config");
    assert!(config.get("dynamic_batching").is_none());
}

#[test]
fn parameters_of_the_schedule_are_read() {
    let place = place(BatchOptions::default());
    let body = |parameters: Value| {
        let mut body = infer_body(&[[0.5, 1.0]]);
        body["parameters"] = parameters;
        body
    };
    for (parameters, status) in [
        (json!({"priority": 1, "timeout": 5_000_000}), StatusCode::OK),
        (json!({"priority": 0, "timeout": 0}), StatusCode::OK),
        (json!({"priority": "1"}), StatusCode::OK),
        (json!({"priority": 1.5}), StatusCode::BAD_REQUEST),
        (json!({"priority": -1}), StatusCode::BAD_REQUEST),
    ] {
        let (found, answer) = place.post("/v2/models/m/infer", &body(parameters.clone()));
        assert_eq!(found, status, "{parameters} {answer}");
    }
    // The first protocol of KServe waits for its place, too.
    let (status, answer) = place.post("/v1/models/m:predict", &json!({"instances": [[0.5, 1.0]]}));
    assert_eq!((status, &answer["predictions"][0]["y"]), (StatusCode::OK, &json!(1.0)));
    let asked = place.ask(Method::GET, "/v2/models/m/ready", &[], b"");
    assert_eq!(asked.status, StatusCode::OK);
}

#[test]
fn what_waits_when_a_model_is_unloaded_is_answered() {
    let place = Arc::new(place(BatchOptions::default()));
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut answered = 0;
                    loop {
                        match place.post("/v2/models/m/infer", &infer_body(&[[0.5, 1.0]])).0 {
                            StatusCode::OK => answered += 1,
                            // Unloaded before the request was read, and never in the middle.
                            StatusCode::SERVICE_UNAVAILABLE => return answered,
                            status => panic!("{status}"),
                        }
                    }
                })
            })
            .collect();
        std::thread::sleep(std::time::Duration::from_millis(50));
        place.service.models().unload(place.endpoint.model_name()).unwrap();
        let answered: usize = asking.into_iter().map(|thread| thread.join().unwrap()).sum();
        place.endpoint.process();
        assert_eq!(
            (place.endpoint.counts().records, place.endpoint.counts().abandoned),
            (answered as u64, 0)
        );
    });
}

/// Polled by nobody but this thread, each form waits for the run before it without a thread, and is not run once it is dropped.
#[test]
fn a_request_of_any_form_waits_without_a_thread_and_frees_its_place_when_it_is_dropped() {
    let gate = Arc::new(Mutex::new(()));
    let (began, rows) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let loader = {
        let (gate, began, rows) = (gate.clone(), began.clone(), rows.clone());
        move |version: &ModelVersion, _: &dyn ArtifactStore| -> mlcore::Result<Arc<dyn Runner>> {
            let (gate, began, rows) = (gate.clone(), began.clone(), rows.clone());
            Ok(Arc::new(FunctionRunner::new(version.signature.clone(), move |inputs| {
                began.fetch_add(1, Ordering::AcqRel);
                drop(gate.lock().unwrap());
                let count = inputs.rows().unwrap();
                rows.fetch_add(count, Ordering::AcqRel);
                let pair = Tensor::new([count, 2], vec![0.0_f32; 2 * count])?;
                Batch::new([("score", Tensor::column(vec![1.0_f64; count])), ("pair", pair)])
            })))
        }
    };
    let place = Place::of(planned::endpoint().with_loader(loader));
    place.service.models().insert_batched(place.endpoint.clone(), BatchOptions::default()).unwrap();
    let record = json!({"age": 41.0, "plan": "pro"});
    let tensor = json!({"name": "age", "shape": [1], "datatype": "FP64", "data": [41.0]});
    let text = json!({"name": "plan", "shape": [1], "datatype": "BYTES", "data": ["pro"]});
    let forms = [
        ("/mlcore/models/m/predict", json!({"records": [record]})),
        ("/mlcore/models/m/predict", json!({"records": [record, record]})),
        ("/v1/models/m:predict", json!({"instances": [record]})),
        ("/v1/models/m:predict", json!({"instances": [[0.5, 1.0, 0.0]]})),
        ("/invocations", json!({"dataframe_records": [record]})),
        ("/invocations", json!({"inputs": [[0.5, 1.0, 0.0]]})),
        ("/v2/models/m/infer", json!({"inputs": [tensor, text]})),
    ];
    let held = gate.lock().unwrap();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| place.post(forms[0].0, &forms[0].1).0);
        while began.load(Ordering::Acquire) == 0 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let mut context = Context::from_waker(Waker::noop());
        let waiting: Vec<_> = forms
            .iter()
            .map(|(path, body)| {
                let request = Request::builder().method(Method::POST).uri(*path);
                let request = request.header("content-type", "application/json");
                let request = request.body(Full::new(Bytes::from(body.to_string()))).unwrap();
                let mut answer = Box::pin(place.service.answer(request));
                assert!(answer.as_mut().poll(&mut context).is_pending(), "{path} {body}");
                answer
            })
            .collect();
        drop(waiting);
        drop(held);
        assert_eq!(first.join().unwrap(), StatusCode::OK);
    });
    for (path, body) in &forms {
        assert_eq!(place.post(path, body).0, StatusCode::OK, "{path} {body}");
    }
    // The first, and each of these once: one of them has two rows.
    assert_eq!(rows.load(Ordering::Acquire), 1 + forms.len() + 1);
}
