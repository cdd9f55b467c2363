use mlcore::arrow::array::RecordBatch;
use mlcore::schema::{DType, Schema};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::expression::{
    Columns, Compiled, Evaluate, Expression, MomentQuestion, MomentSource, Read, SayText,
};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::encoder::float_bits;
use crate::program::moment::{Moment, MomentKernel};
use crate::program::text::Refused;
use crate::program::words::{Keys, Mapping};
use crate::transform::moment::datetime_features;
use crate::transform::moment::time_since::nanoseconds;
use crate::transform::moment::zone::Zone;
use crate::transform::{Attributes, Fit, MissingValues, Training, Transform, input, inverse};

/// Columns that are computed from the others of their row, by formulas.
///
/// Each column has a name and an [`Expression`], whose [module](crate::expression) tells the language and what becomes of
/// missing values. Fitting checks the formulas against the columns of the table and learns nothing else. A result is a column of
/// floats, with truth values as 1 and 0 and NaN where it is missing, or a column of text, for an encoder to follow. A timestamp with a time zone is read in its own zone, whose rules the
/// plan keeps.
///
/// Source: polars, `with_columns`, whose expressions have the same numbers.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, Float64Array, RecordBatch, StringArray};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::expression::{Expression, col};
/// use mlcore_features::transform::{DerivedColumns, Fit, Transform};
///
/// let table = RecordBatch::try_from_iter([
///     ("income", Arc::new(Float64Array::from(vec![3000.0, 4500.0])) as _),
///     ("size", Arc::new(Float64Array::from(vec![2.0, 3.0])) as _),
///     ("plan", Arc::new(StringArray::from(vec!["free", "pro"])) as _),
/// ]).unwrap();
/// let derived = DerivedColumns::default()
///     .column("ratio", col("income") / col("size"))
///     .column("pays", Expression::parse("plan != 'free'")?);
/// let (fitted, features) = derived.fit_transform(&table)?;
/// assert_eq!(fitted.feature_names_out()?, ["ratio", "pays"]);
/// assert_eq!(features.column(0).as_primitive::<Float64Type>().values(), &[1500.0, 1500.0]);
/// assert_eq!(features.column(1).as_primitive::<Float64Type>().values(), &[0.0, 1.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DerivedColumns {
    columns: Vec<(String, Expression)>,
    drop_original: bool,
}

impl Default for DerivedColumns {
    fn default() -> Self {
        Self { columns: Vec::new(), drop_original: true }
    }
}

impl DerivedColumns {
    /// Adds a column of this name.
    #[must_use]
    pub fn column(mut self, name: impl Into<String>, expression: Expression) -> Self {
        self.columns.push((name.into(), expression));
        self
    }

    /// Whether the columns of the table are left out. Default: true.
    #[must_use]
    pub fn drop_original(mut self, drop_original: bool) -> Self {
        self.drop_original = drop_original;
        self
    }

    /// What is computed for columns of these types, with the name of each result.
    fn compile(&self, columns: &Columns<'_>) -> Result<Vec<(&str, Compiled)>> {
        let compiled = |(name, expression): &'_ (String, Expression)| {
            expression.compile(columns).map_err(|cause| named(name, &cause))
        };
        self.columns.iter().map(|own| Ok((own.0.as_str(), compiled(own)?))).collect()
    }
}

/// An error of an expression with the name of its column.
fn named(name: &str, cause: &Error) -> Error {
    let problem = format!("{}: {}", cause.context().subject(), cause.context().problem());
    Error::invalid_input(OPERATION, name, problem)
}

const OPERATION: &str = "fit DerivedColumns";

impl Fit for DerivedColumns {
    type Fitted = FittedDerivedColumns;

    fn learn(&self, training: &Training<'_>) -> Result<FittedDerivedColumns> {
        let columns = input::columns(training, OPERATION)?;
        if self.columns.is_empty() {
            let problem = "it is empty, and at least one column is needed";
            return Err(Error::invalid_input(OPERATION, "columns", problem)
                .remedy("give each column a name and an expression"));
        }
        let types: Vec<(&str, DType)> =
            columns.iter().map(|column| (column.field.name(), column.dtype())).collect();
        self.compile(&types)?;
        let mut names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        if !self.drop_original {
            names.extend(types.iter().map(|(name, _)| *name));
        }
        names.sort_unstable();
        let twice = names.iter().zip(names.iter().skip(1)).find(|(left, right)| left == right);
        if let Some((name, _)) = twice {
            return Err(Error::invalid_input(OPERATION, *name, "two columns have this name")
                .remedy("rename one of them, or set drop_original to true"));
        }
        let zone = |dtype| match dtype {
            DType::Timestamp(_, Some(own)) => Zone::named(own.name(), OPERATION).map(Some),
            _ => Ok(None),
        };
        let zones = types.iter().map(|(_, dtype)| zone(*dtype)).collect::<Result<_>>()?;
        Ok(FittedDerivedColumns { parameters: self.clone(), input: input::nullable_schema(&columns)?, zones })
    }
}

crate::transform::parts::columns_only!(DerivedColumns, FittedDerivedColumns);

/// A [`DerivedColumns`] that has seen its columns.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedDerivedColumns {
    parameters: DerivedColumns,
    input: Schema,
    /// The rules of the time zone of each column that has one.
    zones: Vec<Option<Zone>>,
}

impl FittedDerivedColumns {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &DerivedColumns {
        &self.parameters
    }
}

