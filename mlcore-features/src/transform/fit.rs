use std::fmt::Debug;

use mlcore::Result;
use mlcore::arrow::array::RecordBatch;

use super::{Training, Transform};

/// A specification that learns from a table.
///
/// Every transformer of this crate is one. A specification of one's own learns in another way and becomes one of the
/// fitted transformers that there are, which a plan can store. (What computes in another way is a
/// [`CustomFunction`](super::custom::CustomFunction).)
///
/// ```
/// use std::sync::Arc;
///
/// use arrow_select::filter::filter_record_batch;
/// use mlcore::Result;
/// use mlcore::arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, cast::AsArray};
/// use mlcore_features::transform::{Fit, FittedStandardScaler, StandardScaler, Training};
///
/// /// Scales by what is normal: by the rows whose target is false.
/// #[derive(Debug)]
/// struct ScaledByNormal;
///
/// impl Fit for ScaledByNormal {
///     type Fitted = FittedStandardScaler;
///
///     fn learn(&self, training: &Training<'_>) -> Result<FittedStandardScaler> {
///         let fraud = training.required_target("fit ScaledByNormal")?.as_boolean();
///         let normal = fraud.iter().map(|fraud| Some(fraud == Some(false))).collect::<BooleanArray>();
///         StandardScaler::default().fit(&filter_record_batch(training.table(), &normal).unwrap())
///     }
/// }
///
/// let amounts = Arc::new(Float64Array::from(vec![10.0, 30.0, 9000.0]));
/// let table = RecordBatch::try_from_iter([("amount", amounts as _)]).unwrap();
/// let fraud: ArrayRef = Arc::new(BooleanArray::from(vec![false, false, true]));
/// let fitted = ScaledByNormal.fit(Training::new(&table).with_target(&fraud))?;
/// assert_eq!(fitted.mean(), Some(&[20.0][..]));
/// assert!(ScaledByNormal.fit(&table).is_err());
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait Fit: Debug + Send + Sync {
    /// What it becomes.
    type Fitted: Transform;

    /// Learns from every column of the table, and from the target and the weights where it uses them.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) for a table without rows or columns, parameters or values
    /// that the transformer refuses, and weights that it does not use;
    /// [`Error::SchemaMismatch`](mlcore::Error::SchemaMismatch) for a column of a type that it does not take. The error
    /// names the column.
    fn learn(&self, training: &Training<'_>) -> Result<Self::Fitted>;

    /// Learns from a table, `fit(&table)`, or from a [`Training`]: [`Fit::learn`] for callers.
    ///
    /// # Errors
    /// As [`Fit::learn`].
    fn fit<'a>(&self, training: impl Into<Training<'a>>) -> Result<Self::Fitted>
    where
        Self: Sized,
    {
        self.learn(&training.into())
    }

    /// Says whether [`fit_transform`](Fit::fit_transform) makes other numbers of the training table than what was fitted
    /// does: those of an encoder that learns from the target and keeps a row's own target out of the row's features. The
    /// names of the columns are the same.
    fn cross_fits(&self) -> bool {
        false
    }

    /// Learns from the table and transforms it: [`Fit::fit_transform`] for implementers, and for whatever learns from the
    /// features of the training table, as the steps of a pipeline do.
    ///
    /// # Errors
    /// As [`Fit::learn`] and [`Transform::transform`].
    fn learn_transform(&self, training: &Training<'_>) -> Result<(Self::Fitted, RecordBatch)> {
        let fitted = self.learn(training)?;
        let transformed = fitted.transform(training.table())?;
        Ok((fitted, transformed))
    }

    /// Learns from the table and transforms it.
    ///
    /// # Errors
    /// As [`Fit::learn`] and [`Transform::transform`].
    fn fit_transform<'a>(&self, training: impl Into<Training<'a>>) -> Result<(Self::Fitted, RecordBatch)>
    where
        Self: Sized,
    {
        self.learn_transform(&training.into())
    }
}
