use mlcore::batch::Value;
use mlcore::schema::{DType, Field};
use mlcore::{Error, Result};

use super::kit::{entry, key, keys, number_in, numbers, stamp, table, write};
use crate::store::key::EntityKey;
use crate::store::online::{Cell, Entry, OnlineStore, Table, TableId, WriteBatch, Written};

pub(super) fn come_back(store: &dyn OnlineStore) {
    store.check().unwrap();
    let (own, other) = (table("own"), table("other"));
    assert_eq!(numbers(store, &own, &keys([1, 2])), [None, None], "a new store has no rows");
    assert!(store.tables().unwrap().is_empty(), "a new store has no tables");
    let rows: Vec<Entry> = (0..1500).map(|number| entry(&own, number, number, 0, number)).collect();
    assert_eq!(write(store, &own, &rows), Written::new(1500, 0));
    let asked = keys([1499, -1, 0, 3, 3, 1500]);
    let due = [Some(1499), None, Some(0), Some(3), Some(3), None];
    assert_eq!(numbers(store, &own, &asked), due, "keys in any order, twice, and unknown ones");
    assert_eq!(numbers(store, &other, &keys([3])), [None], "tables know nothing of each other");
    assert_eq!(numbers(store, &own, &[]), [], "no key is no row");
    let all: Vec<Option<i64>> = (0..1500).map(Some).collect();
    assert_eq!(numbers(store, &own, &keys(0..1500)), all, "many keys in one call");

    let long = "é\0\r\n".repeat(100_000);
    let names = [("id", Value::Text("\0\r\n*[?]")), ("name", Value::Bool(true))];
    let odd = EntityKey::new(names).unwrap();
    let row = other.pack(stamp(i64::MIN, i64::MAX), &[Cell::from(7i64), Cell::from(long.as_str())]).unwrap();
    write(store, &other, &[Entry::new(odd.clone(), row.clone())]);
    let mut seen = 0;
    let visit = &mut |_, stored: Option<&[u8]>| {
        seen += 1;
        assert!(stored == Some(row.as_bytes()), "a long row comes back byte by byte");
        Ok(())
    };
    store.read(other.id(), &[odd], visit).unwrap();
    assert_eq!(seen, 1);
    let due = [other.id().clone(), own.id().clone()];
    assert_eq!(store.tables().unwrap(), due, "the tables that were written to, in order");
}

pub(super) fn newer_wins(store: &dyn OnlineStore) {
    let table = table("newer");
    // Before 1970, and differences in the first and in the last byte.
    let stamps = [(-5, 9), (-1, 0), (0, 0), (0, 1), (255, 0), (256, -7), (256, 0), (i64::MAX, 0)];
    for (number, permutation) in permutations(stamps.len(), 24).into_iter().enumerate() {
        let of = number as i64;
        let mut newest = None;
        for place in permutation {
            let (event, created) = stamps[place];
            let is_newer = newest.is_none_or(|newest| place >= newest);
            let due = if is_newer { Written::new(1, 0) } else { Written::new(0, 1) };
            let row = [entry(&table, of, event, created, place as i64)];
            assert_eq!(write(store, &table, &row), due, "newer wins, and what is older is counted");
            newest = newest.max(Some(place));
            assert_eq!(
                numbers(store, &table, &[key(of)]),
                [newest.map(|newest| newest as i64)],
                "newer wins"
            );
        }
    }
    let twice = |number| [entry(&table, 100, 5, 5, number)];
    assert_eq!(write(store, &table, &twice(1)), Written::new(1, 0));
    assert_eq!(write(store, &table, &twice(2)), Written::new(1, 0), "an equal stamp replaces");
    assert_eq!(numbers(store, &table, &[key(100)]), [Some(2)], "an equal stamp replaces");
    let batch = [3, 9, 4].map(|event| entry(&table, 101, event, 0, event));
    assert_eq!(write(store, &table, &batch), Written::new(2, 1), "within a batch, too");
    assert_eq!(numbers(store, &table, &[key(101)]), [Some(9)], "newer wins within a batch");
    assert_eq!(write(store, &table, &batch), Written::new(1, 2), "a batch that is repeated changes nothing");
    assert_eq!(numbers(store, &table, &[key(101)]), [Some(9)], "a batch that is repeated changes nothing");
}

