use mlcore::arrow::array::{ArrayRef, RecordBatch};
use mlcore::batch::OwnedValue;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::categories::{Categories, Learning, Learnt, categories_attribute, infrequent_attribute};
use super::combiner::{Combiner, told_apart};
use super::found::Found;
use super::grouping::{Grouping, MinFrequency};
use super::methods::category_methods;
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::encoder::{Encoding, REFUSED, Writes, ZEROS};
use crate::program::kernel::Kernel;
use crate::transform::parts::{self, Parts, Seen};
use crate::transform::python::python_str;
use crate::transform::{Attribute, Attributes, Fit, Parameter, Training, Transform, input, inverse};

/// What a [`OneHotEncoder`] does with a category that it has not seen.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandleUnknown {
    /// Refuses it.
    #[default]
    Error,
    /// Writes zeros into all of the column's features.
    Ignore,
    /// Treats it as infrequent; where there are no infrequent categories, as [`HandleUnknown::Ignore`].
    InfrequentIfExist,
}

/// Which category of each column gets no feature of its own.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
pub enum Drop {
    /// The first.
    First,
    /// The first of columns with exactly two.
    IfBinary,
    /// These, one per column.
    Listed(Vec<OwnedValue>),
}

impl TryFrom<Parameter> for Drop {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        let problem = value.is_not("\"first\", \"if_binary\" or a list with a category of each column");
        match value.as_text() {
            Some("first") => Ok(Self::First),
            Some("if_binary") => Ok(Self::IfBinary),
            Some(_) => Err(problem),
            None => value.into_values().map(Self::Listed).ok_or(problem),
        }
    }
}

impl From<Drop> for Parameter {
    fn from(drop: Drop) -> Self {
        match drop {
            Drop::First => "first".into(),
            Drop::IfBinary => "if_binary".into(),
            Drop::Listed(categories) => categories.into(),
        }
    }
}

/// One feature per category: 1 for the category at hand, 0 for the others.
///
/// Takes text, integers, floats and bools. Categories are compared by value, never by the code of a dictionary. A
/// missing value (null or NaN) is a category of its own, the last one, named `nan`. The result is dense.
///
/// Source: scikit-learn, `OneHotEncoder` with `sparse_output=False`.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{RecordBatch, StringArray};
/// use mlcore_features::transform::{Fit, OneHotEncoder, Transform};
///
/// let plans = Arc::new(StringArray::from(vec!["pro", "free", "pro"]));
/// let table = RecordBatch::try_from_iter([("plan", plans as _)]).unwrap();
/// let fitted = OneHotEncoder::default().fit(&table)?;
/// assert_eq!(fitted.feature_names_out()?, ["plan_free", "plan_pro"]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OneHotEncoder {
    categories: Categories,
    drop: Option<Drop>,
    handle_unknown: HandleUnknown,
    min_frequency: Option<MinFrequency>,
    max_categories: Option<usize>,
    #[serde(skip)]
    combiner: Combiner,
}

impl OneHotEncoder {
    /// How features are named (`feature_name_combiner`): a function of the column's name and the category, which is null for a
    /// missing value and the text `infrequent_sklearn` for those that share a feature. A plan stores the names. Default: both
    /// with `_` between, and a number behind a name that would be there twice.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use mlcore::arrow::array::{RecordBatch, StringArray};
    /// use mlcore_features::transform::{Fit, OneHotEncoder, Transform};
    ///
    /// let plans = Arc::new(StringArray::from(vec!["pro", "free"]));
    /// let table = RecordBatch::try_from_iter([("plan", plans as _)]).unwrap();
    /// let encoder = OneHotEncoder::default().feature_name_combiner(|column, plan| Ok(format!("{column}={plan}")));
    /// assert_eq!(encoder.fit(&table)?.feature_names_out()?, [r#"plan="free""#, r#"plan="pro""#]);
    /// # Ok::<(), mlcore::Error>(())
    /// ```
    #[must_use]
    pub fn feature_name_combiner(
        mut self,
        combine: impl Fn(&str, &OwnedValue) -> Result<String> + Send + Sync + 'static,
    ) -> Self {
        self.combiner = Combiner::new(combine);
        self
    }

