//! Which models and versions are there of a name, tag, stage or metric?

use super::{Model, ModelVersion, Registry, RegistryExt};
use crate::error::{Error, Result};
use crate::name::Version;
use crate::tracking::search::{Entity, Field, Filter, Found, Grammar, Order, Query, Row, Search, Test};
use crate::tracking::{Page, PageToken};

/// The most rows of one page of models: MLflow's limit.
pub const MOST_MODELS: usize = 1000;
/// The rows of a page of models where nothing else is asked for: as in MLflow.
pub const DEFAULT_MODELS: usize = 100;
/// The most rows of one page of versions: MLflow's limit.
pub const MOST_VERSIONS: usize = 200_000;
/// The rows of a page of versions where nothing else is asked for: as in MLflow's client.
pub const DEFAULT_VERSIONS: usize = 10_000;

/// Whose columns a search of a registry names.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Dialect {
    /// All that there are: the grammars [`MODELS`](Grammar::MODELS) and [`VERSIONS`](Grammar::VERSIONS).
    #[default]
    Mlcore,
    /// Those of MLflow's registry: [`REGISTERED_MODELS`](Grammar::REGISTERED_MODELS) and
    /// [`MODEL_VERSIONS`](Grammar::MODEL_VERSIONS).
    Mlflow,
}

macro_rules! searches {
    ($($(#[doc = $doc:literal])+ $type:ident: $default:ident, $most:literal;)+) => {$(
        $(#[doc = $doc])+
        #[non_exhaustive]
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub struct $type {
            /// A filter of the dialect's grammar; empty for all.
            pub filter: String,
            /// Columns such as `name DESC`, the most important first.
            pub order_by: Vec<String>,
            /// Whose columns may be named.
            pub dialect: Dialect,
            /// What has this tag with this value is left out; what has another value, or no such tag, is not.
            pub without: Option<(String, String)>,
            #[doc = concat!("The most rows, 1 to ", $most, ".")]
            pub limit: usize,
            /// Where the page begins, as the page before it says.
            pub page: Option<PageToken>,
        }

        impl Default for $type {
            fn default() -> Self {
                Self {
                    filter: String::new(),
                    order_by: Vec::new(),
                    dialect: Dialect::default(),
                    without: None,
                    limit: $default,
                    page: None,
                }
            }
        }

        impl $type {
            /// Looks only for what passes the filter.
            #[must_use]
            pub fn with_filter(mut self, filter: impl Into<String>) -> Self {
                self.filter = filter.into();
                self
            }

            /// Orders by this column, after those that were given before.
            #[must_use]
            pub fn with_order(mut self, column: impl Into<String>) -> Self {
                self.order_by.push(column.into());
                self
            }

            /// Names columns as somebody else does.
            #[must_use]
            pub fn with_dialect(mut self, dialect: Dialect) -> Self {
                self.dialect = dialect;
                self
            }

            /// Leaves out what has this tag with this value.
            #[must_use]
            pub fn without_tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
                self.without = Some((key.into(), value.into()));
                self
            }

            /// Answers at most so many rows.
            #[must_use]
            pub fn with_limit(mut self, limit: usize) -> Self {
                self.limit = limit;
                self
            }

            /// Begins where the page before ended.
            #[must_use]
            pub fn with_page(mut self, page: impl Into<Option<PageToken>>) -> Self {
                self.page = page.into();
                self
            }

            fn query(&self, grammar: &Grammar, orders: Vec<Order>, most: usize) -> Result<Query> {
                let (key, value) = self.without.as_ref().map_or(("", ""), |(key, value)| (key, value));
                let parts = [stringify!($type), &self.filter, key, value];
                let of = Search::of(parts.into_iter().chain(self.order_by.iter().map(String::as_str)));
                let filter = grammar.filter(&self.filter)?;
                Query::new(filter, orders, of, self.limit, most, self.page.as_ref())
            }
        }
    )+};
}

searches! {
    /// Which models to look for: in the order of `order_by`, and then of their titles.
    ModelSearch: DEFAULT_MODELS, "1,000";
    /// Which versions to look for: in the order of `order_by`, and then of the models' titles and of falling numbers. Without an
    /// order the last changed first.
    ///
    /// ```
    /// use mlcore::registry::VersionSearch;
    ///
    /// let best = VersionSearch::default().with_filter("stage = 'staging' AND metrics.auc > 0.8").with_order("metrics.auc DESC");
    /// assert_eq!(best.limit, 10_000);
    /// ```
    VersionSearch: DEFAULT_VERSIONS, "200,000";
}

pub(super) fn models<R: Registry + ?Sized>(registry: &R, search: &ModelSearch) -> Result<Page<Model>> {
    let grammar = match search.dialect {
        Dialect::Mlcore => Grammar::MODELS,
        Dialect::Mlflow => Grammar::REGISTERED_MODELS,
    };
    let mut orders = grammar.order(&search.order_by)?;
    Order::attribute("name", false).complete(&mut orders);
    let query = search.query(&grammar, orders, MOST_MODELS)?;
    let mut models = asked(registry, query.filter())?;
    models.retain(|model| !is_left_out(&model.tags, search.without.as_ref()));
    query.page(models)
}

pub(super) fn versions<R: Registry + ?Sized>(
    registry: &R,
    search: &VersionSearch,
) -> Result<Page<ModelVersion>> {
    let grammar = match search.dialect {
        Dialect::Mlcore => Grammar::VERSIONS,
        Dialect::Mlflow => Grammar::MODEL_VERSIONS,
    };
    let mut orders = grammar.order(&search.order_by)?;
    if orders.is_empty() {
        orders.push(Order::attribute("last_updated_timestamp", true));
    }
    Order::attribute("name", false).complete(&mut orders);
    Order::attribute("version_number", true).complete(&mut orders);
    let query = search.query(&grammar, orders, MOST_VERSIONS)?;
    let mut rows = Vec::new();
    for model in asked(registry, query.filter())? {
        let mut after: Option<Version> = None;
        loop {
            let page = registry.versions(&model.name, after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.version);
            let kept =
                page.into_iter().filter(|version| !is_left_out(&version.tags, search.without.as_ref()));
            let rows_of = kept.map(|version| VersionRow {
                title: model.title().to_owned(),
                version,
                dialect: search.dialect,
            });
            rows.extend(rows_of.filter(|row| query.filter().passes(row)));
        }
    }
    let page = query.page(rows)?;
    Ok(Page::new(page.items.into_iter().map(|row| row.version).collect(), page.next))
}

/// The models that can pass a filter: the one that it names, or all.
fn asked<R: Registry + ?Sized>(registry: &R, filter: &Filter) -> Result<Vec<Model>> {
    let named = filter.clauses.iter().find_map(|clause| match &clause.test {
        Test::Equal(title) if clause.field.entity == Entity::Attribute && clause.field.key == "name" => {
            Some(title)
        }
        _ => None,
    });
    if let Some(title) = named {
        return match registry.model_titled(title) {
            Ok(model) => Ok(vec![model]),
            Err(Error::NotFound(_)) => Ok(Vec::new()),
            Err(error) => Err(error),
        };
    }
    let mut models: Vec<Model> = Vec::new();
    loop {
        let page = registry.models(models.last().map(|model| &model.name), PAGE)?;
        let is_last = page.len() < PAGE;
        models.extend(page);
        if is_last {
            return Ok(models);
        }
    }
}

fn is_left_out(
    tags: &std::collections::BTreeMap<String, String>,
    without: Option<&(String, String)>,
) -> bool {
    without.is_some_and(|(key, value)| tags.get(key) == Some(value))
}

impl Row for Model {
    fn find(&self, field: &Field) -> Found<'_> {
        match (field.entity, &*field.key) {
            (Entity::Tag, key) => Found::text(self.tags.get(key).map(String::as_str)),
            (Entity::Attribute, "name") => Found::text(Some(self.title())),
            (Entity::Attribute, "description") => Found::text(Some(&self.description)),
            (Entity::Attribute, "created_by") => Found::text(Some(&self.created_by)),
            (Entity::Attribute, "creation_timestamp") => Found::time(Some(self.created_at)),
            (Entity::Attribute, "last_updated_timestamp") => Found::time(Some(self.updated_at)),
            _ => Found::Missing,
        }
    }
}

