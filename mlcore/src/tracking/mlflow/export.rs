//! From a tracker to the tables of an MLflow server.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, Params};

use super::leave;
use crate::artifact::Digest;
use crate::error::Result;
use crate::interrupt;
use crate::name::{ExperimentId, LoggedModelId, RunId};
use crate::sql::{Partial, damaged, meaning};
use crate::tracking::{
    DatasetInput, Experiment, ExperimentSearch, HistorySearch, LoggedModel, LoggedModelSearch,
    LoggedModelStatus, Metric, Run, RunSearch, Tracker, ViewType, millis,
};

/// What an export wrote, and what it could not.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Exported {
    /// Experiments.
    pub experiments: u64,
    /// Runs.
    pub runs: u64,
    /// Points of metrics.
    pub points: u64,
    /// Parameters, of runs and logged models.
    pub params: u64,
    /// Tags, of experiments, runs and logged models.
    pub tags: u64,
    /// Datasets that runs read.
    pub datasets: u64,
    /// Logged models.
    pub models: u64,
    /// What was left out, and why, in words: the first [`MOST_LEFT`](super::MOST_LEFT).
    pub left: Vec<String>,
    /// How many things were left out.
    pub left_out: u64,
}

impl Exported {
    fn leave(&mut self, what: impl FnOnce() -> String) {
        leave(&mut self.left, &mut self.left_out, what);
    }
}

/// Writes what a tracker holds into a new SQLite database, which MLflow 3.17.2 opens as its own: its client by
/// `sqlite:///PATH`, its server by `--backend-store-uri`, newer ones after `mlflow db upgrade`.
///
/// - Ids, times, stages, names, histories, datasets, inputs, outputs and logged models are written as they are, deleted
///   experiments and runs too. [`import_database`](super::import_database) reads the same back.
/// - NaN and infinities are written as MLflow writes them: NaN beside a 0, infinities as the largest finite numbers.
/// - Left out and told is what these tables cannot hold: experiments whose ids are no numbers, the dataset of a point that is
///   about no logged model, a second point that differs from the first by that only. A tracker does not tell deleted logged models.
/// - Artifacts stay where they lie. A client without a server finds those whose places it can reach, not those at
///   `mlflow-artifacts:`.
///
/// The file is seen whole or not at all: it is written under a name that begins with `PATH-partial-`, flushed, and then gets its own. A
/// kill leaves that other file alone, which can be removed. The tracker may be written meanwhile: each run is consistent in itself.
///
/// ```
/// use mlcore::name::RunId;
/// use mlcore::time::Timestamp;
/// use mlcore::tracking::{MemoryTracker, NewRun, TrackerExt, mlflow};
///
/// let (tracker, at) = (MemoryTracker::new(), Timestamp::from_millis(1_000));
/// let experiment = tracker.default_experiment(at)?;
/// let run = tracker.start_run(NewRun::new(RunId::new("a1")?, experiment.id, at))?.info.id;
/// tracker.log_metric(&run, "loss", 0.25, at, 0)?;
///
/// let folder = tempfile::tempdir()?;
/// let file = folder.path().join("mlflow.db");
/// let exported = mlflow::export_database(&tracker, &file)?;
/// assert_eq!((exported.runs, exported.points, exported.left_out), (1, 1, 0));
///
/// let other = MemoryTracker::new();
/// mlflow::import_database(&file, &other)?;
/// assert_eq!(other.whole_history(&run, "loss")?[0].value, 0.25);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`AlreadyExists`](crate::Error::AlreadyExists) where something of this name is there, [`NotFound`](crate::Error::NotFound) for a folder that
/// is not, [`PermissionDenied`](crate::Error::PermissionDenied) and [`StorageFull`](crate::Error::StorageFull) of the disk, and as the
/// tracker's reading: nothing of this name is there afterwards.
pub fn export_database(tracker: &dyn Tracker, path: impl AsRef<Path>) -> Result<Exported> {
    let partial = Partial::of(path.as_ref(), WRITE)?;
    let mut writing = Writing {
        connection: create(&partial)?,
        tracker,
        file: partial.to(),
        exported: Exported::default(),
        models: BTreeSet::new(),
        measured: BTreeSet::new(),
    };
    writing.all()?;
    let Writing { connection, exported, .. } = writing;
    connection.close().map_err(|(_, cause)| meaning(WRITE, partial.to())(cause))?;
    partial.sync()?;
    partial.link()?;
    partial.sync_folder()?;
    Ok(exported)
}

