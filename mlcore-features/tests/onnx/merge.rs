//! A plan and a model as one graph: from raw columns to the model's answers.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlcore::batch::{Batch, Tensor};
use mlcore::runner::{RunOptions, Runner};
use mlcore::wire::{put_bytes, put_number};
use mlcore_features::onnx::{OnnxExport, RefusedRows};
use mlcore_features::pipeline::{ColumnTransformer, Plan};
use mlcore_features::transform::{HandleUnknown, OneHotEncoder, StandardScaler};

use crate::compare::{inputs, load};

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/models/runner");
    fs::read(folder.join(format!("{name}.onnx"))).unwrap()
}

/// So many columns of numbers, named by the function, and one of texts that has three categories.
fn table(numbers: usize, name: impl Fn(usize) -> String) -> RecordBatch {
    let column = |position: usize| {
        let number = |row: usize| ((row + 1) * (position + 3) * 37 % 101) as f64 / 10.0;
        Arc::new((0..12).map(number).map(Some).collect::<Float64Array>()) as ArrayRef
    };
    let plans = StringArray::from_iter_values((0..12).map(|row| ["free", "basic", "pro"][row % 3]));
    let numbers = (0..numbers).map(|position| (name(position), column(position)));
    RecordBatch::try_from_iter(numbers.chain([("plan".to_owned(), Arc::new(plans) as ArrayRef)])).unwrap()
}

fn plan(table: &RecordBatch) -> Plan {
    let names: Vec<String> = table.schema_ref().fields().iter().map(|field| field.name().clone()).collect();
    let numbers = names.iter().filter(|name| *name != "plan").cloned();
    let encode = OneHotEncoder::default().handle_unknown(HandleUnknown::Ignore);
    ColumnTransformer::new()
        .with("scale", StandardScaler::default(), numbers)
        .with("encode", encode, ["plan"])
        .fit(table)
        .unwrap()
}

#[test]
fn models_answer_raw_columns_as_they_answer_features() {
    // The first column has the name of the models' input.
    let table = table(27, |position| if position == 0 { "input".to_owned() } else { format!("x{position}") });
    let plan = plan(&table);
    for name in ["gb30", "rf30", "mlp30"] {
        let (alone, bytes) = (load(&fixture(name)), fixture(name));
        let merged = load(&plan.to_onnx_with_model(&bytes, &OnnxExport::default()).unwrap());
        let features = Batch::single("input", plan.transform_dense::<f32>(&table).unwrap());
        let expected = alone.run(&features, &RunOptions::default()).unwrap();
        let answer = merged.run(&inputs(&plan, &merged, &table, ""), &RunOptions::default()).unwrap();
        assert_eq!(merged.signature().outputs, alone.signature().outputs, "{name}");
        for field in alone.signature().outputs.fields() {
            let output = field.name();
            assert_eq!(answer.tensor(output).unwrap(), expected.tensor(output).unwrap(), "{name}.{output}");
        }
        assert_eq!(merged.signature().inputs.len(), 28, "{name}");
        let metadata = &merged.info().metadata;
        assert!(metadata.contains(&("mlcore.plan.digest".to_owned(), plan.digest().to_owned())), "{name}");
    }
}

/// A model whose answer is computed in a graph inside of its graph, which reads the model's input and a weight.
fn nested() -> Vec<u8> {
    let message = |fields: &[(u64, &[u8])]| {
        let mut message = Vec::new();
        fields.iter().for_each(|(number, bytes)| put_bytes(&mut message, *number, bytes));
        message
    };
    let declared = |name: &str, columns: u64| {
        let (mut size, mut tensor) = (Vec::new(), Vec::new());
        put_number(&mut size, 1, columns);
        put_number(&mut tensor, 1, 1);
        put_bytes(&mut tensor, 2, &message(&[(1, &message(&[(2, b"batch")])), (1, &size)]));
        message(&[(1, name.as_bytes()), (2, &message(&[(1, &tensor)]))])
    };
    let attribute = |name: &str, graph: &[u8]| {
        let mut own = message(&[(1, name.as_bytes()), (6, graph)]);
        put_number(&mut own, 20, 5);
        own
    };
    let branch = |operator: &str| {
        let node = message(&[(1, b"x"), (1, b"w"), (2, b"inner"), (4, operator.as_bytes())]);
        message(&[(1, &node), (2, b"branch"), (12, &declared("inner", 4))])
    };
    let choose = message(&[
        (1, b"condition"),
        (2, b"y"),
        (4, b"If"),
        (5, &attribute("then_branch", &branch("Add"))),
        (5, &attribute("else_branch", &branch("Sub"))),
    ]);
    let constant = |name: &str, element: u64, raw: &[u8]| {
        let mut tensor = Vec::new();
        put_number(&mut tensor, 2, element);
        put_bytes(&mut tensor, 8, name.as_bytes());
        put_bytes(&mut tensor, 9, raw);
        tensor
    };
    let graph = message(&[
        (1, &choose),
        (2, b"nested"),
        (5, &constant("condition", 9, &[1])),
        (5, &constant("w", 1, &2.5_f32.to_le_bytes())),
        (11, &declared("x", 4)),
        (12, &declared("y", 4)),
    ]);
    let (mut model, mut opset) = (Vec::new(), Vec::new());
    put_number(&mut model, 1, 7);
    put_bytes(&mut model, 7, &graph);
    put_number(&mut opset, 2, 13);
    put_bytes(&mut model, 8, &opset);
    model
}

