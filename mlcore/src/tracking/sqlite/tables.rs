//! Writing rows, and reading those that the rules ask for.

use std::cell::RefCell;
use std::path::Path;
use std::str::FromStr;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::{CHANGE, bits};
use crate::error::{Error, Result};
use crate::name::{ExperimentId, LoggedModelId, RunId};
use crate::sql::meaning;
use crate::time::Timestamp;
use crate::tracking::rules::Tables;
use crate::tracking::{
    DatasetInput, Experiment, LifecycleStage, LoggedModel, Metric, ModelMetric, ModelOutput, RunInfo, millis,
};

/// The tables through one connection, in one transaction.
#[derive(Debug)]
pub(super) struct SqlTables<'a> {
    pub(super) connection: &'a Connection,
    file: &'a Path,
    /// The number of the run that was asked for last: a batch asks a thousand times.
    last: RefCell<Option<(RunId, i64)>>,
}

impl<'a> SqlTables<'a> {
    pub(super) fn new(connection: &'a Connection, file: &'a Path) -> Self {
        Self { connection, file, last: RefCell::default() }
    }

    pub(super) fn failed(&self) -> impl Fn(rusqlite::Error) -> Error {
        meaning(CHANGE, self.file)
    }

    /// The first row, if there is one.
    pub(super) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        let mut statement = self.connection.prepare_cached(sql).map_err(self.failed())?;
        statement.query_row(params, read).optional().map_err(self.failed())
    }

    /// All rows.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.connection.prepare_cached(sql).map_err(self.failed())?;
        let rows = statement.query_map(params, read).map_err(self.failed())?;
        rows.collect::<rusqlite::Result<_>>().map_err(self.failed())
    }

    /// Writes, and answers how many rows.
    fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        let mut statement = self.connection.prepare_cached(sql).map_err(self.failed())?;
        statement.execute(params).map_err(self.failed())
    }

    /// The number of a run.
    pub(super) fn number_of(&self, run: &RunId) -> Result<Option<i64>> {
        if let Some((last, number)) = &*self.last.borrow()
            && last == run
        {
            return Ok(Some(*number));
        }
        let found = self.one("SELECT number FROM run WHERE id = ?1", (run.as_str(),), |row| row.get(0))?;
        if let Some(number) = found {
            *self.last.borrow_mut() = Some((run.clone(), number));
        }
        Ok(found)
    }

    /// The number of a run that the rules have found.
    fn number(&self, run: &RunId) -> Result<i64> {
        self.number_of(run)?.ok_or_else(|| Error::internal(CHANGE, run.as_str(), "the run is gone"))
    }

    /// The number of a metric's key; none where nothing was logged under it.
    pub(super) fn key_of(&self, key: &str) -> Result<Option<i64>> {
        self.one("SELECT number FROM metric_key WHERE key = ?1", (key,), |row| row.get(0))
    }

    fn key(&self, key: &str) -> Result<i64> {
        if let Some(number) = self.key_of(key)? {
            return Ok(number);
        }
        self.execute("INSERT INTO metric_key (key) VALUES (?1)", (key,))?;
        Ok(self.connection.last_insert_rowid())
    }

    fn put_point(&self, insert: &str, run: i64, key: i64, metric: &Metric) -> Result<usize> {
        let (dataset, digest) = (metric.dataset_name.as_deref(), metric.dataset_digest.as_deref());
        let model = metric.model.as_ref().map(LoggedModelId::as_str);
        let bits = bits::of(metric.value);
        self.execute(insert, (run, key, metric.timestamp_ms, metric.step, bits, model, dataset, digest))
    }
}

/// A column whose text is parsed.
pub(super) fn parsed<T: FromStr<Err = Error>>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    text.parse()
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

/// A column whose text is parsed, or nothing.
pub(super) fn parsed_if<T: FromStr<Err = Error>>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<Option<T>> {
    match row.get_ref(column)? {
        rusqlite::types::ValueRef::Null => Ok(None),
        _ => parsed(row, column).map(Some),
    }
}

/// A column of JSON.
pub(super) fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text)
        .map_err(|cause| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(cause)))
}

pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

pub(super) fn time_if(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis))
}

pub(super) fn stage(row: &Row<'_>, column: usize) -> rusqlite::Result<LifecycleStage> {
    Ok(if row.get::<_, i64>(column)? == 0 { LifecycleStage::Active } else { LifecycleStage::Deleted })
}

pub(super) fn stage_number(stage: LifecycleStage) -> i64 {
    match stage {
        LifecycleStage::Active => 0,
        LifecycleStage::Deleted => 1,
    }
}

fn text(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|cause| Error::internal(CHANGE, "row", cause.to_string()).caused_by(cause))
}

