use mlcore::arrow::array::RecordBatch;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::graph::{Graph, Inexpressible, Tensor};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::kernel::Kernel;
use crate::program::number::NumberKernel;
use crate::transform::{Attributes, Fit, Training, Transform, input, inverse};

/// Writes 1 for a number above a threshold and 0 for any other.
///
/// Missing values and infinities are refused. Fitting learns the columns and nothing else. Source: scikit-learn,
/// `Binarizer`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, Float64Array, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Binarizer, Fit};
///
/// let visits = Arc::new(Float64Array::from(vec![0.0, 3.0, 9.0]));
/// let table = RecordBatch::try_from_iter([("visits", visits as _)]).unwrap();
/// let (_, often) = Binarizer::default().threshold(3.0).fit_transform(&table)?;
/// assert_eq!(often.column(0).as_primitive::<Float64Type>().values(), &[0.0, 0.0, 1.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Binarizer {
    #[serde(with = "mlcore::exact")]
    threshold: f64,
}

impl Binarizer {
    /// The greatest number that becomes 0. Default 0.
    #[must_use]
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }
}

impl Fit for Binarizer {
    type Fitted = FittedBinarizer;

    fn learn(&self, training: &Training<'_>) -> Result<FittedBinarizer> {
        let columns = input::columns(training, "fit Binarizer")?;
        for column in &columns {
            column.finite_numbers()?;
        }
        Ok(FittedBinarizer { parameters: *self, input: input::schema(&columns)? })
    }
}

crate::transform::parts::columns_only!(Binarizer, FittedBinarizer);

/// A [`Binarizer`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedBinarizer {
    parameters: Binarizer,
    input: Schema,
}

impl FittedBinarizer {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &Binarizer {
        &self.parameters
    }
}

impl Transform for FittedBinarizer {
    fn attributes(&self) -> Attributes {
        Attributes::new()
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(Error::unsupported(inverse::OPERATION, "Binarizer", "the distances to the threshold are gone")
            .remedy("keep the columns beside their binary ones, with a ColumnTransformer"))
    }
}

impl Lower for FittedBinarizer {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let lowered = |column: Column| {
            let site = builder.site("Binarizer", &column);
            let steps =
                [Kernel::RefuseNonFinite { site }, Kernel::function(site, Above(self.parameters.threshold))];
            builder.number(column, steps)
        };
        columns.into_iter().map(lowered).collect()
    }
}

/// 1 for a number above this one, 0 for any other.
#[derive(Debug)]
struct Above(f64);

impl NumberKernel for Above {
    fn apply(&self, value: f64) -> f64 {
        f64::from(u8::from(value > self.0))
    }

    fn onnx(&self, graph: &mut Graph, value: Tensor) -> Result<Tensor, Inexpressible> {
        let threshold = graph.number(self.0);
        let above = graph.greater(value, threshold);
        Ok(graph.flag(above))
    }
}
