use mlcore::arrow::array::{ArrayRef, RecordBatch};
use mlcore::batch::OwnedValue;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::categories::{Categories, Learning, Learnt, categories_attribute, infrequent_attribute};
use super::found::Found;
use super::grouping::{Grouping, MinFrequency};
use super::methods::category_methods;
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::encoder::{Encoding, REFUSED, Writes};
use crate::program::kernel::Kernel;
use crate::transform::parts::{self, Parts, Seen};
use crate::transform::{Attributes, Fit, Training, Transform, input, inverse};

/// The position of a column's category, as a number: 0, 1, 2, ...
///
/// Takes text, integers, floats and bools. A missing value (null or NaN) becomes
/// [`encoded_missing_value`](OrdinalEncoder::encoded_missing_value) where fitting has seen one, and is an unknown
/// category otherwise. Source: scikit-learn, `OrdinalEncoder`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, RecordBatch, StringArray};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Categories, Fit, OrdinalEncoder, Transform};
///
/// let sizes = Arc::new(StringArray::from(vec!["small", "large", "medium"]));
/// let table = RecordBatch::try_from_iter([("size", sizes as _)]).unwrap();
/// let encoder = OrdinalEncoder::default().categories(Categories::listed([["small", "medium", "large"]]));
/// let (_, encoded) = encoder.fit_transform(&table)?;
/// assert_eq!(encoded.column(0).as_primitive::<Float64Type>().values(), &[0.0, 2.0, 1.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrdinalEncoder {
    categories: Categories,
    handle_unknown: Unknown,
    #[serde(with = "mlcore::exact")]
    unknown_value: Option<f64>,
    #[serde(with = "mlcore::exact")]
    encoded_missing_value: f64,
    min_frequency: Option<MinFrequency>,
    max_categories: Option<usize>,
}

/// What becomes of a category that fitting has not seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Unknown {
    #[default]
    Error,
    UseEncodedValue,
}

impl Default for OrdinalEncoder {
    fn default() -> Self {
        Self {
            categories: Categories::Auto,
            handle_unknown: Unknown::Error,
            unknown_value: None,
            encoded_missing_value: f64::NAN,
            min_frequency: None,
            max_categories: None,
        }
    }
}

impl OrdinalEncoder {
    /// What an unknown category becomes: an integer that no category has, or NaN. It stands for scikit-learn's
    /// `handle_unknown="use_encoded_value"` with this `unknown_value`. Default: unknown categories are refused.
    #[must_use]
    pub fn unknown_value(mut self, unknown_value: f64) -> Self {
        self.handle_unknown = Unknown::UseEncodedValue;
        self.unknown_value = Some(unknown_value);
        self
    }

    /// What a missing value becomes: an integer that no category has, or NaN, which is the default.
    #[must_use]
    pub fn encoded_missing_value(mut self, encoded_missing_value: f64) -> Self {
        self.encoded_missing_value = encoded_missing_value;
        self
    }
}

category_methods! {
    OrdinalEncoder, FittedOrdinalEncoder,
    "Below which frequency categories share one number, the last. Default: none do.",
    "The most numbers per column, that of the infrequent ones included and that of missing values not. Default: no limit."
}

const OPERATION: &str = "fit OrdinalEncoder";

impl Fit for OrdinalEncoder {
    type Fitted = FittedOrdinalEncoder;

    fn learn(&self, training: &Training<'_>) -> Result<FittedOrdinalEncoder> {
        parts::whole(self, training)
    }
}

impl Parts for OrdinalEncoder {
    type Part = Vec<Found>;

    fn part(&self, training: &Training<'_>) -> Result<Vec<Found>> {
        self.check_unknown()?;
        let integer_or_nan = |value: f64| value.is_nan() || value.fract() == 0.0;
        if !self.unknown_value.is_none_or(integer_or_nan) || !integer_or_nan(self.encoded_missing_value) {
            return Err(Error::invalid_input(
                OPERATION,
                "parameters",
                "unknown_value and encoded_missing_value must be integers or NaN",
            ));
        }
        self.learning().part(&input::columns(training, OPERATION)?)
    }

    fn merge(&self, left: Vec<Found>, right: Vec<Found>) -> Result<Vec<Found>> {
        Ok(parts::merge_each(left, right))
    }

    fn holds(&self, part: &Vec<Found>, columns: usize) -> bool {
        self.learning().holds(part, columns)
    }

    fn finish(&self, part: Vec<Found>, seen: &Seen) -> Result<FittedOrdinalEncoder> {
        let learnt = self.learning().finish(part, seen)?;
        for (column, learnt) in seen.columns().zip(&learnt) {
            let used = |value: f64| value >= 0.0 && value < value_count(learnt) as f64;
            if let Some(value) = self.unknown_value.filter(|value| used(*value)) {
                let problem = format!("unknown_value {value} is the number of a known category");
                return Err(column.error(OPERATION, problem));
            }
            if learnt.has_missing() && used(self.encoded_missing_value) {
                let value = self.encoded_missing_value;
                let problem = format!("encoded_missing_value {value} is the number of a known category");
                return Err(column.error(OPERATION, problem));
            }
        }
        Ok(FittedOrdinalEncoder { parameters: self.clone(), input: seen.nullable_schema()?, columns: learnt })
    }
}

