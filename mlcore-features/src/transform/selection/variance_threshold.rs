use mlcore::arrow::array::RecordBatch;
use mlcore::schema::Schema;
use mlcore::stats::pairwise_sum;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::kept;
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::transform::{Attributes, Fit, Training, Transform, input, numeric};

/// Leaves out the columns whose variance is not above a threshold: by default those that hold one value only.
///
/// Missing values are ignored while fitting. The columns that are kept are handed on as they are. Source: scikit-learn,
/// `VarianceThreshold`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Float64Array, RecordBatch};
/// use mlcore_features::transform::{Fit, Transform, VarianceThreshold};
///
/// let table = RecordBatch::try_from_iter([
///     ("always", Arc::new(Float64Array::from(vec![1.0, 1.0, 1.0])) as _),
///     ("amount", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0])) as _),
/// ]).unwrap();
/// let fitted = VarianceThreshold::default().fit(&table)?;
/// assert_eq!(fitted.variances(), [0.0, 2.0 / 3.0]);
/// assert_eq!(fitted.feature_names_out()?, ["amount"]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VarianceThreshold {
    #[serde(with = "mlcore::exact")]
    threshold: f64,
}

impl VarianceThreshold {
    /// The variance that a column must be above to be kept, at least 0. Default 0.
    #[must_use]
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }
}

const OPERATION: &str = "fit VarianceThreshold";

impl Fit for VarianceThreshold {
    type Fitted = FittedVarianceThreshold;

    fn learn(&self, training: &Training<'_>) -> Result<FittedVarianceThreshold> {
        let columns = input::columns(training, OPERATION)?;
        if !(self.threshold >= 0.0 && self.threshold.is_finite()) {
            let problem = format!("a finite number that is not negative is expected, got {}", self.threshold);
            return Err(Error::invalid_input(OPERATION, "threshold", problem));
        }
        let mut variances = Vec::with_capacity(columns.len());
        for column in &columns {
            let values = column.numbers()?;
            let variance = variance(&values);
            // Of a constant column rounding may leave a variance, and no range.
            variances.push(if self.threshold == 0.0 { variance.min(range(&values)) } else { variance });
        }
        let fitted =
            FittedVarianceThreshold { parameters: *self, input: input::schema(&columns)?, variances };
        if !fitted.support().contains(&true) {
            let mut problem = format!("no column has a variance above {}", self.threshold);
            if training.table().num_rows() == 1 {
                problem.push_str(" in 1 sample");
            }
            return Err(Error::invalid_input(OPERATION, "threshold", problem)
                .remedy("lower the threshold, or leave this step out"));
        }
        Ok(fitted)
    }
}

/// The population variance of the values that are there; NaN where none is.
fn variance(values: &[f64]) -> f64 {
    let present = values.iter().filter(|value| !value.is_nan()).count();
    let mean = numeric::mean_of_present(values, present);
    let square = |row: usize| {
        let deviation = values[row] - mean;
        if values[row].is_nan() { 0.0 } else { deviation * deviation }
    };
    pairwise_sum(values.len(), &square) / present as f64
}

/// The greatest value less the least; NaN where a value is missing, as numpy answers.
fn range(values: &[f64]) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    greatest - least
}

/// A [`VarianceThreshold`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedVarianceThreshold {
    parameters: VarianceThreshold,
    input: Schema,
    #[serde(with = "mlcore::exact")]
    variances: Vec<f64>,
}

impl FittedVarianceThreshold {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &VarianceThreshold {
        &self.parameters
    }

    /// The variance of each column (`variances_`); with a threshold of 0, its range where that is less.
    #[must_use]
    pub fn variances(&self) -> &[f64] {
        &self.variances
    }

    /// Which columns are kept (`get_support`).
    #[must_use]
    pub fn support(&self) -> Vec<bool> {
        self.variances.iter().map(|variance| *variance > self.parameters.threshold).collect()
    }
}

impl Transform for FittedVarianceThreshold {
    fn attributes(&self) -> Attributes {
        vec![("variances_", self.variances().into())]
    }

    /// The columns that were left out come back as zeros.
    fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        kept::restored(self, &self.support(), table)
    }
}

impl Lower for FittedVarianceThreshold {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, _: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        if self.variances.len() != columns.len() {
            let problem = "it has not one variance for each column";
            return Err(Error::corrupt("compile plan", "VarianceThreshold", problem));
        }
        let kept = columns.into_iter().zip(self.support()).filter(|(_, kept)| *kept);
        Ok(kept.map(|(column, _)| column).collect())
    }
}
