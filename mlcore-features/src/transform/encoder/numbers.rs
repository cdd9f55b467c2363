//! What encoders share that write a number, or a row of numbers, for each category.

use mlcore::interrupt::paced;
use mlcore::schema::{DType, Field, Schema};
use mlcore::stats::pairwise_sum;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::categories::{Learnt, count};
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::encoder::{Encoding, REFUSED, Table, Writes, exact_bits, float_bits};
use crate::program::kernel::Kernel;
use crate::transform::input::{self, FitColumn};
use crate::transform::numeric::mean;
use crate::transform::parts::{Merge, Moments, Tally, merge_each};
use crate::transform::{Attribute, Training};

/// What an encoder of categories writes for a value that it has no number for.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handling {
    /// Nothing: the value is refused.
    Error,
    /// NaN.
    ReturnNan,
    /// A number: which one, the encoder says.
    #[default]
    Value,
}

/// The categories of one column, and what is written for each.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Numbered {
    pub(crate) learnt: Learnt,
    /// One number per category, or a row of them, row after row.
    #[serde(with = "mlcore::exact")]
    pub(crate) numbers: Vec<f64>,
}

/// The rows of one column by their categories.
#[derive(Debug)]
pub(crate) struct Grouped {
    pub(crate) learnt: Learnt,
    /// The position of each row's category; none where it has none of them.
    pub(crate) codes: Vec<Option<usize>>,
}

impl Grouped {
    /// The categories of the column, sorted, a missing value last.
    pub(crate) fn of(column: &FitColumn) -> Result<Self> {
        let categories = count(column)?.into_iter().map(|(category, _)| category).collect();
        Self::by(column, Learnt { categories, infrequent: Vec::new() })
    }

    /// Looks each row up among these categories.
    pub(crate) fn by(column: &FitColumn, learnt: Learnt) -> Result<Self> {
        let slots: Vec<u32> = (0..).take(learnt.categories.len()).collect();
        let table = learnt.table(column.dtype(), &slots)?;
        let missing = learnt.has_missing().then(|| learnt.categories.len().saturating_sub(1));
        let position = |slot: Option<u32>| slot.map(|slot| slot as usize);
        let view = column.view()?;
        let rows = paced(0..column.len());
        let codes = match table {
            Table::Texts(lookup) => {
                rows.map(|row| view.text(row).map_or(missing, |text| position(lookup.text(text)))).collect()
            }
            Table::Bits(lookup) if column.dtype().is_float() => {
                let numbers = column.numbers()?;
                let code = |number: &f64| match number.is_nan() {
                    true => missing,
                    false => position(lookup.bits(float_bits(*number))),
                };
                paced(numbers.iter()).map(code).collect()
            }
            Table::Bits(lookup) => {
                let bits = rows.map(|row| exact_bits(view.value(row)));
                bits.map(|bits| bits.map_or(missing, |bits| position(lookup.bits(bits)))).collect()
            }
            Table::Index => return Err(column.error("its values are no categories")),
        };
        column.check()?;
        Ok(Self { learnt, codes })
    }

    /// What the target is like in the rows of each category.
    pub(crate) fn groups(&self, target: &[f64]) -> Vec<Group> {
        let mut groups = vec![Group::default(); self.learnt.categories.len()];
        let rows = || self.codes.iter().zip(target).filter_map(|(code, target)| Some(((*code)?, target)));
        for (code, target) in rows() {
            if let Some(group) = groups.get_mut(code) {
                group.sum += target;
                group.count += 1.0;
            }
        }
        for (code, target) in rows() {
            if let Some(group) = groups.get_mut(code) {
                group.squares += (target - group.mean()).powi(2);
            }
        }
        groups
    }
}

/// The target of the rows of one category.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    #[serde(with = "mlcore::exact")]
    pub(crate) sum: f64,
    #[serde(with = "mlcore::exact")]
    pub(crate) count: f64,
    /// The sum of the squared differences from the mean.
    #[serde(with = "mlcore::exact")]
    pub(crate) squares: f64,
}

impl Merge for Group {
    fn merge(self, other: Self) -> Self {
        let count = self.count + other.count;
        let apart = other.mean() - self.mean();
        let between = apart * apart * self.count * (other.count / count);
        Self { sum: self.sum + other.sum, count, squares: self.squares + other.squares + between }
    }
}

impl Group {
    /// NaN without rows.
    pub(crate) fn mean(&self) -> f64 {
        self.sum / self.count
    }
}

/// The columns of the table, and the target as numbers.
pub(crate) fn supervised(
    training: &Training<'_>,
    operation: &'static str,
) -> Result<(Vec<FitColumn>, Vec<f64>)> {
    let columns = input::columns(training, operation)?;
    let target = input::target(training.required_target(operation)?, operation)?;
    if training.is_part() && target.dtype() == DType::String {
        let problem = "texts count as their positions among those of all parts, which one part does not tell";
        return Err(target.error(problem).remedy("write the target as numbers or bools"));
    }
    Ok((columns, target_numbers(&target)?))
}

