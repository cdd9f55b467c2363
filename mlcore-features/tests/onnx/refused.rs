//! What is refused says why, and what to do.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use mlcore::arrow::datatypes::{Field, Schema};
use mlcore::runner::Runner;
use mlcore::schema::DType;
use mlcore_features::onnx::{FloatType, OnnxExport};
use mlcore_features::pipeline::{ColumnTransformer, Pipeline, Plan, Step};
use mlcore_features::transform::{DerivedColumns, KNNImputer, OneHotEncoder, OrdinalEncoder, StandardScaler};

use crate::compare::{Outcome, compare, load};

fn table(columns: &[(&str, ArrayRef, bool)]) -> RecordBatch {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array, is_nullable)| Field::new(*name, array.data_type().clone(), *is_nullable))
        .collect();
    let arrays = columns.iter().map(|(_, array, _)| array.clone()).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

fn customers() -> RecordBatch {
    table(&[
        ("age", Arc::new(Float64Array::from(vec![20.0, 30.0, 40.0])), true),
        ("price", Arc::new(Float64Array::from(vec![0.1, 0.1 + 1e-12, 0.3])), false),
        ("account", Arc::new(Int64Array::from(vec![Some(1), None, Some((1 << 53) + 1)])), true),
        ("plan", Arc::new(StringArray::from(vec![Some(""), Some("pro"), None])), true),
        ("born", Arc::new(Date32Array::from(vec![0, 1, 2])), false),
    ])
}

fn fitted<const N: usize>(step: impl Into<Step>, columns: [&str; N]) -> Plan {
    ColumnTransformer::new().with("step", step, columns).fit(&customers()).unwrap()
}

#[track_caller]
fn refused(plan: &Plan, export: &OnnxExport, expected: &str) {
    let error = plan.to_onnx(export).unwrap_err().to_string();
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn steps_without_operators_are_named_with_their_columns() {
    let default = OnnxExport::default();
    refused(
        &fitted(Pipeline::new().then("fill", KNNImputer::default()), ["age", "price"]),
        &default,
        "export to ONNX KNNImputer: on age, price: it searches all rows of the training table for the nearest; run the \
         plan with its own executors before the model, or leave the step out of the plan",
    );
    refused(
        &fitted(DerivedColumns::default().column("pro", "plan == \"pro\"".parse().unwrap()), ["plan"]),
        &default,
        "export to ONNX DerivedColumns: on plan: ONNX has no operators that take texts apart as it does; run",
    );
    refused(
        &fitted(Step::Passthrough, ["born"]),
        &default,
        "transform step__born: the column is date, which no matrix",
    );
    refused(&fitted(Step::Drop, ["age"]), &default, "export to ONNX plan: it makes no features");
}

#[test]
fn categories_that_cannot_be_told_apart_are_refused() {
    let one_hot = OneHotEncoder::default;
    refused(
        &fitted(one_hot(), ["plan"]),
        &OnnxExport::default(),
        "export to ONNX plan: \"\" is one of its categories, and stands for a missing text; let another text stand for a \
         missing one, by missing_text",
    );
    refused(
        &fitted(one_hot(), ["account"]),
        &OnnxExport::default(),
        "export to ONNX account: a category is an integer beyond 2^53, and with missing values the column is one of floats; \
         say that integers are present, by integers_are_present",
    );
    refused(
        &fitted(one_hot(), ["price"]),
        &OnnxExport::default().with_float_inputs(FloatType::Float32),
        "export to ONNX price: two of its categories are 0.10000000149011612 as float32; take float64 inputs",
    );
    let present = table(&[("account", Arc::new(Int64Array::from(vec![1 << 53, (1 << 53) + 1])), true)]);
    let plan =
        ColumnTransformer::new().with("step", OrdinalEncoder::default(), ["account"]).fit(&present).unwrap();
    let export = OnnxExport::default().with_integers_are_present(true);
    assert_eq!(compare(&plan, &present, &export, "exact").unwrap(), Outcome::Equal);
}

#[test]
fn options_that_do_not_fit_are_named() {
    let plan = fitted(StandardScaler::default(), ["age"]);
    let default = OnnxExport::default();
    refused(&plan, &default.clone().with_opset(11), "export to ONNX opset: 11 is none of 12 to 24; use 17");
    refused(&plan, &default.clone().with_opset(25), "export to ONNX opset: 25 is none of 12 to 24; use 17");
    for name in ["age", ""] {
        let expected =
            format!("export to ONNX output: {name:?} is no name, or that of a column; give the output");
        refused(&plan, &default.clone().with_output(name), &expected);
    }
}

#[test]
fn inputs_are_the_columns_that_are_read() {
    let steps = ColumnTransformer::new()
        .with("gone", Step::Drop, ["born", "price"])
        .with("scale", StandardScaler::default(), ["age"])
        .with("code", OrdinalEncoder::default(), ["account", "plan"]);
    let export = OnnxExport::default().with_missing_text("none").with_integers_are_present(true);
    let plan = steps.fit(&customers()).unwrap();
    let model = load(&plan.to_onnx(&export).unwrap());
    let inputs: Vec<(&str, DType)> =
        model.signature().inputs.fields().iter().map(|field| (field.name(), field.dtype())).collect();
    assert_eq!(inputs, [("age", DType::Float64), ("account", DType::Int64), ("plan", DType::String)]);
    let info = model.info();
    assert_eq!(
        (info.ir_version, &*info.opsets),
        (8, &[("ai.onnx".to_owned(), 17), ("ai.onnx.ml".to_owned(), 3)][..])
    );
    let names =
        ("mlcore.plan.feature_names".to_owned(), r#"["scale__age","code__account","code__plan"]"#.to_owned());
    assert!(info.metadata.contains(&names), "{:?}", info.metadata);
}