impl Tables for SqlTables<'_> {
    fn experiment(&self, id: &ExperimentId) -> Result<Option<Experiment>> {
        self.one(&format!("{EXPERIMENTS} WHERE id = ?1"), (id.as_str(),), experiment)
    }

    fn experiment_named(&self, name: &str) -> Result<Option<Experiment>> {
        self.one(&format!("{EXPERIMENTS} WHERE name = ?1"), (name,), experiment)
    }

    fn put_experiment(&mut self, experiment: &Experiment) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO experiment (id, name, location, stage, created, updated, tags)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let values = (
            experiment.id.as_str(),
            &experiment.name,
            &experiment.artifact_location,
            stage_number(experiment.lifecycle_stage),
            millis(experiment.creation_time),
            millis(experiment.last_update_time),
            text(&experiment.tags)?,
        );
        self.execute(sql, values).map(drop)
    }

    fn run_info(&self, id: &RunId) -> Result<Option<RunInfo>> {
        self.one(&format!("{RUNS} WHERE r.id = ?1"), (id.as_str(),), run_info)
    }

    fn put_run(&mut self, info: &RunInfo) -> Result<()> {
        let sql = "INSERT INTO run (id, experiment, name, user_id, status, start_time, end_time, artifact_uri, stage,
                deleted_time)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
            ON CONFLICT (id) DO UPDATE SET experiment = ?2, name = ?3, user_id = ?4, status = ?5, start_time = ?6,
                end_time = ?7, artifact_uri = ?8, stage = ?9, deleted_time = ?10";
        let values = (
            info.id.as_str(),
            info.experiment.as_str(),
            &info.name,
            &info.user_id,
            info.status.name(),
            millis(info.start_time),
            info.end_time.map(millis),
            &info.artifact_uri,
            stage_number(info.lifecycle_stage),
            info.deleted_time.map(millis),
        );
        self.execute(sql, values).map(drop)
    }

    fn set_stage_of_runs(&mut self, experiment: &ExperimentId, deleted: Option<Timestamp>) -> Result<()> {
        let (due, other) = if deleted.is_some() { (1, 0) } else { (0, 1) };
        let sql = "UPDATE run SET stage = ?1, deleted_time = ?2 WHERE experiment = ?3 AND stage = ?4";
        self.execute(sql, (due, deleted.map(millis), experiment.as_str(), other)).map(drop)
    }

    fn param(&self, run: &RunId, key: &str) -> Result<Option<String>> {
        let number = self.number(run)?;
        self.one("SELECT value FROM param WHERE run = ?1 AND key = ?2", (number, key), |row| row.get(0))
    }

    fn put_param(&mut self, run: &RunId, key: &str, value: &str) -> Result<()> {
        let number = self.number(run)?;
        self.execute("INSERT INTO param (run, key, value) VALUES (?1, ?2, ?3)", (number, key, value))
            .map(drop)
    }

    fn tag(&self, run: &RunId, key: &str) -> Result<Option<String>> {
        let number = self.number(run)?;
        self.one("SELECT value FROM tag WHERE run = ?1 AND key = ?2", (number, key), |row| row.get(0))
    }

    fn put_tag(&mut self, run: &RunId, key: &str, value: Option<&str>) -> Result<()> {
        let number = self.number(run)?;
        match value {
            Some(value) => self.execute(
                "INSERT OR REPLACE INTO tag (run, key, value) VALUES (?1, ?2, ?3)",
                (number, key, value),
            ),
            None => self.execute("DELETE FROM tag WHERE run = ?1 AND key = ?2", (number, key)),
        }
        .map(drop)
    }

    fn add_metric(&mut self, run: &RunId, metric: &Metric) -> Result<()> {
        let (number, key) = (self.number(run)?, self.key(&metric.key)?);
        let columns = "(run, key, timestamp, step, bits, model, dataset, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        if self.put_point(&format!("INSERT OR IGNORE INTO point {columns}"), number, key, metric)? == 0 {
            return Ok(());
        }
        let sql = "SELECT timestamp, step, bits FROM latest WHERE run = ?1 AND key = ?2";
        let latest = self.one(sql, (number, key), |row| {
            Ok(Metric::new("", bits::value(row.get(2)?), row.get(0)?).at_step(row.get(1)?))
        })?;
        if latest.is_none_or(|latest| metric.supersedes(&latest)) {
            self.put_point(&format!("INSERT OR REPLACE INTO latest {columns}"), number, key, metric)?;
        }
        Ok(())
    }

    fn add_dataset(&mut self, run: &RunInfo, input: &DatasetInput) -> Result<()> {
        let dataset = &input.dataset;
        let identity = (run.experiment.as_str(), &*dataset.name, &*dataset.digest);
        let find = "SELECT number FROM dataset WHERE experiment = ?1 AND name = ?2 AND digest = ?3";
        let known = self.one(find, identity, |row| row.get::<_, i64>(0))?;
        let dataset = match known {
            Some(number) => number,
            None => {
                let sql = "INSERT INTO dataset (experiment, name, digest, body) VALUES (?1, ?2, ?3, ?4)";
                self.execute(sql, (identity.0, identity.1, identity.2, text(dataset)?))?;
                self.connection.last_insert_rowid()
            }
        };
        let sql = "INSERT OR IGNORE INTO input (run, dataset, tags) VALUES (?1, ?2, ?3)";
        self.execute(sql, (self.number(&run.id)?, dataset, text(&input.tags)?)).map(drop)
    }

    fn add_model_input(&mut self, run: &RunId, model: &LoggedModelId) -> Result<()> {
        let sql = "INSERT OR IGNORE INTO model_input (run, model) VALUES (?1, ?2)";
        self.execute(sql, (self.number(run)?, model.as_str())).map(drop)
    }

    fn add_model_output(&mut self, run: &RunId, output: &ModelOutput) -> Result<()> {
        let sql = "INSERT INTO model_output (run, model, step) VALUES (?1, ?2, ?3)
            ON CONFLICT (run, model) DO UPDATE SET step = ?3";
        self.execute(sql, (self.number(run)?, output.model.as_str(), output.step)).map(drop)
    }

    fn model(&self, id: &LoggedModelId) -> Result<Option<LoggedModel>> {
        self.one(&format!("{MODELS} WHERE id = ?1"), (id.as_str(),), model)
    }

    fn put_model(&mut self, model: &LoggedModel) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO logged_model (id, experiment, name, location, created, updated, model_type,
                source_run, status, stage, tags, params)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
        let values = (
            model.id.as_str(),
            model.experiment.as_str(),
            &model.name,
            &model.artifact_location,
            millis(model.creation_time),
            millis(model.last_updated_time),
            model.model_type.as_deref(),
            model.source_run.as_ref().map(RunId::as_str),
            model.status.name(),
            stage_number(model.lifecycle_stage),
            text(&model.tags)?,
            text(&model.params)?,
        );
        self.execute(sql, values).map(drop)
    }

    fn add_model_metric(&mut self, model: &LoggedModelId, found: &ModelMetric) -> Result<()> {
        let sql =
            "INSERT OR IGNORE INTO model_metric (model, run, key, timestamp, step, bits, dataset, digest)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let metric = &found.metric;
        let values = (
            model.as_str(),
            found.run.as_str(),
            &metric.key,
            metric.timestamp_ms,
            metric.step,
            bits::of(metric.value),
            metric.dataset_name.as_deref(),
            metric.dataset_digest.as_deref(),
        );
        self.execute(sql, values).map(drop)
    }
}

