//! A model that is loaded and can answer.
//!
//! [`Runner`] is the seam: synchronous, shared by threads, a batch in and a batch out. [`ConstantRunner`] is the
//! reference, [`FunctionRunner`] makes a model of a closure, and the module `ort` runs ONNX models with ONNX Runtime.

mod constant;
mod function;
#[cfg(feature = "ort")]
pub mod ort;

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
}

impl RunOptions {
    /// Stops a run that takes longer than this.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// A model that is loaded and can answer.
///
/// Contract, proved for any implementation by `conformance::runner`:
/// - `run` takes exactly the inputs of the signature, in any order, and answers exactly its outputs;
/// - it refuses anything else with [`SchemaMismatch`](crate::Error::SchemaMismatch) naming the tensor, before it
///   computes anything;
/// - it may be called from many threads at once, and equal inputs give equal outputs;
/// - rows are independent: a row's answer does not depend on the other rows of its batch, but for rounding;
/// - zero rows are answered with zero rows;
/// - a timeout that does not pass changes nothing.
///
/// ```
/// use mlcore::batch::{Batch, Tensor};
/// use mlcore::runner::{RunOptions, Runner};
/// use mlcore::schema::Signature;
///
/// /// Answers every row with its own input.
/// struct Echo(Signature);
///
/// impl Runner for Echo {
///     fn signature(&self) -> &Signature {
///         &self.0
///     }
///
///     fn run(&self, inputs: &Batch, _options: &RunOptions) -> mlcore::Result<Batch> {
///         inputs.check(&self.0.inputs)?;
///         Ok(inputs.clone())
///     }
/// }
/// # use mlcore::schema::{DType, Field, Schema};
/// # let schema = Schema::new([Field::column("x", DType::Int64)])?;
/// let echo = Echo(Signature::new(schema.clone(), schema));
/// let batch = Batch::single("x", Tensor::column(vec![1_i64, 2]));
/// assert_eq!(echo.run(&batch, &RunOptions::default())?, batch);
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

    /// The device or execution provider that computes, as a label: `cpu`, `cuda`.
    fn provider(&self) -> &str {
        "cpu"
    }
}

impl<R: Runner + ?Sized> Runner for std::sync::Arc<R> {
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
