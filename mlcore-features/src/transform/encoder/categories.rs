//! What both encoders share: finding categories, counting them, putting the rare ones together.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mlcore::batch::{Dictionary, OwnedValue, Texts, Value};
use mlcore::interrupt::{self, Pace, paced};
use mlcore::schema::{DType, Schema};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::counter::{Counter, TextCounter};
use super::found::Found;
use super::grouping::Grouping;
use crate::program::coded;
use crate::program::encoder::{Table, exact_bits, exact_value, float_bits};
use crate::program::lookup::{self, Lookup};
use crate::program::words::Keys;
use crate::transform::input::FitColumn;
use crate::transform::parts::{Seen, SeenColumn, Tally};
use crate::transform::python::without_nan;
use crate::transform::{Attribute, Parameter};

/// Where the categories of each column come from.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
pub enum Categories {
    /// From the training data, sorted, a missing value last.
    #[default]
    Auto,
    /// From here, a list per column. Numbers must be sorted, and a missing value be last.
    Listed(Vec<Vec<OwnedValue>>),
}

impl Categories {
    /// One list of categories per column.
    pub fn listed<C, V>(columns: impl IntoIterator<Item = C>) -> Self
    where
        C: IntoIterator<Item = V>,
        V: Into<OwnedValue>,
    {
        let list = |column: C| column.into_iter().map(without_nan).collect();
        Self::Listed(columns.into_iter().map(list).collect())
    }
}

impl TryFrom<Parameter> for Categories {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        let problem = value.is_not("\"auto\" or a list of categories for each column");
        match value {
            Parameter::List(columns) => {
                let lists = columns.into_iter().map(Parameter::into_values).collect::<Option<_>>();
                lists.map(Self::Listed).ok_or(problem)
            }
            word if word.as_text() == Some("auto") => Ok(Self::Auto),
            _ => Err(problem),
        }
    }
}

impl From<Categories> for Parameter {
    fn from(categories: Categories) -> Self {
        match categories {
            Categories::Auto => "auto".into(),
            Categories::Listed(lists) => lists.into(),
        }
    }
}

/// What was learnt about one column.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Learnt {
    /// Sorted, or in the order that was given; a missing value last.
    pub(crate) categories: Vec<OwnedValue>,
    /// The positions of the infrequent ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) infrequent: Vec<usize>,
}

/// How to learn categories.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Learning<'a> {
    pub(crate) operation: &'static str,
    pub(crate) categories: &'a Categories,
    pub(crate) grouping: Grouping,
    /// Whether a value outside the listed categories is an error.
    pub(crate) refuse_unknown: bool,
    /// Whether a missing value is never called infrequent.
    pub(crate) spare_missing: bool,
}

