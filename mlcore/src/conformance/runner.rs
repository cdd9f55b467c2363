use std::thread;
use std::time::Duration;

use crate::batch::{Batch, Tensor};
use crate::error::Error;
use crate::runner::{RunOptions, Runner};
use crate::schema::{DType, Dim, Field};

/// Holds a model to the contract of [`Runner`], as its documentation states it. `sample` is a batch that the model
/// answers: of at least two rows where the model is batched, and best of rows that differ.
///
/// # Panics
/// When a promise is broken, or when the sample of a batched model has fewer than two rows.
pub fn runner(model: &dyn Runner, sample: &Batch) {
    assert!(!model.provider().is_empty(), "the provider's label is empty");
    let answer = run(model, sample, "the sample");
    inputs_are_taken_in_any_order(model, sample, &answer);
    equal_inputs_give_equal_outputs(model, sample, &answer);
    misfits_are_refused_by_name(model, sample);
    if is_batched(model) {
        let rows = sample.rows().unwrap_or_default();
        assert!(rows >= 2, "the sample has {rows} rows; a batched model is tested with at least two");
        each_row_is_answered(model, &answer, rows);
        rows_are_independent(model, sample, &answer);
        zero_rows_are_answered_with_zero_rows(model, sample);
    }
}

fn inputs_are_taken_in_any_order(model: &dyn Runner, sample: &Batch, answer: &Batch) {
    let mut reversed: Vec<(String, Tensor)> =
        sample.iter().map(|(name, tensor)| (name.to_owned(), tensor.clone())).collect();
    reversed.reverse();
    let again = run(model, &Batch::new(reversed).unwrap(), "the inputs in reverse order");
    assert!(same(&again, answer), "the order of the inputs changes the answer");
}

fn equal_inputs_give_equal_outputs(model: &dyn Runner, sample: &Batch, answer: &Batch) {
    const THREADS: usize = 8;
    const RUNS: usize = 25;
    let patient = RunOptions::default().with_timeout(Duration::from_secs(600));
    let timed = run_with(model, sample, &patient, "the sample with a timeout");
    assert!(same(&timed, answer), "a timeout that does not pass changes the answer");
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..RUNS {
                    let again = run(model, sample, "the sample, from many threads");
                    assert!(same(&again, answer), "equal inputs gave different answers");
                }
            });
        }
    });
}

fn misfits_are_refused_by_name(model: &dyn Runner, sample: &Batch) {
    let with = |name: &str, tensor: Option<Tensor>| {
        let others = sample.iter().filter(|(own, _)| *own != name);
        let mut tensors: Vec<(&str, Tensor)> = others.map(|(own, tensor)| (own, tensor.clone())).collect();
        tensors.extend(tensor.map(|tensor| (name, tensor)));
        Batch::new(tensors).unwrap()
    };
    for field in model.signature().inputs.fields() {
        let name = field.name();
        let tensor = sample.tensor(name).unwrap();
        refuses(model, &with(name, None), name, "without it");
        let other = match tensor.dtype() {
            DType::Int64 => Tensor::new(tensor.shape(), vec![0.0_f64; tensor.len()]),
            _ => Tensor::new(tensor.shape(), vec![0_i64; tensor.len()]),
        };
        refuses(model, &with(name, other.ok()), name, "with another element type");
        if field.is_of_any_shape() {
            continue;
        }
        let deeper = tensor.reshaped([&[1], tensor.shape()].concat()).unwrap();
        refuses(model, &with(name, Some(deeper)), name, "with one axis more");
        for (axis, dim) in field.shape().iter().enumerate() {
            let Dim::Fixed(size) = dim else { continue };
            let mut shape = tensor.shape().to_vec();
            shape[axis] = size + 1;
            let longer = Tensor::zeros(tensor.dtype(), shape).unwrap();
            refuses(model, &with(name, Some(longer)), name, "with one position more");
        }
    }
    const STRANGER: &str = "an input that nobody has";
    refuses(model, &with(STRANGER, Some(Tensor::column(vec![0.0_f32]))), STRANGER, "with it");
}

