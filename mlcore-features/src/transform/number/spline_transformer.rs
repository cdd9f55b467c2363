use std::borrow::Cow;

use mlcore::arrow::array::RecordBatch;
use mlcore::schema::Schema;
use mlcore::stats::{QuantileMethod, linspace};
use mlcore::{Error, Result, interrupt};
use serde::{Deserialize, Serialize};

use super::spline::{MOST_DEGREE, Splines, linspaces};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::kernel::Kernel;
use crate::transform::input::{self, FitColumn};
use crate::transform::parts::{self, Merge as _, Parts, Ranges, Refusal, Seen, extremes};
use crate::transform::{Attribute, Attributes, Fit, Order, Parameter, Training, Transform, inverse};

/// Where the knots of a [`SplineTransformer`] lie.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
pub enum Knots {
    /// At equal distances from the least to the greatest value.
    #[default]
    Uniform,
    /// At quantiles of the values.
    Quantile,
    /// Here: each row holds one knot of every column, as in scikit-learn. They ascend.
    Listed(Vec<Vec<f64>>),
}

impl TryFrom<Parameter> for Knots {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        let row = |row: &Parameter| match row {
            Parameter::Value(_) => None,
            Parameter::List(row) => row.iter().map(number).collect::<Option<Vec<f64>>>(),
        };
        let knots = match (&value, value.as_text()) {
            (_, Some("uniform")) => Some(Self::Uniform),
            (_, Some("quantile")) => Some(Self::Quantile),
            (Parameter::List(rows), _) => rows.iter().map(row).collect::<Option<_>>().map(Self::Listed),
            _ => None,
        };
        knots.ok_or_else(|| {
            value.is_not("\"uniform\", \"quantile\" or a list with a knot of each column in a row")
        })
    }
}

fn number(value: &Parameter) -> Option<f64> {
    match value {
        Parameter::Value(value) => value.as_value().as_f64(),
        Parameter::List(_) => None,
    }
}

impl From<Knots> for Parameter {
    fn from(knots: Knots) -> Self {
        match knots {
            Knots::Uniform => "uniform".into(),
            Knots::Quantile => "quantile".into(),
            Knots::Listed(rows) => rows.into(),
        }
    }
}

/// What a [`SplineTransformer`] makes of numbers outside of the training range.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extrapolation {
    /// Refuses them.
    Error,
    /// The splines stay as they are at the end of the range.
    #[default]
    Constant,
    /// The splines go on as straight lines.
    Linear,
    /// The polynomials at the end of the range go on.
    Continue,
    /// The splines repeat, with the training range as the period.
    Periodic,
}

/// What a [`SplineTransformer`] makes of missing values.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandleMissing {
    /// Refuses them.
    #[default]
    Error,
    /// All splines are 0.
    Zeros,
}

/// Writes each number as the values of B-splines, so that a linear model of them is a smooth curve of the number.
///
/// A column becomes `n_knots + degree - 1` columns, or `n_knots - 1` where splines are periodic, and one fewer without
/// `include_bias`. Weights of rows move the knots at quantiles; for knots at equal distances a row counts where its weight is
/// not 0. Infinities are refused, and so are missing values unless `handle_missing` says otherwise. The result is dense.
///
/// Source: scikit-learn, `SplineTransformer`; the splines are scipy's `BSpline`. Two of its answers are not followed. Where
/// splines of degree 0 and 1 go on as straight lines, it looks for the ends of the range among other knots in every column
/// but the first. Splines of degree 0 are 0 for it below the range and an error above; here they stay as they are.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, Float64Array, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, SplineTransformer};
///
/// let hours = Arc::new(Float64Array::from(vec![0.0, 1.0, 2.0]));
/// let table = RecordBatch::try_from_iter([("hour", hours as _)]).unwrap();
/// let (_, splines) = SplineTransformer::default().n_knots(2).degree(1).fit_transform(&table)?;
/// assert_eq!(splines.schema().field(1).name(), "hour_sp_1");
/// assert_eq!(splines.column(1).as_primitive::<Float64Type>().values(), &[0.0, 0.5, 1.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplineTransformer {
    n_knots: usize,
    degree: usize,
    knots: Knots,
    extrapolation: Extrapolation,
    include_bias: bool,
    order: Order,
    handle_missing: HandleMissing,
}

