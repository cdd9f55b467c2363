//! Data on its way through a model: tensors, batches of named tensors, and single rows of a table.
//!
//! Three shapes of the same thing, for three moments. A [`RecordBatch`](crate::arrow::array::RecordBatch) or a [`Row`] is
//! raw: typed columns that may hold nulls. A [`Batch`] is ready for a model: dense, named [`Tensor`]s, nothing
//! missing. Null means missing; NaN is a value like any other.

mod arrow_batch;
mod column_view;
mod concat;
mod convert;
pub(crate) mod element;
mod json;
mod lossless;
#[cfg(feature = "ndarray")]
mod ndarray;
mod record;
mod row;
mod row_buffer;
#[cfg(test)]
mod strategies;
mod table_builder;
pub(crate) mod tensor;
mod value;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;

pub use smol_str::SmolStr;

pub use self::column_view::{ColumnView, Dictionary, Texts};
pub use self::element::Element;
#[doc(hidden)]
pub use self::element::natives;
pub use self::record::RecordReader;
pub use self::row::Row;
pub use self::row_buffer::{RowBuffer, RowScratch};
pub use self::table_builder::{TableBuilder, column_of};
pub use self::tensor::Tensor;
pub use self::value::{OwnedValue, Value};
use crate::error::{Error, Result};
use crate::schema::Schema;

/// Uniquely named tensors in a fixed order: what a model takes and what it answers. Cloning shares the elements.
///
/// ```
/// use mlcore::batch::{Batch, Tensor};
///
/// let batch = Batch::new([("x", Tensor::new([2, 1], vec![1.0_f32, 2.0])?)])?;
/// assert_eq!(batch.rows(), Some(2));
/// assert_eq!(batch.tensor("x")?.values::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Default)]
pub struct Batch {
    tensors: Vec<(SmolStr, Tensor)>,
}

impl Batch {
    /// The batch of these tensors, in this order.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a name that occurs twice.
    pub fn new<N: Into<SmolStr>>(tensors: impl IntoIterator<Item = (N, Tensor)>) -> Result<Self> {
        let tensors: Vec<(SmolStr, Tensor)> =
            tensors.into_iter().map(|(name, tensor)| (name.into(), tensor)).collect();
        match twin(&tensors) {
            Some(name) => Err(Error::invalid_input("build batch", name, "the name occurs twice")),
            None => Ok(Self { tensors }),
        }
    }

    /// A batch of one tensor.
    #[must_use]
    pub fn single(name: impl Into<SmolStr>, tensor: Tensor) -> Self {
        Self { tensors: vec![(name.into(), tensor)] }
    }

    /// The number of tensors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Says whether there is no tensor.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// The rows that every tensor has along its first axis; `None` when they differ, or none has an axis.
    #[must_use]
    pub fn rows(&self) -> Option<usize> {
        let mut sizes = self.tensors.iter().map(|(_, tensor)| tensor.rows());
        let first = sizes.next()??;
        sizes.all(|size| size == Some(first)).then_some(first)
    }

    /// The tensor of this name.
    ///
    /// # Errors
    /// [`Error::NotFound`] listing the names there are.
    pub fn tensor(&self, name: &str) -> Result<&Tensor> {
        self.find(name).ok_or_else(|| {
            let names: Vec<&str> = self.names().collect();
            Error::not_found("read batch", name, format!("the batch holds {}", names.join(", ")))
        })
    }

    /// The tensor of this name, if there is one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|(own, _)| own == name).map(|(_, tensor)| tensor)
    }

    /// Finds one tensor after the other: at once where they are asked for in the order in which they stand.
    pub(crate) fn finder(&self) -> Finder<'_> {
        Finder { batch: self, next: 0, positions: None }
    }

    /// The first tensor: for models that answer one thing.
    #[must_use]
    pub fn first(&self) -> Option<&Tensor> {
        self.tensors.first().map(|(_, tensor)| tensor)
    }

    /// The names in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.tensors.iter().map(|(name, _)| name.as_str())
    }

    /// Names and tensors in order, as they are kept: a clone of either shares or copies in place.
    #[must_use]
    pub fn as_slice(&self) -> &[(SmolStr, Tensor)] {
        &self.tensors
    }

    /// Names and tensors in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// The rows of `range` of every tensor, sharing the elements.
    ///
    /// # Errors
    /// As [`Tensor::rows_in`].
    pub fn rows_in(&self, range: Range<usize>) -> Result<Self> {
        let cut = |(name, tensor): &(SmolStr, Tensor)| Ok((name.clone(), tensor.rows_in(range.clone())?));
        Ok(Self { tensors: self.tensors.iter().map(cut).collect::<Result<_>>()? })
    }

    /// Makes sure that the batch holds exactly the fields of `schema`, by name, in fitting types and shapes. Order is free.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] naming the first tensor that is unknown, is missing or does not fit. A name that is unknown goes
    /// before one that is missing, of which it is most often a misspelling.
    pub fn check(&self, schema: &Schema) -> Result<()> {
        let mut finder = self.finder();
        for field in schema.fields() {
            match finder.find(field.name()) {
                Some(tensor) => field.check(tensor.dtype(), tensor.shape())?,
                None => {
                    self.check_known(schema)?;
                    let problem = format!("missing: {field}");
                    return Err(Error::schema_mismatch(CHECK, field.name(), problem));
                }
            }
        }
        // Names occur once: a batch of as many tensors has no others.
        if self.len() == schema.len() { Ok(()) } else { self.check_known(schema) }
    }

    /// Makes sure that every tensor is one of the fields of `schema`.
    fn check_known(&self, schema: &Schema) -> Result<()> {
        let known: HashSet<&str> = schema.names().collect();
        let Some(unknown) = self.names().find(|name| !known.contains(name)) else { return Ok(()) };
        let (shown, all) = (schema.names().take(MOST_SHOWN).collect::<Vec<_>>().join(", "), schema.len());
        let more = all.saturating_sub(MOST_SHOWN);
        let others = if more > 0 { format!(" and {more} others") } else { String::new() };
        Err(Error::schema_mismatch(CHECK, unknown, format!("not one of {shown}{others}")))
    }
}

