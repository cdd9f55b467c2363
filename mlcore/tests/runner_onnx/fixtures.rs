//! The models of `testdata/models/runner` and what is known about them.

use std::fs;
use std::path::PathBuf;

use mlcore::Error;
use mlcore::batch::{Batch, Tensor};
use mlcore::runner::ort::OnnxRunner;
use mlcore::schema::DType;
use serde_json::Value;

pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testdata/models/runner").join(name)
}

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    fs::read(path(&format!("{name}.onnx"))).expect("a fixture")
}

pub(crate) fn load(name: &str) -> OnnxRunner {
    OnnxRunner::from_file(path(&format!("{name}.onnx"))).unwrap_or_else(|error| panic!("{error}"))
}

/// What a load must answer where it must fail.
pub(crate) fn refusal(outcome: mlcore::Result<OnnxRunner>) -> Error {
    match outcome {
        Ok(model) => panic!("it was loaded: {model:?}"),
        Err(error) => error,
    }
}

/// The names of all models with expected answers.
pub(crate) fn expected_models() -> Vec<String> {
    let entries = fs::read_dir(path("")).expect("the fixtures are there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let json = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    json.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
}

/// The signature and the answers that ONNX Runtime gave in Python.
pub(crate) fn expected(name: &str) -> Value {
    serde_json::from_slice(&fs::read(path(&format!("{name}.json"))).expect("readable")).expect("JSON")
}

/// The inputs of a case.
pub(crate) fn inputs(case: &Value) -> Batch {
    let inputs = case["inputs"].as_object().expect("inputs");
    Batch::new(inputs.iter().map(|(name, value)| (name.as_str(), tensor(value)))).expect("a batch")
}

/// The inputs of the first case.
pub(crate) fn sample(name: &str) -> Batch {
    inputs(&expected(name)["cases"][0])
}

/// A tensor as the script writes it.
pub(crate) fn tensor(value: &Value) -> Tensor {
    let shape: Vec<usize> = value["shape"]
        .as_array()
        .expect("a shape")
        .iter()
        .map(|size| usize::try_from(size.as_u64().expect("a size")).expect("a size"))
        .collect();
    let data = value["data"].as_array().expect("data");
    let int = |v: &Value| v.as_i64().map_or_else(|| i128::from(v.as_u64().expect("an integer")), i128::from);
    macro_rules! ints {
        ($type:ty) => {
            Tensor::new(shape, data.iter().map(|v| <$type>::try_from(int(v)).expect("in range")).collect())
        };
    }
    let dtype: DType = value["dtype"].as_str().expect("a dtype").parse().expect("a dtype");
    match dtype {
        DType::Bool => Tensor::new(shape, data.iter().map(|v| v.as_bool().expect("a bool")).collect()),
        DType::Int8 => ints!(i8),
        DType::Int16 => ints!(i16),
        DType::Int32 => ints!(i32),
        DType::Int64 => ints!(i64),
        DType::UInt8 => ints!(u8),
        DType::UInt16 => ints!(u16),
        DType::UInt32 => ints!(u32),
        DType::UInt64 => ints!(u64),
        DType::Float16 => Tensor::new(shape, data.iter().map(|v| half::f16::from_f64(float(v))).collect()),
        DType::Float32 => Tensor::new(shape, data.iter().map(|v| float(v) as f32).collect()),
        DType::Float64 => Tensor::new(shape, data.iter().map(float).collect()),
        DType::String => Tensor::strings(shape, data.iter().map(|v| v.as_str().expect("text"))),
        other => panic!("{other}"),
    }
    .expect("a tensor")
}

fn float(value: &Value) -> f64 {
    match value.as_str() {
        Some("NaN") => f64::NAN,
        Some("Infinity") => f64::INFINITY,
        Some("-Infinity") => f64::NEG_INFINITY,
        _ => value.as_f64().expect("a number"),
    }
}
