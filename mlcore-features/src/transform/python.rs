//! Values as Python writes them, which scikit-learn's names of features are made of.

use mlcore::batch::{OwnedValue, Value};
use mlcore::schema::DType;

/// A NaN is a missing value, as in scikit-learn: one of both forms, so that equal specifications are equal.
pub(crate) fn without_nan(value: impl Into<OwnedValue>) -> OwnedValue {
    let value = value.into();
    if value.is_missing() { OwnedValue::Null } else { value }
}

/// The value as Python's `str` writes a value of a column of this type.
pub(crate) fn python_str(value: &OwnedValue, dtype: DType) -> String {
    match value.as_value() {
        value if value.is_missing() => "nan".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Float(value) if dtype == DType::Float64 => python_float(&format!("{value:?}")),
        Value::Float(value) => python_float(&format!("{:?}", value as f32)),
        Value::Text(text) => text.to_owned(),
        other => other.to_string(),
    }
}

/// The value as Python's `repr` writes it, but for text, which stands in double quotes.
pub(crate) fn python_repr(value: &OwnedValue) -> String {
    match value.as_str() {
        Some(text) => format!("{text:?}"),
        None => python_str(value, DType::Float64),
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
            assert_eq!(python_str(&value.into(), DType::Float64), expected);
        }
        assert_eq!(python_str(&0.1_f32.into(), DType::Float32), "0.1");
        assert_eq!(python_str(&true.into(), DType::Bool), "True");
        assert_eq!(python_str(&OwnedValue::Null, DType::String), "nan");
        assert_eq!((python_repr(&"a".into()), python_repr(&f64::NAN.into())), ("\"a\"".into(), "nan".into()));
    }

    #[test]
    fn a_nan_is_missing_in_one_form() {
        assert_eq!(without_nan(f64::NAN), OwnedValue::Null);
        assert_eq!(without_nan(0.5), OwnedValue::Float(0.5));
    }
}
