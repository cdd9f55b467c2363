//! Sliding windows: the same offline and online, against brute force and other libraries.

mod bad_input;
mod equality;
mod golden;
mod reference;
mod threads;

use std::sync::Arc;
use std::time::Duration;

use mlcore::arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use mlcore::schema::DType;
use mlcore::time::Timestamp;
use mlcore_features::store::definition::{Aggregation, AggregationFunction, FeatureView, Field};
use mlcore_features::store::key::EntityKey;
use mlcore_features::store::offline::{PointInTimeJoin, View};
use mlcore_features::store::online::{OnlineStore, TableId};
use mlcore_features::store::window::{EventColumns, OnlineWindows, WindowAnswer, WindowPlan};

/// An event of a driver; times are in microseconds.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) driver: Option<i64>,
    pub(crate) event: Option<i64>,
    pub(crate) created: Option<i64>,
    pub(crate) fare: Option<f64>,
    pub(crate) trips: Option<i64>,
    pub(crate) city: Option<String>,
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn driver(number: i64) -> EntityKey {
    EntityKey::one("driver_id", number).unwrap()
}

pub(crate) fn table(events: &[Event]) -> RecordBatch {
    let whole = |of: fn(&Event) -> Option<i64>| events.iter().map(of);
    let moments = |of: fn(&Event) -> Option<i64>| -> ArrayRef {
        Arc::new(whole(of).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    RecordBatch::try_from_iter([
        ("driver_id", Arc::new(whole(|own| own.driver).collect::<Int64Array>()) as ArrayRef),
        ("time", moments(|own| own.event)),
        ("created", moments(|own| own.created)),
        ("fare", Arc::new(events.iter().map(|own| own.fare).collect::<Float64Array>())),
        ("trips", Arc::new(whole(|own| own.trips).collect::<Int64Array>())),
        ("city", Arc::new(events.iter().map(|own| own.city.as_deref()).collect::<StringArray>())),
    ])
    .unwrap()
}

/// Entity rows: drivers and times.
fn questions(asked: &[(Option<i64>, i64)]) -> RecordBatch {
    RecordBatch::try_from_iter([
        ("driver_id", Arc::new(asked.iter().map(|(driver, _)| *driver).collect::<Int64Array>()) as ArrayRef),
        ("asked", Arc::new(asked.iter().map(|(_, time)| Some(*time)).collect::<TimestampMicrosecondArray>())),
    ])
    .unwrap()
}

pub(crate) fn micros(count: i64) -> Duration {
    Duration::from_micros(count.unsigned_abs())
}

/// A function, its column, its window and its slide interval in microseconds.
pub(crate) type Asked = (AggregationFunction, &'static str, i64, i64);

fn plan(asked: &[Asked]) -> WindowPlan {
    let aggregations = asked.iter().enumerate().map(|(number, (function, column, window, slide))| {
        Aggregation::new(*function, *column, micros(*window))
            .with_slide_interval(micros(*slide))
            .with_name(format!("f{number}"))
    });
    let schema = [
        Field::new("fare", DType::Float64),
        Field::new("trips", DType::Int64),
        Field::new("city", DType::String),
    ];
    let view = FeatureView::builder("rides", ["driver"]).schema(schema).aggregations(aggregations);
    WindowPlan::of(&view.build().unwrap()).unwrap()
}

/// All functions, of each column that they take, over one window.
pub(crate) fn all_functions(window: i64, slide: i64) -> Vec<Asked> {
    use AggregationFunction as F;
    let numbers = ["fare", "trips"];
    let of_numbers = [F::Sum, F::Mean, F::Std, F::Min, F::Max, F::ApproxQuantile(0.5)];
    let of_all = [F::Count, F::LastN(3), F::ApproxCountDistinct];
    let numeric = numbers.iter().flat_map(|column| of_numbers.map(|function| (function, *column)));
    let any =
        ["fare", "trips", "city"].into_iter().flat_map(|column| of_all.map(|function| (function, column)));
    numeric
        .chain(any)
        .chain([(F::Count, "")])
        .map(|(function, column)| (function, column, window, slide))
        .collect()
}

fn windows(store: Arc<dyn OnlineStore>, plan: &WindowPlan) -> OnlineWindows {
    let id = TableId::new("taxi", "rides", 1).unwrap();
    OnlineWindows::new(store, &id, plan, EventColumns::new(["driver_id"], "time")).unwrap()
}

/// The features of these drivers as of now, from the tiles.
fn online(windows: &OnlineWindows, drivers: &[i64], now: i64) -> RecordBatch {
    let keys: Vec<EntityKey> = drivers.iter().map(|number| driver(*number)).collect();
    let mut answer = WindowAnswer::default();
    windows.read(&keys, at(now), &mut answer).unwrap();
    assert_eq!(answer.entities(), drivers.len());
    answer.to_record_batch().unwrap()
}

/// The same by the join, from the events.
fn offline(view: View<'_>, plan: &WindowPlan, asked: &[(Option<i64>, i64)]) -> RecordBatch {
    let joined = PointInTimeJoin::new("asked").with(view.with_windows(plan)).run(&questions(asked)).unwrap();
    let features: Vec<usize> = (2..joined.table().num_columns()).collect();
    joined.table().project(&features).unwrap()
}

fn rides(events: &[Event]) -> View<'static> {
    View::new("rides", table(events), ["driver_id"], "time")
}
