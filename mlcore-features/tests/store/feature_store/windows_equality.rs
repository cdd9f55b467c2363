//! What is served of sliding windows is what history says, to the bit: random events, sent and materialised in random order and parts.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use mlcore::arrow::array::{Int64Array, RecordBatch};
use mlcore::batch::Value;
use mlcore::registry::Change;
use mlcore::schema::DType;
use mlcore::time::Timestamp;
use mlcore_features::store::definition::{Aggregation, FeatureView, Field, Source};
use mlcore_features::store::feature_store::{
    EntityRows, FeatureQuery, FeatureStore, HistoricalOptions, LocalSources, MaterialiseOptions, PushTo,
};
use mlcore_features::store::online::{MemoryStore, OnlineStore};
use mlcore_features::store::registry::{Changes, MemoryDefinitions};
use mlcore_features::store::window::Delivery;
use proptest::prelude::*;
use proptest::sample::select;

use super::{at, driver, times};
use crate::window::{Asked, Event, all_functions, micros, table};

const DRIVERS: i64 = 4;
const START: i64 = 100_000;

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// Time goes by.
    Wait(i64),
    /// Events become known, of these ages: pushed to serving and to history, as the next batch of a producer.
    Push(Vec<(i64, Event)>),
    /// The last batch is delivered to serving once more.
    Again,
    Incremental,
    /// All from this age to that one.
    Whole(i64, i64),
    Evict,
}

fn event() -> impl Strategy<Value = Event> {
    let fare = prop_oneof![any::<f64>(), select(vec![1e300, -1e300, 0.1, -0.0, f64::NAN, f64::INFINITY])];
    let city = select(vec!["bern", "basel", ""]).prop_map(str::to_owned);
    let values = (
        prop::option::weighted(0.9, fare),
        prop::option::weighted(0.9, -1000_i64..1000),
        prop::option::weighted(0.9, city),
    );
    (0..DRIVERS, values).prop_map(|(driver, (fare, trips, city))| Event {
        driver: Some(driver),
        event: None,
        created: None,
        fare,
        trips,
        city,
    })
}

/// Events with their ages: most are new, some are late.
fn aged(most: usize) -> impl Strategy<Value = Vec<(i64, Event)>> {
    prop::collection::vec((prop_oneof![3 => 0_i64..20, 1 => 0_i64..900], event()), 0..most)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => aged(12).prop_map(Step::Push),
        3 => (1_i64..60).prop_map(Step::Wait),
        1 => Just(Step::Again),
        2 => Just(Step::Incremental),
        1 => (0_i64..900, 0_i64..900).prop_map(|(from, to)| Step::Whole(from.max(to) + 1, from.min(to))),
        1 => Just(Step::Evict),
    ]
}

fn asked() -> impl Strategy<Value = Vec<Asked>> {
    let frame =
        || (select(vec![1_i64, 3, 10, 30]), 1_i64..20).prop_map(|(slide, slides)| (slide * slides, slide));
    (frame(), frame()).prop_map(|((window, slide), (other, by))| {
        let mut asked = all_functions(window, slide);
        asked.extend(all_functions(other, by).into_iter().step_by(4));
        asked
    })
}

struct World {
    store: FeatureStore,
    now: Arc<AtomicI64>,
    delivered: u64,
    last: Option<RecordBatch>,
}

impl World {
    fn new(online: Arc<dyn OnlineStore>, asked: &[Asked], history: &[(i64, Event)]) -> Self {
        let now = Arc::new(AtomicI64::new(START));
        let clock = Arc::clone(&now);
        let sources = LocalSources::new(".").with_table("rides", vec![events(history, START)]);
        let store = FeatureStore::builder(Arc::new(MemoryDefinitions::new("taxi").unwrap()), online)
            .sources(Arc::new(sources))
            .clock(move || Timestamp::from_micros(clock.load(Ordering::SeqCst)))
            .build()
            .unwrap();
        let aggregations = asked.iter().enumerate().map(|(number, (function, column, window, slide))| {
            Aggregation::new(*function, *column, micros(*window))
                .with_slide_interval(micros(*slide))
                .with_name(format!("f{number}"))
        });
        let view = FeatureView::builder("rides", ["driver"])
            .schema([
                Field::new("fare", DType::Float64),
                Field::new("trips", DType::Int64),
                Field::new("city", DType::String),
            ])
            .aggregations(aggregations)
            .source("rides_push");
        let definitions = [
            driver(),
            Source::arrow("rides")
                .timestamp_field("time")
                .created_timestamp_column("created")
                .build()
                .unwrap()
                .into(),
            Source::push("rides_push").batch_source("rides").build().unwrap().into(),
            view.build().unwrap().into(),
        ];
        store.apply(&Changes::of(definitions), &Change::new("ana", at(START))).unwrap();
        Self { store, now, delivered: 0, last: None }
    }

