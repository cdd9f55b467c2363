//! Features that are looked up by the entities of a request: what reaches the plan, the record, the counts.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mlcore::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use mlcore::batch::{Row, Value};
use mlcore::schema::{DType, Field, Schema};
use mlcore::time::Timestamp;
use mlcore::{Error, Result};
use mlcore_features::pipeline::{ColumnTransformer, Plan, Remainder};
use mlcore_features::store::key::EntityKey;
use mlcore_features::store::online::{
    Cell, EmbeddedOptions, EmbeddedStore, Entry, MemoryStore, OnlineStore, PreparedQuery, Stamp, Table,
    TableId, WriteBatch,
};
use mlcore_features::transform::SimpleImputer;
use mlcore_serve::Endpoint;
use mlcore_serve::endpoint::{
    Clock, FeatureLookup, FeatureStatus, OnConflict, OnFailure, OnMissing, Record, RecordedInput, Request,
};

use crate::features::{dense, endpoint};
use crate::support::{ManualClock, unit};

pub(crate) const TTL: Duration = Duration::from_secs(3600);

/// Of drivers: trips, and a rating.
pub(crate) fn drivers() -> Table {
    let features =
        [Field::column("trips", DType::Int64).nullable(), Field::column("rating", DType::Float64).nullable()];
    Table::new(TableId::new("taxi", "drivers", 1).unwrap(), features).unwrap().with_ttl(TTL)
}

pub(crate) fn driver(id: i64) -> EntityKey {
    EntityKey::one("driver_id", id).unwrap()
}