fn refuses(model: &dyn Runner, inputs: &Batch, name: &str, how: &str) {
    let answer = model.run(inputs, &RunOptions::default());
    assert!(answer.is_err(), "it ran {how}: {name}");
    let error = answer.unwrap_err();
    let is_misfit = matches!(error, Error::SchemaMismatch(_));
    assert!(is_misfit, "{how}, {name} is refused with {}: {error}", error.kind());
    assert!(error.to_string().contains(name), "the refusal of {name} {how} does not name it: {error}");
}

fn is_batched(model: &dyn Runner) -> bool {
    let inputs = model.signature().inputs.fields();
    !inputs.is_empty() && inputs.iter().all(has_rows)
}

fn has_rows(field: &Field) -> bool {
    field.shape().first() == Some(&Dim::Dynamic) && !field.is_of_any_shape()
}

/// The names of the outputs that a batched model answers row by row.
fn outputs_by_row(model: &dyn Runner) -> impl Iterator<Item = &str> {
    model.signature().outputs.fields().iter().filter(|field| has_rows(field)).map(Field::name)
}

fn each_row_is_answered(model: &dyn Runner, answer: &Batch, rows: usize) {
    for name in outputs_by_row(model) {
        let answered = answer.tensor(name).unwrap().rows();
        assert_eq!(answered, Some(rows), "{name} has another number of rows than the inputs");
    }
}

fn rows_are_independent(model: &dyn Runner, sample: &Batch, answer: &Batch) {
    for row in 0..sample.rows().unwrap_or_default() {
        let alone = run(model, &sample.rows_in(row..row + 1).unwrap(), "one row of the sample");
        each_row_is_answered(model, &alone, 1);
        for name in outputs_by_row(model) {
            let among = answer.tensor(name).unwrap().rows_in(row..row + 1).unwrap();
            let alone = alone.tensor(name).unwrap();
            assert!(close(alone, &among, ROUNDING), "row {row} of {name} depends on the other rows");
        }
    }
}

fn zero_rows_are_answered_with_zero_rows(model: &dyn Runner, sample: &Batch) {
    let answer = run(model, &sample.rows_in(0..0).unwrap(), "zero rows");
    each_row_is_answered(model, &answer, 0);
}

fn run(model: &dyn Runner, inputs: &Batch, what: &str) -> Batch {
    run_with(model, inputs, &RunOptions::default(), what)
}

fn run_with(model: &dyn Runner, inputs: &Batch, options: &RunOptions, what: &str) -> Batch {
    let answer = model.run(inputs, options);
    assert!(answer.is_ok(), "{what} is refused: {answer:?}");
    let answer = answer.unwrap();
    let declared = answer.check(&model.signature().outputs);
    assert!(declared.is_ok(), "the answer to {what} is not what the signature declares: {declared:?}");
    answer
}

/// The same tensors by name, bit for bit but for the payload of a NaN.
fn same(a: &Batch, b: &Batch) -> bool {
    let matches =
        |(name, tensor): (&str, &Tensor)| b.find(name).is_some_and(|other| close(tensor, other, 0.0));
    a.len() == b.len() && a.iter().all(matches)
}

/// Equal but for rounding; a NaN is as good as another.
fn close(a: &Tensor, b: &Tensor, rounding: f64) -> bool {
    if a.dtype() != b.dtype() || a.shape() != b.shape() {
        return false;
    }
    if !a.dtype().is_float() {
        return a == b;
    }
    let near = |a: f64, b: f64| {
        a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= rounding * a.abs().max(b.abs()).max(1.0)
    };
    a.to_f64().unwrap().iter().zip(&b.to_f64().unwrap()).all(|(a, b)| near(*a, *b))
}

/// What another order of summation may change, in single precision.
const ROUNDING: f64 = 1e-5;
