//! Runs that go wrong, end early or answer nothing.

use std::thread;
use std::time::{Duration, Instant};

use mlcore::batch::{Batch, Tensor};
use mlcore::runner::ort::{Limits, OnnxOptions, OnnxRunner};
use mlcore::runner::{RunOptions, Runner};
use mlcore::schema::DType;
use mlcore::{Error, interrupt};

use crate::fixtures::{bytes, load, path, sample};
use crate::made::{input, model, node, output};

fn within(timeout: Duration) -> RunOptions {
    RunOptions::default().with_timeout(timeout)
}

fn endless() -> OnnxRunner {
    OnnxRunner::from_bytes_with(&bytes("loop_forever"), &OnnxOptions::default().with_warm_up(0)).unwrap()
}

#[test]
fn an_endless_run_is_stopped_at_its_deadline_and_the_model_stays() {
    let (model, inputs) = (endless(), Batch::single("input", Tensor::column(vec![1.0_f32])));
    for _ in 0..3 {
        let begin = Instant::now();
        let error = model.run(&inputs, &within(Duration::from_millis(50))).unwrap_err();
        assert!(matches!(error, Error::Timeout(_)), "{}: {error}", error.kind());
        let taken = begin.elapsed();
        assert!(taken >= Duration::from_millis(50) && taken < Duration::from_secs(20), "{taken:?}");
    }
    // Zero rows need no run, and so no time.
    assert!(
        model.run(&Batch::single("input", Tensor::column(Vec::<f32>::new())), &RunOptions::default()).is_ok()
    );
}

#[test]
fn an_endless_run_is_stopped_when_its_caller_wants_it_to_be() {
    let (model, inputs) = (endless(), Batch::single("input", Tensor::column(vec![1.0_f32])));
    for timeout in [None, Some(Duration::from_secs(600))] {
        let begin = Instant::now();
        let wanted = move || begin.elapsed() > Duration::from_millis(80);
        let options = timeout.map_or_else(RunOptions::default, within);
        let error = interrupt::scope(wanted, || model.run(&inputs, &options)).unwrap_err();
        assert!(matches!(error, Error::Interrupted(_)), "{}: {error}", error.kind());
        assert!(begin.elapsed() < Duration::from_secs(20));
    }
    // A deadline is one within a scope, too.
    let error =
        interrupt::scope(|| false, || model.run(&inputs, &within(Duration::from_millis(50)))).unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{}: {error}", error.kind());
    // What is answered quickly is run on the caller's thread from the second time on, and answers the same.
    let (quick, rows) = (load("rf30"), sample("rf30"));
    let expected = quick.run(&rows, &RunOptions::default()).unwrap();
    interrupt::scope(
        || false,
        || {
            for _ in 0..5 {
                assert_eq!(quick.run(&rows, &RunOptions::default()).unwrap(), expected);
            }
        },
    );
}

#[test]
fn threads_that_time_out_disturb_no_others() {
    let (slow, fast, inputs) = (endless(), load("rf30"), sample("rf30"));
    let expected = fast.run(&inputs, &RunOptions::default()).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let inputs = Batch::single("input", Tensor::column(vec![1.0_f32]));
                for _ in 0..5 {
                    let error = slow.run(&inputs, &within(Duration::from_millis(10))).unwrap_err();
                    assert!(matches!(error, Error::Timeout(_)), "{error}");
                }
            });
            scope.spawn(|| {
                for _ in 0..200 {
                    assert_eq!(fast.run(&inputs, &within(Duration::from_secs(600))).unwrap(), expected);
                }
            });
        }
    });
    let error = fast.run(&inputs, &within(Duration::ZERO)).unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error}");
    assert_eq!(fast.run(&inputs, &RunOptions::default()).unwrap(), expected);
}

#[test]
fn a_run_that_fails_says_why_and_the_model_stays() {
    let model = load("fails_at_run");
    let at =
        |index: i64| model.run(&Batch::single("index", Tensor::column(vec![index])), &RunOptions::default());
    let error = at(3).unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)), "{}: {error}", error.kind());
    assert!(
        error.to_string().contains("it failed on these inputs") && error.to_string().contains("idx=3"),
        "{error}"
    );
    assert_eq!(at(2).unwrap().first().unwrap().values::<f32>().unwrap(), [30.0]);
}

