use std::fmt;

use mlcore::batch::{OwnedValue, Value};
use mlcore::schema::DType;

use super::row::number;

/// One feature of a row: a value, or a list of numbers such as an embedding.
///
/// ```
/// use mlcore::batch::Value;
/// use mlcore_features::store::online::Cell;
///
/// let cells = [Cell::from(0.5), Cell::from("gold"), Cell::from(&[0.5f32, 1.0][..]), Cell::from(Value::Null)];
/// assert!(cells[3].is_null());
/// assert_eq!(cells[2].list().and_then(|list| list.get(1)), Some(Value::Float(1.0)));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Cell<'a> {
    /// A single value; null where the feature has none.
    Value(Value<'a>),
    /// A list of numbers.
    List(Numbers<'a>),
}

impl<'a> Cell<'a> {
    /// The absent value.
    pub const NULL: Self = Self::Value(Value::Null);

    /// Says whether there is no value.
    #[must_use]
    pub const fn is_null(self) -> bool {
        matches!(self, Self::Value(Value::Null))
    }

    /// The single value; `None` for a list.
    #[must_use]
    pub const fn value(self) -> Option<Value<'a>> {
        if let Self::Value(value) = self { Some(value) } else { None }
    }

    /// The list; `None` for a single value.
    #[must_use]
    pub const fn list(self) -> Option<Numbers<'a>> {
        if let Self::List(list) = self { Some(list) } else { None }
    }
}

macro_rules! values {
    ($($type:ty),+) => {$(
        impl<'a> From<$type> for Cell<'a> {
            fn from(value: $type) -> Self {
                Self::Value(value.into())
            }
        }
    )+};
}
values!(Value<'a>, bool, i32, i64, u64, f32, f64, &'a str);

impl<'a> From<Numbers<'a>> for Cell<'a> {
    fn from(list: Numbers<'a>) -> Self {
        Self::List(list)
    }
}

/// A list of numbers, borrowed from a slice or from a stored row; of the last values of a window, which may be texts and times, too.
#[derive(Clone, Copy)]
pub struct Numbers<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    /// Little-endian numbers of this type.
    Packed(DType, &'a [u8]),
    Values(&'a [Value<'a>]),
    Owned(&'a [OwnedValue]),
    Int64(&'a [i64]),
    Float32(&'a [f32]),
    Float64(&'a [f64]),
}

impl<'a> Numbers<'a> {
    pub(crate) const fn packed(dtype: DType, bytes: &'a [u8]) -> Self {
        Self(Source::Packed(dtype, bytes))
    }

    pub(crate) const fn owned(values: &'a [OwnedValue]) -> Self {
        Self(Source::Owned(values))
    }

    /// The bytes of elements that are packed, of this type.
    pub(crate) fn bytes_of(&self, dtype: DType) -> Option<&'a [u8]> {
        match self.0 {
            Source::Packed(own, bytes) if own == dtype => Some(bytes),
            _ => None,
        }
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.0 {
            Source::Packed(dtype, bytes) => bytes.len().checked_div(number::width(dtype)).unwrap_or(0),
            Source::Values(values) => values.len(),
            Source::Owned(values) => values.len(),
            Source::Int64(values) => values.len(),
            Source::Float32(values) => values.len(),
            Source::Float64(values) => values.len(),
        }
    }

    /// Says whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at this place.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<Value<'a>> {
        match self.0 {
            Source::Packed(dtype, bytes) => {
                let width = number::width(dtype);
                let start = place.checked_mul(width)?;
                number::read(dtype, bytes.get(start..start.checked_add(width)?)?)
            }
            Source::Values(values) => values.get(place).copied(),
            Source::Owned(values) => values.get(place).map(OwnedValue::as_value),
            Source::Int64(values) => values.get(place).map(|value| Value::Int(*value)),
            Source::Float32(values) => values.get(place).map(|value| Value::Float((*value).into())),
            Source::Float64(values) => values.get(place).map(|value| Value::Float(*value)),
        }
    }

    /// The elements in order.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let own = *self;
        (0..own.len()).map_while(move |place| own.get(place))
    }
}

impl PartialEq for Numbers<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().zip(other.iter()).all(|(own, other)| own == other)
    }
}

impl fmt::Debug for Numbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

macro_rules! slices {
    ($($element:ty, $source:ident;)+) => {$(
        impl<'a> From<&'a [$element]> for Numbers<'a> {
            fn from(values: &'a [$element]) -> Self {
                Self(Source::$source(values))
            }
        }

        impl<'a> From<&'a [$element]> for Cell<'a> {
            fn from(values: &'a [$element]) -> Self {
                Self::List(values.into())
            }
        }
    )+};
}
slices! {
    i64, Int64;
    f32, Float32;
    f64, Float64;
}

impl<'a> From<&'a [Value<'a>]> for Numbers<'a> {
    fn from(values: &'a [Value<'a>]) -> Self {
        Self(Source::Values(values))
    }
}
