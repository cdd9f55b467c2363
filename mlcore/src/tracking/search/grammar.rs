use std::collections::BTreeSet;

use super::parser::Parser;
use super::{Entity, Filter, MOST_COLUMNS, Order};
use crate::error::{Error, Result};

/// What one kind of row can be searched and ordered by.
#[derive(Debug)]
pub struct Grammar {
    /// The attributes.
    attributes: &'static [Attribute],
    /// What else there is to compare.
    entities: &'static [Entity],
    /// What else than attributes rows are ordered by.
    orders: &'static [Entity],
    /// What else than attributes is compared with a list.
    lists: &'static [Entity],
    /// What is compared with NULL.
    nulls: &'static [Entity],
}

/// A column that every row of a kind has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute {
    /// The name that filters are printed with, then its other spellings.
    pub(super) names: &'static [&'static str],
    pub(super) is_number: bool,
    /// Whether it is compared with a list of texts.
    pub(super) takes_lists: bool,
    /// Whether a filter may name it, not only an order.
    pub(super) filters: bool,
    /// Whether an order may name it.
    pub(super) orders: bool,
}

const fn text(names: &'static [&'static str]) -> Attribute {
    Attribute { names, is_number: false, takes_lists: false, filters: true, orders: true }
}

const fn listed(names: &'static [&'static str]) -> Attribute {
    Attribute { takes_lists: true, ..text(names) }
}

const fn number(names: &'static [&'static str]) -> Attribute {
    Attribute { is_number: true, ..text(names) }
}

const fn ordering(attribute: Attribute) -> Attribute {
    Attribute { filters: false, ..attribute }
}

const fn filtering(attribute: Attribute) -> Attribute {
    Attribute { orders: false, ..attribute }
}

impl Grammar {
    /// Runs.
    pub const RUNS: Self = Self {
        attributes: &[
            listed(&["run_id"]),
            text(&["run_name", "run name", "Run name", "Run Name"]),
            text(&["user_id"]),
            text(&["status"]),
            text(&["artifact_uri"]),
            number(&["start_time", "created", "Created"]),
            number(&["end_time"]),
        ],
        entities: &[Entity::Metric, Entity::Param, Entity::Tag, Entity::Dataset],
        orders: &[Entity::Metric, Entity::Param, Entity::Tag],
        lists: &[Entity::Dataset],
        nulls: &[Entity::Param, Entity::Tag],
    };

    /// Experiments.
    pub const EXPERIMENTS: Self = Self {
        attributes: &[
            text(&["name"]),
            listed(&["experiment_id"]),
            number(&["creation_time"]),
            number(&["last_update_time"]),
        ],
        entities: &[Entity::Tag],
        orders: &[],
        lists: &[],
        nulls: &[Entity::Tag],
    };

    /// Logged models.
    pub const LOGGED_MODELS: Self = Self {
        attributes: &[
            listed(&["name"]),
            listed(&["model_id"]),
            listed(&["experiment_id"]),
            listed(&["model_type"]),
            listed(&["status"]),
            listed(&["source_run_id"]),
            number(&["creation_timestamp", "creation_time", "creation_timestamp_ms"]),
            number(&["last_updated_timestamp", "last_updated_time", "last_updated_timestamp_ms"]),
        ],
        entities: &[Entity::Metric, Entity::Param, Entity::Tag],
        orders: &[Entity::Metric],
        lists: &[Entity::Param, Entity::Tag],
        nulls: &[],
    };

    /// Models of a registry.
    pub const MODELS: Self = Self {
        attributes: &[
            listed(&["name"]),
            text(&["description"]),
            text(&["created_by"]),
            number(&["creation_timestamp", "created_at"]),
            number(&["last_updated_timestamp", "updated_at", "timestamp"]),
        ],
        entities: &[Entity::Tag],
        orders: &[Entity::Tag],
        lists: &[Entity::Tag],
        nulls: &[Entity::Tag],
    };

