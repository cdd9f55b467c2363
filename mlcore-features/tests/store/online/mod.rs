//! The online store: rows, queries, the contract on every backend, and faults of the real servers and disks.

#[cfg(feature = "cache")]
mod cached;
#[cfg(feature = "conformance")]
mod conformance;
#[cfg(feature = "embedded")]
mod embedded;
mod forged;
#[cfg(all(feature = "embedded", unix))]
mod kill;
mod query;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "redis-tls")]
mod redis_tls;
mod rows;
#[cfg(feature = "redis")]
pub(crate) mod server;
#[cfg(feature = "conformance")]
mod violations;

use mlcore::schema::{DType, Field};
use mlcore::time::Timestamp;
use mlcore_features::store::key::EntityKey;
use mlcore_features::store::online::{Cell, Entry, OnlineStore, Stamp, Table, TableId, WriteBatch};

/// A table with a number and a text.
fn table() -> Table {
    let features = [Field::column("number", DType::Int64), Field::column("text", DType::String).nullable()];
    Table::new(TableId::new("shop", "customers", 1).unwrap(), features).unwrap()
}

fn key(of: i64) -> EntityKey {
    EntityKey::one("customer_id", of).unwrap()
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn entry(table: &Table, of: i64, event: i64, number: i64) -> Entry {
    let text = format!("row {number}");
    let row = table.pack(Stamp::new(at(event), at(event)), &[Cell::from(number), Cell::from(text.as_str())]);
    Entry::new(key(of), row.unwrap())
}

fn write(store: &dyn OnlineStore, table: &Table, rows: &[Entry]) {
    store.write(table, &WriteBatch::rows(rows)).unwrap();
}

/// The number of the row of a key.
fn number(store: &dyn OnlineStore, table: &Table, of: i64) -> mlcore::Result<Option<i64>> {
    let (keys, mut found) = ([key(of)], None);
    store.read(table.id(), &keys, &mut |_, row| {
        if let Some(row) = row {
            found = match table.unpack(&keys[0], row)?.cell(0)?.value() {
                Some(mlcore::batch::Value::Int(number)) => Some(number),
                other => panic!("{other:?}"),
            };
        }
        Ok(())
    })?;
    Ok(found)
}
