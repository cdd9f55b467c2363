//! Writing rows, and reading those that the rules ask for.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use super::kind::{self, Kind};
use super::{Columns, Database, Value, bits, stage_number, values};
use crate::error::{Error, Result};
use crate::name::{ExperimentId, LoggedModelId, RunId};
use crate::time::Timestamp;
use crate::tracking::rules::Tables;
use crate::tracking::search::ordinal;
use crate::tracking::{
    CONTEXT_TAG, DatasetInput, Experiment, LoggedModel, Metric, ModelMetric, ModelOutput, RunInfo, millis,
};

/// The tables through one connection, in one transaction.
pub(in crate::tracking) struct SqlTables<'a> {
    pub(super) database: &'a dyn Database,
    /// The number of the run that was asked for last: a batch asks a thousand times.
    last: RefCell<Option<(RunId, i64)>>,
    /// The numbers of metrics' keys.
    keys: RefCell<HashMap<String, i64>>,
}

impl<'a> SqlTables<'a> {
    pub(in crate::tracking) fn new(database: &'a dyn Database) -> Self {
        Self { database, last: RefCell::default(), keys: RefCell::default() }
    }

    /// The first row, if there is one.
    pub(super) fn one<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        read: impl Fn(&dyn Columns) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut found = None;
        self.database.rows(sql, values, &mut |row| {
            if found.is_none() {
                found = Some(read(row)?);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// All rows.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        read: impl Fn(&dyn Columns) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut found = Vec::new();
        self.database.rows(sql, values, &mut |row| {
            found.push(read(row)?);
            Ok(())
        })?;
        Ok(found)
    }

    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<()> {
        self.database.execute(sql, values).map(drop)
    }

    fn number(&self, sql: &str, values: &[Value<'_>]) -> Result<Option<i64>> {
        self.one(sql, values, |row| row.whole(0))
    }

    /// The number of a row that was found a moment ago, or is written by `insert` unless another transaction did.
    fn number_or_new(&self, find: &str, key: &[Value<'_>], insert: &str, row: &[Value<'_>]) -> Result<i64> {
        let found = match self.number(find, key)? {
            Some(number) => Some(number),
            None => self.number(insert, row)?,
        };
        let found = match found {
            Some(number) => Some(number),
            None => self.number(find, key)?,
        };
        found.ok_or_else(|| Error::internal(CHANGE, "", "a row that was written is not there"))
    }

    /// The number of a run.
    pub(super) fn number_of(&self, run: &RunId) -> Result<Option<i64>> {
        if let Some((last, number)) = &*self.last.borrow()
            && last == run
        {
            return Ok(Some(*number));
        }
        let found = self.number("SELECT number FROM run WHERE id = ?", values![run.as_str()])?;
        if let Some(number) = found {
            *self.last.borrow_mut() = Some((run.clone(), number));
        }
        Ok(found)
    }

    /// The number of a run that the rules have found.
    fn number_of_known(&self, run: &RunId) -> Result<i64> {
        self.number_of(run)?.ok_or_else(|| gone(run.as_str()))
    }

    fn number_of_experiment(&self, id: &ExperimentId) -> Result<i64> {
        let found = self.number("SELECT number FROM experiment WHERE id = ?", values![id.as_str()])?;
        found.ok_or_else(|| gone(id.as_str()))
    }

    pub(super) fn number_of_model(&self, id: &LoggedModelId) -> Result<Option<i64>> {
        self.number("SELECT number FROM logged_model WHERE id = ?", values![id.as_str()])
    }

    /// The number of a metric's key; none where nothing was logged under it.
    pub(super) fn key_of(&self, key: &str) -> Result<Option<i64>> {
        self.number(FIND_KEY, values![key])
    }

    fn key(&self, key: &str) -> Result<i64> {
        if let Some(number) = self.keys.borrow().get(key) {
            return Ok(*number);
        }
        let insert = "INSERT INTO metric_key (key) VALUES (?) ON CONFLICT (key) DO NOTHING RETURNING number";
        let number = self.number_or_new(FIND_KEY, values![key], insert, values![key])?;
        self.keys.borrow_mut().insert(key.to_owned(), number);
        Ok(number)
    }

    /// Writes those pairs of a row that are not in the table as they should be.
    fn put_pairs(&self, table: &str, number: i64, due: &BTreeMap<String, String>) -> Result<()> {
        let found = self.pairs(table, number)?;
        for (key, value) in due.iter().filter(|(key, value)| found.get(*key) != Some(value)) {
            self.put_pair(table, number, key, Some(value))?;
        }
        found
            .keys()
            .filter(|key| !due.contains_key(*key))
            .try_for_each(|key| self.put_pair(table, number, key, None))
    }

    fn put_pair(&self, table: &str, number: i64, key: &str, value: Option<&str>) -> Result<()> {
        match value {
            Some(value) => {
                let sql = format!(
                    "INSERT INTO {table} (owner, key, value) VALUES (?, ?, ?)
                    ON CONFLICT (owner, key) DO UPDATE SET value = excluded.value"
                );
                self.execute(&sql, values![number, key, value])
            }
            None => self
                .execute(&format!("DELETE FROM {table} WHERE owner = ? AND key = ?"), values![number, key]),
        }
    }

    fn pair(&self, table: &str, number: i64, key: &str) -> Result<Option<String>> {
        let sql = format!("SELECT value FROM {table} WHERE owner = ? AND key = ?");
        self.one(&sql, values![number, key], |row| row.string(0))
    }

    /// Adds points of one metric.
    fn add_points(&self, owner: i64, points: &[&Metric]) -> Result<()> {
        const INSERT: &str = "INSERT INTO point (owner, key, timestamp, step, bits, model, dataset, digest)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
        let Some(first) = points.first() else { return Ok(()) };
        let key = self.key(&first.key)?;
        let mut latest: Option<&Metric> = None;
        for &point in points {
            let is_new = self.database.execute(INSERT, &point_row(owner, key, point))? > 0;
            if is_new && latest.is_none_or(|latest| point.supersedes(latest)) {
                latest = Some(point);
            }
        }
        let Some(latest) = latest else { return Ok(()) };
        // The rule of `Metric::supersedes`: NaN, whose bits are the greatest, counts as 0.
        let supersede = format!(
            "INSERT INTO latest (owner, key, timestamp, step, bits, model, dataset, digest)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (owner, key) DO UPDATE SET timestamp = excluded.timestamp, step = excluded.step,
                bits = excluded.bits, model = excluded.model, dataset = excluded.dataset,
                digest = excluded.digest
            WHERE (excluded.step, excluded.timestamp, CASE WHEN excluded.bits > {0} THEN 0 ELSE excluded.bits END)
                >= (latest.step, latest.timestamp, CASE WHEN latest.bits > {0} THEN 0 ELSE latest.bits END)",
            bits::INFINITY
        );
        self.execute(&supersede, &point_row(owner, key, latest))
    }

    fn experiment_where(&self, column: &str, value: &str) -> Result<Option<Experiment>> {
        let sql = format!("SELECT {} FROM experiment r WHERE r.{column} = ?", Kind::EXPERIMENTS.columns);
        let found = self.one(&sql, values![value], |row| Ok((row.whole(0)?, kind::experiment(row)?)))?;
        Ok(self.with_tags(found.into_iter().collect())?.pop())
    }
}

fn point_row(owner: i64, key: i64, point: &Metric) -> [Value<'_>; 8] {
    [
        owner.into(),
        key.into(),
        point.timestamp_ms.into(),
        point.step.into(),
        bits::of(point.value).into(),
        point.model.as_ref().map(LoggedModelId::as_str).into(),
        point.dataset_name.as_deref().into(),
        point.dataset_digest.as_deref().into(),
    ]
}

fn gone(subject: &str) -> Error {
    Error::internal(CHANGE, subject, "a row that was found is gone")
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|cause| Error::internal(CHANGE, "row", cause.to_string()).caused_by(cause))
}

const CHANGE: &str = "change tracker";
const FIND_KEY: &str = "SELECT number FROM metric_key WHERE key = ?";

impl Tables for SqlTables<'_> {
    fn experiment(&self, id: &ExperimentId) -> Result<Option<Experiment>> {
        self.experiment_where("id", id.as_str())
    }

    fn experiment_named(&self, name: &str) -> Result<Option<Experiment>> {
        self.experiment_where("name", name)
    }

    fn put_experiment(&mut self, experiment: &Experiment) -> Result<()> {
        let sql = "INSERT INTO experiment (id, ordinal, name, location, stage, created, updated)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET name = excluded.name, location = excluded.location,
                stage = excluded.stage, created = excluded.created, updated = excluded.updated";
        let id = experiment.id.as_str();
        let row = values![
            id,
            ordinal(id),
            &experiment.name,
            &experiment.artifact_location,
            stage_number(experiment.lifecycle_stage),
            millis(experiment.creation_time),
            millis(experiment.last_update_time),
        ];
        self.execute(sql, row)?;
        self.put_pairs("experiment_tag", self.number_of_experiment(&experiment.id)?, &experiment.tags)
    }

    fn run_info(&self, id: &RunId) -> Result<Option<RunInfo>> {
        let sql = format!("SELECT {} FROM run r WHERE r.id = ?", Kind::RUNS.columns);
        self.one(&sql, values![id.as_str()], kind::run_info)
    }

    fn put_run(&mut self, info: &RunInfo) -> Result<()> {
        let sql =
            "INSERT INTO run (id, experiment, name, user_id, status, start_time, end_time, artifact_uri,
                stage, deleted_time)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET experiment = excluded.experiment, name = excluded.name,
                user_id = excluded.user_id, status = excluded.status, start_time = excluded.start_time,
                end_time = excluded.end_time, artifact_uri = excluded.artifact_uri, stage = excluded.stage,
                deleted_time = excluded.deleted_time";
        let row = values![
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
        ];
        self.execute(sql, row)
    }

