use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlcore::batch::OwnedValue;
use mlcore::schema::{DType, Schema};
use mlcore::stats::pairwise_sum;
use mlcore::{Error, Result, memory};
use serde::{Deserialize, Serialize};

use super::categories::{Categories, Learning, count};
use super::folds::Folds;
use super::grouping::Grouping;
use super::numbers::{self, Grouped, Numbered, Written};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::transform::input::{self, FitColumn};
use crate::transform::numeric::mean;
use crate::transform::python::python_str;
use crate::transform::{Attribute, Attributes, Fit, Parameter, Training, Transform, inverse, made_by};

/// The mean of the target in a column's category, drawn towards the mean of all rows.
///
/// With a target of several classes, one feature per class: the share of the class. A missing value is a category where
/// fitting has seen one; what fitting has not seen becomes the mean of all rows. Takes text, integers, finite floats
/// and bools.
///
/// [`fit_transform`](Fit::fit_transform) cross-fits: it cuts the rows into [`cv`](TargetEncoder::cv) folds and encodes
/// each by the other ones, so that a model behind it does not learn its target from it. Steps of a pipeline behind this
/// one learn from these features. Source: scikit-learn, `TargetEncoder`; Micci-Barreca (2001).
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, Smooth, TargetEncoder, Training, Transform};
///
/// let plans = Arc::new(StringArray::from(vec!["free", "pro", "free", "pro"]));
/// let table = RecordBatch::try_from_iter([("plan", plans as _)]).unwrap();
/// let spent: ArrayRef = Arc::new(Float64Array::from(vec![0.5, 7.0, 1.5, 9.0]));
/// let encoder = TargetEncoder::default().smooth(Smooth::Rows(0.0)).cv(2).shuffle(false);
/// let (fitted, crossed) = encoder.fit_transform(Training::new(&table).with_target(&spent))?;
/// let numbers = |table: &RecordBatch| table.column(0).as_primitive::<Float64Type>().values().to_vec();
/// assert_eq!(numbers(&crossed), [1.5, 9.0, 0.5, 7.0]);
/// assert_eq!(numbers(&fitted.transform(&table)?), [1.0, 8.0, 1.0, 8.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TargetEncoder {
    categories: Categories,
    target_type: TargetType,
    smooth: Smooth,
    cv: usize,
    shuffle: bool,
    random_state: Option<u32>,
}

/// What the target of a [`TargetEncoder`] is.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetType {
    /// Continuous where floats have fractions, else classes.
    #[default]
    Auto,
    /// Numbers.
    Continuous,
    /// Two classes: the second one counts as 1.
    Binary,
    /// Several classes, each with a feature of its own.
    Multiclass,
}

/// How far a [`TargetEncoder`] draws the mean of a category towards that of all rows.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Parameter", into = "Parameter")]
pub enum Smooth {
    /// By the variances of the target in the category and in all rows: an empirical Bayes estimate.
    #[default]
    Auto,
    /// As so many further rows with the mean of all rows would.
    Rows(f64),
}

impl TryFrom<Parameter> for Smooth {
    type Error = String;

    fn try_from(value: Parameter) -> Result<Self, String> {
        match &value {
            Parameter::Value(own @ (OwnedValue::Int(_) | OwnedValue::UInt(_) | OwnedValue::Float(_))) => {
                own.as_f64().map(Self::Rows).ok_or_else(|| value.is_not("a number"))
            }
            word if word.as_text() == Some("auto") => Ok(Self::Auto),
            _ => Err(value.is_not("\"auto\" or a number that is not negative")),
        }
    }
}

impl From<Smooth> for Parameter {
    fn from(smooth: Smooth) -> Self {
        match smooth {
            Smooth::Auto => "auto".into(),
            Smooth::Rows(rows) => rows.into(),
        }
    }
}

impl Default for TargetEncoder {
    fn default() -> Self {
        Self {
            categories: Categories::Auto,
            target_type: TargetType::Auto,
            smooth: Smooth::Auto,
            // scikit-learn's: each fold is encoded by four fifths of the rows.
            cv: 5,
            shuffle: true,
            random_state: None,
        }
    }
}

impl TargetEncoder {
    /// Where the categories come from. Default: the training data. As in scikit-learn, training rows outside the listed
    /// categories count for the first of them.
    #[must_use]
    pub fn categories(mut self, categories: Categories) -> Self {
        self.categories = categories;
        self
    }

