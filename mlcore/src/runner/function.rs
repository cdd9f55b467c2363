use std::fmt;

use super::{RunOptions, Runner};
use crate::batch::Batch;
use crate::error::Result;
use crate::interrupt;
use crate::schema::Signature;

/// A model made of a closure: a rule, a baseline, a double in tests.
///
/// ```
/// use mlcore::batch::{Batch, Tensor};
/// use mlcore::runner::{FunctionRunner, RunOptions, Runner};
/// use mlcore::schema::{DType, Field, Schema, Signature};
///
/// let signature = Signature::new(
///     Schema::new([Field::column("x", DType::Float64)])?,
///     Schema::new([Field::column("y", DType::Float64)])?,
/// );
/// let double = FunctionRunner::new(signature, |inputs| {
///     let doubled = inputs.tensor("x")?.values::<f64>()?.iter().map(|x| 2.0 * x).collect();
///     Ok(Batch::single("y", Tensor::column(doubled)))
/// });
/// let answer = double.run(&Batch::single("x", Tensor::column(vec![1.0, 2.5])), &RunOptions::default())?;
/// assert_eq!(answer.tensor("y")?.values::<f64>()?, [2.0, 5.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub struct FunctionRunner<F> {
    signature: Signature,
    function: F,
}

impl<F> FunctionRunner<F>
where
    F: Fn(&Batch) -> Result<Batch> + Send + Sync,
{
    /// The model that answers with `function`; inputs are checked before the call and outputs after it.
    pub fn new(signature: Signature, function: F) -> Self {
        Self { signature, function }
    }
}

impl<F> Runner for FunctionRunner<F>
where
    F: Fn(&Batch) -> Result<Batch> + Send + Sync,
{
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&self, inputs: &Batch, _options: &RunOptions) -> Result<Batch> {
        inputs.check(&self.signature.inputs)?;
        interrupt::check("run model")?;
        let outputs = (self.function)(inputs)?;
        outputs.check(&self.signature.outputs)?;
        Ok(outputs)
    }
}

impl<F> fmt::Debug for FunctionRunner<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionRunner").field("signature", &self.signature).finish_non_exhaustive()
    }
}
