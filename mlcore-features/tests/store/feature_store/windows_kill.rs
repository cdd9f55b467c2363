//! `kill -9` while events are pushed to sliding windows and to history, and while tiles are filled: nothing that was acknowledged is lost,
//! and nothing counts twice.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mlcore::arrow::array::{AsArray, Int64Array, RecordBatch};
use mlcore::arrow::datatypes::Int64Type;
use mlcore::batch::Value;
use mlcore::registry::Change;
use mlcore::schema::DType;
use mlcore_features::store::definition::{Aggregation, FeatureView, Field, Source};
use mlcore_features::store::feature_store::{
    EntityRows, FeatureQuery, FeatureStore, HistoricalOptions, MaterialiseOptions, PushTo,
};
use mlcore_features::store::registry::Changes;
use mlcore_features::store::window::Delivery;

use super::{at, driver, times};
use crate::window::{Asked, Event, all_functions, micros, table};

const SECOND: i64 = 1_000_000;
const NOW: i64 = 1_700_000_000 * SECOND;
const WINDOW: i64 = 1_500;
const DRIVERS: i64 = 12;
const EVENTS: i64 = 9;
/// Rounds by default: enough to meet history, tiles, notes and the registry.
const ROUNDS: u64 = 20;

fn asked() -> Vec<Asked> {
    all_functions(WINDOW * SECOND, 50 * SECOND)
}

fn open(folder: &Path) -> FeatureStore {
    FeatureStore::builder_in(folder, "taxi").unwrap().clock(|| at(NOW)).build().unwrap()
}

/// The events of a batch, all of them in the window.
fn batch(number: u64) -> RecordBatch {
    let mut random = mlcore::stats::SplitMix64::new(number);
    let events: Vec<Event> = (0..EVENTS)
        .map(|_| {
            let mut below = |most: u64| (random.next_u64() % most) as i64;
            Event {
                driver: Some(below(DRIVERS.cast_unsigned())),
                event: Some(NOW - 1 - below(1_400) * SECOND),
                created: None,
                fare: Some(below(1_000_000) as f64 * 0.1),
                trips: Some(below(9)),
                city: Some(format!("city {}", below(5))),
            }
        })
        .collect();
    // The source has no created time.
    table(&events).project(&[0, 1, 3, 4, 5]).unwrap()
}

fn begin(folder: &Path) {
    super::write(&folder.join("rides/part-0.parquet"), &batch(0));
    let aggregations = asked().into_iter().enumerate().map(|(number, (function, column, window, slide))| {
        Aggregation::new(function, column, micros(window))
            .with_slide_interval(micros(slide))
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
        Source::file("rides").timestamp_field("time").build().unwrap().into(),
        Source::push("rides_push").batch_source("rides").build().unwrap().into(),
        view.build().unwrap().into(),
    ];
    open(folder).apply(&Changes::of(definitions), &Change::new("ana", at(0))).unwrap();
}

fn push(store: &FeatureStore, number: u64) {
    let delivery = Delivery::new("partition-0", number);
    store.push_delivery("rides_push", &batch(number), PushTo::OnlineAndOffline, &delivery).unwrap();
}

/// The child: batch after batch from the first on that was not acknowledged, and runs over history between them.
#[test]
fn child_counts_events_until_it_is_killed() {
    let Some((acknowledged, folder)) = crate::kill::told() else { return };
    let store = open(&folder);
    crate::kill::say("ready");
    let options = MaterialiseOptions::default().with_batch_rows(16);
    for number in acknowledged.parse::<u64>().unwrap() + 1.. {
        push(&store, number);
        crate::kill::say(&number.to_string());
        match number % 4 {
            0 => drop(store.materialise_incremental(at(NOW), &options).unwrap()),
            2 => {
                drop(store.materialise(at(NOW - WINDOW * SECOND), at(NOW - 200 * SECOND), &options).unwrap());
            }
            _ => (),
        }
    }
}

/// What is served is what history says, and that is each event once.
fn check(store: &FeatureStore, batches: i64) {
    let features = asked().len();
    let names: Vec<String> = (0..features).map(|number| format!("rides:f{number}")).collect();
    let query = FeatureQuery::references(names.iter().map(String::as_str)).unwrap();
    let drivers: Vec<i64> = (0..DRIVERS).collect();
    let labels = RecordBatch::try_from_iter([
        ("driver_id", Arc::new(Int64Array::from(drivers.clone())) as _),
        ("event_timestamp", times(&vec![NOW; drivers.len()])),
    ])
    .unwrap();
    let joined = store.historical_features(&labels, &query, &HistoricalOptions::default()).unwrap();
    let due = &joined.table().columns()[2..];
    let counts = due[features - 1].as_primitive::<Int64Type>();
    assert_eq!(counts.values().iter().sum::<i64>(), batches * EVENTS, "history has each event once");
    let keys: Vec<Value<'_>> = drivers.iter().map(|driver| Value::Int(*driver)).collect();
    let rows = EntityRows::columns([("driver_id", &keys[..])]).unwrap();
    let served = store.online_features(&query, &rows).unwrap().to_record_batch().unwrap();
    assert_eq!(served.columns(), due);
}

#[test]
fn kills_lose_no_event_and_count_none_twice() {
    let folder = tempfile::tempdir().unwrap();
    begin(folder.path());
    let rounds = std::env::var("MLCORE_KILLS").map_or(ROUNDS, |text| text.parse().unwrap());
    let mut acknowledged = 0;
    for round in 0..rounds {
        let said = crate::kill::run_and_kill(
            "feature_store::windows_kill::child_counts_events_until_it_is_killed",
            acknowledged.to_string(),
            folder.path(),
            round * 5 % 4,
            Duration::from_micros(round * 7_919 % 20_000),
        );
        acknowledged = said.iter().filter_map(|line| line.parse().ok()).max().unwrap_or(acknowledged);
        // What was not acknowledged is delivered again, however far it came.
        let store = open(folder.path());
        acknowledged += 1;
        push(&store, acknowledged);
        store.materialise_incremental(at(NOW), &MaterialiseOptions::default()).unwrap();
        check(&store, acknowledged as i64 + 1);
    }
    println!("{rounds} kills, {acknowledged} batches");
}