impl Default for SplineTransformer {
    fn default() -> Self {
        Self {
            n_knots: 5,
            degree: 3,
            knots: Knots::Uniform,
            extrapolation: Extrapolation::Constant,
            include_bias: true,
            order: Order::C,
            handle_missing: HandleMissing::Error,
        }
    }
}

impl SplineTransformer {
    /// How many knots there are, at least 2, where they are not listed. Default 5.
    #[must_use]
    pub fn n_knots(mut self, n_knots: usize) -> Self {
        self.n_knots = n_knots;
        self
    }

    /// The degree of the polynomials between two knots. Default 3.
    #[must_use]
    pub fn degree(mut self, degree: usize) -> Self {
        self.degree = degree;
        self
    }

    /// Where the knots lie. Default: at equal distances.
    #[must_use]
    pub fn knots(mut self, knots: Knots) -> Self {
        self.knots = knots;
        self
    }

    /// What becomes of numbers outside of the training range. Default: the splines stay as they are at its end.
    #[must_use]
    pub fn extrapolation(mut self, extrapolation: Extrapolation) -> Self {
        self.extrapolation = extrapolation;
        self
    }

    /// Sets whether the last spline of each column is kept, without which they do not add up to 1. Default `true`.
    #[must_use]
    pub fn include_bias(mut self, include_bias: bool) -> Self {
        self.include_bias = include_bias;
        self
    }

    /// Has no effect. Default: row after row.
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// What becomes of missing values. Default: they are refused.
    #[must_use]
    pub fn handle_missing(mut self, handle_missing: HandleMissing) -> Self {
        self.handle_missing = handle_missing;
        self
    }

    /// The numbers of a column, NaN for missing ones where those are taken.
    fn values<'a>(&self, column: &'a FitColumn) -> Result<Cow<'a, [f64]>> {
        match self.handle_missing {
            HandleMissing::Error => column.finite_numbers(),
            HandleMissing::Zeros => column.numbers(),
        }
    }

    /// The knots of the range, column by column, where they follow from its ends or from nothing.
    fn base(&self, part: &Ranges) -> Vec<Vec<f64>> {
        match &self.knots {
            Knots::Listed(rows) => {
                let column =
                    |position: usize| rows.iter().filter_map(|row| row.get(position).copied()).collect();
                (0..part.least.len()).map(column).collect()
            }
            Knots::Uniform | Knots::Quantile => {
                // Of no number at all, scikit-learn makes the range from 0 to 0.
                let ends = part.iter().map(|(low, high)| if low.is_nan() { (0.0, 0.0) } else { (low, high) });
                linspaces(&ends.collect::<Vec<_>>(), self.n_knots)
            }
        }
    }

    fn quantile_knots(&self, columns: &[FitColumn], weights: Option<&[f64]>) -> Result<Vec<Vec<f64>>> {
        let percents: Vec<f64> = linspace(0.0, 1.0, self.n_knots).iter().map(|share| 100.0 * share).collect();
        let knots = |column: &FitColumn| Ok(quantiles(self.values(column)?.into_owned(), weights, &percents));
        columns.iter().map(knots).collect()
    }

    fn check(&self, rows: usize, columns: usize) -> Result<()> {
        let refused = |parameter: &str, problem: String| {
            Err(Error::invalid_input(OPERATION, parameter.to_owned(), problem))
        };
        if self.degree > MOST_DEGREE {
            return refused("degree", format!("{MOST_DEGREE} is the highest, got {}", self.degree));
        }
        let count = match &self.knots {
            Knots::Listed(knots) => {
                let is_ascending =
                    |pair: &[Vec<f64>]| pair[0].iter().zip(&pair[1]).all(|(low, high)| low < high);
                if let Some(row) = knots.iter().position(|row| row.len() != columns) {
                    let problem = format!("row {row} holds {} knots for {columns} columns", knots[row].len());
                    return refused("knots", problem);
                }
                if knots.iter().flatten().any(|knot| !knot.is_finite()) || !knots.windows(2).all(is_ascending)
                {
                    return refused("knots", "finite numbers that ascend are needed".to_owned());
                }
                knots.len()
            }
            Knots::Uniform | Knots::Quantile => self.n_knots,
        };
        if !(2..=MOST_KNOTS).contains(&count) {
            let problem = format!("at least 2 are needed and {MOST_KNOTS} at most taken, got {count}");
            return refused("n_knots", problem);
        }
        if self.extrapolation == Extrapolation::Periodic && count <= self.degree {
            let problem = format!("{count} knots are too few for periodic splines of degree {}", self.degree);
            return refused("n_knots", problem);
        }
        if rows < 2 {
            return refused("table", "it has 1 row (n_samples=1), and at least 2 are needed".to_owned());
        }
        Ok(())
    }

    /// The knots of the range, and as many as the degree before and behind it.
    fn extended(&self, base: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
        let degree = self.degree;
        if self.extrapolation == Extrapolation::Periodic {
            let periodic = |base: &Vec<f64>| {
                let period = base[base.len() - 1] - base[0];
                let before = base[base.len() - 1 - degree..base.len() - 1].iter().map(|knot| knot - period);
                let behind = base[1..=degree].iter().map(|knot| knot + period);
                before.chain(base.iter().copied()).chain(behind).collect()
            };
            return base.iter().map(periodic).collect();
        }
        let steps = degree as f64;
        let before = |base: &Vec<f64>| {
            let step = base[1] - base[0];
            (base[0] - steps * step, base[0] - step)
        };
        let behind = |base: &Vec<f64>| {
            let last = base.len() - 1;
            let step = base[last] - base[last - 1];
            (base[last] + step, base[last] + steps * step)
        };
        let before = linspaces(&base.iter().map(before).collect::<Vec<_>>(), degree);
        let behind = linspaces(&base.iter().map(behind).collect::<Vec<_>>(), degree);
        before
            .into_iter()
            .zip(base)
            .zip(behind)
            .map(|((before, base), behind)| [before, base, behind].concat())
            .collect()
    }
}

