//! The tracker in memory.

mod tables;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use self::tables::State;
use super::metric::Place;
use super::rules::{self, Tables, required};
use super::search::{Query, SortKey};
use super::{
    Edit, Experiment, ExperimentSearch, HistorySearch, LifecycleStage, LoggedModel, LoggedModelSearch,
    Metric, Page, Run, RunSearch, Tracker, limits,
};
use crate::error::{Error, Result};
use crate::name::{ExperimentId, LoggedModelId, RunId};

/// A tracker in memory: the reference, and what tests use. Clones share it; it is gone with the last of them.
///
/// A search looks at every row of its experiments.
#[derive(Clone, Debug, Default)]
pub struct MemoryTracker {
    state: Arc<RwLock<State>>,
}

impl MemoryTracker {
    /// A tracker without experiments.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tracker for MemoryTracker {
    fn write(&self, edits: &[Edit]) -> Result<()> {
        edits.iter().try_for_each(limits::check)?;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let written = edits.iter().try_for_each(|edit| rules::apply(&mut *state, edit));
        match written {
            Ok(()) => state.keep(),
            Err(_) => state.undo(),
        }
        written
    }

    fn experiment(&self, id: &ExperimentId) -> Result<Experiment> {
        required(Tables::experiment(&*self.state(), id)?, "experiment", id)
    }

    fn experiment_by_name(&self, name: &str) -> Result<Experiment> {
        required(self.state().experiment_named(name)?, "experiment", name)
    }

    fn search_experiments(&self, search: &ExperimentSearch) -> Result<Page<Experiment>> {
        let query = Query::of_experiments(search)?;
        let state = self.state();
        let page =
            query.page(state.experiments().filter(|found| search.view.shows(found.lifecycle_stage)))?;
        Ok(Page::new(page.items.into_iter().cloned().collect(), page.next))
    }

    fn run(&self, id: &RunId) -> Result<Run> {
        required(self.state().run(id).cloned(), "run", id)
    }

    fn search_runs(&self, search: &RunSearch) -> Result<Page<Run>> {
        let query = Query::of_runs(search)?;
        let state = self.state();
        let is_asked = |run: &&Run| {
            search.view.shows(run.info.lifecycle_stage) && search.experiments.contains(&run.info.experiment)
        };
        let page = query.page(state.runs().filter(is_asked))?;
        Ok(Page::new(page.items.into_iter().map(|run| search.projection.of(run)).collect(), page.next))
    }

    fn metric_history(&self, search: &HistorySearch) -> Result<Page<Metric>> {
        let query = Query::of_history(search)?;
        let after = query.after().map(place).transpose()?;
        let state = self.state();
        required(state.run(&search.run), "run", &search.run)?;
        let mut points = state.history(&search.run, &search.key, after.as_ref());
        let items: Vec<Metric> = points.by_ref().take(search.limit).cloned().collect();
        let last = items.last().filter(|_| points.next().is_some());
        let next = last.map(|metric| query.token_of(&keys(metric)));
        Ok(Page::new(items, next))
    }

    fn logged_model(&self, id: &LoggedModelId) -> Result<LoggedModel> {
        rules::active_model(&*self.state(), id)
    }

    fn search_logged_models(&self, search: &LoggedModelSearch) -> Result<Page<LoggedModel>> {
        let query = Query::of_logged_models(search)?;
        let state = self.state();
        let is_asked = |model: &&LoggedModel| {
            model.lifecycle_stage == LifecycleStage::Active && search.experiments.contains(&model.experiment)
        };
        let page = query.page(super::search::model_rows(state.models().filter(is_asked), search))?;
        Ok(Page::new(page.items.into_iter().map(|row| row.model.clone()).collect(), page.next))
    }
}

/// The columns of a point of a history: whole numbers as text, because a number of a column has 53 bits.
pub(super) fn keys(metric: &Metric) -> [SortKey; 3] {
    let place = metric.place();
    let value = if place.value.is_nan() { SortKey::NotANumber } else { SortKey::Number(place.value) };
    [SortKey::Text(place.timestamp_ms.to_string()), SortKey::Text(place.step.to_string()), value]
}

/// The place that these columns tell.
pub(super) fn place(keys: &[SortKey]) -> Result<Place> {
    let forged = || Error::invalid_input("search", "page token", "it is not as it was given");
    let [SortKey::Text(timestamp), SortKey::Text(step), value] = keys else { return Err(forged()) };
    let value = match value {
        SortKey::Number(value) => *value,
        SortKey::NotANumber => f64::NAN,
        SortKey::Text(_) | SortKey::Missing => return Err(forged()),
    };
    let whole = |text: &str| text.parse().map_err(|_| forged());
    Ok(Place { timestamp_ms: whole(timestamp)?, step: whole(step)?, value })
}
