use std::collections::BTreeMap;
use std::fmt;

use mlcore::Result;
use mlcore::artifact::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Entity, FeatureService, FeatureView, OnDemandFeatureView, Origin, Source, canonical};

/// A kind of object.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// An [`Entity`].
    Entity,
    /// A [`Source`].
    Source,
    /// A [`FeatureView`].
    FeatureView,
    /// An [`OnDemandFeatureView`].
    OnDemandFeatureView,
    /// A [`FeatureService`].
    FeatureService,
}

mlcore::words! {
    Kind, "kind of definition":
    Entity = "entity", Source = "source", FeatureView = "feature_view",
    OnDemandFeatureView = "on_demand_feature_view", FeatureService = "feature_service",
}

impl Kind {
    /// What it is called in sentences: `feature view`.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Entity => "entity",
            Self::Source => "source",
            Self::FeatureView => "feature view",
            Self::OnDemandFeatureView => "on-demand feature view",
            Self::FeatureService => "feature service",
        }
    }

    /// What making one is called.
    pub(super) const fn operation(self) -> &'static str {
        match self {
            Self::Entity => "define entity",
            Self::Source => "define source",
            Self::FeatureView => "define feature view",
            Self::OnDemandFeatureView => "define on-demand feature view",
            Self::FeatureService => "define feature service",
        }
    }

    /// Whether it is a view, of either kind: they share their names and have versions.
    #[must_use]
    pub const fn is_view(self) -> bool {
        matches!(self, Self::FeatureView | Self::OnDemandFeatureView)
    }
}

/// The kind and the name of an object. It prints as `feature view driver_stats`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefinitionId {
    /// The kind.
    pub kind: Kind,
    /// The name.
    pub name: String,
}

impl DefinitionId {
    /// The object of this kind and name.
    #[must_use]
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }
}

impl fmt::Display for DefinitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.noun(), self.name)
    }
}

/// Any object of a feature store.
///
/// ```
/// use mlcore_features::store::definition::{Definition, Entity, Kind};
///
/// let definition = Definition::from(Entity::builder("driver").build()?);
/// assert_eq!(definition.id().to_string(), "entity driver");
/// // Equal definitions have one digest on every machine.
/// assert_eq!(definition.digest()?, Definition::from(Entity::builder("driver").build()?).digest()?);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Definition {
    /// An entity.
    Entity(Entity),
    /// A source.
    Source(Source),
    /// A feature view.
    FeatureView(FeatureView),
    /// An on-demand feature view.
    OnDemandFeatureView(OnDemandFeatureView),
    /// A feature service.
    FeatureService(FeatureService),
}

/// What a name that an object mentions means.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::store) enum Named {
    Entity,
    Source,
    View,
}

macro_rules! each {
    ($self:ident, $own:ident => $answer:expr) => {
        match $self {
            Definition::Entity($own) => $answer,
            Definition::Source($own) => $answer,
            Definition::FeatureView($own) => $answer,
            Definition::OnDemandFeatureView($own) => $answer,
            Definition::FeatureService($own) => $answer,
        }
    };
}

impl Definition {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Entity(_) => Kind::Entity,
            Self::Source(_) => Kind::Source,
            Self::FeatureView(_) => Kind::FeatureView,
            Self::OnDemandFeatureView(_) => Kind::OnDemandFeatureView,
            Self::FeatureService(_) => Kind::FeatureService,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        each!(self, own => own.name())
    }

    /// What it is, for people.
    #[must_use]
    pub fn description(&self) -> &str {
        each!(self, own => own.description())
    }

    /// Its tags.
    #[must_use]
    pub fn tags(&self) -> &BTreeMap<String, String> {
        each!(self, own => own.tags())
    }

    /// Who answers for it.
    #[must_use]
    pub fn owner(&self) -> &str {
        each!(self, own => own.owner())
    }

    /// Its kind and name.
    #[must_use]
    pub fn id(&self) -> DefinitionId {
        DefinitionId::new(self.kind(), self.name())
    }

    /// What it is as JSON, without its kind.
    pub(in crate::store) fn to_value(&self) -> Result<Value> {
        each!(self, own => canonical::value_of(own))
    }

    /// The digest of its content: the SHA-256 of its kind and of its JSON with sorted keys.
    ///
    /// # Errors
    /// [`Internal`](mlcore::Error::Internal) where it cannot be written as JSON.
    pub fn digest(&self) -> Result<Digest> {
        Ok(canonical::digest(self.kind().name(), &self.to_value()?))
    }

    /// What it mentions by name, each once.
    pub(in crate::store) fn mentions(&self) -> std::collections::BTreeSet<(Named, &str)> {
        match self {
            Self::Entity(_) => [].into(),
            Self::Source(source) => match source.origin() {
                Origin::Push { batch_source: Some(batch) } => [(Named::Source, batch)].into(),
                _ => [].into(),
            },
            Self::FeatureView(view) => {
                let entities = view.entities().iter().map(|entity| (Named::Entity, entity.as_str()));
                entities.chain(view.source().map(|source| (Named::Source, source))).collect()
            }
            Self::OnDemandFeatureView(view) => {
                let views = view.views().iter().map(|own| (Named::View, own.view.as_str()));
                let requests = view.request_sources().iter().map(|source| (Named::Source, source.as_str()));
                views.chain(requests).collect()
            }
            Self::FeatureService(service) => {
                service.projections().iter().map(|own| (Named::View, own.view.as_str())).collect()
            }
        }
    }
}

macro_rules! from_kind {
    ($($kind:ident),+) => {
        $(impl From<$kind> for Definition {
            fn from(own: $kind) -> Self {
                Self::$kind(own)
            }
        })+
    };
}
from_kind!(Entity, Source, FeatureView, OnDemandFeatureView, FeatureService);
