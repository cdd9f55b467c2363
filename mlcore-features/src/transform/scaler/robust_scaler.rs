use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlcore::schema::Schema;
use mlcore::stats::{QuantileMethod, norm};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::kernel::Kernel;
use crate::transform::{Attributes, Fit, Training, Transform, input, inverse};

/// Centres columns on their median and divides them by the distance of two quantiles, so that outliers count for nothing.
///
/// Missing values are ignored while fitting and stay missing (NaN). A column whose quantiles are closer than ten times the
/// machine's precision is divided by 1. Infinities are refused. Source: scikit-learn, `RobustScaler`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, Float64Array, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, RobustScaler};
///
/// let income = Arc::new(Float64Array::from(vec![10.0, 20.0, 30.0, 40.0, 9000.0]));
/// let table = RecordBatch::try_from_iter([("income", income as _)]).unwrap();
/// let (fitted, scaled) = RobustScaler::default().fit_transform(&table)?;
/// assert_eq!((fitted.center(), fitted.scale()), (Some(&[30.0][..]), Some(&[20.0][..])));
/// assert_eq!(scaled.column(0).as_primitive::<Float64Type>().values(), &[-1.0, -0.5, 0.0, 0.5, 448.5]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RobustScaler {
    with_centering: bool,
    with_scaling: bool,
    #[serde(with = "mlcore::exact")]
    quantile_range: (f64, f64),
    unit_variance: bool,
}

impl Default for RobustScaler {
    fn default() -> Self {
        Self { with_centering: true, with_scaling: true, quantile_range: (25.0, 75.0), unit_variance: false }
    }
}

impl RobustScaler {
    /// Sets whether the median is subtracted. Default `true`.
    #[must_use]
    pub fn with_centering(mut self, with_centering: bool) -> Self {
        self.with_centering = with_centering;
        self
    }

    /// Sets whether the result is divided by the distance of the quantiles. Default `true`.
    #[must_use]
    pub fn with_scaling(mut self, with_scaling: bool) -> Self {
        self.with_scaling = with_scaling;
        self
    }

    /// The two quantiles in percent. Default `(25, 75)`.
    #[must_use]
    pub fn quantile_range(mut self, low: f64, high: f64) -> Self {
        self.quantile_range = (low, high);
        self
    }

    /// Sets whether the scale is that of a normal distribution of variance 1. Default `false`.
    #[must_use]
    pub fn unit_variance(mut self, unit_variance: bool) -> Self {
        self.unit_variance = unit_variance;
        self
    }
}

const OPERATION: &str = "fit RobustScaler";

impl Fit for RobustScaler {
    type Fitted = FittedRobustScaler;

    fn learn(&self, training: &Training<'_>) -> Result<FittedRobustScaler> {
        let (low, high) = self.quantile_range;
        if !(0.0 <= low && low <= high && high <= 100.0) {
            let problem = format!("two percentages in ascending order are needed, got ({low}, {high})");
            return Err(Error::invalid_input(OPERATION, "quantile_range", problem));
        }
        let columns = input::columns(training, OPERATION)?;
        let (mut center, mut scale) = (Vec::with_capacity(columns.len()), Vec::with_capacity(columns.len()));
        for column in &columns {
            let numbers = column.numbers()?;
            let mut values: Vec<f64> = numbers.iter().copied().filter(|value| !value.is_nan()).collect();
            mlcore::interrupt::sort_unstable_by(&mut values, f64::total_cmp);
            column.check()?;
            center.push(median(&values));
            let quantile = |percent: f64| QuantileMethod::Linear.of_sorted(&values, percent / 100.0);
            let range = quantile(high) - quantile(low);
            // scikit-learn's bound for a divisor that is none.
            let divisor = if range < 10.0 * f64::EPSILON { 1.0 } else { range };
            scale.push(if self.unit_variance {
                divisor / (norm::ppf(high / 100.0) - norm::ppf(low / 100.0))
            } else {
                divisor
            });
        }
        Ok(FittedRobustScaler {
            parameters: *self,
            input: input::schema(&columns)?,
            center: self.with_centering.then_some(center),
            scale: self.with_scaling.then_some(scale),
        })
    }
}

/// The median of values in ascending order, NaN of none.
fn median(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    match (half.checked_sub(1).and_then(|before| sorted.get(before)), sorted.get(half)) {
        (Some(before), Some(middle)) if sorted.len().is_multiple_of(2) => (before + middle) / 2.0,
        (_, middle) => middle.copied().unwrap_or(f64::NAN),
    }
}

/// A [`RobustScaler`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedRobustScaler {
    parameters: RobustScaler,
    input: Schema,
    #[serde(with = "mlcore::exact")]
    center: Option<Vec<f64>>,
    #[serde(with = "mlcore::exact")]
    scale: Option<Vec<f64>>,
}

impl FittedRobustScaler {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &RobustScaler {
        &self.parameters
    }

    /// The median of each column (`center_`); `None` without `with_centering`.
    #[must_use]
    pub fn center(&self) -> Option<&[f64]> {
        self.center.as_deref()
    }

    /// What each column is divided by (`scale_`); `None` without `with_scaling`.
    #[must_use]
    pub fn scale(&self) -> Option<&[f64]> {
        self.scale.as_deref()
    }
}

impl Transform for FittedRobustScaler {
    fn attributes(&self) -> Attributes {
        vec![("center_", self.center().into()), ("scale_", self.scale().into())]
    }

    fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        inverse::columns(self, table, |features| {
            let restored = |(position, values): (usize, &Vec<f64>)| {
                let scale = part(self.scale(), position)?;
                let center = part(self.center(), position)?;
                let number = |value: &f64| {
                    let wide = scale.map_or(*value, |scale| value * scale);
                    center.map_or(wide, |center| wide + center)
                };
                Ok(Arc::new(values.iter().map(number).collect::<Float64Array>()) as ArrayRef)
            };
            features.take(0, self.input.len())?.iter().enumerate().map(restored).collect()
        })
    }
}

impl Lower for FittedRobustScaler {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let lowered = |(position, column): (usize, Column)| {
            let mut steps = vec![Kernel::RefuseInfinite { site: builder.site("RobustScaler", &column) }];
            steps.extend(part(self.center(), position)?.map(Kernel::Subtract));
            steps.extend(part(self.scale(), position)?.map(Kernel::Divide));
            builder.number(column, steps)
        };
        columns.into_iter().enumerate().map(lowered).collect()
    }
}

/// The number of a column, where there is a list of them.
fn part(list: Option<&[f64]>, position: usize) -> Result<Option<f64>> {
    match list {
        None => Ok(None),
        Some(list) => list.get(position).copied().map(Some).ok_or_else(|| {
            Error::corrupt("compile plan", "RobustScaler", "it has fewer numbers than columns")
        }),
    }
}
