use mlcore::Result;
use mlcore::arrow::array::RecordBatch;
use mlcore::batch::OwnedValue;
use mlcore::schema::Schema;
use serde::{Deserialize, Serialize};

use super::categories::{Learnt, count};
use super::numbers::{self, Handling, Numbered, Written};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::transform::input::FitColumn;
use crate::transform::parts::{self, Parts, Seen, Tally};
use crate::transform::{Attributes, Fit, Parameter, Training, Transform, input, inverse};

/// How often a column's category was seen: the number of rows, or their share.
///
/// Takes text, integers, finite floats and bools, and encodes every column that it is given. Source: category_encoders,
/// `CountEncoder`; it is also known as frequency encoding.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, RecordBatch, StringArray};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{CountEncoder, Fit, Transform};
///
/// let words = |words: Vec<&'static str>| {
///     RecordBatch::try_from_iter([("plan", Arc::new(StringArray::from(words)) as _)]).unwrap()
/// };
/// let fitted = CountEncoder::default().fit(&words(vec!["free", "pro", "free"]))?;
/// let counts = fitted.transform(&words(vec!["pro", "free", "team"]))?;
/// assert_eq!(counts.column(0).as_primitive::<Float64Type>().values(), &[1.0, 2.0, 0.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CountEncoder {
    normalize: bool,
    handle_unknown: UnknownCount,
    handle_missing: Handling,
}

/// What a [`CountEncoder`] writes for a category that fitting has not seen.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
pub enum UnknownCount {
    /// As for missing values; [`Handling::Value`] stands for 0.
    As(Handling),
    /// This number.
    Count(i64),
}

impl Default for UnknownCount {
    fn default() -> Self {
        Self::As(Handling::Value)
    }
}

impl TryFrom<Parameter> for UnknownCount {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        match (&value, value.as_text()) {
            (Parameter::Value(OwnedValue::Int(count)), _) => Ok(Self::Count(*count)),
            (_, Some("error")) => Ok(Self::As(Handling::Error)),
            (_, Some("return_nan")) => Ok(Self::As(Handling::ReturnNan)),
            (_, Some("value")) => Ok(Self::As(Handling::Value)),
            _ => Err(value.is_not("\"error\", \"return_nan\", \"value\" or an integer")),
        }
    }
}

impl From<UnknownCount> for Parameter {
    fn from(unknown: UnknownCount) -> Self {
        match unknown {
            UnknownCount::Count(count) => count.into(),
            UnknownCount::As(Handling::Error) => "error".into(),
            UnknownCount::As(Handling::ReturnNan) => "return_nan".into(),
            UnknownCount::As(Handling::Value) => "value".into(),
        }
    }
}

impl CountEncoder {
    /// Sets whether shares of the rows are written, not their numbers. Default `false`.
    #[must_use]
    pub fn normalize(mut self, normalize: bool) -> Self {
        self.normalize = normalize;
        self
    }

    /// What is written for a category that fitting has not seen, and for a missing value where fitting has seen none.
    /// Default: 0; NaN where [`handle_missing`](CountEncoder::handle_missing) asks for NaN, as in category_encoders.
    #[must_use]
    pub fn handle_unknown(mut self, handle_unknown: UnknownCount) -> Self {
        self.handle_unknown = handle_unknown;
        self
    }

    /// What becomes of a missing value: [`Handling::Value`] counts it as a category, which is the default;
    /// [`Handling::ReturnNan`] leaves it missing, unless [`handle_unknown`](CountEncoder::handle_unknown) refuses what is
    /// missing or names a number; [`Handling::Error`] refuses it while fitting too.
    #[must_use]
    pub fn handle_missing(mut self, handle_missing: Handling) -> Self {
        self.handle_missing = handle_missing;
        self
    }

