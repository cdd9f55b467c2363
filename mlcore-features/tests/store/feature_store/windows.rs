//! Views of sliding windows in the store as one value: asked for beside others, filled, sent to, and what is refused.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mlcore::arrow::array::{Array, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use mlcore::arrow::datatypes::{Float64Type, Int64Type};
use mlcore::batch::Value;
use mlcore::schema::DType;
use mlcore_features::expression::col;
use mlcore_features::store::definition::{
    Aggregation, AggregationFunction as F, FeatureService, FeatureView, Field, OnDemandFeatureView, Source,
};
use mlcore_features::store::feature_store::{
    EntityRows, FeatureQuery, HistoricalOptions, MaterialiseOptions, Progress, PushTo, SkewOptions,
    StaleTables,
};
use mlcore_features::store::online::Written;
use mlcore_features::store::window::Delivery;

use super::{HOUR, MINUTE, World, at, drivers, times, with, without};
use crate::support::refused;

const TEN_MINUTES: Duration = Duration::from_secs(600);

/// Trips of the last hour, by ten minutes, of what is pushed to the drivers' source; the column has another name there.
fn recent() -> FeatureView {
    let sliding = |function, column: &str| {
        Aggregation::new(function, column, 6 * TEN_MINUTES).with_slide_interval(TEN_MINUTES)
    };
    FeatureView::builder("recent", ["driver"])
        .schema([
            Field::new("conv_rate", DType::Float64),
            Field::new("trips", DType::Int64),
            Field::new("city", DType::String),
        ])
        .aggregations([
            sliding(F::Count, ""),
            sliding(F::Sum, "trips"),
            sliding(F::Mean, "conv_rate"),
            sliding(F::LastN(2), "trips").with_name("last_trips"),
            sliding(F::LastN(2), "city").with_name("last_cities"),
            Aggregation::new(F::Max, "trips", 12 * TEN_MINUTES).with_slide_interval(3 * TEN_MINUTES),
        ])
        .source("stats_push")
        .build()
        .unwrap()
}

const COUNT: &str = "recent:count_3600s";
const SUM: &str = "recent:sum_trips_3600s";
const MAX: &str = "recent:max_trips_7200s";

/// Events of two drivers before ten hours.
fn rows() -> RecordBatch {
    drivers(&[(1, 480, 480, 9), (1, 545, 545, 1), (1, 550, 550, 2), (2, 595, 595, 5), (1, 599, 599, 7)])
}

fn world(rows: &RecordBatch) -> World {
    let world = World::with(rows);
    world.apply([recent().into()]);
    world
}

fn filled(rows: &RecordBatch) -> World {
    let world = world(rows);
    let only = MaterialiseOptions::default().with_views(["recent"]);
    world.store.materialise(at(0), at(10 * HOUR), &only).unwrap();
    world
}

fn incremental(world: &World) -> Vec<u64> {
    let only = MaterialiseOptions::default().with_views(["recent"]);
    let report = world.store.materialise_incremental(world.store.now(), &only).unwrap();
    report.views.iter().map(|run| run.stored).collect()
}

/// A label at each of these minutes.
fn labels(asked: &[(i64, i64)]) -> RecordBatch {
    let moments: Vec<i64> = asked.iter().map(|(_, minute)| minute * MINUTE).collect();
    RecordBatch::try_from_iter([
        ("driver_id", Arc::new(asked.iter().map(|(driver, _)| Some(*driver)).collect::<Int64Array>()) as _),
        ("event_timestamp", times(&moments)),
    ])
    .unwrap()
}

fn joined(world: &World, reference: &str, asked: &[(i64, i64)]) -> Vec<Option<i64>> {
    let query = FeatureQuery::references([reference]).unwrap();
    let joined =
        world.store.historical_features(&labels(asked), &query, &HistoricalOptions::default()).unwrap();
    joined.table().column(2).as_primitive::<Int64Type>().iter().collect()
}

