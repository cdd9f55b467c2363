//! What is refused, and what the errors say.

use std::sync::Arc;
use std::time::Duration;

use mlcore::Result;
use mlcore::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use mlcore::batch::OwnedValue;
use mlcore::schema::DType;
use mlcore::time::Timestamp;
use mlcore_features::store::definition::{Aggregation, AggregationFunction as F, FeatureView, Field};
use mlcore_features::store::key::EntityKey;
use mlcore_features::store::offline::{PointInTimeJoin, View};
use mlcore_features::store::online::{
    Capabilities, Cell, Entry, MemoryStore, OnlineStore, Stamp, Table, TableId, Visit, VisitSeries,
    WriteBatch, Written,
};
use mlcore_features::store::window::{Aggregate, Delivery, Fill, OnlineWindows, WindowAnswer, WindowPlan};

use super::{Asked, Event, at, driver, plan, questions, rides, table, windows};

fn event(driver: i64, event: i64, fare: f64, trips: i64) -> Event {
    Event {
        driver: Some(driver),
        event: Some(event),
        created: None,
        fare: Some(fare),
        trips: Some(trips),
        city: None,
    }
}

fn sum_of(column: &'static str) -> Vec<Asked> {
    vec![(F::Sum, column, 100, 10)]
}

#[test]
fn plans_say_what_cannot_be() {
    let view = |aggregations: Vec<Aggregation>| {
        FeatureView::builder("rides", ["driver"])
            .schema([Field::new("fare", DType::Float64)])
            .aggregations(aggregations)
    };
    let refused = |builder: mlcore_features::store::definition::FeatureViewBuilder, words: &str| {
        let error = WindowPlan::of(&builder.build().unwrap()).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    };
    let sum = |window: Duration, slide: Duration| {
        Aggregation::new(F::Sum, "fare", window).with_slide_interval(slide)
    };
    let second = Duration::from_secs(1);
    refused(view(Vec::new()), "the view has no aggregations");
    refused(
        view(vec![sum(Duration::from_nanos(1000), Duration::from_nanos(500))]),
        "no whole number of microseconds",
    );
    refused(view(vec![sum(60 * second, second)]).ttl(second), "shorter than its longest window");
    let odd = Duration::from_micros(1_000_001);
    refused(view(vec![sum(3600 * second, second), sum(odd, odd).with_name("odd")]), "in common");
    WindowPlan::of(&view(vec![sum(60 * second, second)]).ttl(60 * second).build().unwrap()).unwrap();
}

#[test]
fn sums_of_integers_beyond_64_bits_are_an_error_that_tells_the_sum() {
    let events = [event(1, 5, 0.0, i64::MAX), event(1, 6, 0.0, 1), event(2, 5, 0.0, i64::MAX)];
    let plan = plan(&sum_of("trips"));
    let words = "sum 9223372036854775808";
    let join = PointInTimeJoin::new("asked").with(rides(&events).with_windows(&plan));
    let error = join.run(&questions(&[(Some(1), 50)])).unwrap_err().to_string();
    assert!(error.contains(words) && error.contains("float64") && error.contains("f0"), "{error}");
    let own = windows(Arc::new(MemoryStore::new()), &plan);
    own.update(&Delivery::new("p", 1), &table(&events), at(50)).unwrap();
    let mut answer = WindowAnswer::default();
    let error = own.read(&[driver(2), driver(1)], at(50), &mut answer).unwrap_err().to_string();
    assert!(error.contains(words) && error.contains("driver_id=1"), "{error}");
    assert_eq!(answer.entities(), 0, "what was read before the error is not handed out");
    own.read(&[driver(2)], at(50), &mut answer).unwrap();
    assert_eq!(answer.entities(), 1, "other entities are not concerned");
}

