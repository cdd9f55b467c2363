//! Tensors and batches in JSON, or any other format of serde that has types of its own.

use std::fmt::{self, Formatter};
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::element::{Buffer, Element, with_buffer};
use super::tensor::no_tensor;
use super::{Batch, SmolStr, Tensor, Value};
use crate::exact::named;
use crate::schema::{DType, match_element};

/// As `{"dtype": "float32", "shape": [2, 1], "data": [0.5, "NaN"]}`: the elements in row-major order. Floats have the digits
/// of the `float64` that they are (0.1 as `float32` is 0.10000000149011612), so that no reader rounds them to another, and a
/// name where they have no digits.
impl Serialize for Tensor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        write_fields(self, &mut map)?;
        map.end()
    }
}

/// As a list of tensors with their names, in their order: `[{"name": "x", "dtype": .., "shape": .., "data": ..}]`.
impl Serialize for Batch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Named<'a>(&'a str, &'a Tensor);

        impl Serialize for Named<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(Some(4))?;
                map.serialize_entry("name", self.0)?;
                write_fields(self.1, &mut map)?;
                map.end()
            }
        }

        serializer.collect_seq(self.iter().map(|(name, tensor)| Named(name, tensor)))
    }
}

fn write_fields<M: SerializeMap>(tensor: &Tensor, map: &mut M) -> Result<(), M::Error> {
    map.serialize_entry("dtype", &tensor.dtype())?;
    map.serialize_entry("shape", tensor.shape())?;
    map.serialize_entry("data", &Data(tensor.buffer()))
}

/// The elements of a tensor.
struct Data<'a>(&'a Buffer);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        with_buffer!(
            self.0,
            values => serializer.collect_seq(values.iter().map(|value| value.to_value())),
            text => serializer.collect_seq(text.iter().flatten())
        )
    }
}

impl<'de> Deserialize<'de> for Tensor {
    /// Reads what `Serialize` writes, its parts in any order. An element that the type cannot hold exactly is refused, but
    /// that floats are rounded to their width.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(deserializer.deserialize_map(TensorVisitor { is_named: false })?.1)
    }
}

impl<'de> Deserialize<'de> for Batch {
    /// Reads what `Serialize` writes; names that occur twice are refused.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Named(SmolStr, Tensor);

        impl<'de> Deserialize<'de> for Named {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let (name, tensor) = deserializer.deserialize_map(TensorVisitor { is_named: true })?;
                Ok(Self(name, tensor))
            }
        }

        let tensors = Vec::<Named>::deserialize(deserializer)?;
        Self::new(tensors.into_iter().map(|Named(name, tensor)| (name, tensor))).map_err(D::Error::custom)
    }
}

struct TensorVisitor {
    is_named: bool,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Part {
    Name,
    DType,
    Shape,
    Data,
}

impl<'de> Visitor<'de> for TensorVisitor {
    type Value = (SmolStr, Tensor);

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = if self.is_named { "name, " } else { "" };
        write!(f, "a tensor: an object of {name}dtype, shape and data")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut name, mut dtype, mut shape) = (None::<String>, None::<DType>, None::<Vec<usize>>);
        let (mut flat, mut early) = (None::<Tensor>, None::<serde_json::Value>);
        while let Some(part) = map.next_key()? {
            match (part, dtype) {
                (Part::Name, _) if self.is_named => name = Some(map.next_value()?),
                (Part::Name, _) => return Err(A::Error::custom("a tensor of its own has no name")),
                (Part::DType, _) => dtype = Some(map.next_value()?),
                (Part::Shape, _) => shape = Some(map.next_value()?),
                (Part::Data, Some(dtype)) => flat = Some(map.next_value_seed(Elements(dtype))?),
                // Before its type, an element is whatever the format makes of it.
                (Part::Data, None) => early = Some(map.next_value()?),
            }
        }
        let missing = |part| A::Error::missing_field(part);
        let dtype = dtype.ok_or_else(|| missing("dtype"))?;
        let flat = match (flat, early) {
            (Some(flat), _) => flat,
            (None, Some(early)) => Elements(dtype).deserialize(early).map_err(A::Error::custom)?,
            (None, None) => return Err(missing("data")),
        };
        let tensor = flat.reshaped(shape.ok_or_else(|| missing("shape"))?).map_err(A::Error::custom)?;
        if self.is_named && name.is_none() {
            return Err(missing("name"));
        }
        Ok((name.unwrap_or_default().into(), tensor))
    }
}

/// The elements of a tensor of this type, in one row.
struct Elements(DType);

impl<'de> DeserializeSeed<'de> for Elements {
    type Value = Tensor;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tensor, D::Error> {
        match_element!(
            self.0,
            T => {
                let elements = Vec::<Read<T>>::deserialize(deserializer)?;
                Ok(Tensor::column(elements.into_iter().map(|Read(element)| element).collect()))
            },
            _ => match self.0 {
                DType::String => {
                    let texts = Vec::<String>::deserialize(deserializer)?;
                    Tensor::strings([texts.len()], texts).map_err(D::Error::custom)
                }
                dtype => Err(D::Error::custom(no_tensor("data", dtype))),
            }
        )
    }
}

/// One element.
struct Read<T>(T);

impl<'de, T: Element> Deserialize<'de> for Read<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ElementVisitor(PhantomData))
    }
}

struct ElementVisitor<T>(PhantomData<T>);

impl<T: Element> ElementVisitor<T> {
    fn element<E: serde::de::Error>(value: Value<'_>) -> Result<Read<T>, E> {
        let unfit = || E::custom(format!("expected {}, got {}", T::DTYPE, value.described()));
        T::from_value(value).map(Read).ok_or_else(unfit)
    }
}

