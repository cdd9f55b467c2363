use mlcore::arrow::array::{RecordBatch, new_null_array};
use mlcore::batch::OwnedValue;
use mlcore::schema::{DType, Schema};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;

use super::marked::Mark;

use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::encoder::exact_bits;
use crate::program::kernel::Kernel;
use crate::transform::encoder::categories::{coerce, count};
use crate::transform::input::FitColumn;
use crate::transform::parts::{self, Merge, Parts, Refusal, Seen, SeenColumn, Tally};
use crate::transform::python::without_nan;
use crate::transform::{Attribute, Attributes, Fit, Parameter, Training, Transform, input, inverse, numeric};

/// What a [`SimpleImputer`] puts in the place of a missing value.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The mean of the column. Numbers only.
    #[default]
    Mean,
    /// The median of the column. Numbers only.
    Median,
    /// The most frequent value, the smallest of several.
    MostFrequent,
    /// The [`fill_value`](SimpleImputer::fill_value).
    Constant,
}

/// Replaces missing values, null and NaN alike or those of one [`value`](SimpleImputer::missing_values), by one value per column.
///
/// The mean and the median make a `float64` column. The most frequent value and a constant keep the type of text, integer and
/// bool columns. Infinities are refused. A column without any value is left out, unless
/// [`keep_empty_features`](SimpleImputer::keep_empty_features) is set. Source: scikit-learn, `SimpleImputer`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, Float64Array, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, SimpleImputer, Strategy};
///
/// let ages = Arc::new(Float64Array::from(vec![Some(20.0), None, Some(30.0), Some(70.0), Some(f64::NAN)]));
/// let table = RecordBatch::try_from_iter([("age", ages as _)]).unwrap();
/// let (fitted, imputed) = SimpleImputer::default().strategy(Strategy::Median).fit_transform(&table)?;
/// assert_eq!(fitted.statistics()[0].as_f64(), Some(30.0));
/// assert_eq!(imputed.column(0).as_primitive::<Float64Type>().values(), &[20.0, 30.0, 30.0, 70.0, 30.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimpleImputer {
    missing_values: Mark,
    strategy: Strategy,
    fill_value: FillValue,
    add_indicator: bool,
    keep_empty_features: bool,
}

impl SimpleImputer {
    /// The value that stands for a missing one: a number for columns of numbers, a text for columns of text. NaN and null are
    /// refused then. Default, and NaN: they are the missing values.
    ///
    /// Columns of integers become `float64` with it.
    #[must_use]
    pub fn missing_values(mut self, missing_values: impl Into<OwnedValue>) -> Self {
        let value = without_nan(missing_values);
        self.missing_values = Mark((!value.is_missing()).then_some(value));
        self
    }

    /// What to put in the place of a missing value. Default: the mean.
    #[must_use]
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// The value of [`Strategy::Constant`]. Default: 0 for numbers, false for bools, `missing_value` for text.
    #[must_use]
    pub fn fill_value(mut self, fill_value: impl Into<OwnedValue>) -> Self {
        self.fill_value = FillValue(Some(without_nan(fill_value)));
        self
    }

    /// Sets whether each column that had missing values while fitting gets a feature more: 1 where the value is missing.
    /// Default `false`.
    #[must_use]
    pub fn add_indicator(mut self, add_indicator: bool) -> Self {
        self.add_indicator = add_indicator;
        self
    }

    /// Sets whether columns that had no value while fitting are kept, and filled with 0 or with the constant. Default
    /// `false`.
    #[must_use]
    pub fn keep_empty_features(mut self, keep_empty_features: bool) -> Self {
        self.keep_empty_features = keep_empty_features;
        self
    }
}

/// The constant; none for the default, which depends on the column's type.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
struct FillValue(Option<OwnedValue>);

impl TryFrom<Parameter> for FillValue {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        let problem = value.is_not("a number or text");
        let value = value.into_value().ok_or(problem)?;
        Ok(Self((!value.is_missing()).then_some(value)))
    }
}

impl From<FillValue> for Parameter {
    fn from(value: FillValue) -> Self {
        value.0.into()
    }
}

