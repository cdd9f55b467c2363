//! What the rows of an MLflow server's tables say.

use rusqlite::Row;

use super::Imported;
use super::database::{Source, number, text, text_if};
use super::store::{FoundExperiment, FoundModel, FoundRun, Pairs, Store, at, model_status};
use crate::error::{Error, Result};
use crate::name::{ExperimentId, LoggedModelId, RunId};
use crate::tracking::{Dataset, DatasetInput, Metric, ModelOutput, NewExperiment};

impl Store for Source {
    fn experiments(&mut self, _: &mut Imported) -> Result<Vec<FoundExperiment>> {
        let sql =
            "SELECT experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time
            FROM experiments ORDER BY experiment_id";
        let found = self.all(sql, (), |row| {
            let times = (row.get::<_, Option<i64>>(4)?, row.get::<_, Option<i64>>(5)?);
            Ok((text(row, 0)?, text(row, 1)?, text_if(row, 2)?, text(row, 3)? == "deleted", times))
        })?;
        let mut experiments = Vec::new();
        for (id, name, location, is_deleted, (created, updated)) in found {
            let mut new = NewExperiment::new(self.parsed(&id)?, name, at(created));
            new.artifact_location = location;
            let deleted = is_deleted.then(|| at(updated.or(created)));
            experiments.push(FoundExperiment { new, deleted });
        }
        Ok(experiments)
    }

    fn experiment_tags(&mut self, id: &ExperimentId, _: &mut Imported) -> Result<Pairs> {
        self.pairs("SELECT key, value FROM experiment_tags WHERE experiment_id = ?1", id.as_str())
    }

    fn models(&mut self, experiment: &ExperimentId, _: &mut Imported) -> Result<Vec<FoundModel>> {
        let sql = "SELECT model_id, name, artifact_location, creation_timestamp_ms, last_updated_timestamp_ms, status,
            lifecycle_stage, model_type, source_run_id FROM logged_models WHERE experiment_id = ?1 ORDER BY rowid";
        let found = self.all(sql, (experiment.as_str(),), |row| {
            let times = (row.get::<_, Option<i64>>(3)?, row.get::<_, Option<i64>>(4)?);
            let texts = (text(row, 0)?, text(row, 1)?, text(row, 2)?, text(row, 6)?);
            Ok((texts, times, row.get::<_, i64>(5)?, text_if(row, 7)?, text_if(row, 8)?))
        })?;
        let mut models = Vec::new();
        for ((id, name, artifact_location, stage), (created, updated), status, model_type, run) in found {
            let tags = "SELECT tag_key, tag_value FROM logged_model_tags WHERE model_id = ?1";
            let params = "SELECT param_key, param_value FROM logged_model_params WHERE model_id = ?1";
            models.push(FoundModel {
                tags: self.pairs(tags, &id)?,
                params: self.pairs(params, &id)?,
                id: self.parsed(&id)?,
                name,
                artifact_location,
                created: at(created),
                updated: at(updated.or(created)),
                status: model_status(status),
                is_deleted: stage == "deleted",
                model_type,
                source_run: run.map(|run| self.parsed(&run)).transpose()?,
            });
        }
        Ok(models)
    }

    fn runs(&mut self, experiment: &ExperimentId, _: &mut Imported) -> Result<Vec<RunId>> {
        let sql = "SELECT run_uuid FROM runs WHERE experiment_id = ?1 ORDER BY start_time, run_uuid";
        let found = self.all(sql, (experiment.as_str(),), |row| text(row, 0))?;
        found.iter().map(|id| self.parsed(id)).collect()
    }

    fn run(&mut self, _: &ExperimentId, run: &RunId, _: &mut Imported) -> Result<Option<FoundRun>> {
        let sql =
            "SELECT name, user_id, status, artifact_uri, lifecycle_stage, start_time, end_time, deleted_time
            FROM runs WHERE run_uuid = ?1";
        let id = run.as_str();
        let mut found = self.all(sql, (id,), |row| {
            let times =
                (row.get::<_, Option<i64>>(5)?, row.get::<_, Option<i64>>(6)?, row.get::<_, Option<i64>>(7)?);
            Ok((text(row, 0)?, text(row, 1)?, text(row, 2)?, text(row, 3)?, text(row, 4)?, times))
        })?;
        let Some((name, user_id, status, artifact_uri, stage, (start, end, deleted))) = found.pop() else {
            return Ok(None);
        };
        let (inputs, outputs) = self.models_of(run)?;
        Ok(Some(FoundRun {
            name,
            user_id,
            status: status.parse().ok(),
            start: at(start),
            end: end.map(|end| at(Some(end))),
            artifact_uri,
            deleted: (stage == "deleted").then(|| at(deleted.or(end))),
            params: self.pairs("SELECT key, value FROM params WHERE run_uuid = ?1", id)?,
            tags: self.pairs("SELECT key, value FROM tags WHERE run_uuid = ?1", id)?,
            datasets: self.datasets(run)?,
            inputs,
            outputs,
        }))
    }

