//! Floats in JSON without loss: finite ones as their shortest digits, the others by name.

use std::fmt;

use serde::de::{self, DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// For `#[serde(with = "exact")]`: writes floats, and lists and options of them.
pub(crate) fn serialize<T: Floats, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value.to_wire().serialize(serializer)
}

/// For `#[serde(with = "exact")]`: reads what [`serialize`] wrote.
pub(crate) fn deserialize<'de, T: Floats, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let wire = T::Wire::deserialize(deserializer)?;
    Ok(T::from_wire(wire))
}

/// A float, or a structure of floats.
pub(crate) trait Floats: Sized {
    type Wire: Serialize + DeserializeOwned;
    fn to_wire(&self) -> Self::Wire;
    fn from_wire(wire: Self::Wire) -> Self;
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

/// One float: a number where JSON has one, else `{"float": "NaN"}`, which no text is taken for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number(pub(crate) f64);

const NAN: &str = "NaN";
const INFINITY: &str = "Infinity";
const NEGATIVE_INFINITY: &str = "-Infinity";

impl Number {
    /// The float that is called by its name.
    pub(crate) fn of_entries<'de, A: MapAccess<'de>>(mut entries: A) -> Result<Self, A::Error> {
        let unexpected = || de::Error::custom("an object that is no float");
        match entries.next_entry::<String, String>()? {
            Some((key, name)) if key == "float" => match name.as_str() {
                NAN => Ok(Self(f64::NAN)),
                INFINITY => Ok(Self(f64::INFINITY)),
                NEGATIVE_INFINITY => Ok(Self(f64::NEG_INFINITY)),
                _ => Err(unexpected()),
            },
            _ => Err(unexpected()),
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = match self.0 {
            value if value.is_finite() => return serializer.serialize_f64(value),
            value if value.is_nan() => NAN,
            value if value > 0.0 => INFINITY,
            _ => NEGATIVE_INFINITY,
        };
        serializer.collect_map([("float", name)])
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
        Number::of_entries(entries)
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
        for other in [r#"["NaN"]"#, r#"[{"float":"infinity"}]"#, r#"[{"int":"NaN"}]"#, "[{}]", "[true]"] {
            assert!(serde_json::from_str::<Holder>(other).is_err(), "{other}");
        }
    }
}
