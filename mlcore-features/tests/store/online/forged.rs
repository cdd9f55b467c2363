//! Bytes that no row has are an error and nothing worse: changed, cut, made up, or of another table.

use mlcore::schema::{DType, Field};
use mlcore_features::store::key::EntityKey;
use mlcore_features::store::online::{Cell, Stamp, Table, TableId};
use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::rows::{many, pack, table_of};
use super::{at, entry, key, table};

/// Reads everything of the bytes, and says with which kind of error it ends.
fn read(table: &Table, key: &EntityKey, bytes: &[u8]) -> Result<(), &'static str> {
    let row = table.unpack(key, bytes).map_err(|error| error.kind())?;
    for place in 0..row.len() {
        if let Some(list) = row.cell(place).map_err(|error| error.kind())?.list() {
            assert_eq!(list.iter().count(), list.len());
        }
    }
    Ok(())
}

/// Puts the checksum right, as somebody who forges a row would.
fn sign(bytes: &mut [u8]) {
    if bytes.len() >= 28 {
        let (before, after) = (xxh3_64(&bytes[..24]), xxh3_64(&bytes[28..]));
        bytes[24..28].copy_from_slice(&((after ^ (before >> 32)) as u32).to_le_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_changed_row_is_refused(made in many(), place: prop::sample::Index, bits in 1..=255u8) {
        let table = table_of(&made);
        let mut bytes = pack(&table, Stamp::new(at(5), at(6)), &made);
        let place = place.index(bytes.len());
        bytes[place] ^= bits;
        prop_assert!(read(&table, &key(1), &bytes).is_err());
    }

    #[test]
    fn a_forged_row_does_no_harm(
        made in many(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut: prop::sample::Index,
        tail in prop::collection::vec(any::<u8>(), 0..4),
        is_cut: bool,
    ) {
        let table = table_of(&made);
        let mut bytes = pack(&table, Stamp::new(at(5), at(6)), &made);
        if is_cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        bytes.extend(tail);
        for (place, byte) in changes {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
        }
        sign(&mut bytes);
        let result = read(&table, &key(1), &bytes);
        prop_assert!(matches!(result, Ok(()) | Err("corrupt" | "schema_mismatch")), "{:?}", result);
    }

    #[test]
    fn bytes_of_anything_are_refused(made in many(), mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let table = table_of(&made);
        prop_assert!(read(&table, &key(1), &bytes).is_err());
        sign(&mut bytes);
        prop_assert!(read(&table, &key(1), &bytes).is_err());
    }
}

#[test]
fn an_error_names_the_table_and_the_entity() {
    let own = table();
    let bytes = entry(&own, 7, 0, 1).row().as_bytes().to_vec();
    let renamed = [Field::column("other", DType::Int64), Field::column("text", DType::String).nullable()];
    let renamed = Table::new(own.id().clone(), renamed).unwrap();
    let mut later = bytes.clone();
    later[0] = 2;
    for (table, bytes, kind, expected) in [
        (&own, &bytes[..20], "corrupt", "checksum"),
        (&own, &[][..], "corrupt", "no byte"),
        (
            &own,
            later.as_slice(),
            "corrupt",
            "version 2, and this build reads version 1; read it with the build",
        ),
        (&renamed, bytes.as_slice(), "schema_mismatch", "with other features"),
    ] {
        let error = table.unpack(&key(7), bytes).unwrap_err();
        let text = error.to_string();
        assert!(error.kind() == kind && text.contains(expected), "{error}");
        assert!(text.contains("shop/customers@1, entity customer_id=7"), "{error}");
    }
    let nullable = [Field::column("number", DType::Int64).nullable(), Field::column("text", DType::String)];
    let nullable = Table::new(TableId::new("shop", "customers", 1).unwrap(), nullable).unwrap();
    let row = nullable.unpack(&key(7), &bytes).expect("whether a feature may be null may change later");
    assert_eq!(row.cell(0).unwrap(), Cell::from(1i64));
}
