//! Raw records by name, and what came of them.

use http::{Method, StatusCode};
use mlcore_serve::batching::BatchOptions;
use serde_json::{Value, json};

use crate::planned::{endpoint, same_names};
use crate::support::Place;

const PREDICT: &str = "/mlcore/models/m/predict";
const OUTCOMES: &str = "/mlcore/models/m/outcomes";

#[test]
fn records_are_answered_row_by_row_with_what_their_outcome_needs() {
    let place = Place::of(endpoint());
    let records = json!([{"age": 40, "plan": "pro"}, {"plan": "free", "age": 60.0}]);
    let (status, answer) = place.post(PREDICT, &json!({"records": records, "unit": "user-17"}));
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(
        (&answer["model"], &answer["version"], &answer["arm"]),
        (&"m".into(), &1.into(), &"champion".into())
    );
    let predictions = answer["predictions"].as_array().unwrap();
    assert_eq!(predictions[0], json!({"score": 0.0, "pair": [0.0, 1.0]}));
    assert_eq!(predictions[1]["pair"], json!([1.0, 0.0]));
    // One record alone goes another way, and says the same.
    let (_, one) = place.post(PREDICT, &json!({"records": [records[1]]}));
    assert_eq!(one["predictions"][0], predictions[1]);
    let (status, _) = place.post("/mlcore/models/m/versions/1/predict", &json!({"records": records}));
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        place.post("/mlcore/models/m/versions/2/predict", &json!({"records": records})).0,
        StatusCode::NOT_FOUND
    );
}

#[test]
fn outcomes_find_their_predictions_by_either_name() {
    let place = Place::of(endpoint());
    let record = json!({"age": 40, "plan": "pro"});
    let (_, answer) = place.post(PREDICT, &json!({"records": [record], "id": "order-1"}));
    let id = answer["outcome_id"].clone();
    let (_, other) = place.post(PREDICT, &json!({"records": [record]}));
    place.endpoint.process();
    let outcomes = json!([{"id": "order-1", "label": 1}, {"outcome_id": other["outcome_id"], "label": 0.5}]);
    assert_eq!(place.post(OUTCOMES, &json!({"outcomes": outcomes})), (StatusCode::OK, json!({"taken": 2})));
    place.endpoint.process();
    assert_eq!((place.endpoint.counts().outcomes, place.endpoint.counts().orphans), (2, 0));
    for (wrong, words) in [
        (json!({"label": 1}), "one of outcome_id and id"),
        (json!({"outcome_id": id, "id": "order-1", "label": 1}), "one of outcome_id and id"),
        (json!({"outcome_id": id}), "it needs a label"),
        (json!({"outcome_id": "xyz", "label": 1}), "body"),
        (json!({"outcome_id": id, "label": 1, "other": 2}), "other"),
    ] {
        let (status, refused) = place.post(OUTCOMES, &json!({"outcomes": [wrong]}));
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(refused["error"].as_str().unwrap().contains(words), "{refused}");
    }
}

#[test]
fn what_a_record_lacks_is_told_with_its_place() {
    let place = Place::of(endpoint());
    let fine = json!({"age": 40, "plan": "pro"});
    let of = |records: Value| place.post(PREDICT, &json!({ "records": records }));
    for (records, words) in [
        (json!([]), "there are none"),
        (json!([fine, {"age": "old", "plan": "pro"}]), "record 1, age"),
        (json!([{"age": 40, "plan": "pro", "aeg": 1}]), "aeg"),
        (json!([{"age": 40}]), "plan"),
        (json!([fine, {"age": 40}]), "plan"),
        (json!([fine, 3]), "record 1"),
        (json!({"age": 40}), "body"),
    ] {
        let (status, refused) = of(records.clone());
        assert_eq!(status, StatusCode::BAD_REQUEST, "{records}: {refused}");
        assert!(refused["error"].as_str().unwrap().contains(words), "{records}: {refused}");
    }
    let (status, refused) = place.post(PREDICT, &json!({"records": [fine], "units": "x"}));
    assert!(
        status == StatusCode::BAD_REQUEST && refused["error"].as_str().unwrap().contains("units"),
        "{refused}"
    );
    // A model of tensors alone says what to send instead.
    let (status, refused) = Place::new().post(PREDICT, &json!({"records": [{"x": 1}]}));
    assert_eq!(status, StatusCode::BAD_REQUEST, "{refused}");
}

/// The protocol's own route still takes what the model takes.
#[test]
fn tensors_pass_the_plan_by() {
    let place = Place::of(endpoint().with_loss_function(|_, _| Ok(0.0)));
    let body =
        json!({"inputs": [{"name": "input", "shape": [1, 3], "datatype": "FP32", "data": [0.5, 1, 0]}]});
    let (status, answer) = place.post("/v2/models/m/infer", &body);
    assert_eq!((status, &answer["outputs"][0]["data"]), (StatusCode::OK, &json!([0.5])));
}

