mod experiments;
mod logging;
mod models;
mod oracle;
mod pages;
mod runs;
mod searches;

use super::persistence::{Persistence, Place, Places, same};
use crate::error::Result;
use crate::name::{ExperimentId, LoggedModelId, RunId};
use crate::time::Timestamp;
use crate::tracking::{
    Batch, ExperimentSearch, LoggedModelSearch, Metric, NewExperiment, NewRun, RunSearch, Tracker,
    TrackerExt, ViewType,
};

/// Holds a tracker to the contract of [`Tracker`], as its documentation states it. `open` opens the tracker of a place: new
/// and empty at the place's first opening, and afterwards what `persistence` says.
///
/// Proved: the rules for experiments, runs, logging and logged models with MLflow's limits; that a list of edits is carried
/// out whole or not at all; histories and which point of them is the latest, with NaN and infinities; filters, orders and
/// projections; pages that are stable while rows are added, and tokens that are refused elsewhere; that what was acknowledged
/// is there when it is opened again; and that hundreds of random edits and searches are answered as by
/// [`MemoryTracker`](crate::tracking::MemoryTracker). Errors are compared by their kind. The suite ends, whatever a tracker
/// answers.
///
/// ```
/// use mlcore::conformance::{self, Persistence};
/// use mlcore::tracking::MemoryTracker;
///
/// conformance::tracker(Persistence::Ephemeral, |_| Box::new(MemoryTracker::new()));
/// ```
///
/// # Panics
/// When a promise is broken.
pub fn tracker(persistence: Persistence, open: impl Fn(usize) -> Box<dyn Tracker>) {
    let places = Places::new(persistence, &open);
    experiments::follow_the_rules(&places);
    runs::follow_the_rules(&places);
    logging::follows_the_rules(&places);
    models::follow_the_rules(&places);
    searches::find(&places);
    pages::are_stable(&places);
    oracle::agrees(&places);
}

/// A tracker under test, with the experiment `1` in it.
struct World<'a> {
    tracker: Place<'a, dyn Tracker>,
    experiment: ExperimentId,
}

impl<'a> World<'a> {
    fn new(places: &'a Places<'a, dyn Tracker>) -> Self {
        let world = Self { tracker: places.fresh(), experiment: experiment("1") };
        let all = ExperimentSearch::default().with_view(ViewType::All);
        assert!(world.tracker.search_experiments(&all).unwrap().items.is_empty(), "a new tracker is empty");
        world.tracker.create_experiment(NewExperiment::new(experiment("1"), "churn", at(1))).unwrap();
        world
    }

    /// Makes sure that everything is there when the tracker is opened again.
    #[track_caller]
    fn is_kept(&mut self) {
        self.tracker.is_kept(told);
    }

    fn start(&self, id: &str, start: i64) -> RunId {
        self.tracker.start_run(NewRun::new(run(id), self.experiment.clone(), at(start))).unwrap().info.id
    }

    fn log(&self, id: &str, key: &str, value: f64) {
        self.tracker.log_batch(Batch::new(run(id)).with_metric(Metric::new(key, value, 0))).unwrap();
    }

    /// The ids of the runs that a search answers, in order.
    fn found(&self, filter: &str, order: &[&str]) -> Vec<String> {
        let mut search = RunSearch::new([self.experiment.clone()]).with_filter(filter);
        search.order_by = order.iter().map(|column| (*column).to_owned()).collect();
        ids(&self.tracker.search_runs(&search).unwrap().items)
    }

    /// Makes sure that `attempt` fails with the meaning `kind` and leaves nothing.
    #[track_caller]
    fn refuses<T: std::fmt::Debug>(&self, kind: &str, attempt: impl FnOnce() -> Result<T>) {
        let before = told(&*self.tracker);
        let attempted = attempt().map_err(|error| (error.kind(), error));
        assert!(matches!(&attempted, Err((found, _)) if *found == kind), "{kind} was due, not {attempted:?}");
        same(&told(&*self.tracker), &before, "what was refused left something");
    }
}

fn experiment(id: &str) -> ExperimentId {
    ExperimentId::new(id).unwrap()
}

fn run(id: &str) -> RunId {
    RunId::new(id).unwrap()
}

fn model(id: &str) -> LoggedModelId {
    LoggedModelId::new(id).unwrap()
}

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millis(milliseconds)
}

fn ids(runs: &[crate::tracking::Run]) -> Vec<String> {
    runs.iter().map(|run| run.info.id.to_string()).collect()
}

/// Everything that a tracker tells, a line for each row.
fn told<T: Tracker + ?Sized>(tracker: &T) -> Vec<String> {
    let all = ExperimentSearch::default().with_view(ViewType::All);
    let experiments = tracker.search_experiments(&all).unwrap().items;
    let mut lines: Vec<String> = experiments.iter().map(|found| format!("{found:?}")).collect();
    let ids: Vec<_> = experiments.into_iter().map(|found| found.id).collect();
    for run in tracker.search_runs(&RunSearch::new(ids.clone()).with_view(ViewType::All)).unwrap().items {
        lines.push(format!("{run:?}"));
        for key in run.data.metrics.keys() {
            let history = tracker.whole_history(&run.info.id, key).unwrap();
            lines.push(format!("{key} of {}: {history:?}", run.info.id));
        }
    }
    let models = tracker.search_logged_models(&LoggedModelSearch::new(ids).with_limit(1000)).unwrap().items;
    lines.extend(models.iter().map(|model| format!("{model:?}")));
    lines
}
