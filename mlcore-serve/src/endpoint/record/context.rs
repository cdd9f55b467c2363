use std::fmt;

use mlcore::batch::{Row, RowBuffer, Value};
use mlcore::rollout::Context;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use super::value::{Read, Written};

/// An owned copy of a request's [`Context`] whose memory is used again: after the first few a copy allocates nothing.
///
/// ```
/// use mlcore::batch::Value;
/// use mlcore::rollout::Context;
/// use mlcore_serve::endpoint::ContextBuffer;
///
/// let attributes = [("country", Value::Text("PT"))];
/// let mut kept = ContextBuffer::default();
/// kept.copy(Context::EMPTY.with_attributes(&attributes).with_features(&[0.3]));
/// kept.with(|context| assert_eq!(context.attribute("country"), Some(Value::Text("PT"))));
/// assert_eq!(kept.features(), [0.3]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ContextBuffer {
    /// The names of the attributes, one behind the other, and where each ends.
    names: String,
    ends: Vec<usize>,
    values: RowBuffer,
    features: Vec<f64>,
}

impl ContextBuffer {
    /// Replaces the content by a copy of `context`.
    pub fn copy(&mut self, context: Context<'_>) {
        if context.is_empty() && self.is_empty() {
            return;
        }
        self.names.clear();
        self.ends.clear();
        let mut values = Attributes::new();
        for (name, value) in context.attributes() {
            self.names.push_str(name);
            self.ends.push(self.names.len());
            values.push(value);
        }
        self.values.copy(Row::unchecked(&values));
        self.features.clear();
        self.features.extend_from_slice(context.features());
    }

    /// Calls `use_context` with the content.
    pub fn with<R>(&self, use_context: impl FnOnce(Context<'_>) -> R) -> R {
        if self.ends.is_empty() {
            return use_context(Context::EMPTY.with_features(&self.features));
        }
        let attributes: SmallVec<[(&str, Value<'_>); FEW]> = self.attributes().collect();
        use_context(Context::EMPTY.with_attributes(&attributes).with_features(&self.features))
    }

    /// The attributes, in the order in which they came.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, Value<'_>)> {
        let mut start = 0;
        let names = self.ends.iter().map(move |end| {
            let from = std::mem::replace(&mut start, *end);
            self.names.get(from..start).unwrap_or_default()
        });
        names.zip(self.values.values())
    }

    /// The numeric features.
    #[must_use]
    pub fn features(&self) -> &[f64] {
        &self.features
    }

    /// Says whether the request brought neither attributes nor features.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.features.is_empty()
    }
}

impl Serialize for ContextBuffer {
    /// As `{"attributes": {"country": "PT"}, "features": [0.3]}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Named<'a>(&'a ContextBuffer);

        impl Serialize for Named<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.attributes().map(|(name, value)| (name, Written(value))))
            }
        }

        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("attributes", &Named(self))?;
        let features: Vec<_> = self.features.iter().map(|feature| Written(Value::Float(*feature))).collect();
        map.serialize_entry("features", &features)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for ContextBuffer {
    /// Reads what `Serialize` writes, attributes in their order.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            attributes: Pairs,
            #[serde(with = "mlcore::exact")]
            features: Vec<f64>,
        }

        let Wire { attributes: Pairs(pairs), features } = Wire::deserialize(deserializer)?;
        let attributes: Vec<_> =
            pairs.iter().map(|(name, Read(value))| (name.as_str(), value.as_value())).collect();
        let mut context = Self::default();
        context.copy(Context::EMPTY.with_attributes(&attributes).with_features(&features));
        Ok(context)
    }
}

/// The entries of an object, in their order: a context may have one name twice.
pub(crate) struct Pairs(pub(crate) Vec<(String, Read)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of attributes")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = entries.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(PairsVisitor)
    }
}

/// Values of attributes; a few need no memory of their own.
type Attributes<'a> = SmallVec<[Value<'a>; FEW]>;

const FEW: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_comes_out_as_it_went_in() {
        let many: Vec<(String, f64)> =
            (0..40).map(|number| (format!("a{number}"), f64::from(number))).collect();
        let many: Vec<(&str, Value<'_>)> =
            many.iter().map(|(name, value)| (name.as_str(), Value::Float(*value))).collect();
        let few = [("", Value::Null), ("é", Value::Text("ü")), ("", Value::Bool(true))];
        let mut buffer = ContextBuffer::default();
        for context in [
            Context::EMPTY,
            Context::EMPTY.with_attributes(&few),
            Context::EMPTY.with_attributes(&many).with_features(&[1.0, 2.0]),
            Context::EMPTY.with_features(&[3.0]),
            Context::EMPTY,
        ] {
            buffer.copy(context);
            buffer.with(|copy| assert_eq!(copy, context));
            assert_eq!(buffer.is_empty(), context.is_empty());
        }
        buffer.copy(Context::EMPTY.with_attributes(&few[1..2]).with_features(&[f64::NAN]));
        let json = serde_json::to_string(&buffer).unwrap();
        assert_eq!(json, "{\"attributes\":{\"é\":\"ü\"},\"features\":[{\"float\":\"NaN\"}]}");
        let read: ContextBuffer = serde_json::from_str(&json).unwrap();
        assert!(read.features()[0].is_nan() && read.attributes().eq(buffer.attributes()));
    }
}