const INFER: &str = "/v2/models/m/infer";

/// Ages and plans as inputs of the protocol.
fn raw(ages: &[f64], plans: &[&str]) -> Value {
    json!({"id": "order-2", "inputs": [
        {"name": "plan", "shape": [plans.len(), 1], "datatype": "BYTES", "data": plans},
        {"name": "age", "shape": [ages.len()], "datatype": "FP64", "data": ages},
    ]})
}

/// The answer says what an outcome needs, and is that of the same records by their own route.
#[test]
fn raw_columns_are_inputs_of_the_protocol_too() {
    let place = Place::of(endpoint());
    let check = |place: &Place, body: &Value| {
        let (status, answer) = place.post(INFER, body);
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!((&answer["model_version"], &answer["id"]), (&"1".into(), &"order-2".into()));
        assert_eq!(answer["parameters"]["mlcore-arm"], "champion");
        let records = json!([{"age": 40, "plan": "pro"}, {"age": 60, "plan": "free"}]);
        let (_, own) = place.post(PREDICT, &json!({"records": records, "id": "order-2"}));
        assert_eq!(answer["parameters"]["mlcore-outcome-id"], own["outcome_id"]);
        let scores = [0, 1].map(|row| own["predictions"][row]["score"].clone());
        assert_eq!(answer["outputs"][0]["data"], json!(scores));
        assert_eq!(answer["outputs"][1]["data"], json!([0.0, 1.0, 1.0, 0.0]));
    };
    check(&place, &raw(&[40.0, 60.0], &["pro", "free"]));
    // Numbers of another width go through the plan as they do in a table.
    let mut whole = raw(&[40.0, 60.0], &["pro", "free"]);
    whole["inputs"][1]["datatype"] = "UINT8".into();
    check(&place, &whole);
    // Where requests share runs, too.
    place.service.models().insert_batched(place.endpoint.clone(), BatchOptions::default()).unwrap();
    check(&place, &whole);
}