#[test]
fn windows_are_read_beside_rows_and_by_what_computes_on_them() {
    let world = world(&rows());
    world.apply([
        OnDemandFeatureView::builder("share")
            .view("recent")
            .view("driver_stats")
            .schema([Field::new("share", DType::Float64)])
            .expression("share", col("sum_trips_3600s") / col("driver_stats__trips"))
            .build()
            .unwrap()
            .into(),
        FeatureService::builder("all")
            .feature("driver_stats:trips")
            .feature("recent:last_cities")
            .feature(SUM)
            .feature("share:share")
            .feature("spend:amount")
            .feature("recent:mean_conv_rate_3600s")
            .build()
            .unwrap()
            .into(),
    ]);
    world.store.materialise(at(0), at(10 * HOUR), &MaterialiseOptions::default()).unwrap();
    let query = FeatureQuery::service("all");
    let asked = with(
        &labels(&[(1, 600), (2, 600), (3, 600)]),
        "customer_id",
        Arc::new(StringArray::from(vec!["ann", "bob", "ann"])),
    );
    let history = world.store.historical_features(&asked, &query, &HistoricalOptions::default()).unwrap();
    let names = ["trips", "last_cities", "sum_trips_3600s", "share", "amount", "mean_conv_rate_3600s"];
    assert_eq!(history.features(), names);
    let sums = history.table()["sum_trips_3600s"].as_primitive::<Int64Type>();
    assert_eq!(sums.iter().collect::<Vec<_>>(), [Some(10), Some(5), None]);
    let shares = history.table()["share"].as_primitive::<Float64Type>();
    assert_eq!(shares.iter().collect::<Vec<_>>(), [Some(10.0 / 7.0), Some(1.0), None]);
    let cities = history.table()["last_cities"].as_list::<i32>();
    assert_eq!((cities.value_length(0), cities.is_null(2)), (2, true));
    // Online the same, to the bit.
    let prepared = world.store.prepare(&query).unwrap();
    let mut answer = Default::default();
    prepared.read(&EntityRows::of(&asked).unwrap(), &mut answer).unwrap();
    let online = answer.to_record_batch().unwrap();
    assert_eq!(online.columns(), &history.table().columns()[3..]);
    // A list of texts, which no stored row has, is read here.
    let last: Vec<Value<'_>> = answer.cell(0, 1).list().unwrap().iter().collect();
    assert_eq!(last, [Value::Text("city 1"), Value::Text("city 1")]);
    // Skew sees none.
    let served = online
        .schema()
        .fields()
        .iter()
        .zip(online.columns())
        .fold(asked, |rows, (field, column)| with(&rows, field.name(), column.clone()));
    let report = world.store.check_skew(&served, &query, &SkewOptions::default()).unwrap();
    assert!(report.is_equal(), "{report}");
    // A training set says which events were in the windows.
    let set = history.training_set().unwrap();
    let used = set.views.iter().find(|used| used.view == "recent").unwrap();
    assert_eq!((used.rows, used.present, used.events.unwrap().1), (5, 2, at(599 * MINUTE)));
}

#[test]
fn windows_slide_as_time_goes_by() {
    let world = filled(&rows());
    let asked: Vec<(i64, i64)> =
        [600, 605, 609, 610, 650, 659, 660, 719, 720].map(|minute| (1, minute)).into();
    let counts: Vec<Option<i64>> = [3, 3, 3, 2, 1, 1, 0, 0, 0].map(Some).into();
    assert_eq!(joined(&world, COUNT, &asked), counts);
    assert_eq!(
        joined(&world, MAX, &[(1, 599), (1, 600), (1, 629), (1, 719), (1, 720)]),
        [Some(9), Some(9), Some(9), Some(7), None]
    );
    for ((_, minute), count) in asked.iter().zip(counts) {
        world.set(minute * MINUTE);
        assert_eq!(world.driver(COUNT, 1), format!("PRESENT {}", count.unwrap()), "at {minute}");
    }
    assert_eq!(world.driver(SUM, 1), "NULL_VALUE null", "an empty window has no sum");
    // Nobody has seen driver 9: its windows are empty, too, as in history.
    assert_eq!(
        (world.driver(COUNT, 9), world.driver(SUM, 9)),
        ("PRESENT 0".into(), "NULL_VALUE null".into())
    );
    assert_eq!(joined(&world, COUNT, &[(9, 600)]), [Some(0)]);
    // The event time of a window is its end.
    world.set(609 * MINUTE);
    let query = FeatureQuery::references([COUNT, MAX]).unwrap();
    let answer =
        world.store.online_features(&query, &EntityRows::one([("driver_id", Value::Int(1))])).unwrap();
    assert_eq!(
        (answer.event_time(0, 0), answer.event_time(0, 1)),
        (Some(at(600 * MINUTE)), Some(at(600 * MINUTE)))
    );
    // It counts until it slides.
    assert_eq!(
        (answer.expiry(0, 0), answer.expiry(0, 1)),
        (Some(at(610 * MINUTE - 1)), Some(at(630 * MINUTE - 1)))
    );
    // What no window has any more is deleted.
    world.set(24 * HOUR);
    assert!(world.store.evict_expired(&["recent"]).unwrap() > 0);
    assert_eq!(world.driver(MAX, 1), "NULL_VALUE null");
}

