//! What holds of every request, however it came: its limits, and that its tensors come back equal from an answer that repeats them.

use mlcore::batch::{Batch, Tensor};
use mlcore::schema::{DType, Field, Schema};
use mlcore::{Error, Result};
use mlcore_serve::v2::{InferAnswer, InferLimits, InferRequest};
use serde_json::{Value, json};

use crate::told::told;

/// Small enough that inputs reach them.
pub(crate) fn limits() -> InferLimits {
    let mut limits = InferLimits::default();
    (limits.tensors, limits.axes, limits.id_bytes) = (16, 6, 32);
    limits
}

/// The request that was read; of one that was refused, whether that was said well.
pub(crate) fn read(outcome: Result<InferRequest>) -> Option<InferRequest> {
    match outcome {
        Ok(request) => {
            let limits = limits();
            assert!(request.inputs.len() <= limits.tensors && request.outputs.len() <= limits.tensors);
            assert!(request.id.as_ref().is_none_or(|id| id.len() <= limits.id_bytes));
            for (name, tensor) in request.inputs.iter() {
                let count: usize = tensor.shape().iter().product();
                assert_eq!(count, tensor.len(), "{name:?}: {:?}", tensor.shape());
                assert!(tensor.shape().len() <= limits.axes);
            }
            Some(request)
        }
        Err(error) => {
            told(&error);
            assert!(matches!(error, Error::InvalidInput(_) | Error::Unsupported(_)), "{error:?}");
            None
        }
    }
}

/// Answers a request with its own inputs, in JSON or in bytes, and reads the answer as a request.
pub(crate) fn again(request: &InferRequest, is_binary: bool) {
    let declared = schema(&request.inputs);
    let mut asked = InferRequest::new(Batch::default());
    asked.id.clone_from(&request.id);
    asked.parameters.insert("binary_data_output".to_owned(), mlcore_serve::v2::Parameter::Bool(is_binary));
    let answer = InferAnswer::new(&asked, "m", "1", &request.inputs, &declared).expect("all are asked for");
    let written = answer.write().expect("what was read is written");
    let head = written.json_bytes.unwrap_or(written.body.len());
    let (json, tail) = written.body.split_at(head);
    let mut document: Value = serde_json::from_slice(json).expect("it is JSON");
    assert_eq!(document["id"], json!(request.id));
    let entries = document.as_object_mut().expect("it is an object");
    let outputs = entries.remove("outputs").expect("it has outputs");
    entries.insert("inputs".to_owned(), outputs);
    let json = document.to_string();
    let body = [json.as_bytes(), tail].concat();
    let json_bytes = written.json_bytes.map(|_| json.len());
    let back = InferRequest::read(&body, json_bytes, &limits()).expect("what is written is read");
    assert_same(&back.inputs, &request.inputs, is_binary);
}

pub(crate) fn schema(batch: &Batch) -> Schema {
    Schema::new(batch.iter().map(|(name, tensor)| Field::of_any_shape(name, tensor.dtype())))
        .expect("the names are those of a batch")
}

/// The same names, types, shapes and elements; in bytes bit for bit, in text every NaN is one.
pub(crate) fn assert_same(back: &Batch, before: &Batch, is_binary: bool) {
    assert_eq!(back.names().collect::<Vec<_>>(), before.names().collect::<Vec<_>>());
    for ((name, back), (_, before)) in back.iter().zip(before.iter()) {
        assert_eq!((back.dtype(), back.shape()), (before.dtype(), before.shape()), "{name:?}");
        let is_same = if !is_binary && before.dtype().is_float() {
            numbers(back) == numbers(before)
        } else if before.dtype() == DType::String {
            back.texts().expect("text").eq(before.texts().expect("text"))
        } else if before.dtype() == DType::Bool {
            back.values::<bool>().expect("bools") == before.values::<bool>().expect("bools")
        } else {
            back.as_bytes() == before.as_bytes()
        };
        assert!(is_same, "{name:?}: {before:?} came back as {back:?}");
    }
}

fn numbers(tensor: &Tensor) -> Vec<u64> {
    let canonical = |value: f64| if value.is_nan() { f64::NAN } else { value };
    tensor.to_f64().expect("floats are numbers").into_iter().map(|value| canonical(value).to_bits()).collect()
}