#[test]
fn raw_columns_travel_as_bytes() {
    let place = Place::of(endpoint());
    let head = json!({"parameters": {"binary_data_output": true}, "inputs": [
        {"name": "age", "shape": [2], "datatype": "FP32", "parameters": {"binary_data_size": 8}},
        {"name": "plan", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": 15}},
    ]});
    let head = head.to_string();
    let tail =
        [&40.0_f32.to_le_bytes()[..], &60.0_f32.to_le_bytes(), b"\x03\0\0\0pro\x04\0\0\0free"].concat();
    let headers = [("inference-header-content-length", &*head.len().to_string())];
    let got = place.ask(Method::POST, INFER, &headers, &[head.as_bytes(), &tail].concat());
    assert_eq!(got.status, StatusCode::OK, "{:?}", got.body);
    let json_bytes: usize = got.headers["inference-header-content-length"].to_str().unwrap().parse().unwrap();
    let (head, tail) = got.body.split_at(json_bytes);
    let answer: Value = serde_json::from_slice(head).unwrap();
    assert_eq!(answer["parameters"]["mlcore-arm"], got.headers["mlcore-arm"].to_str().unwrap());
    assert_eq!(answer["outputs"][1]["parameters"]["binary_data_size"], 16);
    let pairs: Vec<u8> = [0.0_f32, 1.0, 1.0, 0.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    assert!(tail.len() == 32 && tail.ends_with(&pairs), "{tail:?}");
}

#[test]
fn raw_columns_that_do_not_fit_are_told_by_name() {
    let place = Place::of(endpoint());
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut body = raw(&[40.0, 60.0], &["pro", "free"]);
        change(&mut body);
        body
    };
    let tensor = json!({"name": "input", "shape": [1, 3], "datatype": "FP32", "data": [0, 1, 0]});
    for (body, words) in [
        (changed(&|own| own["inputs"][0]["name"] = "paln".into()), "input paln: there is none of this name"),
        (changed(&|own| own["inputs"][0]["name"] = "paln".into()), "the raw columns age, plan"),
        (changed(&|own| own["inputs"][0] = tensor.clone()), "are mixed"),
        (changed(&|own| own["inputs"] = json!([own["inputs"][1]])), "plan: the column is missing"),
        (changed(&|own| own["inputs"][1]["datatype"] = "BYTES".into()), "element 0: 40.0 is no string"),
        (
            changed(&|own| {
                own["inputs"][1] =
                    json!({"name": "age", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]});
            }),
            "age: expected float64, got string",
        ),
        (raw(&[40.0], &["pro", "free"]), "input age: it has 1 rows"),
        (changed(&|own| own["inputs"][0]["shape"] = json!([1, 2])), "one value for each row"),
        (changed(&|own| own["parameters"] = json!({"raw_records": "perhaps"})), "it is true or false"),
        (changed(&|own| own["parameters"] = json!({"raw_records": false})), "not one of input"),
    ] {
        let (status, refused) = place.post(INFER, &body);
        assert_eq!(status, StatusCode::BAD_REQUEST, "{refused}");
        assert!(refused["error"].as_str().unwrap().contains(words), "{words}: {refused}");
    }
    let many = raw(&vec![40.0; 100_001], &vec!["pro"; 100_001]);
    let (status, refused) = place.post(INFER, &many);
    assert!(status == StatusCode::BAD_REQUEST && refused.to_string().contains("at most 100000"), "{refused}");
    let (status, refused) = Place::new()
        .post(INFER, &json!({"parameters": {"raw_records": true}, "inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1]}]}));
    assert!(
        status == StatusCode::BAD_REQUEST && refused.to_string().contains("has a feature plan"),
        "{refused}"
    );
}

/// Only the client knows whether an age is scaled where the model's input is called `age`, too.
#[test]
fn names_of_both_kinds_are_told_apart_by_the_client() {
    let place = Place::of(same_names());
    let body = |parameters: Value| {
        let age = json!({"name": "age", "shape": [2], "datatype": "FP64", "data": [20, 60]});
        place.post(INFER, &json!({"parameters": parameters, "inputs": [age]}))
    };
    let (status, refused) = body(json!({}));
    assert!(status == StatusCode::BAD_REQUEST && refused.to_string().contains("raw_records"), "{refused}");
    let (raw, tensors) = (body(json!({"raw_records": true})).1, body(json!({"raw_records": false})).1);
    assert_eq!(raw["outputs"][0]["data"], json!([-1.0, 1.0]));
    assert_eq!(tensors["outputs"][0]["data"], json!([20.0, 60.0]));
    assert_eq!((&raw["parameters"]["mlcore-arm"], tensors.get("parameters")), (&"champion".into(), None));
}

#[test]
fn the_first_protocol_of_kserve_takes_records_rows_and_named_inputs() {
    let place = Place::of(endpoint());
    let of = |place: &Place, instances: Value| {
        place.post("/v1/models/m:predict", &json!({ "instances": instances }))
    };
    assert_eq!(place.get("/v1/models"), (StatusCode::OK, json!({"models": ["m"]})));
    assert_eq!(place.get("/v1/models/m"), (StatusCode::OK, json!({"name": "m", "ready": true})));
    assert_eq!(place.get("/v1/models/none").0, StatusCode::NOT_FOUND);
    let records = json!([{"age": 40, "plan": "pro"}, {"age": 40, "plan": "free"}]);
    let expected =
        json!({"predictions": [{"score": 0.0, "pair": [0.0, 1.0]}, {"score": 0.0, "pair": [1.0, 0.0]}]});
    assert_eq!(of(&place, records), (StatusCode::OK, expected.clone()));
    assert_eq!(of(&place, json!([[0, 0, 1], [0, 1, 0]])), (StatusCode::OK, expected));
    for (instances, words) in [
        (json!([]), "there are none"),
        (json!([[0, 0, 1], [0, 1]]), "input input"),
        (json!([[0, 0], [0, 1]]), "input"),
        (json!([["a", 0, 1]]), "element 0"),
        (json!([{"age": 40, "plan": "pro"}, [0, 0, 1]]), "expected an element"),
    ] {
        let (status, refused) = of(&place, instances.clone());
        assert_eq!(status, StatusCode::BAD_REQUEST, "{instances}: {refused}");
        assert!(refused["error"].as_str().unwrap().contains(words), "{instances}: {refused}");
    }
    // Without a plan an object names inputs.
    let plain = Place::new();
    let (status, answer) = of(&plain, json!([{"x": [0.5, 1]}, {"x": [2, 3]}]));
    let expected = json!({"predictions": [{"y": 1.0, "text": "0.5"}, {"y": 1.0, "text": "2"}]});
    assert_eq!((status, answer), (StatusCode::OK, expected));
    for (instances, words) in [(json!([{"z": 1}]), "no input z"), (json!([{"x": [1, 2]}, {}]), "instance 1")]
    {
        let (status, refused) = of(&plain, instances);
        assert!(
            status == StatusCode::BAD_REQUEST && refused["error"].as_str().unwrap().contains(words),
            "{refused}"
        );
    }
}
