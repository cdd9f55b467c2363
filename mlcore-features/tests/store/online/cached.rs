//! The cache in front of a store: bounded in staleness and size, and never the reason for an old value.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mlcore_features::store::online::{
    Answer, CacheOptions, CachedStore, Cell, MemoryStore, OnlineStore, PreparedQuery, Status,
};

use super::{at, entry, key, number, table, write};

/// A cache whose clock stands still until it is moved, and the store behind it.
fn cached(entries: usize) -> (Arc<CachedStore>, MemoryStore, Arc<AtomicU64>) {
    let (inner, clock) = (MemoryStore::new(), Arc::new(AtomicU64::new(0)));
    let options =
        CacheOptions::default().with_max_entries(entries).with_max_staleness(Duration::from_millis(100));
    let own = Arc::clone(&clock);
    let store = CachedStore::with_clock(Arc::new(inner.clone()), options, move || {
        Duration::from_millis(own.load(Ordering::SeqCst))
    });
    (Arc::new(store), inner, clock)
}

#[test]
fn what_others_write_is_seen_within_the_bound() {
    let (store, inner, clock) = cached(100);
    let table = table();
    write(&inner, &table, &[entry(&table, 1, 1, 1)]);
    assert_eq!(number(&*store, &table, 1).unwrap(), Some(1));
    assert_eq!(number(&*store, &table, 2).unwrap(), None);
    write(&inner, &table, &[entry(&table, 1, 2, 2), entry(&table, 2, 2, 2)]);
    clock.store(100, Ordering::SeqCst);
    assert_eq!(number(&*store, &table, 1).unwrap(), Some(1), "kept");
    assert_eq!(number(&*store, &table, 2).unwrap(), None, "kept, too");
    clock.store(101, Ordering::SeqCst);
    assert_eq!(number(&*store, &table, 1).unwrap(), Some(2));
    assert_eq!(number(&*store, &table, 2).unwrap(), Some(2));
}

#[test]
fn what_is_written_through_it_is_seen_at_once() {
    let (store, inner, _) = cached(100);
    let table = table();
    for round in 0..3 {
        write(&*store, &table, &[entry(&table, 1, round, round)]);
        assert_eq!(number(&*store, &table, 1).unwrap(), Some(round));
    }
    store.delete(table.id(), &[key(1)]).unwrap();
    assert_eq!(number(&*store, &table, 1).unwrap(), None);
    write(&inner, &table, &[entry(&table, 1, 5, 5)]);
    write(&*store, &table, &[entry(&table, 1, 4, 4)]);
    assert_eq!(number(&*store, &table, 1).unwrap(), Some(5), "a write that was ignored shows what is newer");
    store.evict(table.id(), at(6)).unwrap();
    assert_eq!(number(&*store, &table, 1).unwrap(), None);
    write(&*store, &table, &[entry(&table, 1, 7, 7)]);
    assert_eq!(number(&*store, &table, 1).unwrap(), Some(7));
    store.drop_table(table.id()).unwrap();
    assert_eq!(number(&*store, &table, 1).unwrap(), None);
}

#[test]
fn a_cached_row_expires() {
    let (store, inner, _) = cached(100);
    let table = table().with_ttl(Duration::from_micros(10));
    write(&inner, &table, &[entry(&table, 1, 0, 1)]);
    let query = PreparedQuery::new(store, [(&table, "number")]).unwrap();
    let mut answer = Answer::default();
    query.read(&[key(1)], at(10), &mut answer).unwrap();
    assert_eq!(answer.cell(0, 0), Cell::from(1i64));
    query.read(&[key(1)], at(11), &mut answer).unwrap();
    assert_eq!((answer.status(0, 0), answer.cell(0, 0)), (Status::OutsideMaxAge, Cell::NULL));
}

#[test]
fn it_stays_within_its_size() {
    let (store, inner, _) = cached(50);
    let table = table();
    let rows: Vec<_> = (0..5000).map(|of| entry(&table, of, of, of)).collect();
    write(&inner, &table, &rows);
    for of in 0..5000 {
        assert_eq!(number(&*store, &table, of).unwrap(), Some(of));
    }
    let shown = format!("{store:?}");
    let entries: usize = shown.rsplit("entries: ").next().unwrap().trim_end_matches(" }").parse().unwrap();
    assert!(entries <= 100, "{shown}");
}

#[test]
fn readers_and_a_writer_never_see_an_acknowledged_value_go_back() {
    let (store, _, _) = cached(100);
    let table = table();
    write(&*store, &table, &[entry(&table, 1, 0, 0)]);
    let acknowledged = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while acknowledged.load(Ordering::SeqCst) < 3000 {
                    let before = acknowledged.load(Ordering::SeqCst);
                    let found = number(&*store, &table, 1).unwrap().unwrap();
                    assert!(found >= before as i64, "{found} after {before} was acknowledged");
                }
            });
        }
        for round in 1..=3000 {
            write(&*store, &table, &[entry(&table, 1, round, round)]);
            acknowledged.store(round as u64, Ordering::SeqCst);
        }
    });
}
