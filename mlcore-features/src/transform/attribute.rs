use mlcore::batch::OwnedValue;
use mlcore::schema::DType;

/// A learnt attribute, of a kind that every language has: what Python gives under scikit-learn's name.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Float64Array, RecordBatch};
/// use mlcore_features::transform::{Attribute, Fit, StandardScaler, Transform};
///
/// let ages = Arc::new(Float64Array::from(vec![20.0, 40.0]));
/// let table = RecordBatch::try_from_iter([("age", ages as _)]).unwrap();
/// let fitted = StandardScaler::default().with_std(false).fit(&table)?;
/// let attributes = fitted.attributes();
/// assert_eq!(attributes[0], ("mean_", Attribute::Numbers(vec![30.0])));
/// assert_eq!(attributes[1], ("var_", Attribute::None));
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub enum Attribute {
    /// Not learnt.
    None,
    /// How many there are of something, or a position.
    Count(u64),
    /// A list of these, mostly one per column.
    Counts(Vec<u64>),
    /// One number.
    Number(f64),
    /// A list of numbers, mostly one per column.
    Numbers(Vec<f64>),
    /// Values of columns of one type.
    Values {
        /// The type of the columns.
        dtype: DType,
        /// The values.
        values: Vec<OwnedValue>,
    },
    /// Attributes in a list (Python: a list), mostly one per column.
    List(Vec<Attribute>),
    /// Attributes in an array (Python: an array of objects), mostly one per column.
    Objects(Vec<Attribute>),
}

/// Learnt attributes by scikit-learn's names.
pub type Attributes = Vec<(&'static str, Attribute)>;

impl From<u64> for Attribute {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<&[f64]> for Attribute {
    fn from(numbers: &[f64]) -> Self {
        Self::Numbers(numbers.to_vec())
    }
}

impl<T: Into<Attribute>> From<Option<T>> for Attribute {
    fn from(attribute: Option<T>) -> Self {
        attribute.map_or(Self::None, Into::into)
    }
}

impl Attribute {
    /// One number where all columns agree, else one per column: scikit-learn's rule for `n_samples_seen_`. They are
    /// counts where they are whole, which weights need not add up to.
    pub(crate) fn agreed(seen: &[f64]) -> Self {
        let whole = seen.iter().all(|seen| seen.fract() == 0.0);
        match seen {
            [first, rest @ ..] if rest.iter().all(|seen| seen == first) => {
                if whole {
                    Self::Count(*first as u64)
                } else {
                    Self::Number(*first)
                }
            }
            _ if whole => Self::Counts(seen.iter().map(|seen| *seen as u64).collect()),
            _ => Self::Numbers(seen.to_vec()),
        }
    }
}
