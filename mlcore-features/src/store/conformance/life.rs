use std::sync::Arc;

use mlcore::time::Timestamp;

use super::kit::{entry, key, keys, numbers, series, table, write};
use crate::store::online::{Note, OnlineStore, WriteBatch, Written};

pub(super) fn notes_are_kept(store: &dyn OnlineStore) {
    let (own, other) = (table("notes"), table("notes-of-another"));
    assert_eq!(store.note(own.id(), "watermark").unwrap(), None, "a new store has no notes");
    let rows = [entry(&own, 1, 0, 0, 1)];
    let write = |table, rows, notes: &[Note<'_>]| {
        store.write(table, &WriteBatch::rows(rows).with_notes(notes)).unwrap()
    };
    let (first, empty) =
        ([Note::new("watermark", b"a\0\xff"), Note::new("\0é*", b"")], [Note::new("watermark", b"b")]);
    assert_eq!(write(&own, &rows, &first), Written::new(1, 0));
    assert_eq!(store.note(own.id(), "watermark").unwrap().as_deref(), Some(&b"a\0\xff"[..]));
    assert_eq!(
        store.note(own.id(), "\0é*").unwrap().as_deref(),
        Some(&b""[..]),
        "a note of any name, and empty"
    );
    assert_eq!(store.note(own.id(), "").unwrap(), None);
    assert_eq!(store.note(other.id(), "watermark").unwrap(), None, "a note belongs to its table");
    assert_eq!(write(&own, &[], &empty), Written::new(0, 0));
    assert_eq!(store.note(own.id(), "watermark").unwrap().as_deref(), Some(&b"b"[..]), "a note is replaced");
    let many: Vec<_> = (0..1200).map(|of| entry(&own, of, 1, 0, of)).collect();
    assert_eq!(write(&own, &many, &first), Written::new(1200, 0));
    assert_eq!(
        store.note(own.id(), "watermark").unwrap().as_deref(),
        Some(&b"a\0\xff"[..]),
        "with many rows"
    );
    // All rows are older, and the note is written all the same: the batch was seen.
    let older: Vec<_> = (0..3).map(|of| entry(&own, of, 0, 0, -1)).collect();
    assert_eq!(write(&own, &older, &empty), Written::new(0, 3));
    assert_eq!(store.note(own.id(), "watermark").unwrap().as_deref(), Some(&b"b"[..]), "with older rows");
}

pub(super) fn deleting_and_evicting(store: &dyn OnlineStore) {
    let (own, other) = (table("deleting"), table("deleting-not"));
    assert_eq!(store.delete(own.id(), &keys([1])).unwrap(), 0, "there is nothing to delete");
    assert_eq!(store.evict(own.id(), Timestamp::MAX).unwrap(), 0, "there is nothing to evict");
    for table in [&own, &other] {
        write(store, table, &[1, 2, 3, 4].map(|of| entry(table, of, of * 10, 0, of)));
        let values: Vec<_> = (1..=4).map(|event| entry(table, 5, event * 10, 0, event)).collect();
        store.append(table, &values, 10).unwrap();
    }
    assert_eq!(store.delete(own.id(), &keys([1, 5, 99])).unwrap(), 2, "a row, a series, and nothing");
    assert_eq!(numbers(store, &own, &keys([1, 2])), [None, Some(2)], "what was deleted is gone");
    assert!(series(store, &own, 5).is_empty(), "what was deleted is gone");
    assert_eq!(numbers(store, &other, &keys([1])), [Some(1)], "and nothing of another table");
    assert_eq!(
        write(store, &own, &[entry(&own, 1, 0, 0, 11)]),
        Written::new(1, 0),
        "it may be written again"
    );

    let evicted = store.evict(other.id(), Timestamp::from_micros(30)).unwrap();
    assert_eq!(evicted, 4, "rows and values whose event was before");
    assert_eq!(numbers(store, &other, &keys([1, 2, 3, 4])), [None, None, Some(3), Some(4)]);
    assert_eq!(series(store, &other, 5), [3, 4], "an event at the moment stays");
    assert_eq!(numbers(store, &own, &keys([2])), [Some(2)], "and nothing of another table");
    let many: Vec<_> = (100..2100).map(|of| entry(&own, of, of, 0, of)).collect();
    write(store, &own, &many);
    assert_eq!(store.evict(own.id(), Timestamp::from_micros(1100)).unwrap(), 1000 + 4, "many rows");
    assert_eq!(numbers(store, &own, &keys([1099, 1100])), [None, Some(1100)]);
}

pub(super) fn dropping_takes_one_table(store: &dyn OnlineStore) {
    // Names of which one begins with the other, and which patterns would take for each other.
    let views = ["a", "ab", "a*", "a:1", "*"];
    let tables = views.map(table);
    assert!(!store.drop_table(tables[0].id()).unwrap(), "there is nothing to drop");
    for table in &tables {
        let rows: Vec<_> = (0..600).map(|of| entry(table, of, of, 0, of)).collect();
        let notes = [Note::new("watermark", b"x")];
        store.write(table, &WriteBatch::rows(&rows).with_notes(&notes)).unwrap();
        store.append(table, &rows[..3], 10).unwrap();
    }
    for gone in 0..tables.len() {
        assert!(store.drop_table(tables[gone].id()).unwrap(), "there was something to drop");
        assert!(!store.drop_table(tables[gone].id()).unwrap(), "what was dropped is gone");
        for (place, table) in tables.iter().enumerate() {
            let is_there = place > gone;
            let view = table.id().view();
            assert_eq!(numbers(store, table, &[key(5)])[0].is_some(), is_there, "rows of {view}");
            assert_eq!(series(store, table, 1).is_empty(), !is_there, "series of {view}");
            assert_eq!(store.note(table.id(), "watermark").unwrap().is_some(), is_there, "notes of {view}");
            assert_eq!(store.tables().unwrap().contains(table.id()), is_there, "the name of {view}");
        }
    }
    write(store, &tables[0], &[entry(&tables[0], 5, 1, 0, 1)]);
    assert_eq!(numbers(store, &tables[0], &keys([5, 6])), [Some(1), None], "a dropped table begins anew");
}

pub(super) fn outlives_its_handles(open: &impl Fn(&str) -> Arc<dyn OnlineStore>) {
    let own = table("durable");
    let rows = [1, 2].map(|of| entry(&own, of, of, 0, of));
    {
        let store = open("durable");
        let notes = [Note::new("watermark", b"2")];
        store.write(&own, &WriteBatch::rows(&rows).with_notes(&notes)).unwrap();
        store.append(&own, &rows, 3).unwrap();
        store.delete(own.id(), &[key(1)]).unwrap();
    }
    for _ in 0..2 {
        let store = open("durable");
        assert_eq!(numbers(&*store, &own, &keys([1, 2])), [None, Some(2)], "opened again, rows are there");
        assert_eq!(series(&*store, &own, 2), [2], "opened again, series are there");
        assert_eq!(store.note(own.id(), "watermark").unwrap().as_deref(), Some(&b"2"[..]), "and notes");
        assert_eq!(store.tables().unwrap(), [own.id().clone()], "and tables");
        assert_eq!(write(&*store, &own, &[entry(&own, 2, 1, 9, 0)]), Written::new(0, 1), "newer still wins");
    }
}