    fn measured(&mut self, _: &ExperimentId, run: &RunId) -> Result<Vec<Metric>> {
        // Beside a model NaN is stored as 0, and nothing says so but the run's own point.
        let sql = "SELECT metric_name, metric_value, metric_timestamp_ms, metric_step, model_id, dataset_name,
                dataset_digest, metric_value = 0 AND EXISTS (SELECT 1 FROM metrics m WHERE m.run_uuid = run_id
                    AND m.key = metric_name AND m.timestamp = metric_timestamp_ms AND m.step = metric_step AND m.is_nan)
            FROM logged_model_metrics WHERE run_id = ?1 ORDER BY rowid";
        let found = self.all(sql, (run.as_str(),), |row| {
            let is_nan = row.get::<_, Option<bool>>(7)?.unwrap_or_default();
            let mut metric = Metric::new(text(row, 0)?, number(row.get(1)?, is_nan), row.get(2)?);
            (metric.dataset_name, metric.dataset_digest) = (text_if(row, 5)?, text_if(row, 6)?);
            Ok((metric.at_step(row.get(3)?), text(row, 4)?))
        })?;
        found.into_iter().map(|(metric, model)| Ok(metric.of_model(self.parsed(&model)?))).collect()
    }

    fn points(
        &mut self,
        _: &ExperimentId,
        run: &RunId,
        take: &mut dyn FnMut(std::result::Result<Metric, String>) -> Result<()>,
    ) -> Result<()> {
        let sql = "SELECT key, value, timestamp, step, is_nan FROM metrics WHERE run_uuid = ?1
            ORDER BY timestamp, step, rowid";
        let read = |row: &Row<'_>| {
            let value = number(row.get(1)?, row.get(4)?);
            Ok(Metric::new(text(row, 0)?, value, row.get(2)?).at_step(row.get(3)?))
        };
        self.each(sql, (run.as_str(),), read, |metric| take(Ok(metric)))
    }
}

impl Source {
    fn datasets(&self, run: &RunId) -> Result<Vec<DatasetInput>> {
        let sql = "SELECT i.input_uuid, d.name, d.digest, d.dataset_source_type, d.dataset_source, d.dataset_schema,
                d.dataset_profile FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id
            WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN' AND i.destination_id = ?1 ORDER BY i.rowid";
        let found = self.all(sql, (run.as_str(),), |row| {
            let mut dataset = Dataset::new(text(row, 1)?, text(row, 2)?, text(row, 3)?, text(row, 4)?);
            (dataset.schema, dataset.profile) = (text_if(row, 5)?, text_if(row, 6)?);
            Ok((text(row, 0)?, dataset))
        })?;
        let mut datasets = Vec::new();
        for (input, dataset) in found {
            let tags = self.pairs("SELECT name, value FROM input_tags WHERE input_uuid = ?1", &input)?;
            datasets.push(DatasetInput { dataset, tags: tags.into_iter().collect() });
        }
        Ok(datasets)
    }

    /// The models that a run read, and those that it made.
    fn models_of(&self, run: &RunId) -> Result<(Vec<LoggedModelId>, Vec<ModelOutput>)> {
        let sql = "SELECT destination_type, destination_id, step FROM inputs
            WHERE source_type IN ('RUN_INPUT', 'RUN_OUTPUT') AND source_id = ?1 ORDER BY rowid";
        let linked = self.all(sql, (run.as_str(),), |row| {
            Ok((text(row, 0)? == "MODEL_INPUT", text(row, 1)?, row.get::<_, Option<i64>>(2)?.unwrap_or(0)))
        })?;
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for (is_input, model, step) in linked {
            let model = self.parsed(&model)?;
            if is_input { inputs.push(model) } else { outputs.push(ModelOutput::new(model, step)) }
        }
        Ok((inputs, outputs))
    }

    fn pairs(&self, sql: &str, of: &str) -> Result<Pairs> {
        self.all(sql, (of,), |row| Ok((text(row, 0)?, text(row, 1)?)))
    }

    fn parsed<T: std::str::FromStr<Err = Error>>(&self, text: &str) -> Result<T> {
        text.parse().map_err(|cause: Error| self.damaged(cause.to_string()).caused_by(cause))
    }
}
