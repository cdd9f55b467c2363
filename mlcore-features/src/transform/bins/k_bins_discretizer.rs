use std::borrow::Cow;
use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlcore::schema::{DType, Schema};
use mlcore::stats::{QuantileMethod, linspace};
use mlcore::{Error, Result, interrupt};
use serde::{Deserialize, Serialize};

use super::k_means;
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::encoder::{Encoding, REFUSED, Table, Writes};
use crate::program::kernel::Kernel;
use crate::transform::input::FitColumn;
use crate::transform::parts::{self, Merge as _, Parts, Ranges, Refusal, Seen, SeenColumn, extremes};
use crate::transform::python::python_str;
use crate::transform::{
    Attribute, Attributes, Fit, Parameter, Training, Transform, input, inverse, subsample,
};

/// How a [`KBinsDiscretizer`] writes the bin of a value.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encode {
    /// One feature per bin: 1 for the value's bin, 0 for the others.
    #[default]
    OnehotDense,
    /// The number of the bin, from 0.
    Ordinal,
}

/// How a [`KBinsDiscretizer`] chooses the edges of its bins.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BinStrategy {
    /// Bins of equal width.
    Uniform,
    /// Bins of equally many values.
    #[default]
    Quantile,
    /// Bins of the values nearest to one centre of a one-dimensional k-means.
    Kmeans,
}

/// Cuts the range of each column into bins.
///
/// Takes finite numbers: missing values are refused, impute them first. A constant column has one bin. Values outside
/// the training range fall into the outer bins. The result is dense.
///
/// Source: scikit-learn, `KBinsDiscretizer`, with its defaults but for the sparse encoding; quantiles are numpy's.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Float64Array, RecordBatch};
/// use mlcore_features::transform::{BinStrategy, Fit, KBinsDiscretizer};
///
/// let ages = Arc::new(Float64Array::from(vec![0.0, 30.0, 40.0, 90.0]));
/// let table = RecordBatch::try_from_iter([("age", ages as _)]).unwrap();
/// let fitted = KBinsDiscretizer::default().n_bins(3).strategy(BinStrategy::Uniform).fit(&table)?;
/// assert_eq!(fitted.bin_edges()[0], [0.0, 30.0, 60.0, 90.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KBinsDiscretizer {
    n_bins: Bins,
    encode: Encode,
    strategy: BinStrategy,
    quantile_method: QuantileMethod,
    subsample: Option<usize>,
    random_state: Option<u32>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
enum Bins {
    Each(usize),
    PerColumn(Vec<usize>),
}

impl TryFrom<Parameter> for Bins {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        let count = |value: &Parameter| value.as_count().and_then(|count| usize::try_from(count).ok());
        let bins = match &value {
            Parameter::Value(_) => count(&value).map(Self::Each),
            Parameter::List(columns) => columns.iter().map(count).collect::<Option<_>>().map(Self::PerColumn),
        };
        bins.ok_or_else(|| value.is_not("a number of bins, or one for each column,"))
    }
}

impl From<Bins> for Parameter {
    fn from(bins: Bins) -> Self {
        match bins {
            Bins::Each(bins) => bins.into(),
            Bins::PerColumn(bins) => bins.into(),
        }
    }
}

impl Default for KBinsDiscretizer {
    fn default() -> Self {
        Self {
            n_bins: Bins::Each(5),
            encode: Encode::OnehotDense,
            strategy: BinStrategy::Quantile,
            quantile_method: QuantileMethod::AveragedInvertedCdf,
            // scikit-learn's bound on what sorting may cost.
            subsample: Some(200_000),
            random_state: None,
        }
    }
}

impl KBinsDiscretizer {
    /// The number of bins of every column, at least 2. Default 5.
    #[must_use]
    pub fn n_bins(mut self, n_bins: usize) -> Self {
        self.n_bins = Bins::Each(n_bins);
        self
    }