#[test]
fn columns_that_do_not_fit_are_named() {
    let plan = plan(&[(F::Sum, "trips", 100, 10), (F::Count, "city", 100, 10)]);
    let own = windows(Arc::new(MemoryStore::new()), &plan);
    let whole = table(&[event(1, 5, 1.0, 2)]);
    let with = |name: &str, column: Option<ArrayRef>| {
        let schema = whole.schema();
        let columns = schema.fields().iter().zip(whole.columns()).filter_map(|(field, own)| {
            if field.name() == name {
                Some((name.to_owned(), column.clone()?))
            } else {
                Some((field.name().clone(), own.clone()))
            }
        });
        RecordBatch::try_from_iter(columns.collect::<Vec<_>>()).unwrap()
    };
    let texts = || Some(Arc::new(StringArray::from(vec!["x"])) as ArrayRef);
    for (batch, words) in [
        (with("trips", None), "trips"),
        (with("trips", texts()), "trips: expected int64"),
        (with("city", Some(Arc::new(Int64Array::from(vec![1])))), "city: expected string"),
        (with("trips", Some(Arc::new(Float64Array::from(vec![0.5])))), "row 0"),
        (with("time", texts()), "expected timestamps or dates"),
        (with("driver_id", Some(Arc::new(Float64Array::from(vec![1.0])))), "driver_id"),
    ] {
        let error = own.update(&Delivery::new("p", 1), &batch, at(50)).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        let view = View::new("rides", batch, ["driver_id"], "time").with_windows(&plan);
        let joined = PointInTimeJoin::new("asked").with(view).run(&questions(&[(Some(1), 50)]));
        if words != "driver_id" {
            assert!(joined.is_err(), "offline as online");
        }
    }
    // What fits is taken, whatever its type: the number that was refused left nothing.
    let narrow = with("trips", Some(Arc::new(mlcore::arrow::array::UInt8Array::from(vec![200]))));
    assert_eq!(own.update(&Delivery::new("p", 1), &narrow, at(50)).unwrap().added(), 1);
}

#[test]
fn events_that_are_nobodys_or_have_no_time_are_counted() {
    let plan = plan(&[(F::Count, "", 100, 10)]);
    let own = windows(Arc::new(MemoryStore::new()), &plan);
    let events = [
        Event { driver: None, ..event(1, 5, 0.0, 0) },
        Event { event: None, ..event(1, 5, 0.0, 0) },
        event(1, i64::MAX, 0.0, 0),
        event(1, -500, 0.0, 0),
        event(1, 5, 0.0, 0),
    ];
    let updated = own.update(&Delivery::new("p", 1), &table(&events), at(50)).unwrap();
    assert_eq!(
        (updated.without_key(), updated.without_time(), updated.expired(), updated.added()),
        (1, 2, 1, 1)
    );
}

#[test]
fn views_with_windows_ask_for_nothing_of_one_row() {
    let plan = plan(&sum_of("fare"));
    let view = || rides(&[event(1, 5, 1.0, 2)]).with_windows(&plan);
    for view in [
        view().with_features(["fare"]),
        view().with_event_time("at"),
        view().with_status("status"),
        view().with_ttl(Duration::from_secs(1)),
    ] {
        let error = PointInTimeJoin::new("asked").with(view).run(&questions(&[(Some(1), 50)])).unwrap_err();
        assert!(error.to_string().contains("the view has windows"), "{error}");
    }
}

#[test]
fn tiles_of_another_plan_are_refused() {
    let store = Arc::new(MemoryStore::new());
    let one = windows(Arc::clone(&store) as _, &plan(&sum_of("fare")));
    let other = windows(store, &plan(&sum_of("trips")));
    let batch = table(&[event(1, 5, 1.0, 2)]);
    one.update(&Delivery::new("p", 1), &batch, at(50)).unwrap();
    let error = other.read(&[driver(1)], at(50), &mut WindowAnswer::default()).unwrap_err();
    assert_eq!(error.kind(), "schema_mismatch", "{error}");
    let error = other.update(&Delivery::new("p", 2), &batch, at(50)).unwrap_err();
    assert_eq!(error.kind(), "schema_mismatch", "{error}");
}

#[test]
fn an_event_that_history_and_stream_have_counts_once() {
    let plan = plan(&[(F::Count, "", 100, 10)]);
    let count = |own: &OnlineWindows| {
        let mut answer = WindowAnswer::default();
        own.read(&[driver(1)], at(100), &mut answer).unwrap();
        answer.get(0, 0).cloned()
    };
    let counted = |count: i64| Some(Aggregate::Value(OwnedValue::Int(count)));
    let batch = table(&[event(1, 5, 1.0, 2), event(1, 25, 1.0, 2), event(1, 35, 1.0, 2)]);
    let fill = |own: &OnlineWindows, until: i64| {
        own.fill(&batch, Fill::new(at(0), at(until)), at(100), &mut |_, _| ()).unwrap().events().added()
    };
    let own = windows(Arc::new(MemoryStore::new()), &plan);
    assert_eq!(
        (fill(&own, 29), fill(&own, 29), count(&own)),
        (1, 1, counted(1)),
        "tiles are whole, and made anew"
    );
    let updated = own.update(&Delivery::new("p", 1), &batch, at(100)).unwrap();
    assert_eq!((updated.added(), updated.covered(), count(&own)), (2, 1, counted(3)));
    assert_eq!(own.late().unwrap().intervals(), [(at(0), at(10))]);
    assert_eq!((fill(&own, 40), count(&own)), (3, counted(3)), "history takes the stream's place");
    let settled = own.settle(&own.late().unwrap(), at(100)).unwrap();
    assert_eq!((settled, own.late().unwrap().intervals().len()), (true, 0));
    assert_eq!(own.update(&Delivery::new("p", 1), &batch, at(100)).unwrap().repeated(), 3);
    assert_eq!(own.update(&Delivery::new("p", 2), &batch, at(100)).unwrap().covered(), 3);
    // A stream that began before, and has more of the newest tile.
    let own = windows(Arc::new(MemoryStore::new()), &plan);
    let more = table(&[event(1, 36, 1.0, 2), event(1, 37, 1.0, 2), event(1, 45, 1.0, 2)]);
    own.update(&Delivery::new("p", 1), &more, at(100)).unwrap();
    assert_eq!((fill(&own, 40), count(&own)), (2, counted(5)));
    // Where the stream is kept, history fills what it has more of.
    let own = windows(Arc::new(MemoryStore::new()), &plan);
    own.add(&table(&[event(1, 5, 1.0, 2), event(1, 5, 1.0, 2), event(1, 85, 1.0, 2)]), at(100)).unwrap();
    let kept = Fill::new(at(0), at(90)).with_stream_kept();
    let filled = own.fill(&batch, kept, at(100), &mut |_, _| ()).unwrap();
    assert_eq!((filled.events().added(), filled.events().covered(), count(&own)), (2, 1, counted(5)));
}