const OPERATION: &str = "fit SimpleImputer";

impl Fit for SimpleImputer {
    type Fitted = FittedSimpleImputer;

    fn learn(&self, training: &Training<'_>) -> Result<FittedSimpleImputer> {
        parts::whole(self, training)
    }
}

impl Parts for SimpleImputer {
    type Part = Vec<Known>;

    fn refusal(&self) -> Option<Refusal> {
        (self.strategy == Strategy::Median).then_some(Refusal {
            problem: "the median needs all values of a column at once",
            remedy: "use the mean, or fit it on a table, which may be a sample of the rows",
        })
    }

    fn part(&self, training: &Training<'_>) -> Result<Vec<Known>> {
        input::columns(training, OPERATION)?.iter().map(|column| self.known(column)).collect()
    }

    fn merge(&self, left: Vec<Known>, right: Vec<Known>) -> Result<Vec<Known>> {
        Ok(parts::merge_each(left, right))
    }

    fn finish(&self, part: Vec<Known>, seen: &Seen) -> Result<FittedSimpleImputer> {
        let mut statistics = Vec::with_capacity(part.len());
        let mut indicated = Vec::new();
        for (position, (known, column)) in part.into_iter().zip(seen.columns()).enumerate() {
            if self.add_indicator && known.missing {
                indicated.push(position);
            }
            statistics.push(self.statistic(column, known.values)?);
        }
        Ok(FittedSimpleImputer {
            parameters: self.clone(),
            input: seen.nullable_schema()?,
            statistics,
            indicated,
        })
    }

    fn holds(&self, part: &Vec<Known>, columns: usize) -> bool {
        let is_own = |known: &Known| match (&known.values, self.strategy) {
            (Values::Sum { .. }, Strategy::Mean)
            | (Values::Middle(_), Strategy::Median)
            | (Values::Counted(_), Strategy::MostFrequent)
            | (Values::Any(_), Strategy::Constant) => true,
            (Values::Sum { .. } | Values::Middle(_) | Values::Counted(_) | Values::Any(_), _) => false,
        };
        part.len() == columns && part.iter().all(is_own)
    }
}

/// What some rows tell of a column.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Whether a value is missing.
    missing: bool,
    values: Values,
}

/// What the values that are there tell, as far as the strategy asks.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
enum Values {
    Sum {
        #[serde(with = "mlcore::exact")]
        sum: f64,
        present: u64,
    },
    /// The median of all values, which is that of no part.
    Middle(#[serde(with = "mlcore::exact")] Option<f64>),
    Counted(Tally<u64>),
    /// Whether there is one.
    Any(bool),
}

impl Merge for Known {
    fn merge(self, other: Self) -> Self {
        let values = match (self.values, other.values) {
            (Values::Sum { sum, present }, Values::Sum { sum: more, present: others }) => {
                Values::Sum { sum: sum + more, present: present.merge(others) }
            }
            (Values::Counted(own), Values::Counted(other)) => Values::Counted(own.merge(other)),
            (Values::Any(own), Values::Any(other)) => Values::Any(own || other),
            (own @ (Values::Sum { .. } | Values::Middle(_) | Values::Counted(_) | Values::Any(_)), _) => own,
        };
        Self { missing: self.missing || other.missing, values }
    }
}

impl SimpleImputer {
    fn known(&self, column: &FitColumn) -> Result<Known> {
        self.missing_values.check(column)?;
        let keeps_type = matches!(self.strategy, Strategy::MostFrequent | Strategy::Constant);
        if column.dtype() == DType::String && !keeps_type {
            return Err(column
                .error("the mean and the median of text do not exist")
                .remedy("use the strategy most_frequent or constant"));
        }
        if !keeps_type {
            let values = column.numbers()?;
            let mark = self.missing_values.0.as_ref().and_then(OwnedValue::as_f64);
            let values = match mark {
                Some(mark) => {
                    let unmarked = |value: &f64| if *value == mark { f64::NAN } else { *value };
                    Cow::Owned(values.iter().map(unmarked).collect())
                }
                None => values,
            };
            let present = values.iter().filter(|value| !value.is_nan());
            let count = present.clone().count();
            let told = match self.strategy {
                Strategy::Median => Values::Middle((count > 0).then(|| median(present.copied().collect()))),
                _ => Values::Sum { sum: numeric::sum_of_present(&values), present: count as u64 },
            };
            return Ok(Known { missing: count < values.len(), values: told });
        }
        // A constant that does not fit is refused before the column is looked at.
        self.constant(SeenColumn(&column.field))?;
        let counted = count(column)?;
        let marked = counted.iter().filter(|(value, _)| self.missing_values.marks(value)).count();
        let missing = marked > 0;
        let values = match self.strategy {
            Strategy::Constant => Values::Any(counted.len() > marked),
            _ => Values::Counted(Tally::of(counted)),
        };
        Ok(Known { missing, values })
    }

