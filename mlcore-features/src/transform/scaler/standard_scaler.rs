use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlcore::schema::Schema;
use mlcore::stats::pairwise_sum;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::kernel::Kernel;
use crate::transform::input::{self, FitColumn};
use crate::transform::parts::{self, Moments, Parts, Seen};
use crate::transform::{Attribute, Attributes, Fit, Training, Transform, inverse};

/// Centres columns on their mean and divides them by their standard deviation: `z = (x - mean) / scale`.
///
/// Missing values are ignored while fitting and stay missing (NaN). A column whose variance cannot be told from
/// rounding error is divided by 1. Infinities are refused.
///
/// Source: scikit-learn, `StandardScaler`; the variance is the corrected two-pass algorithm of Chan, Golub and
/// LeVeque (1983), in numpy's order of summation.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Float64Array, RecordBatch};
/// use mlcore_features::transform::{Fit, StandardScaler};
///
/// let ages = Arc::new(Float64Array::from(vec![20.0, 40.0, 60.0]));
/// let table = RecordBatch::try_from_iter([("age", ages as _)]).unwrap();
/// let fitted = StandardScaler::default().fit(&table)?;
/// assert_eq!(fitted.mean(), Some(&[40.0][..]));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StandardScaler {
    with_mean: bool,
    with_std: bool,
}

impl Default for StandardScaler {
    fn default() -> Self {
        Self { with_mean: true, with_std: true }
    }
}

impl StandardScaler {
    /// Sets whether the mean is subtracted. Default `true`.
    #[must_use]
    pub fn with_mean(mut self, with_mean: bool) -> Self {
        self.with_mean = with_mean;
        self
    }

    /// Sets whether the result is divided by the standard deviation. Default `true`.
    #[must_use]
    pub fn with_std(mut self, with_std: bool) -> Self {
        self.with_std = with_std;
        self
    }
}

impl Fit for StandardScaler {
    type Fitted = FittedStandardScaler;

    fn learn(&self, training: &Training<'_>) -> Result<FittedStandardScaler> {
        parts::whole(self, training)
    }
}

impl Parts for StandardScaler {
    type Part = Vec<Moments>;

    fn part(&self, training: &Training<'_>) -> Result<Vec<Moments>> {
        let columns = input::weighted_columns(training, "fit StandardScaler")?;
        let moments = |column: &FitColumn| {
            let values = column.numbers()?;
            Ok(match training.weights() {
                None => self.moments(&values, |_| 1.0),
                Some(weights) => self.moments(&values, |row| weights[row]),
            })
        };
        columns.iter().map(moments).collect()
    }

    fn merge(&self, left: Vec<Moments>, right: Vec<Moments>) -> Result<Vec<Moments>> {
        Ok(parts::merge_each(left, right))
    }

    fn finish(&self, part: Vec<Moments>, seen: &Seen) -> Result<FittedStandardScaler> {
        let keeps_mean = self.with_mean || self.with_std;
        let list = |of: fn(&Moments) -> f64| part.iter().map(of).collect::<Vec<f64>>();
        Ok(FittedStandardScaler {
            parameters: *self,
            input: seen.schema()?,
            mean: keeps_mean.then(|| list(|moments| moments.mean)),
            var: self.with_std.then(|| list(Moments::variance)),
            scale: self.with_std.then(|| list(scale)),
            n_samples_seen: part.iter().map(|moments| moments.count).collect(),
        })
    }

    fn holds(&self, part: &Vec<Moments>, columns: usize) -> bool {
        part.len() == columns
    }
}

impl StandardScaler {
    fn moments(self, values: &[f64], weight: impl Fn(usize) -> f64) -> Moments {
        // The place of a missing value adds zero instead of being left out, so that the order of summation is numpy's.
        let weighed = |row: usize, value: f64| if values[row].is_nan() { 0.0 } else { weight(row) * value };
        let count = pairwise_sum(values.len(), &|row| weighed(row, 1.0));
        let mean = pairwise_sum(values.len(), &|row| weighed(row, values[row])) / count;
        let (mut rest, mut squares) = (0.0, f64::NAN);
        if self.with_std {
            let deviation = |row: usize| values[row] - mean;
            let correction = pairwise_sum(values.len(), &|row| weighed(row, deviation(row)));
            let around = pairwise_sum(values.len(), &|row| weighed(row, deviation(row) * deviation(row)));
            rest = correction / count;
            squares = around - correction * correction / count;
        }
        Moments { count, mean, rest, squares }
    }
}

