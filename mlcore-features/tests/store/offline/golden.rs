//! The join against DuckDB's ASOF join and Feast's two local stores (`testdata/golden/make_point_in_time.py`).

use std::sync::Arc;
use std::time::Duration;

use mlcore::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use mlcore_features::store::offline::{PointInTimeJoin, View};
use serde_json::Value;

use super::tables::{cut, integers, source, words};

const GOLDEN: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/golden/store/point_in_time.json"));

/// A column of texts, of times (by its name) or of integers.
fn column(name: &str, values: &Value) -> ArrayRef {
    let values = values.as_array().unwrap();
    if values.iter().any(Value::is_string) {
        return Arc::new(values.iter().map(Value::as_str).collect::<StringArray>());
    }
    let whole = values.iter().map(Value::as_i64);
    match name {
        "event" | "created" | "time" => Arc::new(whole.collect::<TimestampMicrosecondArray>()),
        _ => Arc::new(whole.collect::<Int64Array>()),
    }
}

fn table(columns: &Value) -> RecordBatch {
    let columns = columns.as_object().unwrap().iter().map(|(name, values)| (name, column(name, values)));
    RecordBatch::try_from_iter(columns).unwrap()
}

#[test]
fn answers_are_those_of_duckdb_and_feast() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let of = |name: &str| table(&golden["tables"][name]);
    let (entities, regions) = (of("entities"), of("regions"));
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 19);
    for (case, kind) in cases.iter().flat_map(|case| (0..3).map(move |kind| (case, kind))) {
        let ttl = Duration::from_secs(case["ttl_seconds"].as_u64().unwrap());
        let drivers = of(case["drivers"].as_str().unwrap());
        let of_drivers = View::new("drivers", source(cut(&drivers, 50), kind), ["driver"], "event")
            .with_created_timestamp("created")
            .with_ttl(ttl)
            .with_features(["trips"]);
        let is_filtered = case["filtered"].as_bool().unwrap();
        let of_drivers = if is_filtered { of_drivers } else { of_drivers.with_late_rows() };
        let of_regions = View::new("regions", source(cut(&regions, 50), kind), ["driver", "region"], "event")
            .with_ttl(ttl)
            .with_features(["rating"]);
        let joined = PointInTimeJoin::new("time").with(of_drivers).with(of_regions).run(&entities).unwrap();
        let named = format!("{} {ttl:?} {is_filtered}", case["engine"]);
        let ratings: Vec<Option<&str>> =
            case["answers"]["rating"].as_array().unwrap().iter().map(Value::as_str).collect();
        assert!(ratings.iter().flatten().count() >= 5, "{named}");
        let own = words(joined.table(), "rating");
        assert_eq!(own.iter().map(Option::as_deref).collect::<Vec<_>>(), ratings, "{named}");
        if let Some(trips) = case["answers"]["trips"].as_array() {
            let trips: Vec<Option<i64>> = trips.iter().map(Value::as_i64).collect();
            assert!(trips.iter().flatten().count() >= 10, "{named}");
            assert_eq!(integers(joined.table(), "trips"), trips, "{named}");
        }
    }
}