    /// What the target is. Default: its type and its values say so.
    #[must_use]
    pub fn target_type(mut self, target_type: TargetType) -> Self {
        self.target_type = target_type;
        self
    }

    /// How far the mean of a category is drawn towards that of all rows. Default: by the variances of both.
    #[must_use]
    pub fn smooth(mut self, smooth: Smooth) -> Self {
        self.smooth = smooth;
        self
    }

    /// The number of folds of [`fit_transform`](Fit::fit_transform), at least 2. Default 5.
    #[must_use]
    pub fn cv(mut self, cv: usize) -> Self {
        self.cv = cv;
        self
    }

    /// Sets whether rows are shuffled before they are cut into folds. Default `true`.
    #[must_use]
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// The seed of that order; equal seeds give the folds that scikit-learn makes for this `random_state`. Without one the
    /// seed is 0, where scikit-learn draws anew each time.
    #[must_use]
    pub fn random_state(mut self, random_state: u32) -> Self {
        self.random_state = Some(random_state);
        self
    }
}

const OPERATION: &str = "fit TargetEncoder";

/// What is learnt from: the rows by their categories, and a target for each feature of a column.
struct Prepared {
    columns: Vec<FitColumn>,
    grouped: Vec<Grouped>,
    targets: Vec<Vec<f64>>,
    classes: Option<Classes>,
    /// The class of each row, where folds are to have equal shares of them.
    strata: Option<Vec<usize>>,
}

/// The classes of the target, sorted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Classes {
    dtype: DType,
    values: Vec<OwnedValue>,
}

impl Fit for TargetEncoder {
    type Fitted = FittedTargetEncoder;

    fn learn(&self, training: &Training<'_>) -> Result<FittedTargetEncoder> {
        self.fitted(&self.prepare(training)?)
    }

    fn cross_fits(&self) -> bool {
        true
    }

    fn learn_transform(&self, training: &Training<'_>) -> Result<(FittedTargetEncoder, RecordBatch)> {
        let prepared = self.prepare(training)?;
        let fitted = self.fitted(&prepared)?;
        let crossed = self.crossed(&prepared)?;
        let transformed = made_by(&fitted, crossed, training.table().num_rows())?;
        Ok((fitted, transformed))
    }
}

impl TargetEncoder {
    fn prepare(&self, training: &Training<'_>) -> Result<Prepared> {
        if let Smooth::Rows(rows) = self.smooth
            && !(rows.is_finite() && rows >= 0.0)
        {
            let problem = format!("{rows} is not a finite number from 0 on");
            return Err(Error::invalid_input(OPERATION, "smooth", problem));
        }
        if self.cv < 2 {
            let problem = format!("{} folds are too few to learn from one and encode another", self.cv);
            return Err(Error::invalid_input(OPERATION, "cv", problem).remedy("set cv to 2 or more"));
        }
        let columns = input::columns(training, OPERATION)?;
        let target = input::target(training.required_target(OPERATION)?, OPERATION)?;
        let learning = Learning {
            operation: OPERATION,
            categories: &self.categories,
            grouping: Grouping::default(),
            refuse_unknown: false,
            spare_missing: false,
        };
        let learnt = learning.learn(&columns)?;
        let grouped = columns.iter().zip(learnt).map(|(column, learnt)| Grouped::by(column, learnt));
        let grouped = grouped.collect::<Result<_>>()?;
        target.present()?;
        let values: Vec<OwnedValue> = count(&target)?.into_iter().map(|(value, _)| value).collect();
        let is_continuous =
            values.iter().any(|value| matches!(value, OwnedValue::Float(x) if x.fract() != 0.0));
        let target_type = match self.target_type {
            TargetType::Auto if is_continuous => TargetType::Continuous,
            TargetType::Auto if values.len() > 2 => TargetType::Multiclass,
            TargetType::Auto => TargetType::Binary,
            given => given,
        };
        if target_type == TargetType::Continuous {
            let targets = vec![target.finite_numbers()?.into_owned()];
            return Ok(Prepared { columns, grouped, targets, classes: None, strata: None });
        }
        let expected = match target_type {
            TargetType::Binary if values.len() > 2 => Some("two"),
            TargetType::Multiclass if values.len() < 3 => Some("more than two"),
            _ => None,
        };
        if let Some(expected) = expected {
            let problem = format!("it has {} classes, and {expected} are needed", values.len());
            return Err(Error::invalid_input(OPERATION, "target", problem)
                .remedy("set target_type to \"auto\", or to what the target is"));
        }
        if target_type == TargetType::Multiclass {
            memory::require::<f64>(OPERATION, "target", &[target.len(), values.len()])?;
        }
        let codes = Grouped::of(&target)?.codes;
        let codes: Vec<usize> = codes.into_iter().map(Option::unwrap_or_default).collect();
        let is = |class: usize| codes.iter().map(|code| f64::from(u8::from(*code == class))).collect();
        let targets = match target_type {
            TargetType::Multiclass => (0..values.len()).map(is).collect(),
            _ => vec![is(1)],
        };
        let classes = Some(Classes { dtype: target.dtype(), values });
        let strata = (!is_continuous).then_some(codes);
        Ok(Prepared { columns, grouped, targets, classes, strata })
    }

