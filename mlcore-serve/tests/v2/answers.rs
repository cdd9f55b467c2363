//! What clients are answered.

use mlcore::batch::{Batch, Tensor};
use mlcore::schema::{DType, Field, Schema};
use mlcore_serve::v2::{InferAnswer, InferRequest, WrittenAnswer};
use serde_json::{Value, json};

use crate::read_json;

/// The schema that a batch fits.
fn schema(batch: &Batch) -> Schema {
    Schema::new(batch.iter().map(|(name, tensor)| Field::of_any_shape(name, tensor.dtype()))).unwrap()
}

/// All of the batch, some of it as bytes.
pub(crate) fn written(batch: &Batch, binary: &[bool]) -> WrittenAnswer {
    let outputs: Vec<Value> = batch
        .names()
        .zip(binary)
        .map(|(name, binary)| json!({"name": name, "parameters": {"binary_data": binary}}))
        .collect();
    let request = read_json(&json!({"inputs": [], "outputs": outputs}).to_string()).unwrap();
    InferAnswer::new(&request, "m", "1", batch, &schema(batch)).unwrap().write().unwrap()
}

fn answer(request: &str, outputs: &Batch) -> mlcore::Result<Value> {
    let request: InferRequest = read_json(request).unwrap();
    let written = InferAnswer::new(&request, "m", "3", outputs, &schema(outputs))?.write()?;
    Ok(serde_json::from_slice(&written.body[..written.json_bytes.unwrap_or(written.body.len())]).unwrap())
}

fn outputs() -> Batch {
    Batch::new([
        ("label", Tensor::column(vec![7_i64, 8])),
        ("scores", Tensor::new([2, 3], vec![0.25_f32, 0.5, 0.25, f32::NAN, f32::INFINITY, -1.0]).unwrap()),
    ])
    .unwrap()
}

#[test]
fn all_outputs_in_their_order_or_those_that_were_asked_for_in_theirs() {
    let all = answer(r#"{"id":"q","inputs":[]}"#, &outputs()).unwrap();
    assert_eq!(
        all,
        json!({"model_name": "m", "model_version": "3", "id": "q", "outputs": [
            {"name": "label", "datatype": "INT64", "shape": [2], "data": [7, 8]},
            {"name": "scores", "datatype": "FP32", "shape": [2, 3], "data": [0.25, 0.5, 0.25, "NaN", "Infinity", -1.0]},
        ]})
    );
    let some = answer(r#"{"inputs":[],"outputs":[{"name":"scores"},{"name":"label"}]}"#, &outputs()).unwrap();
    assert_eq!(
        (&some["outputs"][0]["name"], &some["outputs"][1]["name"]),
        (&"scores".into(), &"label".into())
    );
    assert!(some.get("id").is_none());
    for (asked, problem) in [
        (r#"[{"name":"other"}]"#, "it has label, scores"),
        (r#"[{"name":"label"},{"name":"label"}]"#, "asked for twice"),
    ] {
        let error = answer(&format!(r#"{{"inputs":[],"outputs":{asked}}}"#), &outputs()).unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
    }
}

#[test]
fn bytes_where_they_are_asked_for() {
    let request = r#"{"inputs":[],"parameters":{"binary_data_output":true},
        "outputs":[{"name":"label"},{"name":"scores","parameters":{"binary_data":false}}]}"#;
    let answer = answer(request, &outputs()).unwrap();
    assert_eq!(
        answer["outputs"][0],
        json!({"name": "label", "datatype": "INT64", "shape": [2], "parameters": {"binary_data_size": 16}})
    );
    assert!(answer["outputs"][1]["data"].is_array());
    let written = written(&outputs(), &[true, true]);
    let tail = &written.body[written.json_bytes.unwrap()..];
    assert_eq!((tail.len(), &tail[..16]), (16 + 24, &[7, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0][..]));
}

/// The texts are those that a Triton server writes: score, index and label, the largest first.
#[test]
fn classes_are_answered_as_texts() {
    let scores = Tensor::new([2, 3], vec![0.25_f32, 0.5, 0.2, f32::NAN, -2.0, -1.0]).unwrap();
    let outputs = Batch::single("scores", scores);
    let declared = Field::of_any_shape("scores", DType::Float32);
    let labelled = Schema::new([declared.clone().labelled(["no", "yes", "perhaps"])]).unwrap();
    let request =
        read_json(r#"{"inputs":[],"outputs":[{"name":"scores","parameters":{"classification":2}}]}"#)
            .unwrap();
    let texts = |schema: &Schema, outputs: &Batch| {
        let answer = InferAnswer::new(&request, "m", "1", outputs, schema).unwrap();
        let tensor = &answer.outputs[0].tensor;
        (tensor.shape().to_vec(), tensor.texts().unwrap().map(str::to_owned).collect::<Vec<_>>())
    };
    let (shape, named) = texts(&labelled, &outputs);
    assert_eq!(shape, [2, 2]);
    assert_eq!(named, ["0.500000:1:yes", "0.250000:0:no", "-1.000000:2:perhaps", "-2.000000:1:yes"]);
    let (_, unnamed) = texts(&Schema::new([declared]).unwrap(), &outputs);
    assert_eq!(unnamed[0], "0.500000:1");
    let one = Batch::single("scores", Tensor::column(vec![3_i32, 9, 4]));
    assert_eq!(texts(&labelled, &one), (vec![2], vec!["9.000000:1:yes".into(), "4.000000:2:perhaps".into()]));
    let text = Batch::single("scores", Tensor::strings([1], ["a"]).unwrap());
    assert!(InferAnswer::new(&request, "m", "1", &text, &labelled).is_err());
}
