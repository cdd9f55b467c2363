//! Time and memory that a model may take: calls end at their deadlines whatever a kernel does, and memory is refused before it
//! is taken.

use std::thread;
use std::time::{Duration, Instant};

use mlcore::Error;
use mlcore::batch::{Batch, Tensor};
use mlcore::runner::ort::{Limits, OnnxOptions, OnnxRunner};
use mlcore::runner::{RunOptions, Runner};

use crate::fixtures::{load, refusal, sample};
use crate::made::{input, integers, model, node, node_with, output, sum_of_zeros, weights};

/// So many rows are one kernel of some seconds in the forest `rf30`.
const MANY: usize = 1_500_000;
const SHORT: Duration = Duration::from_millis(20);
/// Much less than the kernel takes, and much more than a busy machine needs.
const SOON: Duration = Duration::from_millis(900);

fn rows(count: usize) -> Batch {
    Batch::single("input", Tensor::new([count, 30], vec![0.5_f32; 30 * count]).unwrap())
}

fn within(timeout: Duration) -> RunOptions {
    RunOptions::default().with_timeout(timeout)
}

#[test]
fn a_call_returns_at_its_deadline_though_its_only_kernel_goes_on() {
    let (model, many, few) = (load("rf30"), rows(MANY), sample("rf30"));
    let expected = model.run(&few, &RunOptions::default()).unwrap();
    for left_alone in 1..=2 {
        let begin = Instant::now();
        let error = model.run(&many, &within(SHORT)).unwrap_err();
        assert!(matches!(error, Error::Timeout(_)), "{}: {error}", error.kind());
        assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
        assert_eq!(model.abandoned_runs(), left_alone);
    }
    // Two are left alone: no third is begun, and what needs no thread of its own is answered meanwhile.
    let error = model.run(&many, &within(SHORT)).unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{}: {error}", error.kind());
    assert!(error.to_string().contains("2 threads that did not end in time"), "{error}");
    assert_eq!(model.run(&few, &RunOptions::default()).unwrap(), expected);
    let begin = Instant::now();
    while model.abandoned_runs() > 0 {
        assert!(begin.elapsed() < Duration::from_secs(120), "they end by themselves");
        thread::sleep(SHORT);
    }
    assert_eq!(model.run(&few, &within(Duration::from_secs(600)).with_isolated(true)).unwrap(), expected);
}

#[test]
fn a_kernel_that_values_make_long_is_left_alone_too() {
    // Ten bytes of input are a second of work: the kernel `Expand` answers as much as its input says.
    let graph = [
        node("Expand", &["one", "shape"], &["wide"]),
        node_with("ReduceSum", &["wide"], &["y"], &[]),
        weights("one", &[1], &[1.0]),
        input("shape", 7, &[-1]),
        output("y", 1, &[]),
    ];
    let options = OnnxOptions::default().with_limits(Limits::default().with_max_run_bytes(3 << 30));
    let model = OnnxRunner::from_bytes_with(&model(&graph), &options).unwrap();
    let shape = |size: i64| Batch::single("shape", Tensor::column(vec![size]).reshaped([1]).unwrap());
    assert!(model.run(&shape(1000), &within(Duration::from_secs(60))).is_ok());
    let begin = Instant::now();
    let error = model.run(&shape(400_000_000), &within(SHORT)).unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{}: {error}", error.kind());
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
}

#[test]
fn memory_is_refused_before_it_is_taken() {
    let grown = |nodes: &[Vec<u8>]| {
        let mut graph = nodes.to_vec();
        graph.extend([input("s", 7, &[-1]), weights("one", &[1], &[1.0]), output("y", 1, &[])]);
        let options = OnnxOptions::default().with_limits(Limits::default().with_max_run_bytes(1 << 20));
        OnnxRunner::from_bytes_with(&model(&graph), &options).unwrap()
    };
    let sum = node("ReduceSum", &["c"], &["y"]);
    for nodes in [
        vec![node("ConstantOfShape", &["s"], &["c"]), sum.clone()],
        vec![node("Expand", &["one", "s"], &["c"]), sum.clone()],
        vec![node("Tile", &["one", "s"], &["c"]), sum],
    ] {
        let model = grown(&nodes);
        let shape = |size: i64| Batch::single("s", Tensor::new([1], vec![size]).unwrap());
        let fits = model.run(&shape(200_000), &RunOptions::default());
        assert!(fits.is_ok(), "{fits:?}");
        for size in [300_000, 900_000_000] {
            for options in [RunOptions::default(), within(Duration::from_secs(60))] {
                let error = model.run(&shape(size), &options).unwrap_err();
                assert!(matches!(error, Error::Overloaded(_)), "{}: {error}", error.kind());
                let told = error.to_string();
                assert!(told.contains("more than the 1048576 bytes that one run may take"), "{told}");
                assert!(told.ends_with("send fewer rows, or raise the limit max_run_bytes"), "{told}");
            }
        }
        // What a run took is given back, also after one that failed.
        for _ in 0..20 {
            assert!(model.run(&shape(200_000), &RunOptions::default()).is_ok());
        }
    }
}

