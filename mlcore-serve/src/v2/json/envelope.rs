//! The object around the tensors, read in one pass: data whose type and shape stand before it is never kept as text.

use std::borrow::Cow;
use std::fmt;

use mlcore::Error;
use mlcore::batch::Tensor;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::elements::Elements;
use crate::v2::datatype::dtype_of;
use crate::v2::parameter::Sent;
use crate::v2::{AskedOutput, InferLimits, Parameters};

/// A request, whose binary tensors are still to be found.
#[derive(Default)]
pub(super) struct Envelope<'de> {
    pub(super) id: Option<String>,
    pub(super) parameters: Parameters,
    pub(super) inputs: Vec<SentInput<'de>>,
    pub(super) outputs: Vec<AskedOutput>,
}

/// An input as it was sent; what it lacks is told where its name is known.
#[derive(Default)]
pub(super) struct SentInput<'de> {
    pub(super) name: String,
    pub(super) datatype: Option<Cow<'de, str>>,
    pub(super) shape: Option<SmallVec<[i64; 4]>>,
    pub(super) data: Option<Data<'de>>,
    pub(super) parameters: Parameters,
}

/// The data of an input.
pub(super) enum Data<'de> {
    Read(Tensor),
    /// It stood before its type or its shape.
    Unread(&'de RawValue),
}

impl<'de> Envelope<'de> {
    pub(super) fn read(json: &'de str, limits: &InferLimits) -> serde_json::Result<Self> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let envelope = deserializer.deserialize_map(Object { limits, bytes: json.len() })?;
        deserializer.end()?;
        Ok(envelope)
    }
}

/// Reads a value into its place, which it may have once.
fn once<'de, A: MapAccess<'de>, T>(
    map: &mut A,
    place: &mut Option<T>,
    key: &str,
    seed: impl DeserializeSeed<'de, Value = T>,
) -> Result<(), A::Error> {
    if place.is_some() {
        return Err(de::Error::custom(format_args!("{key:?} occurs twice in one object")));
    }
    *place = Some(map.next_value_seed(seed)?);
    Ok(())
}

struct Object<'a> {
    limits: &'a InferLimits,
    bytes: usize,
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a request: an object with inputs")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut id, mut parameters, mut inputs, mut outputs) = (None, None, None, None);
        let most = self.limits.tensors;
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match &*key.0 {
                "id" => once(&mut map, &mut id, "id", Plain::<Option<String>>::new())?,
                "parameters" => once(&mut map, &mut parameters, "parameters", Plain::<Sent>::new())?,
                "inputs" => {
                    let each = || InputSeed { limits: self.limits, bytes: self.bytes };
                    once(&mut map, &mut inputs, "inputs", List { most, each })?;
                }
                "outputs" => once(&mut map, &mut outputs, "outputs", List { most, each: || OutputSeed })?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let inputs = inputs.ok_or_else(|| de::Error::custom("there are no inputs"))?;
        Ok(Envelope {
            id: id.flatten(),
            parameters: parameters.map(|Sent(parameters)| parameters).unwrap_or_default(),
            inputs,
            outputs: outputs.unwrap_or_default(),
        })
    }
}

struct InputSeed<'a> {
    limits: &'a InferLimits,
    bytes: usize,
}

