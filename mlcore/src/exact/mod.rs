//! Floats in JSON without loss: finite ones as their shortest digits, and `{"float": "NaN"}`, `{"float": "Infinity"}` and
//! `{"float": "-Infinity"}` for what JSON has no digits for, so that no text is taken for a number: as
//! [`OwnedValue`] writes them.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Edges(#[serde(with = "mlcore::exact")] Vec<f64>);
//!
//! let json = serde_json::to_string(&Edges(vec![0.1, f64::NEG_INFINITY]))?;
//! assert_eq!(json, r#"[0.1,{"float":"-Infinity"}]"#);
//! assert_eq!(serde_json::from_str::<Edges>(&json)?.0, [0.1, f64::NEG_INFINITY]);
//! # Ok::<(), serde_json::Error>(())
//! ```

pub(crate) mod named;

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::batch::OwnedValue;

/// For `#[serde(with = "mlcore::exact")]`: writes floats, and lists, pairs and options of them.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<T: Floats, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value.to_wire().serialize(serializer)
}

/// For `#[serde(with = "mlcore::exact")]`: reads what [`serialize`] wrote.
///
/// # Errors
/// Those of the deserializer, also for any other object.
pub fn deserialize<'de, T: Floats, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::Wire::deserialize(deserializer).map(T::from_wire)
}

/// A float, or a list, a pair or an option of floats.
pub trait Floats: sealed::Sealed {
    #[doc(hidden)]
    type Wire: Serialize + DeserializeOwned;

    #[doc(hidden)]
    fn to_wire(&self) -> Self::Wire;

    #[doc(hidden)]
    fn from_wire(wire: Self::Wire) -> Self;
}

mod sealed {
    pub trait Sealed: Sized {}

    impl Sealed for f64 {}
    impl<T> Sealed for Vec<T> {}
    impl<T> Sealed for Option<T> {}
    impl<T> Sealed for (T, T) {}
}

/// One float, as it is written.
#[doc(hidden)]
#[derive(Debug)]
pub struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            value if value.is_finite() => serializer.serialize_f64(value),
            value => OwnedValue::Float(value).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl<'de> Visitor<'de> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E>(self, value: f64) -> Result<Number, E> {
        Ok(Number(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Number, E> {
        Ok(Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
        Ok(Number(value as f64))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Number, A::Error> {
        match OwnedValue::deserialize(MapAccessDeserializer::new(entries))? {
            OwnedValue::Float(value) => Ok(Number(value)),
            other => Err(serde::de::Error::custom(format!("a number is expected, got {other}"))),
        }
    }
}

impl Floats for f64 {
    type Wire = Number;

    fn to_wire(&self) -> Number {
        Number(*self)
    }

    fn from_wire(wire: Number) -> Self {
        wire.0
    }
}

impl<T: Floats> Floats for Vec<T> {
    type Wire = Vec<T::Wire>;

    fn to_wire(&self) -> Self::Wire {
        self.iter().map(T::to_wire).collect()
    }

    fn from_wire(wire: Self::Wire) -> Self {
        wire.into_iter().map(T::from_wire).collect()
    }
}

impl<T: Floats> Floats for Option<T> {
    type Wire = Option<T::Wire>;

    fn to_wire(&self) -> Self::Wire {
        self.as_ref().map(T::to_wire)
    }

    fn from_wire(wire: Self::Wire) -> Self {
        wire.map(T::from_wire)
    }
}

impl<T: Floats> Floats for (T, T) {
    type Wire = (T::Wire, T::Wire);

    fn to_wire(&self) -> Self::Wire {
        (self.0.to_wire(), self.1.to_wire())
    }

    fn from_wire(wire: Self::Wire) -> Self {
        (T::from_wire(wire.0), T::from_wire(wire.1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Holder(#[serde(with = "super")] Vec<Option<f64>>);

    proptest! {
        #[test]
        fn every_float_survives_json(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            let json = serde_json::to_string(&Holder(vec![Some(value), None])).unwrap();
            let back = serde_json::from_str::<Holder>(&json).unwrap().0;
            let expected = if value.is_nan() { f64::NAN } else { value };
            prop_assert_eq!(back[0].unwrap().to_bits(), expected.to_bits());
            prop_assert!(back[1].is_none());
        }
    }

    #[test]
    fn what_json_cannot_say_has_a_name() {
        let holder = Holder(vec![Some(f64::NAN), Some(f64::INFINITY), Some(f64::NEG_INFINITY), Some(-0.0)]);
        let json = serde_json::to_string(&holder).unwrap();
        assert_eq!(json, r#"[{"float":"NaN"},{"float":"Infinity"},{"float":"-Infinity"},-0.0]"#);
        for wrong in [
            r#"["NaN"]"#,
            r#"[{"float":"nan"}]"#,
            r#"[{"int":1}]"#,
            r#"[{}]"#,
            r#"[{"float":"NaN","more":1}]"#,
        ] {
            assert!(serde_json::from_str::<Holder>(wrong).is_err(), "{wrong}");
        }
        assert_eq!(serde_json::from_str::<Holder>(r#"[7,{"float":1.5}]"#).unwrap().0, [Some(7.0), Some(1.5)]);
    }
}
