use super::{RunOptions, Runner};
use crate::batch::{Batch, Tensor};
use crate::error::{Error, Result};
use crate::schema::{DType, Dim, Field, Schema, Signature};

/// Answers every row with the same number: the baseline that every model must beat, and the last link of a fallback
/// chain.
///
/// It takes the inputs of the schema that it is given; its one output, `value`, is `float64 [?]`.
///
/// ```
/// use mlcore::batch::{Batch, Tensor};
/// use mlcore::runner::{ConstantRunner, RunOptions, Runner};
/// use mlcore::schema::{DType, Field, Schema};
///
/// let prevalence = ConstantRunner::new(Schema::new([Field::column("age", DType::Float64)])?, 0.13)?;
/// let ages = Batch::single("age", Tensor::column(vec![41.0, 67.0]));
/// let answer = prevalence.run(&ages, &RunOptions::default())?;
/// assert_eq!(answer.tensor(ConstantRunner::OUTPUT)?.values::<f64>()?, [0.13, 0.13]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConstantRunner {
    signature: Signature,
    value: f64,
}

impl ConstantRunner {
    /// The output's name.
    pub const OUTPUT: &str = "value";

    /// A model with these inputs that answers `value` for every row.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when no input has a batch axis, so that rows cannot be counted.
    pub fn new(inputs: Schema, value: f64) -> Result<Self> {
        if !inputs.fields().iter().any(|field| field.shape().first() == Some(&Dim::Dynamic)) {
            return Err(Error::invalid_input(
                "build constant runner",
                "inputs",
                "no input has a dynamic first axis",
            ));
        }
        let outputs = Schema::new([Field::column(Self::OUTPUT, DType::Float64)])?;
        Ok(Self { signature: Signature::new(inputs, outputs), value })
    }
}

impl Runner for ConstantRunner {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&self, inputs: &Batch, _options: &RunOptions) -> Result<Batch> {
        inputs.check(&self.signature.inputs)?;
        let rows = inputs.rows().ok_or_else(|| {
            Error::schema_mismatch("run constant model", "inputs", "their first axes differ")
        })?;
        Ok(Batch::single(Self::OUTPUT, Tensor::column(vec![self.value; rows])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_gets_the_constant() {
        let schema = Schema::new([Field::column("x", DType::Float64)]).unwrap();
        let model = ConstantRunner::new(schema, 0.25).unwrap();
        let options = RunOptions::default();
        let answer = model.run(&Batch::single("x", Tensor::column(vec![1.0, 2.0])), &options).unwrap();
        assert_eq!(answer.tensor("value").unwrap().values::<f64>().unwrap(), [0.25, 0.25]);
        let empty = model.run(&Batch::single("x", Tensor::column(Vec::<f64>::new())), &options).unwrap();
        assert_eq!(empty.rows(), Some(0));
        assert!(ConstantRunner::new(Schema::default(), 0.0).is_err());
    }
}
