//! The `data` of a tensor in JSON: flat, or nested as the shape says.

use std::borrow::Cow;
use std::fmt;

use half::f16;
use mlcore::batch::Tensor;
use mlcore::match_element;
use mlcore::schema::DType;
use serde::de::{self, DeserializeSeed, Deserializer, SeqAccess, Visitor};

use crate::v2::datatype::shortened;

/// Reads data of a type and a shape that are known already.
pub(super) struct Elements<'a> {
    /// The input's name; empty where it is not known yet.
    pub(super) name: &'a str,
    pub(super) dtype: DType,
    pub(super) shape: &'a [usize],
    /// The product of the shape.
    pub(super) count: usize,
    /// How many elements the bytes at hand can hold at most.
    pub(super) most: usize,
}

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = Tensor;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tensor, D::Error> {
        match_element!(
            self.dtype,
            T => Tensor::new(self.shape, self.collect::<T, D>(deserializer)?).map_err(|error| custom(&error)),
            _ => Tensor::strings(self.shape, self.collect::<Cow<'de, str>, D>(deserializer)?).map_err(|error| custom(&error))
        )
    }
}

impl Elements<'_> {
    #[cold]
    fn refused<E: de::Error>(&self, problem: fmt::Arguments<'_>) -> E {
        match self.name {
            "" => de::Error::custom(format_args!("an input: {problem}")),
            name => de::Error::custom(format_args!("input {}: {problem}", shortened(name))),
        }
    }

    fn collect<'de, T: FromJson<'de>, D: Deserializer<'de>>(
        &self,
        deserializer: D,
    ) -> Result<Vec<T>, D::Error> {
        let mut values = Vec::with_capacity(self.count.min(self.most));
        let level = Level { elements: self, depth: 0, values: &mut values };
        deserializer.deserialize_any(level)?;
        if values.len() < self.count {
            let (got, due, shape) = (values.len(), self.count, self.shape);
            return Err(self.refused(format_args!("it has {got} elements, and {due} make {shape:?}")));
        }
        Ok(values)
    }
}

/// A list: of elements, of all of them where it is the outermost; or of lists.
struct Level<'a, 'b, T> {
    elements: &'a Elements<'b>,
    depth: usize,
    values: &'a mut Vec<T>,
}

impl<'de, T: FromJson<'de>> Visitor<'de> for Level<'_, '_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of elements")
    }

    /// Some clients send null for a tensor without elements; whether it has some is looked at in the end.
    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { elements, depth, values } = self;
        let (mut items, mut lists) = (0_usize, 0_usize);
        while let Some(is_list) = seq.next_element_seed(Item { elements, depth, values: &mut *values })? {
            items += 1;
            lists += usize::from(is_list);
            // Before the next one is read: what does not fit is not collected.
            if values.len() > elements.count {
                let (due, shape) = (elements.count, elements.shape);
                return Err(
                    elements.refused(format_args!("it has more than the {due} elements of {shape:?}"))
                );
            }
        }
        let here = elements.shape.get(depth).copied();
        let rank = elements.shape.len();
        let fits = match (lists, depth) {
            // All elements in one list, whatever the shape; their number is looked at in the end.
            (0, 0) => true,
            (0, _) => depth + 1 == rank && here == Some(items) || items == 0 && here == Some(0),
            _ => lists == items && depth + 1 < rank && here == Some(items),
        };
        if fits {
            return Ok(());
        }
        let shape = elements.shape;
        Err(elements.refused(format_args!("a list of {items} at depth {depth} does not fit {shape:?}")))
    }
}

/// An element, or a list.
struct Item<'a, 'b, T> {
    elements: &'a Elements<'b>,
    depth: usize,
    values: &'a mut Vec<T>,
}

