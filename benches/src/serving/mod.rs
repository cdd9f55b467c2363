//! A model behind an endpoint beside the same model in a bare session of the crate `ort`.

mod bare;
mod deadlines;
mod latency;
mod memory;
mod requests;
mod served;
mod threads;

use std::path::{Path, PathBuf};

pub(crate) use self::memory::{CHILD, measure_case};
pub(crate) use self::requests::Requests;
use crate::Result;

/// Measures time per call, throughput of many threads, and memory.
pub(crate) fn run(_folder: &Path) -> Result<()> {
    latency::run()?;
    deadlines::run()?;
    threads::run()?;
    memory::run()
}

/// The features of every model here.
pub(crate) const FEATURES: usize = 30;

/// The file of a model: `rf30`, `gb30` or `mlp30`.
pub(crate) fn model_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../testdata/models/runner/{name}.onnx"))
}
