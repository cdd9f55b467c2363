use std::f64::consts::TAU;

use mlcore::arrow::array::RecordBatch;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::graph::{Graph, Inexpressible, Number};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::joint::JointKernel;
use crate::program::kernel::Kernel;
use crate::transform::parts::{self, Merge, Parts, Ranges, Seen, extremes};
use crate::transform::{Attributes, Fit, Parameter, Training, Transform, input, inverse};

/// The sine and the cosine of numbers that begin anew, such as hours and months: 23 o'clock is as near to 1 as 1 is to 3.
///
/// A number `x` of a column whose cycle is `m` long becomes `sin(x * 2 pi / m)` and `cos(x * 2 pi / m)`, named by the column, `_sin` and
/// `_cos`. Missing values and infinities are refused.
///
/// Source: feature-engine, `CyclicalFeatures`. Its `max_values` is a dict of columns; here it is a list with one for each
/// column.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, Float64Array, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{CyclicalFeatures, Fit, Transform};
///
/// let hours = Arc::new(Float64Array::from(vec![6.0, 12.0, 18.0]));
/// let table = RecordBatch::try_from_iter([("hour", hours as _)]).unwrap();
/// let cycles = CyclicalFeatures::default().max_values([24.0]).drop_original(true);
/// let (fitted, features) = cycles.fit_transform(&table)?;
/// assert_eq!(fitted.feature_names_out()?, ["hour_sin", "hour_cos"]);
/// assert_eq!(features.column(0).as_primitive::<Float64Type>().value(0), 1.0);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CyclicalFeatures {
    max_values: Option<Lengths>,
    drop_original: bool,
}

/// How long the cycles of the columns are.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
struct Lengths(Vec<f64>);

impl TryFrom<Parameter> for Lengths {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        let problem = value.is_not("a list with a number for each column");
        let numbers = value.into_values().ok_or_else(|| problem.clone())?;
        numbers.iter().map(|value| value.as_f64()).collect::<Option<_>>().map(Self).ok_or(problem)
    }
}

impl From<Lengths> for Parameter {
    fn from(lengths: Lengths) -> Self {
        lengths.0.into()
    }
}

impl CyclicalFeatures {
    /// How long the cycle of each column is. Default: as long as its greatest value.
    #[must_use]
    pub fn max_values(mut self, max_values: impl IntoIterator<Item = f64>) -> Self {
        self.max_values = Some(Lengths(max_values.into_iter().collect()));
        self
    }

    /// Whether the numbers themselves are left out. Default: false.
    #[must_use]
    pub fn drop_original(mut self, drop_original: bool) -> Self {
        self.drop_original = drop_original;
        self
    }
}

const OPERATION: &str = "fit CyclicalFeatures";

impl Fit for CyclicalFeatures {
    type Fitted = FittedCyclicalFeatures;

    fn learn(&self, training: &Training<'_>) -> Result<FittedCyclicalFeatures> {
        parts::whole(self, training)
    }
}

impl Parts for CyclicalFeatures {
    type Part = Ranges;

    fn part(&self, training: &Training<'_>) -> Result<Ranges> {
        let columns = input::columns(training, OPERATION)?;
        if let Some(Lengths(lengths)) = self.max_values.as_ref().filter(|own| own.0.len() != columns.len()) {
            let problem = format!("there are {} for {} columns", lengths.len(), columns.len());
            return Err(Error::invalid_input(OPERATION, "max_values", problem));
        }
        Ranges::of(&columns, |column| Ok(extremes(&column.finite_numbers()?)))
    }

    fn merge(&self, left: Ranges, right: Ranges) -> Result<Ranges> {
        Ok(left.merge(right))
    }

    fn finish(&self, part: Ranges, seen: &Seen) -> Result<FittedCyclicalFeatures> {
        let mut max_values = Vec::with_capacity(part.greatest.len());
        for (position, (column, greatest)) in seen.columns().zip(&part.greatest).enumerate() {
            let given = self.max_values.as_ref().and_then(|own| own.0.get(position).copied());
            let length = given.unwrap_or(*greatest);
            if length == 0.0 || !length.is_finite() {
                return Err(column
                    .error(OPERATION, format!("a cycle is not {length} long"))
                    .remedy("say how long it is, with max_values"));
            }
            max_values.push(length);
        }
        Ok(FittedCyclicalFeatures { parameters: self.clone(), input: seen.schema()?, max_values })
    }

    fn holds(&self, part: &Ranges, columns: usize) -> bool {
        part.holds(columns)
    }
}

/// A [`CyclicalFeatures`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedCyclicalFeatures {
    parameters: CyclicalFeatures,
    input: Schema,
    #[serde(with = "mlcore::exact")]
    max_values: Vec<f64>,
}

impl FittedCyclicalFeatures {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &CyclicalFeatures {
        &self.parameters
    }

    /// How long the cycle of each column is (`max_values_`).
    #[must_use]
    pub fn max_values(&self) -> &[f64] {
        &self.max_values
    }
}

impl Transform for FittedCyclicalFeatures {
    fn attributes(&self) -> Attributes {
        vec![("max_values_", self.max_values().into())]
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        let problem = "an angle does not tell how often the cycle began anew";
        Err(Error::unsupported(inverse::OPERATION, "CyclicalFeatures", problem)
            .remedy("leave drop_original at False, which keeps the numbers"))
    }
}

impl Lower for FittedCyclicalFeatures {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let mut outputs = if self.parameters.drop_original { Vec::new() } else { columns.clone() };
        for (position, column) in columns.into_iter().enumerate() {
            let length = self.max_values.get(position).copied().ok_or_else(|| {
                Error::corrupt("compile plan", "CyclicalFeatures", "it has fewer cycles than columns")
            })?;
            let site = builder.site("CyclicalFeatures", &column);
            let names = vec![format!("{}_sin", column.name), format!("{}_cos", column.name)];
            let checked = builder.number(column, [Kernel::RefuseNonFinite { site }])?;
            outputs.extend(builder.join(&[checked], Angle { scale: TAU / length }, names)?);
        }
        Ok(outputs)
    }
}

/// The sine and the cosine of a number.
#[derive(Debug)]
struct Angle {
    scale: f64,
}

impl JointKernel for Angle {
    fn apply(&self, inputs: &[f64], outputs: &mut [f64]) {
        let angle = inputs.first().copied().unwrap_or(f64::NAN) * self.scale;
        for (output, value) in outputs.iter_mut().zip([angle.sin(), angle.cos()]) {
            *output = value;
        }
    }

    fn onnx(&self, graph: &mut Graph, inputs: &[Number]) -> Result<Vec<Number>, Inexpressible> {
        let value = graph.side_by_side(inputs);
        let angle = graph.scaled(value, self.scale);
        Ok(["Sin", "Cos"].map(|function| Number::alone(graph.node(function, &[angle]))).into())
    }
}