impl OrdinalEncoder {
    fn learning(&self) -> Learning<'_> {
        Learning {
            operation: OPERATION,
            categories: &self.categories,
            grouping: self.grouping(),
            refuse_unknown: self.unknown_value.is_none(),
            spare_missing: true,
        }
    }

    /// Checks that `handle_unknown` and `unknown_value` belong together.
    fn check_unknown(&self) -> Result<()> {
        let (problem, remedy) = match (self.handle_unknown, self.unknown_value) {
            (Unknown::Error, None) | (Unknown::UseEncodedValue, Some(_)) => return Ok(()),
            (Unknown::UseEncodedValue, None) => (
                "handle_unknown=\"use_encoded_value\" needs it",
                "set it to an integer that no category has, or to NaN",
            ),
            (Unknown::Error, Some(_)) => {
                ("handle_unknown=\"error\" does not use it", "set handle_unknown=\"use_encoded_value\"")
            }
        };
        Err(Error::invalid_input(OPERATION, "unknown_value", problem).remedy(remedy))
    }
}

/// How many numbers the present categories take.
fn value_count(learnt: &Learnt) -> usize {
    learnt.groups(false).iter().max().map_or(0, |last| last + 1)
}

/// An [`OrdinalEncoder`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedOrdinalEncoder {
    parameters: OrdinalEncoder,
    input: Schema,
    columns: Vec<Learnt>,
}

impl FittedOrdinalEncoder {
    fn invert(&self, features: &inverse::Features) -> Result<Vec<ArrayRef>> {
        let encoded_missing = self.parameters.encoded_missing_value;
        let same = |left: f64, right: f64| left == right || (left.is_nan() && right.is_nan());
        let codes = features.take(0, self.columns.len())?;
        let columns = self.columns.iter().zip(self.input.fields()).zip(codes);
        columns
            .map(|((learnt, field), codes)| {
                let rare = inverse::infrequent(field.dtype());
                let by_group = inverse::by_group(learnt, &learnt.groups(false), &rare);
                let unknown = self.parameters.unknown_value;
                let category = |(row, code): (usize, &f64)| {
                    let missing = learnt.has_missing() && same(*code, encoded_missing);
                    if missing || unknown.is_some_and(|unknown| same(*code, unknown)) {
                        return Ok(&OwnedValue::Null);
                    }
                    let group = Some(*code).filter(|code| *code >= 0.0 && code.fract() == 0.0);
                    group.and_then(|group| by_group.get(group as usize)).copied().ok_or_else(|| {
                        Error::invalid_input(
                            inverse::OPERATION,
                            field.name(),
                            format!("row {row}: {code} is the number of no category"),
                        )
                    })
                };
                let restored: Vec<&OwnedValue> =
                    codes.iter().enumerate().map(category).collect::<Result<_>>()?;
                inverse::category_column(field, restored.into_iter())
            })
            .collect()
    }
}

impl Transform for FittedOrdinalEncoder {
    fn attributes(&self) -> Attributes {
        vec![
            ("categories_", categories_attribute(&self.columns, &self.input)),
            ("infrequent_categories_", infrequent_attribute(&self.columns, &self.input)),
        ]
    }

    fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        inverse::columns(self, table, |features| self.invert(features))
    }
}

impl Lower for FittedOrdinalEncoder {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let mut outputs = Vec::new();
        for (position, column) in columns.iter().enumerate() {
            let learnt = self.columns.get(position).ok_or_else(|| {
                Error::corrupt("compile plan", "OrdinalEncoder", "it has fewer categories than columns")
            })?;
            let site = builder.site("OrdinalEncoder", column);
            let mut values: Vec<f64> = learnt.groups(false).iter().map(|group| *group as f64).collect();
            let slots: Vec<u32> = (0..).take(values.len()).collect();
            let mut add = |value: f64| {
                values.push(value);
                (values.len() - 1) as u32
            };
            let unknown = self.parameters.unknown_value.map_or(REFUSED, &mut add);
            let missing =
                if learnt.has_missing() { add(self.parameters.encoded_missing_value) } else { unknown };
            let table = learnt.table(column.dtype, &slots)?;
            let encoder =
                Encoding { table, missing, unknown, writes: Writes::Ordinal { values: values.into() } };
            let names = vec![column.name.clone()];
            outputs.extend(builder.encode(
                column,
                site,
                encoder,
                [Kernel::RefuseInfinite { site }],
                names,
            )?);
        }
        Ok(outputs)
    }
}