    /// The number of an unknown category; none where it is refused.
    fn unknown(&self) -> Option<f64> {
        match (self.handle_unknown, self.handle_missing) {
            (UnknownCount::Count(count), _) => Some(count as f64),
            (UnknownCount::As(Handling::Error), _) => None,
            (UnknownCount::As(Handling::ReturnNan), _)
            | (UnknownCount::As(Handling::Value), Handling::ReturnNan) => Some(f64::NAN),
            (UnknownCount::As(Handling::Value), _) => Some(0.0),
        }
    }
}

const OPERATION: &str = "fit CountEncoder";

impl Fit for CountEncoder {
    type Fitted = FittedCountEncoder;

    fn learn(&self, training: &Training<'_>) -> Result<FittedCountEncoder> {
        parts::whole(self, training)
    }
}

impl Parts for CountEncoder {
    type Part = Vec<Tally<u64>>;

    fn part(&self, training: &Training<'_>) -> Result<Vec<Tally<u64>>> {
        let counted = |column: &FitColumn| {
            if self.handle_missing == Handling::Error {
                column.present()?;
            }
            let mut counted = count(column)?;
            // A missing value is no category then, and what is no category is unknown.
            if self.handle_missing == Handling::ReturnNan {
                if self.unknown().is_none() {
                    column.present()?;
                }
                counted.retain(|(category, _)| !category.is_missing());
            }
            Ok(Tally::of(counted))
        };
        input::columns(training, OPERATION)?.iter().map(counted).collect()
    }

    fn merge(&self, left: Vec<Tally<u64>>, right: Vec<Tally<u64>>) -> Result<Vec<Tally<u64>>> {
        Ok(parts::merge_each(left, right))
    }

    fn finish(&self, part: Vec<Tally<u64>>, seen: &Seen) -> Result<FittedCountEncoder> {
        let rows = if self.normalize { seen.rows as f64 } else { 1.0 };
        let numbered = |counted: Tally<u64>| {
            let (categories, counts): (Vec<_>, Vec<_>) = counted.into_run().into_iter().unzip();
            let numbers = counts.into_iter().map(|count| count as f64 / rows).collect();
            Numbered { learnt: Learnt { categories, infrequent: Vec::new() }, numbers }
        };
        let columns = part.into_iter().map(numbered).collect();
        Ok(FittedCountEncoder { parameters: self.clone(), input: seen.nullable_schema()?, columns })
    }

    fn holds(&self, part: &Vec<Tally<u64>>, columns: usize) -> bool {
        part.len() == columns
    }
}

/// A [`CountEncoder`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedCountEncoder {
    parameters: CountEncoder,
    input: Schema,
    columns: Vec<Numbered>,
}

impl FittedCountEncoder {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &CountEncoder {
        &self.parameters
    }

    /// The categories of each column (`categories_`), a missing value last where it is one.
    pub fn categories(&self) -> impl ExactSizeIterator<Item = &[OwnedValue]> {
        self.columns.iter().map(|column| column.learnt.categories.as_slice())
    }

    /// For each column, the number of each category (`encodings_`).
    pub fn encodings(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.columns.iter().map(|column| column.numbers.as_slice())
    }
}

impl Transform for FittedCountEncoder {
    fn attributes(&self) -> Attributes {
        vec![
            ("categories_", numbers::categories(&self.columns, &self.input)),
            ("encodings_", numbers::encodings(&self.columns)),
        ]
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(inverse::irreversible("CountEncoder"))
    }
}

impl Lower for FittedCountEncoder {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let unknown = self.parameters.unknown().map(|number| [number]);
        let unknown = unknown.as_ref().map(<[f64; 1]>::as_slice);
        let missing = unknown.filter(|_| self.parameters.handle_missing != Handling::Error);
        let mut outputs = Vec::new();
        for (position, column) in columns.iter().enumerate() {
            let own = self.columns.get(position).ok_or_else(|| numbers::fewer("CountEncoder"))?;
            let written = Written { column: own, missing, unknown };
            outputs.extend(written.lower(builder, "CountEncoder", column, vec![column.name.clone()])?);
        }
        Ok(outputs)
    }
}
