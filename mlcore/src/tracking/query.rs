use std::collections::{BTreeMap, BTreeSet};

use super::{PageToken, Run, RunData, RunInputs, ViewType};
use crate::name::{ExperimentId, RunId};

/// The most rows of one page of experiments or runs: MLflow's limit.
pub const MOST_ROWS: usize = 50_000;
/// The rows of a page of experiments or runs where nothing else is asked for: as in MLflow.
pub const DEFAULT_ROWS: usize = 1000;
/// The rows of a page of logged models where nothing else is asked for: as in MLflow.
pub const DEFAULT_MODELS: usize = 100;
/// The points of a page of a metric's history, at most and where nothing else is asked for: as in MLflow.
pub const DEFAULT_POINTS: usize = 25_000;

/// One page of what was searched for.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct Page<T> {
    /// The rows, in order.
    pub items: Vec<T>,
    /// Where the next page begins; none after the last one.
    pub next: Option<PageToken>,
}

impl<T> Page<T> {
    /// A page, and where the next one begins.
    #[must_use]
    pub fn new(items: Vec<T>, next: Option<PageToken>) -> Self {
        Self { items, next }
    }
}

/// Which experiments to look for: in the order of `order_by`, else the last created first.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExperimentSearch {
    /// A filter of the grammar [`EXPERIMENTS`](super::search::Grammar::EXPERIMENTS); empty for all.
    pub filter: String,
    /// Columns such as `name ASC`, the most important first.
    pub order_by: Vec<String>,
    /// Which lifecycle stages. Default: active ones, as in MLflow.
    pub view: ViewType,
    /// The most rows, 1 to [`MOST_ROWS`]. Default: [`DEFAULT_ROWS`].
    pub limit: usize,
    /// Where the page begins, as the page before it says.
    pub page: Option<PageToken>,
}

impl Default for ExperimentSearch {
    fn default() -> Self {
        Self {
            filter: String::new(),
            order_by: Vec::new(),
            view: ViewType::default(),
            limit: DEFAULT_ROWS,
            page: None,
        }
    }
}

/// Which runs to look for, and what of them to answer: in the order of `order_by`, else the last begun first.
///
/// ```
/// use mlcore::name::ExperimentId;
/// use mlcore::tracking::RunSearch;
///
/// let search = RunSearch::new([ExperimentId::new("7")?]).with_filter("metrics.loss < 0.5").with_order("metrics.loss ASC");
/// assert_eq!(search.limit, 1000);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunSearch {
    /// The experiments to look in. None of them: no runs.
    pub experiments: Vec<ExperimentId>,
    /// A filter of the grammar [`RUNS`](super::search::Grammar::RUNS); empty for all.
    pub filter: String,
    /// Columns such as `metrics.loss DESC`, the most important first.
    pub order_by: Vec<String>,
    /// Which lifecycle stages. Default: active ones, as in MLflow.
    pub view: ViewType,
    /// The most rows, 1 to [`MOST_ROWS`]. Default: [`DEFAULT_ROWS`].
    pub limit: usize,
    /// Where the page begins, as the page before it says.
    pub page: Option<PageToken>,
    /// What of each run is answered. Default: everything, as in MLflow.
    pub projection: Projection,
}

impl RunSearch {
    /// The active runs of these experiments.
    #[must_use]
    pub fn new(experiments: impl IntoIterator<Item = ExperimentId>) -> Self {
        Self {
            experiments: experiments.into_iter().collect(),
            filter: String::new(),
            order_by: Vec::new(),
            view: ViewType::default(),
            limit: DEFAULT_ROWS,
            page: None,
            projection: Projection::default(),
        }
    }
}

/// Which logged models to look for: in the order of `order_by`, else the last created first. Deleted ones are not found.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoggedModelSearch {
    /// The experiments to look in. None of them: no models.
    pub experiments: Vec<ExperimentId>,
    /// A filter of the grammar [`LOGGED_MODELS`](super::search::Grammar::LOGGED_MODELS); empty for all.
    pub filter: String,
    /// Columns such as `metrics.loss DESC`, the most important first.
    pub order_by: Vec<String>,
    /// Where given, metrics count only if they were measured on one of these datasets: name, and digest or any.
    pub datasets: Vec<(String, Option<String>)>,
    /// The most rows, 1 to [`MOST_ROWS`]. Default: [`DEFAULT_MODELS`].
    pub limit: usize,
    /// Where the page begins, as the page before it says.
    pub page: Option<PageToken>,
}

impl LoggedModelSearch {
    /// The models of these experiments.
    #[must_use]
    pub fn new(experiments: impl IntoIterator<Item = ExperimentId>) -> Self {
        Self {
            experiments: experiments.into_iter().collect(),
            filter: String::new(),
            order_by: Vec::new(),
            datasets: Vec::new(),
            limit: DEFAULT_MODELS,
            page: None,
        }
    }