impl<'de, T: FromJson<'de>> DeserializeSeed<'de> for Item<'_, '_, T> {
    /// Whether it is a list.
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: FromJson<'de>> Item<'_, '_, T> {
    fn push<E: de::Error>(self, value: Option<T>, shown: impl fmt::Display) -> Result<bool, E> {
        match value {
            Some(value) => {
                self.values.push(value);
                Ok(false)
            }
            None => {
                let (place, dtype) = (self.values.len(), self.elements.dtype);
                Err(self.elements.refused(format_args!("element {place}: {shown} is no {dtype}")))
            }
        }
    }
}

impl<'de, T: FromJson<'de>> Visitor<'de> for Item<'_, '_, T> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an element or a list of elements")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<bool, E> {
        self.push(T::from_bool(value), value)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<bool, E> {
        self.push(T::from_int(i128::from(value)), value)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<bool, E> {
        self.push(T::from_int(i128::from(value)), value)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<bool, E> {
        self.push(T::from_float(value), format_args!("{value:?}"))
    }

    fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<bool, E> {
        self.push(T::from_text(Cow::Borrowed(value)), "a text")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<bool, E> {
        self.push(T::from_text(Cow::Owned(value.to_owned())), "a text")
    }

    fn visit_unit<E: de::Error>(self) -> Result<bool, E> {
        self.push(T::from_null(), "null")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<bool, A::Error> {
        let Self { elements, depth, values } = self;
        // The shape bounds how deep lists lie in each other.
        if depth + 1 >= elements.shape.len() {
            let shape = elements.shape;
            return Err(elements.refused(format_args!("its lists lie deeper than the axes of {shape:?}")));
        }
        Level { elements, depth: depth + 1, values }.visit_seq(seq)?;
        Ok(true)
    }
}

/// An element that JSON can say. Integers are taken exactly or not at all, and a float that its type cannot hold is not taken.
trait FromJson<'de>: Sized {
    fn from_bool(_: bool) -> Option<Self> {
        None
    }
    fn from_int(_: i128) -> Option<Self> {
        None
    }
    fn from_float(_: f64) -> Option<Self> {
        None
    }
    fn from_text(_: Cow<'de, str>) -> Option<Self> {
        None
    }
    fn from_null() -> Option<Self> {
        None
    }
}

macro_rules! integers {
    ($($native:ident),+) => {$(
        impl FromJson<'_> for $native {
            fn from_int(value: i128) -> Option<Self> {
                Self::try_from(value).ok()
            }

            fn from_float(value: f64) -> Option<Self> {
                // Both bounds are exact: 2^63 and 2^64 are beyond what is asked for here.
                (value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0)
                    .then(|| Self::try_from(value as i64).ok())
                    .flatten()
            }
        }
    )+};
}
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! floats {
    ($($native:ident: $of_float:expr;)+) => {$(
        impl FromJson<'_> for $native {
            fn from_int(value: i128) -> Option<Self> {
                let own: Self = $of_float(value as f64);
                (f64::from(own) as i128 == value).then_some(own)
            }

            fn from_float(value: f64) -> Option<Self> {
                let own: Self = $of_float(value);
                own.is_finite().then_some(own)
            }

            /// What JSON has no numbers for.
            fn from_text(text: Cow<'_, str>) -> Option<Self> {
                match &*text {
                    "NaN" => Some(Self::NAN),
                    "Infinity" => Some(Self::INFINITY),
                    "-Infinity" => Some(Self::NEG_INFINITY),
                    _ => None,
                }
            }

            fn from_null() -> Option<Self> {
                Some(Self::NAN)
            }
        }
    )+};
}
floats! {
    f16: f16::from_f64;
    f32: |value: f64| value as f32;
    f64: |value: f64| value;
}

impl FromJson<'_> for bool {
    fn from_bool(value: bool) -> Option<Self> {
        Some(value)
    }

    fn from_int(value: i128) -> Option<Self> {
        match value {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl<'de> FromJson<'de> for Cow<'de, str> {
    fn from_text(text: Cow<'de, str>) -> Option<Self> {
        Some(text)
    }
}

fn custom<E: de::Error>(error: &mlcore::Error) -> E {
    de::Error::custom(error.context().problem().to_owned())
}