impl<'de, T: Element> Visitor<'de> for ElementVisitor<T> {
    type Value = Read<T>;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", T::DTYPE)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Read<T>, E> {
        Self::element(value.into())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Read<T>, E> {
        Self::element(value.into())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Read<T>, E> {
        Self::element(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Read<T>, E> {
        Self::element(value.into())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Read<T>, E> {
        let named = named::float_of(text).filter(|_| T::DTYPE.is_float());
        Self::element(named.map_or(Value::Text(text), Value::Float))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Read<T>, A::Error> {
        Err(A::Error::custom("data is one flat list, in row-major order"))
    }
}

#[cfg(test)]
mod tests {
    use half::f16;
    use proptest::prelude::*;

    use super::*;
    use crate::batch::strategies;

    fn json(tensor: &Tensor) -> String {
        serde_json::to_string(tensor).unwrap()
    }

    #[test]
    fn tensors_say_their_type_and_shape() {
        let scores = Tensor::new([2, 2], vec![0.1_f32, f32::NAN, f32::NEG_INFINITY, 1.0]).unwrap();
        assert_eq!(
            json(&scores),
            r#"{"dtype":"float32","shape":[2,2],"data":[0.10000000149011612,"NaN","-Infinity",1.0]}"#
        );
        let texts = Tensor::strings([1], ["é\""]).unwrap();
        assert_eq!(json(&texts), r#"{"dtype":"string","shape":[1],"data":["é\""]}"#);
        assert_eq!(
            json(&Tensor::new([], vec![true]).unwrap()),
            r#"{"dtype":"bool","shape":[],"data":[true]}"#
        );
        let batch = Batch::new([("b", texts), ("a", Tensor::column(vec![u64::MAX]))]).unwrap();
        let written = serde_json::to_string(&batch).unwrap();
        assert!(
            written.ends_with(r#"{"name":"a","dtype":"uint64","shape":[1],"data":[18446744073709551615]}]"#),
            "{written}"
        );
        assert_eq!(serde_json::from_str::<Batch>(&written).unwrap(), batch);
    }

    #[test]
    fn parts_come_in_any_order_and_integers_are_floats_where_nothing_is_lost() {
        let read = serde_json::from_str::<Tensor>(r#"{"data":[1,2.5],"dtype":"float32","shape":[1,2]}"#);
        assert_eq!(read.unwrap(), Tensor::new([1, 2], vec![1.0_f32, 2.5]).unwrap());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (json, expected) in [
            (r#"{"dtype":"int8","shape":[1],"data":[300]}"#, "expected int8, got integer 300"),
            (r#"{"dtype":"int8","shape":[1],"data":[1.5]}"#, "expected int8, got float 1.5"),
            (r#"{"data":[1.5],"dtype":"int8","shape":[1]}"#, "expected int8, got float 1.5"),
            (r#"{"dtype":"float64","shape":[1],"data":[9007199254740993]}"#, "expected float64, got integer"),
            (r#"{"dtype":"float32","shape":[1],"data":["1"]}"#, "expected float32, got text"),
            (r#"{"dtype":"bool","shape":[1],"data":[1]}"#, "expected bool, got integer 1"),
            (r#"{"dtype":"float32","shape":[1],"data":[null]}"#, "null, expected float32"),
            (r#"{"dtype":"float32","shape":[1,1],"data":[[1.0]]}"#, "one flat list"),
            (r#"{"dtype":"float32","shape":[2],"data":[1.0]}"#, "there are 1 values for it"),
            (r#"{"dtype":"date","shape":[1],"data":["2024-02-29"]}"#, "no tensor holds date"),
            (r#"{"dtype":"float32","data":[1.0]}"#, "missing field `shape`"),
            (r#"{"name":"x","dtype":"float32","shape":[1],"data":[1.0]}"#, "has no name"),
            (r#"{"dtype":"float32","shape":[1],"data":[1.0],"date":1}"#, "unknown field"),
        ] {
            let error = serde_json::from_str::<Tensor>(json).unwrap_err().to_string();
            assert!(error.contains(expected), "{json}: {error}");
        }
        let twice = r#"[{"name":"x","dtype":"bool","shape":[],"data":[true]},{"name":"x","dtype":"bool","shape":[],"data":[true]}]"#;
        assert!(serde_json::from_str::<Batch>(twice).unwrap_err().to_string().contains("twice"));
    }

    fn tensor() -> impl Strategy<Value = Tensor> {
        fn of<T: Element>(dtype: DType) -> BoxedStrategy<Tensor> {
            prop::collection::vec(strategies::value_of(dtype), 0..6)
                .prop_map(|values| {
                    Tensor::column(
                        values.iter().map(|value| T::from_value(value.as_value()).unwrap()).collect(),
                    )
                })
                .boxed()
        }
        let texts = prop::collection::vec(any::<String>(), 0..6);
        prop::sample::select(DType::ELEMENTS.to_vec()).prop_flat_map(move |dtype| {
            let texts = texts.clone().prop_map(|texts| Tensor::strings([texts.len()], texts).unwrap());
            match_element!(dtype, T => of::<T>(dtype), _ => texts.boxed())
        })
    }

    proptest! {
        #[test]
        fn every_tensor_survives_json(tensor in tensor(), bits in any::<u32>()) {
            prop_assert_eq!(serde_json::from_str::<Tensor>(&json(&tensor)).unwrap(), tensor);
            let float = f32::from_bits(bits);
            if !float.is_nan() {
                let narrow = Tensor::column(vec![float]);
                prop_assert_eq!(serde_json::from_str::<Tensor>(&json(&narrow)).unwrap(), narrow);
                let half = Tensor::column(vec![f16::from_f32(float)]);
                prop_assert_eq!(serde_json::from_str::<Tensor>(&json(&half)).unwrap(), half);
            }
        }
    }
}