/// What some rows tell of a target by the categories of columns.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Supervised {
    columns: Vec<Tally<Group>>,
    /// The target of all rows; its squares are from the rounded mean.
    pub(crate) target: Moments,
    #[serde(with = "mlcore::exact")]
    pub(crate) sum: f64,
}

impl Supervised {
    pub(crate) fn of(columns: &[FitColumn], target: &[f64], handle_missing: Handling) -> Result<Self> {
        let tally = |column: &FitColumn| {
            let grouped = grouped(column, handle_missing)?;
            let groups = grouped.groups(target);
            Ok(Tally::of(grouped.learnt.categories.into_iter().zip(groups).collect()))
        };
        let (count, mean) = (target.len() as f64, mean(target));
        let rest = pairwise_sum(target.len(), &|row| target[row] - mean) / count;
        let squares = pairwise_sum(target.len(), &|row| (mean - target[row]).powi(2));
        Ok(Self {
            columns: columns.iter().map(tally).collect::<Result<_>>()?,
            target: Moments { count, mean, rest, squares },
            sum: target.iter().sum(),
        })
    }

    pub(crate) fn holds(&self, columns: usize) -> bool {
        self.columns.len() == columns
    }

    /// The categories of each column and their numbers, which follow from the target in the rows of each.
    pub(crate) fn numbers(
        self,
        handle_missing: Handling,
        numbers: impl Fn(&[Group]) -> Vec<f64>,
    ) -> Vec<Numbered> {
        let numbered = |tally: Tally<Group>| {
            let (categories, groups): (Vec<_>, Vec<_>) = tally.into_run().into_iter().unzip();
            let learnt = Learnt { categories, infrequent: Vec::new() };
            let mut numbers = numbers(&groups);
            if handle_missing == Handling::ReturnNan && learnt.has_missing() {
                numbers.pop();
                numbers.push(f64::NAN);
            }
            Numbered { learnt, numbers }
        };
        self.columns.into_iter().map(numbered).collect()
    }
}

impl Merge for Supervised {
    fn merge(self, other: Self) -> Self {
        Self {
            columns: merge_each(self.columns, other.columns),
            target: self.target.merge(other.target),
            sum: self.sum + other.sum,
        }
    }
}

/// The rows of a column by their categories; missing values are refused where that is asked for.
pub(crate) fn grouped(column: &FitColumn, handle_missing: Handling) -> Result<Grouped> {
    if handle_missing == Handling::Error {
        column.present()?;
    }
    Grouped::of(column)
}

/// The target as numbers: those of a column of numbers, 0 and 1 for bools, and for texts their positions, sorted.
pub(crate) fn target_numbers(target: &FitColumn) -> Result<Vec<f64>> {
    if target.dtype() != DType::String {
        return Ok(target.finite_numbers()?.into_owned());
    }
    target.present()?;
    let codes = Grouped::of(target)?.codes;
    Ok(codes.into_iter().map(|code| code.map_or(f64::NAN, |code| code as f64)).collect())
}

/// What becomes of the values of a column: a row of numbers each, and none where they are refused.
pub(crate) struct Written<'a> {
    pub(crate) column: &'a Numbered,
    /// Of a missing value that is no category.
    pub(crate) missing: Option<&'a [f64]>,
    pub(crate) unknown: Option<&'a [f64]>,
}

impl Written<'_> {
    /// Writes the columns of these names.
    pub(crate) fn lower(
        &self,
        builder: &mut ProgramBuilder,
        transformer: &'static str,
        column: &Column,
        names: Vec<String>,
    ) -> Result<Vec<Column>> {
        let site = builder.site(transformer, column);
        let (learnt, width) = (&self.column.learnt, names.len());
        let misfit = || Error::corrupt("compile plan", transformer, "its numbers do not fit its categories");
        let mut values = self.column.numbers.clone();
        if width == 0 || learnt.categories.len().checked_mul(width) != Some(values.len()) {
            return Err(misfit());
        }
        let slots: Vec<u32> = (0..).take(learnt.categories.len()).collect();
        let mut add = |row: Option<&[f64]>| match row {
            None => Ok(REFUSED),
            Some(row) if row.len() != width => Err(misfit()),
            Some(row) => {
                let code = u32::try_from(values.len() / width).map_err(|_| misfit());
                values.extend_from_slice(row);
                code
            }
        };
        let unknown = add(self.unknown)?;
        let missing = match slots.last().filter(|_| learnt.has_missing()) {
            Some(own) => *own,
            None => add(self.missing)?,
        };
        let writes = match width {
            1 => Writes::Ordinal { values: values.into() },
            width => Writes::Rows { width, values: values.into() },
        };
        let encoding = Encoding { table: learnt.table(column.dtype, &slots)?, missing, unknown, writes };
        builder.encode(column, site, encoding, [Kernel::RefuseInfinite { site }], names)
    }
}

