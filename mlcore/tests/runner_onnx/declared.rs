//! What files declare and what models answer: shapes that are none, defaults, and values that are not plain tensors.

use mlcore::Error;
use mlcore::batch::{Batch, Tensor};
use mlcore::conformance;
use mlcore::runner::ort::{OnnxOptions, OnnxRunner};
use mlcore::runner::{RunOptions, Runner};
use mlcore::schema::{DType, Dim, Field};

use crate::fixtures::{load, refusal};
use crate::made::{
    attribute, field, input, integers, model, node, node_with, number, output, tensor_type, value, weights,
};

fn run(
    model: &OnnxRunner,
    inputs: impl IntoIterator<Item = (&'static str, Tensor)>,
) -> mlcore::Result<Batch> {
    model.run(&Batch::new(inputs).unwrap(), &RunOptions::default())
}

fn rows(rows: usize) -> Tensor {
    Tensor::new([rows, 2], (0..2 * rows).map(|value| value as f32).collect()).unwrap()
}

/// The sum of each row of `x [N, 2]`, as `[N, 1]`, declared as this.
fn sums(declared: Vec<u8>) -> Vec<u8> {
    let sum = node_with("ReduceMax", &["x"], &["y"], &[axes_of(1), attribute("keepdims", 1)].concat());
    model(&[sum, input("x", 1, &[-1, 2]), declared])
}

fn axes_of(axis: i64) -> Vec<u8> {
    field(5, &[field(1, b"axes"), number(8, axis), number(20, 7)].concat())
}

#[test]
fn an_output_of_another_shape_than_declared_is_answered_and_noted() {
    for (declared, shown) in [(&[-1, 2][..], "[?, 2]"), (&[1, 1], "[1, 1]"), (&[1], "[1]"), (&[-1], "[?]")] {
        let model = OnnxRunner::from_bytes(&sums(output("y", 1, declared))).unwrap();
        let [note] = model.notes()[..] else { panic!("{:?}", model.notes()) };
        assert!(note.starts_with(&format!("it declares y: float32 {shown} and answered [")), "{note}");
        for count in [1, 3] {
            let answer = run(&model, [("x", rows(count))]).unwrap();
            assert_eq!(answer.tensor("y").unwrap().shape(), [count, 1]);
        }
        let empty = run(&model, [("x", rows(0))]).unwrap();
        assert_eq!(empty.tensor("y").unwrap().shape(), [0, 1], "{shown}");
    }
    let honest = OnnxRunner::from_bytes(&sums(output("y", 1, &[-1, 1]))).unwrap();
    assert!(honest.notes().is_empty() && load("rf30").notes().is_empty());
    // Without a run nobody knows.
    let cold = OnnxOptions::default().with_warm_up(0);
    let cold = OnnxRunner::from_bytes_with(&sums(output("y", 1, &[1])), &cold).unwrap();
    assert!(cold.notes().is_empty());
    run(&cold, [("x", rows(1))]).unwrap();
    assert_eq!(cold.notes(), ["it declares y: float32 [1] and answered [1, 1] for 1 rows"]);
}

#[test]
fn another_number_of_rows_than_declared_is_answered_and_noted() {
    let whole = model(&[node("ReduceSum", &["x"], &["y"]), input("x", 1, &[-1]), output("y", 1, &[-1])]);
    let whole = OnnxRunner::from_bytes(&whole).unwrap();
    let answer = run(&whole, [("x", Tensor::column(vec![1.0_f32, 2.0]))]).unwrap();
    assert_eq!(answer.tensor("y").unwrap().values::<f32>().unwrap(), [3.0]);
    assert!(whole.notes()[0].contains("for 3 rows"), "{:?}", whole.notes());
}

#[test]
fn a_model_that_answers_one_row_and_not_several_is_noted_while_it_loads() {
    let reshaped = [
        node("Reshape", &["x", "shape"], &["y"]),
        input("x", 1, &[-1, 2]),
        output("y", 1, &[-1, 2]),
        integers("shape", &[1, 2]),
    ];
    let reshaped = OnnxRunner::from_bytes(&model(&reshaped)).unwrap();
    let [note] = reshaped.notes()[..] else { panic!("{:?}", reshaped.notes()) };
    assert!(note.starts_with("it answers one row of zeros, and not 3: it failed on these inputs"), "{note}");
    assert_eq!(run(&reshaped, [("x", rows(1))]).unwrap().tensor("y").unwrap(), &rows(1));
    // One that fails on any zeros says nothing about rows.
    assert!(load("fails_at_run").notes().is_empty());
}

#[test]
fn an_input_of_any_shape_is_taken_in_every_shape() {
    let shapeless = |number_of: u64, name: &str| field(number_of, &value(name, &field(1, &number(1, 1))));
    let identity = node("Identity", &["x"], &["y"]);
    let model = OnnxRunner::from_bytes(&model(&[identity, shapeless(11, "x"), shapeless(12, "y")])).unwrap();
    assert_eq!(model.signature().inputs.fields(), [Field::of_any_shape("x", DType::Float32)]);
    for shape in [&[][..], &[3], &[2, 2], &[0, 2], &[1, 2, 3]] {
        let tensor = Tensor::zeros(DType::Float32, shape).unwrap();
        assert_eq!(run(&model, [("x", tensor.clone())]).unwrap().tensor("y").unwrap(), &tensor);
    }
    assert!(matches!(run(&model, [("x", Tensor::column(vec![1_i64]))]), Err(Error::SchemaMismatch(_))));
    conformance::runner(&model, &Batch::single("x", rows(2)));
}

#[test]
fn an_input_with_a_default_is_left_away_or_passed() {
    let graph = [
        node("Add", &["x", "more"], &["y"]),
        input("x", 1, &[-1, 2]),
        input("more", 1, &[1]),
        output("y", 1, &[-1, 2]),
        weights("more", &[1], &[10.0]),
    ];
    let added = OnnxRunner::from_bytes(&model(&graph)).unwrap();
    let names = |schema: &mlcore::schema::Schema| schema.names().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        (names(&added.signature().inputs), names(&added.signature().optional)),
        (vec!["x".into()], vec!["more".into()])
    );
    let first =
        |batch: mlcore::Result<Batch>| batch.unwrap().tensor("y").unwrap().values::<f32>().unwrap()[0];
    let more = || Tensor::column(vec![0.5_f32]);
    assert_eq!(first(run(&added, [("x", rows(2))])), 10.0);
    assert_eq!(first(run(&added, [("x", rows(2)), ("more", more())])), 0.5);
    assert_eq!(first(run(&added, [("more", more()), ("x", rows(2))])), 0.5);
    let told = |inputs: Vec<(&'static str, Tensor)>| run(&added, inputs).unwrap_err().to_string();
    assert_eq!(told(vec![("more", more())]), "check batch x: missing: x: float32 [?, 2]");
    assert_eq!(told(vec![("x", rows(2)), ("less", more())]), "check batch less: not one of x");
    assert_eq!(
        told(vec![("x", rows(2)), ("more", Tensor::column(vec![1_i64]))]),
        "check tensor more: expected float32 [1], got int64 [1]"
    );
    conformance::runner(&added, &Batch::single("x", rows(2)));
    // In the first versions of the format, every weight was listed as an input, and was none.
    let old = [number(1, 3), field(7, &graph.concat()), field(8, &number(2, 7))].concat();
    let old = OnnxRunner::from_bytes(&old).unwrap();
    assert!(old.signature().optional.is_empty());
    assert!(run(&old, [("x", rows(2)), ("more", more())]).is_err());
    assert_eq!(first(run(&old, [("x", rows(2))])), 10.0);
}

#[test]
fn bfloat16_is_float32() {
    let identity = [node("Identity", &["x"], &["y"]), input("x", 16, &[-1]), output("y", 16, &[-1])];
    let model = OnnxRunner::from_bytes(&model(&identity)).unwrap();
    assert_eq!(model.signature().inputs.fields(), [Field::column("x", DType::Float32)]);
    let answer = run(&model, [("x", Tensor::column(vec![1.5_f32, f32::INFINITY, 1.001, -0.0]))]).unwrap();
    let bits: Vec<u32> =
        answer.tensor("y").unwrap().values::<f32>().unwrap().iter().map(|value| value.to_bits()).collect();
    assert_eq!(bits, [1.5_f32, f32::INFINITY, 1.0, -0.0].map(f32::to_bits));
    let error = run(&model, [("x", Tensor::column(vec![0.0_f32, f32::MAX]))]).unwrap_err();
    assert!(matches!(error, Error::SchemaMismatch(_)), "{error}");
    assert!(error.to_string().starts_with("run model x: row 1: the model takes bfloat16"), "{error}");
}

/// The type of a sequence or an optional of something.
fn of(kind: u64, element: &[u8]) -> Vec<u8> {
    field(kind, &field(1, element))
}

#[test]
fn a_sequence_of_tensors_is_answered_as_one() {
    let split = node_with(
        "SplitToSequence",
        &["x"],
        &["y"],
        &[attribute("axis", 0), attribute("keepdims", 0)].concat(),
    );
    let declared = field(12, &value("y", &of(4, &tensor_type(1, &[-1]))));
    let model = OnnxRunner::from_bytes(&model(&[split, input("x", 1, &[-1, 2]), declared])).unwrap();
    assert_eq!(model.signature().outputs.fields(), [Field::of_any_shape("y", DType::Float32)]);
    for count in [1, 3] {
        assert_eq!(run(&model, [("x", rows(count))]).unwrap().tensor("y").unwrap(), &rows(count));
    }
    let uneven = node_with("SequenceConstruct", &["x", "z"], &["y"], &[]);
    let declared = field(12, &value("y", &of(4, &tensor_type(1, &[-1]))));
    let graph = [uneven, input("x", 1, &[-1]), input("z", 1, &[-1, 2]), declared];
    let uneven = OnnxRunner::from_bytes(&crate::made::model(&graph)).unwrap();
    let error = run(&uneven, [("x", Tensor::column(vec![1.0_f32])), ("z", rows(1))]).unwrap_err();
    assert!(matches!(error, Error::Unsupported(_)), "{}: {error}", error.kind());
    assert!(error.to_string().contains("tensors of different shapes"), "{error}");
}

#[test]
fn an_optional_output_is_answered_where_it_is_there() {
    let there = [
        node("Optional", &["x"], &["y"]),
        input("x", 1, &[-1, 2]),
        field(12, &value("y", &of(9, &tensor_type(1, &[-1, 2])))),
    ];
    let there = OnnxRunner::from_bytes(&model(&there)).unwrap();
    assert_eq!(
        there.signature().outputs.fields(),
        [Field::tensor("y", DType::Float32, [Dim::Dynamic, Dim::Fixed(2)])]
    );
    assert_eq!(run(&there, [("x", rows(2))]).unwrap().tensor("y").unwrap(), &rows(2));
    let kind = field(5, &[field(1, b"type"), field(14, &tensor_type(1, &[-1, 2])), number(20, 13)].concat());
    let empty = [
        node_with("Optional", &[], &["y"], &kind),
        node("Identity", &["x"], &["z"]),
        input("x", 1, &[-1, 2]),
        field(12, &value("y", &of(9, &tensor_type(1, &[-1, 2])))),
        output("z", 1, &[-1, 2]),
    ];
    let empty = OnnxRunner::from_bytes(&model(&empty)).unwrap();
    assert_eq!(run(&empty, [("x", rows(2))]).unwrap().names().collect::<Vec<_>>(), ["z"]);
}

#[test]
fn a_model_that_answers_nothing_is_refused_while_it_loads() {
    let silent = model(&[node("Identity", &["x"], &["y"]), input("x", 1, &[-1])]);
    let error = refusal(OnnxRunner::from_bytes(&silent));
    assert!(matches!(error, Error::InvalidModel(_)), "{}: {error}", error.kind());
    assert!(error.to_string().contains("it declares no output"), "{error}");
}
