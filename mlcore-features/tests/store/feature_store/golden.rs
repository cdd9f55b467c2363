//! The store against a `feast.FeatureStore` on the same tables (`testdata/golden/make_feast_store.py`).

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use mlcore::arrow::array::{
    Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use mlcore::batch::{ColumnView, Value as Cell};
use mlcore::registry::Change;
use mlcore::schema::DType;
use mlcore_features::expression::col;
use mlcore_features::store::definition::{
    Definition, Entity, FeatureService, FeatureView, Field, OnDemandFeatureView, Source,
};
use mlcore_features::store::feature_store::{
    EntityRows, FeatureQuery, FeatureStore, HistoricalOptions, LocalSources, MaterialiseOptions,
};
use mlcore_features::store::online::{MemoryStore, Status};
use mlcore_features::store::registry::{Changes, MemoryDefinitions};
use serde_json::Value;

use super::at;

const GOLDEN: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/golden/store/feast_store.json"));
const FEATURES: [&str; 5] =
    ["drivers__trips", "drivers__rate", "drivers__city", "regions__rating", "scored__score"];

fn golden() -> Value {
    serde_json::from_str(GOLDEN).unwrap()
}

/// A column by its name, as the file of Parquet has it that Feast read: null and NaN are two things.
fn column(name: &str, values: &Value) -> ArrayRef {
    let values = values.as_array().unwrap();
    let float = |value: &Value| match value.as_str() {
        Some("NaN") => Some(f64::NAN),
        _ => value.as_f64(),
    };
    match name {
        "event" | "created" | "event_timestamp" => {
            let times = values.iter().map(Value::as_i64).collect::<TimestampMicrosecondArray>();
            Arc::new(times.with_timezone("UTC"))
        }
        "rate" | "rating" | "val" => Arc::new(values.iter().map(float).collect::<Float64Array>()),
        "city" | "region" => Arc::new(values.iter().map(Value::as_str).collect::<StringArray>()),
        _ => Arc::new(values.iter().map(Value::as_i64).collect::<Int64Array>()),
    }
}

fn table(columns: &Value) -> RecordBatch {
    let columns = columns.as_object().unwrap().iter().map(|(name, values)| {
        let name = if name == "time" { "event_timestamp" } else { name };
        (name, column(name, values), true)
    });
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn definitions(ttl: Duration) -> Vec<Definition> {
    let key = |name: &str, dtype| Entity::builder(name).join_keys([name]).value_type(dtype).build().unwrap();
    let drivers = FeatureView::builder("drivers", ["driver"]).source("drivers").schema([
        Field::new("trips", DType::Int64),
        Field::new("rate", DType::Float64),
        Field::new("city", DType::String),
    ]);
    let regions = FeatureView::builder("regions", ["driver", "region"])
        .source("regions")
        .schema([Field::new("rating", DType::Float64)]);
    // Feast reads a `ttl` of zero as none.
    let lasting = |view: mlcore_features::store::definition::FeatureViewBuilder| match ttl.is_zero() {
        true => view.build().unwrap(),
        false => view.ttl(ttl).build().unwrap(),
    };
    vec![
        key("driver", DType::Int64).into(),
        key("region", DType::String).into(),
        Source::arrow("drivers")
            .timestamp_field("event")
            .created_timestamp_column("created")
            .build()
            .unwrap()
            .into(),
        Source::arrow("regions").timestamp_field("event").build().unwrap().into(),
        Source::request("asked", [Field::new("val", DType::Float64)]).build().unwrap().into(),
        lasting(drivers).into(),
        lasting(regions).into(),
        OnDemandFeatureView::builder("scored")
            .view("drivers")
            .request_source("asked")
            .schema([Field::new("score", DType::Float64)])
            .expression("score", col("rate") + col("val"))
            .build()
            .unwrap()
            .into(),
        FeatureService::builder("all")
            .feature("drivers:trips")
            .feature("drivers:rate")
            .feature("drivers:city")
            .feature("regions:rating")
            .feature("scored:score")
            .build()
            .unwrap()
            .into(),
    ]
}

fn store(golden: &Value, drivers: &Value, ttl: Duration, now: i64) -> FeatureStore {
    let drivers = table(&golden["tables"][drivers.as_str().unwrap()]);
    let sources = LocalSources::new(".")
        .with_table("drivers", vec![drivers])
        .with_table("regions", vec![table(&golden["tables"]["regions"])]);
    let definitions_of = Arc::new(MemoryDefinitions::new("golden").unwrap());
    let store = FeatureStore::builder(definitions_of, Arc::new(MemoryStore::new()))
        .sources(Arc::new(sources))
        .clock(move || at(now))
        .build()
        .unwrap();
    store.apply(&Changes::of(definitions(ttl)), &Change::new("ana", at(0))).unwrap();
    store
}

/// A value as the golden file writes it; numbers as floats, of which each in the file has an exact one.
#[derive(PartialEq, Debug, Clone)]
enum Plain {
    Missing,
    Number(f64),
    Text(String),
}

fn plain(cell: Cell<'_>) -> Plain {
    match cell {
        Cell::Null => Plain::Missing,
        Cell::Int(value) => Plain::Number(value as f64),
        Cell::Float(value) => {
            assert!(!value.is_nan(), "what is missing is null");
            Plain::Number(value)
        }
        Cell::Text(text) => Plain::Text(text.to_owned()),
        other => panic!("{other:?}"),
    }
}

fn expected(value: &Value) -> Plain {
    match value {
        Value::Null => Plain::Missing,
        Value::String(text) => Plain::Text(text.clone()),
        number => Plain::Number(number.as_f64().unwrap()),
    }
}

fn columns(table: &RecordBatch) -> Vec<Vec<Plain>> {
    let of = |name: &str| {
        let column = &table[name];
        let view = ColumnView::new(name, column.as_ref()).unwrap();
        (0..column.len()).map(|row| plain(view.value(row))).collect()
    };
    FEATURES.map(of).to_vec()
}

#[test]
fn history_is_that_of_feast() {
    let golden = golden();
    let entities = table(&golden["tables"]["entities"]);
    let query = FeatureQuery::service("all").with_full_feature_names(true);
    let cases = golden["history"].as_array().unwrap();
    assert_eq!(cases.len(), 12);
    let answers = |case: &Value| -> Vec<Vec<Plain>> {
        let of = |name: &str| case["answers"][name].as_array().unwrap().iter().map(expected).collect();
        FEATURES.map(of).to_vec()
    };
    let mut narrower = 0;
    for case in cases {
        let ttl = Duration::from_secs(case["ttl_seconds"].as_u64().unwrap());
        let store = store(&golden, &case["drivers"], ttl, 2_000_000_000_000_000);
        let late = case["late_rows"].as_bool().unwrap();
        let named = format!("{} {ttl:?} late rows {late}", case["engine"]);
        let own = |late: bool| {
            let options = HistoricalOptions::default().with_late_rows(late);
            columns(store.historical_features(&entities, &query, &options).unwrap().table())
        };
        // The answers of the rows that Feast answers. Its Dask store leaves a row out where a view has nothing of the entity but rows that
        // have expired or are of later: no such view answers here.
        let compare = |own: &[Vec<Plain>], case: &Value| {
            let left_out: Vec<u64> =
                case["left_out"].as_array().unwrap().iter().map(|row| row.as_u64().unwrap()).collect();
            assert!(left_out.is_empty() || case["engine"] == "dask", "{named}");
            for row in left_out.iter().map(|row| *row as usize) {
                let is_missing =
                    |places: Range<usize>| own[places].iter().all(|own| own[row] == Plain::Missing);
                assert!(is_missing(0..3) || is_missing(3..4), "{named}: row {row}");
            }
            let mut present = [0; 5];
            for ((name, (own, theirs)), present) in
                FEATURES.iter().zip(own.iter().zip(&answers(case))).zip(&mut present)
            {
                for (row, (own, theirs)) in own.iter().zip(theirs).enumerate() {
                    if !left_out.contains(&(row as u64)) {
                        assert_eq!(own, theirs, "{named}: {name} of row {row}");
                        *present += usize::from(*own != Plain::Missing);
                    }
                }
            }
            assert!(
                present.iter().all(|present| (3..110).contains(present)),
                "{named}: {present:?} are there"
            );
        };
        let asked = own(late);
        compare(&asked, case);
        // What differs on purpose: without being asked, ours uses no row that was created later.
        assert_eq!(late, !case["differs"].as_str().unwrap().is_empty());
        if late {
            let known = own(false);
            narrower += known[0].iter().zip(&asked[0]).filter(|(known, asked)| known != asked).count();
            let filtered = cases.iter().find(|other| {
                ["engine", "drivers", "ttl_seconds"].iter().all(|key| other[*key] == case[*key])
                    && !other["late_rows"].as_bool().unwrap()
            });
            compare(&known, filtered.unwrap());
        }
    }
    assert!(narrower > 20, "{narrower} entity rows would have seen what was not known yet");
}

#[test]
fn serving_is_that_of_feast_but_for_what_has_expired() {
    let golden = golden();
    let query = FeatureQuery::references(["drivers:trips", "drivers:rate", "drivers:city", "regions:rating"]);
    let query = query.unwrap().with_full_feature_names(true);
    for case in golden["online"].as_array().unwrap() {
        let end = case["end"].as_i64().unwrap();
        let ttl = Duration::from_secs(7200);
        let store = store(&golden, &case["drivers"], ttl, end);
        store.materialise(at(0), at(end), &MaterialiseOptions::default()).unwrap();
        let asked = case["rows"].as_array().unwrap();
        let drivers: Vec<Cell<'_>> =
            asked.iter().map(|row| Cell::Int(row["driver"].as_i64().unwrap())).collect();
        let regions: Vec<Cell<'_>> =
            asked.iter().map(|row| Cell::Text(row["region"].as_str().unwrap())).collect();
        let rows = EntityRows::columns([("driver", &drivers[..]), ("region", &regions[..])]).unwrap();
        let answer = store.online_features(&query, &rows).unwrap();
        let mut counts = [0; 4];
        for (place, feature) in answer.features().iter().enumerate() {
            for row in 0..asked.len() {
                let theirs = expected(&case["values"][&feature.name][row]);
                let seconds = case["seconds"][&feature.name][row].as_i64().unwrap();
                let named = format!("{} of row {row}", feature.name);
                let own = plain(answer.cell(row, place).value().unwrap());
                let event = answer.event_time(row, place).map_or(0, |time| time.as_micros() / 1_000_000);
                let (count, is_right) = match answer.status(row, place) {
                    Status::Present => (0, own == theirs && own != Plain::Missing && event == seconds),
                    Status::NullValue => (1, theirs == Plain::Missing && event == seconds && seconds > 0),
                    Status::NotFound => (2, theirs == Plain::Missing && seconds == 0),
                    // Feast hands out what is older than the `ttl`; here it is no value.
                    _ => {
                        (3, own == Plain::Missing && seconds > 0 && end - seconds * 1_000_000 > 7_200_000_000)
                    }
                };
                assert!(
                    is_right,
                    "{named}: {own:?} {} at {event}, by Feast {theirs:?} at {seconds}",
                    answer.status(row, place)
                );
                counts[count] += 1;
            }
        }
        assert!(counts.iter().all(|count| *count > 0), "each status occurs: {counts:?}");
    }
}
