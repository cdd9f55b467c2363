//! One loaded model, many threads.

use std::num::NonZeroUsize;
use std::thread;

use mlcore::batch::{Batch, Tensor};
use mlcore::runner::ort::{OnnxOptions, OnnxRunner, Optimization};
use mlcore::runner::{RunOptions, Runner};

use crate::fixtures::{bytes, load, sample};

#[test]
fn any_number_of_threads_gets_the_answers_of_one() {
    for sessions in [1, 2, 8] {
        for name in ["rf30", "mlp30", "columns", "zipmap_int"] {
            let options = OnnxOptions::default().with_sessions(NonZeroUsize::new(sessions).unwrap());
            let model = OnnxRunner::from_bytes_with(&bytes(name), &options).unwrap();
            let (inputs, options) = (sample(name), RunOptions::default());
            let expected = model.run(&inputs, &options).unwrap();
            thread::scope(|scope| {
                for _ in 0..12 {
                    scope.spawn(|| {
                        for _ in 0..100 {
                            assert_eq!(model.run(&inputs, &options).unwrap(), expected, "{name}");
                        }
                    });
                }
            });
        }
    }
}

#[test]
fn options_change_the_way_and_not_the_answer() {
    let (inputs, expected) = (sample("mlp30"), load("mlp30"));
    let expected = expected.run(&inputs, &RunOptions::default()).unwrap();
    let base = OnnxOptions::default().with_name("m");
    for options in [
        base.clone().with_intra_threads(2).with_spinning(true),
        base.clone().with_inter_threads(2),
        base.clone().with_intra_threads(0).with_inter_threads(0),
        base.clone().with_warm_up(0),
        base.clone().with_warm_up(5).with_optimization(Optimization::Basic),
        base.with_optimization(Optimization::Extended),
    ] {
        let model = OnnxRunner::from_bytes_with(&bytes("mlp30"), &options).unwrap();
        let answer = model.run(&inputs, &RunOptions::default()).unwrap();
        assert_eq!(answer.tensor("label").unwrap(), expected.tensor("label").unwrap(), "{options:?}");
        let values = |batch: &Batch| batch.tensor("probabilities").unwrap().to_f64().unwrap();
        for (a, b) in values(&answer).iter().zip(values(&expected)) {
            assert!((a - b).abs() < 1e-6, "{options:?}");
        }
    }
}

#[test]
fn a_handle_outlives_its_maker_and_crosses_threads() {
    let model = load("gb30");
    let (clone, inputs) = (model.clone(), sample("gb30"));
    let expected = model.run(&inputs, &RunOptions::default()).unwrap();
    drop(model);
    let answer = thread::spawn(move || clone.run(&inputs, &RunOptions::default()).unwrap()).join().unwrap();
    assert_eq!(answer, expected);
}

/// Models are loaded and dropped while others run; nothing leaks and nothing is freed under a run.
#[test]
fn models_come_and_go_while_others_run() {
    let (steady, inputs) = (load("rf30"), sample("rf30"));
    let expected = steady.run(&inputs, &RunOptions::default()).unwrap();
    thread::scope(|scope| {
        for name in ["mlp30", "gb30", "zipmap_string"] {
            scope.spawn(move || {
                for _ in 0..15 {
                    load(name).run(&sample(name), &RunOptions::default()).unwrap();
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..500 {
                    assert_eq!(steady.run(&inputs, &RunOptions::default()).unwrap(), expected);
                }
            });
        }
    });
}

/// A large model lies in memory once, however many threads run it.
#[cfg(target_os = "linux")]
#[test]
fn a_large_model_is_in_memory_once() {
    use crate::made::{input, model, node, output, weights};
    const SIDE: i64 = 3000;
    let resident = || {
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        pages.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    let size = (SIDE * SIDE * 4).cast_unsigned();
    let large = model(&[
        node("MatMul", &["x", "w"], &["y"]),
        input("x", 1, &[-1, SIDE]),
        output("y", 1, &[-1, SIDE]),
        weights("w", &[SIDE, SIDE], &vec![0.001; (SIDE * SIDE).try_into().unwrap()]),
    ]);
    let large = OnnxRunner::from_bytes(&large).unwrap();
    let before = resident();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let row = Tensor::new([1, 3000], vec![1.0_f32; 3000]).unwrap();
                for _ in 0..3 {
                    let answer = large.run(&Batch::single("x", row.clone()), &RunOptions::default()).unwrap();
                    assert!((answer.first().unwrap().values::<f32>().unwrap()[0] - 3.0).abs() < 1e-3);
                }
            });
        }
    });
    // Other tests of this process allocate, too, but not seven copies of this.
    assert!(resident().saturating_sub(before) < 4 * size, "{} bytes more", resident().saturating_sub(before));
}