#[test]
fn pushed_events_count_where_they_are_sent_and_once_if_they_are_numbered() {
    let world = filled(&rows());
    let event = |minute: i64, trips: i64| drivers(&[(1, minute, minute, trips)]);
    world.set(605 * MINUTE);
    let delivery = Delivery::new("partition-0", 1);
    let push = |rows: &RecordBatch, number: u64| {
        let delivery = Delivery::new("partition-0", number);
        let report =
            world.store.push_delivery("stats_push", rows, PushTo::OnlineAndOffline, &delivery).unwrap();
        let own = report.views.iter().find(|own| own.view == "recent").unwrap();
        assert_eq!(report.appended, ["stats"]);
        (own.stored, own.older, own.repeated)
    };
    assert_eq!(push(&event(602, 100), 1), (1, 0, 0));
    assert_eq!(push(&event(602, 100), 1), (0, 0, 1), "history has it once, too: it came right after");
    world.set(610 * MINUTE);
    assert_eq!(
        (world.driver(COUNT, 1), joined(&world, COUNT, &[(1, 610)])),
        ("PRESENT 3".into(), vec![Some(3)])
    );
    // Without a number, a second time counts a second time, until history is materialised over it.
    let written = world.store.write_to_online_store("recent", &event(604, 1)).unwrap();
    assert_eq!(written, Written::new(1, 0));
    world.store.push("stats_push", &event(604, 1), PushTo::OnlineAndOffline).unwrap();
    assert_eq!(
        (world.driver(COUNT, 1), joined(&world, COUNT, &[(1, 610)])),
        ("PRESENT 5".into(), vec![Some(4)])
    );
    assert_eq!(incremental(&world), [0], "the stream has more: an incremental run leaves it");
    let only = MaterialiseOptions::default().with_views(["recent"]);
    world.set(620 * MINUTE);
    world.store.push("stats_push", &event(615, 1), PushTo::OnlineAndOffline).unwrap();
    world.store.materialise(at(10 * HOUR), at(620 * MINUTE), &only).unwrap();
    assert_eq!(
        (world.driver(COUNT, 1), joined(&world, COUNT, &[(1, 620)])),
        ("PRESENT 4".into(), vec![Some(4)])
    );
    // The number that a row was written by is one for all ways.
    let again = world.store.write_delivery("recent", &event(602, 100), &delivery).unwrap();
    assert_eq!(again, Written::new(0, 1));
    // What is too old for any window is left out.
    assert_eq!(push(&event(300, 1), 2), (0, 1, 0));
}

#[test]
fn late_events_count_from_the_next_run_on() {
    let world = filled(&rows());
    world.set(602 * MINUTE);
    let late = drivers(&[(1, 598, 602, 3), (2, 551, 602, 4), (1, 601, 602, 1)]);
    let report = world.store.push("stats_push", &late, PushTo::OnlineAndOffline).unwrap();
    let own = report.views.iter().find(|own| own.view == "recent").unwrap();
    // History has filled the tile of the first; the others are the stream's.
    assert_eq!((own.stored, own.older), (2, 1));
    assert_eq!((world.driver(COUNT, 1), world.driver(COUNT, 2)), ("PRESENT 3".into(), "PRESENT 2".into()));
    assert_eq!(joined(&world, COUNT, &[(1, 602), (2, 602)]), [Some(4), Some(2)]);
    assert_eq!(incremental(&world), [2]);
    assert_eq!((world.driver(COUNT, 1), world.driver(COUNT, 2)), ("PRESENT 4".into(), "PRESENT 2".into()));
    assert_eq!(incremental(&world), [0], "there is nothing left to do");
}

