use mlcore::Result;
use mlcore::arrow::array::RecordBatch;
use mlcore::batch::OwnedValue;
use mlcore::schema::Schema;
use serde::{Deserialize, Serialize};

use super::numbers::{self, Group, Handled, Handling, Numbered, Supervised, numbered_encoder};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::transform::parts::{self, Merge as _, Moments, Parts, Seen};
use crate::transform::{Attributes, Fit, Training, Transform, inverse};

/// The mean of the target in a column's category, drawn towards the mean of all rows as James and Stein do.
///
/// Takes text, integers, finite floats and bools, and encodes every column that it is given; the target is numbers,
/// bools, or texts, which count as their positions. A column in which every row is a category of its own becomes the
/// mean of all rows. Source: category_encoders, `JamesSteinEncoder`, without its random noise and without the model
/// `binary`, whose numbers are where an iterative search happens to stop.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, JamesSteinEncoder, Shrinkage, Training};
///
/// let plans = Arc::new(StringArray::from(vec!["free", "free", "pro", "pro"]));
/// let table = RecordBatch::try_from_iter([("plan", plans as _)]).unwrap();
/// let spent: ArrayRef = Arc::new(Float64Array::from(vec![0.0, 0.0, 6.0, 6.0]));
/// let encoder = JamesSteinEncoder::default().model(Shrinkage::Beta);
/// let (_, encoded) = encoder.fit_transform(Training::new(&table).with_target(&spent))?;
/// assert_eq!(encoded.column(0).as_primitive::<Float64Type>().values(), &[2.0, 2.0, 4.0, 4.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JamesSteinEncoder {
    handle_unknown: Handling,
    handle_missing: Handling,
    model: Shrinkage,
}

/// How far a [`JamesSteinEncoder`] draws the mean of a category towards that of all rows.
///
/// With `K` categories of a column, the share that the mean of all rows gets is kept between 0 and 1.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shrinkage {
    /// By the variance `v` of the target in the category and `V` in all rows: `v / (V + v) * (K - 3) / (K - 1)`.
    #[default]
    Independent,
    /// By one variance for all categories, `V` over the mean number of rows of a category, and the sum `S` of the squared
    /// differences between the means of the categories and that of all rows: `(K - 3) * variance / S`.
    Pooled,
    /// By the number of rows: that of all rows over the sum of both numbers.
    Beta,
}

impl JamesSteinEncoder {
    /// How far the mean of a category is drawn towards that of all rows. Default: by the variances of both.
    #[must_use]
    pub fn model(mut self, model: Shrinkage) -> Self {
        self.model = model;
        self
    }
}

numbered_encoder! {
    JamesSteinEncoder, FittedJamesSteinEncoder,
    "What is written for a category that fitting has not seen. Default: the mean of all rows."
}

const OPERATION: &str = "fit JamesSteinEncoder";

impl Fit for JamesSteinEncoder {
    type Fitted = FittedJamesSteinEncoder;

    fn learn(&self, training: &Training<'_>) -> Result<FittedJamesSteinEncoder> {
        parts::whole(self, training)
    }
}

impl JamesSteinEncoder {
    fn tell(&self, training: &Training<'_>) -> Result<Supervised> {
        let (columns, target) = numbers::supervised(training, OPERATION)?;
        Supervised::of(&columns, &target, self.handle_missing)
    }

    fn conclude(&self, part: Supervised) -> Result<(f64, Vec<Numbered>)> {
        let all = All::of(&part.target);
        let numbers = part.numbers(self.handle_missing, |groups| {
            if groups.len() as f64 == all.count {
                // Every row is a category: their means would be the target itself.
                return vec![all.mean; groups.len()];
            }
            match self.model {
                Shrinkage::Independent => all.independent(groups),
                Shrinkage::Pooled => all.pooled(groups),
                Shrinkage::Beta => all.beta(groups),
            }
        });
        Ok((all.mean, numbers))
    }
}

/// The target of all rows.
struct All {
    count: f64,
    mean: f64,
    variance: f64,
}

impl All {
    fn of(target: &Moments) -> Self {
        let Moments { count, mean, squares, .. } = *target;
        Self { count, mean, variance: squares / (count - 1.0) }
    }

    fn drawn(&self, group: &Group, kept: f64) -> f64 {
        kept * group.mean() + (1.0 - kept) * self.mean
    }

    fn independent(&self, groups: &[Group]) -> Vec<f64> {
        let count = groups.len() as f64;
        let number = |group: &Group| {
            let own = if group.count > 1.0 { group.squares / (group.count - 1.0) } else { 0.0 };
            let given = own / (self.variance + own) * (count - 3.0) / (count - 1.0);
            self.drawn(group, (1.0 - given).clamp(0.0, 1.0))
        };
        groups.iter().map(number).collect()
    }

    fn pooled(&self, groups: &[Group]) -> Vec<f64> {
        let count = groups.len() as f64;
        let variance = self.variance / (self.count / count);
        let apart: f64 = groups.iter().map(|group| (group.mean() - self.mean).powi(2)).sum();
        if apart <= 0.0 {
            return groups.iter().map(Group::mean).collect();
        }
        let given = ((count - 3.0) * variance / apart).clamp(0.0, 1.0);
        groups.iter().map(|group| self.mean + (1.0 - given) * (group.mean() - self.mean)).collect()
    }

    fn beta(&self, groups: &[Group]) -> Vec<f64> {
        groups.iter().map(|group| self.drawn(group, group.count / (group.count + self.count))).collect()
    }
}

/// A [`JamesSteinEncoder`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedJamesSteinEncoder {
    parameters: JamesSteinEncoder,
    input: Schema,
    /// What stands for a value without a category: the mean of all rows.
    #[serde(with = "mlcore::exact")]
    prior: f64,
    columns: Vec<Numbered>,
}