/// The least and the greatest of the numbers that weigh something, NaN where there is none.
fn ends(values: &[f64], weights: Option<&[f64]>) -> (f64, f64) {
    let Some(weights) = weights else { return extremes(values) };
    let weighs = |row: usize| weights.get(row).is_some_and(|weight| *weight > 0.0);
    let counted = values.iter().enumerate().filter(|(row, _)| weighs(*row));
    counted.fold((f64::NAN, f64::NAN), |(low, high), (_, value)| (low.min(*value), high.max(*value)))
}

/// The percentiles of the numbers that are there: numpy's without weights, with them the least number that as much weight is
/// not above.
fn quantiles(values: Vec<f64>, weights: Option<&[f64]>, percents: &[f64]) -> Vec<f64> {
    let Some(weights) = weights else {
        let levels: Vec<f64> = percents.iter().map(|percent| percent / 100.0).collect();
        return QuantileMethod::Linear
            .of(values.into_iter().filter(|value| !value.is_nan()).collect(), &levels);
    };
    let mut weighed: Vec<(f64, f64)> =
        values.into_iter().zip(weights.iter().copied()).filter(|(value, _)| !value.is_nan()).collect();
    mlcore::interrupt::sort_unstable_by(&mut weighed, |(left, _), (right, _)| left.total_cmp(right));
    let mut total = 0.0;
    for (_, weight) in &mut weighed {
        total += *weight;
        *weight = total;
    }
    let quantile = |percent: &f64| {
        // Rows that weigh nothing do not come before the first.
        let wanted = (percent / 100.0 * total).max(f64::from_bits(1));
        let place = weighed.partition_point(|(_, up_to)| *up_to < wanted);
        weighed.get(place.min(weighed.len().saturating_sub(1))).map_or(f64::NAN, |(value, _)| *value)
    };
    percents.iter().map(quantile).collect()
}

const OPERATION: &str = "fit SplineTransformer";

/// So that a number from outside cannot ask for all memory.
const MOST_KNOTS: usize = 1 << 16;

impl Fit for SplineTransformer {
    type Fitted = FittedSplineTransformer;

    fn learn(&self, training: &Training<'_>) -> Result<FittedSplineTransformer> {
        if self.knots != Knots::Quantile {
            return parts::whole(self, training);
        }
        let columns = input::weighted_columns(training, OPERATION)?;
        self.check(training.table().num_rows(), columns.len())?;
        let base = self.quantile_knots(&columns, training.weights())?;
        self.fitted(base, input::schema(&columns)?)
    }
}

