//! Every model under `testdata/models/runner` answers what ONNX Runtime answered in Python.
#![cfg(feature = "ort")]
#![expect(clippy::expect_used, clippy::panic, reason = "a test reports by panicking, in its helpers too")]

use std::fs;
use std::path::{Path, PathBuf};

use mlcore::batch::{Batch, Tensor};
use mlcore::runner::ort::OnnxRunner;
use mlcore::runner::{RunOptions, Runner};
use mlcore::schema::{DType, Dim, Field, Schema};
use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testdata/models/runner")
}

#[test]
fn every_model_with_expected_answers_gives_them() {
    let mut models = 0;
    for entry in fs::read_dir(folder()).expect("the fixtures are there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "json") {
            check(&path);
            models += 1;
        }
    }
    assert!(models >= 14, "{models} models");
}

fn check(path: &Path) {
    let expected: Value = serde_json::from_slice(&fs::read(path).expect("readable")).expect("JSON");
    let model = OnnxRunner::from_file(path.with_extension("onnx")).unwrap_or_else(|error| panic!("{error}"));
    let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
    check_schema(&name, &model.signature().inputs, &expected["inputs"]);
    check_schema(&name, &model.signature().outputs, &expected["outputs"]);
    for case in expected["cases"].as_array().expect("cases") {
        let inputs = case["inputs"].as_object().expect("inputs");
        let inputs =
            Batch::new(inputs.iter().map(|(name, value)| (name.as_str(), tensor(value)))).expect("a batch");
        let outputs =
            model.run(&inputs, &RunOptions::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(outputs.len(), case["outputs"].as_object().expect("outputs").len());
        for (output, value) in case["outputs"].as_object().expect("outputs") {
            let answered = outputs.tensor(output).expect("the output");
            let wanted = match value.get("keys") {
                Some(keys) => {
                    let field = model.signature().outputs.field(output).expect("the field");
                    let keys: Vec<String> =
                        keys["data"].as_array().expect("keys").iter().map(label).collect();
                    assert_eq!(field.labels(), keys, "{name}.{output}");
                    tensor(&value["values"])
                }
                None => tensor(value),
            };
            assert!(same(answered, &wanted), "{name}.{output}: {answered:?} is not {wanted:?}");
        }
    }
}

fn check_schema(model: &str, schema: &Schema, expected: &Value) {
    let expected = expected.as_array().expect("a list");
    assert_eq!(schema.len(), expected.len(), "{model}");
    for (field, expected) in schema.fields().iter().zip(expected) {
        assert_eq!(field.name(), expected["name"], "{model}");
        let kind = expected["type"].as_str().expect("a type");
        if kind.starts_with("seq(map(") {
            assert_eq!((field.dtype(), field.shape().len()), (DType::Float32, 2), "{model}");
            continue;
        }
        let shape: Vec<Dim> = expected["shape"].as_array().expect("a shape").iter().map(dim).collect();
        let dtype = match kind.trim_start_matches("tensor(").trim_end_matches(')') {
            "float" => DType::Float32,
            "double" => DType::Float64,
            other => other.parse().expect("a type"),
        };
        assert_eq!(*field, Field::tensor(field.name(), dtype, shape), "{model}");
    }
}

fn dim(size: &Value) -> Dim {
    size.as_u64().map_or(Dim::Dynamic, |size| Dim::Fixed(usize::try_from(size).expect("a size")))
}

fn label(key: &Value) -> String {
    key.as_str().map_or_else(|| key.to_string(), str::to_owned)
}

/// A tensor as the script writes it.
fn tensor(value: &Value) -> Tensor {
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

/// Equal bit for bit, where a NaN is as good as another. The same library on the same machine answers the same; another
/// machine's kernels may round f32 otherwise, so a difference of two units in the last place passes there.
fn same(a: &Tensor, b: &Tensor) -> bool {
    if a.dtype() != b.dtype() || a.shape() != b.shape() {
        return false;
    }
    match a.dtype() {
        DType::String => a.texts().expect("text").eq(b.texts().expect("text")),
        DType::Int64 | DType::UInt64 => a == b,
        _ => {
            let (a, b) = (a.to_f64().expect("numbers"), b.to_f64().expect("numbers"));
            let close = |a: f64, b: f64| a == b || (a - b).abs() <= 2.5e-7 * a.abs().max(b.abs());
            a.iter().zip(&b).all(|(a, b)| a.is_nan() && b.is_nan() || close(*a, *b))
        }
    }
}
