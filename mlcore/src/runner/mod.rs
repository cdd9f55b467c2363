//! A model that is loaded and can answer.
//!
//! [`Runner`] is the seam: synchronous, shared by threads, a batch in and a batch out. [`ConstantRunner`] is the
//! reference, [`FunctionRunner`] makes a model of a closure, and the module `ort` runs ONNX models with ONNX Runtime.

mod constant;
mod function;
#[cfg(feature = "ort")]
pub mod ort;

use std::sync::Arc;
use std::time::Duration;

pub use self::constant::ConstantRunner;
pub use self::function::FunctionRunner;
use crate::batch::Batch;
use crate::error::Result;
use crate::schema::Signature;

/// How one run goes; the default has no deadline and asks for every output.
#[non_exhaustive]
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Stop the run and answer [`Error::Timeout`](crate::Error::Timeout) when it takes longer.
    pub timeout: Option<Duration>,
    /// Return at the deadline even where the work does not end: it is done on a thread of its own, which is left alone then.
    /// Costs some ten microseconds a call. Without a timeout it means nothing.
    ///
    /// An ONNX model does so by itself where ONNX Runtime would not stop in time: it looks at a deadline between two
    /// kernels only. So a call with a deadline has a thread of its own where some operator of the model has work that the
    /// number of rows does not bound (`Expand`, `Loop`, and all that are not known), where the inputs have further free axes, where
    /// its trees have more than a million nodes to visit, or where as many rows were not seen yet to take less than 10 ms.
    pub isolated: bool,
}

impl RunOptions {
    /// Stops a run that takes longer than this.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Does the work on a thread of its own where there is a timeout.
    #[must_use]
    pub fn with_isolated(mut self, isolated: bool) -> Self {
        self.isolated = isolated;
        self
    }
}

/// A model that is loaded and can answer.
///
/// `conformance::runner` (feature `conformance`) proves this contract, and nothing beyond it, for any implementation:
/// - `run` takes exactly the inputs of the signature, in any order, and any of its optional ones; it answers exactly its
///   outputs: their names, element types and shapes.
/// - It refuses a missing, unknown or misfit input with [`SchemaMismatch`](crate::Error::SchemaMismatch), and the error
///   names that input.
/// - Equal inputs give equal outputs, also when eight threads call it at once, and with a timeout that does not pass.
/// - [`provider`](Self::provider) is not empty.
///
/// A model is batched when each of its inputs has a dynamic first axis: its rows. For a batched model:
/// - An output whose first axis is dynamic has one row for each row of the inputs, and none for none.
/// - A row's answer does not depend on the other rows of its batch, but for rounding in single precision (1e-5, relative
///   for numbers beyond one).
///
/// ```
/// use mlcore::batch::{Batch, Tensor};
/// use mlcore::runner::{RunOptions, Runner};
/// use mlcore::schema::{DType, Field, Schema, Signature};
///
/// /// Scores each customer by a rule: the model that every better one is compared with.
/// struct HeavyUse {
///     signature: Signature,
///     limit: f64,
/// }
///
/// impl HeavyUse {
///     fn new(limit: f64) -> mlcore::Result<Self> {
///         let inputs = Schema::new([Field::column("visits", DType::Float64)])?;
///         let outputs = Schema::new([Field::column("risk", DType::Float64)])?;
///         Ok(Self { signature: Signature::new(inputs, outputs), limit })
///     }
/// }
///
/// impl Runner for HeavyUse {
///     fn signature(&self) -> &Signature {
///         &self.signature
///     }
///
///     fn run(&self, inputs: &Batch, _options: &RunOptions) -> mlcore::Result<Batch> {
///         inputs.check(&self.signature.inputs)?;
///         let visits = inputs.tensor("visits")?.values::<f64>()?;
///         let risk = visits.iter().map(|visits| if *visits > self.limit { 0.8 } else { 0.1 }).collect();
///         Ok(Batch::single("risk", Tensor::column(risk)))
///     }
/// }
///
/// let model = HeavyUse::new(3.0)?;
/// let customers = Batch::single("visits", Tensor::column(vec![0.0, 5.0]));
/// let answer = model.run(&customers, &RunOptions::default())?;
/// assert_eq!(answer.tensor("risk")?.values::<f64>()?, [0.1, 0.8]);
///
/// let misfit = Batch::single("visits", Tensor::column(vec![5_i64]));
/// assert_eq!(model.run(&misfit, &RunOptions::default()).unwrap_err().kind(), "schema_mismatch");
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait Runner: Send + Sync {
    /// Inputs and outputs, as the model itself declares them.
    fn signature(&self) -> &Signature;

    /// Answers a batch.
    ///
    /// # Errors
    /// [`SchemaMismatch`](crate::Error::SchemaMismatch) when the inputs do not fit the signature,
    /// [`Timeout`](crate::Error::Timeout) when the deadline passed, and what the implementation documents.
    fn run(&self, inputs: &Batch, options: &RunOptions) -> Result<Batch>;

    /// The device or execution provider that computes, as a label that is not empty: `cpu`, `cuda`.
    fn provider(&self) -> &str {
        "cpu"
    }
}

#[deny(clippy::missing_trait_methods)]
impl<R: Runner + ?Sized> Runner for Arc<R> {
    fn signature(&self) -> &Signature {
        (**self).signature()
    }

    fn run(&self, inputs: &Batch, options: &RunOptions) -> Result<Batch> {
        (**self).run(inputs, options)
    }

    fn provider(&self) -> &str {
        (**self).provider()
    }
}
