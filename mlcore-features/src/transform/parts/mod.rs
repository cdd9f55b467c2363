//! Learning from a table in parts: what each part tells, how two parts are one, and what follows from all of them.
//!
//! A transformer whose numbers are sums, extremes or counts implements [`Parts`], and its `learn` is [`whole`]: the same code on
//! one part. The others say in `refused.rs` why they need all rows at once.

#[cfg(test)]
mod forged;
mod moments;
mod partial_fit;
mod ranges;
mod refused;
mod tally;

use std::fmt::Debug;

use mlcore::schema::{DType, Field, Schema};
use mlcore::{Error, Result, interrupt};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use self::moments::Moments;
pub use self::partial_fit::PartialFit;
pub(crate) use self::partial_fit::agreed;
pub(crate) use self::ranges::{Ranges, extremes};
pub(crate) use self::tally::{Merge, Tally};
use super::{Fit, Training, Transformer, input};

/// A specification that can learn from parts of a table, or says why it cannot.
///
/// Implemented by this crate's transformers; [`PartialFit`] is what callers use.
pub trait Parts: Fit + Clone + Into<Transformer> {
    /// What the rows of one part tell.
    type Part: Clone + Debug + Send + Sync + Serialize + DeserializeOwned;

    /// Why parts do not tell enough; none where they do.
    fn refusal(&self) -> Option<Refusal> {
        None
    }

    /// What these rows tell.
    ///
    /// # Errors
    /// As [`Fit::learn`].
    fn part(&self, training: &Training<'_>) -> Result<Self::Part>;

    /// What both tell together: the rows of `left`, then those of `right`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for parts of two transformers.
    fn merge(&self, left: Self::Part, right: Self::Part) -> Result<Self::Part>;

    /// What was learnt from all rows.
    ///
    /// # Errors
    /// As [`Fit::learn`].
    fn finish(&self, part: Self::Part, seen: &Seen) -> Result<Self::Fitted>;

    /// Whether the part, which may come from anywhere, is one of so many columns by this specification.
    fn holds(&self, part: &Self::Part, columns: usize) -> bool;
}

/// Why a transformer needs all rows at once, and what to do.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    pub(crate) problem: &'static str,
    pub(crate) remedy: &'static str,
}

/// The columns of all parts, and how many rows they have.
#[derive(Clone, PartialEq, Debug)]
pub struct Seen {
    /// Nullable where it was in any part.
    pub(crate) schema: Schema,
    pub(crate) rows: u64,
}

impl Seen {
    /// The input of a transformer that takes nulls where the training table may hold them.
    pub(crate) fn schema(&self) -> Result<Schema> {
        interrupt::check("fit")?;
        Ok(self.schema.clone())
    }

    /// The input of one that has an answer to null.
    pub(crate) fn nullable_schema(&self) -> Result<Schema> {
        interrupt::check("fit")?;
        Schema::new(self.schema.fields().iter().map(|field| field.clone().nullable()))
    }

    /// An input that one part led to, nullable where any part was.
    pub(crate) fn widened(&self, input: &Schema) -> Result<Schema> {
        interrupt::check("fit")?;
        let is_nullable = |name: &str| self.schema.field(name).is_some_and(Field::is_nullable);
        let widened = |field: &Field| match is_nullable(field.name()) {
            true => field.clone().nullable(),
            false => field.clone(),
        };
        Schema::new(input.fields().iter().map(widened))
    }

    /// The rows, as arithmetic needs them.
    pub(crate) fn rows(&self) -> usize {
        usize::try_from(self.rows).unwrap_or(usize::MAX)
    }

    /// The columns in order.
    pub(crate) fn columns(&self) -> impl ExactSizeIterator<Item = SeenColumn<'_>> {
        self.schema.fields().iter().map(SeenColumn)
    }
}

/// A column whose values were seen and are gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeenColumn<'a>(pub(crate) &'a Field);

impl SeenColumn<'_> {
    pub(crate) fn dtype(self) -> DType {
        self.0.dtype()
    }

    /// An error about this column.
    pub(crate) fn error(self, operation: &'static str, problem: impl Into<String>) -> Error {
        Error::invalid_input(operation, self.0.name(), problem)
    }
}

/// Learns from a table that is the only part.
pub(crate) fn whole<T: Parts>(specification: &T, training: &Training<'_>) -> Result<T::Fitted> {
    let part = specification.part(training)?;
    let table = training.table();
    let seen = Seen { schema: input::types_of(table)?, rows: table.num_rows() as u64 };
    specification.finish(part, &seen)
}

/// The list that holds both of each pair, merged.
pub(crate) fn merge_each<P: Merge>(left: Vec<P>, right: Vec<P>) -> Vec<P> {
    left.into_iter().zip(right).map(|(left, right)| left.merge(right)).collect()
}

/// A transformer that learns the columns and nothing of their values, which it only checks.
macro_rules! columns_only {
    ($spec:ident, $fitted:ident) => {
        impl $crate::transform::parts::Parts for $spec {
            type Part = $fitted;

            fn part(&self, training: &Training<'_>) -> Result<$fitted> {
                self.learn(training)
            }

            fn merge(&self, left: $fitted, _: $fitted) -> Result<$fitted> {
                Ok(left)
            }

            fn finish(&self, part: $fitted, seen: &$crate::transform::parts::Seen) -> Result<$fitted> {
                let mut fitted = part;
                fitted.parameters = self.clone();
                fitted.input = seen.widened(&fitted.input)?;
                Ok(fitted)
            }

            fn holds(&self, part: &$fitted, columns: usize) -> bool {
                part.input.len() == columns
            }
        }
    };
}
pub(crate) use columns_only;