    /// What fills the column.
    fn statistic(&self, column: SeenColumn<'_>, values: Values) -> Result<OwnedValue> {
        Ok(match values {
            Values::Sum { present: 0, .. } | Values::Middle(None) | Values::Any(false) => self.empty(column),
            Values::Sum { sum, present } => OwnedValue::Float(sum / present as f64),
            Values::Middle(Some(median)) => OwnedValue::Float(median),
            Values::Any(true) => self.constant(column)?,
            Values::Counted(tally) => {
                let counted = tally.into_run().into_iter();
                let counted = counted.filter(|(value, _)| !self.missing_values.marks(value));
                // The values are sorted, so the first of the most frequent ones is the smallest.
                let most = counted.reduce(|best, next| if next.1 > best.1 { next } else { best });
                most.map_or_else(|| self.empty(column), |(value, _)| value)
            }
        })
    }

    /// What a column without any value is filled with; missing where it is left out.
    fn empty(&self, column: SeenColumn<'_>) -> OwnedValue {
        if !self.keep_empty_features {
            return OwnedValue::Null;
        }
        if self.strategy == Strategy::Constant
            && let Ok(constant) = self.constant(column)
        {
            return constant;
        }
        let zero = OwnedValue::Int(0);
        if column.dtype() == DType::String {
            return OwnedValue::from("0");
        }
        if matches!(self.strategy, Strategy::Mean | Strategy::Median) {
            return OwnedValue::Float(0.0);
        }
        coerce(&zero, column.dtype()).unwrap_or(zero)
    }

    /// The constant as the column's type holds it.
    fn constant(&self, column: SeenColumn<'_>) -> Result<OwnedValue> {
        let is_text = column.dtype() == DType::String;
        let wanted = match (&self.fill_value.0, is_text) {
            (Some(value), _) => value.clone(),
            (None, true) => OwnedValue::from("missing_value"),
            (None, false) => OwnedValue::Int(0),
        };
        let integer = column.dtype().is_numeric() && !column.dtype().is_float();
        let fractional = integer && matches!(wanted, OwnedValue::Float(_));
        coerce(&wanted, column.dtype())
            .filter(|value| !value.is_missing() && !fractional && (is_text || wanted.as_str().is_none()))
            .ok_or_else(|| {
                column
                    .error(OPERATION, format!("fill_value {wanted} does not fit a {} column", column.dtype()))
                    .remedy("give a fill_value of the column's type, or cast the column")
            })
    }
}

/// The middle of the values, or the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    let (below, high, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let high = *high;
    let low = if even { below.iter().copied().fold(f64::NEG_INFINITY, f64::max) } else { high };
    (low + high) / 2.0
}

/// A [`SimpleImputer`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedSimpleImputer {
    #[serde(serialize_with = "stored")]
    parameters: SimpleImputer,
    input: Schema,
    statistics: Vec<OwnedValue>,
    indicated: Vec<usize>,
}

/// The parameters as a plan stores them: those that came later are left out at their defaults, so that what was stored before
/// them keeps its digest.
fn stored<S: Serializer>(parameters: &SimpleImputer, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Stored<'a> {
        strategy: Strategy,
        fill_value: &'a FillValue,
        add_indicator: bool,
        keep_empty_features: bool,
        #[serde(skip_serializing_if = "Mark::is_nan")]
        missing_values: &'a Mark,
    }
    let SimpleImputer { missing_values, strategy, fill_value, add_indicator, keep_empty_features } =
        parameters;
    let (strategy, add_indicator, keep_empty_features) = (*strategy, *add_indicator, *keep_empty_features);
    Stored { strategy, fill_value, add_indicator, keep_empty_features, missing_values }.serialize(serializer)
}