impl Learning<'_> {
    /// The categories of each column, from all rows at once.
    pub(crate) fn learn(&self, columns: &[FitColumn]) -> Result<Vec<Learnt>> {
        let schema = Schema::new(columns.iter().map(|column| column.field.clone()))?;
        let rows = columns.first().map_or(0, FitColumn::len) as u64;
        self.finish(self.part(columns)?, &Seen { schema, rows })
    }

    /// What some rows tell of each column.
    pub(crate) fn part(&self, columns: &[FitColumn]) -> Result<Vec<Found>> {
        self.grouping.check(self.operation)?;
        if let Categories::Listed(lists) = self.categories
            && lists.len() != columns.len()
        {
            return Err(Error::invalid_input(
                self.operation,
                "categories",
                format!("there are {} lists for {} columns", lists.len(), columns.len()),
            )
            .remedy("give one list per column"));
        }
        let found = |(position, column): (usize, &FitColumn)| {
            let counted = count(column)?;
            Ok(match self.categories {
                Categories::Auto => Found::Counted(Tally::of(counted)),
                Categories::Listed(_) => {
                    let seen = SeenColumn(&column.field);
                    Found::Listed(self.counts(column, &self.listed(seen, position)?, counted)?)
                }
            })
        };
        columns.iter().enumerate().map(found).collect()
    }

    /// The categories of each column.
    pub(crate) fn finish(&self, found: Vec<Found>, seen: &Seen) -> Result<Vec<Learnt>> {
        let learnt = |(position, (found, column)): (usize, (Found, SeenColumn<'_>))| {
            let (categories, mut counts) = match found {
                Found::Counted(tally) => tally.into_run().into_iter().unzip::<_, _, Vec<_>, Vec<_>>(),
                Found::Listed(counts) => (self.listed(column, position)?, counts),
            };
            if self.spare_missing && categories.last().is_some_and(OwnedValue::is_missing) {
                counts.pop();
            }
            let infrequent = self.grouping.infrequent(&counts, seen.rows());
            Ok(Learnt { categories, infrequent })
        };
        found.into_iter().zip(seen.columns()).enumerate().map(learnt).collect()
    }

    /// Whether these are of so many columns, and of this specification.
    pub(crate) fn holds(&self, found: &[Found], columns: usize) -> bool {
        let holds = |(position, found): (usize, &Found)| match (self.categories, found) {
            (Categories::Auto, Found::Counted(_)) => true,
            (Categories::Listed(lists), Found::Listed(counts)) => {
                lists.get(position).is_some_and(|list| list.len() == counts.len())
            }
            (Categories::Auto, Found::Listed(_)) | (Categories::Listed(_), Found::Counted(_)) => false,
        };
        found.len() == columns && found.iter().enumerate().all(holds)
    }

    /// The listed categories of a column, as its type holds them.
    fn listed(&self, column: SeenColumn<'_>, position: usize) -> Result<Vec<OwnedValue>> {
        let refused = |problem: &str| column.error(self.operation, problem);
        let list = match self.categories {
            Categories::Listed(lists) => lists.get(position).map_or(&[][..], Vec::as_slice),
            Categories::Auto => &[],
        };
        let categories: Vec<OwnedValue> = list
            .iter()
            .map(|category| {
                coerce(category, column.dtype()).ok_or_else(|| {
                    refused(&format!("the category {category} does not fit a {} column", column.dtype()))
                })
            })
            .collect::<Result<_>>()?;
        let Some((_, before)) = categories.split_last() else {
            return Err(refused("the list of categories is empty"));
        };
        if before.iter().any(OwnedValue::is_missing) {
            return Err(refused("a missing value must be the last of the listed categories"));
        }
        let present = categories.iter().filter(|category| !category.is_missing());
        if column.dtype() != DType::String && !present.clone().is_sorted_by(|a, b| order(a, b).is_le()) {
            return Err(refused("numeric categories must be sorted"));
        }
        let keys: HashSet<Key> = present.clone().map(key).collect();
        if keys.len() != present.count() {
            return Err(refused("a category is listed twice"));
        }
        Ok(categories)
    }
}

impl Learnt {
    /// The group of each category: frequent ones keep their order, the infrequent ones share the last. Without
    /// `with_missing` a missing value at the end has no group.
    pub(crate) fn groups(&self, with_missing: bool) -> Vec<usize> {
        let missing = usize::from(!with_missing && self.has_missing());
        let count = self.categories.len() - missing;
        let frequent = count.saturating_sub(self.infrequent.len());
        let mut next = 0;
        (0..count)
            .map(|position| {
                if self.infrequent.binary_search(&position).is_ok() {
                    return frequent;
                }
                next += 1;
                next - 1
            })
            .collect()
    }

    pub(crate) fn has_missing(&self) -> bool {
        self.categories.last().is_some_and(OwnedValue::is_missing)
    }

    pub(crate) fn infrequent_categories(&self) -> Option<Vec<&OwnedValue>> {
        let categories: Vec<&OwnedValue> =
            self.infrequent.iter().filter_map(|position| self.categories.get(*position)).collect();
        (!categories.is_empty()).then_some(categories)
    }

    /// The table from each present category to its slot.
    pub(crate) fn table(&self, dtype: DType, slots: &[u32]) -> Result<Table> {
        let pairs = || {
            self.categories.iter().zip(slots.iter().copied()).filter(|(category, _)| !category.is_missing())
        };
        let misfit = || Error::corrupt("compile plan", "categories", "a category does not fit its column");
        if dtype == DType::String {
            let texts: Vec<(&str, u32)> = pairs()
                .map(|(category, slot)| Ok((category.as_str().ok_or_else(misfit)?, slot)))
                .collect::<Result<_>>()?;
            return Ok(Table::Texts(Lookup::of_texts(texts)?));
        }
        let bits: Vec<(u64, u32)> = pairs()
            .map(|(category, slot)| match key(category) {
                Key::Bits(bits) => Ok((bits, slot)),
                Key::Text(_) => Err(misfit()),
            })
            .collect::<Result<_>>()?;
        Ok(Table::Bits(Lookup::of_bits(bits)?))
    }
}