/// Writes what a driver had so many seconds before the clock's time.
pub(crate) fn write(store: &dyn OnlineStore, clock: &ManualClock, id: i64, cells: [Cell<'_>; 2], ago: u64) {
    let event = Timestamp::from_micros(clock.now().as_micros() - ago as i64 * 1_000_000);
    let row = drivers().pack(Stamp::new(event, event), &cells).unwrap();
    store.write(&drivers(), &WriteBatch::rows(&[Entry::new(driver(id), row)])).unwrap();
}

/// A plan that reads an amount of the request, trips and a rating, and imputes the two, by 10 and 2.5.
pub(crate) fn plan() -> Plan {
    let columns: [(&str, ArrayRef, bool); 3] = [
        ("amount", Arc::new(Float64Array::from(vec![1.0, 3.0, 5.0])), false),
        ("trips", Arc::new(Int64Array::from(vec![Some(0), Some(20), None])), true),
        ("rating", Arc::new(Float64Array::from(vec![Some(1.0), Some(4.0), None])), true),
    ];
    let table = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    ColumnTransformer::new()
        .with("impute", SimpleImputer::default(), ["trips", "rating"])
        .remainder(Remainder::Passthrough)
        .fit(&table)
        .unwrap()
}

/// What the model answers: trips, twice the rating, three times the amount.
pub(crate) fn answer(trips: f64, rating: f64, amount: f64) -> f64 {
    trips + 2.0 * rating + 3.0 * amount
}

pub(crate) fn lookup(store: Arc<dyn OnlineStore>) -> FeatureLookup {
    let query = PreparedQuery::new(store, [(&drivers(), "rating"), (&drivers(), "trips")]).unwrap();
    FeatureLookup::new(Arc::new(query), [Field::column("driver_id", DType::Int64)]).unwrap()
}

pub(crate) type Records = Arc<Mutex<Vec<Record>>>;

/// An endpoint with this lookup, by this clock, and its records.
pub(crate) fn served(lookup: FeatureLookup, clock: &ManualClock) -> Result<(Endpoint, Records)> {
    let (_place, builder) = endpoint(&plan(), dense(3));
    let records = Records::default();
    let sink = records.clone();
    let endpoint = builder
        .with_lookup(lookup)
        .with_clock(clock.clone())
        .with_sink(move |record: &Record| sink.lock().unwrap().push(record.clone()))
        .build()?;
    Ok((endpoint, records))
}

pub(crate) fn amount(value: f64) -> [Value<'static>; 1] {
    [Value::Float(value)]
}

pub(crate) fn ask(endpoint: &Endpoint, key: &EntityKey, value: f64) -> Result<f64> {
    let (unit, values) = (unit(1), amount(value));
    let request = Request::row(&unit, Row::unchecked(&values)).with_entity(key);
    Ok(endpoint.predict(request)?.outputs.tensor("y")?.values::<f64>()?[0])
}

fn stores(folder: &tempfile::TempDir) -> Vec<Arc<dyn OnlineStore>> {
    let file = EmbeddedStore::open(folder.path().join("online.redb"), EmbeddedOptions::default()).unwrap();
    vec![Arc::new(MemoryStore::new()), Arc::new(file)]
}

#[test]
fn features_of_the_entity_reach_the_plan_and_the_record() {
    let folder = tempfile::tempdir().unwrap();
    for store in stores(&folder) {
        let clock = ManualClock::default();
        write(&*store, &clock, 7, [Cell::from(12i64), Cell::from(4.5)], 30);
        write(&*store, &clock, 8, [Cell::from(3i64), Cell::NULL], 0);
        write(&*store, &clock, 9, [Cell::from(3i64), Cell::from(1.0)], 2 * 3600);
        let (endpoint, records) = served(lookup(store), &clock).unwrap();
        assert_eq!(endpoint.request_columns().names().collect::<Vec<_>>(), ["amount"]);
        assert_eq!(endpoint.join_keys().names().collect::<Vec<_>>(), ["driver_id"]);

        assert_eq!(ask(&endpoint, &driver(7), 2.0).unwrap(), answer(12.0, 4.5, 2.0));
        assert_eq!(ask(&endpoint, &driver(8), 2.0).unwrap(), answer(3.0, 2.5, 2.0), "a null is imputed");
        assert_eq!(ask(&endpoint, &driver(9), 2.0).unwrap(), answer(10.0, 2.5, 2.0), "an old value is none");
        assert_eq!(
            ask(&endpoint, &driver(1), 2.0).unwrap(),
            answer(10.0, 2.5, 2.0),
            "nobody knows the driver"
        );
        endpoint.process();

        let records = records.lock().unwrap();
        let told: Vec<Vec<(&str, FeatureStatus, Option<f64>)>> =
            records.iter().map(|record| record.looked_up.of_entity(0).collect()).collect();
        let both = |status, age| vec![("rating", status, age), ("trips", status, age)];
        assert_eq!(told[0], both(FeatureStatus::Present, Some(30.0)));
        assert_eq!(
            told[1],
            [("rating", FeatureStatus::NullValue, Some(0.0)), ("trips", FeatureStatus::Present, Some(0.0))]
        );
        assert_eq!(told[2], both(FeatureStatus::OutsideMaxAge, Some(7200.0)));
        assert_eq!(told[3], both(FeatureStatus::NotFound, None));
        assert_eq!(records[0].looked_up.entities(), [driver(7)]);
        // The record holds what the plan read.
        let RecordedInput::Row(row) = &records[0].input else { panic!("{:?}", records[0].input) };
        let columns = records[0].columns.as_ref().unwrap();
        let pairs: Vec<_> = columns.names().zip(row.values()).collect();
        assert!(pairs.contains(&("trips", Value::Int(12))) && pairs.contains(&("amount", Value::Float(2.0))));
        // And comes back from its line.
        let line = serde_json::to_string(&records[1]).unwrap();
        let read: Record = serde_json::from_str(&line).unwrap();
        assert_eq!(read.looked_up, records[1].looked_up);

        let counts = endpoint.lookup_counts();
        assert_eq!((counts[0].lookup.as_str(), counts[0].read, counts[0].failed), ("driver_id", 4, 0));
        let rating = &counts[0].features[0];
        assert_eq!(rating.feature, "rating");
        assert_eq!(rating.statuses.iter().map(|(_, count)| count).sum::<u64>(), 4);
        assert_eq!(rating.last_age_seconds, Some(30.0));
    }
}

#[test]
fn a_value_expires_while_the_endpoint_runs() {
    let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::default());
    write(&*store, &clock, 7, [Cell::from(12i64), Cell::from(4.5)], 0);
    let (endpoint, _) = served(lookup(store), &clock).unwrap();
    clock.advance(TTL);
    assert_eq!(ask(&endpoint, &driver(7), 1.0).unwrap(), answer(12.0, 4.5, 1.0), "its last microsecond");
    clock.advance(Duration::from_micros(1));
    assert_eq!(ask(&endpoint, &driver(7), 1.0).unwrap(), answer(10.0, 2.5, 1.0));
}

