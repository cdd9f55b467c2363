//! The same offline and online, to the bit: random events, orders, batches, windows, slides and questions.

use std::sync::Arc;

use mlcore::arrow::array::RecordBatch;
use mlcore_features::store::online::{MemoryStore, OnlineStore};
use mlcore_features::store::window::Delivery;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{Asked, Event, all_functions, offline, online, plan, reference, rides, table, windows};

/// Multiples of 1/64 whose sums are exact in any order, and now and then no number at all.
fn plain_fare() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => (-100_000_i64..100_000).prop_map(|fare| fare as f64 / 64.0),
        2 => select(vec![0.0, -0.0, 1.5, 1.5, f64::NAN]),
        1 => select(vec![f64::INFINITY, f64::NEG_INFINITY]),
    ]
}

/// Anything, of which sums depend on the order where they are rounded on the way.
fn wild_fare() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), select(vec![1e300, -1e300, 1.0, 0.1, 1e-300, f64::MAX, f64::MIN_POSITIVE])]
}

fn events(fares: BoxedStrategy<f64>, most: usize) -> impl Strategy<Value = Vec<Event>> {
    let trips = prop_oneof![-50_i64..50, -(1_i64 << 40)..(1 << 40)];
    let city = select(vec!["bern", "basel", "a city with a longer name", ""]).prop_map(str::to_owned);
    let moment = || prop_oneof![-40_i64..200, -40_i64..2000];
    let event = (
        prop::option::weighted(0.95, 0..4_i64),
        prop::option::weighted(0.95, moment()),
        prop::option::weighted(0.5, -10_i64..300),
        prop::option::weighted(0.9, fares),
        prop::option::weighted(0.9, trips),
        prop::option::weighted(0.9, city),
    );
    let event = event.prop_map(|(driver, event, late, fare, trips, city)| {
        let created = event.zip(late).map(|(event, late)| event + late);
        Event { driver, event, created, fare, trips, city }
    });
    prop::collection::vec(event, 0..most)
}

fn asked() -> impl Strategy<Value = Vec<Asked>> {
    let frame =
        || (select(vec![1_i64, 3, 7, 10, 30]), 1_i64..60).prop_map(|(slide, slides)| (slide * slides, slide));
    (frame(), frame(), any::<Index>()).prop_map(|((window, slide), (other, by), cut)| {
        let mut asked = all_functions(window, slide);
        let more = all_functions(other, by);
        asked.extend(more.iter().take(cut.index(more.len() + 1)).copied());
        asked
    })
}

fn questions() -> impl Strategy<Value = Vec<(Option<i64>, i64)>> {
    prop::collection::vec((prop::option::weighted(0.95, 0..5_i64), -60_i64..2500), 0..40)
}

/// Each event as it was known at once.
fn known(events: &[Event]) -> Vec<Event> {
    events.iter().map(|event| Event { created: None, ..event.clone() }).collect()
}

/// Plays events to a store as time goes by, in batches of some size, some of them twice, and asks at each moment.
fn played(
    store: Arc<dyn OnlineStore>,
    asked: &[Asked],
    events: &[Event],
    questions: &[(Option<i64>, i64)],
    batch_rows: usize,
) -> Vec<((i64, i64), RecordBatch)> {
    let windows = windows(store, &plan(asked));
    let mut moments: Vec<(i64, i64)> =
        questions.iter().filter_map(|(driver, time)| Some((*time, (*driver)?))).collect();
    moments.sort_unstable();
    let (mut waiting, mut number, mut answers) = (events.to_vec(), 0, Vec::new());
    for (time, driver) in moments {
        let (due, later): (Vec<Event>, Vec<Event>) =
            waiting.into_iter().partition(|event| event.created.is_none_or(|created| created <= time));
        waiting = later;
        for batch in due.chunks(batch_rows) {
            number += 1;
            let delivery = Delivery::new("partition", number);
            let first = windows.update(&delivery, &table(batch), super::at(time)).unwrap();
            if number % 3 == 0 {
                let again = windows.update(&delivery, &table(batch), super::at(time)).unwrap();
                assert_eq!((again.added(), again.repeated()), (0, first.added()), "a batch counts once");
            }
        }
        if number % 5 == 0 {
            windows.evict(super::at(time)).unwrap();
        }
        answers.push(((time, driver), online(&windows, &[driver], time)));
    }
    answers
}