#[test]
fn late_events_that_come_while_tiles_are_filled_are_not_forgotten() {
    let plan = plan(&[(F::Count, "", 100, 10)]);
    let own = windows(Arc::new(MemoryStore::new()), &plan);
    let batch = |moment| table(&[event(1, moment, 1.0, 2)]);
    own.fill(
        &table(&[event(1, 5, 1.0, 2), event(1, 95, 1.0, 2)]),
        Fill::new(at(0), at(100)),
        at(100),
        &mut |_, _| (),
    )
    .unwrap();
    own.add(&batch(6), at(100)).unwrap();
    let late = own.late().unwrap();
    own.add(&batch(6), at(100)).unwrap();
    assert!(!own.settle(&late, at(100)).unwrap());
    own.add(&batch(99), at(100)).unwrap();
    assert_eq!(own.late().unwrap().intervals(), [(at(0), at(10)), (at(90), at(100))]);
}

/// Little is held in memory, and the source is read again for the rest; the tiles are the same.
#[test]
fn history_is_filled_in_pieces() {
    let asked = super::all_functions(1000, 10);
    let plan = plan(&asked);
    let events: Vec<Event> =
        (0..300).map(|number| event(number % 7, number * 37 % 900, 0.1 * number as f64, number)).collect();
    let history: Vec<RecordBatch> = events.chunks(50).map(table).collect();
    let drivers: Vec<i64> = (0..8).collect();
    let filled = |most: usize| {
        let own = windows(Arc::new(MemoryStore::new()), &plan);
        let fill = Fill::new(at(0), at(1000)).with_most_tiles(most);
        let mut told = Vec::new();
        let filled = own.fill(&history, fill, at(900), &mut |done, total| told.push((done, total))).unwrap();
        assert_eq!((filled.rows(), filled.events().added()), (300, 300));
        assert_eq!(told.last().map(|(done, total)| done == total), Some(true));
        (super::online(&own, &drivers, 900), told.len())
    };
    let questions: Vec<(Option<i64>, i64)> = drivers.iter().map(|driver| (Some(*driver), 900)).collect();
    let due = super::offline(rides(&events), &plan, &questions);
    for (most, steps) in [(100_000, 1), (100, 2), (1, 80)] {
        let (found, told) = filled(most);
        assert_eq!(found, due);
        assert!(told >= steps, "{told} steps with {most} tiles");
    }
}

/// The pages of the entity of `table`, found by looking at all keys that a small window can have.
fn pages(table: &Table, store: &MemoryStore, own: &EntityKey) -> Vec<(EntityKey, Vec<u8>)> {
    let name = "\u{10ffff}part";
    let keys: Vec<EntityKey> = (-64..64)
        .map(|number| {
            let parts = own.parts();
            let parts = parts.iter().map(|(name, value)| (name.as_str(), value.as_value()));
            EntityKey::new(parts.chain([(name, number.into())])).unwrap()
        })
        .collect();
    let mut found = Vec::new();
    store
        .read(table.id(), &keys, &mut |place, row| {
            found.extend(row.map(|row| (keys[place].clone(), row.to_vec())));
            Ok(())
        })
        .unwrap();
    found
}