#[test]
fn a_table_has_an_entity_for_each_row_or_one_for_all() {
    let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::default());
    for id in 0..5 {
        write(&*store, &clock, id, [Cell::from(id), Cell::from(id as f64 / 2.0)], 1);
    }
    let (endpoint, records) = served(lookup(store), &clock).unwrap();
    let table = |amounts: Vec<f64>| {
        let amounts = Arc::new(Float64Array::from(amounts)) as ArrayRef;
        Arc::new(RecordBatch::try_from_iter([("amount", amounts)]).unwrap())
    };
    let unit = unit(1);
    let answers = |request: Request<'_>| -> Result<Vec<f64>> {
        Ok(endpoint.predict(request)?.outputs.tensor("y")?.values::<f64>()?.to_vec())
    };
    let three = table(vec![1.0, 2.0, 3.0]);
    let keys = [driver(4), driver(99), driver(1)];
    let own = answers(Request::table(&unit, &three).with_entities(&keys)).unwrap();
    assert_eq!(own, [answer(4.0, 2.0, 1.0), answer(10.0, 2.5, 2.0), answer(1.0, 0.5, 3.0)]);
    let all = answers(Request::table(&unit, &three).with_entity(&keys[0])).unwrap();
    assert_eq!(all, [1.0, 2.0, 3.0].map(|amount| answer(4.0, 2.0, amount)));

    for (request, expected) in [
        (Request::table(&unit, &three).with_entities(&keys[..2]), "there are 2, and the table has 3 rows"),
        (Request::entity(&unit, &keys[0]), "expected 1 values, got 0; send the columns amount"),
        (Request::row(&unit, Row::unchecked(&amount(1.0))).with_entities(&keys), "there are 3 with one row"),
        (Request::tensors(&unit, &crate::support::row()).with_entity(&keys[0]), "brings tensors"),
    ] {
        let error = answers(request).unwrap_err();
        assert!(error.is_caller_fault() && error.to_string().contains(expected), "{error}");
        assert!(!error.to_string().contains("::"), "{error}");
    }
    let missing = Arc::new(three.project(&[]).unwrap());
    let error = answers(Request::table(&unit, &missing).with_entities(&keys)).unwrap_err();
    assert!(error.is_caller_fault() && error.to_string().contains("amount"), "{error}");
    endpoint.process();
    let records = records.lock().unwrap();
    assert_eq!(records[0].looked_up.entities(), keys);
    assert_eq!(records[0].looked_up.of_entity(1).next().unwrap().1, FeatureStatus::NotFound);
    assert_eq!(endpoint.counts().failures, 0, "mistakes of callers are no failures of the arm");
}