#[test]
fn inputs_must_have_equally_many_rows() {
    let model = load("columns");
    let rows = |tensor: &Tensor, rows| tensor.rows_in(0..rows).unwrap();
    let whole = sample("columns");
    let uneven =
        whole.iter().map(|(name, tensor)| (name.to_owned(), rows(tensor, 2 + usize::from(name == "plan"))));
    let error = model.run(&Batch::new(uneven).unwrap(), &RunOptions::default()).unwrap_err();
    assert!(matches!(error, Error::SchemaMismatch(_)), "{}: {error}", error.kind());
    assert!(error.to_string().contains("rows, and an input before it has"), "{error}");
}

#[test]
fn zero_rows_are_answered_where_the_models_operators_cannot() {
    // ONNX Runtime 1.31 fails on zero rows in this one.
    let model = load("mlp30");
    let empty = Batch::single("input", Tensor::new([0, 30], Vec::<f32>::new()).unwrap());
    let answer = model.run(&empty, &RunOptions::default()).unwrap();
    assert_eq!(answer.tensor("probabilities").unwrap().shape(), [0, 2]);
    assert_eq!(answer.tensor("label").unwrap().dtype(), DType::Int64);
    answer.check(&model.signature().outputs).unwrap();
}

#[test]
fn nan_and_infinity_are_passed_on() {
    let model = load("identity_cube");
    let odd = vec![f32::NAN, f32::INFINITY, -0.0, f32::MIN_POSITIVE / 2.0];
    let inputs = Batch::single("input", Tensor::new([1, 2, 2], odd.clone()).unwrap());
    let answer = model.run(&inputs, &RunOptions::default()).unwrap();
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(answer.first().unwrap().values().unwrap()), bits(&odd));
}

#[test]
fn text_of_any_kind_arrives() {
    let model = OnnxRunner::from_bytes(&model(&[
        node("Identity", &["x"], &["y"]),
        input("x", 8, &[-1]),
        output("y", 8, &[-1]),
    ]));
    let long = "ü".repeat(70_000);
    let odd = ["", "a\0b", "東京", long.as_str(), "\u{202e}x", ""];
    let inputs = Batch::single("x", Tensor::strings([odd.len()], odd).unwrap());
    let answer = model.unwrap().run(&inputs, &RunOptions::default()).unwrap();
    assert_eq!(answer.first().unwrap().texts().unwrap().collect::<Vec<_>>(), odd);
}

#[test]
fn an_answer_larger_than_allowed_is_refused() {
    let options = OnnxOptions::default().with_limits(Limits::default().with_max_output_bytes(100));
    let model = OnnxRunner::from_bytes_with(&bytes("rf30"), &options).unwrap();
    let rows =
        |rows: usize| Batch::single("input", Tensor::new([rows, 30], vec![0.0_f32; 30 * rows]).unwrap());
    // A label of 8 bytes and two probabilities of 4 for each row.
    assert!(model.run(&rows(6), &RunOptions::default()).is_ok());
    let error = model.run(&rows(7), &RunOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Overloaded(_)), "{}: {error}", error.kind());
    assert!(error.to_string().contains("raise the limit max_output_bytes"), "{error}");
}

#[test]
fn a_file_tells_where_it_comes_from() {
    let model = load("zipmap_string");
    let info = model.info();
    assert!(info.producer.starts_with("skl2onnx"), "{info:?}");
    assert_eq!(info.opsets, [("ai.onnx.ml".to_owned(), 1), ("ai.onnx".to_owned(), 17)], "{info:?}");
    assert_eq!(
        model.signature().outputs.field("output_probability").unwrap().labels(),
        ["high", "low", "mid"]
    );
    assert_eq!(model.provider(), "cpu");
    match model.placement() {
        [(provider, nodes)] => {
            assert!(provider == "CPUExecutionProvider" && *nodes >= 1, "{provider} {nodes}");
        }
        // Only newer libraries tell.
        placement => assert!(placement.is_empty() && model.runtime().version().starts_with("1.23.")),
    }
    assert!(format!("{model:?}").contains("zipmap_string.onnx"));
    let external = OnnxRunner::from_file(path("external_subfolder.onnx")).unwrap();
    assert_eq!(external.info().external_data, ["weights/external.bin"]);
}