impl<'de> DeserializeSeed<'de> for InputSeed<'_> {
    type Value = SentInput<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for InputSeed<'_> {
    type Value = SentInput<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an input: an object with name, shape, datatype and data")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut name, mut datatype, mut shape, mut data, mut parameters) = (None, None, None, None, None);
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match &*key.0 {
                "name" => once(&mut map, &mut name, "name", Plain::<String>::new())?,
                "datatype" => once(&mut map, &mut datatype, "datatype", Plain::<Key<'de>>::new())?,
                "shape" => once(&mut map, &mut shape, "shape", Axes { most: self.limits.axes })?,
                "parameters" => once(&mut map, &mut parameters, "parameters", Plain::<Sent>::new())?,
                "data" => {
                    let sizes = shape.as_ref().and_then(sizes_of);
                    let dtype = datatype.as_ref().and_then(|Key(name)| dtype_of(name).ok());
                    let known = sizes.as_ref().zip(dtype).and_then(|(sizes, dtype)| {
                        let count = sizes.iter().try_fold(1_usize, |count, &size| count.checked_mul(size))?;
                        let name = name.as_deref().unwrap_or_default();
                        Some(Elements { name, dtype, shape: sizes, count, most: self.bytes / 2 })
                    });
                    once(&mut map, &mut data, "data", DataSeed(known))?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(SentInput {
            name: name.ok_or_else(|| de::Error::custom("an input has no name"))?,
            datatype: datatype.map(|Key(name)| name),
            shape,
            data,
            parameters: parameters.map(|Sent(parameters)| parameters).unwrap_or_default(),
        })
    }
}

/// The shape as sizes, where each of them is one.
pub(in crate::v2) fn sizes_of(shape: &SmallVec<[i64; 4]>) -> Option<SmallVec<[usize; 4]>> {
    shape.iter().map(|&axis| usize::try_from(axis).ok()).collect()
}

/// Data of a known type and shape, or as it stands.
struct DataSeed<'a>(Option<Elements<'a>>);

impl<'de> DeserializeSeed<'de> for DataSeed<'_> {
    type Value = Data<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Data<'de>, D::Error> {
        match self.0 {
            Some(elements) => elements.deserialize(deserializer).map(Data::Read),
            None => <&RawValue as de::Deserialize>::deserialize(deserializer).map(Data::Unread),
        }
    }
}

/// The axes of a shape, so many at most.
struct Axes {
    most: usize,
}

impl<'de> DeserializeSeed<'de> for Axes {
    type Value = SmallVec<[i64; 4]>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer
            .deserialize_seq(List { most: self.most, each: Plain::<i64>::new })
            .map(SmallVec::from_vec)
    }
}

/// A list of so many items at most.
struct List<F> {
    most: usize,
    each: F,
}

impl<'de, S: DeserializeSeed<'de>, F: Fn() -> S> DeserializeSeed<'de> for List<F> {
    type Value = Vec<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, S: DeserializeSeed<'de>, F: Fn() -> S> Visitor<'de> for List<F> {
    type Value = Vec<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {}", self.most)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed((self.each)())? {
            if items.len() == self.most {
                return Err(de::Error::custom(format_args!("a list of more than {}", self.most)));
            }
            items.push(item);
        }
        Ok(items)
    }
}

struct OutputSeed;

impl<'de> DeserializeSeed<'de> for OutputSeed {
    type Value = AskedOutput;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<AskedOutput, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OutputSeed {
    type Value = AskedOutput;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an output: an object with a name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AskedOutput, A::Error> {
        let (mut name, mut parameters) = (None, None);
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match &*key.0 {
                "name" => once(&mut map, &mut name, "name", Plain::<String>::new())?,
                "parameters" => once(&mut map, &mut parameters, "parameters", Plain::<Sent>::new())?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let name = name.ok_or_else(|| de::Error::custom("an output has no name"))?;
        let parameters = parameters.map(|Sent(parameters)| parameters).unwrap_or_default();
        AskedOutput::new(name, parameters).map_err(|error| de::Error::custom(error.context()))
    }
}

/// A text that lies in the body where it has no escapes.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// What needs no seed.
struct Plain<T>(std::marker::PhantomData<T>);

impl<T> Plain<T> {
    fn new() -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<'de, T: de::Deserialize<'de>> DeserializeSeed<'de> for Plain<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::deserialize(deserializer)
    }
}

/// Refuses an input or an output that lies in shared memory.
pub(crate) fn check_no_region(parameters: &Parameters) -> mlcore::Result<()> {
    if parameters.contains_key("shared_memory_region") { Err(no_shared_memory()) } else { Ok(()) }
}

/// Why a region is not read.
pub(crate) fn no_shared_memory() -> Error {
    Error::unsupported("read request", "shared memory", "this server shares no memory with its clients")
        .remedy("send the tensors in the request, in binary where they are large")
}