    /// The number of bins of each column, at least 2 each.
    #[must_use]
    pub fn n_bins_per_column(mut self, n_bins: impl IntoIterator<Item = usize>) -> Self {
        self.n_bins = Bins::PerColumn(n_bins.into_iter().collect());
        self
    }

    /// How to write the bin. Default: one feature per bin.
    #[must_use]
    pub fn encode(mut self, encode: Encode) -> Self {
        self.encode = encode;
        self
    }

    /// How to choose the edges. Default: by quantiles.
    #[must_use]
    pub fn strategy(mut self, strategy: BinStrategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Which definition of a quantile to use. Default: the averaged inverse of the distribution function.
    #[must_use]
    pub fn quantile_method(mut self, quantile_method: QuantileMethod) -> Self {
        self.quantile_method = quantile_method;
        self
    }

    /// From how many rows, drawn with replacement, the edges are computed where there are more; `None` for all. Default
    /// 200 000.
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

    fn bins_of(&self, columns: usize) -> Result<Vec<usize>> {
        let bins = match &self.n_bins {
            Bins::Each(bins) => vec![*bins; columns],
            Bins::PerColumn(bins) if bins.len() == columns => bins.clone(),
            Bins::PerColumn(bins) => {
                let problem = format!("there are {} numbers for {columns} columns", bins.len());
                return Err(Error::invalid_input(OPERATION, "n_bins", problem));
            }
        };
        match bins.iter().find(|bins| !(2..=MOST_BINS).contains(*bins)) {
            Some(bins) => {
                let problem = format!("at least 2 bins are needed and {MOST_BINS} at most taken, got {bins}");
                Err(Error::invalid_input(OPERATION, "n_bins", problem))
            }
            None => Ok(bins),
        }
    }

    /// The rows that the edges follow from, where it is not all of them.
    fn drawn(&self, rows: usize) -> Result<Option<Vec<usize>>> {
        match self.subsample {
            Some(0) => Err(Error::invalid_input(OPERATION, "subsample", "at least one row is needed")),
            Some(most) if rows > most => {
                subsample::draw_rows(self.random_state.unwrap_or(0), rows, most).map(Some)
            }
            Some(_) | None => Ok(None),
        }
    }

    /// The edges of the bins of one column, whose values lie between these ends.
    fn edges(
        &self,
        column: SeenColumn<'_>,
        (least, greatest): (f64, f64),
        values: &[f64],
        bins: usize,
    ) -> Result<Vec<f64>> {
        if least == greatest {
            return Ok(vec![f64::NEG_INFINITY, f64::INFINITY]);
        }
        let uniform = linspace(least, greatest, bins + 1);
        let mut edges = match self.strategy {
            BinStrategy::Uniform => uniform,
            BinStrategy::Quantile => {
                let levels: Vec<f64> =
                    linspace(0.0, 100.0, bins + 1).into_iter().map(|percent| percent / 100.0).collect();
                self.quantile_method.of(values.to_vec(), &levels)
            }
            BinStrategy::Kmeans => {
                if values.len() < bins {
                    let problem =
                        format!("k-means of {bins} bins needs as many values, got {}", values.len());
                    return Err(column.error(OPERATION, problem));
                }
                let start = uniform.windows(2).map(|pair| (pair[1] + pair[0]) * 0.5).collect();
                let mut centres = k_means::centres(values, start);
                centres.sort_by(f64::total_cmp);
                let between = centres.windows(2).map(|pair| (pair[1] + pair[0]) * 0.5);
                std::iter::once(least).chain(between).chain(std::iter::once(greatest)).collect()
            }
        };
        interrupt::check(OPERATION)?;
        if edges.iter().any(|edge| !edge.is_finite()) {
            return Err(column
                .error(OPERATION, "its values are too far apart: the differences overflow")
                .remedy("scale the column first"));
        }
        if self.strategy != BinStrategy::Uniform {
            // Bins no wider than this hold the same value twice: scikit-learn's bound.
            let mut before = f64::NEG_INFINITY;
            edges.retain(|edge| edge - std::mem::replace(&mut before, *edge) > 1e-8);
        }
        Ok(edges)
    }
}

const OPERATION: &str = "fit KBinsDiscretizer";

/// So that a number from outside cannot ask for all memory; more bins than this tell nothing.
const MOST_BINS: usize = 1 << 20;

impl Fit for KBinsDiscretizer {
    type Fitted = FittedKBinsDiscretizer;

