use super::kit::{entry, key, keys, numbers, series, table, write};
use crate::store::online::{Entry, OnlineStore, Written};

pub(super) fn are_bounded_and_ordered(store: &dyn OnlineStore) {
    let table = table("series");
    assert!(series(store, &table, 1).is_empty(), "a new store has no series");
    let rows = [5, -1, 9, 3].map(|event| entry(&table, 1, event, 0, event));
    assert_eq!(store.append(&table, &rows, 3).unwrap(), Written::new(4, 0));
    assert_eq!(series(store, &table, 1), [3, 5, 9], "the newest by event, the oldest first");
    let late = [entry(&table, 1, 2, 0, 2)];
    assert_eq!(
        store.append(&table, &late, 3).unwrap(),
        Written::new(0, 1),
        "older than all of a full series"
    );
    assert_eq!(store.append(&table, &[entry(&table, 1, 4, 0, 4)], 3).unwrap(), Written::new(1, 0));
    assert_eq!(series(store, &table, 1), [4, 5, 9], "a late value takes its place");
    store.append(&table, &rows, 3).unwrap();
    assert_eq!(series(store, &table, 1), [4, 5, 9], "what is repeated changes nothing");

    let same = |created, number| [entry(&table, 1, 5, created, number)];
    assert_eq!(store.append(&table, &same(2, 52), 3).unwrap(), Written::new(1, 0));
    assert_eq!(store.append(&table, &same(1, 51), 3).unwrap(), Written::new(0, 1), "created earlier");
    assert_eq!(series(store, &table, 1), [4, 52, 9], "of the same event the last creation stays");
    assert_eq!(store.append(&table, &same(2, 53), 3).unwrap(), Written::new(1, 0), "an equal stamp replaces");
    assert_eq!(series(store, &table, 1), [4, 53, 9], "an equal stamp replaces");
    assert_eq!(store.append(&table, &[entry(&table, 1, 10, 0, 10)], 1).unwrap(), Written::new(1, 0));
    assert_eq!(series(store, &table, 1), [10], "a lower limit holds from the next value on");

    // Neighbours: keys, rows and other tables.
    let many: Vec<Entry> = (2..40)
        .flat_map(|of| (0..5).map(move |event| (of, event)))
        .map(|(of, event)| entry(&table, of, event, 0, of * 100 + event))
        .collect();
    store.append(&table, &many, 4).unwrap();
    write(store, &table, &[entry(&table, 2, 0, 0, 7)]);
    assert_eq!(series(store, &table, 39), [3901, 3902, 3903, 3904]);
    let mut seen = Vec::new();
    store
        .read_series(table.id(), &keys([3, 77, 2]), &mut |place, row| {
            seen.push((place, super::kit::number_in(&table, &key(0), row)));
            Ok(())
        })
        .unwrap();
    let due: Vec<(usize, i64)> =
        [(0, 301), (0, 302), (0, 303), (0, 304), (2, 201), (2, 202), (2, 203), (2, 204)].to_vec();
    assert_eq!(seen, due, "several series in one call, the keys in order");
    assert_eq!(numbers(store, &table, &keys([2, 3])), [Some(7), None], "series and rows are apart");
}

pub(super) fn threads_agree(store: &dyn OnlineStore) {
    let table = table("series-threads");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let table = &table;
            scope.spawn(move || {
                for round in 0..10 {
                    let event = round * 4 + thread;
                    store.append(table, &[entry(table, 1, event, 0, event)], 5).unwrap();
                }
            });
        }
    });
    assert_eq!(series(store, &table, 1), [35, 36, 37, 38, 39], "no value of several threads is lost");
}
