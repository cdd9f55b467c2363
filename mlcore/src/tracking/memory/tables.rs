use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;

use crate::error::Result;
use crate::name::{ExperimentId, LoggedModelId, RunId};
use crate::time::Timestamp;
use crate::tracking::metric::Place;
use crate::tracking::rules::Tables;
use crate::tracking::{
    Dataset, DatasetInput, Experiment, LifecycleStage, LoggedModel, Metric, ModelMetric, ModelOutput, Run,
    RunData, RunInfo, RunInputs,
};

/// All rows, and how what is not yet kept is undone.
#[derive(Debug, Default)]
pub(super) struct State {
    experiments: BTreeMap<ExperimentId, Experiment>,
    names: BTreeMap<String, ExperimentId>,
    runs: BTreeMap<RunId, Kept>,
    /// By experiment, name and digest.
    datasets: BTreeMap<(ExperimentId, String, String), Dataset>,
    models: BTreeMap<LoggedModelId, LoggedModel>,
    undo: Vec<Undo>,
}

/// A run, and the history of its metrics.
#[derive(Debug)]
struct Kept {
    run: Run,
    history: BTreeMap<String, BTreeMap<Place, Metric>>,
}

struct Undo(Box<dyn FnOnce(&mut State) + Send + Sync>);

impl fmt::Debug for Undo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Undo")
    }
}

impl State {
    /// Ends a transaction that holds.
    pub(super) fn keep(&mut self) {
        self.undo.clear();
    }

    /// Ends a transaction that leaves nothing: the last write is undone first.
    pub(super) fn undo(&mut self) {
        while let Some(Undo(undo)) = self.undo.pop() {
            undo(self);
        }
    }

    fn on_undo(&mut self, undo: impl FnOnce(&mut Self) + Send + Sync + 'static) {
        self.undo.push(Undo(Box::new(undo)));
    }

    pub(super) fn experiments(&self) -> impl Iterator<Item = &Experiment> {
        self.experiments.values()
    }

    pub(super) fn run(&self, id: &RunId) -> Option<&Run> {
        self.runs.get(id).map(|kept| &kept.run)
    }

    pub(super) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.values().map(|kept| &kept.run)
    }

    pub(super) fn models(&self) -> impl Iterator<Item = &LoggedModel> {
        self.models.values()
    }

    pub(super) fn history<'s>(
        &'s self,
        run: &RunId,
        key: &str,
        after: Option<&Place>,
    ) -> impl Iterator<Item = &'s Metric> + use<'s> {
        let history = self.runs.get(run).and_then(|kept| kept.history.get(key));
        let from = after.map_or(Bound::Unbounded, |place| Bound::Excluded(*place));
        history
            .into_iter()
            .flat_map(move |history| history.range((from, Bound::Unbounded)).map(|(_, metric)| metric))
    }

    /// Changes a run that is there, and remembers how to change it back.
    fn change(&mut self, id: &RunId, change: impl FnOnce(&mut Kept) -> Option<Back>) {
        let back = self.runs.get_mut(id).and_then(change);
        if let Some(back) = back {
            let id = id.clone();
            self.on_undo(move |state| {
                if let Some(kept) = state.runs.get_mut(&id) {
                    back(kept);
                }
            });
        }
    }

    fn add_metric(&mut self, run: &RunId, metric: &Metric) {
        let (key, place) = (metric.key.clone(), metric.place());
        self.change(run, |kept| {
            let history = kept.history.entry(key.clone()).or_default();
            if history.contains_key(&place) {
                return None;
            }
            history.insert(place, metric.clone());
            let latest = kept.run.data.metrics.get(&key);
            let before = latest.cloned();
            if latest.is_none_or(|latest| metric.supersedes(latest)) {
                kept.run.data.metrics.insert(key.clone(), metric.clone());
            }
            Some(Box::new(move |kept| {
                if let Some(history) = kept.history.get_mut(&key) {
                    history.remove(&place);
                }
                put_back(&mut kept.run.data.metrics, key, before);
            }))
        });
    }
}

type Back = Box<dyn FnOnce(&mut Kept) + Send + Sync>;