pub(super) const EXPERIMENTS: &str =
    "SELECT id, name, location, stage, created, updated, tags FROM experiment";
/// The columns of a run, before those that a search adds.
pub(super) const RUN_COLUMNS: &str =
    "r.number, r.id, r.experiment, r.name, r.user_id, r.status, r.start_time, r.end_time,
    r.artifact_uri, r.stage, r.deleted_time";
pub(super) const RUNS: &str =
    "SELECT r.number, r.id, r.experiment, r.name, r.user_id, r.status, r.start_time, r.end_time,
    r.artifact_uri, r.stage, r.deleted_time FROM run r";
pub(super) const MODELS: &str =
    "SELECT id, experiment, name, location, created, updated, model_type, source_run,
    status, stage, tags, params FROM logged_model";

pub(super) fn experiment(row: &Row<'_>) -> rusqlite::Result<Experiment> {
    Ok(Experiment {
        id: parsed(row, 0)?,
        name: row.get(1)?,
        artifact_location: row.get(2)?,
        lifecycle_stage: stage(row, 3)?,
        creation_time: time(row, 4)?,
        last_update_time: time(row, 5)?,
        tags: json(row, 6)?,
    })
}

pub(super) fn run_info(row: &Row<'_>) -> rusqlite::Result<RunInfo> {
    Ok(RunInfo {
        id: parsed(row, 1)?,
        experiment: parsed(row, 2)?,
        name: row.get(3)?,
        user_id: row.get(4)?,
        status: parsed(row, 5)?,
        start_time: time(row, 6)?,
        end_time: time_if(row, 7)?,
        artifact_uri: row.get(8)?,
        lifecycle_stage: stage(row, 9)?,
        deleted_time: time_if(row, 10)?,
    })
}

/// A logged model without its metrics.
pub(super) fn model(row: &Row<'_>) -> rusqlite::Result<LoggedModel> {
    Ok(LoggedModel {
        id: parsed(row, 0)?,
        experiment: parsed(row, 1)?,
        name: row.get(2)?,
        artifact_location: row.get(3)?,
        creation_time: time(row, 4)?,
        last_updated_time: time(row, 5)?,
        model_type: row.get(6)?,
        source_run: parsed_if(row, 7)?,
        status: parsed(row, 8)?,
        lifecycle_stage: stage(row, 9)?,
        tags: json(row, 10)?,
        params: json(row, 11)?,
        metrics: Vec::new(),
    })
}
