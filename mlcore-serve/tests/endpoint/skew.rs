//! From the definitions of a feature store over the endpoint and its log back to history: do both say the same?

use std::sync::Arc;
use std::time::Duration;

use mlcore::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use mlcore::batch::{OwnedValue, Row, RowBuffer, Value};
use mlcore::name::{RequestId, Version};
use mlcore::registry::Change;
use mlcore::schema::{DType, Field as Column, Schema};
use mlcore::time::Timestamp;
use mlcore_features::store::definition::{Entity, FeatureView, Field, Source};
use mlcore_features::store::feature_store::{
    FeatureQuery, FeatureStore, LocalSources, MaterialiseOptions, SkewOptions,
};
use mlcore_features::store::key::EntityKey;
use mlcore_features::store::online::MemoryStore;
use mlcore_features::store::registry::{Changes, MemoryDefinitions};
use mlcore_serve::endpoint::{
    Clock, FeatureLookup, FeatureStatus, LookedUp, OutcomeId, Record, RecordSink, RecordedInput,
};
use mlcore_serve::log::{ComparedValue, LogOptions, LogReader, LogSkewOptions, PredictionLog};

use crate::features::{dense, endpoint};
use crate::lookups::{TTL, answer, ask, driver, plan};
use crate::support::{ManualClock, arm, model, unit};

/// Trips and ratings of drivers, so many seconds before the clock's time.
fn history(clock: &ManualClock, rows: &[(i64, i64, Option<i64>, Option<f64>)]) -> RecordBatch {
    let now = clock.now().as_micros();
    let at = rows.iter().map(|(_, ago, ..)| now - ago * 1_000_000);
    let columns: [(&str, ArrayRef, bool); 4] = [
        ("driver_id", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0))), false),
        ("at", Arc::new(TimestampMicrosecondArray::from_iter_values(at)), false),
        ("trips", Arc::new(rows.iter().map(|row| row.2).collect::<Int64Array>()), true),
        ("rating", Arc::new(rows.iter().map(|row| row.3).collect::<Float64Array>()), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// A place of definitions and online rows, whose history may be told anew.
struct World {
    definitions: Arc<MemoryDefinitions>,
    online: Arc<MemoryStore>,
    clock: ManualClock,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self {
            definitions: Arc::new(MemoryDefinitions::new("taxi").unwrap()),
            online: Arc::new(MemoryStore::new()),
            clock: ManualClock::default(),
            folder: tempfile::tempdir().unwrap(),
        };
        let view = FeatureView::builder("stats", ["driver"])
            .schema([Field::new("trips", DType::Int64), Field::new("rating", DType::Float64)])
            .source("drives")
            .ttl(TTL);
        let definitions = [
            Entity::builder("driver")
                .join_keys(["driver_id"])
                .value_type(DType::Int64)
                .build()
                .unwrap()
                .into(),
            Source::arrow("drives").timestamp_field("at").build().unwrap().into(),
            view.build().unwrap().into(),
        ];
        let store = world.store(history(&world.clock, &[]));
        store.apply(&Changes::of(definitions), &Change::new("ana", world.clock.now())).unwrap();
        world
    }

    fn store(&self, history: RecordBatch) -> FeatureStore {
        let clock = self.clock.clone();
        FeatureStore::builder(self.definitions.clone(), self.online.clone())
            .sources(Arc::new(LocalSources::new(".").with_table("drives", vec![history])))
            .clock(move || clock.now())
            .build()
            .unwrap()
    }

    fn log(&self) -> PredictionLog {
        PredictionLog::open(self.folder.path(), LogOptions::default()).unwrap()
    }

    fn reader(&self) -> LogReader {
        LogReader::new(self.folder.path())
    }
}

fn query() -> FeatureQuery {
    FeatureQuery::references(["stats:rating", "stats:trips"]).unwrap()
}

