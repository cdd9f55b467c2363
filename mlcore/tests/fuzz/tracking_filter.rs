//! Text as a filter or an order of MLflow's language: it is read or refused, prints to what is read the same, and finds the same
//! runs in memory and in SQLite.

#[cfg(feature = "sqlite")]
use std::cell::RefCell;

use mlcore::Error;
use mlcore::tracking::search::Grammar;

use crate::told::told;

const GRAMMARS: [Grammar; 5] = [
    Grammar::RUNS,
    Grammar::EXPERIMENTS,
    Grammar::LOGGED_MODELS,
    Grammar::REGISTERED_MODELS,
    Grammar::MODEL_VERSIONS,
];

/// Reads bytes as a filter and as an order; says whether a grammar has them.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mut is_read = false;
    for grammar in &GRAMMARS {
        match grammar.filter(&text) {
            Ok(filter) => {
                is_read = true;
                let printed = filter.to_string();
                assert_eq!(grammar.filter(&printed).ok(), Some(filter), "{printed:?} is read otherwise");
            }
            Err(error) => refuses(&error),
        }
        match grammar.order(&[&text]) {
            Ok(orders) => {
                is_read = true;
                let printed: Vec<_> = orders.iter().map(ToString::to_string).collect();
                assert_eq!(grammar.order(&printed).ok(), Some(orders), "{printed:?} is read otherwise");
            }
            Err(error) => refuses(&error),
        }
    }
    #[cfg(feature = "sqlite")]
    STORES.with_borrow(|stores| stores.find_the_same(&text));
    is_read
}

fn refuses(error: &Error) {
    told(error);
    assert!(matches!(error, Error::InvalidInput(_)), "a filter is a {} error: {error}", error.kind());
}

#[cfg(feature = "sqlite")]
thread_local! {
    static STORES: RefCell<Stores> = RefCell::new(Stores::new());
}

/// The same few runs in memory and in a file.
#[cfg(feature = "sqlite")]
struct Stores {
    memory: mlcore::tracking::MemoryTracker,
    file: mlcore::tracking::SqliteTracker,
    _folder: tempfile::TempDir,
}

#[cfg(feature = "sqlite")]
impl Stores {
    fn new() -> Self {
        use mlcore::name::RunId;
        use mlcore::time::Timestamp;
        use mlcore::tracking::{Batch, MemoryTracker, Metric, NewRun, SqliteTracker, Tracker, TrackerExt};

        let folder = tempfile::tempdir().unwrap();
        let (memory, file) = (MemoryTracker::new(), SqliteTracker::open(folder.path().join("t.db")).unwrap());
        let both: [&dyn Tracker; 2] = [&memory, &file];
        for tracker in both {
            let experiment = tracker.default_experiment(Timestamp::from_millis(0)).unwrap().id;
            for (number, value) in [0.5, f64::NAN, f64::INFINITY, -1.0, 0.0].into_iter().enumerate() {
                let id = RunId::new(format!("r{number}")).unwrap();
                let new = NewRun::new(id.clone(), experiment.clone(), Timestamp::from_millis(number as i64));
                tracker.start_run(new.with_name(["elm", "ash", "Ünï", "a%b_c", "it's"][number])).unwrap();
                let batch = Batch::new(id).with_metric(Metric::new("loss", value, 0));
                let batch =
                    if number > 0 { batch.with_param("depth", format!("{}", number * 4)) } else { batch };
                tracker.log_batch(batch.with_tag("a.b", "x\0y")).unwrap();
            }
        }
        Self { memory, file, _folder: folder }
    }

    fn find_the_same(&self, text: &str) {
        use mlcore::name::ExperimentId;
        use mlcore::tracking::{RunSearch, Tracker};

        let search = || RunSearch::new([ExperimentId::new("0").unwrap()]).with_limit(3);
        for search in [search().with_filter(text), search().with_order(text)] {
            let found = |tracker: &dyn Tracker| {
                let page = tracker.search_runs(&search).map_err(|error| error.kind());
                page.map(|page| {
                    (page.items.into_iter().map(|run| run.info.id).collect::<Vec<_>>(), page.next)
                })
            };
            assert_eq!(found(&self.file), found(&self.memory), "{text:?} finds other runs in a file");
        }
    }
}