impl Learnt {
    /// Each present category as a key, in order, with its position among them.
    pub(crate) fn keys(&self, dtype: DType) -> Result<Keys> {
        let misfit = || Error::corrupt("compile plan", "categories", "a category does not fit its column");
        let present = || self.categories.iter().filter(|category| !category.is_missing()).zip(0..);
        if dtype == DType::String {
            let keyed = present()
                .map(|(category, position)| Some((Arc::from(category.as_str()?), position)))
                .collect::<Option<_>>();
            return keyed.map(Keys::Texts).ok_or_else(misfit);
        }
        let keyed = present().map(|(category, position)| match key(category) {
            Key::Bits(bits) => Some((bits, position)),
            Key::Text(_) => None,
        });
        keyed.collect::<Option<_>>().map(Keys::Bits).ok_or_else(misfit)
    }
}

/// `categories_`: one array per column.
pub(crate) fn categories_attribute(learnt: &[Learnt], input: &Schema) -> Attribute {
    let values = learnt.iter().zip(input.fields());
    let values = values
        .map(|(column, field)| Attribute::Values { dtype: field.dtype(), values: column.categories.clone() });
    Attribute::List(values.collect())
}

/// `infrequent_categories_`: one array per column, none where no category is infrequent.
pub(crate) fn infrequent_attribute(learnt: &[Learnt], input: &Schema) -> Attribute {
    let values = learnt.iter().zip(input.fields()).map(|(column, field)| {
        column.infrequent_categories().map(|values| Attribute::Values {
            dtype: field.dtype(),
            values: values.into_iter().cloned().collect(),
        })
    });
    Attribute::List(values.map(Attribute::from).collect())
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Key {
    Bits(u64),
    Text(String),
}

pub(super) fn key(value: &OwnedValue) -> Key {
    match value.as_value() {
        Value::Text(text) => Key::Text(text.to_owned()),
        Value::Float(value) => Key::Bits(float_bits(value)),
        other => Key::Bits(exact_bits(other).unwrap_or(f64::NAN.to_bits())),
    }
}

pub(crate) fn order(left: &OwnedValue, right: &OwnedValue) -> std::cmp::Ordering {
    match (left, right) {
        (OwnedValue::Bool(left), OwnedValue::Bool(right)) => left.cmp(right),
        (OwnedValue::Int(left), OwnedValue::Int(right)) => left.cmp(right),
        (OwnedValue::UInt(left), OwnedValue::UInt(right)) => left.cmp(right),
        (OwnedValue::Float(left), OwnedValue::Float(right)) => left.total_cmp(right),
        (OwnedValue::Text(left), OwnedValue::Text(right)) => left.cmp(right),
        _ => std::cmp::Ordering::Equal,
    }
}

/// The value as a column of this type holds it; `None` where it cannot.
pub(crate) fn coerce(value: &OwnedValue, dtype: DType) -> Option<OwnedValue> {
    let integer = match value {
        OwnedValue::Int(value) => Some(i128::from(*value)),
        OwnedValue::UInt(value) => Some(i128::from(*value)),
        OwnedValue::Float(value) if value.fract() == 0.0 && value.abs() < 2_f64.powi(63) => {
            Some(*value as i128)
        }
        _ => None,
    };
    match dtype {
        _ if value.is_missing() => Some(OwnedValue::Null),
        DType::String => value.as_str().map(OwnedValue::from),
        DType::Bool => match (value, integer) {
            (OwnedValue::Bool(value), _) => Some(OwnedValue::Bool(*value)),
            (_, Some(0)) => Some(OwnedValue::Bool(false)),
            (_, Some(1)) => Some(OwnedValue::Bool(true)),
            _ => None,
        },
        dtype if dtype.is_signed() => {
            integer.and_then(|value| i64::try_from(value).ok()).map(OwnedValue::Int)
        }
        dtype if dtype.is_integer() => {
            integer.and_then(|value| u64::try_from(value).ok()).map(OwnedValue::UInt)
        }
        DType::Float32 => value.as_f64().map(|value| zero(f64::from(value as f32))).map(OwnedValue::Float),
        dtype if dtype.is_float() => value.as_f64().map(zero).map(OwnedValue::Float),
        _ => None,
    }
    .filter(|coerced| !matches!(coerced, OwnedValue::Float(value) if !value.is_finite()))
}

fn zero(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value }
}