/// Puts back what was in a map, or nothing.
fn put_back<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, before: Option<V>) {
    match before {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
}

impl Tables for State {
    fn experiment(&self, id: &ExperimentId) -> Result<Option<Experiment>> {
        Ok(self.experiments.get(id).cloned())
    }

    fn experiment_named(&self, name: &str) -> Result<Option<Experiment>> {
        Ok(self.names.get(name).and_then(|id| self.experiments.get(id)).cloned())
    }

    fn put_experiment(&mut self, experiment: &Experiment) -> Result<()> {
        let (id, name) = (experiment.id.clone(), experiment.name.clone());
        let before = self.experiments.insert(id.clone(), experiment.clone());
        if let Some(before) = &before {
            self.names.remove(&before.name);
        }
        self.names.insert(name.clone(), id.clone());
        self.on_undo(move |state| {
            state.names.remove(&name);
            if let Some(before) = &before {
                state.names.insert(before.name.clone(), id.clone());
            }
            put_back(&mut state.experiments, id, before);
        });
        Ok(())
    }

    fn run_info(&self, id: &RunId) -> Result<Option<RunInfo>> {
        Ok(self.run(id).map(|run| run.info.clone()))
    }

    fn put_run(&mut self, info: &RunInfo) -> Result<()> {
        if self.runs.contains_key(&info.id) {
            self.change(&info.id, |kept| {
                let before = std::mem::replace(&mut kept.run.info, info.clone());
                Some(Box::new(move |kept| kept.run.info = before))
            });
            return Ok(());
        }
        let (data, inputs) = (RunData::default(), RunInputs::default());
        let run = Run { info: info.clone(), data, inputs, outputs: Vec::new() };
        self.runs.insert(info.id.clone(), Kept { run, history: BTreeMap::new() });
        let id = info.id.clone();
        self.on_undo(move |state| drop(state.runs.remove(&id)));
        Ok(())
    }

    fn set_stage_of_runs(&mut self, experiment: &ExperimentId, deleted: Option<Timestamp>) -> Result<()> {
        let due = if deleted.is_some() { LifecycleStage::Deleted } else { LifecycleStage::Active };
        let infos = self.runs().map(|run| &run.info);
        let moved: Vec<RunInfo> = infos
            .filter(|info| info.experiment == *experiment && info.lifecycle_stage != due)
            .cloned()
            .collect();
        moved.into_iter().try_for_each(|info| {
            self.put_run(&RunInfo { lifecycle_stage: due, deleted_time: deleted, ..info })
        })
    }

    fn param(&self, run: &RunId, key: &str) -> Result<Option<String>> {
        Ok(self.run(run).and_then(|run| run.data.params.get(key)).cloned())
    }

    fn put_param(&mut self, run: &RunId, key: &str, value: &str) -> Result<()> {
        self.change(run, |kept| {
            let before = kept.run.data.params.insert(key.to_owned(), value.to_owned());
            let key = key.to_owned();
            Some(Box::new(move |kept| put_back(&mut kept.run.data.params, key, before)))
        });
        Ok(())
    }

    fn tag(&self, run: &RunId, key: &str) -> Result<Option<String>> {
        Ok(self.run(run).and_then(|run| run.data.tags.get(key)).cloned())
    }

    fn put_tag(&mut self, run: &RunId, key: &str, value: Option<&str>) -> Result<()> {
        self.change(run, |kept| {
            let tags = &mut kept.run.data.tags;
            let before = match value {
                Some(value) => tags.insert(key.to_owned(), value.to_owned()),
                None => tags.remove(key),
            };
            let key = key.to_owned();
            Some(Box::new(move |kept| put_back(&mut kept.run.data.tags, key, before)))
        });
        Ok(())
    }

    fn add_metrics(&mut self, run: &RunId, metrics: &[Metric]) -> Result<()> {
        metrics.iter().for_each(|metric| self.add_metric(run, metric));
        Ok(())
    }

    fn add_dataset(&mut self, run: &RunInfo, input: &DatasetInput) -> Result<()> {
        let dataset = &input.dataset;
        let identity = (run.experiment.clone(), dataset.name.clone(), dataset.digest.clone());
        let known = self.datasets.get(&identity).cloned();
        let input =
            DatasetInput { dataset: known.clone().unwrap_or_else(|| dataset.clone()), ..input.clone() };
        if known.is_none() {
            self.datasets.insert(identity.clone(), dataset.clone());
            self.on_undo(move |state| drop(state.datasets.remove(&identity)));
        }
        self.change(&run.id, |kept| {
            let inputs = &mut kept.run.inputs.datasets;
            let is_same = |other: &DatasetInput| {
                (&other.dataset.name, &other.dataset.digest) == (&input.dataset.name, &input.dataset.digest)
            };
            if inputs.iter().any(is_same) {
                return None;
            }
            inputs.push(input);
            Some(Box::new(|kept| drop(kept.run.inputs.datasets.pop())))
        });
        Ok(())
    }

    fn add_model_input(&mut self, run: &RunId, model: &LoggedModelId) -> Result<()> {
        self.change(run, |kept| {
            if kept.run.inputs.models.contains(model) {
                return None;
            }
            kept.run.inputs.models.push(model.clone());
            Some(Box::new(|kept| drop(kept.run.inputs.models.pop())))
        });
        Ok(())
    }

    fn add_model_output(&mut self, run: &RunId, output: &ModelOutput) -> Result<()> {
        self.change(run, |kept| {
            let before = kept.run.outputs.clone();
            match kept.run.outputs.iter_mut().find(|found| found.model == output.model) {
                Some(found) => found.step = output.step,
                None => kept.run.outputs.push(output.clone()),
            }
            Some(Box::new(move |kept| kept.run.outputs = before))
        });
        Ok(())
    }

    fn model(&self, id: &LoggedModelId) -> Result<Option<LoggedModel>> {
        Ok(self.models.get(id).cloned())
    }

    fn put_model(&mut self, model: &LoggedModel) -> Result<()> {
        let id = model.id.clone();
        let before = self.models.insert(id.clone(), model.clone());
        // The one that is written was read without metrics, perhaps.
        if let (Some(before), Some(now)) = (&before, self.models.get_mut(&id)) {
            now.metrics.clone_from(&before.metrics);
        }
        self.on_undo(move |state| put_back(&mut state.models, id, before));
        Ok(())
    }

    fn add_model_metric(&mut self, model: &LoggedModelId, metric: &ModelMetric) -> Result<()> {
        let Some(found) = self.models.get_mut(model) else { return Ok(()) };
        let identity = |other: &ModelMetric| (other.metric.timestamp_ms, other.metric.step);
        let is_same = |other: &ModelMetric| {
            identity(other) == identity(metric)
                && other.metric.key == metric.metric.key
                && other.run == metric.run
        };
        if found.metrics.iter().any(is_same) {
            return Ok(());
        }
        found.metrics.push(metric.clone());
        let model = model.clone();
        self.on_undo(move |state| {
            if let Some(found) = state.models.get_mut(&model) {
                found.metrics.pop();
            }
        });
        Ok(())
    }
}
