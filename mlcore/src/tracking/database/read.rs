//! Reading what belongs to experiments, runs and models, and pages of them.

use std::collections::{BTreeMap, HashMap};

use super::kind::{self, Kind};
use super::tables::SqlTables;
use super::{Columns, NO_ROW, Sql, Value, bits, marks, search, values};
use crate::error::Result;
use crate::name::{ExperimentId, LoggedModelId, RunId};
use crate::tracking::metric::Place;
use crate::tracking::rules::{Tables, active_model, required};
use crate::tracking::search::Query;
use crate::tracking::{
    DatasetInput, Experiment, ExperimentSearch, HistorySearch, LoggedModel, LoggedModelSearch, Metric,
    ModelMetric, ModelOutput, Page, Projection, Run, RunData, RunInfo, RunInputs, RunSearch, Selection,
    ViewType, memory,
};

/// What [`Tracker`](crate::tracking::Tracker) asks for.
impl SqlTables<'_> {
    pub(in crate::tracking) fn known_experiment(&self, id: &ExperimentId) -> Result<Experiment> {
        required(self.experiment(id)?, "experiment", id)
    }

    pub(in crate::tracking) fn known_experiment_named(&self, name: &str) -> Result<Experiment> {
        required(self.experiment_named(name)?, "experiment", name)
    }

    pub(in crate::tracking) fn page_of_experiments(
        &self,
        search: &ExperimentSearch,
        query: &Query,
    ) -> Result<Page<Experiment>> {
        let (found, next) =
            search::page(self, &Kind::EXPERIMENTS, query, Sql::new(shown(search.view)), kind::experiment)?;
        Ok(Page::new(self.with_tags(found)?, next))
    }

    pub(in crate::tracking) fn known_run(&self, id: &RunId) -> Result<Run> {
        let sql = format!("SELECT {} FROM run r WHERE r.id = ?", Kind::RUNS.columns);
        let found = self.one(&sql, values![id.as_str()], |row| Ok((row.whole(0)?, kind::run_info(row)?)))?;
        let mut runs = self.whole_runs(vec![required(found, "run", id)?], &Projection::default())?;
        required(runs.pop(), "run", id)
    }

    pub(in crate::tracking) fn page_of_runs(&self, search: &RunSearch, query: &Query) -> Result<Page<Run>> {
        let Some(conditions) = within(&search.experiments) else { return Ok(Page::new(Vec::new(), None)) };
        let conditions = conditions.then(" AND ").then(shown(search.view));
        let (found, next) = search::page(self, &Kind::RUNS, query, conditions, kind::run_info)?;
        Ok(Page::new(self.whole_runs(found, &search.projection)?, next))
    }

    /// Up to `limit` points of a history, after a place.
    pub(in crate::tracking) fn history(&self, search: &HistorySearch, query: &Query) -> Result<Page<Metric>> {
        let after = query.after().map(memory::place).transpose()?;
        let run = required(self.number_of(&search.run)?, "run", &search.run)?;
        let Some(number) = self.key_of(&search.key)? else { return Ok(Page::new(Vec::new(), None)) };
        let beginning = Place { timestamp_ms: -1, step: 0, value: 0.0 };
        let from = after.unwrap_or(beginning);
        let sql = "SELECT '', timestamp, step, bits, model, dataset, digest FROM point
            WHERE owner = ? AND key = ? AND (timestamp, step, bits) > (?, ?, ?)
            ORDER BY timestamp, step, bits LIMIT ?";
        let most = i64::try_from(search.limit + 1).unwrap_or(i64::MAX);
        let bits = bits::of(from.value);
        let mut items =
            self.all(sql, values![run, number, from.timestamp_ms, from.step, bits, most], |row| {
                Ok(Metric { key: search.key.clone(), ..row.metric(0)? })
            })?;
        let is_last = items.len() <= search.limit;
        items.truncate(search.limit);
        let next = items.last().filter(|_| !is_last).map(|last| query.token_of(&memory::keys(last)));
        Ok(Page::new(items, next))
    }

    pub(in crate::tracking) fn known_model(&self, id: &LoggedModelId) -> Result<LoggedModel> {
        let model = active_model(self, id)?;
        let number = required(self.number_of_model(id)?, "logged model", id)?;
        let mut models = self.whole_models(vec![(number, model)])?;
        required(models.pop(), "logged model", id)
    }

    pub(in crate::tracking) fn page_of_models(
        &self,
        search: &LoggedModelSearch,
        query: &Query,
    ) -> Result<Page<LoggedModel>> {
        let Some(mut conditions) = within(&search.experiments) else {
            return Ok(Page::new(Vec::new(), None));
        };
        conditions = conditions.then(" AND ").then(shown(ViewType::ActiveOnly));
        if !search.datasets.is_empty() {
            conditions = conditions
                .then(" AND EXISTS (SELECT 1 FROM model_metric f WHERE f.owner = r.number AND ")
                .and(&Kind::counts(&search.datasets))
                .then(")");
        }
        let (found, next) =
            search::page(self, &Kind::models(&search.datasets), query, conditions, kind::model)?;
        Ok(Page::new(self.whole_models(found)?, next))
    }
}