impl SplineTransformer {
    fn fitted(&self, base: Vec<Vec<f64>>, input: Schema) -> Result<FittedSplineTransformer> {
        for (field, knots) in input.fields().iter().zip(&base) {
            interrupt::check(OPERATION)?;
            if knots.iter().any(|knot| knot.is_infinite()) {
                let problem = "its values are too far apart: the differences overflow";
                return Err(Error::invalid_input(OPERATION, field.name(), problem));
            }
        }
        Ok(FittedSplineTransformer { parameters: self.clone(), input, knots: self.extended(base) })
    }
}

impl Parts for SplineTransformer {
    type Part = Ranges;

    fn refusal(&self) -> Option<Refusal> {
        (self.knots == Knots::Quantile).then_some(Refusal {
            problem: "knots at quantiles need all values of a column at once",
            remedy: "use knots at equal distances, list them, or fit it on a table, which may be a sample of the rows",
        })
    }

    fn part(&self, training: &Training<'_>) -> Result<Ranges> {
        let columns = input::weighted_columns(training, OPERATION)?;
        if !training.is_part() {
            self.check(training.table().num_rows(), columns.len())?;
        }
        Ranges::of(&columns, |column| Ok(ends(&self.values(column)?, training.weights())))
    }

    fn merge(&self, left: Ranges, right: Ranges) -> Result<Ranges> {
        Ok(left.merge(right))
    }

    fn finish(&self, part: Ranges, seen: &Seen) -> Result<FittedSplineTransformer> {
        self.check(seen.rows(), seen.schema.len())?;
        self.fitted(self.base(&part), seen.schema()?)
    }

    fn holds(&self, part: &Ranges, columns: usize) -> bool {
        part.holds(columns)
    }
}

/// A [`SplineTransformer`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedSplineTransformer {
    parameters: SplineTransformer,
    input: Schema,
    #[serde(with = "mlcore::exact")]
    knots: Vec<Vec<f64>>,
}

impl FittedSplineTransformer {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &SplineTransformer {
        &self.parameters
    }

    /// The knots of each column, with those beyond the range (the `t` of scikit-learn's `bsplines_`).
    #[must_use]
    pub fn knots(&self) -> &[Vec<f64>] {
        &self.knots
    }

    fn splines(&self, position: usize) -> Result<(Splines, usize)> {
        let knots = self.knots.get(position).ok_or_else(|| {
            Error::corrupt("compile plan", "SplineTransformer", "it has fewer knots than columns")
        })?;
        let splines = Splines::new(knots, self.parameters.degree, self.parameters.extrapolation)?;
        let left_out = usize::from(!self.parameters.include_bias);
        let width = splines.count().saturating_sub(left_out);
        Ok((splines, width))
    }
}

impl Transform for FittedSplineTransformer {
    fn attributes(&self) -> Attributes {
        let knots = self.knots.iter().map(|knots| knots.as_slice().into()).collect();
        let widths = (0..self.knots.len()).filter_map(|position| self.splines(position).ok());
        let width: usize = widths.map(|(_, width)| width).sum();
        vec![("bsplines_", Attribute::List(knots)), ("n_features_out_", (width as u64).into())]
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(Error::unsupported(inverse::OPERATION, "SplineTransformer", "splines do not tell their number")
            .remedy("keep the columns beside their splines, with a ColumnTransformer"))
    }
}

impl Lower for FittedSplineTransformer {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let mut outputs = Vec::new();
        for (position, column) in columns.into_iter().enumerate() {
            let (splines, width) = self.splines(position)?;
            let names = (0..width).map(|spline| format!("{}_sp_{spline}", column.name)).collect();
            let site = builder.site("SplineTransformer", &column);
            let mut steps = vec![match self.parameters.handle_missing {
                HandleMissing::Error => Kernel::RefuseNonFinite { site },
                HandleMissing::Zeros => Kernel::RefuseInfinite { site },
            }];
            if self.parameters.extrapolation == Extrapolation::Error {
                steps.push(Kernel::function(site, splines.range()));
            }
            let checked = builder.number(column, steps)?;
            outputs.extend(builder.join(&[checked], splines, names)?);
        }
        Ok(outputs)
    }
}
