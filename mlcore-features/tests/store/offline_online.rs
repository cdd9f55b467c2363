//! Training reads what serving read: the join at a time, and the online store that was filled by then and is read then.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mlcore::arrow::array::{
    Array, AsArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use mlcore::arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use mlcore::batch::Value;
use mlcore::schema::{DType, Field};
use mlcore::time::Timestamp;
use mlcore_features::store::key::EntityKey;
use mlcore_features::store::offline::{Latest, PointInTimeJoin, View};
use mlcore_features::store::online::{
    Answer, Cell, Entry, MemoryStore, OnlineStore, PreparedQuery, Stamp, Status, Table, TableId, WriteBatch,
};
use proptest::prelude::*;

/// A row of the view: its key, when it happened and when it became known, and its features, the float by its bits.
#[derive(Clone, Debug)]
struct Row {
    key: (i64, &'static str),
    event: i64,
    created: i64,
    float: Option<u64>,
    number: Option<i64>,
    text: Option<String>,
}

fn row() -> impl Strategy<Value = Row> {
    let bits = prop_oneof![
        any::<u64>(),
        prop::sample::select(vec![
            (-0.0_f64).to_bits(),
            f64::NAN.to_bits() | 7,
            f64::NEG_INFINITY.to_bits(),
            5e-324_f64.to_bits(),
        ]),
    ];
    let features = (
        prop::option::weighted(0.8, bits),
        prop::option::weighted(0.8, any::<i64>()),
        prop::option::weighted(0.8, ".{0,20}"),
    );
    // Some rows become known long after they happened, and some before.
    let times = (0..40_i64, prop_oneof![Just(0_i64), -3..25_i64]);
    (0..4_i64, prop::sample::select(vec!["a", "b"]), times, features).prop_map(
        |(number, word, (event, late), (float, whole, text))| Row {
            key: (number, word),
            event,
            created: event + late,
            float,
            number: whole,
            text,
        },
    )
}

fn table(rows: &[&Row]) -> RecordBatch {
    let ints = |of: fn(&Row) -> i64| Int64Array::from_iter_values(rows.iter().map(|row| of(row)));
    let times =
        |of: fn(&Row) -> i64| TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| of(row)));
    RecordBatch::try_from_iter([
        ("number", Arc::new(ints(|row| row.key.0)) as _),
        ("word", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.key.1))) as _),
        ("event", Arc::new(times(|row| row.event)) as _),
        ("created", Arc::new(times(|row| row.created)) as _),
        (
            "float",
            Arc::new(rows.iter().map(|row| row.float.map(f64::from_bits)).collect::<Float64Array>()) as _,
        ),
        ("whole", Arc::new(rows.iter().map(|row| row.number).collect::<Int64Array>()) as _),
        ("text", Arc::new(rows.iter().map(|row| row.text.clone()).collect::<StringArray>()) as _),
    ])
    .unwrap()
}

fn view(rows: RecordBatch, ttl: u64) -> View<'static> {
    View::new("stats", rows, ["number", "word"], "event")
        .with_created_timestamp("created")
        .with_ttl(Duration::from_micros(ttl))
        .with_features(["float", "whole", "text"])
}

fn key(number: i64, word: &str) -> EntityKey {
    EntityKey::new([("number", number.into()), ("word", word.into())]).unwrap()
}

/// A value without a difference between two that have the same bits, and none for null.
#[derive(PartialEq, Eq, Debug)]
enum Bits {
    Float(u64),
    Whole(i64),
    Text(String),
}

fn bits(cell: Cell<'_>) -> Option<Bits> {
    match cell.value() {
        Some(Value::Null) => None,
        Some(Value::Float(float)) => Some(Bits::Float(float.to_bits())),
        Some(Value::Int(whole)) => Some(Bits::Whole(whole)),
        Some(Value::Text(text)) => Some(Bits::Text(text.to_owned())),
        other => panic!("{other:?}"),
    }
}

/// The features of a row of a table.
fn features(table: &RecordBatch, row: usize) -> [Option<Bits>; 3] {
    let (float, whole) =
        (table["float"].as_primitive::<Float64Type>(), table["whole"].as_primitive::<Int64Type>());
    let text = table["text"].as_string::<i32>();
    [
        (!float.is_null(row)).then(|| Bits::Float(float.value(row).to_bits())),
        (!whole.is_null(row)).then(|| Bits::Whole(whole.value(row))),
        (!text.is_null(row)).then(|| Bits::Text(text.value(row).to_owned())),
    ]
}