#[test]
fn what_an_endpoint_served_is_what_history_says() {
    let world = World::new();
    let rows = [(7, 30, Some(12), Some(4.5)), (8, 10, Some(3), None), (9, 7200, Some(3), Some(1.0))];
    let store = world.store(history(&world.clock, &rows));
    let now = world.clock.now();
    let start = Timestamp::from_micros(now.as_micros() - 10_000_000_000);
    store.materialise(start, now, &MaterialiseOptions::default()).unwrap();

    let log = world.log();
    let lookup = FeatureLookup::of_store(&store, &query()).unwrap();
    let (_place, builder) = endpoint(&plan(), dense(3));
    let builder = builder.with_lookup(lookup).with_clock(world.clock.clone()).with_sink(log.sink(model()));
    let endpoint = builder.build().unwrap();
    assert_eq!(ask(&endpoint, &driver(7), 2.0).unwrap(), answer(12.0, 4.5, 2.0));
    assert_eq!(ask(&endpoint, &driver(8), 2.0).unwrap(), answer(3.0, 2.5, 2.0));
    assert_eq!(ask(&endpoint, &driver(9), 2.0).unwrap(), answer(10.0, 2.5, 2.0), "an old value is none");
    assert_eq!(ask(&endpoint, &driver(1), 2.0).unwrap(), answer(10.0, 2.5, 2.0), "nobody knows the driver");
    // The value of driver 7 has grown older than its time to live when it is asked for again.
    world.clock.advance(TTL);
    assert_eq!(ask(&endpoint, &driver(7), 2.0).unwrap(), answer(10.0, 2.5, 2.0));
    endpoint.process();
    log.close().unwrap();

    // History is that of the requests' times, whatever the time is now.
    world.clock.advance(Duration::from_secs(86_400));
    let options = LogSkewOptions::default();
    let skew = world.reader().check_skew(&store, &query(), &options).unwrap();
    assert!(skew.report.is_equal(), "{skew}");
    assert_eq!((skew.report.rows, skew.requests, skew.left_out.total()), (5, 5, 0));
    assert_eq!(skew.report.columns[0].equal, 5);

    // A row that came late, and a driver who became known later: both were there by their times.
    let base = history(&world.clock, &[]).schema();
    let passed = 86_400 + TTL.as_secs() as i64;
    let late: Vec<_> = rows
        .iter()
        .map(|(id, ago, trips, rating)| (*id, ago + passed, *trips, *rating))
        .chain([(7, 20 + passed, Some(12), Some(4.75)), (1, 20 + passed, Some(5), Some(3.0))])
        .collect();
    let changed = history(&world.clock, &late);
    assert_eq!(changed.schema(), base);
    let changed = world.store(changed);
    for rows_at_once in [1, 2, 100_000] {
        let options = options.clone().with_rows_at_once(rows_at_once);
        let skew = world.reader().check_skew(&changed, &query(), &options).unwrap();
        let [rating, trips] = skew.report.columns.as_slice() else { panic!("{skew}") };
        assert_eq!((skew.report.rows, rating.name.as_str(), trips.name.as_str()), (5, "rating", "trips"));
        assert_eq!((rating.equal, rating.differing, rating.only_online, rating.only_offline), (3, 1, 0, 1));
        assert_eq!((trips.equal, trips.differing, trips.only_offline), (4, 0, 1));
        assert_eq!(rating.greatest_difference, Some(0.25));
        let first = &rating.differences[0];
        assert_eq!((first.row, first.key.as_str()), (0, "driver_id=7"));
        assert_eq!((&first.online, &first.offline), (&OwnedValue::Float(4.5), &OwnedValue::Float(4.75)));
        assert_eq!(first.requested_at, Some(now));
        assert_eq!(rating.differences[1].row, 3);
        // The rows that differ are told by the requests that they belong to.
        assert_eq!(skew.places.keys().copied().collect::<Vec<_>>(), [0, 3]);
        let logged: Vec<_> =
            world.reader().predictions().unwrap().map(|one| one.unwrap().outcome_id).collect();
        assert_eq!(skew.places[&3].outcome_id, logged[3]);
        let text = skew.to_string();
        assert!(
            text.starts_with("5 rows of 5 requests\nrating: 3 equal, 1 differing, 1 only offline"),
            "{text}"
        );
        assert!(
            text.contains(&format!("row 3: row 0 of the request with the outcome id {}", logged[3])),
            "{text}"
        );
        let json = serde_json::to_value(&skew).unwrap();
        assert_eq!(json["places"]["0"]["model"], "m");
        assert_eq!(json["report"]["columns"][0]["differing"], 1);
    }
    // Other models, and other times.
    let until = options.clone().with_until(now);
    assert_eq!(world.reader().check_skew(&changed, &query(), &until).unwrap().requests, 0);
    let since = options.clone().with_since(Timestamp::from_micros(now.as_micros() + 1));
    assert_eq!(world.reader().check_skew(&changed, &query(), &since).unwrap().report.rows, 1);
    let other = options.with_model("other".parse().unwrap());
    let none = world.reader().check_skew(&changed, &query(), &other).unwrap();
    assert_eq!((none.requests, none.report.rows, none.report.columns.len()), (0, 0, 2));
    assert!(none.report.is_equal());
}

