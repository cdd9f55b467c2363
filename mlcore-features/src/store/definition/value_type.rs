//! What a feature can be, and Feast's names of it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use mlcore::arrow::datatypes::{DataType, Field as ArrowField};
use mlcore::schema::DType;
use mlcore::time::{TimeUnit, TimeZone};
use mlcore::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The type of a feature: one value of a [`DType`], or a list of any length of them.
///
/// It prints and is serialised as `float32` and `list[float32]`. Feast's types have these equals:
///
/// | Feast | here |
/// |---|---|
/// | `STRING`, `BOOL`, `INT32`, `INT64` | `string`, `bool`, `int32`, `int64` |
/// | `FLOAT`, `DOUBLE` | `float32`, `float64` |
/// | `UNIX_TIMESTAMP` | `timestamp[us, tz=UTC]` |
/// | the lists of these | `list[..]` |
/// | `UUID`, `TIME_UUID`, `JSON`, and the lists of these | `string`, `list[string]`: their text |
///
/// ```
/// use mlcore::schema::DType;
/// use mlcore_features::store::definition::ValueType;
///
/// let embedding = ValueType::List(DType::Float32);
/// assert_eq!(embedding.to_string(), "list[float32]");
/// assert_eq!("list[float32]".parse::<ValueType>()?, embedding);
/// assert_eq!(ValueType::from_feast("FLOAT_LIST")?, embedding);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ValueType {
    /// One value.
    Scalar(DType),
    /// A list of any length.
    List(DType),
}

const MOMENT: DType = DType::Timestamp(TimeUnit::Microsecond, Some(TimeZone::UTC));

/// Feast's names, the equal of each, and whether Feast has a name for the equal that is this one.
const FEAST: [(&str, ValueType, bool); 20] = [
    ("STRING", ValueType::Scalar(DType::String), true),
    ("INT32", ValueType::Scalar(DType::Int32), true),
    ("INT64", ValueType::Scalar(DType::Int64), true),
    ("DOUBLE", ValueType::Scalar(DType::Float64), true),
    ("FLOAT", ValueType::Scalar(DType::Float32), true),
    ("BOOL", ValueType::Scalar(DType::Bool), true),
    ("UNIX_TIMESTAMP", ValueType::Scalar(MOMENT), true),
    ("STRING_LIST", ValueType::List(DType::String), true),
    ("INT32_LIST", ValueType::List(DType::Int32), true),
    ("INT64_LIST", ValueType::List(DType::Int64), true),
    ("DOUBLE_LIST", ValueType::List(DType::Float64), true),
    ("FLOAT_LIST", ValueType::List(DType::Float32), true),
    ("BOOL_LIST", ValueType::List(DType::Bool), true),
    ("UNIX_TIMESTAMP_LIST", ValueType::List(MOMENT), true),
    ("UUID", ValueType::Scalar(DType::String), false),
    ("TIME_UUID", ValueType::Scalar(DType::String), false),
    ("JSON", ValueType::Scalar(DType::String), false),
    ("UUID_LIST", ValueType::List(DType::String), false),
    ("TIME_UUID_LIST", ValueType::List(DType::String), false),
    ("JSON_LIST", ValueType::List(DType::String), false),
];

impl ValueType {
    /// The type of a value, or of the elements of a list.
    #[must_use]
    pub const fn dtype(self) -> DType {
        match self {
            Self::Scalar(dtype) | Self::List(dtype) => dtype,
        }
    }

    /// Whether it is a list.
    #[must_use]
    pub const fn is_list(self) -> bool {
        matches!(self, Self::List(_))
    }

    /// The equal of a Feast value type, named as in `feast.ValueType`: `DOUBLE`, `INT64_LIST`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for types without an equal (bytes, maps, sets, structs, decimals), and
    /// [`Error::InvalidInput`] for `UNKNOWN`.
    pub fn from_feast(name: &str) -> Result<Self> {
        const OPERATION: &str = "read Feast value type";
        if name == "UNKNOWN" || name == "INVALID" {
            return Err(Error::invalid_input(OPERATION, name, "it is no type").remedy("say the type"));
        }
        FEAST.iter().find(|(known, ..)| *known == name).map(|(_, own, _)| *own).ok_or_else(|| {
            Error::unsupported(
                OPERATION,
                name,
                "a feature is one value or a list of values, and none of this type",
            )
            .remedy("keep the feature in Feast, or store it as text or as several features")
        })
    }

    /// The name of its equal in Feast; none where Feast has no such type.
    #[must_use]
    pub fn feast_name(self) -> Option<&'static str> {
        FEAST.iter().find(|(_, own, is_equal)| *own == self && *is_equal).map(|(name, ..)| *name)
    }

    /// Whether Feast has a type of this name whose values are read as another type here.
    pub(crate) fn is_read_as_text(name: &str) -> bool {
        FEAST.iter().any(|(known, _, is_equal)| *known == name && !is_equal)
    }

    /// The Arrow type of a column of it: lists are `List` with nullable items.
    #[must_use]
    pub fn to_arrow(self) -> DataType {
        match self {
            Self::Scalar(dtype) => dtype.to_arrow(),
            Self::List(dtype) => DataType::List(Arc::new(ArrowField::new("item", dtype.to_arrow(), true))),
        }
    }

    /// The type of an Arrow column, lists of either width and of fixed length included; `None` where there is no counterpart.
    #[must_use]
    pub fn from_arrow(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                DType::from_arrow(item.data_type()).map(Self::List)
            }
            other => DType::from_arrow(other).map(Self::Scalar),
        }
    }
}

impl From<DType> for ValueType {
    fn from(dtype: DType) -> Self {
        Self::Scalar(dtype)
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(dtype) => dtype.fmt(f),
            Self::List(dtype) => write!(f, "list[{dtype}]"),
        }
    }
}

impl FromStr for ValueType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.strip_prefix("list[").and_then(|rest| rest.strip_suffix(']')) {
            Some(element) => element.parse().map(Self::List),
            None => text.parse().map(Self::Scalar),
        }
    }
}

impl Serialize for ValueType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ValueType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_comes_back_from_text_and_arrow() {
        for dtype in DType::columns() {
            for value_type in [ValueType::Scalar(dtype), ValueType::List(dtype)] {
                assert_eq!(value_type.to_string().parse::<ValueType>().unwrap(), value_type);
                assert_eq!(ValueType::from_arrow(&value_type.to_arrow()), Some(value_type));
                if let Some(name) = value_type.feast_name() {
                    assert_eq!(ValueType::from_feast(name).unwrap(), value_type);
                }
            }
        }
        for text in ["list[", "list[list[int64]]", "list[]", "map", ""] {
            assert!(text.parse::<ValueType>().is_err(), "{text}");
        }
    }
}