/// Writes the newest rows of a view as of a time.
fn materialize(store: &dyn OnlineStore, online: &Table, view: View<'_>, now: i64) {
    let newest = Latest::new(view).until(Timestamp::from_micros(now));
    for batch in newest.rows().unwrap() {
        let batch = batch.unwrap();
        let moments = |name: &str| batch[name].as_primitive::<TimestampMicrosecondType>().clone();
        let (event, created) = (moments("event"), moments("created"));
        let (numbers, words) =
            (batch["number"].as_primitive::<Int64Type>(), batch["word"].as_string::<i32>());
        let entry = |row: usize| {
            let stamp = Stamp::new(
                Timestamp::from_micros(event.value(row)),
                Timestamp::from_micros(created.value(row)),
            );
            let own = features(&batch, row);
            let cell = |bits: &Option<Bits>| match bits {
                None => Cell::NULL,
                Some(Bits::Float(float)) => Cell::from(f64::from_bits(*float)),
                Some(Bits::Whole(whole)) => Cell::from(*whole),
                Some(Bits::Text(_)) => Cell::NULL,
            };
            let text = batch["text"].as_string::<i32>();
            let text = if text.is_null(row) { Cell::NULL } else { Cell::from(text.value(row)) };
            let packed = online.pack(stamp, &[cell(&own[0]), cell(&own[1]), text]).unwrap();
            Entry::new(key(numbers.value(row), words.value(row)), packed)
        };
        let entries: Vec<Entry> = (0..batch.num_rows()).map(entry).collect();
        store.write(online, &WriteBatch::rows(&entries)).unwrap();
    }
}

/// Fills the store and reads it at one time after another, and joins at each of them.
fn check(
    store: &Arc<dyn OnlineStore>,
    rows: &[Row],
    ttl: u64,
    times: &BTreeSet<i64>,
) -> Result<(), TestCaseError> {
    let fields = [
        Field::column("float", DType::Float64).nullable(),
        Field::column("whole", DType::Int64).nullable(),
        Field::column("text", DType::String).nullable(),
    ];
    let id = TableId::new("shop", "stats", 1).unwrap();
    let mut online = Table::new(id, fields).unwrap();
    if ttl > 0 {
        online = online.with_ttl(Duration::from_micros(ttl));
    }
    let names = ["float", "whole", "text"];
    let query = PreparedQuery::new(Arc::clone(store), names.map(|name| (&online, name))).unwrap();
    // Every key that there may be, and one that is never.
    let entities: Vec<(i64, &str)> = (0..5).flat_map(|number| [(number, "a"), (number, "b")]).collect();
    let keys: Vec<EntityKey> = entities.iter().map(|(number, word)| key(*number, word)).collect();
    let all: Vec<&Row> = rows.iter().collect();
    let mut answer = Answer::default();
    for now in times {
        let known: Vec<&Row> = rows.iter().filter(|row| row.created <= *now).collect();
        materialize(&**store, &online, view(table(&known), ttl), *now);
        query.read(&keys, Timestamp::from_micros(*now), &mut answer).unwrap();

        let entity_rows = RecordBatch::try_from_iter([
            (
                "number",
                Arc::new(Int64Array::from_iter_values(entities.iter().map(|(number, _)| *number))) as _,
            ),
            ("word", Arc::new(StringArray::from_iter_values(entities.iter().map(|(_, word)| *word))) as _),
            ("asked", Arc::new(TimestampMicrosecondArray::from(vec![*now; entities.len()])) as _),
        ])
        .unwrap();
        let offline = view(table(&all), ttl).with_status("status").with_event_time("happened");
        let joined = PointInTimeJoin::new("asked").with(offline).run(&entity_rows).unwrap();
        let joined = joined.table();
        let happened = joined["happened"].as_primitive::<TimestampMicrosecondType>();
        for (row, entity) in entities.iter().enumerate() {
            let expected = features(joined, row);
            let status = joined["status"].as_string::<i32>().value(row);
            for (feature, expected) in expected.into_iter().enumerate() {
                let wanted = match (status, &expected) {
                    ("PRESENT", None) => Status::NullValue,
                    ("PRESENT", Some(_)) => Status::Present,
                    ("NOT_FOUND", None) => Status::NotFound,
                    ("OUTSIDE_MAX_AGE", None) => Status::OutsideMaxAge,
                    other => panic!("{other:?}"),
                };
                prop_assert_eq!(answer.status(row, feature), wanted, "{:?} at {}", entity, now);
                prop_assert_eq!(bits(answer.cell(row, feature)), expected, "{:?} at {}", entity, now);
                if status == "PRESENT" {
                    let event = answer.event_time(row, feature).map(Timestamp::as_micros);
                    prop_assert_eq!(event, Some(happened.value(row)));
                }
            }
        }
    }
    Ok(())
}

fn times() -> impl Strategy<Value = BTreeSet<i64>> {
    prop::collection::btree_set(0..70_i64, 1..5)
}

fn ttls() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0_u64), 1..40_u64]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_join_at_a_time_is_what_memory_answered_then(
        rows in prop::collection::vec(row(), 0..60),
        ttl in ttls(),
        times in times(),
    ) {
        let store: Arc<dyn OnlineStore> = Arc::new(MemoryStore::new());
        check(&store, &rows, ttl, &times)?;
    }
}

#[cfg(feature = "embedded")]
proptest! {
    // Each write is on the disk before it is acknowledged.
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_join_at_a_time_is_what_a_file_answered_then(
        rows in prop::collection::vec(row(), 0..60),
        ttl in ttls(),
        times in times(),
    ) {
        use mlcore_features::store::online::{EmbeddedOptions, EmbeddedStore};

        let folder = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions::default().with_cache_bytes(1 << 20);
        let store: Arc<dyn OnlineStore> = Arc::new(EmbeddedStore::open(folder.path().join("online.redb"), options).unwrap());
        check(&store, &rows, ttl, &times)?;
    }
}