#[track_caller]
fn compare(
    asked: &[Asked],
    events: &[Event],
    questions: &[(Option<i64>, i64)],
    batch_rows: usize,
    store: Arc<dyn OnlineStore>,
) -> RecordBatch {
    let view = rides(events).with_created_timestamp("created").with_late_rows();
    let every = offline(view, &plan(asked), questions);
    // Events whose created time is null were known at once: such a row is not left out, if it is created as early as can be.
    let early: Vec<Event> = events
        .iter()
        .map(|event| Event { created: event.created.or(Some(-(1 << 50))), ..event.clone() })
        .collect();
    let joined = offline(rides(&early).with_created_timestamp("created"), &plan(asked), questions);
    assert_eq!(every, offline(rides(events), &plan(asked), questions), "late rows are all rows");
    for ((time, driver), row) in played(store, asked, events, questions, batch_rows) {
        let place = questions.iter().position(|own| *own == (Some(driver), time)).unwrap();
        let due = joined.slice(place, 1);
        for (own, due) in row.columns().iter().zip(due.columns()) {
            assert_eq!(own.to_data(), due.to_data(), "driver {driver} at {time}");
        }
    }
    joined
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn offline_and_online_are_the_same_and_right(
        events in events(plain_fare().boxed(), 120), asked in asked(), questions in questions(),
        batch_rows in 1_usize..40,
    ) {
        let joined = compare(&asked, &events, &questions, batch_rows, Arc::new(MemoryStore::new()));
        reference::check(&asked, &events, &questions, &joined);
    }

    #[test]
    fn offline_and_online_are_the_same_for_any_floats(
        events in events(wild_fare().boxed(), 60), asked in asked(), questions in questions(),
        batch_rows in 1_usize..40,
    ) {
        compare(&asked, &events, &questions, batch_rows, Arc::new(MemoryStore::new()));
    }

    #[test]
    fn no_order_and_no_cut_changes_a_bit(
        events in events(wild_fare().boxed(), 60).prop_shuffle_twice(), asked in asked(), questions in questions(),
    ) {
        let (one, other) = events;
        let joined = offline(rides(&known(&one)), &plan(&asked), &questions);
        prop_assert_eq!(&joined, &offline(rides(&known(&other)), &plan(&asked), &questions));
    }
}

/// Two orders of the same events.
trait Shuffled: Strategy<Value = Vec<Event>> + Sized + 'static {
    fn prop_shuffle_twice(self) -> BoxedStrategy<(Vec<Event>, Vec<Event>)> {
        self.prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())).boxed()
    }
}

impl<S: Strategy<Value = Vec<Event>> + 'static> Shuffled for S {}

#[cfg(feature = "embedded")]
proptest! {
    #![proptest_config(ProptestConfig { cases: 2, ..ProptestConfig::default() })]

    #[test]
    fn the_embedded_store_holds_the_same(
        events in events(wild_fare().boxed(), 60), asked in asked(), questions in questions(),
        batch_rows in 30_usize..40,
    ) {
        use mlcore_features::store::online::{EmbeddedOptions, EmbeddedStore};

        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path().join("online.redb"), EmbeddedOptions::default()).unwrap();
        let few: Vec<_> = questions.into_iter().take(4).collect();
        compare(&asked, &events, &few, batch_rows, Arc::new(store));
    }
}

/// A long window is read from few tiles of several levels, on both sides of 1970.
#[test]
fn long_windows_of_many_slides_are_exact() {
    let minute = 60_000_000;
    let asked = all_functions(30 * 24 * 60 * minute, minute);
    let mut random = mlcore::stats::SplitMix64::new(3);
    let mut event = |start: i64| {
        let event =
            start + (random.next_u64() % (45 * 24 * 60)) as i64 * minute + (random.next_u64() % 3) as i64;
        let fare = (random.next_u64() % 10_000) as f64 / 64.0;
        let trips = (random.next_u64() % 100) as i64;
        Event {
            driver: Some(1),
            event: Some(event),
            created: None,
            fare: Some(fare),
            trips: Some(trips),
            city: None,
        }
    };
    let start = -20 * 24 * 60 * minute;
    let mut events: Vec<Event> = (0..1500).map(|_| event(start)).collect();
    for place in [0, 1, 2] {
        events[place].event = Some(10 * 24 * 60 * minute - [0, 1, minute][place]);
    }
    // Cities that are many, but are told apart.
    for (number, event) in events.iter_mut().enumerate() {
        event.city = Some(format!("city {}", number % 40));
    }
    let questions: Vec<(Option<i64>, i64)> = (0..12)
        .map(|number| (Some(1), start + (number * 4 * 24 * 60 + number * 7) * minute + number))
        .collect();
    let few: Vec<Asked> = asked
        .into_iter()
        .filter(|(function, column, ..)| *column == "city" || !function.to_string().contains("distinct"))
        .collect();
    let joined = compare(&few, &events, &questions, 500, Arc::new(MemoryStore::new()));
    reference::check(&few, &events, &questions, &joined);
}

/// The bound of distinct counts that is stated: 1.6 % is the standard error.
#[test]
fn distinct_values_are_within_four_standard_errors() {
    let asked =
        [(mlcore_features::store::definition::AggregationFunction::ApproxCountDistinct, "trips", 1000, 100)];
    for distinct in [100, 1_000, 5_000, 50_000_i64] {
        let events: Vec<Event> = (0..distinct)
            .flat_map(|trips| [trips, trips / 2])
            .enumerate()
            .map(|(number, trips)| Event {
                driver: Some(1),
                event: Some(number as i64 % 1000),
                created: None,
                fare: None,
                trips: Some(trips),
                city: None,
            })
            .collect();
        let joined = compare(&asked, &events, &[(Some(1), 1000)], 20_000, Arc::new(MemoryStore::new()));
        use mlcore::arrow::array::AsArray;
        let found = joined.column(0).as_primitive::<mlcore::arrow::datatypes::Int64Type>().value(0);
        let error = found as f64 / distinct as f64 - 1.0;
        assert!(error.abs() < 4.0 * 0.016_25, "{found} for {distinct}");
    }
}
