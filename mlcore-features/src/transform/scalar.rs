use std::fmt;

use mlcore::schema::DType;
use serde::{Deserialize, Serialize};

use crate::program::exact;

/// One owned value of a column: a category, a fill value, a statistic.
///
/// ```
/// use mlcore_features::transform::Scalar;
///
/// assert_eq!(Scalar::from("gold"), Scalar::Text("gold".to_owned()));
/// assert_eq!(Scalar::from(f64::NAN), Scalar::Missing);
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scalar {
    /// No value: what Arrow calls null and scikit-learn NaN.
    Missing,
    /// A truth value.
    Bool(bool),
    /// A value of a signed integer column.
    Int(i64),
    /// A value of an unsigned integer column.
    UInt(u64),
    /// A value of a float column; never NaN where the library made it.
    Float(#[serde(with = "exact")] f64),
    /// A value of a text column.
    Text(String),
}

impl Scalar {
    /// The value as a float, if it has a numeric reading; NaN for a missing one.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Missing => Some(f64::NAN),
            Self::Bool(value) => Some(f64::from(u8::from(*value))),
            Self::Int(value) => Some(*value as f64),
            Self::UInt(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Text(_) => None,
        }
    }

    /// The text of a text value.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Is it missing?
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// The value as Python's `str` writes a value of a column of this type: what scikit-learn puts into names.
    pub(crate) fn python_str(&self, dtype: DType) -> String {
        match self {
            Self::Missing => "nan".to_owned(),
            Self::Bool(true) => "True".to_owned(),
            Self::Bool(false) => "False".to_owned(),
            Self::Int(value) => value.to_string(),
            Self::UInt(value) => value.to_string(),
            Self::Float(value) if dtype == DType::Float64 => python_float(&format!("{value:?}")),
            Self::Float(value) => python_float(&format!("{:?}", *value as f32)),
            Self::Text(text) => text.clone(),
        }
    }
}

/// Rust's shortest digits in Python's notation: both change to exponents at the same sizes and write them differently.
fn python_float(shortest: &str) -> String {
    match shortest.split_once('e') {
        None => shortest.to_owned(),
        Some((digits, exponent)) => {
            let (sign, size) = exponent.strip_prefix('-').map_or(('+', exponent), |size| ('-', size));
            format!("{digits}e{sign}{size:0>2}")
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            other => f.write_str(&other.python_str(DType::Float64)),
        }
    }
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for Scalar {
    fn from(value: i32) -> Self {
        Self::Int(value.into())
    }
}

impl From<i64> for Scalar {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u64> for Scalar {
    fn from(value: u64) -> Self {
        Self::UInt(value)
    }
}

impl From<f64> for Scalar {
    fn from(value: f64) -> Self {
        if value.is_nan() { Self::Missing } else { Self::Float(value) }
    }
}

impl From<&str> for Scalar {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_named_as_python_names_them() {
        for (value, expected) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (-0.5, "-0.5"),
            (1e16, "1e+16"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e100, "1e+100"),
        ] {
            assert_eq!(Scalar::Float(value).python_str(DType::Float64), expected);
        }
        assert_eq!(Scalar::Float(f64::from(0.1_f32)).python_str(DType::Float32), "0.1");
        assert_eq!(Scalar::Bool(true).python_str(DType::Bool), "True");
        assert_eq!(Scalar::Missing.python_str(DType::String), "nan");
    }
}
