//! Every kind of runner against the contract of the trait.

use std::sync::Arc;

use mlcore::batch::{Batch, Tensor};
use mlcore::conformance;
use mlcore::runner::{ConstantRunner, FunctionRunner, Runner};
use mlcore::schema::{DType, Dim, Field, Schema, Signature};

use crate::fixtures::{load, sample};

fn columns(rows: usize) -> (Schema, Batch) {
    let schema = Schema::new([
        Field::column("amount", DType::Float64),
        Field::tensor("embedding", DType::Float32, [Dim::Dynamic, Dim::Fixed(2)]),
        Field::column("plan", DType::String),
    ]);
    let batch = Batch::new([
        ("amount", Tensor::column((0..rows).map(|row| row as f64).collect())),
        ("embedding", Tensor::new([rows, 2], vec![0.5_f32; 2 * rows]).unwrap()),
        ("plan", Tensor::strings([rows], (0..rows).map(|row| format!("plan {row}"))).unwrap()),
    ]);
    (schema.unwrap(), batch.unwrap())
}

#[test]
fn the_constant_keeps_the_contract() {
    let (schema, sample) = columns(5);
    conformance::runner(&ConstantRunner::new(schema, 0.25).unwrap(), &sample);
}

#[test]
fn a_closure_keeps_the_contract() {
    let (schema, sample) = columns(5);
    let outputs = Schema::new([Field::column("doubled", DType::Float64)]).unwrap();
    let double = FunctionRunner::new(Signature::new(schema, outputs), |inputs| {
        let doubled = inputs.tensor("amount")?.values::<f64>()?.iter().map(|amount| 2.0 * amount).collect();
        Ok(Batch::single("doubled", Tensor::column(doubled)))
    });
    conformance::runner(&double, &sample);
    let shared: Arc<dyn Runner> = Arc::new(double);
    conformance::runner(&shared, &sample);
}

#[test]
fn onnx_models_of_every_kind_keep_the_contract() {
    for name in [
        "rf30",
        "gb30",
        "mlp30",
        "columns",
        "strings",
        "texts8",
        "zipmap_int",
        "zipmap_string",
        "identity",
        "identity_cube",
        "identity_scalar",
        "fixed_batch",
        "fails_at_run",
        "external_inside",
    ] {
        let model: Arc<dyn Runner> = Arc::new(load(name));
        conformance::runner(&model, &sample(name));
    }
}