/// The rows that are counted between two looks at whether to stop.
const STRETCH: usize = 1 << 12;

/// The distinct values of a column with their counts: sorted, a missing value last. Infinities are refused.
pub(crate) fn count(column: &FitColumn) -> Result<Vec<(OwnedValue, u64)>> {
    if column.dtype().is_temporal() {
        return Err(column.unfit("numbers, bools or text"));
    }
    let view = column.view()?;
    let rows = column.len();
    let mut missing = 0_u64;
    let mut counted: Vec<(OwnedValue, u64)> = match view.texts() {
        Some(Texts::Dictionary(words)) => {
            let (counts, without) = count_words(words, |row| view.is_null(row));
            missing += without;
            counts.into_iter().map(|(text, count)| (OwnedValue::from(text), count)).collect()
        }
        Some(_) => {
            let mut counter = TextCounter::default();
            let mut pace = Pace::default();
            for start in (0..rows).step_by(STRETCH) {
                if pace.is_stopped(STRETCH) {
                    break;
                }
                coded::each(&view, start..rows.min(start + STRETCH), |row, found| match found {
                    coded::Found::Key(key) => counter.add_key(key, row),
                    coded::Found::Text(text) => counter.add(text, row),
                    coded::Found::Missing => missing += 1,
                });
            }
            let counts = counter.into_counts(|row| view.text(row));
            counts.into_iter().map(|(text, count)| (OwnedValue::from(text), count)).collect()
        }
        None if column.dtype().is_float() => {
            let mut counter = Counter::default();
            let numbers = column.numbers()?;
            for (row, value) in paced(numbers.iter().enumerate()) {
                if value.is_nan() {
                    missing += 1;
                } else {
                    counter.add(lookup::Key::of_bits(float_bits(*value)), row);
                }
            }
            let number = |row: usize| numbers.get(row).map(|number| zero(*number));
            let counts = counter.into_counts();
            counts.filter_map(|(row, count)| Some((OwnedValue::Float(number(row)?), count))).collect()
        }
        None => {
            let mut counter = Counter::default();
            for row in paced(0..rows) {
                match exact_bits(view.value(row)) {
                    Some(bits) => counter.add(lookup::Key::of_bits(bits), row),
                    None => missing += 1,
                }
            }
            let value = |row: usize| {
                exact_bits(view.value(row)).map(|bits| exact_value(bits, column.dtype()).into_owned())
            };
            counter.into_counts().filter_map(|(row, count)| Some((value(row)?, count))).collect()
        }
    };
    column.check()?;
    interrupt::sort_unstable_by(&mut counted, |(left, _), (right, _)| order(left, right));
    column.check()?;
    if missing > 0 {
        counted.push((OwnedValue::Null, missing));
    }
    Ok(counted)
}

/// How many rows have each text, and how many have none.
fn count_words<'a>(words: &Dictionary<'a>, is_null: impl Fn(usize) -> bool) -> (HashMap<&'a str, u64>, u64) {
    let texts = words.texts();
    let (mut per_code, mut missing) = (vec![0_u64; texts.len()], 0);
    for (row, code) in words.codes().iter().enumerate() {
        match per_code.get_mut(*code as usize) {
            Some(count) if !is_null(row) => *count += 1,
            _ => missing += 1,
        }
    }
    // A dictionary may hold a text twice, or one that no row has.
    let mut counts: HashMap<&str, u64> = HashMap::new();
    for (text, count) in texts.iter().zip(per_code).filter(|(_, count)| *count > 0) {
        match text {
            Some(text) => *counts.entry(text).or_default() += count,
            None => missing += count,
        }
    }
    (counts, missing)
}
