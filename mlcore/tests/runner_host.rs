//! A host that uses ONNX Runtime by itself, in the same process: either may come first, and neither notices.
#![cfg(feature = "ort")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use mlcore::batch::{Batch, Tensor};
use mlcore::runner::ort::{OnnxRunner, OnnxRuntime};
use mlcore::runner::{RunOptions, Runner};

const MODEL: &[u8] = include_bytes!("../../testdata/models/runner/rf30.onnx");

fn ours(model: &OnnxRunner) -> Vec<f32> {
    let inputs = Batch::single("input", Tensor::new([1, 30], vec![0.5_f32; 30]).unwrap());
    let answer = model.run(&inputs, &RunOptions::default()).unwrap();
    answer.tensor("probabilities").unwrap().values::<f32>().unwrap().to_vec()
}

#[test]
fn host_and_mlcore_share_the_library_and_its_environment() {
    let first = OnnxRunner::from_bytes(MODEL).unwrap();
    let before = ours(&first);

    // The host comes second: it loads the same file and makes the environment of the process, as far as it knows.
    let environment = ort::init_from(OnnxRuntime::load().unwrap().library()).unwrap().build().unwrap();
    let mut session =
        ort::session::Session::builder(&environment).unwrap().commit_from_memory(MODEL).unwrap();
    let mut host = || {
        let input = ort::value::TensorRef::from_array_view(([1_usize, 30], &[0.5_f32; 30][..])).unwrap();
        let outputs = session.run(ort::inputs![input]).unwrap();
        outputs["probabilities"].try_extract_tensor::<f32>().unwrap().1.to_vec()
    };
    assert_eq!(host(), before);

    // And first: what is loaded now finds the host's environment.
    let second = OnnxRunner::from_bytes(MODEL).unwrap();
    assert_eq!(ours(&second), before);
    drop((first, second));
    assert_eq!(host(), before);
    drop(session);
    drop(environment);
    assert_eq!(ours(&OnnxRunner::from_bytes(MODEL).unwrap()), before);
}
