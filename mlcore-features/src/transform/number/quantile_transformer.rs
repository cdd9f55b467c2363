use std::borrow::Cow;
use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlcore::schema::Schema;
use mlcore::stats::{QuantileMethod, linspace, norm};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::interpolate::interpolate;
use crate::graph::{Graph, Inexpressible, Tensor};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::kernel::Kernel;
use crate::program::number::NumberKernel;
use crate::transform::{Attribute, Attributes, Fit, Training, Transform, input, inverse, subsample};

/// The distribution that a [`QuantileTransformer`] gives to a column.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputDistribution {
    /// Uniform from 0 to 1.
    #[default]
    Uniform,
    /// The standard normal one, cut at about 5.2 standard deviations.
    Normal,
}

/// Maps each column through its own distribution, so that the result is uniform or normal.
///
/// A number becomes the share of the training data below it, interpolated between quantiles, or the number of that share in
/// a normal distribution. Numbers outside the training range become its ends. Missing values are ignored while fitting and
/// stay missing (NaN). Infinities are refused. Source: scikit-learn, `QuantileTransformer`; quantiles and interpolation are
/// numpy's.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, Float64Array, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, QuantileTransformer};
///
/// let income = Arc::new(Float64Array::from(vec![10.0, 20.0, 30.0, 40.0, 9000.0]));
/// let table = RecordBatch::try_from_iter([("income", income as _)]).unwrap();
/// let (_, shares) = QuantileTransformer::default().n_quantiles(5).fit_transform(&table)?;
/// assert_eq!(shares.column(0).as_primitive::<Float64Type>().values(), &[0.0, 0.25, 0.5, 0.75, 1.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuantileTransformer {
    n_quantiles: usize,
    output_distribution: OutputDistribution,
    ignore_implicit_zeros: bool,
    subsample: Option<usize>,
    random_state: Option<u32>,
}

impl Default for QuantileTransformer {
    fn default() -> Self {
        Self {
            n_quantiles: 1000,
            output_distribution: OutputDistribution::Uniform,
            ignore_implicit_zeros: false,
            // scikit-learn's bound on what sorting may cost.
            subsample: Some(10_000),
            random_state: None,
        }
    }
}

impl QuantileTransformer {
    /// How many quantiles are learnt, at most as many as there are rows. Default 1000.
    #[must_use]
    pub fn n_quantiles(mut self, n_quantiles: usize) -> Self {
        self.n_quantiles = n_quantiles;
        self
    }

    /// The distribution of the result. Default: uniform.
    #[must_use]
    pub fn output_distribution(mut self, output_distribution: OutputDistribution) -> Self {
        self.output_distribution = output_distribution;
        self
    }

    /// Has no effect: in scikit-learn it is about sparse matrices only. Default `false`.
    #[must_use]
    pub fn ignore_implicit_zeros(mut self, ignore_implicit_zeros: bool) -> Self {
        self.ignore_implicit_zeros = ignore_implicit_zeros;
        self
    }

    /// From how many rows, drawn without replacement, the quantiles are computed where there are more; `None` for all.
    /// Default 10 000.
    #[must_use]
    pub fn subsample(mut self, subsample: Option<usize>) -> Self {
        self.subsample = subsample;
        self
    }

    /// The seed of that draw; equal seeds draw the rows that scikit-learn draws for this `random_state`. Without one the
    /// seed is 0, where scikit-learn draws anew each time.
    #[must_use]
    pub fn random_state(mut self, random_state: u32) -> Self {
        self.random_state = Some(random_state);
        self
    }

    fn check(self) -> Result<()> {
        let refused = |parameter: &str, problem: String| {
            Err(Error::invalid_input(OPERATION, parameter.to_owned(), problem))
        };
        match self.subsample {
            _ if self.n_quantiles == 0 => refused("n_quantiles", "at least one is needed".to_owned()),
            Some(0) => refused("subsample", "at least one row is needed".to_owned()),
            Some(rows) if self.n_quantiles > rows => {
                let problem =
                    format!("{} quantiles of a subsample of {rows} rows are too many", self.n_quantiles);
                refused("n_quantiles", problem)
            }
            _ => Ok(()),
        }
    }
}

const OPERATION: &str = "fit QuantileTransformer";

/// scikit-learn's distance to an end of the range within which a number is at the end, for a normal output.
const BOUNDS_THRESHOLD: f64 = 1e-7;

