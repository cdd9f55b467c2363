use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::batch::{OwnedValue, Value};

/// What a request says of itself besides its unit: attributes that targeting rules read by name, and the numeric features
/// of a contextual bandit.
///
/// A context borrows: making one allocates nothing, and an empty one is a constant. What must outlive the request, a log
/// or an outcome that comes later, holds an [`OwnedContext`].
///
/// ```
/// use mlcore::batch::Value;
/// use mlcore::rollout::Context;
///
/// let attributes = [("country", Value::Text("PT")), ("premium", Value::Bool(true))];
/// let context = Context::EMPTY.with_attributes(&attributes).with_features(&[0.3, 1.0]);
/// assert_eq!(context.attribute("country"), Some(Value::Text("PT")));
/// assert_eq!((context.attribute("plan"), context.features()), (None, &[0.3, 1.0][..]));
/// assert!(Context::EMPTY.is_empty());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    attributes: &'a [(&'a str, Value<'a>)],
    /// Attributes that were read back; beside them there are no others.
    kept: Option<&'a BTreeMap<String, OwnedValue>>,
    features: &'a [f64],
}

impl<'a> Context<'a> {
    /// The context of a request that says nothing of itself.
    pub const EMPTY: Context<'static> = Context { attributes: &[], kept: None, features: &[] };

    /// The same context with these attributes, each a name and its value. Of two with one name the first counts.
    #[must_use]
    pub const fn with_attributes(mut self, attributes: &'a [(&'a str, Value<'a>)]) -> Self {
        (self.attributes, self.kept) = (attributes, None);
        self
    }

    /// The same context with these features, in the order that the policy was made for.
    #[must_use]
    pub const fn with_features(mut self, features: &'a [f64]) -> Self {
        self.features = features;
        self
    }

    /// The value of the attribute `name`, if the request brought it.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<Value<'a>> {
        match self.kept {
            Some(kept) => kept.get(name).map(OwnedValue::as_value),
            None => self.attributes.iter().find_map(|(own, value)| (*own == name).then_some(*value)),
        }
    }

    /// The attributes: in the order in which they were given, or by name where they were read back.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        let kept = self.kept.into_iter().flatten().map(|(name, value)| (name.as_str(), value.as_value()));
        self.attributes.iter().copied().chain(kept)
    }

    /// The numeric features; none where the request brought none.
    #[must_use]
    pub const fn features(&self) -> &'a [f64] {
        self.features
    }

    /// Whether the request brought neither attributes nor features.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.attributes().next().is_none() && self.features.is_empty()
    }
}

/// Contexts are equal when policies read the same from both, whatever the order of the attributes.
impl PartialEq for Context<'_> {
    fn eq(&self, other: &Self) -> bool {
        let told =
            |a: &Self, b: &Self| a.attributes().all(|(name, _)| a.attribute(name) == b.attribute(name));
        self.features == other.features && told(self, other) && told(other, self)
    }
}

/// A context that holds its own texts and numbers, to be written down and read back without loss.
///
/// ```
/// use mlcore::batch::Value;
/// use mlcore::rollout::{Context, OwnedContext};
///
/// let attributes = [("country", Value::Text("PT"))];
/// let context = Context::EMPTY.with_attributes(&attributes).with_features(&[0.3, f64::INFINITY]);
/// let line = serde_json::to_string(&OwnedContext::from(context))?;
/// assert_eq!(line, r#"{"attributes":{"country":{"text":"PT"}},"features":[0.3,{"float":"Infinity"}]}"#);
/// let read: OwnedContext = serde_json::from_str(&line)?;
/// assert_eq!(read.as_context(), context);
/// assert_eq!(serde_json::to_string(&OwnedContext::default())?, "{}");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnedContext {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, OwnedValue>,
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "crate::exact")]
    features: Vec<f64>,
}

impl OwnedContext {
    /// The context as policies read it.
    #[must_use]
    pub fn as_context(&self) -> Context<'_> {
        Context { attributes: &[], kept: Some(&self.attributes), features: &self.features }
    }
}

impl From<Context<'_>> for OwnedContext {
    fn from(context: Context<'_>) -> Self {
        let mut attributes = BTreeMap::new();
        for (name, value) in context.attributes() {
            attributes.entry(name.to_owned()).or_insert_with(|| value.into());
        }
        Self { attributes, features: context.features.to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_that_was_kept_reads_as_the_one_that_was_given() {
        let attributes = [
            ("b", Value::Int(-3)),
            ("a", Value::Text("x")),
            ("b", Value::Int(9)),
            ("nothing", Value::Null),
            ("big", Value::UInt(u64::MAX)),
        ];
        let given = Context::EMPTY.with_attributes(&attributes).with_features(&[1.0 / 3.0, -f64::INFINITY]);
        let kept = OwnedContext::from(given);
        let read: OwnedContext = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
        assert_eq!((&read, read.as_context()), (&kept, given));
        // Of two with one name the first counts, then and later.
        for context in [given, read.as_context()] {
            assert_eq!(context.attribute("b"), Some(Value::Int(-3)));
            assert_eq!(context.attribute("nothing"), Some(Value::Null));
            assert_eq!(context.attribute("gone"), None);
        }
        let names: Vec<&str> = read.as_context().attributes().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b", "big", "nothing"]);
        assert_ne!(read.as_context(), given.with_attributes(&attributes[1..]));
        assert_ne!(read.as_context(), given.with_features(&[]));
        assert!(OwnedContext::default().as_context().is_empty() && !given.is_empty());
        let odd: OwnedContext = serde_json::from_str(r#"{"features":[{"float":"NaN"}]}"#).unwrap();
        assert!(odd.as_context().features()[0].is_nan());
        assert!(serde_json::from_str::<OwnedContext>(r#"{"feature":[]}"#).is_err());
    }
}
