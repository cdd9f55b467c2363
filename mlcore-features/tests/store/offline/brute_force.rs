//! The join and the newest rows against the obvious ones, which look at every pair of rows.

use std::num::NonZeroUsize;
use std::time::Duration;

use mlcore::arrow::array::RecordBatch;
use mlcore::arrow::datatypes::TimeUnit;
use mlcore::time::Timestamp;
use mlcore_features::store::offline::{Latest, PointInTimeJoin, View};
use proptest::prelude::*;

use super::tables::{cut, integers, moments, nanoseconds, source, texts, wholes, words};

const HALF: i128 = 500_000_000;

/// A whole number and a text, which are the key together.
type Key = (Option<i64>, Option<String>);

#[derive(Clone, Debug)]
struct Row {
    key: Key,
    event: Option<i64>,
    created: Option<i64>,
    value: Option<i64>,
}

#[derive(Clone, Debug)]
struct Case {
    rows: Vec<Row>,
    units: (TimeUnit, TimeUnit),
    layout: usize,
    batch_rows: usize,
    kind: usize,
    ttl_halves: u64,
    with_created: bool,
    with_late_rows: bool,
    both_keys: bool,
}

fn units() -> impl Strategy<Value = TimeUnit> {
    prop::sample::select(vec![TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond])
}

fn key() -> impl Strategy<Value = Key> {
    let word =
        prop::sample::select(vec!["a", "b", "a word of more than sixteen bytes"]).prop_map(str::to_owned);
    (prop::option::weighted(0.9, 0..4_i64), prop::option::weighted(0.9, word))
}

fn row() -> impl Strategy<Value = Row> {
    let moment = || prop::option::weighted(0.9, 0..14_i64);
    (key(), moment(), moment(), prop::option::weighted(0.8, 0..1000_i64))
        .prop_map(|(key, event, created, value)| Row { key, event, created, value })
}

fn case() -> impl Strategy<Value = Case> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let shape = (0..4_usize, 1..30_usize, 0..3_usize, prop_oneof![Just(0_u64), 1..12_u64]);
    (prop::collection::vec(row(), 0..60), (units(), units()), shape, flags).prop_map(
        |(rows, units, (layout, batch_rows, kind, ttl_halves), (with_created, with_late_rows, both_keys))| {
            Case {
                rows,
                units,
                layout,
                batch_rows,
                kind,
                ttl_halves,
                with_created,
                with_late_rows,
                both_keys,
            }
        },
    )
}

/// The rows as a table: keys `k` and `w`, times `event` and `created`, the feature `value`, and the number of the row.
fn table(rows: &[Row], units: (TimeUnit, TimeUnit), layout: usize) -> RecordBatch {
    let column = |of: fn(&Row) -> Option<i64>| rows.iter().map(of).collect::<Vec<_>>();
    let words: Vec<Option<String>> = rows.iter().map(|row| row.key.1.clone()).collect();
    let numbers: Vec<Option<i64>> = (0..rows.len() as i64).map(Some).collect();
    RecordBatch::try_from_iter([
        ("k", wholes(&column(|row| row.key.0), layout)),
        ("w", texts(&words, layout)),
        ("event", moments(&column(|row| row.event), units.0)),
        ("created", moments(&column(|row| row.created), units.1)),
        ("value", wholes(&column(|row| row.value), 0)),
        ("number", wholes(&numbers, 0)),
    ])
    .unwrap()
}

