use mlcore::arrow::array::RecordBatch;
use mlcore::batch::OwnedValue;
use mlcore::schema::{DType, Schema};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::categories::{Learnt, categories_attribute};
use super::numbers::{self, Grouped, Numbered, Written};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::kernel::Kernel;
use crate::program::words::Mapping;
use crate::transform::input::FitColumn;
use crate::transform::parts::{self, Merge, Parts, Seen, Tally};
use crate::transform::python::{python_str, without_nan};
use crate::transform::{
    Attribute, Attributes, Fit, MissingValues, Parameter, Training, Transform, input, inverse,
};

/// One label in the place of those that are rare, or that fitting has not seen.
///
/// A label is frequent where its share of the rows that have one is at least [`tol`](RareLabelEncoder::tol). The result is a
/// column of text, for an encoder to follow. With [`ignore_format`](RareLabelEncoder::ignore_format) it also takes columns of
/// numbers and bools: they become texts as Python writes them (`1`, `0.5`, `True`), or numbers where
/// [`replace_with`](RareLabelEncoder::replace_with) is one.
///
/// Source: feature-engine, `RareLabelEncoder`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, RecordBatch, StringArray};
/// use mlcore_features::pipeline::Pipeline;
/// use mlcore_features::transform::{Fit, OneHotEncoder, RareLabelEncoder, Transform};
///
/// let words = |words: &[&'static str]| {
///     RecordBatch::try_from_iter([("city", Arc::new(StringArray::from(words.to_vec())) as _)]).unwrap()
/// };
/// let seen = words(&["Rome", "Rome", "Oslo", "Rome", "Oslo", "Bari"]);
/// let rare = RareLabelEncoder::default().tol(0.3).n_categories(2);
/// let labels = rare.fit(&seen)?.transform(&words(&["Oslo", "Bari", "Pisa"]))?;
/// assert_eq!(labels.column(0).as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["Oslo", "Rare", "Rare"]);
///
/// let plan = Pipeline::new().then("rare", rare).then("encode", OneHotEncoder::default()).fit(&seen)?;
/// assert_eq!(plan.feature_names_out(), ["city_Oslo", "city_Rare", "city_Rome"]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RareLabelEncoder {
    #[serde(with = "mlcore::exact")]
    tol: f64,
    n_categories: usize,
    max_n_categories: Option<usize>,
    replace_with: ReplaceWith,
    missing_values: MissingValues,
    ignore_format: bool,
}

impl Default for RareLabelEncoder {
    fn default() -> Self {
        Self {
            tol: 0.05,
            n_categories: 10,
            max_n_categories: None,
            replace_with: ReplaceWith("Rare".into()),
            missing_values: MissingValues::default(),
            ignore_format: false,
        }
    }
}

/// A text or a number.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
struct ReplaceWith(OwnedValue);

impl TryFrom<Parameter> for ReplaceWith {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        let problem = value.is_not("a text or a number");
        match value.into_value() {
            Some(OwnedValue::Text(text)) => Ok(Self(OwnedValue::Text(text))),
            Some(number) if number.as_f64().is_some_and(f64::is_finite) => Ok(Self(number)),
            _ => Err(problem),
        }
    }
}

impl From<ReplaceWith> for Parameter {
    fn from(value: ReplaceWith) -> Self {
        value.0.into()
    }
}

impl RareLabelEncoder {
    /// The least share of the rows with a label that a frequent one has, from 0 to 1. Default 0.05.
    #[must_use]
    pub fn tol(mut self, tol: f64) -> Self {
        self.tol = tol;
        self
    }

    /// How many different values, a missing one among them, a column may have before any of them is called rare. Default 10.
    #[must_use]
    pub fn n_categories(mut self, n_categories: usize) -> Self {
        self.n_categories = n_categories;
        self
    }

    /// The most labels that are called frequent, of which those of most rows are taken, and of equal ones those that are seen
    /// first. Default, and 0: any number.
    #[must_use]
    pub fn max_n_categories(mut self, max_n_categories: usize) -> Self {
        self.max_n_categories = Some(max_n_categories);
        self
    }