    fn learn(&self, training: &Training<'_>) -> Result<FittedKBinsDiscretizer> {
        if self.strategy == BinStrategy::Uniform {
            return parts::whole(self, training);
        }
        let columns = input::columns(training, OPERATION)?;
        let drawn = self.drawn(training.table().num_rows())?;
        let mut bin_edges = Vec::with_capacity(columns.len());
        for (column, bins) in columns.iter().zip(self.bins_of(columns.len())?) {
            let values = of_rows(column.finite_numbers()?, drawn.as_deref());
            bin_edges.push(self.edges(SeenColumn(&column.field), extremes(&values), &values, bins)?);
        }
        Ok(FittedKBinsDiscretizer { parameters: self.clone(), input: input::schema(&columns)?, bin_edges })
    }
}

impl Parts for KBinsDiscretizer {
    type Part = Ranges;

    fn refusal(&self) -> Option<Refusal> {
        let (problem, remedy) = match (self.strategy, self.subsample) {
            (BinStrategy::Uniform, None) => return None,
            (BinStrategy::Uniform, Some(_)) => {
                ("the rows that subsample draws are some of all rows at once", "set subsample to None")
            }
            (BinStrategy::Quantile | BinStrategy::Kmeans, _) => (
                "quantiles and k-means need all values of a column at once",
                "use the strategy uniform with subsample=None, or fit it on a table, which may be a sample of the rows",
            ),
        };
        Some(Refusal { problem, remedy })
    }

    fn part(&self, training: &Training<'_>) -> Result<Ranges> {
        let columns = input::columns(training, OPERATION)?;
        let drawn = self.drawn(training.table().num_rows())?;
        self.bins_of(columns.len())?;
        let range = |column: &FitColumn| Ok(extremes(&of_rows(column.finite_numbers()?, drawn.as_deref())));
        Ranges::of(&columns, range)
    }

    fn merge(&self, left: Ranges, right: Ranges) -> Result<Ranges> {
        Ok(left.merge(right))
    }

    fn finish(&self, part: Ranges, seen: &Seen) -> Result<FittedKBinsDiscretizer> {
        let bins = self.bins_of(seen.schema.len())?;
        let columns = seen.columns().zip(part.iter()).zip(bins);
        let edges = columns.map(|((column, ends), bins)| self.edges(column, ends, &[], bins));
        let bin_edges = edges.collect::<Result<_>>()?;
        Ok(FittedKBinsDiscretizer { parameters: self.clone(), input: seen.schema()?, bin_edges })
    }

    fn holds(&self, part: &Ranges, columns: usize) -> bool {
        part.holds(columns)
    }
}

/// The values of these rows.
fn of_rows<'a>(values: Cow<'a, [f64]>, rows: Option<&[usize]>) -> Cow<'a, [f64]> {
    match rows {
        None => values,
        Some(rows) => Cow::Owned(rows.iter().filter_map(|row| values.get(*row).copied()).collect()),
    }
}

/// A [`KBinsDiscretizer`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedKBinsDiscretizer {
    parameters: KBinsDiscretizer,
    input: Schema,
    #[serde(with = "mlcore::exact")]
    bin_edges: Vec<Vec<f64>>,
}

impl FittedKBinsDiscretizer {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &KBinsDiscretizer {
        &self.parameters
    }

