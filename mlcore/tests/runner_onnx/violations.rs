//! Runners that break one promise each: the suite must notice every one of them, and say which promise it was.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use mlcore::batch::{Batch, Tensor};
use mlcore::conformance;
use mlcore::runner::{RunOptions, Runner};
use mlcore::schema::{DType, Field, Schema, Signature};
use mlcore::{Error, Result};

/// Adds two columns, in the way that a test breaks.
struct Sum<F> {
    signature: Signature,
    run: F,
}

impl<F> Runner for Sum<F>
where
    F: Fn(&Batch, &RunOptions) -> Result<Batch> + Send + Sync,
{
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&self, inputs: &Batch, options: &RunOptions) -> Result<Batch> {
        (self.run)(inputs, options)
    }
}

fn inputs() -> Schema {
    Schema::new([Field::column("a", DType::Float64), Field::column("b", DType::Float64)]).unwrap()
}

fn sample() -> Batch {
    let columns =
        [("a", Tensor::column(vec![1.0, 2.0, 3.0, 4.0])), ("b", Tensor::column(vec![0.5, 0.25, 0.125, 8.0]))];
    Batch::new(columns).unwrap()
}

/// An honest answer, without a check.
fn sums(inputs: &Batch) -> Result<Vec<f64>> {
    let column = |name| inputs.tensor(name)?.values::<f64>();
    Ok(column("a")?.iter().zip(column("b")?).map(|(a, b)| a + b).collect())
}

fn answer(values: Vec<f64>) -> Result<Batch> {
    Ok(Batch::single("sum", Tensor::column(values)))
}

/// What the suite says about the model that answers with `run`; empty where it finds nothing to say.
fn complaint(run: impl Fn(&Batch, &RunOptions) -> Result<Batch> + Send + Sync) -> String {
    let outputs = Schema::new([Field::column("sum", DType::Float64)]).unwrap();
    let model = Sum { signature: Signature::new(inputs(), outputs), run };
    let outcome = catch_unwind(AssertUnwindSafe(|| conformance::runner(&model, &sample())));
    let Err(panic) = outcome else { return String::new() };
    match panic.downcast::<&'static str>() {
        Ok(text) => text.to_string(),
        Err(panic) => *panic.downcast::<String>().expect("the suite says what is wrong"),
    }
}

/// The suite's complaint about a model that checks its inputs and then answers with `run`.
fn after_check(run: impl Fn(&Batch) -> Result<Batch> + Send + Sync) -> String {
    complaint(|given, _| {
        given.check(&inputs())?;
        run(given)
    })
}

#[track_caller]
fn noticed(complaint: &str, expected: &str) {
    assert!(complaint.contains(expected), "the suite says {complaint:?}, and should say {expected:?}");
}

#[test]
fn an_honest_model_is_accepted() {
    assert_eq!(after_check(|inputs| answer(sums(inputs)?)), "");
}

#[test]
fn another_number_of_rows_is_noticed() {
    const EXPECTED: &str = "another number of rows than the inputs";
    let half = after_check(|inputs| {
        let mut sums = sums(inputs)?;
        sums.truncate(sums.len() / 2);
        answer(sums)
    });
    noticed(&half, EXPECTED);
    noticed(&after_check(|inputs| answer([sums(inputs)?, vec![0.0]].concat())), EXPECTED);
    let padded = after_check(|inputs| {
        let mut sums = sums(inputs)?;
        sums.resize(sums.len().max(1), 0.0);
        answer(sums)
    });
    noticed(&padded, EXPECTED);
}

#[test]
fn an_answer_beside_the_signature_is_noticed() {
    const EXPECTED: &str = "not what the signature declares";
    let narrow = after_check(|inputs| {
        let sums = sums(inputs)?.into_iter().map(|sum| sum as f32).collect();
        Ok(Batch::single("sum", Tensor::column(sums)))
    });
    noticed(&narrow, EXPECTED);
    noticed(&after_check(|inputs| Ok(Batch::single("total", Tensor::column(sums(inputs)?)))), EXPECTED);
    let deeper = after_check(|inputs| {
        let sums = sums(inputs)?;
        Ok(Batch::single("sum", Tensor::new([sums.len(), 1], sums)?))
    });
    noticed(&deeper, EXPECTED);
    let more = after_check(|inputs| {
        let sum = Tensor::column(sums(inputs)?);
        Batch::new([("sum", sum.clone()), ("half", sum)])
    });
    noticed(&more, EXPECTED);
    let alone = after_check(|inputs| match inputs.rows() {
        Some(1) => Ok(Batch::single("sum", Tensor::column(vec![1_i64]))),
        _ => answer(sums(inputs)?),
    });
    noticed(&alone, EXPECTED);
}