/// How an encoder of category_encoders treats what is unknown or missing; both take its prior as their number.
pub(crate) struct Handled<'a> {
    pub(crate) transformer: &'static str,
    pub(crate) unknown: Handling,
    pub(crate) missing: Handling,
    pub(crate) prior: f64,
    pub(crate) columns: &'a [Numbered],
}

impl Handled<'_> {
    pub(crate) fn lower(&self, builder: &mut ProgramBuilder, columns: &[Column]) -> Result<Vec<Column>> {
        let number = |handling: Handling| match handling {
            Handling::Error => None,
            Handling::ReturnNan => Some([f64::NAN]),
            Handling::Value => Some([self.prior]),
        };
        let (missing, unknown) = (number(self.missing), number(self.unknown));
        let mut outputs = Vec::new();
        for (position, column) in columns.iter().enumerate() {
            let own = self.columns.get(position).ok_or_else(|| fewer(self.transformer))?;
            let written = Written {
                column: own,
                missing: missing.as_ref().map(<[f64; 1]>::as_slice),
                unknown: unknown.as_ref().map(<[f64; 1]>::as_slice),
            };
            let names = vec![column.name.clone()];
            outputs.extend(written.lower(builder, self.transformer, column, names)?);
        }
        Ok(outputs)
    }
}

/// The error of a stored encoder whose columns are not those of its input.
pub(crate) fn fewer(transformer: &'static str) -> Error {
    Error::corrupt("compile plan", transformer, "it has fewer categories than columns")
}

/// `categories_`: one array per column.
pub(crate) fn categories(columns: &[Numbered], input: &Schema) -> Attribute {
    let values = |(column, field): (&Numbered, &Field)| Attribute::Values {
        dtype: field.dtype(),
        values: column.learnt.categories.clone(),
    };
    Attribute::List(columns.iter().zip(input.fields()).map(values).collect())
}

/// `encodings_`: for each column the number of each category.
pub(crate) fn encodings(columns: &[Numbered]) -> Attribute {
    Attribute::List(columns.iter().map(|column| column.numbers.as_slice().into()).collect())
}

/// The builders, the attributes, the program and the parts of an encoder that writes one number for each category.
macro_rules! numbered_encoder {
    ($encoder:ident, $fitted:ident, $unknown:literal) => {
        impl $encoder {
            #[doc = $unknown]
            #[must_use]
            pub fn handle_unknown(mut self, handle_unknown: Handling) -> Self {
                self.handle_unknown = handle_unknown;
                self
            }

            /// What becomes of a missing value. Default [`Handling::Value`]: it is a category, and where fitting has seen
            /// none, it is written as an unknown one is by default. [`Handling::Error`] refuses it while fitting too.
            #[must_use]
            pub fn handle_missing(mut self, handle_missing: Handling) -> Self {
                self.handle_missing = handle_missing;
                self
            }
        }

        impl $fitted {
            /// The specification that was fitted.
            #[must_use]
            pub fn parameters(&self) -> &$encoder {
                &self.parameters
            }

            /// The categories of each column (`categories_`), a missing value last.
            pub fn categories(&self) -> impl ExactSizeIterator<Item = &[OwnedValue]> {
                self.columns.iter().map(|column| column.learnt.categories.as_slice())
            }

            /// For each column, the number of each category (`encodings_`).
            pub fn encodings(&self) -> impl ExactSizeIterator<Item = &[f64]> {
                self.columns.iter().map(|column| column.numbers.as_slice())
            }
        }

        impl Parts for $encoder {
            type Part = Supervised;

            fn part(&self, training: &Training<'_>) -> Result<Supervised> {
                self.tell(training)
            }

            fn merge(&self, left: Supervised, right: Supervised) -> Result<Supervised> {
                Ok(left.merge(right))
            }

            fn finish(&self, part: Supervised, seen: &Seen) -> Result<$fitted> {
                let (prior, columns) = self.conclude(part)?;
                let input = seen.nullable_schema()?;
                Ok($fitted { parameters: self.clone(), input, prior, columns })
            }

            fn holds(&self, part: &Supervised, columns: usize) -> bool {
                part.holds(columns)
            }
        }

        impl Transform for $fitted {
            fn attributes(&self) -> Attributes {
                vec![
                    ("categories_", numbers::categories(&self.columns, &self.input)),
                    ("encodings_", numbers::encodings(&self.columns)),
                ]
            }

            fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
                Err(inverse::irreversible(stringify!($encoder)))
            }
        }

        impl Lower for $fitted {
            fn schema(&self) -> &Schema {
                &self.input
            }

            fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
                let handled = Handled {
                    transformer: stringify!($encoder),
                    unknown: self.parameters.handle_unknown,
                    missing: self.parameters.handle_missing,
                    prior: self.prior,
                    columns: &self.columns,
                };
                handled.lower(builder, &columns)
            }
        }
    };
}
pub(super) use numbered_encoder;