    fn fitted(&self, prepared: &Prepared) -> Result<FittedTargetEncoder> {
        let mut columns = Vec::with_capacity(prepared.columns.len());
        for (column, grouped) in prepared.columns.iter().zip(&prepared.grouped) {
            let mut each = Vec::with_capacity(prepared.targets.len());
            for target in &prepared.targets {
                column.check()?;
                each.push(self.encodings(grouped, target, |_| true).0);
            }
            let categories = 0..grouped.learnt.categories.len();
            let row = |category: usize| each.iter().filter_map(move |own| own.get(category)).copied();
            columns.push(Numbered {
                learnt: grouped.learnt.clone(),
                numbers: categories.flat_map(row).collect(),
            });
        }
        Ok(FittedTargetEncoder {
            parameters: self.clone(),
            input: input::nullable_schema(&prepared.columns)?,
            target_mean: prepared.targets.iter().map(|target| mean(target)).collect(),
            classes: prepared.classes.clone(),
            columns,
        })
    }

    /// The features of the training rows, each by the folds without it.
    fn crossed(&self, prepared: &Prepared) -> Result<Vec<ArrayRef>> {
        let seed = self.shuffle.then(|| self.random_state.unwrap_or(0));
        let folds = Folds { operation: OPERATION, count: self.cv, seed };
        let rows = prepared.targets.first().map_or(0, Vec::len);
        let folds = match &prepared.strata {
            Some(classes) => folds.of_classes(classes)?,
            None => folds.of_rows(rows)?,
        };
        let mut features: Vec<ArrayRef> = Vec::new();
        for (column, grouped) in prepared.columns.iter().zip(&prepared.grouped) {
            for target in &prepared.targets {
                let mut feature = vec![f64::NAN; rows];
                let mut last = f64::NAN;
                for fold in 0..self.cv {
                    column.check()?;
                    let (encodings, mean) =
                        self.encodings(grouped, target, |row| folds.get(row) != Some(&fold));
                    last = mean;
                    let own =
                        feature.iter_mut().zip(&grouped.codes).zip(&folds).filter(|(_, own)| **own == fold);
                    for ((number, code), _) in own {
                        *number = code.and_then(|code| encodings.get(code)).copied().unwrap_or(f64::NAN);
                    }
                }
                // As in scikit-learn, rows outside the listed categories are written anew with each fold.
                for (number, _) in feature.iter_mut().zip(&grouped.codes).filter(|(_, code)| code.is_none()) {
                    *number = last;
                }
                features.push(Arc::new(Float64Array::from(feature)));
            }
        }
        Ok(features)
    }

    /// The number of each category, by the rows that are learnt from, and the mean of their target.
    fn encodings(
        &self,
        grouped: &Grouped,
        target: &[f64],
        learns: impl Fn(usize) -> bool,
    ) -> (Vec<f64>, f64) {
        let rows = || target.iter().enumerate().filter(|(row, _)| learns(*row));
        let values: Vec<f64> = rows().map(|(_, value)| *value).collect();
        let all = mean(&values);
        // scikit-learn's arithmetic: rows outside the listed categories count for the first.
        let code = |row: usize| grouped.codes.get(row).copied().flatten().unwrap_or(0);
        let count = grouped.learnt.categories.len();
        let (added, sum) = match self.smooth {
            Smooth::Auto => (0.0, 0.0),
            Smooth::Rows(rows) => (rows, rows * all),
        };
        let (mut sums, mut counts) = (vec![sum; count], vec![added; count]);
        for (row, value) in rows() {
            if let (Some(sum), Some(count)) = (sums.get_mut(code(row)), counts.get_mut(code(row))) {
                *sum += value;
                *count += 1.0;
            }
        }
        let means: Vec<f64> = sums.iter().zip(&counts).map(|(sum, count)| sum / count).collect();
        if self.smooth != Smooth::Auto {
            let seen = means.iter().zip(&counts);
            return (seen.map(|(mean, count)| if *count == 0.0 { all } else { *mean }).collect(), all);
        }
        let variance = pairwise_sum(values.len(), &|row| (values[row] - all).powi(2)) / values.len() as f64;
        let mut squares = vec![0.0; count];
        for (row, value) in rows() {
            if let (Some(squares), Some(mean)) = (squares.get_mut(code(row)), means.get(code(row))) {
                *squares += (value - mean).powi(2);
            }
        }
        let drawn = |((mean, count), squares): ((&f64, &f64), &f64)| {
            let kept = variance * count / (variance * count + squares / count);
            // Of a category without rows, or where neither it nor the target varies.
            if kept.is_nan() { all } else { kept * mean + (1.0 - kept) * all }
        };
        (means.iter().zip(&counts).zip(&squares).map(drawn).collect(), all)
    }
}

