use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlcore::batch::OwnedValue;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::numbers::{self, Handled, Handling, Numbered, Supervised, numbered_encoder};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::transform::parts::{self, Merge as _, Parts, Seen};
use crate::transform::{Attributes, Fit, Training, Transform, inverse, made_by};

/// The mean of the target in a column's category; of the training table, without the row at hand.
///
/// [`fit_transform`](Fit::fit_transform) leaves the target of each row out of the row's own mean, so that a model
/// behind it does not learn its target from it. A category of a single row becomes the mean of all rows. Takes text,
/// integers, finite floats and bools, and encodes every column that it is given; the target is numbers, bools, or
/// texts, which count as their positions. Source: category_encoders, `LeaveOneOutEncoder`, without its random noise.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, LeaveOneOutEncoder, Training, Transform};
///
/// let plans = Arc::new(StringArray::from(vec!["free", "free", "free", "pro"]));
/// let table = RecordBatch::try_from_iter([("plan", plans as _)]).unwrap();
/// let spent: ArrayRef = Arc::new(Float64Array::from(vec![0.0, 3.0, 6.0, 11.0]));
/// let training = Training::new(&table).with_target(&spent);
/// let (fitted, crossed) = LeaveOneOutEncoder::default().fit_transform(training)?;
/// assert_eq!(crossed.column(0).as_primitive::<Float64Type>().values(), &[4.5, 3.0, 1.5, 5.0]);
/// let encoded = fitted.transform(&table)?;
/// assert_eq!(encoded.column(0).as_primitive::<Float64Type>().values(), &[3.0, 3.0, 3.0, 5.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LeaveOneOutEncoder {
    handle_unknown: Handling,
    handle_missing: Handling,
    #[serde(with = "mlcore::exact")]
    sigma: Option<f64>,
}

numbered_encoder! {
    LeaveOneOutEncoder, FittedLeaveOneOutEncoder,
    "What is written for a category that fitting has not seen. Default: the mean of all rows."
}

const OPERATION: &str = "fit LeaveOneOutEncoder";

impl Fit for LeaveOneOutEncoder {
    type Fitted = FittedLeaveOneOutEncoder;

    fn learn(&self, training: &Training<'_>) -> Result<FittedLeaveOneOutEncoder> {
        parts::whole(self, training)
    }

    fn cross_fits(&self) -> bool {
        true
    }

    fn learn_transform(&self, training: &Training<'_>) -> Result<(FittedLeaveOneOutEncoder, RecordBatch)> {
        let fitted = self.learn(training)?;
        let (columns, target) = numbers::supervised(training, OPERATION)?;
        let without_own = |column| -> Result<ArrayRef> {
            let grouped = numbers::grouped(column, self.handle_missing)?;
            let groups = grouped.groups(&target);
            let is_missing = |code: usize| {
                self.handle_missing == Handling::ReturnNan
                    && grouped.learnt.has_missing()
                    && code + 1 == groups.len()
            };
            let number = |(code, own): (&Option<usize>, &f64)| {
                let group = code.and_then(|code| groups.get(code)).filter(|group| group.count > 1.0);
                match group {
                    _ if code.is_some_and(is_missing) => f64::NAN,
                    Some(group) => (group.sum - own) / (group.count - 1.0),
                    None => fitted.prior,
                }
            };
            Ok(Arc::new(grouped.codes.iter().zip(&target).map(number).collect::<Float64Array>()))
        };
        let crossed = columns.iter().map(without_own).collect::<Result<_>>()?;
        let transformed = made_by(&fitted, crossed, training.table().num_rows())?;
        Ok((fitted, transformed))
    }
}

impl LeaveOneOutEncoder {
    fn tell(&self, training: &Training<'_>) -> Result<Supervised> {
        if self.sigma.is_some() {
            return Err(Error::unsupported(OPERATION, "sigma", "no noise is added to the features")
                .remedy("leave sigma at None, or add noise to the answer of fit_transform"));
        }
        let (columns, target) = numbers::supervised(training, OPERATION)?;
        Supervised::of(&columns, &target, self.handle_missing)
    }

    fn conclude(&self, part: Supervised) -> Result<(f64, Vec<Numbered>)> {
        let prior = part.target.mean;
        let numbers = part.numbers(self.handle_missing, |groups| {
            groups.iter().map(|group| if group.count > 1.0 { group.mean() } else { prior }).collect()
        });
        Ok((prior, numbers))
    }
}

/// A [`LeaveOneOutEncoder`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedLeaveOneOutEncoder {
    parameters: LeaveOneOutEncoder,
    input: Schema,
    /// What stands for a value without a category: the mean of all rows.
    #[serde(with = "mlcore::exact")]
    prior: f64,
    columns: Vec<Numbered>,
}