/// The rows of some experiments; none where there are none.
fn within(experiments: &[ExperimentId]) -> Option<Sql> {
    let list = Sql::list(experiments.iter().map(AsRef::as_ref));
    (!experiments.is_empty()).then(|| Sql::new("r.experiment IN ").and(&list))
}

fn shown(view: ViewType) -> &'static str {
    match view {
        ViewType::ActiveOnly => "r.stage = 0",
        ViewType::DeletedOnly => "r.stage = 1",
        ViewType::All => "TRUE",
    }
}

/// What belongs to many rows is read for all of them at once.
impl SqlTables<'_> {
    pub(super) fn with_tags(&self, found: Vec<(i64, Experiment)>) -> Result<Vec<Experiment>> {
        let (numbers, mut experiments) = split(found);
        self.texts("experiment_tag", &numbers, &Selection::All, |place, key, value| {
            experiments.get_mut(place).map(|experiment| experiment.tags.insert(key, value));
        })?;
        Ok(experiments)
    }

    /// Runs with the parts that are asked for.
    fn whole_runs(&self, found: Vec<(i64, RunInfo)>, projection: &Projection) -> Result<Vec<Run>> {
        let (numbers, infos) = split(found);
        let bare =
            |info| Run { info, data: RunData::default(), inputs: RunInputs::default(), outputs: Vec::new() };
        let mut runs: Vec<Run> = infos.into_iter().map(bare).collect();
        self.texts("param", &numbers, &projection.params, |place, key, value| {
            runs.get_mut(place).map(|run| run.data.params.insert(key, value));
        })?;
        self.texts("tag", &numbers, &projection.tags, |place, key, value| {
            runs.get_mut(place).map(|run| run.data.tags.insert(key, value));
        })?;
        self.latest(&numbers, &projection.metrics, |place, metric| {
            runs.get_mut(place).map(|run| run.data.metrics.insert(metric.key.clone(), metric));
        })?;
        if projection.inputs {
            self.inputs(&numbers, &mut runs)?;
        }
        Ok(runs)
    }

    /// The metrics that runs show.
    fn latest(
        &self,
        numbers: &[i64],
        selection: &Selection,
        mut take: impl FnMut(usize, Metric),
    ) -> Result<()> {
        let Selection::Keys(keys) = selection else {
            let sql = "SELECT f.owner, k.key, f.timestamp, f.step, f.bits, f.model, f.dataset, f.digest
                FROM latest f JOIN metric_key k ON k.number = f.key WHERE f.owner IN";
            return self.of_each(numbers, sql, &Sql::default(), |place, row| {
                take(place, row.metric(1)?);
                Ok(())
            });
        };
        // By their numbers, a few keys of many are found without a look at the others.
        let mut names = HashMap::new();
        for key in keys {
            self.key_of(key)?.map(|number| names.insert(number, key));
        }
        if names.is_empty() {
            return Ok(());
        }
        let mut chosen = Sql::new(format!(" AND f.key IN ({})", marks(names.len())));
        chosen.values.extend(names.keys().copied().map(Value::Integer));
        let sql = "SELECT f.owner, '', f.timestamp, f.step, f.bits, f.model, f.dataset, f.digest, f.key
            FROM latest f WHERE f.owner IN";
        self.of_each(numbers, sql, &chosen, |place, row| {
            let Some(key) = names.get(&row.whole(8)?) else { return Ok(()) };
            take(place, Metric { key: (*key).clone(), ..row.metric(1)? });
            Ok(())
        })
    }

    fn inputs(&self, numbers: &[i64], runs: &mut [Run]) -> Result<()> {
        let placed = Sql::new(" ORDER BY f.place");
        let sql = "SELECT f.owner, d.body, f.tags FROM input f JOIN dataset d ON d.number = f.dataset
            WHERE f.owner IN";
        self.of_each(numbers, sql, &placed, |place, row| {
            let input = DatasetInput { dataset: row.json(1)?, tags: row.json(2)? };
            if let Some(run) = runs.get_mut(place) {
                run.inputs.datasets.push(input);
            }
            Ok(())
        })?;
        let sql = "SELECT f.owner, f.model FROM model_input f WHERE f.owner IN";
        self.of_each(numbers, sql, &placed, |place, row| {
            let model = row.parsed(1)?;
            if let Some(run) = runs.get_mut(place) {
                run.inputs.models.push(model);
            }
            Ok(())
        })?;
        let sql = "SELECT f.owner, f.model, f.step FROM model_output f WHERE f.owner IN";
        self.of_each(numbers, sql, &placed, |place, row| {
            let output = ModelOutput::new(row.parsed(1)?, row.whole(2)?);
            if let Some(run) = runs.get_mut(place) {
                run.outputs.push(output);
            }
            Ok(())
        })
    }

    fn whole_models(&self, found: Vec<(i64, LoggedModel)>) -> Result<Vec<LoggedModel>> {
        let (numbers, mut models) = split(found);
        self.texts("model_tag", &numbers, &Selection::All, |place, key, value| {
            models.get_mut(place).map(|model| model.tags.insert(key, value));
        })?;
        self.texts("model_param", &numbers, &Selection::All, |place, key, value| {
            models.get_mut(place).map(|model| model.params.insert(key, value));
        })?;
        let sql = "SELECT f.owner, f.key, f.timestamp, f.step, f.bits, r.id, f.dataset, f.digest, f.run
            FROM model_metric f JOIN logged_model r ON r.number = f.owner WHERE f.owner IN";
        self.of_each(&numbers, sql, &Sql::new(" ORDER BY f.place"), |place, row| {
            let metric = ModelMetric::new(row.parsed(8)?, row.metric(1)?);
            if let Some(model) = models.get_mut(place) {
                model.metrics.push(metric);
            }
            Ok(())
        })?;
        Ok(models)
    }

    /// The pairs of a row in a table of texts.
    pub(super) fn pairs(&self, table: &str, number: i64) -> Result<BTreeMap<String, String>> {
        let mut pairs = BTreeMap::new();
        self.texts(table, &[number], &Selection::All, |_, key, value| drop(pairs.insert(key, value)))?;
        Ok(pairs)
    }

    fn texts(
        &self,
        table: &str,
        numbers: &[i64],
        selection: &Selection,
        mut take: impl FnMut(usize, String, String),
    ) -> Result<()> {
        let Some(chosen) = chosen("f.key", selection) else { return Ok(()) };
        let sql = format!("SELECT f.owner, f.key, f.value FROM {table} f WHERE f.owner IN");
        self.of_each(numbers, &sql, &chosen, |place, row| {
            take(place, row.string(1)?, row.string(2)?);
            Ok(())
        })
    }

    /// Reads the rows whose owners, the first column, have these numbers, and says at which place of them each has.
    fn of_each(
        &self,
        numbers: &[i64],
        sql: &str,
        rest: &Sql,
        mut read: impl FnMut(usize, &dyn Columns) -> Result<()>,
    ) -> Result<()> {
        let places: HashMap<i64, usize> =
            numbers.iter().enumerate().map(|(place, number)| (*number, place)).collect();
        for chunk in numbers.chunks(MOST_AT_ONCE) {
            // Few lengths, so that the statements are prepared once.
            let length = LENGTHS.into_iter().find(|length| chunk.len() <= *length).unwrap_or(MOST_AT_ONCE);
            let text = format!("{sql} ({}){}", marks(length), rest.text);
            let owners = chunk.iter().copied().chain(std::iter::repeat(NO_ROW)).take(length);
            let values: Vec<Value<'_>> =
                owners.map(Value::Integer).chain(rest.values.iter().cloned()).collect();
            self.database.rows(&text, &values, &mut |row| match places.get(&row.whole(0)?) {
                Some(place) => read(*place, row),
                None => Ok(()),
            })?;
        }
        Ok(())
    }
}

fn split<T>(found: Vec<(i64, T)>) -> (Vec<i64>, Vec<T>) {
    found.into_iter().unzip()
}

/// The condition that a key was asked for; none where none is.
fn chosen(column: &str, selection: &Selection) -> Option<Sql> {
    match selection {
        Selection::All => Some(Sql::default()),
        Selection::Keys(keys) if keys.is_empty() => None,
        Selection::Keys(keys) => {
            Some(Sql::new(format!(" AND {column} IN ")).and(&Sql::list(keys.iter().map(String::as_str))))
        }
    }
}

/// Beyond some hundred rows a statement for all of them costs what one for each half costs.
const MOST_AT_ONCE: usize = 512;
const LENGTHS: [usize; 4] = [1, 8, 64, MOST_AT_ONCE];
