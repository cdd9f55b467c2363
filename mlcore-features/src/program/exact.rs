//! Floats in JSON without loss: finite ones as their shortest digits, the others by name.

use serde::de::DeserializeOwned;
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

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Wire {
    Finite(f64),
    Named(Name),
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Name {
    NaN,
    Infinity,
    #[serde(rename = "-Infinity")]
    NegativeInfinity,
}

impl Floats for f64 {
    type Wire = Wire;

    fn to_wire(&self) -> Wire {
        if self.is_finite() {
            Wire::Finite(*self)
        } else if self.is_nan() {
            Wire::Named(Name::NaN)
        } else if *self > 0.0 {
            Wire::Named(Name::Infinity)
        } else {
            Wire::Named(Name::NegativeInfinity)
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