#[test]
fn incremental_runs_go_on_and_a_lost_table_is_filled_again() {
    let world = world(&rows());
    world.set(595 * MINUTE);
    assert_eq!(incremental(&world), [1], "the event at 595 minutes is in a tile that is not over");
    world.set(10 * HOUR);
    assert_eq!((world.driver(COUNT, 1), world.driver(COUNT, 2)), ("PRESENT 2".into(), "PRESENT 0".into()));
    assert_eq!(incremental(&world), [2]);
    assert_eq!(incremental(&world), [0]);
    assert_eq!((world.driver(COUNT, 1), world.driver(COUNT, 2)), ("PRESENT 3".into(), "PRESENT 1".into()));
    let done = world.store.definitions().materialised("recent").unwrap();
    assert_eq!((done.intervals().len(), done.watermark()), (1, Some(at(10 * HOUR))));
    let tables = world.store.online_store().tables().unwrap();
    let own = tables.iter().find(|table| table.view().starts_with("recent")).unwrap();
    // It is the view's, and not stale.
    assert!(!world.store.stale_tables(StaleTables::OldVersions).unwrap().contains(own));
    refused(world.store.drop_tables(std::slice::from_ref(own)), "invalid_input", &["latest version"]);
    assert!(world.store.online_store().drop_table(own).unwrap());
    assert_eq!(world.driver(COUNT, 1), "PRESENT 0");
    assert_eq!(incremental(&world), [2]);
    assert_eq!(world.driver(COUNT, 1), "PRESENT 3");
    // A corrected file is what is materialised once more.
    super::write(&world.folder.path().join("stats/part-0.parquet"), &drivers(&[(1, 550, 550, 40)]));
    let seen: Mutex<Vec<String>> = Mutex::default();
    let tell =
        |progress: &Progress| seen.lock().unwrap().push(format!("{} of {}", progress.done, progress.total));
    let only = MaterialiseOptions::default().with_views(["recent"]).with_batch_rows(1).with_progress(&tell);
    world.store.materialise(at(0), at(10 * HOUR), &only).unwrap();
    assert_eq!(*seen.lock().unwrap(), ["1 of 1"]);
    assert_eq!(world.driver(SUM, 1), "PRESENT 48", "tiles of which history has no event stay");
}

#[test]
fn another_definition_begins_anew() {
    let world = filled(&rows());
    let view = FeatureView::builder("recent", ["driver"])
        .schema([Field::new("trips", DType::Int64)])
        .aggregations([Aggregation::new(F::Min, "trips", 6 * TEN_MINUTES).with_slide_interval(TEN_MINUTES)])
        .source("stats_push");
    world.apply([view.build().unwrap().into()]);
    let min = "recent:min_trips_3600s";
    assert_eq!(world.driver(min, 1), "NULL_VALUE null");
    let stale = world.store.stale_tables(StaleTables::OldVersions).unwrap();
    let names: Vec<String> = stale.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["rides/recent%3Atiles@0"]);
    assert_eq!(world.driver("recent@v0:count_3600s", 1), "PRESENT 3", "until its table is dropped");
    assert_eq!(incremental(&world), [2]);
    assert_eq!(world.driver(min, 1), "PRESENT 1");
    assert_eq!(world.store.drop_tables(&stale).unwrap(), 1);
}

#[test]
fn a_view_of_everybody_has_windows_too() {
    let world = world(&rows());
    let view = FeatureView::builder("everybody", Vec::<String>::new())
        .schema([Field::new("trips", DType::Int64)])
        .aggregations([Aggregation::new(F::Sum, "trips", 6 * TEN_MINUTES).with_slide_interval(TEN_MINUTES)])
        .source("stats");
    world.apply([view.build().unwrap().into()]);
    let only = MaterialiseOptions::default().with_views(["everybody"]);
    world.store.materialise(at(0), at(10 * HOUR), &only).unwrap();
    world
        .store
        .write_to_online_store("everybody", &without(&drivers(&[(1, 599, 600, 70)]), "driver_id"))
        .unwrap();
    world
        .store
        .write_to_online_store("everybody", &without(&drivers(&[(1, 600, 600, 70)]), "driver_id"))
        .unwrap();
    let query = FeatureQuery::references(["everybody:sum_trips_3600s"]).unwrap();
    let read = || {
        let answer = world.store.online_features(&query, &EntityRows::one([])).unwrap();
        answer.cell(0, 0).value().map(|value| value.to_string())
    };
    assert_eq!(read().as_deref(), Some("15"), "the tile of 590 minutes came from history");
    world.set(610 * MINUTE);
    assert_eq!(read().as_deref(), Some("84"));
    let joined =
        world.store.historical_features(&labels(&[(5, 600)]), &query, &HistoricalOptions::default()).unwrap();
    assert_eq!(joined.table().column(2).as_primitive::<Int64Type>().value(0), 15);
}