const WRITE: &str = "export store";
/// The tables of MLflow 3.17.2, in its words, with the rows that they begin with; made by `testdata/mlflow/make_store.py`.
const SCHEMA: &str = include_str!("schema.sql");
/// So many runs or models are read at once.
const PAGE: usize = 1000;

/// The new file, with MLflow's tables. Nobody needs it if this process ends: it has no journal, and is flushed at the end.
fn create(partial: &Partial) -> Result<Connection> {
    let failed = || meaning(WRITE, partial.to());
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(partial.path(), flags).map_err(failed())?;
    connection
        .execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; BEGIN",
        )
        .and_then(|()| connection.execute_batch(SCHEMA))
        .map_err(failed())?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

struct Writing<'a> {
    connection: Connection,
    tracker: &'a dyn Tracker,
    file: &'a Path,
    exported: Exported,
    /// The models that were written.
    models: BTreeSet<LoggedModelId>,
    /// The models that points of runs are about.
    measured: BTreeSet<LoggedModelId>,
}

impl Writing<'_> {
    fn all(&mut self) -> Result<()> {
        let mut search = ExperimentSearch::default().with_view(ViewType::All).with_order("experiment_id");
        let mut numbers = Vec::new();
        loop {
            let page = self.tracker.search_experiments(&search)?;
            for experiment in page.items {
                match number(&experiment.id) {
                    Some(number) => {
                        self.experiment(number, &experiment)?;
                        numbers.push((number, experiment.id));
                    }
                    None => self.exported.leave(|| {
                        let id = &experiment.id;
                        format!("experiment {id} with its runs: MLflow's database takes numbers as ids only")
                    }),
                }
            }
            let Some(next) = page.next else { break };
            search = search.with_page(next);
        }
        for (number, id) in &numbers {
            self.runs(*number, id)?;
        }
        // What is measured of a model may be a run's of another experiment.
        for (number, id) in &numbers {
            self.logged_models(*number, id)?;
        }
        for model in self.measured.difference(&self.models) {
            self.exported
                .leave(|| format!("logged model {model}: it was deleted, or is of no experiment here"));
        }
        self.check()?;
        self.connection.execute_batch("COMMIT").map_err(meaning(WRITE, self.file))
    }

    fn experiment(&mut self, number: i64, experiment: &Experiment) -> Result<()> {
        self.put(
            "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time,
                last_update_time, workspace) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'default')",
            (
                number,
                &experiment.name,
                &experiment.artifact_location,
                experiment.lifecycle_stage.name(),
                millis(experiment.creation_time),
                millis(experiment.last_update_time),
            ),
        )?;
        for (key, value) in &experiment.tags {
            let sql = "INSERT INTO experiment_tags (key, value, experiment_id) VALUES (?1, ?2, ?3)";
            self.put(sql, (key, value, number))?;
        }
        self.exported.experiments += 1;
        self.exported.tags += experiment.tags.len() as u64;
        Ok(())
    }

    fn runs(&mut self, experiment: i64, id: &ExperimentId) -> Result<()> {
        let mut search = RunSearch::new([id.clone()]).with_view(ViewType::All).with_limit(PAGE);
        loop {
            let page = self.tracker.search_runs(&search)?;
            for run in &page.items {
                interrupt::check(WRITE)?;
                self.run(experiment, run)?;
            }
            let Some(next) = page.next else { return Ok(()) };
            search = search.with_page(next);
        }
    }

    fn run(&mut self, experiment: i64, run: &Run) -> Result<()> {
        let (info, id) = (&run.info, run.info.id.as_str());
        self.put(
            "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time,
                end_time, source_version, lifecycle_stage, artifact_uri, experiment_id, deleted_time)
            VALUES (?1, ?2, 'UNKNOWN', '', '', ?3, ?4, ?5, ?6, '', ?7, ?8, ?9, ?10)",
            (
                id,
                &info.name,
                &info.user_id,
                info.status.name(),
                millis(info.start_time),
                info.end_time.map(millis),
                info.lifecycle_stage.name(),
                &info.artifact_uri,
                experiment,
                info.deleted_time.map(millis),
            ),
        )?;
        for (key, value) in &run.data.params {
            self.put("INSERT INTO params (key, value, run_uuid) VALUES (?1, ?2, ?3)", (key, value, id))?;
        }
        for (key, value) in &run.data.tags {
            self.put("INSERT INTO tags (key, value, run_uuid) VALUES (?1, ?2, ?3)", (key, value, id))?;
        }
        for input in &run.inputs.datasets {
            self.dataset(experiment, &info.id, input)?;
        }
        for model in &run.inputs.models {
            self.link(["RUN_INPUT", id, "MODEL_INPUT", model.as_str()], 0)?;
        }
        for output in &run.outputs {
            self.link(["RUN_OUTPUT", id, "MODEL_OUTPUT", output.model.as_str()], output.step)?;
        }
        for key in run.data.metrics.keys() {
            self.history(&info.id, key)?;
        }
        self.exported.runs += 1;
        self.exported.params += run.data.params.len() as u64;
        self.exported.tags += run.data.tags.len() as u64;
        self.exported.datasets += run.inputs.datasets.len() as u64;
        Ok(())
    }

    /// Writes the points of a metric, and the one that a run shows.
    fn history(&mut self, run: &RunId, key: &str) -> Result<()> {
        let mut search = HistorySearch::new(run.clone(), key);
        let mut latest: Option<Metric> = None;
        let mut is_told = false;
        loop {
            let page = self.tracker.metric_history(&search)?;
            for point in page.items {
                let (value, is_nan) = number_of(point.value);
                let sql = "INSERT OR IGNORE INTO metrics (key, value, timestamp, run_uuid, step, is_nan)
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
                let row = (key, value, point.timestamp_ms, run.as_str(), point.step, is_nan);
                if self.put(sql, row)? == 0 {
                    self.exported.leave(|| format!("of run {run}: a point of {key} beside the same one"));
                } else {
                    self.exported.points += 1;
                }
                match &point.model {
                    Some(model) => {
                        self.measured.insert(model.clone());
                    }
                    None if point.dataset_name.is_some() && !is_told => {
                        is_told = true;
                        self.exported
                            .leave(|| format!("of run {run}: the dataset that {key} was measured on"));
                    }
                    None => {}
                }
                if latest.as_ref().is_none_or(|latest| point.supersedes(latest)) {
                    latest = Some(point);
                }
            }
            let Some(next) = page.next else { break };
            search = search.with_page(next);
        }
        let Some(latest) = latest else { return Ok(()) };
        let (value, is_nan) = number_of(latest.value);
        let sql = "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        self.put(sql, (key, value, latest.timestamp_ms, latest.step, is_nan, run.as_str())).map(drop)
    }

    fn dataset(&mut self, experiment: i64, run: &RunId, input: &DatasetInput) -> Result<()> {
        let dataset = &input.dataset;
        let own = made_id(&["dataset", &experiment.to_string(), &dataset.name, &dataset.digest]);
        self.put(
            "INSERT OR IGNORE INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type,
                dataset_source, dataset_schema, dataset_profile) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                &own,
                experiment,
                &dataset.name,
                &dataset.digest,
                &dataset.source_type,
                &dataset.source,
                &dataset.schema,
                &dataset.profile,
            ),
        )?;
        let link = self.link(["DATASET", &own, "RUN", run.as_str()], 0)?;
        for (key, value) in &input.tags {
            let sql = "INSERT INTO input_tags (input_uuid, name, value) VALUES (?1, ?2, ?3)";
            self.put(sql, (&link, key, value))?;
        }
        Ok(())
    }

    /// Says what a run read or made; answers the id of the row.
    fn link(&mut self, [kind, from, to_kind, to]: [&str; 4], step: i64) -> Result<String> {
        let id = made_id(&[kind, from, to_kind, to]);
        let sql =
            "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id, step)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        self.put(sql, (&id, kind, from, to_kind, to, step)).map(|_| id)
    }

    fn logged_models(&mut self, experiment: i64, id: &ExperimentId) -> Result<()> {
        // The last created comes first where nothing else is asked for; a reader takes them in the order of their rows.
        let mut search =
            LoggedModelSearch::new([id.clone()]).with_order("creation_time ASC").with_limit(PAGE);
        loop {
            let page = self.tracker.search_logged_models(&search)?;
            for model in &page.items {
                interrupt::check(WRITE)?;
                self.logged_model(experiment, model)?;
            }
            let Some(next) = page.next else { return Ok(()) };
            search = search.with_page(next);
        }
    }

    fn logged_model(&mut self, experiment: i64, model: &LoggedModel) -> Result<()> {
        let id = model.id.as_str();
        let status = match model.status {
            LoggedModelStatus::Pending => 1,
            LoggedModelStatus::Ready => 2,
            LoggedModelStatus::Failed => 3,
        };
        self.put(
            "INSERT INTO logged_models (model_id, experiment_id, name, artifact_location, creation_timestamp_ms,
                last_updated_timestamp_ms, status, lifecycle_stage, model_type, source_run_id)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            (
                id,
                experiment,
                &model.name,
                &model.artifact_location,
                millis(model.creation_time),
                millis(model.last_updated_time),
                status,
                model.lifecycle_stage.name(),
                &model.model_type,
                model.source_run.as_ref().map(RunId::as_str),
            ),
        )?;
        for (key, value) in &model.tags {
            let sql = "INSERT INTO logged_model_tags (model_id, experiment_id, tag_key, tag_value)
                VALUES (?1, ?2, ?3, ?4)";
            self.put(sql, (id, experiment, key, value))?;
        }
        for (key, value) in &model.params {
            let sql = "INSERT INTO logged_model_params (model_id, experiment_id, param_key, param_value)
                VALUES (?1, ?2, ?3, ?4)";
            self.put(sql, (id, experiment, key, value))?;
        }
        for measured in &model.metrics {
            let (run, metric) = (&measured.run, &measured.metric);
            let sql =
                "INSERT INTO logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step,
                    metric_value, experiment_id, run_id, dataset_name, dataset_digest)
                SELECT ?1, ?2, ?3, ?4, ?5, ?6, run_uuid, ?8, ?9 FROM runs WHERE run_uuid = ?7";
            let row = (
                id,
                &metric.key,
                metric.timestamp_ms,
                metric.step,
                number_of(metric.value).0,
                experiment,
                run.as_str(),
                &metric.dataset_name,
                &metric.dataset_digest,
            );
            if self.put(sql, row)? == 0 {
                self.exported
                    .leave(|| format!("of logged model {id}: {}, because run {run} is not here", metric.key));
            }
        }
        self.models.insert(model.id.clone());
        self.exported.models += 1;
        self.exported.params += model.params.len() as u64;
        self.exported.tags += model.tags.len() as u64;
        Ok(())
    }

    /// Adds a row; answers how many.
    fn put(&self, sql: &str, row: impl Params) -> Result<usize> {
        let mut statement = self.connection.prepare_cached(sql).map_err(meaning(WRITE, self.file))?;
        statement.execute(row).map_err(meaning(WRITE, self.file))
    }

    /// Whatever names something else is in vain where that is not there.
    fn check(&self) -> Result<()> {
        let failed = || meaning(WRITE, self.file);
        let mut statement = self.connection.prepare("PRAGMA foreign_key_check").map_err(failed())?;
        let mut rows = statement.query(()).map_err(failed())?;
        match rows.next().map_err(failed())? {
            None => Ok(()),
            Some(row) => {
                let table: String = row.get(0).map_err(failed())?;
                let problem = format!("a row of {table} names what the tracker does not have");
                Err(damaged(WRITE, self.file.display().to_string(), problem))
            }
        }
    }
}

/// The number of an experiment, where it is one that MLflow counts.
fn number(id: &ExperimentId) -> Option<i64> {
    id.as_str().parse::<i64>().ok().filter(|number| *number >= 0 && number.to_string() == id.as_str())
}

/// A value as MLflow stores it, and whether it is NaN.
fn number_of(value: f64) -> (f64, bool) {
    if value.is_nan() { (0.0, true) } else { (value.clamp(f64::MIN, f64::MAX), false) }
}

/// An id of 32 hexadecimal digits, as MLflow's are, which follows from what the row says.
fn made_id(parts: &[&str]) -> String {
    let mut digits = Digest::of(parts.join("\0")).to_hex();
    digits.truncate(32);
    digits
}