    fn set_stage_of_runs(&mut self, experiment: &ExperimentId, deleted: Option<Timestamp>) -> Result<()> {
        let (due, other) = if deleted.is_some() { (1_i64, 0_i64) } else { (0, 1) };
        let sql = "UPDATE run SET stage = ?, deleted_time = ? WHERE experiment = ? AND stage = ?";
        self.execute(sql, values![due, deleted.map(millis), experiment.as_str(), other])
    }

    fn param(&self, run: &RunId, key: &str) -> Result<Option<String>> {
        self.pair("param", self.number_of_known(run)?, key)
    }

    fn put_param(&mut self, run: &RunId, key: &str, value: &str) -> Result<()> {
        self.put_pair("param", self.number_of_known(run)?, key, Some(value))
    }

    fn tag(&self, run: &RunId, key: &str) -> Result<Option<String>> {
        self.pair("tag", self.number_of_known(run)?, key)
    }

    fn put_tag(&mut self, run: &RunId, key: &str, value: Option<&str>) -> Result<()> {
        self.put_pair("tag", self.number_of_known(run)?, key, value)
    }

    fn add_metrics(&mut self, run: &RunId, metrics: &[Metric]) -> Result<()> {
        if metrics.is_empty() {
            return Ok(());
        }
        let number = self.number_of_known(run)?;
        // Those of one metric stay in the order in which they were logged, which the rule of the latest asks for.
        let mut ordered: Vec<&Metric> = metrics.iter().collect();
        ordered.sort_by(|left, right| left.key.cmp(&right.key));
        for points in ordered.chunk_by(|left, right| left.key == right.key) {
            self.add_points(number, points)?;
        }
        Ok(())
    }

