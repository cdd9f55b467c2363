use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::kernel::Kernel;
use crate::transform::parts::{self, Merge, Parts, Ranges, Seen, extremes};
use crate::transform::{Attributes, Fit, Training, Transform, input, inverse};

/// Maps each column's range onto a wanted one: `x * scale + min`.
///
/// Missing values are ignored while fitting and stay missing (NaN). A constant column is mapped to the low end.
/// Infinities are refused. Source: scikit-learn, `MinMaxScaler`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, Float64Array, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, MinMaxScaler, Transform};
///
/// let ages = Arc::new(Float64Array::from(vec![20.0, 30.0, 60.0]));
/// let table = RecordBatch::try_from_iter([("age", ages as _)]).unwrap();
/// let scaled = MinMaxScaler::default().fit(&table)?.transform(&table)?;
/// assert_eq!(scaled.column(0).as_primitive::<Float64Type>().values(), &[0.0, 0.25, 1.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MinMaxScaler {
    #[serde(with = "mlcore::exact")]
    feature_range: (f64, f64),
    clip: bool,
}

impl Default for MinMaxScaler {
    fn default() -> Self {
        Self { feature_range: (0.0, 1.0), clip: false }
    }
}

impl MinMaxScaler {
    /// The range that the training data fills. Default `(0, 1)`.
    #[must_use]
    pub fn feature_range(mut self, low: f64, high: f64) -> Self {
        self.feature_range = (low, high);
        self
    }

    /// Sets whether values that leave the range are cut. Default `false`.
    #[must_use]
    pub fn clip(mut self, clip: bool) -> Self {
        self.clip = clip;
        self
    }
}

impl Fit for MinMaxScaler {
    type Fitted = FittedMinMaxScaler;

    fn learn(&self, training: &Training<'_>) -> Result<FittedMinMaxScaler> {
        parts::whole(self, training)
    }
}

const OPERATION: &str = "fit MinMaxScaler";

impl Parts for MinMaxScaler {
    type Part = Ranges;

    fn part(&self, training: &Training<'_>) -> Result<Ranges> {
        let (low, high) = self.feature_range;
        if !(low < high && low.is_finite() && high.is_finite()) {
            let problem = format!("the low end must be below the high end, got ({low}, {high})");
            return Err(Error::invalid_input(OPERATION, "feature_range", problem));
        }
        let columns = input::columns(training, OPERATION)?;
        Ranges::of(&columns, |column| Ok(extremes(&column.numbers()?)))
    }

    fn merge(&self, left: Ranges, right: Ranges) -> Result<Ranges> {
        Ok(left.merge(right))
    }

    fn finish(&self, part: Ranges, seen: &Seen) -> Result<FittedMinMaxScaler> {
        let (low, high) = self.feature_range;
        // scikit-learn's rule for a range that is none: below ten times the machine's precision.
        let divisor = |range: f64| if range < 10.0 * f64::EPSILON { 1.0 } else { range };
        let data_range: Vec<f64> = part.iter().map(|(least, greatest)| greatest - least).collect();
        let scale: Vec<f64> = data_range.iter().map(|range| (high - low) / divisor(*range)).collect();
        let min = part.least.iter().zip(&scale).map(|(least, scale)| low - least * scale).collect();
        Ok(FittedMinMaxScaler {
            parameters: *self,
            input: seen.schema()?,
            data_min: part.least,
            data_max: part.greatest,
            data_range,
            scale,
            min,
            n_samples_seen: seen.rows,
        })
    }

    fn holds(&self, part: &Ranges, columns: usize) -> bool {
        part.holds(columns)
    }
}

/// A [`MinMaxScaler`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedMinMaxScaler {
    parameters: MinMaxScaler,
    input: Schema,
    #[serde(with = "mlcore::exact")]
    data_min: Vec<f64>,
    #[serde(with = "mlcore::exact")]
    data_max: Vec<f64>,
    #[serde(with = "mlcore::exact")]
    data_range: Vec<f64>,
    #[serde(with = "mlcore::exact")]
    scale: Vec<f64>,
    #[serde(with = "mlcore::exact")]
    min: Vec<f64>,
    n_samples_seen: u64,
}

impl FittedMinMaxScaler {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &MinMaxScaler {
        &self.parameters
    }

    /// The least value of each column (`data_min_`).
    #[must_use]
    pub fn data_min(&self) -> &[f64] {
        &self.data_min
    }

    /// The greatest value of each column (`data_max_`).
    #[must_use]
    pub fn data_max(&self) -> &[f64] {
        &self.data_max
    }

    /// The difference of the two (`data_range_`).
    #[must_use]
    pub fn data_range(&self) -> &[f64] {
        &self.data_range
    }

    /// What each column is multiplied by (`scale_`).
    #[must_use]
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    /// What is added to each column thereafter (`min_`).
    #[must_use]
    pub fn min(&self) -> &[f64] {
        &self.min
    }

    /// The rows seen, those with missing values too (`n_samples_seen_`).
    #[must_use]
    pub fn n_samples_seen(&self) -> u64 {
        self.n_samples_seen
    }
}

impl FittedMinMaxScaler {
    fn invert(&self, features: &inverse::Features) -> Result<Vec<ArrayRef>> {
        features
            .take(0, self.input.len())?
            .iter()
            .zip(self.scale.iter().zip(&self.min))
            .map(|(values, (scale, min))| {
                let restored = values.iter().map(|value| (value - min) / scale);
                Ok(Arc::new(restored.collect::<Float64Array>()) as ArrayRef)
            })
            .collect()
    }
}

impl Transform for FittedMinMaxScaler {
    fn attributes(&self) -> Attributes {
        vec![
            ("min_", self.min().into()),
            ("scale_", self.scale().into()),
            ("data_min_", self.data_min().into()),
            ("data_max_", self.data_max().into()),
            ("data_range_", self.data_range().into()),
            ("n_samples_seen_", self.n_samples_seen.into()),
        ]
    }

    fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        inverse::columns(self, table, |features| self.invert(features))
    }
}

impl Lower for FittedMinMaxScaler {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        columns
            .into_iter()
            .enumerate()
            .map(|(position, column)| {
                let (Some(scale), Some(min)) = (self.scale.get(position), self.min.get(position)) else {
                    return Err(Error::corrupt(
                        "compile plan",
                        "MinMaxScaler",
                        "it has fewer numbers than columns",
                    ));
                };
                let mut steps = vec![
                    Kernel::RefuseInfinite { site: builder.site("MinMaxScaler", &column) },
                    Kernel::Multiply(*scale),
                    Kernel::Add(*min),
                ];
                if self.parameters.clip {
                    let (low, high) = self.parameters.feature_range;
                    steps.push(Kernel::Clip { low, high });
                }
                builder.number(column, steps)
            })
            .collect()
    }
}
