use mlcore::arrow::array::RecordBatch;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::graph::{Graph, Inexpressible, Number, Tensor};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::joint::JointKernel;
use crate::program::kernel::Kernel;
use crate::transform::{Attributes, Fit, Training, Transform, input, inverse};

/// By which norm a [`Normalizer`] divides the numbers of a row.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// The sum of the absolute values.
    L1,
    /// The root of the sum of the squares.
    #[default]
    L2,
    /// The greatest absolute value.
    Max,
}

/// Divides the numbers of each row by their norm, so that rows are compared by direction and not by size.
///
/// A row whose norm is below ten times the machine's precision is left as it is. Missing values and infinities are
/// refused. Fitting learns the columns and nothing else. Source: scikit-learn, `Normalizer`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, Float64Array, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, Norm, Normalizer};
///
/// let table = RecordBatch::try_from_iter([
///     ("views", Arc::new(Float64Array::from(vec![30.0, 0.0])) as _),
///     ("buys", Arc::new(Float64Array::from(vec![10.0, 0.0])) as _),
/// ]).unwrap();
/// let (_, shares) = Normalizer::default().norm(Norm::L1).fit_transform(&table)?;
/// assert_eq!(shares.column(0).as_primitive::<Float64Type>().values(), &[0.75, 0.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Normalizer {
    norm: Norm,
}

impl Normalizer {
    /// By which norm to divide. Default: [`Norm::L2`].
    #[must_use]
    pub fn norm(mut self, norm: Norm) -> Self {
        self.norm = norm;
        self
    }
}

impl Fit for Normalizer {
    type Fitted = FittedNormalizer;

    fn learn(&self, training: &Training<'_>) -> Result<FittedNormalizer> {
        let columns = input::columns(training, "fit Normalizer")?;
        for column in &columns {
            column.finite_numbers()?;
        }
        Ok(FittedNormalizer { parameters: *self, input: input::schema(&columns)? })
    }
}

crate::transform::parts::columns_only!(Normalizer, FittedNormalizer);

/// A [`Normalizer`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedNormalizer {
    parameters: Normalizer,
    input: Schema,
}

impl FittedNormalizer {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &Normalizer {
        &self.parameters
    }
}

impl Transform for FittedNormalizer {
    fn attributes(&self) -> Attributes {
        Attributes::new()
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(Error::unsupported(inverse::OPERATION, "Normalizer", "the sizes of the rows are gone")
            .remedy("keep the columns beside their normalised ones, with a ColumnTransformer"))
    }
}

impl Lower for FittedNormalizer {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let checked = |column: Column| {
            let site = builder.site("Normalizer", &column);
            builder.number(column, [Kernel::RefuseNonFinite { site }])
        };
        let columns: Vec<Column> = columns.into_iter().map(checked).collect::<Result<_>>()?;
        let names = columns.iter().map(|column| column.name.clone()).collect();
        builder.join(&columns, DivideByNorm(self.parameters.norm), names)
    }
}

/// Divides the numbers of a row by their norm.
#[derive(Debug)]
struct DivideByNorm(Norm);

impl JointKernel for DivideByNorm {
    fn apply(&self, inputs: &[f64], outputs: &mut [f64]) {
        let norm = match self.0 {
            Norm::L1 => inputs.iter().map(|value| value.abs()).sum(),
            Norm::L2 => inputs.iter().map(|value| value * value).sum::<f64>().sqrt(),
            Norm::Max => inputs.iter().fold(0.0, |greatest: f64, value| greatest.max(value.abs())),
        };
        // scikit-learn's bound for a divisor that is none.
        let divisor = if norm < 10.0 * f64::EPSILON { 1.0 } else { norm };
        for (output, input) in outputs.iter_mut().zip(inputs) {
            *output = input / divisor;
        }
    }

    fn onnx(&self, graph: &mut Graph, inputs: &[Number]) -> Result<Vec<Number>, Inexpressible> {
        let width = inputs.len();
        let block = graph.side_by_side(inputs);
        let sizes = graph.node("Abs", &[block]);
        let norm = match self.0 {
            Norm::L1 => graph.row_sums(sizes, width),
            Norm::L2 => {
                let squares = graph.multiply(block, block);
                let sum = graph.row_sums(squares, width);
                graph.node("Sqrt", &[sum])
            }
            Norm::Max => {
                let columns: Vec<Tensor> =
                    Number::all(sizes, width).into_iter().map(|column| graph.column(column)).collect();
                graph.node("Max", &columns)
            }
        };
        let (bound, one) = (graph.number(10.0 * f64::EPSILON), graph.number(1.0));
        let is_none = graph.less(norm, bound);
        let divisor = graph.choose(is_none, one, norm);
        Ok(Number::all(graph.divide(block, divisor), width))
    }
}