    /// Which category of each column gets no feature. Default: none.
    #[must_use]
    pub fn drop(mut self, drop: Drop) -> Self {
        self.drop = Some(drop);
        self
    }

    /// What to do with an unknown category. Default: refuse it.
    #[must_use]
    pub fn handle_unknown(mut self, handle_unknown: HandleUnknown) -> Self {
        self.handle_unknown = handle_unknown;
        self
    }
}

category_methods! {
    OneHotEncoder, FittedOneHotEncoder,
    "Below which frequency categories share one feature, `infrequent_sklearn`. Default: none do.",
    "The most features per column, the infrequent one included. Default: no limit."
}

const OPERATION: &str = "fit OneHotEncoder";

impl Fit for OneHotEncoder {
    type Fitted = FittedOneHotEncoder;

    fn learn(&self, training: &Training<'_>) -> Result<FittedOneHotEncoder> {
        parts::whole(self, training)
    }
}

impl Parts for OneHotEncoder {
    type Part = Vec<Found>;

    fn part(&self, training: &Training<'_>) -> Result<Vec<Found>> {
        self.learning().part(&input::columns(training, OPERATION)?)
    }

    fn merge(&self, left: Vec<Found>, right: Vec<Found>) -> Result<Vec<Found>> {
        Ok(parts::merge_each(left, right))
    }

    fn holds(&self, part: &Vec<Found>, columns: usize) -> bool {
        self.learning().holds(part, columns)
    }

    fn finish(&self, part: Vec<Found>, seen: &Seen) -> Result<FittedOneHotEncoder> {
        let learnt = self.learning().finish(part, seen)?;
        let dropped = self.dropped(&learnt)?;
        let features = learnt.iter().zip(&dropped).map(|(learnt, dropped)| features(learnt, *dropped));
        let names = self.combiner.names(seen.schema.names().zip(features))?;
        Ok(FittedOneHotEncoder {
            parameters: self.clone(),
            input: seen.nullable_schema()?,
            columns: learnt,
            dropped,
            names,
        })
    }
}

impl OneHotEncoder {
    fn learning(&self) -> Learning<'_> {
        Learning {
            operation: OPERATION,
            categories: &self.categories,
            grouping: self.grouping(),
            refuse_unknown: self.handle_unknown == HandleUnknown::Error,
            spare_missing: false,
        }
    }

    /// The group of each column that gets no feature.
    fn dropped(&self, learnt: &[Learnt]) -> Result<Vec<Option<usize>>> {
        let listed = match &self.drop {
            None => return Ok(vec![None; learnt.len()]),
            Some(Drop::First) => return Ok(vec![Some(0); learnt.len()]),
            Some(Drop::IfBinary) => {
                return Ok(learnt.iter().map(|column| (group_count(column) == 2).then_some(0)).collect());
            }
            Some(Drop::Listed(listed)) => listed,
        };
        if listed.len() != learnt.len() {
            return Err(Error::invalid_input(
                OPERATION,
                "drop",
                format!("there are {} categories for {} columns", listed.len(), learnt.len()),
            ));
        }
        listed
            .iter()
            .zip(learnt)
            .map(|(wanted, column)| {
                let found = column.categories.iter().position(|category| equal(category, wanted));
                let Some(found) = found else {
                    return Err(Error::invalid_input(
                        OPERATION,
                        "drop",
                        format!("the category {wanted} was not found in the training data"),
                    ));
                };
                if column.infrequent.contains(&found) {
                    return Err(Error::invalid_input(
                        OPERATION,
                        "drop",
                        format!("the category {wanted} cannot be dropped, because it is infrequent"),
                    ));
                }
                Ok(column.groups(true).get(found).copied())
            })
            .collect()
    }
}