    /// The edges of each column's bins (`bin_edges_`), the outer ones included.
    #[must_use]
    pub fn bin_edges(&self) -> &[Vec<f64>] {
        &self.bin_edges
    }

    /// The number of bins of each column (`n_bins_`): fewer than asked for where edges coincide.
    pub fn n_bins(&self) -> impl ExactSizeIterator<Item = usize> {
        self.bin_edges.iter().map(|edges| edges.len().saturating_sub(1))
    }
}

impl FittedKBinsDiscretizer {
    fn invert(&self, features: &inverse::Features) -> Result<Vec<ArrayRef>> {
        let mut first = 0;
        let mut columns = Vec::with_capacity(self.bin_edges.len());
        for (edges, field) in self.bin_edges.iter().zip(self.input.fields()) {
            let bins = edges.len().saturating_sub(1).max(1);
            let onehot = self.parameters.encode == Encode::OnehotDense;
            let width = if onehot { bins } else { 1 };
            let own = features.take(first, width)?;
            first += width;
            let centre = |row: usize| {
                let value = |column: usize| own.get(column).and_then(|values| values.get(row)).copied();
                let bin = if onehot {
                    (0..width)
                        .find(|column| value(*column).is_some_and(|value| value != 0.0))
                        .map(|bin| bin as f64)
                } else {
                    value(0)
                };
                let edge = |offset: usize| {
                    bin.and_then(|bin| edges.get((bin as usize).saturating_add(offset))).copied()
                };
                match (bin, edge(0), edge(1)) {
                    (Some(bin), Some(low), Some(high)) if bin >= 0.0 => Ok((high + low) * 0.5),
                    _ => Err(Error::invalid_input(
                        inverse::OPERATION,
                        field.name(),
                        format!("row {row} holds no bin"),
                    )),
                }
            };
            let restored: Vec<f64> = (0..features.rows()).map(centre).collect::<Result<_>>()?;
            columns.push(Arc::new(Float64Array::from(restored)) as ArrayRef);
        }
        Ok(columns)
    }
}

impl Transform for FittedKBinsDiscretizer {
    fn attributes(&self) -> Attributes {
        let edges = self.bin_edges.iter().map(|edges| edges.as_slice().into()).collect();
        let counts = self.n_bins().map(|bins| bins as u64).collect();
        vec![("bin_edges_", Attribute::Objects(edges)), ("n_bins_", Attribute::Counts(counts))]
    }

    fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        inverse::columns(self, table, |features| self.invert(features))
    }
}

impl Lower for FittedKBinsDiscretizer {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let mut outputs = Vec::new();
        for (position, column) in columns.into_iter().enumerate() {
            let edges = self.bin_edges.get(position).map_or(&[][..], Vec::as_slice);
            let inner = match edges {
                [] => {
                    return Err(Error::corrupt("compile plan", "KBinsDiscretizer", "a column has no edges"));
                }
                // Edges that all coincide leave one, and one bin for everything.
                [_] => &[],
                [_, inner @ .., _] => inner,
            };
            let site = builder.site("KBinsDiscretizer", &column);
            let binned =
                builder.number(column, [Kernel::RefuseNonFinite { site }, Kernel::Bin(inner.into())])?;
            if self.parameters.encode == Encode::Ordinal {
                outputs.push(binned);
                continue;
            }
            let width = inner.len() + 1;
            let encoding = Encoding {
                table: Table::Index,
                missing: REFUSED,
                unknown: REFUSED,
                writes: Writes::OneHot { width },
            };
            // scikit-learn names the bins as floats: the categories of its inner encoder.
            let names = (0..width)
                .map(|bin| format!("{}_{}", binned.name, python_str(&(bin as f64).into(), DType::Float64)))
                .collect();
            outputs.extend(builder.encode(&binned, site, encoding, [], names)?);
        }
        Ok(outputs)
    }
}
