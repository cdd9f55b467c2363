use mlcore::schema::{DType, Field};

use super::kit::{entry, key, keys, numbers, stamp, table, write};
use crate::store::online::{Entry, OnlineStore, Stamp, Swap, Table, TableId};

/// A swap of the row of this key, whose stamp is created at `created`.
fn swap(table: &Table, of: i64, expected: Option<Stamp>, created: i64, number: i64) -> Swap {
    Swap::new(expected, entry(table, of, 0, created, number))
}

pub(super) fn are_whole(store: &dyn OnlineStore) {
    let own = table("swaps");
    let swapped = |swaps: &[Swap]| store.swap(&own, swaps).unwrap();
    assert!(swapped(&[]), "nothing is as it was");
    assert!(!swapped(&[swap(&own, 1, Some(stamp(0, 1)), 2, 1)]), "a row that is not there has no stamp");
    assert!(!swapped(&[swap(&own, 1, None, 1, 1), swap(&own, 2, Some(stamp(0, 1)), 2, 2)]));
    assert_eq!(numbers(store, &own, &keys([1, 2])), [None, None], "a swap that is refused leaves nothing");
    assert!(swapped(&[swap(&own, 1, None, 1, 11), swap(&own, 2, None, 1, 12)]));
    assert_eq!(
        numbers(store, &own, &keys([1, 2])),
        [Some(11), Some(12)],
        "where there were none, they are put"
    );
    assert!(
        !swapped(&[swap(&own, 3, None, 1, 13), swap(&own, 2, None, 2, 22)]),
        "a row that is there is something"
    );
    let read = Some(stamp(0, 1));
    assert!(
        !swapped(&[swap(&own, 1, read, 2, 21), swap(&own, 2, Some(stamp(1, 1)), 2, 22)]),
        "another event"
    );
    assert!(
        !swapped(&[swap(&own, 1, read, 2, 21), swap(&own, 2, Some(stamp(0, 2)), 2, 22)]),
        "another creation"
    );
    assert_eq!(numbers(store, &own, &keys([1, 2, 3])), [Some(11), Some(12), None], "and nothing was changed");
    assert!(swapped(&[swap(&own, 1, read, 2, 21), swap(&own, 2, read, 2, 22), swap(&own, 3, None, 2, 23)]));
    assert_eq!(numbers(store, &own, &keys([1, 2, 3])), [Some(21), Some(22), Some(23)]);
    assert!(!swapped(&[swap(&own, 1, read, 3, 31)]), "what was read before is out of date");
    assert!(swapped(&[swap(&own, 1, Some(stamp(0, 2)), -5, 31)]), "a swap need not be newer");
    assert_eq!(numbers(store, &own, &keys([1])), [Some(31)]);
    store.delete(own.id(), &keys([1])).unwrap();
    assert!(!swapped(&[swap(&own, 1, Some(stamp(0, -5)), 4, 41)]), "a row that is gone is nothing");
    write(store, &own, &[entry(&own, 2, 0, 9, 92)]);
    assert!(!swapped(&[swap(&own, 2, Some(stamp(0, 2)), 3, 32)]), "a write is seen");
    let many: Vec<Swap> = (100..1700).map(|of| swap(&own, of, None, 1, of)).collect();
    assert!(swapped(&many), "many rows in one step");
    assert_eq!(numbers(store, &own, &keys([100, 1699])), [Some(100), Some(1699)]);
    assert!(store.tables().unwrap().contains(own.id()), "a table that was swapped into is one");

    let features = [Field::column("number", DType::Int32), Field::column("text", DType::String).nullable()];
    let foreign = Table::new(TableId::new("suite", "swaps", 1).unwrap(), features).unwrap();
    let swaps =
        [swap(&own, 8, None, 1, 8), Swap::new(None, Entry::clone(swap(&foreign, 9, None, 1, 9).entry()))];
    let error = store.swap(&own, &swaps).unwrap_err();
    assert!(error.kind() == "schema_mismatch" && error.to_string().contains("id=9"), "{error}");
    assert_eq!(numbers(store, &own, &keys([8])), [None], "a batch that is refused leaves nothing");
}

/// Several threads count in two rows at once, by reading and swapping.
pub(super) fn threads_lose_nothing(store: &dyn OnlineStore) {
    const ROUNDS: i64 = 25;
    const THREADS: i64 = 4;
    let table = table("swaps-threads");
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let table = &table;
            scope.spawn(move || {
                let mut done = 0;
                while done < ROUNDS {
                    let (mut found, places) = (Vec::new(), keys([1, 2]));
                    store
                        .read(table.id(), &places, &mut |place, row| {
                            found.push(row.map(|row| {
                                let stamp = table.unpack(&places[place], row).unwrap().stamp();
                                (stamp, super::kit::number_in(table, &key(0), row))
                            }));
                            Ok(())
                        })
                        .unwrap();
                    let swaps: Vec<Swap> = (1..)
                        .zip(&found)
                        .map(|(of, found)| {
                            let next = found.map_or(1, |(_, number)| number + 1);
                            swap(table, of, found.map(|(stamp, _)| stamp), next, next)
                        })
                        .collect();
                    done += i64::from(store.swap(table, &swaps).unwrap());
                }
            });
        }
    });
    let due = Some(ROUNDS * THREADS);
    assert_eq!(numbers(store, &table, &keys([1, 2])), [due, due], "no count of several threads is lost");
}