impl Transform for FittedDerivedColumns {
    fn attributes(&self) -> Attributes {
        Attributes::new()
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(Error::unsupported(inverse::OPERATION, "DerivedColumns", "a result does not tell its operands")
            .remedy("keep the columns beside it, with a ColumnTransformer"))
    }
}

impl Lower for FittedDerivedColumns {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let corrupt = |problem: String| Error::corrupt("compile plan", NAME, problem);
        if self.zones.len() != columns.len() {
            return Err(corrupt("columns and time zones differ in number".to_owned()));
        }
        let types: Vec<(&str, DType)> =
            columns.iter().map(|column| (column.name.as_str(), column.dtype)).collect();
        let compiled = self.parameters.compile(&types).map_err(|cause| corrupt(cause.to_string()))?;
        let mut outputs = if self.parameters.drop_original { Vec::new() } else { columns.clone() };
        for (name, Compiled { reads, steps, height, texts }) in compiled {
            let read = |read| self.read(builder, &columns, read);
            let numbers = reads.into_iter().map(read).collect::<Result<Vec<_>>>()?;
            // The stack lies where the results do; the first of them is the result.
            let names = (0..height.max(1)).map(|_| name.to_owned()).collect();
            let stack = builder.join(&numbers, Evaluate(steps.into()), names)?;
            let result = stack.into_iter().next().ok_or_else(|| corrupt("it has no result".to_owned()))?;
            outputs.push(match texts {
                Some(texts) => say(builder, &columns, result, SayText(texts.into()))?,
                None => result,
            });
        }
        Ok(outputs)
    }
}

/// The column of the texts whose positions are these numbers.
fn say(builder: &mut ProgramBuilder, columns: &[Column], positions: Column, say: SayText) -> Result<Column> {
    if let Some(texts) = say.literals() {
        let keys = (0..).take(texts.len()).map(|text| (float_bits(f64::from(text)), text)).collect();
        let mapping = Mapping { keys: Keys::Bits(keys), texts, missing: None, unknown: None };
        return builder.map_texts(positions, mapping, []);
    }
    let name = positions.name.clone();
    let read = say.columns().map(|position| columns.get(position).cloned());
    let read = read.chain([Some(positions)]).collect::<Option<Vec<Column>>>();
    let read = read.ok_or_else(|| Error::corrupt("compile plan", NAME, "a column is missing"))?;
    builder.make_texts(NAME, &read, say, name)
}

const NAME: &str = "DerivedColumns";

impl FittedDerivedColumns {
    /// The column of the numbers that an expression reads.
    fn read(&self, builder: &mut ProgramBuilder, columns: &[Column], read: Read) -> Result<Column> {
        let corrupt = |problem: &str| Error::corrupt("compile plan", NAME, problem.to_owned());
        let column =
            |position: usize| columns.get(position).cloned().ok_or_else(|| corrupt("a column is missing"));
        let only =
            |made: Vec<Column>| made.into_iter().next().ok_or_else(|| corrupt("a step makes no column"));
        let names = || vec![String::new()];
        let question = match read {
            Read::Number(position) => return column(position),
            Read::Texts(asked) => {
                let texts = asked.columns().into_iter().map(column).collect::<Result<Vec<_>>>()?;
                return only(builder.read_texts(NAME, &texts, asked, names())?);
            }
            Read::Moments(asked) => asked.question,
        };
        let made = match question {
            MomentQuestion::IsNull { column: position } => {
                builder.read_moments(NAME, &[column(position)?], IsMissing, names())?
            }
            MomentQuestion::Part { column: position, part } => {
                let clock = match self.zones.get(position) {
                    Some(Some(zone)) => {
                        Some(zone.clock().ok_or_else(|| corrupt("the rules of a time zone are damaged"))?)
                    }
                    _ => None,
                };
                let kernel = datetime_features::Read {
                    features: [part].into(),
                    clock,
                    missing: MissingValues::Ignore,
                };
                builder.read_moments(NAME, &[column(position)?], kernel, names())?
            }
            MomentQuestion::Apart { from, until, per_unit } => {
                let moments = [from, until].into_iter().filter_map(|source| match source {
                    MomentSource::Column(position) => Some(column(position)),
                    MomentSource::Fixed(_) => None,
                });
                let moments = moments.collect::<Result<Vec<_>>>()?;
                builder.read_moments(NAME, &moments, Apart { from, until, per_unit }, names())?
            }
        };
        only(made)
    }
}

/// 1 where a moment is missing, else 0.
#[derive(Debug)]
struct IsMissing;

impl MomentKernel for IsMissing {
    fn apply(&self, moments: &[Option<Moment>], outputs: &mut [f64]) -> Result<(), Refused> {
        let is_missing = moments.first().copied().flatten().is_none();
        outputs.fill(f64::from(u8::from(is_missing)));
        Ok(())
    }
}

/// The time from one moment to another, either of which may be fixed.
#[derive(Debug)]
struct Apart {
    from: MomentSource,
    until: MomentSource,
    /// The nanoseconds of the unit.
    per_unit: f64,
}

impl MomentKernel for Apart {
    fn apply(&self, moments: &[Option<Moment>], outputs: &mut [f64]) -> Result<(), Refused> {
        let mut cells = moments.iter().copied();
        let mut next = |source: MomentSource| match source {
            MomentSource::Column(_) => cells.next().flatten(),
            MomentSource::Fixed(moment) => Some(moment),
        };
        let number = match (next(self.from), next(self.until)) {
            (Some(from), Some(until)) => (nanoseconds(until) - nanoseconds(from)) as f64 / self.per_unit,
            _ => f64::NAN,
        };
        outputs.fill(number);
        Ok(())
    }
}