/// Whether they are the same value; numbers of different types are compared by their number.
fn equal(category: &OwnedValue, wanted: &OwnedValue) -> bool {
    match (category, wanted) {
        (OwnedValue::Null, OwnedValue::Null) => true,
        (OwnedValue::Null, _) | (_, OwnedValue::Null) => false,
        (OwnedValue::Text(left), OwnedValue::Text(right)) => left == right,
        _ => category == wanted || (category.as_f64().is_some() && category.as_f64() == wanted.as_f64()),
    }
}

/// The number of features before one is dropped.
fn group_count(column: &Learnt) -> usize {
    match column.infrequent.len() {
        0 => column.categories.len(),
        infrequent => (column.categories.len() + 1).saturating_sub(infrequent),
    }
}

/// A [`OneHotEncoder`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedOneHotEncoder {
    parameters: OneHotEncoder,
    input: Schema,
    columns: Vec<Learnt>,
    dropped: Vec<Option<usize>>,
    /// Those that a function made; none where they are the customary ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    names: Option<Vec<Vec<String>>>,
}

impl FittedOneHotEncoder {
    /// For each column, the position in its categories of the one that gets no feature (`drop_idx_`).
    pub fn drop_idx(&self) -> impl ExactSizeIterator<Item = Option<usize>> {
        self.columns.iter().zip(&self.dropped).map(|(column, dropped)| {
            dropped.and_then(|dropped| column.groups(true).iter().position(|group| *group == dropped))
        })
    }
}

impl FittedOneHotEncoder {
    fn invert(&self, features: &inverse::Features) -> Result<Vec<ArrayRef>> {
        let mut first = 0;
        let mut columns = Vec::with_capacity(self.columns.len());
        for ((learnt, dropped), field) in self.columns.iter().zip(&self.dropped).zip(self.input.fields()) {
            let width = group_count(learnt).saturating_sub(usize::from(dropped.is_some()));
            let own = features.take(first, width)?;
            first += width;
            let rare = inverse::infrequent(field.dtype());
            let by_group = inverse::by_group(learnt, &learnt.groups(true), &rare);
            let category = |group: usize| by_group.get(group).copied().unwrap_or(&OwnedValue::Null);
            let ignores = match self.parameters.handle_unknown {
                HandleUnknown::Error => false,
                HandleUnknown::Ignore => true,
                HandleUnknown::InfrequentIfExist => learnt.infrequent.is_empty(),
            };
            let restored: Vec<&OwnedValue> = (0..features.rows())
                .map(|row| match (hottest(own, row), dropped) {
                    (Some(column), Some(dropped)) => Ok(category(column + usize::from(column >= *dropped))),
                    (Some(column), None) => Ok(category(column)),
                    (None, Some(dropped)) => Ok(category(*dropped)),
                    (None, None) if ignores => Ok(&OwnedValue::Null),
                    (None, None) => Err(Error::invalid_input(
                        inverse::OPERATION,
                        field.name(),
                        format!("row {row}: all features are 0, and no category was dropped"),
                    )),
                })
                .collect::<Result<_>>()?;
            columns.push(inverse::category_column(field, restored.into_iter())?);
        }
        Ok(columns)
    }
}

/// The first of the greatest features of a row; none where they add up to nothing.
fn hottest(features: &[Vec<f64>], row: usize) -> Option<usize> {
    let value =
        |column: usize| features.get(column).and_then(|values| values.get(row)).copied().unwrap_or(0.0);
    if (0..features.len()).map(value).sum::<f64>() == 0.0 {
        return None;
    }
    (0..features.len()).rev().max_by(|left, right| value(*left).total_cmp(&value(*right)))
}