#[test]
fn inputs_that_are_not_checked_are_noticed() {
    let defaults = complaint(|given, _| {
        let mut columns: Vec<_> = given.iter().map(|(name, tensor)| (name, tensor.clone())).collect();
        if given.find("a").is_none() {
            columns.push(("a", Tensor::column(vec![0.0; given.rows().unwrap_or_default()])));
        }
        let whole = Batch::new(columns)?;
        whole.check(&inputs())?;
        answer(sums(&whole)?)
    });
    noticed(&defaults, "it ran without it: a");
    let extra = complaint(|given, _| {
        let own = given.iter().filter(|(name, _)| inputs().field(name).is_some());
        let own = Batch::new(own.map(|(name, tensor)| (name, tensor.clone())))?;
        own.check(&inputs())?;
        answer(sums(&own)?)
    });
    noticed(&extra, "it ran with it: an input that nobody has");
    let flat = complaint(|given, _| {
        let flat = given.iter().map(|(name, tensor)| Ok((name, tensor.reshaped([tensor.len()])?)));
        let flat = Batch::new(flat.collect::<Result<Vec<_>>>()?)?;
        flat.check(&inputs())?;
        answer(sums(&flat)?)
    });
    noticed(&flat, "it ran with one axis more: a");
    let casting = complaint(|given, _| {
        let floats =
            given.iter().map(|(name, tensor)| Ok((name, Tensor::new(tensor.shape(), tensor.to_f64()?)?)));
        let floats = Batch::new(floats.collect::<Result<Vec<_>>>()?)?;
        floats.check(&inputs())?;
        answer(sums(&floats)?)
    });
    noticed(&casting, "it ran with another element type: a");
}

#[test]
fn refusals_without_meaning_or_name_are_noticed() {
    let meaning = complaint(|given, _| {
        given.check(&inputs()).map_err(|error| Error::internal("run", "model", error.to_string()))?;
        answer(sums(given)?)
    });
    noticed(&meaning, "is refused with internal");
    let nameless = complaint(|given, _| {
        given.check(&inputs()).map_err(|_| Error::schema_mismatch("run", "model", "wrong"))?;
        answer(sums(given)?)
    });
    noticed(&nameless, "does not name it");
    let zero = after_check(|inputs| match inputs.rows() {
        Some(0) => Err(Error::invalid_input("run", "model", "there is nothing to answer")),
        _ => answer(sums(inputs)?),
    });
    noticed(&zero, "zero rows is refused");
    let timeout = complaint(|given, options| {
        given.check(&inputs())?;
        match options.timeout {
            Some(_) => Err(Error::unsupported("run", "model", "timeouts are not taken")),
            None => answer(sums(given)?),
        }
    });
    noticed(&timeout, "the sample with a timeout is refused");
}

#[test]
fn answers_that_depend_on_more_than_the_row_are_noticed() {
    let calls = AtomicU64::new(0);
    let counting = after_check(|inputs| {
        let call = calls.fetch_add(1, Ordering::Relaxed) as f64;
        answer(sums(inputs)?.into_iter().map(|sum| sum + call).collect())
    });
    noticed(&counting, "changes the answer");
    let by_order = after_check(|inputs| {
        let first = inputs.names().next().unwrap_or_default();
        answer(inputs.tensor(first)?.values::<f64>()?.to_vec())
    });
    noticed(&by_order, "the order of the inputs changes the answer");
    let by_position = after_check(|inputs| {
        answer(sums(inputs)?.into_iter().enumerate().map(|(row, sum)| sum + row as f64).collect())
    });
    noticed(&by_position, "row 1 of sum depends on the other rows");
    let shares = after_check(|inputs| {
        let sums = sums(inputs)?;
        let total: f64 = sums.iter().sum();
        answer(sums.iter().map(|sum| sum / total).collect())
    });
    noticed(&shares, "row 0 of sum depends on the other rows");
    let reversed = after_check(|inputs| answer(sums(inputs)?.into_iter().rev().collect()));
    noticed(&reversed, "row 0 of sum depends on the other rows");
}

#[test]
fn a_sample_that_proves_nothing_is_refused() {
    let outputs = Schema::new([Field::column("sum", DType::Float64)]).unwrap();
    let run = |given: &Batch, _: &RunOptions| {
        given.check(&inputs())?;
        answer(sums(given)?)
    };
    let model = Sum { signature: Signature::new(inputs(), outputs), run };
    let one_row = sample().rows_in(0..1).unwrap();
    let outcome = catch_unwind(AssertUnwindSafe(|| conformance::runner(&model, &one_row)));
    assert!(outcome.is_err(), "one row cannot show that rows are independent");
}
