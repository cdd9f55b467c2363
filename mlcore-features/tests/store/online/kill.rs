//! `kill -9` of a process that writes into the embedded store, many times: what was acknowledged is there, nothing is torn, and no
//! note stands before its rows.

use std::path::Path;
use std::time::Duration;

use mlcore_features::store::online::{EmbeddedOptions, EmbeddedStore, Entry, Note, OnlineStore, WriteBatch};

use super::{entry, key, number, table};

const KEYS: i64 = 50;

fn open(folder: &Path) -> EmbeddedStore {
    EmbeddedStore::open(folder.join("online.redb"), EmbeddedOptions::default()).unwrap()
}

/// How far the store is, by its note.
fn watermark(store: &EmbeddedStore) -> i64 {
    let note = store.note(table().id(), "watermark").unwrap();
    note.map_or(0, |note| std::str::from_utf8(&note).unwrap().parse().unwrap())
}

/// The child: writes batches until it is killed, all keys in each, and says which was acknowledged.
#[test]
fn child_writes_until_it_is_killed() {
    let Some((_, folder)) = crate::kill::told() else { return };
    let (store, table) = (open(&folder), table());
    crate::kill::say("ready");
    let mut batch = watermark(&store);
    loop {
        batch += 1;
        let rows: Vec<Entry> = (0..KEYS).map(|of| entry(&table, of, batch, batch)).collect();
        let text = batch.to_string();
        let notes = [Note::new("watermark", text.as_bytes())];
        store.write(&table, &WriteBatch::rows(&rows).with_notes(&notes)).unwrap();
        store.append(&table, &rows[..1], 5).unwrap();
        crate::kill::say(&text);
    }
}

#[test]
fn what_was_acknowledged_outlives_kills() {
    let folder = tempfile::tempdir().unwrap();
    let table = table();
    let mut last = 0;
    for round in 0..crate::kill::rounds() {
        let time = Duration::from_micros(round * 7_919 % 30_000);
        let said = crate::kill::run_and_kill(
            "online::kill::child_writes_until_it_is_killed",
            "write",
            folder.path(),
            1 + round % 5,
            time,
        );
        let acknowledged: i64 = said.iter().filter_map(|line| line.parse().ok()).max().unwrap();
        assert!(acknowledged > last, "the child goes on where the one before was");
        let store = open(folder.path());
        let batch = watermark(&store);
        assert!(
            (acknowledged..=acknowledged + 1).contains(&batch),
            "{batch} after {acknowledged} was acknowledged"
        );
        for of in 0..KEYS {
            assert_eq!(number(&store, &table, of).unwrap(), Some(batch), "a batch is whole, or not there");
        }
        let mut series = Vec::new();
        store
            .read_series(table.id(), &[key(0)], &mut |_, row| {
                series.push(table.unpack(&key(0), row)?.stamp().event().as_micros());
                Ok(())
            })
            .unwrap();
        let newest = *series.last().unwrap();
        assert!(newest >= acknowledged && newest <= batch, "{series:?} after {acknowledged}");
        assert!(series.is_sorted() && series.len() <= 5);
        last = batch;
    }
    println!("{} kills, {last} batches", crate::kill::rounds());
}
