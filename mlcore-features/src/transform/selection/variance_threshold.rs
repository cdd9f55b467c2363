use mlcore::arrow::array::RecordBatch;
use mlcore::schema::Schema;
use mlcore::stats::pairwise_sum;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::kept;
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::transform::parts::{self, Merge, Moments, Parts, Seen, extremes};
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
        parts::whole(self, training)
    }
}

impl Parts for VarianceThreshold {
    type Part = Vec<Spread>;

    fn part(&self, training: &Training<'_>) -> Result<Vec<Spread>> {
        let columns = input::columns(training, OPERATION)?;
        if !(self.threshold >= 0.0 && self.threshold.is_finite()) {
            let problem = format!("a finite number that is not negative is expected, got {}", self.threshold);
            return Err(Error::invalid_input(OPERATION, "threshold", problem));
        }
        columns.iter().map(|column| Ok(Spread::of(&column.numbers()?, training.is_part()))).collect()
    }

    fn merge(&self, left: Vec<Spread>, right: Vec<Spread>) -> Result<Vec<Spread>> {
        Ok(parts::merge_each(left, right))
    }

    fn finish(&self, part: Vec<Spread>, seen: &Seen) -> Result<FittedVarianceThreshold> {
        let variance = |spread: &Spread| {
            let variance = spread.moments.variance();
            // Of a constant column rounding may leave a variance, and no range.
            if self.threshold == 0.0 { variance.min(spread.range()) } else { variance }
        };
        let variances = part.iter().map(variance).collect();
        let fitted = FittedVarianceThreshold { parameters: *self, input: seen.schema()?, variances };
        if !fitted.support().contains(&true) {
            let mut problem = format!("no column has a variance above {}", self.threshold);
            if seen.rows() == 1 {
                problem.push_str(" in 1 sample");
            }
            return Err(Error::invalid_input(OPERATION, "threshold", problem)
                .remedy("lower the threshold, or leave this step out"));
        }
        Ok(fitted)
    }

    fn holds(&self, part: &Vec<Spread>, columns: usize) -> bool {
        part.len() == columns
    }
}

/// How far the values of a column lie apart.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    moments: Moments,
    #[serde(with = "mlcore::exact")]
    ends: (f64, f64),
    has_missing: bool,
}

impl Spread {
    /// Of the values that are there. What rounding took from the mean is needed by other parts only.
    fn of(values: &[f64], is_part: bool) -> Self {
        let present = values.iter().filter(|value| !value.is_nan()).count();
        let mean = numeric::mean_of_present(values, present);
        let of_present = |row: usize, term: fn(f64) -> f64| match values[row] - mean {
            _ if values[row].is_nan() => 0.0,
            deviation => term(deviation),
        };
        let sum = |term: fn(f64) -> f64| pairwise_sum(values.len(), &|row| of_present(row, term));
        let count = present as f64;
        let rest = if is_part { sum(|deviation| deviation) / count } else { 0.0 };
        let squares = sum(|deviation| deviation * deviation);
        Self {
            moments: Moments { count, mean, rest, squares },
            ends: extremes(values),
            has_missing: present < values.len(),
        }
    }

    /// The greatest value less the least; NaN where a value is missing, as numpy answers.
    fn range(&self) -> f64 {
        if self.has_missing { f64::NAN } else { self.ends.1 - self.ends.0 }
    }
}

impl Merge for Spread {
    fn merge(self, other: Self) -> Self {
        Self {
            moments: self.moments.merge(other.moments),
            ends: (self.ends.0.min(other.ends.0), self.ends.1.max(other.ends.1)),
            has_missing: self.has_missing || other.has_missing,
        }
    }
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
