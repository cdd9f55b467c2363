//! What the suites write and read.

use mlcore::schema::{DType, Field};
use mlcore::time::Timestamp;

use crate::store::key::EntityKey;
use crate::store::online::{Cell, Entry, OnlineStore, Stamp, Table, TableId, WriteBatch, Written};

/// A table with a number and a text.
pub(super) fn table(view: &str) -> Table {
    let features = [Field::column("number", DType::Int64), Field::column("text", DType::String).nullable()];
    Table::new(TableId::new("suite", view, 1).unwrap(), features).unwrap()
}

pub(super) fn key(number: i64) -> EntityKey {
    EntityKey::one("id", number).unwrap()
}

pub(super) fn keys(numbers: impl IntoIterator<Item = i64>) -> Vec<EntityKey> {
    numbers.into_iter().map(key).collect()
}

pub(super) fn stamp(event: i64, created: i64) -> Stamp {
    Stamp::new(Timestamp::from_micros(event), Timestamp::from_micros(created))
}

/// A row of this key, whose number says which row it is.
pub(super) fn entry(table: &Table, of: i64, event: i64, created: i64, number: i64) -> Entry {
    let text = format!("row {number}");
    let row = table.pack(stamp(event, created), &[Cell::from(number), Cell::from(text.as_str())]).unwrap();
    Entry::new(key(of), row)
}

#[track_caller]
pub(super) fn write(store: &dyn OnlineStore, table: &Table, rows: &[Entry]) -> Written {
    store.write(table, &WriteBatch::rows(rows)).unwrap()
}

/// The numbers of the rows of these keys.
#[track_caller]
pub(super) fn numbers(store: &dyn OnlineStore, table: &Table, keys: &[EntityKey]) -> Vec<Option<i64>> {
    let mut numbers = Vec::new();
    store
        .read(table.id(), keys, &mut |place, row| {
            assert_eq!(place, numbers.len(), "each key is visited once, in order");
            numbers.push(row.map(|row| number_in(table, &keys[place], row)));
            Ok(())
        })
        .unwrap();
    assert_eq!(numbers.len(), keys.len(), "each key is visited");
    numbers
}

/// The numbers of the series of a key, the oldest first.
#[track_caller]
pub(super) fn series(store: &dyn OnlineStore, table: &Table, of: i64) -> Vec<i64> {
    let keys = [key(of)];
    let mut numbers = Vec::new();
    store
        .read_series(table.id(), &keys, &mut |place, row| {
            numbers.push(number_in(table, &keys[place], row));
            Ok(())
        })
        .unwrap();
    numbers
}

#[track_caller]
pub(super) fn number_in(table: &Table, key: &EntityKey, row: &[u8]) -> i64 {
    match table.unpack(key, row).unwrap().cell(0).unwrap().value() {
        Some(mlcore::batch::Value::Int(number)) => number,
        other => panic!("a row comes back as it was written, but its number is {other:?}"),
    }
}
