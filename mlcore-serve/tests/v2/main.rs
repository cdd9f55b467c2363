//! The Open Inference Protocol in JSON and bytes: what is read equals what was sent, and what is wrong is told where.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking, in its helpers too")]

mod answers;
mod refusals;

use mlcore::batch::{Batch, Tensor};
use mlcore::schema::DType;
use mlcore_serve::v2::{InferLimits, InferRequest};
use proptest::prelude::*;
use serde_json::json;

fn read(body: &[u8], json_bytes: Option<usize>) -> mlcore::Result<InferRequest> {
    InferRequest::read(body, json_bytes, &InferLimits::default())
}

fn read_json(body: &str) -> mlcore::Result<InferRequest> {
    read(body.as_bytes(), None)
}

/// The one input `x` of a request of this type, shape and data, whichever of them stands first.
fn tensor(datatype: &str, shape: &str, data: &str) -> mlcore::Result<Tensor> {
    let parts = [
        r#""name":"x""#.to_owned(),
        format!(r#""datatype":"{datatype}""#),
        format!(r#""shape":{shape}"#),
        format!(r#""data":{data}"#),
    ];
    let in_order = |order: [usize; 4]| {
        let input = order.map(|place| parts[place].as_str()).join(",");
        read_json(&format!(r#"{{"inputs":[{{{input}}}]}}"#))
            .map(|request| request.inputs.tensor("x").unwrap().clone())
    };
    let (last, first) = (in_order([0, 1, 2, 3]), in_order([3, 2, 1, 0]));
    match (&last, &first) {
        (Ok(last), Ok(first)) => assert_eq!(format!("{last:?}"), format!("{first:?}")),
        (Err(last), Err(first)) => assert_eq!(last.context().problem(), first.context().problem()),
        _ => panic!("data before its type: {first:?}, after it: {last:?}"),
    }
    last
}

#[test]
fn every_type_is_read_from_json() {
    let equal = |datatype, data: &str, expected: Tensor| {
        assert_eq!(tensor(datatype, &format!("[{}]", expected.len()), data).unwrap(), expected, "{datatype}");
    };
    equal("BOOL", "[true, false, 1, 0]", Tensor::column(vec![true, false, true, false]));
    equal("INT8", "[-128, 127, 2.0]", Tensor::column(vec![-128_i8, 127, 2]));
    equal("INT16", "[-32768]", Tensor::column(vec![i16::MIN]));
    equal("INT32", "[2147483647]", Tensor::column(vec![i32::MAX]));
    equal("INT64", "[9223372036854775807, -9223372036854775808]", Tensor::column(vec![i64::MAX, i64::MIN]));
    equal("UINT8", "[255]", Tensor::column(vec![255_u8]));
    equal("UINT16", "[65535]", Tensor::column(vec![u16::MAX]));
    equal("UINT32", "[4294967295]", Tensor::column(vec![u32::MAX]));
    equal("UINT64", "[18446744073709551615]", Tensor::column(vec![u64::MAX]));
    equal("FP32", "[0.1, 3, 33554432, -0.0]", Tensor::column(vec![0.1_f32, 3.0, 33_554_432.0, -0.0]));
    equal(
        "FP64",
        "[0.1, 9007199254740992, 1e308]",
        Tensor::column(vec![0.1, 9_007_199_254_740_992.0, 1e308]),
    );
    let half = tensor("FP16", "[2]", "[0.5, 65504]").unwrap();
    assert_eq!((half.dtype(), half.to_f64().unwrap()), (DType::Float16, vec![0.5, 65_504.0]));
    let texts = tensor("BYTES", "[3]", r#"["a", "", "\u00fcb\n"]"#).unwrap();
    assert_eq!(texts.texts().unwrap().collect::<Vec<_>>(), ["a", "", "üb\n"]);
}

#[test]
fn what_json_has_no_numbers_for_is_read_from_words() {
    for data in [
        "[NaN, Infinity, -Infinity]",
        r#"["NaN", "Infinity", "-Infinity"]"#,
        r#"[null, Infinity, "-Infinity"]"#,
    ] {
        for datatype in ["FP16", "FP32", "FP64"] {
            let values = tensor(datatype, "[3]", data).unwrap().to_f64().unwrap();
            assert!(values[0].is_nan() && values[1..] == [f64::INFINITY, f64::NEG_INFINITY], "{data}");
        }
        let problem = tensor("INT32", "[3]", data).unwrap_err().to_string();
        assert!(problem.contains("element 0"), "{problem}");
    }
}

#[test]
fn data_is_flat_or_nested_as_the_shape_says() {
    let expected = Tensor::new([2, 1, 2], vec![1_i32, 2, 3, 4]).unwrap();
    for data in ["[1,2,3,4]", "[[[1,2]],[[3,4]]]", " [ [ [ 1 , 2 ] ] , [ [ 3 , 4 ] ] ] "] {
        assert_eq!(tensor("INT32", "[2,1,2]", data).unwrap(), expected);
    }
    assert_eq!(tensor("INT32", "[0,3]", "[]").unwrap().shape(), [0, 3]);
    assert_eq!(tensor("INT32", "[2,0]", "[[],[]]").unwrap().shape(), [2, 0]);
    assert_eq!(tensor("INT32", "[]", "[7]").unwrap(), Tensor::new([], vec![7_i32]).unwrap());
    for ragged in [
        "[[1,2],[3]]",
        "[[1,2,3]]",
        "[[1],[2],[3]]",
        "[1,[2],3]",
        "[[[1,2,3]]]",
        "[1,2]",
        "[1,2,3,4]",
        "[[1,2],[3,4]]",
        "7",
    ] {
        let problem = tensor("INT32", "[3]", ragged).unwrap_err().to_string();
        assert!(problem.contains("input") || problem.contains("list"), "{ragged}: {problem}");
    }
}

#[test]
fn a_request_says_more_than_its_tensors() {
    let request = read_json(
        r#"{"id":"a-1","model_name":"ignored","parameters":{"priority":2,"timeout":5000,"own":"x","none":null,"big":18446744073709551615},
            "outputs":[{"name":"y","parameters":{"binary_data":true,"classification":2,"own":1.5}},{"name":"z"}],
            "inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1],"parameters":{"content_type":"np"}}]}"#,
    )
    .unwrap();
    assert_eq!(request.id.as_deref(), Some("a-1"));
    assert_eq!(request.parameters.len(), 4);
    assert_eq!(request.parameters["timeout"].as_u64(), Some(5000));
    assert_eq!(request.parameters["big"].as_u64(), Some(u64::MAX));
    assert_eq!((request.outputs[0].binary, request.outputs[0].classification), (Some(true), Some(2)));
    assert_eq!(request.outputs[0].parameters.len(), 1);
    assert_eq!((request.outputs[1].binary, request.outputs[1].classification), (None, None));
    assert!(!request.is_binary());
    assert!(read_json(r#"{"parameters":{"binary_data_output":true},"inputs":[]}"#).unwrap().is_binary());
}

/// A body of binary inputs.
fn binary_body(inputs: &[(&str, &str, &[usize], &[u8])]) -> (Vec<u8>, usize) {
    let list: Vec<_> = inputs
        .iter()
        .map(|(name, datatype, shape, bytes)| {
            json!({"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": bytes.len()}})
        })
        .collect();
    let mut body = serde_json::to_vec(&json!({ "inputs": list })).unwrap();
    let head = body.len();
    inputs.iter().for_each(|(.., bytes)| body.extend_from_slice(bytes));
    (body, head)
}

#[test]
fn binary_tensors_follow_the_json() {
    let floats: Vec<u8> = [1.5_f32, f32::NAN].iter().flat_map(|value| value.to_le_bytes()).collect();
    let texts = b"\x02\x00\x00\x00ab\x00\x00\x00\x00";
    let (mut body, head) = binary_body(&[
        ("x", "FP32", &[2, 1], &floats),
        ("b", "BOOL", &[3], &[1, 0, 1]),
        ("t", "BYTES", &[2], texts),
    ]);
    let request = read(&body, Some(head)).unwrap();
    let x = request.inputs.tensor("x").unwrap().values::<f32>().unwrap().to_vec();
    assert!(x[0] == 1.5 && x[1].is_nan());
    assert_eq!(request.inputs.tensor("b").unwrap().values::<bool>().unwrap(), [true, false, true]);
    assert_eq!(request.inputs.tensor("t").unwrap().texts().unwrap().collect::<Vec<_>>(), ["ab", ""]);
    body.push(0);
    let problem = read(&body, Some(head)).unwrap_err().to_string();
    assert!(problem.contains("1 bytes follow"), "{problem}");
}

/// Any tensor, of every type.
fn tensors() -> impl Strategy<Value = Tensor> {
    let shape = proptest::collection::vec(0_usize..4, 0..4);
    (0..13_usize, shape, any::<u64>()).prop_map(|(kind, shape, seed)| {
        let count: usize = shape.iter().product();
        let mut state = seed | 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state
        };
        let words: Vec<u64> = (0..count).map(|_| next()).collect();
        macro_rules! of {
            ($($kind:literal: $native:ty = $of:expr;)+) => {
                match kind {
                    $($kind => {
                        let of = $of;
                        Tensor::new(&shape, words.iter().map(|word: &u64| of(*word)).collect::<Vec<$native>>())
                    })+
                    11 => {
                        let halves: Vec<u8> = words.iter().flat_map(|word| (*word as u16 & 0x7bff).to_ne_bytes()).collect();
                        Tensor::from_bytes(DType::Float16, &shape, &halves)
                    }
                    _ => Tensor::strings(&shape, words.iter().map(|word| format!("\"{word}\u{1F600}\\\n"))),
                }
            };
        }
        of! {
            0: bool = |word| word & 1 == 1;
            1: i8 = |word| word as i8;
            2: i16 = |word| word as i16;
            3: i32 = |word| word as i32;
            4: i64 = |word| word as i64;
            5: u8 = |word| word as u8;
            6: u16 = |word| word as u16;
            7: u32 = |word| word as u32;
            8: u64 = |word: u64| word;
            9: f32 = |word| Some(f32::from_bits(word as u32)).filter(|value| !value.is_nan()).unwrap_or(0.5);
            10: f64 = |word| Some(f64::from_bits(word)).filter(|value| !value.is_nan()).unwrap_or(f64::INFINITY);
        }
        .unwrap()
    })
}

proptest! {
    /// An answer, sent back as a request, is the same tensors: in JSON, in bytes, and mixed.
    #[test]
    fn what_is_written_is_read(tensors in proptest::collection::vec((tensors(), any::<bool>()), 1..4)) {
        let names = ["a", "b", "c"];
        let named = tensors.iter().zip(names).map(|((tensor, _), name)| (name, tensor.clone()));
        let batch = Batch::new(named).unwrap();
        let binary: Vec<bool> = tensors.iter().map(|(_, is_binary)| *is_binary).collect();
        let written = answers::written(&batch, &binary);
        // What is called outputs there is called inputs here.
        let head = written.json_bytes.unwrap_or(written.body.len());
        let json = String::from_utf8(written.body[..head].to_vec()).unwrap();
        let mut body = json.replacen("\"outputs\":", "\"inputs\":", 1).into_bytes();
        let head = body.len();
        body.extend_from_slice(&written.body[written.json_bytes.unwrap_or(written.body.len())..]);
        let request = read(&body, written.json_bytes.map(|_| head)).unwrap();
        prop_assert_eq!(request.inputs, batch);
    }

    /// Nothing panics, whatever comes.
    #[test]
    fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200), head in proptest::option::of(0_usize..220)) {
        drop(read(&body, head));
    }

    /// Neither does a request of which a byte was changed.
    #[test]
    fn a_changed_request_is_read_or_refused(place in 0_usize..200, byte in any::<u8>()) {
        let texts = b"\x02\x00\x00\x00ab\x00\x00\x00\x00";
        let (mut body, head) = binary_body(&[("x", "FP32", &[2], &[0; 8]), ("t", "BYTES", &[2], texts)]);
        let place = place % body.len();
        body[place] = byte;
        drop(read(&body, Some(head)));
    }
}

#[test]
fn null_is_a_tensor_without_elements() {
    let read = |shape: &str| {
        let body =
            format!(r#"{{"inputs": [{{"name": "x", "shape": {shape}, "datatype": "FP32", "data": null}}]}}"#);
        InferRequest::read(body.as_bytes(), None, &InferLimits::default())
    };
    assert_eq!(read("[0, 2]").unwrap().inputs.tensor("x").unwrap().shape(), [0, 2]);
    let both = br#"{"inputs": [{"name": "x", "shape": [0], "datatype": "FP32", "data": null,
        "parameters": {"binary_data_size": 0}}]}"#;
    assert!(InferRequest::read(both, None, &InferLimits::default()).is_ok());
    let error = read("[1, 2]").unwrap_err().to_string();
    assert!(error.contains("it has 0 elements, and 2 make [1, 2]"), "{error}");
}
