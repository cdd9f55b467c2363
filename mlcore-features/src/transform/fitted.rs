use std::fmt::Debug;
use std::num::NonZeroUsize;
use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use mlcore::schema::Schema;
use mlcore::{Error, Result};

use super::Attributes;
use crate::program::{Lower, Program, columnar};

/// What a specification became by learning: a pure function from tables of one schema to tables of another.
///
/// Implemented by this crate's transformers only, because a stored plan must mean the same wherever it is loaded. A transformer of
/// one's own is a [`CustomFunction`](super::custom::CustomFunction), which plans know by name and version.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, RecordBatch, StringArray};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, OneHotEncoder, Transform};
///
/// let words = |words: Vec<&'static str>| {
///     RecordBatch::try_from_iter([("plan", Arc::new(StringArray::from(words)) as _)]).unwrap()
/// };
/// let fitted = OneHotEncoder::default().fit(&words(vec!["free", "pro"]))?;
/// assert_eq!(fitted.input().names().collect::<Vec<_>>(), ["plan"]);
/// assert_eq!(fitted.feature_names_out()?, ["plan_free", "plan_pro"]);
///
/// let later = words(vec!["pro", "pro"]);
/// let features = fitted.transform(&later)?;
/// assert_eq!(features.column(1).as_primitive::<Float64Type>().values(), &[1.0, 1.0]);
/// assert_eq!(fitted.inverse_transform(&features)?.columns(), later.columns());
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait Transform: Lower + Debug + Send + Sync {
    /// The columns it reads, by name.
    fn input(&self) -> &Schema {
        self.schema()
    }

    /// The columns it makes.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) when two of them have the same name, and
    /// [`Error::Corrupt`](mlcore::Error::Corrupt) for a fitted state that was stored and damaged.
    fn output(&self) -> Result<Schema> {
        Ok(Program::compile(self)?.output)
    }

    /// The transformed table; its columns are [`output`](Transform::output). Columns are bound by name: their order is
    /// free and others are ignored. An empty table gives an empty table.
    ///
    /// # Errors
    /// As [`Transform::output`]; [`Error::SchemaMismatch`](mlcore::Error::SchemaMismatch) for a column that is missing,
    /// of another type or null where that is not allowed; [`Error::InvalidInput`](mlcore::Error::InvalidInput) for a
    /// value that is refused, with its column and row.
    fn transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
        columnar::to_table(&Program::compile(self)?, table, NonZeroUsize::MIN)
    }

    /// What it learnt, by scikit-learn's names: `mean_`, `categories_`, ...
    fn attributes(&self) -> Attributes;

    /// Turns what [`transform`](Transform::transform) made back into columns (`inverse_transform`), as far as features
    /// tell: numbers come back as `float64` and bins as their centres, an unknown category as null, an infrequent one as
    /// the text `infrequent_sklearn` or as null. The table must have the columns of [`output`](Transform::output).
    ///
    /// # Errors
    /// [`Error::Unsupported`](mlcore::Error::Unsupported) for a [`ColumnTransformer`](crate::pipeline::ColumnTransformer),
    /// for a [`FeatureUnion`](crate::pipeline::FeatureUnion),
    /// for a [`SimpleImputer`](super::SimpleImputer) without indicators, and for encoders that may write one number for several
    /// categories;
    /// [`Error::SchemaMismatch`](mlcore::Error::SchemaMismatch) for a column that is missing or no number;
    /// [`Error::InvalidInput`](mlcore::Error::InvalidInput) for features that no category or bin has.
    fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch>;

    /// The names of the columns it makes (`get_feature_names_out`).
    ///
    /// # Errors
    /// As [`Transform::output`].
    fn feature_names_out(&self) -> Result<Vec<String>> {
        Ok(self.output()?.names().map(str::to_owned).collect())
    }
}

/// The table of columns that were made in the place of those that `fitted` makes of the training table.
pub(crate) fn made_by(
    fitted: &(impl Transform + ?Sized),
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch> {
    let schema = Arc::new(fitted.output()?.to_arrow()?);
    RecordBatch::try_new_with_options(schema, columns, &RecordBatchOptions::new().with_row_count(Some(rows)))
        .map_err(|cause| Error::internal("fit", "output columns", cause.to_string()).caused_by(cause))
}