    /// Counts only metrics that were measured on this dataset, or on another one that is given.
    #[must_use]
    pub fn on_dataset(mut self, name: impl Into<String>, digest: Option<String>) -> Self {
        self.datasets.push((name.into(), digest));
        self
    }
}

/// Which points of a metric's history to answer: in the order of time, step and value.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HistorySearch {
    /// The run.
    pub run: RunId,
    /// The metric. Without a point its history is empty.
    pub key: String,
    /// The most points, 1 to [`DEFAULT_POINTS`]. Default: that.
    pub limit: usize,
    /// Where the page begins, as the page before it says.
    pub page: Option<PageToken>,
}

impl HistorySearch {
    /// The history of a metric.
    #[must_use]
    pub fn new(run: RunId, key: impl Into<String>) -> Self {
        Self { run, key: key.into(), limit: DEFAULT_POINTS, page: None }
    }
}

macro_rules! searches {
    ($($type:ident: $($what:ident)*;)+) => {$(
        impl $type {
            $(searches! { @$what })*

            /// Answers at most so many rows.
            #[must_use]
            pub fn with_limit(mut self, limit: usize) -> Self {
                self.limit = limit;
                self
            }

            /// Begins where the page before ended.
            #[must_use]
            pub fn with_page(mut self, page: impl Into<Option<PageToken>>) -> Self {
                self.page = page.into();
                self
            }
        }
    )+};
    (@filter) => {
        /// Looks only for what passes the filter.
        #[must_use]
        pub fn with_filter(mut self, filter: impl Into<String>) -> Self {
            self.filter = filter.into();
            self
        }

        /// Orders by this column, after those that were given before.
        #[must_use]
        pub fn with_order(mut self, column: impl Into<String>) -> Self {
            self.order_by.push(column.into());
            self
        }
    };
    (@view) => {
        /// Looks at these lifecycle stages.
        #[must_use]
        pub fn with_view(mut self, view: ViewType) -> Self {
            self.view = view;
            self
        }
    };
    (@projection) => {
        /// Answers only these parts of each run.
        #[must_use]
        pub fn with_projection(mut self, projection: Projection) -> Self {
            self.projection = projection;
            self
        }
    };
}

searches! {
    ExperimentSearch: filter view;
    RunSearch: filter view projection;
    LoggedModelSearch: filter;
    HistorySearch:;
}

/// What of each run a search answers: a list of ten thousand runs shows three metrics, not a thousand.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Projection {
    /// Which metrics.
    pub metrics: Selection,
    /// Which parameters.
    pub params: Selection,
    /// Which tags.
    pub tags: Selection,
    /// Whether inputs and outputs are answered.
    pub inputs: bool,
}

impl Default for Projection {
    fn default() -> Self {
        Self { metrics: Selection::All, params: Selection::All, tags: Selection::All, inputs: true }
    }
}

impl Projection {
    /// Nothing but who, when and how far.
    #[must_use]
    pub fn info() -> Self {
        Self { metrics: Selection::NONE, params: Selection::NONE, tags: Selection::NONE, inputs: false }
    }

    /// The run with these parts alone.
    #[must_use]
    pub fn of(&self, run: &Run) -> Run {
        fn chosen<V: Clone>(of: &BTreeMap<String, V>, selection: &Selection) -> BTreeMap<String, V> {
            match selection {
                Selection::All => of.clone(),
                Selection::Keys(keys) => keys
                    .iter()
                    .filter_map(|key| of.get_key_value(key))
                    .map(|(k, v)| (k.clone(), v.clone()))
                    .collect(),
            }
        }
        let data = RunData {
            metrics: chosen(&run.data.metrics, &self.metrics),
            params: chosen(&run.data.params, &self.params),
            tags: chosen(&run.data.tags, &self.tags),
        };
        let (inputs, outputs) = match self.inputs {
            true => (run.inputs.clone(), run.outputs.clone()),
            false => (RunInputs::default(), Vec::new()),
        };
        Run { info: run.info.clone(), data, inputs, outputs }
    }

    /// Answers these metrics.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Selection) -> Self {
        self.metrics = metrics;
        self
    }

    /// Answers these parameters.
    #[must_use]
    pub fn with_params(mut self, params: Selection) -> Self {
        self.params = params;
        self
    }

    /// Answers these tags.
    #[must_use]
    pub fn with_tags(mut self, tags: Selection) -> Self {
        self.tags = tags;
        self
    }
}

/// Some of the keys that there are.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Selection {
    /// Every key.
    All,
    /// These keys, where they are there.
    Keys(BTreeSet<String>),
}

impl Selection {
    /// No key.
    pub const NONE: Self = Self::Keys(BTreeSet::new());

    /// These keys.
    #[must_use]
    pub fn keys<K: Into<String>>(keys: impl IntoIterator<Item = K>) -> Self {
        Self::Keys(keys.into_iter().map(Into::into).collect())
    }

    /// Says whether a key is one of them.
    #[must_use]
    pub fn selects(&self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::Keys(keys) => keys.contains(key),
        }
    }
}
