//! The kinds of rows that are searched, and where their columns lie.

use super::{Columns, Sql};
use crate::error::Result;
use crate::tracking::search::Entity;
use crate::tracking::{Experiment, LoggedModel, RunInfo};

/// A kind of row: the table `r`, and the tables of what it has many of, whose column `owner` is the row's number.
#[derive(Debug)]
pub(super) struct Kind<'a> {
    pub(super) table: &'static str,
    /// The columns of a row, before those that a search adds.
    pub(super) columns: &'static str,
    pub(super) width: usize,
    attributes: fn(&str) -> Option<Attribute>,
    params: Option<&'static str>,
    tags: &'static str,
    pub(super) metrics: Metrics<'a>,
    /// Whether values have indexes, so that a search may begin with them.
    pub(super) is_indexed: bool,
}

/// Where the metrics of a row are.
#[derive(Debug)]
pub(super) enum Metrics<'a> {
    None,
    /// In a table of the latest points.
    Latest,
    /// In a table of all; those count that were measured on one of these datasets, or all where there are none.
    Measured(&'a [(String, Option<String>)]),
}

/// A column of the table `r`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute {
    pub(super) filtered: &'static str,
    pub(super) ordered: &'static str,
    pub(super) is_number: bool,
    /// Whether every row has a value.
    pub(super) is_whole: bool,
}

const fn text(column: &'static str) -> Attribute {
    Attribute { filtered: column, ordered: column, is_number: false, is_whole: true }
}

const fn number(column: &'static str) -> Attribute {
    Attribute { is_number: true, ..text(column) }
}

const fn optional(attribute: Attribute) -> Attribute {
    Attribute { is_whole: false, ..attribute }
}

const fn ordered_by(ordered: &'static str, column: &'static str) -> Attribute {
    Attribute { ordered, ..text(column) }
}

impl<'a> Kind<'a> {
    pub(super) const RUNS: Self = Self {
        table: "run r",
        columns: "r.number, r.id, r.experiment, r.name, r.user_id, r.status, r.start_time, r.end_time,
            r.artifact_uri, r.stage, r.deleted_time",
        width: 11,
        attributes: |key| {
            Some(match key {
                "run_id" => text("r.id"),
                "run_name" => text("r.name"),
                "user_id" => text("r.user_id"),
                "status" => text("r.status"),
                "artifact_uri" => text("r.artifact_uri"),
                "start_time" => number("r.start_time"),
                "end_time" => optional(number("r.end_time")),
                _ => return None,
            })
        },
        params: Some("param"),
        tags: "tag",
        metrics: Metrics::Latest,
        is_indexed: true,
    };

    pub(super) const EXPERIMENTS: Self = Self {
        table: "experiment r",
        columns: "r.number, r.id, r.name, r.location, r.stage, r.created, r.updated",
        width: 7,
        attributes: |key| {
            Some(match key {
                "name" => text("r.name"),
                "experiment_id" => ordered_by("r.ordinal", "r.id"),
                "creation_time" => number("r.created"),
                "last_update_time" => number("r.updated"),
                _ => return None,
            })
        },
        params: None,
        tags: "experiment_tag",
        metrics: Metrics::None,
        is_indexed: false,
    };

    pub(super) fn models(datasets: &'a [(String, Option<String>)]) -> Self {
        Self {
            table: "logged_model r",
            columns: "r.number, r.id, r.experiment, r.name, r.location, r.created, r.updated, r.model_type,
                r.source_run, r.status, r.stage",
            width: 11,
            attributes: |key| {
                let of_experiment = "(SELECT e.ordinal FROM experiment e WHERE e.id = r.experiment)";
                Some(match key {
                    "name" => text("r.name"),
                    "model_id" => text("r.id"),
                    "experiment_id" => ordered_by(of_experiment, "r.experiment"),
                    "model_type" => optional(text("r.model_type")),
                    "status" => text("r.status"),
                    "source_run_id" => optional(text("r.source_run")),
                    "creation_timestamp" => number("r.created"),
                    "last_updated_timestamp" => number("r.updated"),
                    _ => return None,
                })
            },
            params: Some("model_param"),
            tags: "model_tag",
            metrics: Metrics::Measured(datasets),
            is_indexed: false,
        }
    }

    pub(super) fn attribute(&self, key: &str) -> Option<Attribute> {
        (self.attributes)(key)
    }

    /// The table of the texts of a kind of column.
    pub(super) fn texts(&self, entity: Entity) -> Option<&'static str> {
        match entity {
            Entity::Param => self.params,
            Entity::Tag => Some(self.tags),
            Entity::Attribute | Entity::Metric | Entity::Dataset => None,
        }
    }

    /// The condition that a metric `f` of a logged model counts.
    pub(super) fn counts(datasets: &[(String, Option<String>)]) -> Sql {
        let mut sql = Sql::new("TRUE");
        for (place, (name, digest)) in datasets.iter().enumerate() {
            sql = sql.then(if place == 0 { " AND (" } else { " OR " });
            sql = sql.then("f.dataset = ?").with(name.clone());
            if let Some(digest) = digest {
                sql = sql.then(" AND f.digest = ?").with(digest.clone());
            }
        }
        if datasets.is_empty() { sql } else { sql.then(")") }
    }
}

/// An experiment without its tags.
pub(super) fn experiment(row: &dyn Columns) -> Result<Experiment> {
    Ok(Experiment {
        id: row.parsed(1)?,
        name: row.string(2)?,
        artifact_location: row.string(3)?,
        lifecycle_stage: row.stage(4)?,
        creation_time: row.time(5)?,
        last_update_time: row.time(6)?,
        tags: std::collections::BTreeMap::new(),
    })
}

pub(super) fn run_info(row: &dyn Columns) -> Result<RunInfo> {
    Ok(RunInfo {
        id: row.parsed(1)?,
        experiment: row.parsed(2)?,
        name: row.string(3)?,
        user_id: row.string(4)?,
        status: row.parsed(5)?,
        start_time: row.time(6)?,
        end_time: row.time_if(7)?,
        artifact_uri: row.string(8)?,
        lifecycle_stage: row.stage(9)?,
        deleted_time: row.time_if(10)?,
    })
}

/// A logged model without its tags, parameters and metrics.
pub(super) fn model(row: &dyn Columns) -> Result<LoggedModel> {
    Ok(LoggedModel {
        id: row.parsed(1)?,
        experiment: row.parsed(2)?,
        name: row.string(3)?,
        artifact_location: row.string(4)?,
        creation_time: row.time(5)?,
        last_updated_time: row.time(6)?,
        model_type: row.string_if(7)?,
        source_run: row.parsed_if(8)?,
        status: row.parsed(9)?,
        lifecycle_stage: row.stage(10)?,
        tags: std::collections::BTreeMap::new(),
        params: std::collections::BTreeMap::new(),
        metrics: Vec::new(),
    })
}
