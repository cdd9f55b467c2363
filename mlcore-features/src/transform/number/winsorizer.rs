use mlcore::arrow::array::RecordBatch;
use mlcore::schema::Schema;
use mlcore::stats::QuantileMethod;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::kernel::Kernel;
use crate::transform::{Attributes, Fit, Training, Transform, input, inverse};

/// Cuts each column at two of its quantiles, so that outliers are as far out as the rest.
///
/// Missing values are ignored while fitting and stay missing (NaN). Infinities are refused. scikit-learn has no such
/// transformer. Source: Tukey (1962), "The Future of Data Analysis", section on Winsorizing; the quantiles are those of
/// `numpy.quantile`, and numbers are cut by `numpy.clip`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, Float64Array, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, Winsorizer};
///
/// let income = Arc::new(Float64Array::from(vec![10.0, 20.0, 30.0, 40.0, 9000.0]));
/// let table = RecordBatch::try_from_iter([("income", income as _)]).unwrap();
/// let quarters = Winsorizer::default().lower_quantile(0.25).upper_quantile(0.75);
/// let (fitted, cut) = quarters.fit_transform(&table)?;
/// assert_eq!((fitted.lower_limits(), fitted.upper_limits()), (&[20.0][..], &[40.0][..]));
/// assert_eq!(cut.column(0).as_primitive::<Float64Type>().values(), &[20.0, 20.0, 30.0, 40.0, 40.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Winsorizer {
    #[serde(with = "mlcore::exact")]
    lower_quantile: f64,
    #[serde(with = "mlcore::exact")]
    upper_quantile: f64,
    quantile_method: QuantileMethod,
}

impl Default for Winsorizer {
    fn default() -> Self {
        // The usual shares: one value in ten is cut.
        Self { lower_quantile: 0.05, upper_quantile: 0.95, quantile_method: QuantileMethod::Linear }
    }
}

impl Winsorizer {
    /// The share of the values below the lower limit, from 0 to 1. Default 0.05.
    #[must_use]
    pub fn lower_quantile(mut self, lower_quantile: f64) -> Self {
        self.lower_quantile = lower_quantile;
        self
    }

    /// The share of the values below the upper limit, from 0 to 1. Default 0.95.
    #[must_use]
    pub fn upper_quantile(mut self, upper_quantile: f64) -> Self {
        self.upper_quantile = upper_quantile;
        self
    }

    /// Which definition of a quantile to use. Default: linear, as numpy's.
    #[must_use]
    pub fn quantile_method(mut self, quantile_method: QuantileMethod) -> Self {
        self.quantile_method = quantile_method;
        self
    }
}

const OPERATION: &str = "fit Winsorizer";

impl Fit for Winsorizer {
    type Fitted = FittedWinsorizer;

    fn learn(&self, training: &Training<'_>) -> Result<FittedWinsorizer> {
        let (low, high) = (self.lower_quantile, self.upper_quantile);
        for (parameter, level) in [("lower_quantile", low), ("upper_quantile", high)] {
            if !(0.0..=1.0).contains(&level) {
                let problem = format!("a share from 0 to 1 is needed, got {level}");
                return Err(Error::invalid_input(OPERATION, parameter, problem));
            }
        }
        if low > high {
            let problem = format!("it is above upper_quantile: {low} and {high}");
            return Err(Error::invalid_input(OPERATION, "lower_quantile", problem));
        }
        let columns = input::columns(training, OPERATION)?;
        let (mut lower, mut upper) = (Vec::with_capacity(columns.len()), Vec::with_capacity(columns.len()));
        for column in &columns {
            let present = column.numbers()?.iter().copied().filter(|value| !value.is_nan()).collect();
            let limits = self.quantile_method.of(present, &[low, high]);
            column.check()?;
            lower.extend(limits.first());
            upper.extend(limits.last());
        }
        Ok(FittedWinsorizer { parameters: *self, input: input::schema(&columns)?, lower, upper })
    }
}

/// A [`Winsorizer`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedWinsorizer {
    parameters: Winsorizer,
    input: Schema,
    #[serde(with = "mlcore::exact")]
    lower: Vec<f64>,
    #[serde(with = "mlcore::exact")]
    upper: Vec<f64>,
}

impl FittedWinsorizer {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &Winsorizer {
        &self.parameters
    }

    /// The least number that each column keeps (`lower_`).
    #[must_use]
    pub fn lower_limits(&self) -> &[f64] {
        &self.lower
    }

    /// The greatest number that each column keeps (`upper_`).
    #[must_use]
    pub fn upper_limits(&self) -> &[f64] {
        &self.upper
    }
}

impl Transform for FittedWinsorizer {
    fn attributes(&self) -> Attributes {
        vec![("lower_", self.lower_limits().into()), ("upper_", self.upper_limits().into())]
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(Error::unsupported(inverse::OPERATION, "Winsorizer", "what was cut off is gone")
            .remedy("keep the columns beside their cut ones, with a ColumnTransformer"))
    }
}

impl Lower for FittedWinsorizer {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let lowered = |(position, column): (usize, Column)| {
            let (Some(low), Some(high)) = (self.lower.get(position), self.upper.get(position)) else {
                return Err(Error::corrupt("compile plan", "Winsorizer", "it has fewer limits than columns"));
            };
            let site = builder.site("Winsorizer", &column);
            builder.number(column, [Kernel::RefuseInfinite { site }, Kernel::Clip { low: *low, high: *high }])
        };
        columns.into_iter().enumerate().map(lowered).collect()
    }
}
