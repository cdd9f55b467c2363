//! Definitions that several tests begin with.

use mlcore::schema::DType;
use mlcore::{Error, Result};
use mlcore_features::store::definition::{
    Definition, Entity, FeatureView, FeatureViewBuilder, Field, Repository, Source, SourceBuilder,
};

#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T>, kind: &str, words: &[&str]) {
    let error: Error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.context().remedy().is_some(), "it says what to do: {error}");
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

pub(crate) fn driver() -> Definition {
    Entity::builder("driver").join_keys(["driver_id"]).value_type(DType::Int64).build().unwrap().into()
}

pub(crate) fn file() -> SourceBuilder {
    Source::file("stats.parquet").name("stats").timestamp_field("at").created_timestamp_column("made")
}

pub(crate) fn view(fields: &[(&str, DType)]) -> FeatureViewBuilder {
    let schema = fields.iter().map(|(name, dtype)| Field::new(*name, *dtype));
    FeatureView::builder("stats_view", ["driver"]).source("stats").schema(schema)
}

pub(crate) fn together(view: FeatureViewBuilder) -> Result<Repository> {
    Repository::new("rides", [driver(), file().build()?.into(), view.build()?.into()])
}
