use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::power::{Power, PowerMethod, box_cox_lambda, variance, yeo_johnson_lambda};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::kernel::Kernel;
use crate::program::number::NumberKernel;
use crate::transform::input::FitColumn;
use crate::transform::{Attributes, Fit, StandardScaler, Training, Transform, input, inverse, numeric};

/// Raises each column to the power that makes it most like a normal distribution, and then scales it to mean 0 and
/// variance 1.
///
/// The power is that of greatest likelihood, found by Brent's method. Missing values are ignored while fitting and stay
/// missing (NaN). A constant column is left as it is by Yeo and Johnson's powers, and refused by those of Box and Cox, which
/// take positive numbers only. Infinities are refused, and so are numbers that become infinite before they are scaled.
///
/// Source: scikit-learn, `PowerTransformer`, with the likelihoods and the bounds of scipy.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Float64Array, RecordBatch};
/// use mlcore_features::transform::{Fit, PowerTransformer};
///
/// let income = Arc::new(Float64Array::from(vec![1.0, 3.0, 4.0]));
/// let table = RecordBatch::try_from_iter([("income", income as _)]).unwrap();
/// let fitted = PowerTransformer::default().fit(&table)?;
/// assert!((fitted.lambdas()[0] - 1.386).abs() < 1e-3);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PowerTransformer {
    method: PowerMethod,
    standardize: bool,
}

impl Default for PowerTransformer {
    fn default() -> Self {
        Self { method: PowerMethod::YeoJohnson, standardize: true }
    }
}

impl PowerTransformer {
    /// The family of powers. Default: that of Yeo and Johnson.
    #[must_use]
    pub fn method(mut self, method: PowerMethod) -> Self {
        self.method = method;
        self
    }

    /// Sets whether the result is scaled to mean 0 and variance 1. Default `true`.
    #[must_use]
    pub fn standardize(mut self, standardize: bool) -> Self {
        self.standardize = standardize;
        self
    }

    /// The likeliest power; `None` for a constant, which is left as it is.
    fn lambda(self, column: &FitColumn, values: &[f64]) -> Result<Option<f64>> {
        let present: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        if present.is_empty() {
            return Err(column.error("all its values are missing").remedy("leave the column out"));
        }
        match self.method {
            // scikit-learn looks for constants in columns without missing values only.
            PowerMethod::YeoJohnson if present.len() == values.len() && is_constant(values) => Ok(None),
            PowerMethod::YeoJohnson => Ok(Some(yeo_johnson_lambda(&present))),
            PowerMethod::BoxCox => {
                if let Some(row) = values.iter().position(|value| *value <= 0.0) {
                    let problem =
                        format!("row {row} holds {}, and Box-Cox takes positive numbers only", values[row]);
                    return Err(column.error(problem).remedy("use the method yeo-johnson"));
                }
                if present.windows(2).all(|pair| pair[0] == pair[1]) {
                    return Err(column.error("it is constant").remedy("use the method yeo-johnson"));
                }
                let found = box_cox_lambda(&present).map(Some);
                found
                    .ok_or_else(|| column.error("no power is the likeliest").remedy("scale the column first"))
            }
        }
    }
}

/// Whether the variance is within the error bound of the algorithm that computed it.
fn is_constant(values: &[f64]) -> bool {
    let (count, mean, variance) = (values.len() as f64, numeric::mean(values), variance(values));
    variance <= count * f64::EPSILON * variance + (count * mean * f64::EPSILON).powi(2)
}

const OPERATION: &str = "fit PowerTransformer";

impl Fit for PowerTransformer {
    type Fitted = FittedPowerTransformer;

    fn learn(&self, training: &Training<'_>) -> Result<FittedPowerTransformer> {
        let columns = input::columns(training, OPERATION)?;
        let mut lambdas = Vec::with_capacity(columns.len());
        let mut powers = Vec::with_capacity(columns.len());
        for column in &columns {
            let values = column.numbers()?;
            let lambda = self.lambda(column, &values)?;
            column.check()?;
            lambdas.push(lambda.unwrap_or(1.0));
            if self.standardize {
                let power = |value: f64| {
                    lambda.map_or(value, |lambda| Power { method: self.method, lambda }.apply(value))
                };
                let array: Float64Array = values.iter().map(|value| power(*value)).collect();
                powers.push((column.field.name(), Arc::new(array) as ArrayRef));
            }
        }
        let (mut mean, mut scale) = (None, None);
        if self.standardize {
            let table = RecordBatch::try_from_iter(powers)
                .map_err(|cause| Error::internal(OPERATION, "columns", cause.to_string()).caused_by(cause))?;
            let scaler = StandardScaler::default().fit(&table)?;
            mean = scaler.mean().map(<[f64]>::to_vec);
            scale = scaler.scale().map(<[f64]>::to_vec);
        }
        Ok(FittedPowerTransformer {
            parameters: *self,
            input: input::schema(&columns)?,
            lambdas,
            mean,
            scale,
        })
    }
}

/// A [`PowerTransformer`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedPowerTransformer {
    parameters: PowerTransformer,
    input: Schema,
    #[serde(with = "mlcore::exact")]
    lambdas: Vec<f64>,
    #[serde(with = "mlcore::exact")]
    mean: Option<Vec<f64>>,
    #[serde(with = "mlcore::exact")]
    scale: Option<Vec<f64>>,
}

impl FittedPowerTransformer {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &PowerTransformer {
        &self.parameters
    }

    /// The power of each column (`lambdas_`).
    #[must_use]
    pub fn lambdas(&self) -> &[f64] {
        &self.lambdas
    }

    /// The power of a column, and its mean and scale thereafter.
    fn steps(&self, position: usize) -> Result<(Power, Option<(f64, f64)>)> {
        let of = |list: &[f64]| list.get(position).copied().ok_or_else(corrupt);
        let power = Power { method: self.parameters.method, lambda: of(&self.lambdas)? };
        if !self.parameters.standardize {
            return Ok((power, None));
        }
        let of = |list: &Option<Vec<f64>>| of(list.as_deref().unwrap_or_default());
        Ok((power, Some((of(&self.mean)?, of(&self.scale)?))))
    }
}

impl Transform for FittedPowerTransformer {
    fn attributes(&self) -> Attributes {
        vec![("lambdas_", self.lambdas().into())]
    }

    fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        inverse::columns(self, table, |features| {
            let restored = |(position, values): (usize, &Vec<f64>)| {
                let (power, standard) = self.steps(position)?;
                let number =
                    |value: &f64| power.invert(standard.map_or(*value, |(mean, scale)| value * scale + mean));
                Ok(Arc::new(values.iter().map(number).collect::<Float64Array>()) as ArrayRef)
            };
            features.take(0, self.input.len())?.iter().enumerate().map(restored).collect()
        })
    }
}

impl Lower for FittedPowerTransformer {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let lowered = |(position, column): (usize, Column)| {
            let (power, standard) = self.steps(position)?;
            let site = builder.site("PowerTransformer", &column);
            let mut steps = vec![Kernel::RefuseInfinite { site }, Kernel::function(site, power)];
            if let Some((mean, scale)) = standard {
                steps.extend([
                    Kernel::RefuseInfinite { site },
                    Kernel::Subtract(mean),
                    Kernel::Divide(scale),
                ]);
            }
            builder.number(column, steps)
        };
        columns.into_iter().enumerate().map(lowered).collect()
    }
}

fn corrupt() -> Error {
    Error::corrupt("compile plan", "PowerTransformer", "it has fewer numbers than columns")
}