/// A record of a driver with these statuses of the rating and the trips, and what the model got for them.
fn record(world: &World, number: usize, statuses: [FeatureStatus; 2], given: [Value<'_>; 2]) -> Record {
    let columns = Schema::new([
        Column::column("rating", DType::Float64).nullable(),
        Column::column("trips", DType::Int64).nullable(),
    ]);
    let mut row = RowBuffer::default();
    row.copy(Row::unchecked(&given));
    let found = statuses.map(|status| (status, None));
    Record::new(
        OutcomeId::of(&RequestId::new(format!("request-{number}")).unwrap()),
        arm("champion"),
        Version::FIRST,
    )
    .with_unit(unit(1), world.clock.now())
    .with_looked_up(LookedUp::new(["rating", "trips"], [(driver(7), found)]))
    .with_input(RecordedInput::Row(row))
    .with_columns(Arc::new(columns.unwrap()))
}

#[test]
fn rows_that_cannot_be_compared_are_counted() {
    use FeatureStatus::{LastKnown, NotFound, Present, Sent, Unavailable};

    let world = World::new();
    let store = world.store(history(&world.clock, &[(7, 30, Some(12), Some(4.5))]));
    let log = world.log();
    let mut sink = log.sink(model());
    let (trips, rating) = (Value::Int(12), Value::Float(4.5));
    for (number, statuses, given) in [
        (1, [Present, LastKnown], [rating, trips]),
        (2, [Sent, Present], [Value::Float(1.0), trips]),
        (3, [Unavailable, Unavailable], [Value::Float(2.5), Value::Int(10)]),
        // The default was given, and the store had nothing.
        (4, [NotFound, Present], [Value::Float(2.5), trips]),
    ] {
        sink.record(&record(&world, number, statuses, given));
    }
    // Of an entity with another key, without an entity, and of a lookup of other features.
    let other = EntityKey::one("rider_id", 1).unwrap();
    let found = [(Present, None); 2];
    let of_other = LookedUp::new(["rating", "trips"], [(other, found)]);
    sink.record(&record(&world, 5, [Present; 2], [rating, trips]).with_looked_up(of_other));
    sink.record(&record(&world, 6, [Present; 2], [rating, trips]).with_looked_up(LookedUp::default()));
    let of_less = LookedUp::new(["rating"], [(driver(7), [(Present, None)])]);
    sink.record(&record(&world, 7, [Present; 2], [rating, trips]).with_looked_up(of_less));
    log.close().unwrap();

    let options = LogSkewOptions::default();
    let skew = world.reader().check_skew(&store, &query(), &options).unwrap();
    assert_eq!((skew.requests, skew.report.rows), (7, 2), "{skew}");
    assert_eq!((skew.left_out.sent, skew.left_out.unavailable), (1, 1));
    assert_eq!((skew.left_out.without_entity, skew.left_out.without_feature), (2, 1));
    assert_eq!(skew.left_out.total(), 5);
    let [rating, trips] = skew.report.columns.as_slice() else { panic!("{skew}") };
    assert_eq!((rating.equal, rating.only_offline, trips.equal), (1, 1, 2));
    assert!(skew.to_string().contains("left out: 2 without an entity of the query\n"), "{skew}");

    // What the model got is held against history, too, where that is asked for.
    let given = options.with_value(ComparedValue::Given);
    let given = given.with_skew(SkewOptions::default().with_differences(1));
    let skew = world.reader().check_skew(&store, &query(), &given).unwrap();
    assert_eq!((skew.report.rows, skew.left_out.total()), (4, 3));
    let [rating, trips] = skew.report.columns.as_slice() else { panic!("{skew}") };
    assert_eq!((rating.equal, rating.differing, trips.equal, trips.differing), (1, 3, 3, 1));
    assert_eq!((rating.differences.len(), rating.greatest_difference), (1, Some(3.5)));
}

#[test]
fn queries_that_no_entity_answers_are_refused() {
    let world = World::new();
    let store = world.store(history(&world.clock, &[]));
    let unknown = FeatureQuery::references(["stats:tips"]).unwrap();
    assert!(FeatureLookup::of_store(&store, &unknown).is_err());
    assert!(world.reader().check_skew(&store, &unknown, &LogSkewOptions::default()).is_err());
    let skew = SkewOptions::default();
    let historical = skew.historical.clone().with_event_timestamp("rating");
    let options = LogSkewOptions::default().with_skew(skew.with_historical(historical));
    let error = world.reader().check_skew(&store, &query(), &options).unwrap_err();
    assert!(error.to_string().contains("the column of times cannot be it"), "{error}");
}