    /// What stands in the place of a rare label: a text, or for columns of numbers a number. Default `Rare`.
    #[must_use]
    pub fn replace_with(mut self, replace_with: impl Into<OwnedValue>) -> Self {
        self.replace_with = ReplaceWith(without_nan(replace_with));
        self
    }

    /// What becomes of a missing value. Default: it is refused; else it stays missing.
    #[must_use]
    pub fn missing_values(mut self, missing_values: MissingValues) -> Self {
        self.missing_values = missing_values;
        self
    }

    /// Sets whether columns of numbers and bools are taken too. Default `false`.
    #[must_use]
    pub fn ignore_format(mut self, ignore_format: bool) -> Self {
        self.ignore_format = ignore_format;
        self
    }

    /// Refuses what a column of this type cannot become.
    fn check(&self, column: &FitColumn) -> Result<()> {
        let is_text = column.dtype() == DType::String;
        if !is_text && !self.ignore_format {
            return Err(column.unfit("text").remedy(
                "set ignore_format to take its numbers as labels, or leave the column to another transformer",
            ));
        }
        if is_text && self.replace_with.0.as_str().is_none() {
            return Err(column
                .error(format!("{} is no text, which the labels are", self.replace_with.0))
                .remedy("give a replace_with that is a text"));
        }
        if self.missing_values == MissingValues::Raise {
            column.present()?;
        }
        Ok(())
    }

    /// The frequent labels of a column, of which this was seen.
    fn frequent(&self, seen: Tally<Sighting>) -> Vec<OwnedValue> {
        let mut labels = seen.into_run();
        let all_are_frequent = labels.len() <= self.n_categories;
        labels.retain(|(label, _)| !label.is_missing());
        if all_are_frequent {
            labels.sort_by_key(|(_, seen)| seen.first);
        } else {
            let rows: u64 = labels.iter().fold(0, |rows, (_, seen)| rows.saturating_add(seen.rows));
            labels.retain(|(_, seen)| seen.rows as f64 / rows as f64 >= self.tol);
            labels.sort_by_key(|(_, seen)| (std::cmp::Reverse(seen.rows), seen.first));
            labels.truncate(self.max_n_categories.filter(|most| *most > 0).unwrap_or(usize::MAX));
        }
        labels.into_iter().map(|(label, _)| label).collect()
    }
}

/// The rows with a label, and the first of them, counted from the first of all parts.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sighting {
    rows: u64,
    first: u64,
}

impl Merge for Sighting {
    fn merge(self, other: Self) -> Self {
        Self { rows: self.rows.saturating_add(other.rows), first: self.first.min(other.first) }
    }
}

impl Sighting {
    /// Of each value of a column.
    fn of_each(column: &FitColumn) -> Result<Tally<Self>> {
        let Grouped { learnt, codes } = Grouped::of(column)?;
        let mut seen = vec![Self { rows: 0, first: u64::MAX }; learnt.categories.len()];
        for (row, code) in (0..).zip(codes) {
            if let Some(own) = code.and_then(|code| seen.get_mut(code)) {
                *own = own.merge(Self { rows: 1, first: row });
            }
        }
        Ok(Tally::of(learnt.categories.into_iter().zip(seen).collect()))
    }

    /// The same behind so many rows.
    fn behind(self, rows: u64) -> Self {
        Self { first: self.first.saturating_add(rows), ..self }
    }
}

/// The labels of some rows.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    rows: u64,
    columns: Vec<Tally<Sighting>>,
}

const OPERATION: &str = "fit RareLabelEncoder";

impl Fit for RareLabelEncoder {
    type Fitted = FittedRareLabelEncoder;

    fn learn(&self, training: &Training<'_>) -> Result<FittedRareLabelEncoder> {
        parts::whole(self, training)
    }
}

impl Parts for RareLabelEncoder {
    type Part = Labels;

    fn part(&self, training: &Training<'_>) -> Result<Labels> {
        if !(0.0..=1.0).contains(&self.tol) {
            let problem = format!("{} is no share", self.tol);
            return Err(Error::invalid_input(OPERATION, "tol", problem).remedy("give a number from 0 to 1"));
        }
        let seen = |column: &FitColumn| {
            self.check(column)?;
            Sighting::of_each(column)
        };
        let columns = input::columns(training, OPERATION)?.iter().map(seen).collect::<Result<_>>()?;
        Ok(Labels { rows: training.table().num_rows() as u64, columns })
    }