/// A [`TargetEncoder`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedTargetEncoder {
    parameters: TargetEncoder,
    input: Schema,
    /// The mean of the target, or the share of each class.
    #[serde(with = "mlcore::exact")]
    target_mean: Vec<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    classes: Option<Classes>,
    columns: Vec<Numbered>,
}

impl FittedTargetEncoder {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &TargetEncoder {
        &self.parameters
    }

    /// The categories of each column (`categories_`), a missing value last.
    pub fn categories(&self) -> impl ExactSizeIterator<Item = &[OwnedValue]> {
        self.columns.iter().map(|column| column.learnt.categories.as_slice())
    }

    /// The mean of the target (`target_mean_`); with several classes, the share of each.
    #[must_use]
    pub fn target_mean(&self) -> &[f64] {
        &self.target_mean
    }

    /// The classes of the target (`classes_`), sorted; `None` where it is continuous.
    #[must_use]
    pub fn classes(&self) -> Option<&[OwnedValue]> {
        self.classes.as_ref().map(|classes| classes.values.as_slice())
    }

    /// The number of each category (`encodings_`), of each column and, with several classes, each class of it.
    #[must_use]
    pub fn encodings(&self) -> Vec<Vec<f64>> {
        let width = self.target_mean.len();
        let of = |column: &Numbered, feature: usize| {
            column.numbers.iter().skip(feature).step_by(width.max(1)).copied().collect()
        };
        let columns = self.columns.iter();
        columns.flat_map(|column| (0..width).map(move |feature| of(column, feature))).collect()
    }

    /// The names of the features of a column.
    fn names(&self, column: &str) -> Result<Vec<String>> {
        match (&self.classes, self.target_mean.len()) {
            (_, 1) => Ok(vec![column.to_owned()]),
            (Some(Classes { dtype, values }), width) if values.len() == width => {
                Ok(values.iter().map(|class| format!("{column}_{}", python_str(class, *dtype))).collect())
            }
            _ => Err(Error::corrupt(
                "compile plan",
                "TargetEncoder",
                "its means do not fit the classes of its target",
            )),
        }
    }
}

impl Transform for FittedTargetEncoder {
    fn attributes(&self) -> Attributes {
        let target_mean = match self.target_mean.as_slice() {
            [mean] => Attribute::Number(*mean),
            shares => shares.into(),
        };
        let classes = self
            .classes
            .as_ref()
            .map(|classes| Attribute::Values { dtype: classes.dtype, values: classes.values.clone() });
        let encodings = self.encodings().into_iter().map(Attribute::Numbers).collect();
        vec![
            ("categories_", numbers::categories(&self.columns, &self.input)),
            ("encodings_", Attribute::List(encodings)),
            ("target_mean_", target_mean),
            ("classes_", classes.into()),
        ]
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(inverse::irreversible("TargetEncoder"))
    }
}

impl Lower for FittedTargetEncoder {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let mut outputs = Vec::new();
        for (position, column) in columns.iter().enumerate() {
            let own = self.columns.get(position).ok_or_else(|| numbers::fewer("TargetEncoder"))?;
            let mean = Some(self.target_mean.as_slice());
            let written = Written { column: own, missing: mean, unknown: mean };
            let names = self.names(&column.name)?;
            outputs.extend(written.lower(builder, "TargetEncoder", column, names)?);
        }
        Ok(outputs)
    }
}
