//! Reading what belongs to runs and models.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};

use super::bits;
use super::tables::{self, EXPERIMENTS, MODELS, RUNS, SqlTables, json, parsed, parsed_if};
use crate::error::Result;
use crate::name::{ExperimentId, RunId};
use crate::tracking::metric::Place;
use crate::tracking::{
    DatasetInput, Experiment, LoggedModel, Metric, ModelMetric, ModelOutput, Projection, Run, RunData,
    RunInfo, RunInputs, Selection,
};

impl SqlTables<'_> {
    pub(super) fn experiments(&self) -> Result<Vec<Experiment>> {
        self.all(EXPERIMENTS, (), tables::experiment)
    }

    pub(super) fn run(&self, id: &RunId) -> Result<Option<Run>> {
        let found = self.one(&format!("{RUNS} WHERE r.id = ?1"), (id.as_str(),), |row| {
            Ok((row.get(0)?, tables::run_info(row)?))
        })?;
        found.map(|(number, info)| self.whole(number, info, &Projection::default())).transpose()
    }

    /// A run with the parts that are asked for.
    pub(super) fn whole(&self, number: i64, info: RunInfo, projection: &Projection) -> Result<Run> {
        let data = RunData {
            metrics: self.metrics(number, &projection.metrics)?,
            params: self.texts("param", number, &projection.params)?,
            tags: self.texts("tag", number, &projection.tags)?,
        };
        if !projection.inputs {
            return Ok(Run { info, data, inputs: RunInputs::default(), outputs: Vec::new() });
        }
        let sql = "SELECT model FROM model_input WHERE run = ?1 ORDER BY place";
        let models = self.all(sql, (number,), |row| parsed(row, 0))?;
        let inputs = RunInputs { datasets: self.datasets(number)?, models };
        let sql = "SELECT model, step FROM model_output WHERE run = ?1 ORDER BY place";
        let outputs = self.all(sql, (number,), |row| Ok(ModelOutput::new(parsed(row, 0)?, row.get(1)?)))?;
        Ok(Run { info, data, inputs, outputs })
    }

    pub(super) fn datasets(&self, run: i64) -> Result<Vec<DatasetInput>> {
        let sql = "SELECT d.body, i.tags FROM input i JOIN dataset d ON d.number = i.dataset
            WHERE i.run = ?1 ORDER BY i.place";
        self.all(sql, (run,), |row| Ok(DatasetInput { dataset: json(row, 0)?, tags: json(row, 1)? }))
    }

    fn metrics(&self, run: i64, selection: &Selection) -> Result<BTreeMap<String, Metric>> {
        let sql = "SELECT k.key, l.timestamp, l.step, l.bits, l.model, l.dataset, l.digest
            FROM latest l JOIN metric_key k ON k.number = l.key WHERE l.run = ?1";
        let found = match selection {
            Selection::All => self.all(sql, (run,), metric)?,
            Selection::Keys(keys) => {
                let of_key = format!("{sql} AND k.key = ?2");
                let mut found = Vec::new();
                for key in keys {
                    found.extend(self.one(&of_key, (run, key), metric)?);
                }
                found
            }
        };
        Ok(found.into_iter().map(|metric| (metric.key.clone(), metric)).collect())
    }

    /// The parameters or the tags of a run.
    fn texts(&self, table: &str, run: i64, selection: &Selection) -> Result<BTreeMap<String, String>> {
        let sql = format!("SELECT key, value FROM {table} WHERE run = ?1");
        let pair = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        match selection {
            Selection::All => Ok(self.all(&sql, (run,), pair)?.into_iter().collect()),
            Selection::Keys(keys) => {
                let of_key = format!("{sql} AND key = ?2");
                keys.iter().filter_map(|key| self.one(&of_key, (run, key), pair).transpose()).collect()
            }
        }
    }

    /// Up to `limit` points of a history, after a place.
    pub(super) fn history(
        &self,
        run: i64,
        key: &str,
        after: Option<&Place>,
        limit: usize,
    ) -> Result<Vec<Metric>> {
        let Some(number) = self.key_of(key)? else { return Ok(Vec::new()) };
        let from = after.map_or((-1, 0, 0), |place| (place.timestamp_ms, place.step, bits::of(place.value)));
        let sql = "SELECT ?1, timestamp, step, bits, model, dataset, digest FROM point
            WHERE run = ?2 AND key = ?3 AND (timestamp, step, bits) > (?4, ?5, ?6)
            ORDER BY timestamp, step, bits LIMIT ?7";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.all(sql, (key, run, number, from.0, from.1, from.2, limit), metric)
    }

    pub(super) fn with_metrics(&self, mut model: LoggedModel) -> Result<LoggedModel> {
        let sql = "SELECT key, timestamp, step, bits, model, dataset, digest, run FROM model_metric
            WHERE model = ?1 ORDER BY place";
        let read = |row: &Row<'_>| Ok(ModelMetric::new(parsed(row, 7)?, metric(row)?));
        model.metrics = self.all(sql, (model.id.as_str(),), read)?;
        Ok(model)
    }

    /// The models of these experiments that are not deleted.
    pub(super) fn models_of(&self, experiments: &[ExperimentId]) -> Result<Vec<LoggedModel>> {
        let marks = vec!["?"; experiments.len()].join(", ");
        let sql = format!("{MODELS} WHERE stage = 0 AND experiment IN ({marks})");
        let values = experiments.iter().map(|id| Value::Text(id.to_string()));
        let models = self.all(&sql, params_from_iter(values), tables::model)?;
        models.into_iter().map(|model| self.with_metrics(model)).collect()
    }
}

/// Key, time, step, bits, model, name and digest of a dataset.
fn metric(row: &Row<'_>) -> rusqlite::Result<Metric> {
    Ok(Metric {
        key: row.get(0)?,
        timestamp_ms: row.get(1)?,
        step: row.get(2)?,
        value: bits::value(row.get(3)?),
        model: parsed_if(row, 4)?,
        dataset_name: row.get(5)?,
        dataset_digest: row.get(6)?,
    })
}