impl Case {
    fn view(&self, name: &str) -> View<'static> {
        let batches = cut(&table(&self.rows, self.units, self.layout), self.batch_rows);
        let keys = if self.both_keys { vec![("key", "k"), ("word", "w")] } else { vec![("key", "k")] };
        let mut view = View::new(name, source(batches, self.kind), keys, "event")
            .with_ttl(Duration::from_millis(500 * self.ttl_halves))
            .with_features([("value", format!("{name}_value")), ("number", format!("{name}_number"))])
            .with_event_time(format!("{name}_time"))
            .with_status(format!("{name}_status"));
        if self.with_created {
            view = view.with_created_timestamp("created");
        }
        if self.with_late_rows { view.with_late_rows() } else { view }
    }

    /// The row that an entity row gets, and the status.
    fn expected(&self, key: &Key, time: i64) -> (Option<usize>, &'static str) {
        let own = |key: &Key| -> Option<(i64, Option<String>)> {
            let word = if self.both_keys { Some(key.1.clone()?) } else { None };
            Some((key.0?, word))
        };
        let Some(wanted) = own(key) else { return (None, "NULL_KEY") };
        let known = self.rows.iter().enumerate().filter(|(_, row)| {
            let is_known = match row.created {
                _ if !self.with_created || self.with_late_rows => true,
                None => false,
                Some(created) => created <= time,
            };
            own(&row.key).as_ref() == Some(&wanted)
                && row.event.is_some_and(|event| event <= time)
                && is_known
        });
        let created = |row: &Row| if self.with_created { row.created } else { None };
        let newest = known.max_by_key(|(number, row)| (row.event, created(row), *number));
        match newest {
            None => (None, "NOT_FOUND"),
            Some((_, row)) if self.ttl_halves > 0 && row.event.unwrap() < time - self.ttl_halves as i64 => {
                (None, "OUTSIDE_MAX_AGE")
            }
            Some((number, _)) => (Some(number), "PRESENT"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn joins_are_those_of_looking_at_every_pair(
        entities in prop::collection::vec((key(), 0..14_i64), 0..40),
        (unit, layout, budget, threads) in (units(), 0..4_usize, 1..4000_usize, 1..4_usize),
        cases in prop::collection::vec(case(), 1..4),
    ) {
        let column = |of: fn(&(Key, i64)) -> Option<i64>| entities.iter().map(of).collect::<Vec<_>>();
        let words_of: Vec<Option<String>> = entities.iter().map(|(key, _)| key.1.clone()).collect();
        let entity_rows = RecordBatch::try_from_iter([
            ("time", moments(&column(|(_, time)| Some(*time)), unit)),
            ("key", wholes(&column(|(key, _)| key.0), layout)),
            ("word", texts(&words_of, layout + 1)),
        ])
        .unwrap();
        let join = |cases: &[Case]| {
            let views = cases.iter().enumerate().map(|(number, case)| case.view(&format!("v{number}")));
            let threads = NonZeroUsize::new(threads).unwrap();
            views.fold(PointInTimeJoin::new("time").on_threads(threads), PointInTimeJoin::with)
        };
        let joined = join(&cases).run(&entity_rows).unwrap();
        let whole = joined.table();
        prop_assert_eq!(&whole.project(&[0, 1, 2]).unwrap(), &entity_rows);
        for (number, case) in cases.iter().enumerate() {
            let name = |of: &str| format!("v{number}_{of}");
            let (values, rows) = (integers(whole, &name("value")), integers(whole, &name("number")));
            let (times, statuses) = (nanoseconds(whole, &name("time")), words(whole, &name("status")));
            let mut present = 0;
            for (row, (key, time)) in entities.iter().enumerate() {
                let (expected, status) = case.expected(key, *time);
                prop_assert_eq!(statuses[row].as_deref(), Some(status));
                prop_assert_eq!(rows[row], expected.map(|row| row as i64));
                prop_assert_eq!(values[row], expected.and_then(|row| case.rows[row].value));
                let event = expected.and_then(|row| case.rows[row].event);
                prop_assert_eq!(times[row], event.map(|event| i128::from(event) * HALF));
                present += u64::from(expected.is_some());
            }
            let report = &joined.views()[number];
            prop_assert_eq!(report.present(), present);
            if !entities.is_empty() {
                prop_assert_eq!(report.rows(), case.rows.len() as u64);
                let without = case.rows.iter().filter(|row| row.event.is_none()).count();
                prop_assert_eq!(report.rows_without_time(), without as u64);
            }
        }
        // The same in parts, however small these are.
        let again: Vec<Case> = cases.iter().map(|case| Case { kind: if case.kind == 1 { 2 } else { case.kind }, ..case.clone() }).collect();
        let cut = cut(&entity_rows, 7);
        let check = |join: PointInTimeJoin<'_>| {
            let parts = join.run_in_parts(&cut, budget).unwrap().map(Result::unwrap).collect::<Vec<_>>();
            let mut start = 0;
            for part in parts.iter().filter(|_| !entities.is_empty()) {
                prop_assert_eq!(part, &whole.slice(start, part.num_rows()));
                start += part.num_rows();
            }
            prop_assert_eq!(start, entities.len());
            Ok(())
        };
        check(join(&again))?;
        // Sources that can be read once are copied.
        #[cfg(feature = "spill")]
        check(join(&cases).with_spill_folder(std::env::temp_dir()))?;
    }

    #[test]
    fn newest_rows_are_those_of_looking_at_all(case in case(), after in 0..14_i64, length in 0..14_i64) {
        let moment = |half: i64| Timestamp::new(500 * half, TimeUnit::Millisecond);
        let newest = Latest::new(case.view("v")).after(moment(after)).until(moment(after + length));
        let rows = newest.rows().unwrap();
        let count = rows.remaining();
        let numbers: Vec<Option<i64>> =
            rows.map(Result::unwrap).flat_map(|batch| integers(&batch, "v_number")).collect();
        let mut expected: Vec<Option<i64>> = Vec::new();
        for (number, row) in case.rows.iter().enumerate() {
            let own = |row: &Row| Some((row.key.0?, if case.both_keys { Some(row.key.1.clone()?) } else { None }));
            let counts = |row: &Row| row.event.is_some_and(|event| event > after && event <= after + length);
            let order = |number: usize, row: &Row| (row.event, if case.with_created { row.created } else { None }, number);
            let is_newest = case.rows.iter().enumerate().all(|(other, rival)| {
                own(rival) != own(row) || !counts(rival) || order(other, rival) <= order(number, row)
            });
            if own(row).is_some() && counts(row) && is_newest {
                expected.push(Some(number as i64));
            }
        }
        prop_assert_eq!(count, expected.len());
        prop_assert_eq!(numbers, expected);
    }
}