#[test]
fn what_is_no_event_is_refused_by_column_and_row() {
    let world = world(&rows());
    let good = drivers(&[(1, 590, 590, 9), (2, 591, 591, 9)]);
    let put = |rows: &RecordBatch| world.store.write_to_online_store("recent", rows);
    refused(put(&without(&good, "trips")), "schema_mismatch", &["view recent", "trips"]);
    refused(put(&without(&good, "driver_id")), "schema_mismatch", &["driver_id"]);
    refused(put(&without(&good, "at")), "schema_mismatch", &["at"]);
    let gap = Arc::new(Float64Array::from(vec![1.0, f64::NAN]));
    refused(put(&with(&good, "driver_id", gap)), "invalid_input", &["driver_id", "row 1", "no key"]);
    let half = Arc::new(Float64Array::from(vec![1.0, 1.5]));
    refused(put(&with(&good, "trips", half)), "schema_mismatch", &["trips", "row 1", "1.5"]);
    let words = Arc::new(StringArray::from(vec!["now", "then"]));
    refused(put(&with(&good, "at", words)), "schema_mismatch", &["at", "timestamps"]);
    let moments = |second: Option<i64>| {
        let moments = vec![Some(590 * MINUTE), second];
        Arc::new(mlcore::arrow::array::TimestampMicrosecondArray::from(moments).with_timezone("UTC"))
    };
    refused(put(&with(&good, "at", moments(None))), "invalid_input", &["at", "row 1", "no event time"]);
    let future = with(&good, "at", moments(Some(601 * MINUTE + 1)));
    refused(put(&future), "invalid_input", &["at", "row 1", "future"]);
    assert_eq!(world.driver(COUNT, 1), "PRESENT 0", "nothing of what was refused is there");
    // A column under the view's name, and in another type that loses nothing, is taken; nulls and what is not needed may be there.
    let named =
        with(&without(&good, "rate"), "conv_rate", Arc::new(Float64Array::from(vec![Some(0.5), None])));
    let whole = with(&named, "trips", Arc::new(Float64Array::from(vec![3.0, f64::NAN])));
    assert_eq!(put(&whole).unwrap(), Written::new(2, 0));
    assert_eq!((world.driver(SUM, 1), world.driver(SUM, 2)), ("PRESENT 3".into(), "NULL_VALUE null".into()));
    refused(put(&good.slice(0, 0).project(&[0]).unwrap()), "schema_mismatch", &["at"]);
    assert_eq!(put(&good.slice(0, 0)).unwrap(), Written::default());
}

#[test]
fn a_history_that_is_not_there_is_made_of_what_windows_need() {
    let world = world(&rows());
    world.apply([
        Source::file("calls").timestamp_field("at").build().unwrap().into(),
        Source::push("calls_push").batch_source("calls").build().unwrap().into(),
        FeatureView::builder("calls", ["driver"])
            .schema([Field::new("trips", DType::Int64)])
            .aggregations([
                Aggregation::new(F::Sum, "trips", 6 * TEN_MINUTES).with_slide_interval(TEN_MINUTES)
            ])
            .source("calls_push")
            .build()
            .unwrap()
            .into(),
    ]);
    let rows = drivers(&[(1, 590, 590, 9)]).project(&[0, 1, 4]).unwrap();
    world.store.push("calls_push", &rows, PushTo::OnlineAndOffline).unwrap();
    let sum = "calls:sum_trips_3600s";
    assert_eq!((world.driver(sum, 1), joined(&world, sum, &[(1, 600)])), ("PRESENT 9".into(), vec![Some(9)]));
}
