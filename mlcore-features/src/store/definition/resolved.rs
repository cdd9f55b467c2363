use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Entity, FeatureView, Field, OnDemandFeatureView, Projection, Source, ValueType};

/// A feature view with all that it names: what stores read and write by.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct ResolvedView {
    /// The view.
    pub view: FeatureView,
    /// Its entities, in its order.
    pub entities: Vec<Entity>,
    /// Its source, as it is named.
    pub source: Option<Source>,
    /// The source of its history: its source, or that of its push source.
    pub batch_source: Option<Source>,
    /// The columns of its join keys, with their types, in the order of its entities.
    pub join_keys: Vec<Field>,
    /// Its features: the other fields of its schema, or what its aggregations make.
    pub features: Vec<Field>,
}

impl ResolvedView {
    /// The source that says which columns hold times.
    fn timed(&self) -> Option<&Source> {
        self.batch_source.as_ref().or(self.source.as_ref())
    }

    /// The column of the event time; none for a view that is written to alone.
    #[must_use]
    pub fn timestamp_field(&self) -> Option<&str> {
        self.timed().and_then(Source::timestamp_field)
    }

    /// The column of the time of writing.
    #[must_use]
    pub fn created_timestamp_column(&self) -> Option<&str> {
        self.timed().and_then(Source::created_timestamp_column)
    }

    /// The column of the source that holds a feature or a key of this name.
    #[must_use]
    pub fn source_column<'a>(&'a self, name: &'a str) -> &'a str {
        let mapped = self.timed().and_then(|source| {
            source
                .field_mapping()
                .iter()
                .find(|(_, feature)| *feature == name)
                .map(|(column, _)| column.as_str())
        });
        mapped.unwrap_or(name)
    }

    /// The feature of this name.
    #[must_use]
    pub fn feature(&self, name: &str) -> Option<&Field> {
        self.features.iter().find(|feature| feature.name == name)
    }
}

/// Where an input of an on-demand view comes from.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InputOrigin {
    /// A feature of the view at this place of [`ResolvedOnDemandView::inputs`].
    View(usize),
    /// A value of this request source.
    Request(String),
}

/// A column that the function of an on-demand view sees.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InputColumn {
    /// The name of the feature or the value.
    pub name: String,
    /// The name with that of its view before it, `driver_stats__conv_rate`; the same as the name for a value of a request.
    pub full_name: String,
    /// Its type.
    pub dtype: ValueType,
    /// Where it comes from.
    pub origin: InputOrigin,
}

/// An on-demand view with all that it names.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct ResolvedOnDemandView {
    /// The view.
    pub view: OnDemandFeatureView,
    /// The views that it reads, as it takes them.
    pub inputs: Vec<(Projection, AnyView)>,
    /// The sources of the values that a request brings.
    pub request_sources: Vec<Source>,
    /// What its function sees.
    pub columns: Vec<InputColumn>,
    /// How many on-demand views are computed one after the other, this one included.
    pub(super) depth: usize,
}

impl ResolvedOnDemandView {
    /// The columns by each name that means one: a full name, and a short one that two inputs do not share.
    #[must_use]
    pub fn columns_by_name(&self) -> BTreeMap<&str, &InputColumn> {
        let mut named: BTreeMap<&str, Option<&InputColumn>> = BTreeMap::new();
        for column in &self.columns {
            named.entry(&column.name).and_modify(|known| *known = None).or_insert(Some(column));
        }
        for column in &self.columns {
            named.insert(&column.full_name, Some(column));
        }
        named.into_iter().filter_map(|(name, column)| Some((name, column?))).collect()
    }
}

/// A view of either kind. Clones share it.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub enum AnyView {
    /// A feature view, whose values are stored.
    View(Arc<ResolvedView>),
    /// An on-demand view, whose values are computed.
    OnDemand(Arc<ResolvedOnDemandView>),
}

impl AnyView {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::View(own) => own.view.name(),
            Self::OnDemand(own) => own.view.name(),
        }
    }

    /// How many on-demand views are computed one after the other for it.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::View(_) => 0,
            Self::OnDemand(own) => own.depth,
        }
    }

    /// The features.
    #[must_use]
    pub fn features(&self) -> &[Field] {
        match self {
            Self::View(own) => &own.features,
            Self::OnDemand(own) => own.view.schema(),
        }
    }

    /// The feature of this name.
    #[must_use]
    pub fn feature(&self, name: &str) -> Option<&Field> {
        self.features().iter().find(|feature| feature.name == name)
    }
}