#[test]
fn records_by_name_leave_away_what_is_looked_up() {
    let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::default());
    write(&*store, &clock, 7, [Cell::from(12i64), Cell::from(4.5)], 0);
    let (endpoint, _) = served(lookup(store.clone()), &clock).unwrap();
    let (unit, key) = (unit(1), driver(7));
    let read = |endpoint: &Endpoint, json: &str| -> Result<f64> {
        let mut records = endpoint.records()?.with_strict_names();
        let prediction = records
            .read_json(json.as_bytes(), |row| endpoint.predict(Request::row(&unit, row).with_entity(&key)))?;
        Ok(prediction.outputs.tensor("y")?.values::<f64>()?[0])
    };
    assert_eq!(read(&endpoint, r#"{"amount": 2}"#).unwrap(), answer(12.0, 4.5, 2.0));
    assert_eq!(read(&endpoint, r#"{"amount": 2, "trips": null}"#).unwrap(), answer(12.0, 4.5, 2.0));
    let error = read(&endpoint, r#"{"rating": 1.0}"#).unwrap_err();
    assert!(error.to_string().contains("amount"), "{error}");

    // A value for a column that is looked up: nobody wins, unless the lookup says who.
    let sent = r#"{"amount": 2, "trips": 100}"#;
    let error = read(&endpoint, sent).unwrap_err();
    assert!(
        matches!(error, Error::InvalidInput(_)) && error.to_string().contains("trips: the request brings")
    );
    for (conflict, trips) in [(OnConflict::Request, 100.0), (OnConflict::Store, 12.0)] {
        let (endpoint, records) = served(lookup(store.clone()).with_conflict(conflict), &clock).unwrap();
        assert_eq!(read(&endpoint, sent).unwrap(), answer(trips, 4.5, 2.0));
        let columns: [(&str, ArrayRef); 2] = [
            ("trips", Arc::new(Int64Array::from(vec![Some(100), None]))),
            ("amount", Arc::new(Float64Array::from(vec![2.0, 2.0]))),
        ];
        let table = Arc::new(RecordBatch::try_from_iter(columns).unwrap());
        let answers = endpoint.predict(Request::table(&unit, &table).with_entity(&key)).unwrap();
        let answers = answers.outputs.tensor("y").unwrap().values::<f64>().unwrap().to_vec();
        // One entity for two rows: what a row sent is that row's alone.
        assert_eq!(answers, [answer(trips, 4.5, 2.0), answer(12.0, 4.5, 2.0)]);
        endpoint.process();
        let status = records.lock().unwrap()[0].looked_up.of_entity(0).nth(1).unwrap().1;
        let expected =
            if conflict == OnConflict::Request { FeatureStatus::Sent } else { FeatureStatus::Present };
        assert_eq!(status, expected);
    }
}

#[test]
fn missing_features_are_null_default_or_refused_by_their_status() {
    let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::default());
    write(&*store, &clock, 1, [Cell::NULL, Cell::from(4.0)], 0);
    write(&*store, &clock, 3, [Cell::from(3i64), Cell::from(4.0)], 2 * 3600);
    let cases = [
        (FeatureStatus::NullValue, 1, answer(7.0, 4.0, 1.0), "invalid_input", "driver_id=1, feature trips"),
        (FeatureStatus::NotFound, 2, answer(7.0, 3.5, 1.0), "invalid_input", "driver_id=2, feature rating"),
        (
            FeatureStatus::OutsideMaxAge,
            3,
            answer(7.0, 3.5, 1.0),
            "unavailable",
            "driver_id=3, feature rating",
        ),
    ];
    for (status, id, with_defaults, kind, subject) in cases {
        let own =
            || lookup(store.clone()).with_default("trips", 7).unwrap().with_default("rating", 3.5).unwrap();
        let (endpoint, _) = served(own().with_missing(status, OnMissing::Default).unwrap(), &clock).unwrap();
        assert_eq!(ask(&endpoint, &driver(id), 1.0).unwrap(), with_defaults, "{status}");
        let (endpoint, records) =
            served(own().with_missing(status, OnMissing::Refuse).unwrap(), &clock).unwrap();
        let error = ask(&endpoint, &driver(id), 1.0).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(subject) && error.to_string().contains(status.name()), "{error}");
        endpoint.process();
        // The record says why.
        let records = records.lock().unwrap();
        assert!(records[0].looked_up.of_entity(0).any(|(_, own, _)| own == status));
        assert_eq!((records[0].error, endpoint.counts().failures), (Some(kind), 0));
    }
}

#[test]
fn what_cannot_work_is_refused_when_the_endpoint_is_built() {
    let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::default());
    let of = |features: Vec<Field>, names: &[&str]| {
        let table = Table::new(TableId::new("taxi", "others", 1).unwrap(), features).unwrap();
        let query = PreparedQuery::new(store.clone(), names.iter().map(|name| (&table, *name))).unwrap();
        FeatureLookup::new(Arc::new(query), [Field::column("driver_id", DType::Int64)])
    };
    let built = |lookup: FeatureLookup| served(lookup, &clock).unwrap_err();
    let text = of(vec![Field::column("trips", DType::String)], &["trips"]).unwrap();
    let error = built(text);
    assert!(matches!(error, Error::SchemaMismatch(_)), "{error}");
    assert!(
        error.to_string().contains("column trips: the plan reads int64, and the feature store has string")
    );

    let error = built(of(vec![Field::column("tips", DType::Int64)], &["tips"]).unwrap());
    assert!(error.to_string().contains("tips: no version reads any of them: the plans read"), "{error}");

    // `amount` is not nullable, and a missing feature would be null.
    let amounts = || of(vec![Field::column("amount", DType::Float64)], &["amount"]).unwrap();
    let error = built(amounts());
    assert!(error.to_string().contains("column amount: a feature that is missing is null"), "{error}");
    let all = [FeatureStatus::NullValue, FeatureStatus::NotFound, FeatureStatus::OutsideMaxAge];
    let refusing =
        all.iter().fold(amounts(), |lookup, status| lookup.with_missing(*status, OnMissing::Refuse).unwrap());
    served(refusing, &clock).unwrap();

    let error = built(lookup(store.clone()).with_failure(OnFailure::Defaults));
    assert!(error.to_string().contains("rating: a default may be asked for, and it has none"), "{error}");
    let error = lookup(store.clone()).with_default("trips", "many").unwrap_err();
    assert!(matches!(error, Error::SchemaMismatch(_)) && error.to_string().contains("trips"), "{error}");
    assert_eq!(lookup(store.clone()).with_default("tips", 1).unwrap_err().kind(), "not_found");
    assert!(lookup(store.clone()).with_missing(FeatureStatus::Present, OnMissing::Null).is_err());
    let list =
        Field::tensor("e", DType::Float32, [mlcore::schema::Dim::Dynamic, mlcore::schema::Dim::Fixed(3)]);
    assert_eq!(of(vec![list], &["e"]).unwrap_err().kind(), "unsupported");

    let (_place, builder) = endpoint(&plan(), dense(3));
    let error = builder.with_lookup(lookup(store.clone())).with_lookup(lookup(store)).build().unwrap_err();
    assert!(error.to_string().contains("rating: two lookups answer this feature"), "{error}");
}

#[test]
fn entities_are_found_out_by_their_join_keys() {
    let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::default());
    write(&*store, &clock, 7, [Cell::from(12i64), Cell::from(4.5)], 0);
    let (endpoint, _) = served(lookup(store), &clock).unwrap();
    // More join keys than this lookup's are those of others.
    let more = EntityKey::new([("shop", Value::Text("a")), ("driver_id", Value::Int(7))]).unwrap();
    assert_eq!(ask(&endpoint, &more, 1.0).unwrap(), answer(12.0, 4.5, 1.0));
    for (key, expected) in [
        (EntityKey::one("user", 7).unwrap(), "driver_id: the entity user=7 does not have this join key"),
        (EntityKey::one("driver_id", "7").unwrap(), "driver_id: the entity"),
    ] {
        let error = ask(&endpoint, &key, 1.0).unwrap_err();
        assert!(error.is_caller_fault() && error.to_string().contains(expected), "{error}");
    }
    // Without a lookup entities are a mistake, and without entities a request brings everything itself.
    let (_place, builder) = crate::features::endpoint(&plan(), dense(3));
    let bare = builder.build().unwrap();
    let error = ask(&bare, &driver(7), 1.0).unwrap_err();
    assert!(error.to_string().contains("looks no features up"), "{error}");
    let schema = Schema::new(endpoint.columns().fields().iter().cloned()).unwrap();
    let values: Vec<Value<'_>> = schema
        .names()
        .map(|name| match name {
            "trips" => Value::Int(1),
            "rating" => Value::Float(2.0),
            _ => Value::Float(3.0),
        })
        .collect();
    let whole = endpoint.predict(Request::row(&unit(1), Row::new(&values, &schema).unwrap())).unwrap();
    assert_eq!(whole.outputs.tensor("y").unwrap().values::<f64>().unwrap(), [answer(1.0, 2.0, 3.0)]);
}

