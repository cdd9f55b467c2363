//! What a feature store consists of, as plain data in Feast's vocabulary: entities, sources, feature views, on-demand feature views
//! and feature services.
//!
//! A builder collects, and `build` checks once: a value of these types cannot be wrong by itself. What one object says about another is
//! checked where they come together, in a [`Repository`], which also resolves references such as `driver_stats:conv_rate`.
//!
//! ```
//! use std::time::Duration;
//!
//! use mlcore::schema::DType;
//! use mlcore_features::store::definition::{
//!     Definition, Entity, FeatureReference, FeatureService, FeatureView, Field, Repository, ResolveOptions, Source,
//! };
//!
//! let driver = Entity::builder("driver").join_keys(["driver_id"]).value_type(DType::Int64).build()?;
//! let source = Source::file("data/stats.parquet").name("stats").timestamp_field("event_timestamp").build()?;
//! let stats = FeatureView::builder("driver_stats", ["driver"])
//!     .schema([Field::new("conv_rate", DType::Float32), Field::new("trips", DType::Int64)])
//!     .ttl(Duration::from_secs(86_400))
//!     .source("stats")
//!     .build()?;
//! let service = FeatureService::builder("ranking").feature("driver_stats:conv_rate").build()?;
//! let repository = Repository::new("rides", [
//!     Definition::from(driver), source.into(), stats.into(), service.into(),
//! ])?;
//!
//! let references = [FeatureReference::parse("driver_stats:trips")?];
//! let resolved = repository.resolve(&references, &ResolveOptions::default().with_full_feature_names(true))?;
//! assert_eq!(resolved.output_names().collect::<Vec<_>>(), ["driver_stats__trips"]);
//! assert_eq!(repository.resolve_service("ranking", &ResolveOptions::default())?.features.len(), 1);
//! # Ok::<(), mlcore::Error>(())
//! ```
//!
//! # What differs from Feast 0.67
//!
//! - Objects name each other: a view has the name of its source, not a copy, so that a changed source changes its views.
//! - A `ttl` of zero is no limit, as in Feast, and the same as none. A negative one is refused.
//! - A view lists its fields; [`FeatureViewBuilder::schema_of`] takes them from Arrow's schema of its data.
//! - Names that begin with `__` are refused, because Feast and this crate use such names for columns of their own.
//! - Functions are [expressions](crate::expression) and [plans](crate::pipeline::Plan), never code that is unpickled.

mod aggregation;
mod arrow_schema;
mod canonical;
mod duration;
mod entity;
pub mod feast;
mod feature_service;
mod feature_view;
mod field;
mod metadata;
mod name;
mod nearest;
mod object;
mod on_demand;
mod projection;
mod reference;
mod repository;
mod resolved;
mod source;
#[cfg(feature = "toml")]
mod toml;
mod transformation;
mod value_type;

pub use self::aggregation::{Aggregation, AggregationFunction};
pub use self::entity::{Entity, EntityBuilder};
pub use self::feature_service::{FeatureService, FeatureServiceBuilder};
pub use self::feature_view::{FeatureView, FeatureViewBuilder};
pub use self::field::Field;
pub use self::object::{Definition, DefinitionId, Kind};
pub use self::on_demand::{OnDemandFeatureView, OnDemandFeatureViewBuilder};
pub use self::projection::Projection;
pub use self::reference::{FeatureReference, ViewVersion};
pub use self::repository::{
    JoinKey, OnDemandStep, Repository, Resolution, ResolveOptions, ResolvedFeature, ViewRead, Views,
};
pub use self::resolved::{AnyView, InputColumn, InputOrigin, ResolvedOnDemandView, ResolvedView};
pub use self::source::{Origin, Source, SourceBuilder, SourceKind};
pub use self::transformation::{PlanReference, Transformation};
pub use self::value_type::ValueType;

pub(in crate::store) use self::canonical::{
    digest as content_digest, text as canonical_text, value_of as json_of,
};
pub(in crate::store) use self::object::Named;
#[cfg(feature = "sqlite")]
pub(in crate::store) use self::repository::check_project;
pub(in crate::store) use self::repository::{find as find_in, resolve_projections, resolve_references};