#[test]
fn tiles_that_were_changed_by_something_else_are_an_error_and_no_panic() {
    let asked = super::all_functions(100, 10);
    let plan = plan(&asked);
    let mut events: Vec<Event> =
        (0..40).map(|number| event(1, number, 0.1 * number as f64, number)).collect();
    events.iter_mut().for_each(|event| event.city = Some("bern".to_owned()));
    let fresh = || {
        let store = MemoryStore::new();
        let own = windows(Arc::new(store.clone()), &plan);
        own.update(&Delivery::new("p", 1), &table(&events), at(50)).unwrap();
        (store, own)
    };
    let (store, own) = fresh();
    let pages = pages(own.table(), &store, &driver(1));
    assert!(!pages.is_empty());
    let mut answer = WindowAnswer::default();
    own.read(&[driver(1)], at(50), &mut answer).unwrap();
    let whole = answer.clone();
    let mut random = mlcore::stats::SplitMix64::new(1);
    let mut refused = 0;
    for round in 0..3000 {
        let (key, row) = &pages[round % pages.len()];
        let view = own.table().unpack(key, row).unwrap();
        let list = view.cell(0).unwrap().list().unwrap();
        let mut bytes: Vec<i64> = list
            .iter()
            .map(|value| if let mlcore::batch::Value::UInt(byte) = value { byte as i64 } else { -1 })
            .collect();
        assert!(bytes.iter().all(|byte| *byte >= 0));
        match random.next_u64() % 3 {
            0 => bytes.truncate((random.next_u64() % bytes.len() as u64) as usize),
            1 => bytes.push(0),
            _ => {
                let place = (random.next_u64() % bytes.len() as u64) as usize;
                bytes[place] = (random.next_u64() % 256) as i64;
            }
        }
        let stamp = view.stamp();
        let later = Stamp::new(stamp.event(), at(stamp.created().as_micros() + 1));
        let row = own.table().pack(later, &[Cell::List(bytes.as_slice().into())]).unwrap();
        let damaged = MemoryStore::new();
        let reader = windows(Arc::new(damaged.clone()), &plan);
        damaged.write(reader.table(), &WriteBatch::rows(&[Entry::new(key.clone(), row)])).unwrap();
        // Bytes that something else wrote may be those of other tiles; they are never more than an error.
        for error in [
            reader.read(&[driver(1)], at(50), &mut answer).err(),
            reader.update(&Delivery::new("p", 2), &table(&events), at(50)).err(),
        ]
        .into_iter()
        .flatten()
        {
            assert!(["corrupt", "invalid_input", "overloaded"].contains(&error.kind()), "{error}");
            refused += 1;
        }
    }
    assert!(refused > 1500, "{refused}");
    // A row whose checksum is another one is told by that.
    let (key, row) = &pages[0];
    assert!(own.table().unpack(key, &row[..row.len() - 1]).is_err());
    own.read(&[driver(1)], at(50), &mut answer).unwrap();
    assert_eq!(answer.to_record_batch().unwrap(), whole.to_record_batch().unwrap());
}

/// A store of somebody else's that cannot compare and swap says so.
#[test]
fn a_store_without_swaps_is_refused_by_name() {
    #[derive(Debug)]
    struct Plain(MemoryStore);

    impl OnlineStore for Plain {
        fn capabilities(&self) -> Capabilities {
            self.0.capabilities()
        }
        fn read(&self, table: &TableId, keys: &[EntityKey], visit: &mut Visit<'_>) -> Result<()> {
            self.0.read(table, keys, visit)
        }
        fn write(&self, table: &Table, batch: &WriteBatch<'_>) -> Result<Written> {
            self.0.write(table, batch)
        }
        fn delete(&self, table: &TableId, keys: &[EntityKey]) -> Result<u64> {
            self.0.delete(table, keys)
        }
        fn evict(&self, table: &TableId, before: Timestamp) -> Result<u64> {
            self.0.evict(table, before)
        }
        fn append(&self, table: &Table, rows: &[Entry], limit: usize) -> Result<Written> {
            self.0.append(table, rows, limit)
        }
        fn read_series(
            &self,
            table: &TableId,
            keys: &[EntityKey],
            visit: &mut VisitSeries<'_>,
        ) -> Result<()> {
            self.0.read_series(table, keys, visit)
        }
        fn note(&self, table: &TableId, name: &str) -> Result<Option<Vec<u8>>> {
            self.0.note(table, name)
        }
        fn tables(&self) -> Result<Vec<TableId>> {
            self.0.tables()
        }
        fn drop_table(&self, table: &TableId) -> Result<bool> {
            self.0.drop_table(table)
        }
        fn check(&self) -> Result<()> {
            self.0.check()
        }
    }

    let own = windows(Arc::new(Plain(MemoryStore::new())), &plan(&sum_of("fare")));
    let error = own.update(&Delivery::new("p", 1), &table(&[event(1, 5, 1.0, 2)]), at(50)).unwrap_err();
    assert_eq!(error.kind(), "unsupported", "{error}");
}