/// A version, and what its model is called.
struct VersionRow {
    title: String,
    version: ModelVersion,
    dialect: Dialect,
}

impl Row for VersionRow {
    #[expect(clippy::cast_precision_loss, reason = "version numbers are exact up to 2^53")]
    fn find(&self, field: &Field) -> Found<'_> {
        let (key, version) = (&*field.key, &self.version);
        match field.entity {
            Entity::Tag => Found::text(version.tags.get(key).map(String::as_str)),
            Entity::Metric => version.metrics.value(key).map_or(Found::Missing, Found::Number),
            Entity::Param | Entity::Dataset => Found::Missing,
            Entity::Attribute => match key {
                "name" => Found::text(Some(&self.title)),
                "version_number" => Found::Number(version.version.get() as f64),
                "run_id" => match &version.lineage.run {
                    Some(run) => Found::text(Some(run.as_str())),
                    // To MLflow a version of no run is one of a run without a name.
                    None if self.dialect == Dialect::Mlflow => Found::text(Some("")),
                    None => Found::Missing,
                },
                "source_path" => Found::text(version.lineage.source.as_deref()),
                "stage" => Found::text(Some(version.stage.name())),
                "format" => Found::text(Some(&version.format)),
                "description" => Found::text(Some(&version.description)),
                "created_by" => Found::text(Some(&version.created_by)),
                "creation_timestamp" => Found::time(Some(version.created_at)),
                "last_updated_timestamp" => Found::time(Some(version.updated_at)),
                _ => Found::Missing,
            },
        }
    }
}

/// How many rows are read at once.
const PAGE: usize = 1000;