    fn now(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    fn go(&mut self, step: &Step) {
        let options = MaterialiseOptions::default().with_batch_rows(7);
        match step {
            Step::Wait(micros) => {
                self.now.fetch_add(*micros, Ordering::SeqCst);
            }
            Step::Push(own) => {
                let rows = events(own, self.now());
                self.delivered += 1;
                let delivery = Delivery::new("partition-0", self.delivered);
                self.store.push_delivery("rides_push", &rows, PushTo::OnlineAndOffline, &delivery).unwrap();
                self.last = Some(rows);
            }
            Step::Again => {
                if let Some(rows) = &self.last {
                    let delivery = Delivery::new("partition-0", self.delivered);
                    let written = self.store.write_delivery("rides", rows, &delivery).unwrap();
                    assert_eq!(written.stored(), 0, "a batch counts once");
                }
            }
            Step::Incremental => {
                self.store.materialise_incremental(at(self.now()), &options).unwrap();
            }
            Step::Whole(from, to) => {
                self.store.materialise(at(self.now() - from), at(self.now() - to), &options).unwrap();
            }
            Step::Evict => {
                self.store.evict_expired(&[]).unwrap();
            }
        }
    }

    /// What is served of each driver now, and what history says of it.
    fn both(&self, features: usize) -> (RecordBatch, RecordBatch) {
        let names: Vec<String> = (0..features).rev().map(|number| format!("rides:f{number}")).collect();
        let query = FeatureQuery::references(names.iter().map(String::as_str)).unwrap();
        let drivers: Vec<i64> = (0..=DRIVERS).collect();
        let labels = RecordBatch::try_from_iter([
            ("driver_id", Arc::new(Int64Array::from(drivers.clone())) as _),
            ("event_timestamp", times(&vec![self.now(); drivers.len()])),
        ])
        .unwrap();
        let joined = self.store.historical_features(&labels, &query, &HistoricalOptions::default()).unwrap();
        let due = joined.table().project(&(2..2 + features).collect::<Vec<_>>()).unwrap();
        let keys: Vec<Value<'_>> = drivers.iter().map(|driver| Value::Int(*driver)).collect();
        let rows = EntityRows::columns([("driver_id", &keys[..])]).unwrap();
        let answer = self.store.online_features(&query, &rows).unwrap();
        (answer.to_record_batch().unwrap(), due)
    }
}

/// Events of these ages at a moment, when all of them are known.
fn events(aged: &[(i64, Event)], now: i64) -> RecordBatch {
    let own =
        aged.iter().map(|(age, event)| Event { event: Some(now - age), created: Some(now), ..event.clone() });
    let made = table(&own.collect::<Vec<_>>());
    let schema = made.schema();
    let columns = schema.fields().iter().zip(made.columns());
    // As pushed rows are appended: any column may have a null.
    RecordBatch::try_from_iter_with_nullable(
        columns.map(|(field, column)| (field.name(), column.clone(), true)),
    )
    .unwrap()
}

fn play(online: Arc<dyn OnlineStore>, asked: &[Asked], history: &[(i64, Event)], steps: &[Step]) {
    let mut world = World::new(online, asked, history);
    steps.iter().for_each(|step| world.go(step));
    world.go(&Step::Incremental);
    let (served, due) = world.both(asked.len());
    for (place, (served, due)) in served.columns().iter().zip(due.columns()).enumerate() {
        assert_eq!(served.to_data(), due.to_data(), "{:?}", asked[asked.len() - 1 - place]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_is_served_is_what_history_says(
        asked in asked(), history in aged(40), steps in prop::collection::vec(step(), 0..20),
    ) {
        play(Arc::new(MemoryStore::new()), &asked, &history, &steps);
    }
}

#[cfg(feature = "embedded")]
proptest! {
    #![proptest_config(ProptestConfig { cases: 2, ..ProptestConfig::default() })]

    #[test]
    fn a_file_serves_the_same(
        asked in asked(), history in aged(40), steps in prop::collection::vec(step(), 0..8),
    ) {
        use mlcore_features::store::online::{EmbeddedOptions, EmbeddedStore};

        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path().join("online.redb"), EmbeddedOptions::default()).unwrap();
        play(Arc::new(store), &asked, &history, &steps);
    }
}