/// Some orders of so many things, the first and the last of all among them.
fn permutations(length: usize, count: usize) -> Vec<Vec<usize>> {
    let mut random = mlcore::stats::SplitMix64::new(7);
    let mut all = vec![(0..length).collect::<Vec<_>>(), (0..length).rev().collect()];
    while all.len() < count {
        let mut next: Vec<usize> = (0..length).collect();
        for place in (1..length).rev() {
            next.swap(place, (random.next_u64() % (place as u64 + 1)) as usize);
        }
        all.push(next);
    }
    all
}

pub(super) fn are_checked(store: &dyn OnlineStore) {
    let own = table("checked");
    let features = [Field::column("number", DType::Int32), Field::column("text", DType::String).nullable()];
    let foreign = Table::new(TableId::new("suite", "checked", 1).unwrap(), features).unwrap();
    let rows = [entry(&own, 1, 0, 0, 1), entry(&foreign, 2, 0, 0, 2)];
    for result in [store.write(&own, &WriteBatch::rows(&rows)), store.append(&own, &rows, 3)] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), "schema_mismatch", "{error}");
        assert!(error.to_string().contains("id=2"), "the error names the entity: {error}");
    }
    assert_eq!(numbers(store, &own, &keys([1, 2])), [None, None], "a batch that is refused leaves nothing");
    let error = store.append(&own, &rows[..1], 0).unwrap_err();
    assert_eq!(error.kind(), "invalid_input", "{error}");

    write(store, &own, &[1, 2, 3].map(|of| entry(&own, of, 0, 0, of)));
    let mut visited = 0;
    let stopped: Result<()> = store.read(own.id(), &keys([1, 2, 3]), &mut |place, _| {
        visited += 1;
        if place == 1 { Err(Error::timeout("visit", "", "enough")) } else { Ok(()) }
    });
    assert_eq!(stopped.unwrap_err().kind(), "timeout", "the visitor's error ends the call");
    assert_eq!(visited, 2, "the visitor's error ends the call");
    assert_eq!(numbers(store, &own, &keys([2])), [Some(2)], "and nothing else");
}

pub(super) fn threads_agree(store: &dyn OnlineStore) {
    let table = table("threads");
    let asked = keys(0..8);
    let newest = std::sync::Mutex::new([0_i64; 8]);
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (table, newest, asked) = (&table, &newest, &asked);
            scope.spawn(move || {
                let mut random = mlcore::stats::SplitMix64::new(thread);
                for _ in 0..15 {
                    let events: Vec<(i64, i64)> =
                        (0..8).map(|of| (of, (random.next_u64() % 1_000_000) as i64)).collect();
                    let rows: Vec<Entry> =
                        events.iter().map(|(of, event)| entry(table, *of, *event, 0, *event)).collect();
                    // What was acknowledged before a read is seen by it.
                    write(store, table, &rows);
                    let before = {
                        let mut newest = newest.lock().unwrap();
                        for (of, event) in events {
                            let place = &mut newest[of as usize];
                            *place = event.max(*place);
                        }
                        *newest
                    };
                    store
                        .read(table.id(), asked, &mut |place, row| {
                            let found = number_in(table, &asked[place], row.unwrap());
                            assert!(found >= before[place], "a read missed what was acknowledged before it");
                            Ok(())
                        })
                        .unwrap();
                }
            });
        }
    });
    let due = newest.into_inner().unwrap().map(Some);
    assert_eq!(numbers(store, &table, &asked), due, "of what several threads wrote, the newest stays");
}
