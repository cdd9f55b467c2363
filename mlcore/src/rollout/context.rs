use crate::batch::Value;

/// What a request says of itself besides its unit: attributes that targeting rules read by name, and the numeric features
/// of a contextual bandit.
///
/// A context borrows: making one allocates nothing, and an empty one is a constant.
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
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Context<'a> {
    attributes: &'a [(&'a str, Value<'a>)],
    features: &'a [f64],
}

impl<'a> Context<'a> {
    /// The context of a request that says nothing of itself.
    pub const EMPTY: Context<'static> = Context { attributes: &[], features: &[] };

    /// The same context with these attributes, each a name and its value. Of two with one name the first counts.
    #[must_use]
    pub const fn with_attributes(mut self, attributes: &'a [(&'a str, Value<'a>)]) -> Self {
        self.attributes = attributes;
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
        self.attributes().find_map(|(own, value)| (own == name).then_some(value))
    }

    /// The attributes in the order in which they were given.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        self.attributes.iter().copied()
    }

    /// The numeric features; none where the request brought none.
    #[must_use]
    pub const fn features(&self) -> &'a [f64] {
        self.features
    }

    /// Whether the request brought neither attributes nor features.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.attributes.is_empty() && self.features.is_empty()
    }
}
