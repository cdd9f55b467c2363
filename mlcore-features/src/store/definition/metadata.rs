//! What every definition says for people: description, tags, owner.

/// The methods of a builder whose fields have these names.
macro_rules! metadata_setters {
    ($type:ident) => {
        impl $type {
            /// Says what it is, for people.
            pub fn description(mut self, description: impl Into<String>) -> Self {
                self.description = description.into();
                self
            }

            /// Adds a tag.
            pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
                self.tags.insert(key.into(), value.into());
                self
            }

            /// Says who answers for it, such as a mail address.
            pub fn owner(mut self, owner: impl Into<String>) -> Self {
                self.owner = owner.into();
                self
            }
        }
    };
}

/// The answers of what was built of it.
macro_rules! metadata_getters {
    ($type:ident) => {
        impl $type {
            /// The name.
            #[must_use]
            pub fn name(&self) -> &str {
                &self.0.name
            }

            /// What it is, for people.
            #[must_use]
            pub fn description(&self) -> &str {
                &self.0.description
            }

            /// The tags.
            #[must_use]
            pub fn tags(&self) -> &BTreeMap<String, String> {
                &self.0.tags
            }

            /// Who answers for it.
            #[must_use]
            pub fn owner(&self) -> &str {
                &self.0.owner
            }
        }
    };
}

/// A built value is read and written as its builder.
macro_rules! built_from {
    ($type:ident, $builder:ident) => {
        impl TryFrom<$builder> for $type {
            type Error = Error;

            fn try_from(builder: $builder) -> Result<Self> {
                builder.build()
            }
        }

        impl From<$type> for $builder {
            fn from(built: $type) -> Self {
                built.0
            }
        }
    };
}

pub(super) use {built_from, metadata_getters, metadata_setters};