const CHECK: &str = "check batch";
/// So many names are told of those that there are.
const MOST_SHOWN: usize = 20;

/// Of so few tensors a name is found by looking at all of them, which is quicker than a table.
const FEW: usize = 32;

/// A name that occurs twice.
fn twin(tensors: &[(SmolStr, Tensor)]) -> Option<&str> {
    if tensors.len() <= FEW {
        let earlier = |position: usize| tensors.iter().take(position);
        let is_twin = |position: usize, name: &SmolStr| earlier(position).any(|(own, _)| own == name);
        let mut names = tensors.iter().enumerate();
        return names
            .find(|(position, (name, _))| is_twin(*position, name))
            .map(|(_, (name, _))| name.as_str());
    }
    let mut seen = HashSet::with_capacity(tensors.len());
    tensors.iter().map(|(name, _)| name.as_str()).find(|name| !seen.insert(*name))
}

/// Finds tensors of a batch by name, see [`Batch::finder`].
pub(crate) struct Finder<'a> {
    batch: &'a Batch,
    /// Where the next one probably stands.
    next: usize,
    /// Made when the first of many does not stand there.
    positions: Option<HashMap<&'a str, usize>>,
}

impl<'a> Finder<'a> {
    pub(crate) fn find(&mut self, name: &str) -> Option<&'a Tensor> {
        let tensors = &self.batch.tensors;
        let expected = self.next;
        self.next += 1;
        if let Some((own, tensor)) = tensors.get(expected)
            && own == name
        {
            return Some(tensor);
        }
        let position = if tensors.len() <= FEW {
            tensors.iter().position(|(own, _)| own == name)
        } else {
            let all = || self.batch.names().enumerate().map(|(position, name)| (name, position)).collect();
            self.positions.get_or_insert_with(all).get(name).copied()
        };
        position.and_then(|position| tensors.get(position)).map(|(_, tensor)| tensor)
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{DType, Dim, Field};

    fn batch(names: &[&str]) -> Result<Batch> {
        Batch::new(names.iter().map(|name| (*name, Tensor::column(vec![0.5_f32; 4]))))
    }

    #[test]
    fn a_batch_is_checked_against_a_schema_by_name() {
        let schema =
            Schema::new(["a", "b"].map(|name| Field::tensor(name, DType::Float32, [Dim::Dynamic]))).unwrap();
        assert!(batch(&["b", "a"]).unwrap().check(&schema).is_ok());
        let missing = batch(&["a"]).unwrap().check(&schema).unwrap_err();
        assert_eq!(missing.to_string(), "check batch b: missing: b: float32 [?]");
        let unknown = batch(&["a", "b", "c"]).unwrap().check(&schema).unwrap_err();
        assert_eq!(unknown.to_string(), "check batch c: not one of a, b");
        // A misspelt name is told of, not the one that is missing for it.
        let misspelt = batch(&["a", "bb"]).unwrap().check(&schema).unwrap_err();
        assert_eq!(misspelt.to_string(), "check batch bb: not one of a, b");
    }

    #[test]
    fn a_batch_of_many_tensors_is_built_and_checked_in_any_order() {
        let names: Vec<String> = (0..20_000).map(|index| format!("v{index}")).collect();
        let fields = |names: &[String]| {
            let field = |name: &String| Field::tensor(name.as_str(), DType::Float64, [Dim::Dynamic]);
            Schema::new(names.iter().map(field)).unwrap()
        };
        let tensor = Tensor::column(vec![0.5]);
        let many = Batch::new(names.iter().rev().map(|name| (name.as_str(), tensor.clone()))).unwrap();
        many.check(&fields(&names)).unwrap();
        let missing = many.check(&fields(&[names.clone(), vec!["w".into()]].concat())).unwrap_err();
        assert!(missing.to_string().starts_with("check batch w: missing"), "{missing}");
        let unknown = many.check(&fields(&names[1..])).unwrap_err();
        assert!(unknown.to_string().starts_with("check batch v0: not one of"), "{unknown}");
        let twins = names.iter().chain(&names[7..8]).map(|name| (name.as_str(), tensor.clone()));
        assert!(
            Batch::new(twins).unwrap_err().to_string().starts_with("build batch v7: the name occurs twice")
        );
    }

    #[test]
    fn twins_are_refused_and_rows_agree_or_are_unknown() {
        assert!(batch(&["a", "a"]).is_err());
        assert_eq!(batch(&["a", "b"]).unwrap().rows(), Some(4));
        let uneven = Batch::new([("a", Tensor::column(vec![1_u8])), ("b", Tensor::column(vec![1_u8, 2]))]);
        assert_eq!(uneven.unwrap().rows(), None);
        assert_eq!(Batch::default().rows(), None);
    }
}