#[test]
fn constants_do_not_become_large_while_a_model_is_loaded() {
    let options = OnnxOptions::default().with_limits(Limits::default().with_max_run_bytes(1 << 20));
    // A hundred gigabytes would be refused by the system; two take seconds.
    let begin = Instant::now();
    let model = OnnxRunner::from_bytes_with(&sum_of_zeros(400_000_000), &options).unwrap();
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
    let one = Batch::single("x", Tensor::new([1, 1], vec![1.0_f32]).unwrap());
    let error = model.run(&one, &RunOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Overloaded(_)), "{}: {error}", error.kind());
    // With room for it, the first run is one long kernel: loading does not wait for it.
    let options = OnnxOptions::default().with_load_timeout(Duration::from_millis(100));
    let begin = Instant::now();
    let slow = OnnxRunner::from_bytes_with(&sum_of_zeros(400_000_000), &options).unwrap();
    assert!(begin.elapsed() < SOON * 2, "{:?}", begin.elapsed());
    assert_eq!(slow.abandoned_runs(), 1);
    let small = OnnxRunner::from_bytes_with(&sum_of_zeros(10), &options).unwrap();
    assert_eq!(
        small.run(&one, &RunOptions::default()).unwrap().first().unwrap().values::<f32>().unwrap(),
        [1.0]
    );
}

#[test]
fn loading_ends_at_its_deadline_though_constants_are_still_folded() {
    // Products of constants that are folded, each small: seconds in all.
    let side = 1500_i64;
    let mut graph = vec![node("ConstantOfShape", &["s"], &["m0"]), integers("s", &[side, side])];
    for step in 0..60 {
        let (from, to) = (format!("m{step}"), format!("m{}", step + 1));
        graph.push(node("MatMul", &[&from, "m0"], &[&to]));
    }
    graph.extend([
        node("ReduceSum", &["m60"], &["r"]),
        node("Add", &["x", "r"], &["y"]),
        // Large enough that products may be folded.
        weights("unused", &[side, side], &vec![0.0; (side * side) as usize]),
        input("x", 1, &[-1, 1]),
        output("y", 1, &[-1, 1]),
    ]);
    let options = OnnxOptions::default().with_load_timeout(Duration::from_millis(100));
    let begin = Instant::now();
    match OnnxRunner::from_bytes_with(&model(&graph), &options) {
        Err(error) => {
            assert!(matches!(error, Error::Timeout(_)), "{}: {error}", error.kind());
            assert!(error.to_string().contains("load_timeout"), "{error}");
        }
        // Before 1.27 nothing is folded in such a model, because how much cannot be bounded.
        Ok(model) => assert!(
            ["1.23.", "1.24.", "1.25.", "1.26."].iter().any(|old| model.runtime().version().starts_with(old))
        ),
    }
    assert!(begin.elapsed() < SOON * 2, "{:?}", begin.elapsed());
}

#[test]
fn a_graph_of_too_many_names_is_refused_before_it_is_loaded() {
    let many = |count: usize| {
        let name = |index: usize| format!("v{index}");
        let mut graph = vec![node("Identity", &["x"], &["y"]), input("x", 1, &[-1]), output("y", 1, &[-1])];
        graph.extend((0..count).map(|index| output(&name(index), 1, &[-1])));
        let outputs = model(&graph);
        graph.truncate(3);
        graph.extend((0..count).map(|index| input(&name(index), 1, &[-1])));
        let inputs = model(&graph);
        graph.truncate(3);
        graph.extend((0..=count).map(|index| weights(&name(index), &[1], &[1.0])));
        [inputs, outputs, model(&graph)]
    };
    let begin = Instant::now();
    for (model, what) in many(100_000).iter().zip(["inputs", "outputs", "initializers"]) {
        let error = refusal(OnnxRunner::from_bytes(model));
        assert!(matches!(error, Error::InvalidModel(_)), "{}: {error}", error.kind());
        assert!(error.to_string().contains(&format!("it has 100001 {what}, and at most")), "{error}");
        assert!(error.to_string().ends_with(&format!("raise the limit max_{what}")), "{error}");
    }
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

#[test]
fn a_long_chain_of_nodes_loads_in_seconds_though_its_rows_have_no_name() {
    let name = |step: usize| match step {
        0 => "x".to_owned(),
        3000 => "y".to_owned(),
        step => format!("t{step}"),
    };
    let mut graph: Vec<Vec<u8>> =
        (0..3000).map(|step| node("Neg", &[&name(step)], &[&name(step + 1)])).collect();
    graph.extend([input("x", 1, &[-1, 1]), output("y", 1, &[-1, 1])]);
    let begin = Instant::now();
    let model = OnnxRunner::from_bytes(&model(&graph)).unwrap();
    // Five seconds of processor time without names, and a twentieth with.
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    let three = Batch::single("x", Tensor::new([3, 1], vec![1.0_f32, 2.0, 3.0]).unwrap());
    let answer = model.run(&three, &RunOptions::default()).unwrap();
    assert_eq!(answer.first().unwrap().values::<f32>().unwrap(), [1.0, 2.0, 3.0]);
}

/// What our own reading of so many names costs does not grow with their square.
#[test]
fn many_inputs_are_read_and_run_in_time() {
    let count = 20_000;
    let name = |index: usize| format!("v{index}");
    let mut graph = vec![node("Identity", &["v0"], &["y"]), output("y", 1, &[-1, 1])];
    graph.extend((0..count).map(|index| input(&name(index), 1, &[-1, 1])));
    let begin = Instant::now();
    let model = OnnxRunner::from_bytes(&model(&graph)).unwrap();
    let loaded = begin.elapsed();
    let one = Tensor::new([1, 1], vec![1.0_f32]).unwrap();
    let inputs = Batch::new((0..count).map(|index| (name(index), one.clone()))).unwrap();
    assert!(model.run(&inputs, &RunOptions::default()).is_ok());
    assert!(begin.elapsed() < Duration::from_secs(10), "loaded {loaded:?}, run {:?}", begin.elapsed());
}
