//! Values from every Rust type that is one.

use half::f16;

use super::{OwnedValue, Value};
use crate::error::{Error, Result};
use crate::time::{Date, DateTime, Time, Timestamp};

/// The conversions into a variant, and from its Rust types.
macro_rules! conversions {
    ($($variant:ident from $($native:ty),+;)+) => {$($(
        impl From<$native> for Value<'_> {
            fn from(value: $native) -> Self {
                Self::$variant(value.into())
            }
        }

        impl From<$native> for OwnedValue {
            fn from(value: $native) -> Self {
                Self::$variant(value.into())
            }
        }
    )+)+};
}

conversions! {
    Bool from bool;
    Int from i8, i16, i32, i64;
    UInt from u8, u16, u32, u64;
    Float from f16, f32, f64;
    Date from Date;
    Time from Time;
    DateTime from DateTime;
    Timestamp from Timestamp, std::time::SystemTime;
}

/// Integers of the machine's width: no machine's are wider than 64 bits.
macro_rules! machine_integers {
    ($($native:ident as $wide:ident in $variant:ident),+) => {$(
        impl From<$native> for Value<'_> {
            fn from(value: $native) -> Self {
                Self::$variant(value as $wide)
            }
        }

        impl From<$native> for OwnedValue {
            fn from(value: $native) -> Self {
                Self::$variant(value as $wide)
            }
        }
    )+};
}

machine_integers! { isize as i64 in Int, usize as u64 in UInt }

/// Integers that are wider than a cell.
macro_rules! wide_integers {
    ($($native:ident),+) => {$(
        impl TryFrom<$native> for Value<'_> {
            type Error = Error;

            fn try_from(value: $native) -> Result<Self> {
                let wide = |_| {
                    Error::invalid_input("make value", value.to_string(), "the integer has more than 64 bits")
                        .remedy("pass a float or text")
                };
                i64::try_from(value).map(Self::Int).or_else(|_| u64::try_from(value).map(Self::UInt)).map_err(wide)
            }
        }

        impl TryFrom<$native> for OwnedValue {
            type Error = Error;

            fn try_from(value: $native) -> Result<Self> {
                Value::try_from(value).map(Value::into_owned)
            }
        }
    )+};
}

wide_integers! { i128, u128 }

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'a> From<&'a OwnedValue> for Value<'a> {
    fn from(value: &'a OwnedValue) -> Self {
        value.as_value()
    }
}

impl From<&str> for OwnedValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for OwnedValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Self>> From<Option<T>> for OwnedValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<Value<'_>> for OwnedValue {
    fn from(value: Value<'_>) -> Self {
        value.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_a_value() {
        let values: [Value<'_>; 13] = [
            1_i8.into(),
            1_i16.into(),
            1_i32.into(),
            1_i64.into(),
            1_isize.into(),
            1_u8.into(),
            1_u16.into(),
            1_u32.into(),
            1_u64.into(),
            1_usize.into(),
            f16::ONE.into(),
            1_f32.into(),
            1_f64.into(),
        ];
        assert!(values.iter().all(|value| value.as_f64() == Some(1.0)));
        assert_eq!(Value::try_from(i128::from(u64::MAX)).unwrap(), Value::UInt(u64::MAX));
        assert_eq!(Value::try_from(-1_i128).unwrap(), Value::Int(-1));
        assert!(Value::try_from(u128::MAX).unwrap_err().to_string().contains("more than 64 bits"));
        let name = String::from("a");
        assert_eq!([Value::from(&name), Value::from(Some("a"))], [Value::Text("a"); 2]);
        assert_eq!(OwnedValue::from(name), OwnedValue::from(Value::Text("a")));
        assert_eq!(OwnedValue::from(None::<bool>), OwnedValue::Null);
    }
}