/// The share that a normal output is cut at, so that the inverse still finds the ends of the range.
const LEAST_SHARE: f64 = BOUNDS_THRESHOLD - f64::EPSILON;

impl Fit for QuantileTransformer {
    type Fitted = FittedQuantileTransformer;

    fn learn(&self, training: &Training<'_>) -> Result<FittedQuantileTransformer> {
        self.check()?;
        let columns = input::columns(training, OPERATION)?;
        let rows = training.table().num_rows();
        let references = linspace_from_0_to_1(self.n_quantiles.min(rows));
        let levels: Vec<f64> = references.iter().map(|share| share * 100.0 / 100.0).collect();
        let drawn = match self.subsample {
            Some(most) if rows > most => {
                Some(subsample::shuffled_rows(self.random_state.unwrap_or(0), rows, most)?)
            }
            _ => None,
        };
        let mut quantiles = Vec::with_capacity(columns.len());
        for column in &columns {
            let mut values = column.numbers()?;
            if let Some(rows) = &drawn {
                values = Cow::Owned(rows.iter().filter_map(|row| values.get(*row).copied()).collect());
            }
            let present = values.iter().copied().filter(|value| !value.is_nan()).collect();
            quantiles.push(QuantileMethod::Linear.of(present, &levels));
            column.check()?;
        }
        Ok(FittedQuantileTransformer { parameters: *self, input: input::schema(&columns)?, quantiles })
    }
}

/// The shares of so many quantiles. One alone is the least.
fn linspace_from_0_to_1(count: usize) -> Vec<f64> {
    if count == 1 { vec![0.0] } else { linspace(0.0, 1.0, count) }
}

/// A [`QuantileTransformer`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedQuantileTransformer {
    parameters: QuantileTransformer,
    input: Schema,
    #[serde(with = "mlcore::exact")]
    quantiles: Vec<Vec<f64>>,
}

impl FittedQuantileTransformer {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &QuantileTransformer {
        &self.parameters
    }

    /// The quantiles of each column (`quantiles_`, whose columns they are).
    #[must_use]
    pub fn quantiles(&self) -> &[Vec<f64>] {
        &self.quantiles
    }

    /// How many quantiles were learnt (`n_quantiles_`).
    #[must_use]
    pub fn n_quantiles(&self) -> usize {
        self.quantiles.first().map_or(0, Vec::len)
    }

    /// The shares that the quantiles stand for (`references_`).
    #[must_use]
    pub fn references(&self) -> Vec<f64> {
        linspace_from_0_to_1(self.n_quantiles())
    }

    fn distribution(&self, position: usize) -> Result<Distribution> {
        let corrupt = |problem: &str| Error::corrupt("compile plan", "QuantileTransformer", problem);
        let quantiles =
            self.quantiles.get(position).ok_or_else(|| corrupt("it has fewer quantiles than columns"))?;
        if quantiles.is_empty() || quantiles.len() != self.n_quantiles() {
            return Err(corrupt("columns have different numbers of quantiles, or none"));
        }
        Ok(Distribution {
            quantiles: quantiles.clone(),
            references: self.references(),
            output: self.parameters.output_distribution,
            least: norm::ppf(LEAST_SHARE),
            greatest: norm::ppf(1.0 - LEAST_SHARE),
        })
    }
}

impl Transform for FittedQuantileTransformer {
    fn attributes(&self) -> Attributes {
        let row = |row: usize| {
            let numbers =
                self.quantiles.iter().map(|quantiles| quantiles.get(row).copied().unwrap_or(f64::NAN));
            Attribute::Numbers(numbers.collect())
        };
        vec![
            ("n_quantiles_", (self.n_quantiles() as u64).into()),
            ("quantiles_", Attribute::List((0..self.n_quantiles()).map(row).collect())),
            ("references_", Attribute::Numbers(self.references())),
        ]
    }

    fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        inverse::columns(self, table, |features| {
            let restored = |(position, values): (usize, &Vec<f64>)| {
                let distribution = self.distribution(position)?;
                let numbers = values.iter().map(|value| distribution.invert(*value));
                Ok(Arc::new(numbers.collect::<Float64Array>()) as ArrayRef)
            };
            features.take(0, self.input.len())?.iter().enumerate().map(restored).collect()
        })
    }
}

