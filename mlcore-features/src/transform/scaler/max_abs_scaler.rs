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

/// Divides each column by its greatest absolute value, so that the training data fills [-1, 1] and zeros stay zeros.
///
/// Missing values are ignored while fitting and stay missing (NaN). A column whose greatest absolute value is below ten
/// times the machine's precision is left as it is. Infinities are refused. Source: scikit-learn, `MaxAbsScaler`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, Float64Array, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, MaxAbsScaler};
///
/// let changes = Arc::new(Float64Array::from(vec![-4.0, 0.0, 1.0]));
/// let table = RecordBatch::try_from_iter([("change", changes as _)]).unwrap();
/// let (fitted, scaled) = MaxAbsScaler::default().fit_transform(&table)?;
/// assert_eq!(fitted.max_abs(), [4.0]);
/// assert_eq!(scaled.column(0).as_primitive::<Float64Type>().values(), &[-1.0, 0.0, 0.25]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaxAbsScaler {
    clip: bool,
}

impl MaxAbsScaler {
    /// Sets whether values that leave [-1, 1] are cut. Default `false`.
    #[must_use]
    pub fn clip(mut self, clip: bool) -> Self {
        self.clip = clip;
        self
    }
}

impl Fit for MaxAbsScaler {
    type Fitted = FittedMaxAbsScaler;

    fn learn(&self, training: &Training<'_>) -> Result<FittedMaxAbsScaler> {
        parts::whole(self, training)
    }
}

impl Parts for MaxAbsScaler {
    type Part = Ranges;

    fn part(&self, training: &Training<'_>) -> Result<Ranges> {
        let columns = input::columns(training, "fit MaxAbsScaler")?;
        Ranges::of(&columns, |column| Ok(extremes(&column.numbers()?)))
    }

    fn merge(&self, left: Ranges, right: Ranges) -> Result<Ranges> {
        Ok(left.merge(right))
    }

    fn finish(&self, part: Ranges, seen: &Seen) -> Result<FittedMaxAbsScaler> {
        let max_abs: Vec<f64> =
            part.iter().map(|(least, greatest)| least.abs().max(greatest.abs())).collect();
        // scikit-learn's bound for a divisor that is none.
        let divisor = |max_abs: &f64| if *max_abs < 10.0 * f64::EPSILON { 1.0 } else { *max_abs };
        Ok(FittedMaxAbsScaler {
            parameters: *self,
            input: seen.schema()?,
            scale: max_abs.iter().map(divisor).collect(),
            max_abs,
            n_samples_seen: seen.rows,
        })
    }

    fn holds(&self, part: &Ranges, columns: usize) -> bool {
        part.holds(columns)
    }
}

/// A [`MaxAbsScaler`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedMaxAbsScaler {
    parameters: MaxAbsScaler,
    input: Schema,
    #[serde(with = "mlcore::exact")]
    scale: Vec<f64>,
    #[serde(with = "mlcore::exact")]
    max_abs: Vec<f64>,
    n_samples_seen: u64,
}

impl FittedMaxAbsScaler {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &MaxAbsScaler {
        &self.parameters
    }

    /// What each column is divided by (`scale_`).
    #[must_use]
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    /// The greatest absolute value of each column (`max_abs_`).
    #[must_use]
    pub fn max_abs(&self) -> &[f64] {
        &self.max_abs
    }

    /// The rows seen, those with missing values too (`n_samples_seen_`).
    #[must_use]
    pub fn n_samples_seen(&self) -> u64 {
        self.n_samples_seen
    }
}

impl Transform for FittedMaxAbsScaler {
    fn attributes(&self) -> Attributes {
        vec![
            ("scale_", self.scale().into()),
            ("max_abs_", self.max_abs().into()),
            ("n_samples_seen_", self.n_samples_seen.into()),
        ]
    }

    fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        inverse::columns(self, table, |features| {
            let columns = features.take(0, self.input.len())?.iter().zip(&self.scale);
            let restored = |(values, scale): (&Vec<f64>, &f64)| {
                Arc::new(values.iter().map(|value| value * scale).collect::<Float64Array>()) as ArrayRef
            };
            Ok(columns.map(restored).collect())
        })
    }
}

impl Lower for FittedMaxAbsScaler {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let lowered = |(position, column): (usize, Column)| {
            let scale = self.scale.get(position).ok_or_else(|| {
                Error::corrupt("compile plan", "MaxAbsScaler", "it has fewer numbers than columns")
            })?;
            let site = builder.site("MaxAbsScaler", &column);
            let mut steps = vec![Kernel::RefuseInfinite { site }, Kernel::Divide(*scale)];
            if self.parameters.clip {
                steps.push(Kernel::Clip { low: -1.0, high: 1.0 });
            }
            builder.number(column, steps)
        };
        columns.into_iter().enumerate().map(lowered).collect()
    }
}