impl FittedSimpleImputer {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &SimpleImputer {
        &self.parameters
    }

    /// What fills each column (`statistics_`); missing for a column that is left out.
    #[must_use]
    pub fn statistics(&self) -> &[OwnedValue] {
        &self.statistics
    }

    /// The positions of the columns that have an indicator (`indicator_.features_`, here `indicator_features_`).
    #[must_use]
    pub fn indicated(&self) -> &[usize] {
        &self.indicated
    }
}

impl Transform for FittedSimpleImputer {
    fn attributes(&self) -> Attributes {
        let has_text = self.statistics.iter().any(|value| value.as_str().is_some());
        let all_bools = self.statistics.iter().all(|value| matches!(value, OwnedValue::Bool(_)));
        let dtype = match (has_text, all_bools) {
            (true, _) => DType::String,
            (false, true) if !self.statistics.is_empty() => DType::Bool,
            _ => DType::Float64,
        };
        let indicated = self.indicated.iter().map(|position| *position as u64).collect();
        vec![
            ("statistics_", Attribute::Values { dtype, values: self.statistics.clone() }),
            ("indicator_features_", Attribute::Counts(indicated)),
        ]
    }

    /// Takes out what was filled in, where an indicator says so; the columns of the table are the imputed ones.
    fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        if !self.parameters.add_indicator {
            return Err(Error::unsupported(
                inverse::OPERATION,
                "SimpleImputer",
                "without indicators nobody knows what was imputed",
            )
            .remedy("fit it with add_indicator"));
        }
        let mut restored = Vec::with_capacity(self.statistics.len());
        for (position, (statistic, field)) in self.statistics.iter().zip(self.input.fields()).enumerate() {
            let name = field.name().to_owned();
            if statistic.is_missing() {
                let nulls = new_null_array(&field.dtype().to_arrow(), table.num_rows());
                restored.push((name.clone(), self.parameters.missing_values.restore(&name, &nulls)?));
                continue;
            }
            let column = inverse::column(table, &name)?;
            let column = if self.indicated.contains(&position) {
                let indicator = inverse::column(table, &format!("missingindicator_{name}"))?;
                let column = inverse::without_imputed(&column, &indicator)?;
                self.parameters.missing_values.restore(&name, &column)?
            } else {
                column
            };
            restored.push((name, column));
        }
        inverse::table(restored, table.num_rows())
    }
}

impl Lower for FittedSimpleImputer {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let mark = &self.parameters.missing_values;
        let mut indicators = Vec::with_capacity(self.indicated.len());
        for position in &self.indicated {
            let column = columns.get(*position).ok_or_else(corrupt)?.clone();
            let name = format!("missingindicator_{}", column.name);
            indicators.push(mark.indicate(builder, column, name)?);
        }
        let mut outputs = Vec::with_capacity(columns.len());
        for (position, column) in columns.into_iter().enumerate() {
            let site = builder.site("SimpleImputer", &column);
            let number = |value: f64| mark.steps(site).into_iter().chain([Kernel::Impute(value)]);
            outputs.push(match self.statistics.get(position).ok_or_else(corrupt)? {
                OwnedValue::Null => continue,
                OwnedValue::Text(text) => mark.replace(builder, column, text)?,
                OwnedValue::Float(value) => builder.number(column, number(*value))?,
                exact if !mark.is_nan() => {
                    builder.number(column, number(exact.as_f64().ok_or_else(corrupt)?))?
                }
                exact => builder.fill_exact(column, exact_bits(exact.as_value()).ok_or_else(corrupt)?)?,
            });
        }
        outputs.extend(indicators);
        Ok(outputs)
    }
}

fn corrupt() -> Error {
    Error::corrupt("compile plan", "SimpleImputer", "its statistics do not fit its columns")
}
