//! Every model answers what ONNX Runtime answered in Python.

use mlcore::batch::Tensor;
use mlcore::runner::{RunOptions, Runner};
use mlcore::schema::{DType, Dim, Field, Schema};
use serde_json::Value;

use crate::fixtures::{expected, expected_models, inputs, load, tensor};

#[test]
fn every_model_with_expected_answers_gives_them() {
    let models = expected_models();
    assert!(models.len() >= 14, "{models:?}");
    for model in models {
        check(&model);
    }
}

fn check(name: &str) {
    let (expected, model) = (expected(name), load(name));
    check_schema(name, &model.signature().inputs, &expected["inputs"]);
    check_schema(name, &model.signature().outputs, &expected["outputs"]);
    for case in expected["cases"].as_array().expect("cases") {
        let outputs = model
            .run(&inputs(case), &RunOptions::default())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
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