#[test]
fn names_are_replaced_in_graphs_inside_of_graphs() {
    let table = table(1, |_| "x".to_owned());
    let plan = plan(&table);
    let features = plan.transform_dense::<f32>(&table).unwrap();
    let expected: Vec<f32> = features.values::<f32>().unwrap().iter().map(|feature| feature + 2.5).collect();
    let expected = Tensor::new([12, 4], expected).unwrap();
    for name in ["x", "w", "inner", "condition", "model/x", "plan/constant_0"] {
        let table = table_renamed(&table, name);
        let plan = self::plan(&table);
        let merged = load(&plan.to_onnx_with_model(&nested(), &OnnxExport::default()).unwrap());
        let answer = merged.run(&inputs(&plan, &merged, &table, ""), &RunOptions::default()).unwrap();
        assert_eq!(answer.tensor("y").unwrap(), &expected, "{name}");
    }
}

fn table_renamed(table: &RecordBatch, name: &str) -> RecordBatch {
    let columns = [name, "plan"].into_iter().zip(table.columns().iter().cloned());
    RecordBatch::try_from_iter(columns).unwrap()
}

#[test]
fn a_row_that_is_refused_is_no_input_of_a_model() {
    let table = table(1, |_| "age".to_owned());
    let plan = plan(&table);
    let infinite = Float64Array::from(vec![1.0, f64::INFINITY]);
    let words = StringArray::from(vec!["free", "pro"]);
    let test =
        RecordBatch::try_from_iter([("age", Arc::new(infinite) as ArrayRef), ("plan", Arc::new(words))])
            .unwrap();
    let strict = load(&plan.to_onnx_with_model(&nested(), &OnnxExport::default()).unwrap());
    let error = strict.run(&inputs(&plan, &strict, &test, ""), &RunOptions::default()).unwrap_err();
    assert!(error.to_string().contains("out of data bounds"), "{error}");
    let export = OnnxExport::default().with_refused_rows(RefusedRows::Missing);
    let lenient = load(&plan.to_onnx_with_model(&nested(), &export).unwrap());
    let answer = lenient.run(&inputs(&plan, &lenient, &test, ""), &RunOptions::default()).unwrap();
    let missing: Vec<bool> =
        answer.tensor("y").unwrap().values::<f32>().unwrap().iter().map(|value| value.is_nan()).collect();
    assert_eq!(missing, [false, false, false, false, true, true, true, true]);
}

#[test]
fn models_that_take_no_plan_say_why() {
    let wide = plan(&table(27, |position| format!("x{position}")));
    let label =
        plan(&table(27, |position| if position == 0 { "label".to_owned() } else { format!("x{position}") }));
    let merged = wide.to_onnx_with_model(&fixture("gb30"), &OnnxExport::default()).unwrap();
    for (plan, model, expected) in [
        (&wide, merged, "export to ONNX model: it has a plan already; pass the model without a plan"),
        (&label, fixture("gb30"), "export to ONNX label: a column and an output of the model have this name"),
        (
            &wide,
            fixture("identity"),
            "export to ONNX model: it has 13 inputs, and a plan makes one matrix; export the model with one input of floats",
        ),
        (
            &wide,
            fixture("fixed_batch"),
            "export to ONNX model: the model's input \"input\" takes 3 features, and the plan makes 30; pass the model",
        ),
        (
            &wide,
            fixture("strings"),
            "export to ONNX model: its input \"input\" has the element type 8, not float or double",
        ),
        (
            &wide,
            fixture("identity_cube"),
            "export to ONNX model: its input \"input\" has 3 dimensions, and a plan",
        ),
        (&wide, b"{}".to_vec(), "export to ONNX model: it is no ONNX model, or a damaged one: "),
        (&wide, Vec::new(), "export to ONNX model: it is no ONNX model, or a damaged one: it holds no graph"),
    ] {
        let error = plan.to_onnx_with_model(&model, &OnnxExport::default()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    let three = plan(&table(0, |_| String::new()));
    let error =
        three.to_onnx_with_model(&fixture("opset_999"), &OnnxExport::default()).unwrap_err().to_string();
    let expected = "export to ONNX model: it is written in version 999 of the operators of ai.onnx, and a plan in one of 12 to 24";
    assert!(error.starts_with(expected), "{error}");
    // Weights beside the model stay where the model names them.
    let external = three.to_onnx_with_model(&fixture("external_inside"), &OnnxExport::default()).unwrap();
    assert!(external.windows(19).any(|bytes| bytes == b"external_inside.bin"));
}

#[test]
fn damaged_models_are_refused_and_nothing_panics() {
    let plan = plan(&table(1, |_| "x".to_owned()));
    let whole = nested();
    for length in 0..whole.len() {
        drop(plan.to_onnx_with_model(&whole[..length], &OnnxExport::default()));
    }
    for place in 0..whole.len() {
        for byte in [0x00, 0x7f, 0xff, whole[place] ^ 0x10, whole[place].wrapping_add(1)] {
            let mut damaged = whole.clone();
            damaged[place] = byte;
            drop(plan.to_onnx_with_model(&damaged, &OnnxExport::default()));
        }
    }
    // A graph in a graph, and so on, as no exporter writes them.
    let mut graph = Vec::new();
    for _ in 0..100 {
        let (mut attribute, mut node, mut outer) = (Vec::new(), Vec::new(), Vec::new());
        put_bytes(&mut attribute, 6, &graph);
        put_bytes(&mut node, 5, &attribute);
        put_bytes(&mut outer, 1, &node);
        graph = outer;
    }
    let mut model = Vec::new();
    put_number(&mut model, 1, 8);
    put_bytes(&mut model, 7, &graph);
    let error = plan.to_onnx_with_model(&model, &OnnxExport::default()).unwrap_err().to_string();
    assert!(error.contains("its graphs are nested more than 32 deep"), "{error}");
}