impl Lower for FittedQuantileTransformer {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let lowered = |(position, column): (usize, Column)| {
            let site = builder.site("QuantileTransformer", &column);
            let steps =
                [Kernel::RefuseInfinite { site }, Kernel::function(site, self.distribution(position)?)];
            builder.number(column, steps)
        };
        columns.into_iter().enumerate().map(lowered).collect()
    }
}

/// The distribution of one column, by as many quantiles as there are references, and at least one.
#[derive(Debug)]
struct Distribution {
    quantiles: Vec<f64>,
    references: Vec<f64>,
    output: OutputDistribution,
    /// Where a normal output is cut.
    least: f64,
    greatest: f64,
}

impl Distribution {
    fn ends(&self) -> (f64, f64) {
        let end = |quantile: Option<&f64>| quantile.copied().unwrap_or(f64::NAN);
        (end(self.quantiles.first()), end(self.quantiles.last()))
    }

    /// Whether the number is at the low end and at the high end of the range.
    fn at_ends(&self, value: f64, low: f64, high: f64) -> (bool, bool) {
        match self.output {
            OutputDistribution::Uniform => (value == low, value == high),
            OutputDistribution::Normal => (value - BOUNDS_THRESHOLD < low, value + BOUNDS_THRESHOLD > high),
        }
    }

    /// The share of the training data below the number. Between equal quantiles it is the middle of their references.
    fn share(&self, value: f64) -> f64 {
        let (low, high) = self.ends();
        match self.at_ends(value, low, high) {
            (true, _) => return 0.0,
            (false, true) => return 1.0,
            (false, false) => {}
        }
        let last = self.quantiles.len().saturating_sub(1);
        let (x, y) = (|place: usize| self.quantiles[place], |place: usize| self.references[place]);
        let ascending = interpolate(value, last, x, y);
        let descending = interpolate(-value, last, |place| -x(last - place), |place| -y(last - place));
        0.5 * (ascending - descending)
    }

    fn invert(&self, value: f64) -> f64 {
        let share = match self.output {
            OutputDistribution::Uniform => value,
            OutputDistribution::Normal => norm::cdf(value),
        };
        let (low, high) = self.ends();
        match self.at_ends(share, 0.0, 1.0) {
            (true, _) => low,
            (false, true) => high,
            (false, false) => {
                let last = self.quantiles.len().saturating_sub(1);
                interpolate(share, last, |place| self.references[place], |place| self.quantiles[place])
            }
        }
    }
}

impl NumberKernel for Distribution {
    fn apply(&self, value: f64) -> f64 {
        if value.is_nan() {
            return value;
        }
        match self.output {
            OutputDistribution::Uniform => self.share(value),
            // A NaN stays NaN.
            OutputDistribution::Normal => norm::ppf(self.share(value)).clamp(self.least, self.greatest),
        }
    }

    fn onnx(&self, graph: &mut Graph, value: Tensor) -> Result<Tensor, Inexpressible> {
        let (low, high) = self.ends();
        let (low, high) = (graph.number(low), graph.number(high));
        let (is_low, is_high) = match self.output {
            OutputDistribution::Uniform => (graph.equal(value, low), graph.equal(value, high)),
            OutputDistribution::Normal => {
                let threshold = graph.number(BOUNDS_THRESHOLD);
                let (down, up) = (graph.subtract(value, threshold), graph.add(value, threshold));
                (graph.less(down, low), graph.greater(up, high))
            }
        };
        let negated = |numbers: &[f64]| numbers.iter().rev().map(|number| -number).collect::<Vec<f64>>();
        let ascending = graph.interpolated(value, &self.quantiles, &self.references);
        let opposite = graph.negated(value);
        let descending = graph.interpolated(opposite, &negated(&self.quantiles), &negated(&self.references));
        let difference = graph.subtract(ascending, descending);
        let share = graph.scaled(difference, 0.5);
        let (zero, one) = (graph.number(0.0), graph.number(1.0));
        let share = graph.choose(is_high, one, share);
        let share = graph.choose(is_low, zero, share);
        if self.output == OutputDistribution::Uniform {
            return Ok(share);
        }
        let quantile = graph.normal_quantile(share);
        let (least, greatest) = (graph.number(self.least), graph.number(self.greatest));
        Ok(graph.clip(quantile, least, greatest))
    }
}
