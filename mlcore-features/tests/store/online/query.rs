//! Prepared queries: names, order, several tables, and answers as numbers and as tables.

use std::sync::Arc;
use std::time::Duration;

use mlcore::arrow::array::{Array, AsArray};
use mlcore::arrow::datatypes::{DataType, Float32Type, Int64Type};
use mlcore::batch::Value;
use mlcore::schema::{DType, Dim, Field};
use mlcore_features::store::key::EntityKey;
use mlcore_features::store::online::{
    Answer, Cell, Entry, MemoryStore, PreparedQuery, QueryOptions, Stamp, Status, Table, TableId,
};

use super::{at, entry, key, table, write};

fn embeddings() -> Table {
    let features = [
        Field::tensor("pair", DType::Float32, [Dim::Dynamic, Dim::Fixed(2)]).nullable(),
        Field::tensor("any", DType::Int64, [Dim::Dynamic, Dim::Dynamic]).nullable(),
        Field::column("is_new", DType::Bool),
        Field::column("number", DType::UInt8).nullable(),
    ];
    let id = TableId::new("shop", "embeddings", 1).unwrap();
    Table::new(id, features).unwrap().with_ttl(Duration::from_secs(10))
}

fn store() -> Arc<MemoryStore> {
    let (store, own, lists) = (MemoryStore::new(), table(), embeddings());
    write(&store, &own, &[entry(&own, 1, 0, 11), entry(&own, 2, 5_000_000, 12)]);
    let stamp = |seconds: i64| Stamp::new(at(seconds * 1_000_000), at(0));
    let (pair, any) = ([0.5f32, 1e10], [7i64, 8, 9]);
    let row = [Cell::from(&pair[..]), Cell::from(&any[..]), Cell::from(true), Cell::from(255)];
    let nulls = [Cell::NULL, Cell::NULL, Cell::from(false), Cell::NULL];
    let row_of =
        |of, seconds, cells: &[Cell<'_>]| Entry::new(key(of), lists.pack(stamp(seconds), cells).unwrap());
    write(&store, &lists, &[row_of(1, 5, &row), row_of(2, 5, &nulls), row_of(3, -6, &row)]);
    Arc::new(store)
}

#[test]
fn features_come_in_the_order_of_the_query() {
    let (own, lists) = (table(), embeddings());
    let features = [(&lists, "is_new"), (&own, "text"), (&lists, "any"), (&lists, "pair")];
    let query = PreparedQuery::new(store(), features).unwrap();
    let names: Vec<&str> = query.features().map(Field::name).collect();
    assert_eq!(names, ["is_new", "text", "any", "pair"]);
    assert_eq!(query.tables().len(), 2);
    let mut answer = Answer::default();
    query.read(&[key(2), key(1), key(3), key(9)], at(5_000_000), &mut answer).unwrap();
    use Status::{NotFound, NullValue, OutsideMaxAge, Present};
    assert_eq!(answer.statuses(0), [Present, Present, NullValue, NullValue]);
    assert_eq!(answer.statuses(1), [Present; 4]);
    assert_eq!(answer.statuses(2), [OutsideMaxAge, NotFound, OutsideMaxAge, OutsideMaxAge]);
    assert_eq!(answer.statuses(3), [NotFound; 4]);
    assert!(
        answer.statuses(4).is_empty() && answer.event_time(4, 0).is_none() && answer.cell(4, 0).is_null()
    );
    assert_eq!(answer.event_time(2, 0), Some(at(-6_000_000)));
    assert_eq!(answer.event_time(2, 1), None);
    assert_eq!(answer.event_time(0, 3), Some(at(5_000_000)), "that of a null, too");
    assert_eq!(answer.cell(1, 1), Cell::from("row 11"));
    assert_eq!(answer.cell(1, 2), Cell::from(&[7i64, 8, 9][..]));
    assert_eq!(answer.cells(2).filter(|cell| cell.is_null()).count(), 4, "nothing expired is handed out");

    // The same answer again, smaller, and another query's.
    query.read(&[key(1)], at(5_000_000), &mut answer).unwrap();
    assert_eq!((answer.entities(), answer.statuses(1).len()), (1, 0));
    let other = PreparedQuery::new(store(), [(&own, "number")]).unwrap();
    other.read(&[key(1), key(2)], at(5_000_000), &mut answer).unwrap();
    assert_eq!(answer.cells(1).collect::<Vec<_>>(), [Cell::from(12i64)]);
    other.read(&[], at(0), &mut answer).unwrap();
    assert_eq!(answer.entities(), 0);
}

#[test]
fn answers_are_numbers() {
    let (own, lists) = (table(), embeddings());
    let features = [(&lists, "pair"), (&own, "number"), (&lists, "is_new")];
    let query = PreparedQuery::new(store(), features).unwrap();
    assert_eq!(query.numeric_width().unwrap(), 4);
    let mut answer = Answer::default();
    query.read(&[key(1), key(2), key(3)], at(5_000_000), &mut answer).unwrap();
    let mut numbers = [7.0; 12];
    answer.write_f64(&mut numbers).unwrap();
    let shown = |number: &f64| if number.is_nan() { "-".to_owned() } else { number.to_string() };
    let shown: Vec<String> = numbers.iter().map(shown).collect();
    assert_eq!(shown.join(" "), "0.5 10000000000 11 1 - - 12 0 - - - -");
    let mut narrow = [7.0f32; 12];
    answer.write_f32(&mut narrow).unwrap();
    let same =
        |(narrow, wide): (&f32, &f64)| f64::from(*narrow) == *wide || (narrow.is_nan() && wide.is_nan());
    assert!(narrow.iter().zip(&numbers).all(same));
    let error = answer.write_f64(&mut [0.0; 11]).unwrap_err();
    assert!(error.to_string().contains("11 places, and the answer has 12 numbers"), "{error}");
    assert!(Answer::default().write_f64(&mut []).is_ok());

    for (feature, table) in [("text", &own), ("any", &lists)] {
        let query = PreparedQuery::new(store(), [(&own, "number"), (table, feature)]).unwrap();
        let error = query.numeric_width().unwrap_err();
        assert!(error.kind() == "schema_mismatch" && error.to_string().contains(feature), "{error}");
        query.read(&[key(1)], at(0), &mut answer).unwrap();
        assert_eq!(answer.write_f64(&mut [0.0; 2]).unwrap_err().to_string(), error.to_string());
    }
}

#[test]
fn answers_are_tables() {
    let (own, lists) = (table(), embeddings());
    let features = [(&own, "text"), (&lists, "pair"), (&lists, "any"), (&lists, "number")];
    let query = PreparedQuery::new(store(), features).unwrap();
    let mut answer = Answer::default();
    query.read(&[key(1), key(2), key(3), key(4)], at(5_000_000), &mut answer).unwrap();
    let batch = answer.to_record_batch().unwrap();
    assert_eq!((batch.num_rows(), batch.num_columns()), (4, 4));
    let texts = batch.column(0).as_string::<i32>();
    assert_eq!(texts.iter().collect::<Vec<_>>(), [Some("row 11"), Some("row 12"), None, None]);
    assert!(matches!(batch.column(1).data_type(), DataType::FixedSizeList(_, 2)));
    let pairs = batch.column(1).as_fixed_size_list();
    assert_eq!(pairs.value(0).as_primitive::<Float32Type>().values(), &[0.5, 1e10]);
    let any = batch.column(2).as_list::<i32>();
    assert_eq!(any.value(0).as_primitive::<Int64Type>().values(), &[7, 8, 9]);
    for column in batch.columns() {
        let due = if Arc::ptr_eq(column, batch.column(0)) { 2 } else { 3 };
        assert_eq!(column.null_count(), due, "{column:?}");
    }
    query.read(&[], at(0), &mut answer).unwrap();
    assert_eq!(answer.to_record_batch().unwrap().num_rows(), 0);
    assert_eq!(Answer::default().to_record_batch().unwrap().num_columns(), 0);
}

#[test]
fn tables_may_have_keys_of_their_own() {
    let (own, lists) = (table(), embeddings());
    let query = PreparedQuery::new(store(), [(&own, "number"), (&lists, "number")]);
    let error = query.unwrap_err();
    assert!(error.to_string().contains("number: two features have this name; ask for it once"), "{error}");
    let options = QueryOptions::default().with_full_feature_names();
    let query =
        PreparedQuery::with_options(store(), [(&own, "number"), (&lists, "number")], options).unwrap();
    let names: Vec<&str> = query.features().map(Field::name).collect();
    assert_eq!(names, ["customers__number", "embeddings__number"]);
    let mut answer = Answer::default();
    let (customers, items) = ([key(2), key(1)], [key(1), key(2)]);
    query.read_by_table(&[&customers, &items], at(5_000_000), &mut answer).unwrap();
    assert_eq!(answer.cells(0).collect::<Vec<_>>(), [Cell::from(12i64), Cell::from(Value::UInt(255))]);
    assert_eq!(answer.cells(1).collect::<Vec<_>>(), [Cell::from(11i64), Cell::NULL]);
    for (keys, expected) in [
        (&[&customers[..]][..], "keys for 1 tables, and the query has 2"),
        (&[&customers[..], &items[..1]][..], "shop/embeddings@1: 1 keys, and the first table has 2"),
    ] {
        let error = query.read_by_table(keys, at(0), &mut answer).unwrap_err();
        assert!(error.kind() == "invalid_input" && error.to_string().contains(expected), "{error}");
        assert_eq!(answer.entities(), 0);
    }
}

#[test]
fn what_cannot_be_asked_is_refused_by_name() {
    let own = table();
    let error = PreparedQuery::new(store(), [(&own, "numbr")]).unwrap_err();
    let expected =
        r#"shop/customers@1, feature "numbr": the table has no such feature; ask for one of number, text"#;
    assert!(error.kind() == "not_found" && error.to_string().contains(expected), "{error}");
    let shorter = own.clone().with_ttl(Duration::from_secs(1));
    let error = PreparedQuery::new(store(), [(&own, "number"), (&shorter, "text")]).unwrap_err();
    assert!(error.to_string().contains("two tables of this name differ"), "{error}");

    // A row that something else wrote: no part of the answer is left.
    let features = [Field::column("number", DType::Float32), Field::column("text", DType::String).nullable()];
    let changed = Table::new(own.id().clone(), features).unwrap();
    let query = PreparedQuery::new(store(), [(&changed, "number")]).unwrap();
    let mut answer = Answer::default();
    let error = query.read(&[key(9), key(2)], at(0), &mut answer).unwrap_err();
    assert!(error.kind() == "schema_mismatch" && error.to_string().contains("customer_id=2"), "{error}");
    assert_eq!(answer.entities(), 0);
}

#[test]
fn keys_of_another_type_are_not_found() {
    let own = table();
    let query = PreparedQuery::new(store(), [(&own, "number")]).unwrap();
    let mut answer = Answer::default();
    let text = EntityKey::one("customer_id", "1").unwrap();
    query.read(&[text, key(1)], at(0), &mut answer).unwrap();
    assert_eq!([answer.status(0, 0), answer.status(1, 0)], [Status::NotFound, Status::Present]);
}