    fn add_dataset(&mut self, run: &RunInfo, input: &DatasetInput) -> Result<()> {
        let dataset = &input.dataset;
        let (experiment, name, digest) = (run.experiment.as_str(), &dataset.name, &dataset.digest);
        let find = "SELECT number FROM dataset WHERE experiment = ? AND name = ? AND digest = ?";
        let insert = "INSERT INTO dataset (experiment, name, digest, body) VALUES (?, ?, ?, ?)
            ON CONFLICT (experiment, name, digest) DO NOTHING RETURNING number";
        let row = values![experiment, name, digest, json(dataset)?];
        let number = self.number_or_new(find, values![experiment, name, digest], insert, row)?;
        let sql = "INSERT INTO input (owner, dataset, context, tags) VALUES (?, ?, ?, ?)
            ON CONFLICT (owner, dataset) DO NOTHING";
        let context = input.tags.get(CONTEXT_TAG);
        self.execute(sql, values![self.number_of_known(&run.id)?, number, context, json(&input.tags)?])
    }

    fn add_model_input(&mut self, run: &RunId, model: &LoggedModelId) -> Result<()> {
        let sql =
            "INSERT INTO model_input (owner, model) VALUES (?, ?) ON CONFLICT (owner, model) DO NOTHING";
        self.execute(sql, values![self.number_of_known(run)?, model.as_str()])
    }

    fn add_model_output(&mut self, run: &RunId, output: &ModelOutput) -> Result<()> {
        let sql = "INSERT INTO model_output (owner, model, step) VALUES (?, ?, ?)
            ON CONFLICT (owner, model) DO UPDATE SET step = excluded.step";
        self.execute(sql, values![self.number_of_known(run)?, output.model.as_str(), output.step])
    }

    fn model(&self, id: &LoggedModelId) -> Result<Option<LoggedModel>> {
        let sql = format!("SELECT {} FROM logged_model r WHERE r.id = ?", Kind::models(&[]).columns);
        let found = self.one(&sql, values![id.as_str()], |row| Ok((row.whole(0)?, kind::model(row)?)))?;
        let Some((number, mut model)) = found else { return Ok(None) };
        model.tags = self.pairs("model_tag", number)?;
        model.params = self.pairs("model_param", number)?;
        Ok(Some(model))
    }

    fn put_model(&mut self, model: &LoggedModel) -> Result<()> {
        let sql = "INSERT INTO logged_model (id, experiment, name, location, created, updated, model_type,
                source_run, status, stage)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET experiment = excluded.experiment, name = excluded.name,
                location = excluded.location, created = excluded.created, updated = excluded.updated,
                model_type = excluded.model_type, source_run = excluded.source_run, status = excluded.status,
                stage = excluded.stage";
        let row = values![
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
        ];
        self.execute(sql, row)?;
        let number = self.number_of_model(&model.id)?.ok_or_else(|| gone(model.id.as_str()))?;
        self.put_pairs("model_tag", number, &model.tags)?;
        self.put_pairs("model_param", number, &model.params)
    }

    fn add_model_metric(&mut self, model: &LoggedModelId, found: &ModelMetric) -> Result<()> {
        let sql = "INSERT INTO model_metric (owner, run, key, timestamp, step, bits, dataset, digest)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (owner, run, key, timestamp, step) DO NOTHING";
        let metric = &found.metric;
        let row = values![
            self.number_of_model(model)?.ok_or_else(|| gone(model.as_str()))?,
            found.run.as_str(),
            &metric.key,
            metric.timestamp_ms,
            metric.step,
            bits::of(metric.value),
            metric.dataset_name.as_deref(),
            metric.dataset_digest.as_deref(),
        ];
        self.execute(sql, row)
    }
}
