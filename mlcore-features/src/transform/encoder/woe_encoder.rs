use mlcore::arrow::array::RecordBatch;
use mlcore::batch::OwnedValue;
use mlcore::schema::Schema;
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::numbers::{self, Group, Handled, Handling, Numbered, Supervised, numbered_encoder};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::transform::parts::{self, Merge as _, Parts, Seen};
use crate::transform::{Attributes, Fit, Training, Transform, inverse};

/// The weight of evidence of a column's category: the logarithm of its share of the ones of a target over its share of
/// the zeros.
///
/// With `p` of the `P` ones and `n` of the `N` zeros, and the regularization `r`, a category becomes
/// `ln(((p + r) / (P + 2r)) / ((n + r) / (N + 2r)))`; one of a single row becomes 0, and so does whatever is unknown.
/// Takes text, integers, finite floats and bools, and encodes every column that it is given. Source: category_encoders,
/// `WOEEncoder`, without its random noise.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, Training, WOEEncoder};
///
/// let plans = Arc::new(StringArray::from(vec!["free", "free", "pro", "pro"]));
/// let table = RecordBatch::try_from_iter([("plan", plans as _)]).unwrap();
/// let churned: ArrayRef = Arc::new(BooleanArray::from(vec![true, true, false, true]));
/// let training = Training::new(&table).with_target(&churned);
/// let (_, encoded) = WOEEncoder::default().fit_transform(training)?;
/// let weights = encoded.column(0).as_primitive::<Float64Type>().values();
/// assert_eq!(weights[0], (3.0_f64 / 5.0 / (1.0 / 3.0)).ln());
/// assert_eq!(weights[3], (2.0_f64 / 5.0 / (2.0 / 3.0)).ln());
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WOEEncoder {
    handle_unknown: Handling,
    handle_missing: Handling,
    #[serde(with = "mlcore::exact")]
    regularization: f64,
}

impl Default for WOEEncoder {
    fn default() -> Self {
        // That of category_encoders: one row of each class more in every category.
        Self { handle_unknown: Handling::Value, handle_missing: Handling::Value, regularization: 1.0 }
    }
}

impl WOEEncoder {
    /// How many rows of each class are added to every category, so that none divides by zero. Default 1.
    #[must_use]
    pub fn regularization(mut self, regularization: f64) -> Self {
        self.regularization = regularization;
        self
    }
}

numbered_encoder! {
    WOEEncoder, FittedWOEEncoder,
    "What is written for a category that fitting has not seen. Default: 0, which is no evidence."
}

const OPERATION: &str = "fit WOEEncoder";

impl Fit for WOEEncoder {
    type Fitted = FittedWOEEncoder;

    fn learn(&self, training: &Training<'_>) -> Result<FittedWOEEncoder> {
        parts::whole(self, training)
    }
}

impl WOEEncoder {
    fn tell(&self, training: &Training<'_>) -> Result<Supervised> {
        let extra = self.regularization;
        if !(extra.is_finite() && extra >= 0.0) {
            let problem = format!("{extra} is not a finite number from 0 on");
            return Err(Error::invalid_input(OPERATION, "regularization", problem));
        }
        let (columns, target) = numbers::supervised(training, OPERATION)?;
        if let Some(row) = target.iter().position(|value| *value != 0.0 && *value != 1.0) {
            let value = target.get(row).copied().unwrap_or(f64::NAN);
            let problem = format!("row {row} holds {value}, and it must be 0 or 1");
            return Err(Error::invalid_input(OPERATION, "target", problem)
                .remedy("pass a target of two classes: 0 and 1, false and true, or two texts"));
        }
        Supervised::of(&columns, &target, self.handle_missing)
    }

    fn conclude(&self, part: Supervised) -> Result<(f64, Vec<Numbered>)> {
        let extra = self.regularization;
        let ones = part.sum;
        let zeros = part.target.count - ones;
        if ones == 0.0 || zeros == 0.0 {
            return Err(Error::invalid_input(
                OPERATION,
                "target",
                "all rows are of one class, and two are needed",
            ));
        }
        let weight = |group: &Group| {
            let of_ones = (group.sum + extra) / (ones + 2.0 * extra);
            let of_zeros = (group.count - group.sum + extra) / (zeros + 2.0 * extra);
            // One row is no evidence: columns that are as good as an identifier would be learnt by heart.
            if group.count == 1.0 { 0.0 } else { (of_ones / of_zeros).ln() }
        };
        Ok((0.0, part.numbers(self.handle_missing, |groups| groups.iter().map(weight).collect())))
    }
}

/// A [`WOEEncoder`] that has seen its data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedWOEEncoder {
    parameters: WOEEncoder,
    input: Schema,
    /// What stands for a value without a category.
    #[serde(with = "mlcore::exact")]
    prior: f64,
    columns: Vec<Numbered>,
}