    /// Versions of a registry's models.
    pub const VERSIONS: Self = Self {
        attributes: &[
            listed(&["name"]),
            number(&["version_number", "version"]),
            listed(&["run_id"]),
            text(&["source_path", "source"]),
            listed(&["stage", "current_stage"]),
            listed(&["format"]),
            text(&["description"]),
            text(&["created_by"]),
            number(&["creation_timestamp", "created_at"]),
            number(&["last_updated_timestamp", "updated_at"]),
        ],
        entities: &[Entity::Metric, Entity::Tag],
        orders: &[Entity::Metric, Entity::Tag],
        lists: &[Entity::Tag],
        nulls: &[Entity::Tag],
    };

    /// Registered models, for a registry that is searched as MLflow's.
    pub const REGISTERED_MODELS: Self = Self {
        attributes: &[listed(&["name"]), ordering(number(&["last_updated_timestamp", "timestamp"]))],
        entities: &[Entity::Tag],
        orders: &[],
        lists: &[],
        nulls: &[],
    };

    /// Model versions, for a registry that is searched as MLflow's.
    pub const MODEL_VERSIONS: Self = Self {
        attributes: &[
            text(&["name"]),
            number(&["version_number"]),
            filtering(listed(&["run_id"])),
            filtering(text(&["source_path"])),
            ordering(number(&["creation_timestamp"])),
            ordering(number(&["last_updated_timestamp"])),
        ],
        entities: &[Entity::Tag],
        orders: &[],
        lists: &[],
        nulls: &[],
    };

    /// Reads a filter; blank text lets everything pass.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] whose subject is the column where the text stops making sense.
    pub fn filter(&self, text: &str) -> Result<Filter> {
        Parser::new(self, "filter", text)?.filter()
    }

    /// Reads the columns of an order, the most important first.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] whose subject is the column where a text stops making sense; also for a column that is there
    /// twice.
    pub fn order<T: AsRef<str>>(&self, columns: &[T]) -> Result<Vec<Order>> {
        if columns.len() > MOST_COLUMNS {
            let problem = format!("there are {}, and at most {MOST_COLUMNS} are taken", columns.len());
            return Err(Error::invalid_input("search", "order columns", problem));
        }
        let mut seen = BTreeSet::new();
        let mut orders = Vec::with_capacity(columns.len());
        for text in columns {
            let order = Parser::new(self, "order", text.as_ref())?.order()?;
            if !seen.insert(order.field.clone()) {
                let problem = format!("{} is there twice", order.field);
                return Err(Error::invalid_input("search", "order columns", problem));
            }
            orders.push(order);
        }
        Ok(orders)
    }

    /// The attribute of this spelling.
    pub(super) fn attribute(&self, spelling: &str) -> Option<&'static Attribute> {
        self.attributes.iter().find(|attribute| attribute.names.contains(&spelling))
    }

    pub(super) fn attributes(&self) -> impl Iterator<Item = &'static Attribute> {
        self.attributes.iter()
    }

    pub(super) fn has(&self, entity: Entity) -> bool {
        entity == Entity::Attribute || self.entities.contains(&entity)
    }

    pub(super) fn orders_by(&self, entity: Entity) -> bool {
        entity == Entity::Attribute || self.orders.contains(&entity)
    }

    pub(super) fn lists(&self, entity: Entity) -> bool {
        self.lists.contains(&entity)
    }

    pub(super) fn nulls(&self, entity: Entity) -> bool {
        self.nulls.contains(&entity)
    }
}

impl Attribute {
    pub(super) fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }
}

/// The words for each kind, the first in the plural.
const ENTITIES: [(Entity, &[&str]); 5] = [
    (Entity::Attribute, &["attributes", "attribute", "attr", "run"]),
    (Entity::Metric, &["metrics", "metric"]),
    (Entity::Param, &["params", "param", "parameter", "parameters"]),
    (Entity::Tag, &["tags", "tag"]),
    (Entity::Dataset, &["datasets", "dataset"]),
];

impl Entity {
    /// The word that filters are printed with.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Attribute => "attributes",
            Self::Metric => "metrics",
            Self::Param => "params",
            Self::Tag => "tags",
            Self::Dataset => "datasets",
        }
    }

    pub(super) fn of_word(word: &str) -> Option<Self> {
        ENTITIES.iter().find(|(_, words)| words.contains(&word)).map(|(entity, _)| *entity)
    }
}

/// What is known of a dataset.
pub(super) const DATASET_KEYS: [&str; 3] = ["name", "digest", "context"];
