//! Tensors that lie about themselves, over both protocols: refused with the same meaning, and named.

use serde_json::{Value, json};
use tonic::Code;

use crate::protocol::inference::infer_parameter::ParameterChoice;
use crate::protocol::inference::{InferTensorContents, ModelInferRequest};
use crate::server::{Attacked, INFER};
use crate::support::{input, map, output, request};
use crate::web::infer_body;

type Change<T> = Box<dyn Fn(&mut T)>;

#[test]
fn tensors_that_lie_are_refused_and_named_over_both_protocols() {
    let attacked = Attacked::new();
    let http = |change: fn(&mut Value)| Some(Box::new(change) as Change<Value>);
    let grpc = |change: fn(&mut ModelInferRequest)| Some(Box::new(change) as Change<ModelInferRequest>);
    for (what, http, grpc, words) in [
        (
            "a negative size",
            http(|own| own["inputs"][0]["shape"] = json!([-1, 2])),
            grpc(|own| own.inputs[0].shape = vec![-1, 2]),
            "input x: axis 0 of its shape is -1",
        ),
        (
            "sizes beyond numbers",
            http(|own| own["inputs"][0]["shape"] = json!([1_u64 << 62, 8])),
            grpc(|own| own.inputs[0].shape = vec![1 << 62, 8]),
            "input x",
        ),
        (
            "more than there is",
            http(|own| own["inputs"][0]["shape"] = json!([1_u64 << 40, 2])),
            grpc(|own| own.inputs[0].shape = vec![1 << 40, 2]),
            "input x",
        ),
        (
            "less than there is",
            http(|own| own["inputs"][0]["shape"] = json!([0, 2])),
            grpc(|own| own.inputs[0].shape = vec![0, 2]),
            "input x",
        ),
        (
            "33 axes",
            http(|own| own["inputs"][0]["shape"] = json!(vec![1; 33])),
            grpc(|own| own.inputs[0].shape = vec![1; 33]),
            "more than 32",
        ),
        (
            "lists of other lengths",
            http(|own| own["inputs"][0]["data"] = json!([[0.5], [1.0, 2.0]])),
            None,
            "input x",
        ),
        (
            "text in numbers",
            http(|own| own["inputs"][0]["data"] = json!(["a", 1])),
            None,
            "input x: element 0",
        ),
        (
            "a number beyond its type",
            http(|own| own["inputs"][0]["data"] = json!([1, 1e300])),
            None,
            "input x: element 1",
        ),
        (
            "an integer that floats do not hold",
            http(|own| own["inputs"][0]["data"] = json!([1, 16_777_217])),
            None,
            "input x: element 1",
        ),
        (
            "INT8 of 300",
            http(|own| {
                own["inputs"][0]["datatype"] = "INT8".into();
                own["inputs"][0]["data"] = json!([1, 300]);
            }),
            grpc(|own| {
                typed(
                    own,
                    "INT8",
                    InferTensorContents { int_contents: vec![1, 300], ..InferTensorContents::default() },
                );
            }),
            "input x: element 1: 300",
        ),
        (
            "BOOL of 2",
            http(|own| {
                own["inputs"][0]["datatype"] = "BOOL".into();
                own["inputs"][0]["data"] = json!([1, 2]);
            }),
            None,
            "input x: element 1: 2",
        ),
        (
            "BYTES that are none",
            None,
            grpc(|own| {
                typed(
                    own,
                    "BYTES",
                    InferTensorContents {
                        bytes_contents: vec![b"a"[..].into(), b"\xff"[..].into()],
                        ..InferTensorContents::default()
                    },
                );
            }),
            "input x: element 1 is not UTF-8",
        ),
        (
            "FP16 as typed contents",
            None,
            grpc(|own| {
                typed(
                    own,
                    "FP16",
                    InferTensorContents { fp32_contents: vec![1.0, 2.0], ..InferTensorContents::default() },
                );
            }),
            "input x: FP16",
        ),
        (
            "a type of nobody's",
            http(|own| own["inputs"][0]["datatype"] = "FP8".into()),
            grpc(|own| own.inputs[0].datatype = "FP8".to_owned()),
            "FP8",
        ),
        (
            "another type than the model's",
            http(|own| own["inputs"][0]["datatype"] = "FP64".into()),
            grpc(|own| {
                own.inputs[0].datatype = "FP64".to_owned();
                own.raw_input_contents = vec![vec![0; 16].into()];
            }),
            "x",
        ),
        (
            "an unknown input",
            http(|own| own["inputs"][0]["name"] = "z".into()),
            grpc(|own| own.inputs[0].name = "z".to_owned()),
            "z: not one of x",
        ),
        (
            "an input too many",
            http(|own| {
                own["inputs"] =
                    json!([own["inputs"][0], {"name": "z", "shape": [0], "datatype": "FP32", "data": []}]);
            }),
            grpc(|own| {
                own.inputs.push(input("z", "FP32", &[0]));
                own.raw_input_contents.push(Vec::new().into());
            }),
            "z: not one of x",
        ),
        (
            "no input",
            http(|own| own["inputs"] = json!([])),
            grpc(|own| {
                own.inputs.clear();
                own.raw_input_contents.clear();
            }),
            "x: missing",
        ),
        (
            "an input twice",
            http(|own| own["inputs"] = json!([own["inputs"][0], own["inputs"][0]])),
            grpc(|own| {
                own.inputs.push(own.inputs[0].clone());
                own.raw_input_contents.push(own.raw_input_contents[0].clone());
            }),
            "input x: the name occurs twice",
        ),
        (
            "an unknown output",
            http(|own| own["outputs"] = json!([{"name": "z"}])),
            grpc(|own| own.outputs = vec![output("z")]),
            "it has y, text",
        ),
        (
            "a deadline that is none",
            http(|own| own["parameters"] = json!({"timeout": "soon"})),
            grpc(|own| own.parameters = map([("timeout", ParameterChoice::StringParam("soon".to_owned()))])),
            "parameter timeout",
        ),
        (
            "a name of a megabyte",
            http(|own| own["inputs"][0]["name"] = "z".repeat(1 << 20).into()),
            grpc(|own| own.inputs[0].name = "z".repeat(1 << 20)),
            "zzz",
        ),
    ]
        as [(&str, Option<Change<Value>>, Option<Change<ModelInferRequest>>, &str); 22]
    {
        if let Some(change) = http {
            let mut body = infer_body(&[[0.5, 1.0]]);
            body["inputs"][0]["data"] = json!([0.5, 1.0]);
            change(&mut body);
            let answer = attacked.post(INFER, body.to_string().as_bytes());
            assert_eq!(answer.status, 400, "{what}: {}", answer.body);
            assert!(answer.problem().contains(words), "{what}: {}", answer.body);
        }
        if let Some(change) = grpc {
            let mut asked = request(&[[0.5, 1.0]]);
            change(&mut asked);
            let refused = attacked.call(asked).unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument, "{what}: {refused}");
            assert!(refused.message().contains(words), "{what}: {refused}");
        }
    }
    attacked.check();
}

