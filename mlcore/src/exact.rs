//! Floats in JSON without loss: finite ones as their shortest digits, the others by name (`"NaN"`, `"Infinity"`,
//! `"-Infinity"`).
//!
//! ```
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Edges(#[serde(with = "mlcore::exact")] Vec<f64>);
//!
//! let json = serde_json::to_string(&Edges(vec![0.1, f64::NEG_INFINITY]))?;
//! assert_eq!(json, r#"[0.1,"-Infinity"]"#);
//! assert_eq!(serde_json::from_str::<Edges>(&json)?.0, [0.1, f64::NEG_INFINITY]);
//! # Ok::<(), serde_json::Error>(())
//! ```

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
/// Those of the deserializer, also for any other name.
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

/// How a float is written.
#[doc(hidden)]
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Wire {
    Finite(f64),
    Named(Name),
}

/// A float that JSON has no digits for.
#[doc(hidden)]
#[derive(Debug, Serialize, Deserialize)]
pub enum Name {
    NaN,
    Infinity,
    #[serde(rename = "-Infinity")]
    NegativeInfinity,
}

/// The name of a float that has no digits.
pub(crate) fn name_of(value: f64) -> Option<&'static str> {
    match value {
        value if value.is_nan() => Some("NaN"),
        f64::INFINITY => Some("Infinity"),
        f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}

/// The float of this name.
pub(crate) fn named(name: &str) -> Option<f64> {
    match name {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

impl Floats for f64 {
    type Wire = Wire;

    fn to_wire(&self) -> Wire {
        match name_of(*self) {
            None => Wire::Finite(*self),
            Some("NaN") => Wire::Named(Name::NaN),
            Some("Infinity") => Wire::Named(Name::Infinity),
            Some(_) => Wire::Named(Name::NegativeInfinity),
        }
    }

    fn from_wire(wire: Wire) -> Self {
        match wire {
            Wire::Finite(value) => value,
            Wire::Named(Name::NaN) => Self::NAN,
            Wire::Named(Name::Infinity) => Self::INFINITY,
            Wire::Named(Name::NegativeInfinity) => Self::NEG_INFINITY,
        }
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
        assert_eq!(json, r#"["NaN","Infinity","-Infinity",-0.0]"#);
        assert!(serde_json::from_str::<Holder>(r#"["infinity"]"#).is_err());
    }
}