#[test]
fn a_release_that_cannot_take_the_features_is_refused_and_what_answers_goes_on() {
    let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::default());
    write(&*store, &clock, 7, [Cell::from(12i64), Cell::from(4.5)], 0);
    let (place, builder) = endpoint(&plan(), dense(3));
    let endpoint = builder.with_lookup(lookup(store)).with_clock(clock).build().unwrap();
    let texts: [(&str, ArrayRef, bool); 1] =
        [("trips", Arc::new(StringArray::from(vec![Some("a"), None])), true)];
    let table = RecordBatch::try_from_iter_with_nullable(texts).unwrap();
    let encode = mlcore_features::transform::OneHotEncoder::default();
    let other = ColumnTransformer::new().with("encode", encode, ["trips"]).fit(&table).unwrap();
    place.point("champion", crate::features::register(&place, &other, dense(other.width())));
    let error = endpoint.refresh().unwrap_err();
    assert!(
        matches!(error, Error::SchemaMismatch(_)) && error.to_string().contains("column trips"),
        "{error}"
    );
    assert_eq!(ask(&endpoint, &driver(7), 1.0).unwrap(), answer(12.0, 4.5, 1.0));

    // A version that reads less of it answers.
    let numbers: [(&str, ArrayRef, bool); 1] =
        [("rating", Arc::new(Float64Array::from(vec![Some(0.0), None])), true)];
    let table = RecordBatch::try_from_iter_with_nullable(numbers).unwrap();
    let less =
        ColumnTransformer::new().with("impute", SimpleImputer::default(), ["rating"]).fit(&table).unwrap();
    place.point("champion", crate::features::register(&place, &less, dense(1)));
    endpoint.refresh().unwrap();
    let only = endpoint.predict(Request::entity(&unit(1), &driver(7))).unwrap();
    assert_eq!(only.outputs.tensor("y").unwrap().values::<f64>().unwrap(), [4.5]);
}