/// Sends contents of two elements in the place of raw bytes.
fn typed(request: &mut ModelInferRequest, datatype: &str, contents: InferTensorContents) {
    request.raw_input_contents.clear();
    request.inputs[0].datatype = datatype.to_owned();
    request.inputs[0].contents = Some(contents);
}

#[test]
fn a_million_inputs_are_refused_before_they_are_kept() {
    let attacked = Attacked::new();
    let one = r#"{"name":"","shape":[0],"datatype":"FP32","data":[]}"#;
    let body = format!(r#"{{"inputs":[{}]}}"#, vec![one; 1_000_000].join(","));
    let answer = attacked.post(INFER, body.as_bytes());
    assert!(answer.status == 400 && answer.problem().contains("more than 10000"), "{}", answer.body);
    let mut asked = request(&[[0.5, 1.0]]);
    asked.inputs = vec![input("", "", &[]); 1_000_000];
    let refused = attacked.call(asked).unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    assert!(refused.message().contains("more than 10000 inputs"), "{refused}");
    attacked.check();
}

#[test]
fn binary_tensors_that_do_not_lie_where_they_say_are_refused() {
    let attacked = Attacked::new();
    let ask = |size: Value, tail: &[u8], said: Option<i64>| {
        let input = json!({"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": size}});
        let head = json!({ "inputs": [input] }).to_string();
        let said = said.unwrap_or(head.len() as i64);
        let more = format!("Inference-Header-Content-Length: {said}\r\n");
        attacked.ask("POST", INFER, &more, &[head.as_bytes(), tail].concat())
    };
    assert_eq!(ask(json!(8), &[0; 8], None).status, 200);
    for (what, answer) in [
        ("a negative size", ask(json!(-8), &[0; 8], None)),
        ("more than is left", ask(json!(9), &[0; 8], None)),
        ("all that there is", ask(json!(u64::MAX), &[0; 8], None)),
        ("less than the shape has", ask(json!(4), &[0; 8], None)),
        ("bytes behind it", ask(json!(8), &[0; 9], None)),
        ("text", ask(json!("eight"), &[0; 8], None)),
        ("half a byte", ask(json!(8.5), &[0; 8], None)),
        ("JSON beyond the body", ask(json!(8), &[0; 8], Some(1 << 40))),
        ("half of the JSON", ask(json!(8), &[0; 8], Some(20))),
        ("no JSON", ask(json!(8), &[0; 8], Some(0))),
        ("less than none", ask(json!(8), &[0; 8], Some(-1))),
    ] {
        assert_eq!(answer.status, 400, "{what}: {}", answer.body);
        answer.problem();
    }
    attacked.check();
}
