//! Running ONNX models with ONNX Runtime, which is loaded when first used and never linked.
//!
//! [`OnnxRunner`] is one loaded model, shared by any number of threads. [`OnnxRuntime`] is the library of this process:
//! where it was found, which version. [`inspect`] reads a model without running anything.
//!
//! ```no_run
//! use mlcore::batch::{Batch, Tensor};
//! use mlcore::runner::ort::OnnxRunner;
//! use mlcore::runner::{RunOptions, Runner};
//!
//! let model = OnnxRunner::from_file("model.onnx")?;
//! let row = Tensor::new([1, 3], vec![5.1_f32, 3.5, 1.4])?;
//! let answer = model.run(&Batch::single("input", row), &RunOptions::default())?;
//! println!("{:?} on {}", answer.tensor("probabilities")?.values::<f32>()?, model.runtime().version());
//! # Ok::<(), mlcore::Error>(())
//! ```
//!
//! # What a model may do
//! A model is data from outside. Its bytes are read by mlcore first and refused when they are no ONNX, use operators
//! outside the standard, name weights outside the model's folder, or ask for more than [`Limits`] allow; ONNX Runtime opens
//! no file itself. For models from strangers a [`Probe`] loads and runs each in a process of its own first.
//!
//! # Time
//! A call with a [`timeout`](super::RunOptions::timeout) ends within a tenth of a second after it. ONNX Runtime looks at a
//! deadline between two kernels, also in the bodies of `If`, `Loop` and `Scan`, and never inside of one. So a run whose kernels
//! can take long has a thread of its own (see [`isolated`](super::RunOptions::isolated) for the rule), which is left alone
//! where a kernel goes on. Two may be ([`OnnxRunner::abandoned_runs`]); then calls that would need such a thread are
//! [`Unavailable`](crate::Error::Unavailable) until one has ended. The session of an abandoned run is not replaced: on the CPU a
//! session keeps nothing of a run, and others share it. Loading with a [`load_timeout`](OnnxOptions::load_timeout) ends alike.
//!
//! # Memory
//! The tensors of a run may have [`max_run_bytes`](Limits::max_run_bytes); what asks for more is
//! [`Overloaded`](crate::Error::Overloaded), before the memory is taken. While a model is loaded, no node's constants become more
//! than eight times the model, or its share of a gigabyte. A process that may have [`max_process_bytes`](Limits::max_process_bytes)
//! loads no model beyond them, which is [`Unavailable`](crate::Error::Unavailable). ONNX Runtime has no arena here: what a run took goes back to the system.
//!
//! # Fork
//! A child runs the models of its parent where they have no threads of their own, and no GPU; others are
//! [`Unavailable`](crate::Error::Unavailable) there. A fork waits for a library that is being loaded.
//!
//! # What a model declares
//! A file declares the shapes of its outputs, and exporters write some that are none. What the model answers counts; loading
//! runs one row and several, and [`OnnxRunner::notes`] says where a declaration is wrong. Inputs of any shape are taken as such,
//! and one that has a default is optional. `bfloat16` is `float32` here; an optional output that is empty is left away, and the
//! tensors of a sequence are answered as one.
//!
//! # Models in a store
//! [`StoredModel`] puts a model into a store of artifacts, with its weights where they lie in other files, and
//! [`OnnxRunner::from_store_with`] loads it from there.
//!
//! # Missing values
//! A NaN is passed on: whether the model can handle it is the model's affair. Nulls cannot reach a runner, because a
//! tensor has none.

mod answer;
mod budget;
mod call;
mod deadline;
mod external;
mod ffi;
mod fork;
mod graph;
mod helpers;
mod isolated;
mod load;
mod locate;
mod options;
mod package;
mod pool;
mod probe;
mod provider;
mod room;
mod runner;
mod runtime;
mod session;
mod warm_up;
mod watchdog;

pub use self::graph::ModelInfo;
pub use self::options::{Limits, OnnxOptions, Optimization};
pub use self::package::{ONNX, ONNX_PACKAGE, StoredModel};
pub use self::probe::Probe;
pub use self::provider::{Fallback, Provider};
pub use self::runner::OnnxRunner;
pub use self::runtime::OnnxRuntime;
use crate::error::Result;

/// Reads what an ONNX file says about itself, and refuses one that may not be run, without ONNX Runtime.
///
/// # Errors
/// [`Error::InvalidModel`](crate::Error::InvalidModel) when the bytes are no ONNX model, or break the limits;
/// [`Error::Unsupported`](crate::Error::Unsupported) when it takes or answers what no tensor can hold.
pub fn inspect(model: &[u8], limits: &Limits) -> Result<ModelInfo> {
    let read = graph::read(model, "model", limits)?;
    external::Folder { model: "model", path: None }.check(&read.info.external_data)?;
    Ok(read.info)
}