impl Transform for FittedOneHotEncoder {
    fn attributes(&self) -> Attributes {
        let dropped = || self.drop_idx().map(|position| position.map(|position| position as u64).into());
        let drop_idx = match self.parameters.drop {
            None => Attribute::None,
            Some(_) => Attribute::Objects(dropped().collect()),
        };
        vec![
            ("categories_", categories_attribute(&self.columns, &self.input)),
            ("infrequent_categories_", infrequent_attribute(&self.columns, &self.input)),
            ("drop_idx_", drop_idx),
        ]
    }

    fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        inverse::columns(self, table, |features| self.invert(features))
    }
}

impl Lower for FittedOneHotEncoder {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let mut outputs = Vec::new();
        let mut names = self.names(&columns).into_iter();
        for (position, column) in columns.iter().enumerate() {
            let (Some(learnt), Some(dropped)) = (self.columns.get(position), self.dropped.get(position))
            else {
                return Err(Error::corrupt(
                    "compile plan",
                    "OneHotEncoder",
                    "it has fewer categories than columns",
                ));
            };
            let site = builder.site("OneHotEncoder", column);
            let encoder = self.encoder(learnt, *dropped, column)?;
            let names = names.by_ref().take(encoder.writes.width()).collect();
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

impl FittedOneHotEncoder {
    fn encoder(&self, learnt: &Learnt, dropped: Option<usize>, column: &Column) -> Result<Encoding> {
        let slot = |group: usize| match dropped {
            Some(dropped) if dropped == group => ZEROS,
            Some(dropped) if dropped < group => (group - 1) as u32,
            _ => group as u32,
        };
        let groups = learnt.groups(true);
        let slots: Vec<u32> = groups.iter().copied().map(slot).collect();
        let unknown = match self.parameters.handle_unknown {
            HandleUnknown::Error => REFUSED,
            HandleUnknown::Ignore => ZEROS,
            HandleUnknown::InfrequentIfExist => {
                learnt.infrequent.first().and_then(|rare| slots.get(*rare)).copied().unwrap_or(ZEROS)
            }
        };
        let missing = if learnt.has_missing() { slots.last().copied().unwrap_or(unknown) } else { unknown };
        let width = group_count(learnt).saturating_sub(usize::from(dropped.is_some()));
        // A stored plan may say anything; executors write where slots point.
        if slots.iter().any(|slot| *slot != ZEROS && *slot as usize >= width) {
            return Err(Error::corrupt("compile plan", "OneHotEncoder", "its groups do not fit its columns"));
        }
        Ok(Encoding {
            table: learnt.table(column.dtype, &slots)?,
            missing,
            unknown,
            writes: Writes::OneHot { width },
        })
    }
}

/// What the features of a column stand for, in their order.
fn features(learnt: &Learnt, dropped: Option<usize>) -> Vec<OwnedValue> {
    let frequent = learnt
        .categories
        .iter()
        .zip(0..)
        .filter(|(_, position)| learnt.infrequent.binary_search(position).is_err());
    let mut features: Vec<OwnedValue> = frequent.map(|(category, _)| category.clone()).collect();
    if !learnt.infrequent.is_empty() {
        features.push(OwnedValue::from("infrequent_sklearn"));
    }
    if let Some(dropped) = dropped
        && dropped < features.len()
    {
        features.remove(dropped);
    }
    features
}

impl FittedOneHotEncoder {
    /// The names of all features, those of one column after those of another.
    fn names(&self, columns: &[Column]) -> Vec<String> {
        if let Some(names) = &self.names {
            return names.concat();
        }
        let columns = columns.iter().zip(self.columns.iter().zip(&self.dropped));
        let named = columns.flat_map(|(column, (learnt, dropped))| {
            let name =
                |category: OwnedValue| format!("{}_{}", column.name, python_str(&category, column.dtype));
            features(learnt, *dropped).into_iter().map(name)
        });
        told_apart(named.collect())
    }
}