/// The standard deviation; 1 where the variance is within the error bound of the algorithm that computed it.
fn scale(moments: &Moments) -> f64 {
    let (count, mean, var) = (moments.count, moments.mean, moments.variance());
    let bound = count * f64::EPSILON * var + (count * mean * f64::EPSILON).powi(2);
    if var <= bound { 1.0 } else { var.sqrt() }
}

/// A [`StandardScaler`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedStandardScaler {
    parameters: StandardScaler,
    input: Schema,
    #[serde(with = "mlcore::exact")]
    mean: Option<Vec<f64>>,
    #[serde(with = "mlcore::exact")]
    var: Option<Vec<f64>>,
    #[serde(with = "mlcore::exact")]
    scale: Option<Vec<f64>>,
    #[serde(with = "mlcore::exact")]
    n_samples_seen: Vec<f64>,
}

impl FittedStandardScaler {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &StandardScaler {
        &self.parameters
    }

    /// The mean of each column (`mean_`); `None` when neither mean nor deviation were asked for.
    #[must_use]
    pub fn mean(&self) -> Option<&[f64]> {
        self.mean.as_deref()
    }

    /// The population variance of each column (`var_`); `None` without `with_std`.
    #[must_use]
    pub fn var(&self) -> Option<&[f64]> {
        self.var.as_deref()
    }

    /// What each column is divided by (`scale_`); `None` without `with_std`.
    #[must_use]
    pub fn scale(&self) -> Option<&[f64]> {
        self.scale.as_deref()
    }

    /// How many values were seen of each column, missing ones not counted, or what they weigh (`n_samples_seen_`).
    #[must_use]
    pub fn n_samples_seen(&self) -> &[f64] {
        &self.n_samples_seen
    }
}

impl FittedStandardScaler {
    fn invert(&self, features: &inverse::Features) -> Result<Vec<ArrayRef>> {
        features
            .take(0, self.input.len())?
            .iter()
            .enumerate()
            .map(|(position, values)| {
                let scale =
                    self.parameters.with_std.then(|| self.scale.as_ref()?.get(position).copied()).flatten();
                let mean =
                    self.parameters.with_mean.then(|| self.mean.as_ref()?.get(position).copied()).flatten();
                let restored = values.iter().map(|value| {
                    let wide = scale.map_or(*value, |scale| value * scale);
                    mean.map_or(wide, |mean| wide + mean)
                });
                Ok(Arc::new(restored.collect::<Float64Array>()) as ArrayRef)
            })
            .collect()
    }
}

impl Transform for FittedStandardScaler {
    fn attributes(&self) -> Attributes {
        vec![
            ("mean_", self.mean().into()),
            ("var_", self.var().into()),
            ("scale_", self.scale().into()),
            ("n_samples_seen_", Attribute::agreed(&self.n_samples_seen)),
        ]
    }

    fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        inverse::columns(self, table, |features| self.invert(features))
    }
}

impl Lower for FittedStandardScaler {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let part = |list: &Option<Vec<f64>>, position: usize| match list {
            None => Ok(None),
            Some(list) => list.get(position).copied().map(Some).ok_or_else(corrupt),
        };
        columns
            .into_iter()
            .enumerate()
            .map(|(position, column)| {
                let mut steps =
                    vec![Kernel::RefuseInfinite { site: builder.site("StandardScaler", &column) }];
                if self.parameters.with_mean {
                    steps.extend(part(&self.mean, position)?.map(Kernel::Subtract));
                }
                if self.parameters.with_std {
                    steps.extend(part(&self.scale, position)?.map(Kernel::Divide));
                }
                builder.number(column, steps)
            })
            .collect()
    }
}

fn corrupt() -> Error {
    Error::corrupt("compile plan", "StandardScaler", "it has fewer numbers than columns")
}