    fn merge(&self, left: Labels, right: Labels) -> Result<Labels> {
        let behind = |tally: Tally<Sighting>| {
            let run = tally.into_run().into_iter();
            Tally::of(run.map(|(label, seen)| (label, seen.behind(left.rows))).collect())
        };
        let right_columns = right.columns.into_iter().map(behind).collect();
        let rows = left.rows.saturating_add(right.rows);
        Ok(Labels { rows, columns: parts::merge_each(left.columns, right_columns) })
    }

    fn finish(&self, part: Labels, seen: &Seen) -> Result<FittedRareLabelEncoder> {
        let learnt = |tally| Learnt { categories: self.frequent(tally), infrequent: Vec::new() };
        let columns = part.columns.into_iter().map(learnt).collect();
        Ok(FittedRareLabelEncoder { parameters: self.clone(), input: seen.nullable_schema()?, columns })
    }

    fn holds(&self, part: &Labels, columns: usize) -> bool {
        part.columns.len() == columns
    }
}

/// A [`RareLabelEncoder`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedRareLabelEncoder {
    parameters: RareLabelEncoder,
    input: Schema,
    /// The frequent labels of each column.
    columns: Vec<Learnt>,
}

impl FittedRareLabelEncoder {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &RareLabelEncoder {
        &self.parameters
    }

    /// The frequent labels of each column (`encoder_dict_`), those of most rows first.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = &[OwnedValue]> {
        self.columns.iter().map(|column| column.categories.as_slice())
    }

    /// The column with numbers for labels.
    fn lower_numbers(
        &self,
        builder: &mut ProgramBuilder,
        column: &Column,
        own: &Learnt,
    ) -> Result<Vec<Column>> {
        let number = |value: &OwnedValue| value.as_f64().ok_or_else(corrupt);
        let replaced = [number(&self.parameters.replace_with.0)?];
        let numbers = own.categories.iter().map(number).collect::<Result<_>>()?;
        let numbered = Numbered { learnt: own.clone(), numbers };
        let written = Written { column: &numbered, missing: Some(&[f64::NAN]), unknown: Some(&replaced) };
        written.lower(builder, "RareLabelEncoder", column, vec![column.name.clone()])
    }
}

fn corrupt() -> Error {
    Error::corrupt("compile plan", "RareLabelEncoder", "its labels do not fit its columns")
}

impl Transform for FittedRareLabelEncoder {
    fn attributes(&self) -> Attributes {
        let names = self.input.names().map(OwnedValue::from).collect();
        vec![
            ("encoder_dict_", categories_attribute(&self.columns, &self.input)),
            ("variables_", Attribute::Values { dtype: DType::String, values: names }),
        ]
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(inverse::irreversible("RareLabelEncoder"))
    }
}

impl Lower for FittedRareLabelEncoder {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let mut outputs = Vec::with_capacity(columns.len());
        for (position, mut column) in columns.into_iter().enumerate() {
            let own = self.columns.get(position).ok_or_else(|| numbers::fewer("RareLabelEncoder"))?;
            if self.parameters.missing_values == MissingValues::Raise {
                builder.require_present("RareLabelEncoder", &mut column)?;
            }
            let Some(replaced) = self.parameters.replace_with.0.as_str() else {
                outputs.extend(self.lower_numbers(builder, &column, own)?);
                continue;
            };
            let labels = own.categories.iter().filter(|label| !label.is_missing());
            let mut texts: Vec<_> = labels.map(|label| python_str(label, column.dtype).into()).collect();
            let unknown = u32::try_from(texts.len()).map_err(|_| corrupt())?;
            texts.push(replaced.into());
            let keys = own.keys(column.dtype)?;
            let mapping = Mapping { keys, texts, missing: None, unknown: Some(unknown) };
            let site = builder.site("RareLabelEncoder", &column);
            outputs.push(builder.map_texts(column, mapping, [Kernel::RefuseInfinite { site }])?);
        }
        Ok(outputs)
    }
}
