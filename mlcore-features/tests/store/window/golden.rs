//! Windows against pandas and DuckDB (`testdata/golden/make_windows.py`).

use std::sync::Arc;

use mlcore::arrow::array::{Array, AsArray};
use mlcore::arrow::datatypes::{Float64Type, Int64Type};
use mlcore_features::store::definition::AggregationFunction as F;
use mlcore_features::store::online::MemoryStore;
use mlcore_features::store::window::Delivery;
use serde_json::Value;

use super::{Asked, Event, offline, online, plan, rides, table, windows};

const GOLDEN: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/golden/store/windows.json"));
const SECOND: i64 = 1_000_000;
/// Both round sums and deviations in another way than once.
const TOLERANCE: f64 = 1e-12;

#[test]
fn answers_are_those_of_pandas_and_duckdb() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let column = |table: &str, name: &str| golden[table][name].as_array().unwrap().clone();
    let (drivers, moments) = (column("events", "driver"), column("events", "event"));
    let (fares, trips) = (column("events", "fare"), column("events", "trips"));
    let events: Vec<Event> = (0..drivers.len())
        .map(|row| Event {
            driver: drivers[row].as_i64(),
            event: moments[row].as_i64(),
            created: None,
            fare: if fares[row].is_string() { Some(f64::NAN) } else { fares[row].as_f64() },
            trips: trips[row].as_i64(),
            city: None,
        })
        .collect();
    let questions: Vec<(Option<i64>, i64)> = column("questions", "driver")
        .iter()
        .zip(column("questions", "time"))
        .map(|(driver, time)| (driver.as_i64(), time.as_i64().unwrap()))
        .collect();
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!((events.len(), questions.len(), cases.len()), (400, 120, 10));
    let mut compared = 0;
    for case in cases {
        let of = |name: &str| case[name].as_i64().unwrap() * SECOND;
        let functions = [F::Count, F::Sum, F::Mean, F::Min, F::Max, F::Std];
        let asked: Vec<Asked> = ["fare", "trips"]
            .into_iter()
            .flat_map(|column| functions.map(|function| (function, column, of("window"), of("slide"))))
            .collect();
        let plan = plan(&asked);
        let joined = offline(rides(&events), &plan, &questions);
        let own = windows(Arc::new(MemoryStore::new()), &plan);
        own.update(&Delivery::new("all", 1), &table(&events), super::at(0)).unwrap();
        for (row, answers) in case["answers"].as_array().unwrap().iter().enumerate() {
            let (driver, time) = (questions[row].0.unwrap(), questions[row].1);
            assert_eq!(online(&own, &[driver], time), joined.slice(row, 1));
            for (place, due) in answers.as_array().unwrap().iter().enumerate() {
                if place == 5 && case["asks_std_of_fare"] == Value::Bool(false) {
                    continue;
                }
                let array = joined.column(place);
                let found = (!array.is_null(row)).then(|| match array.as_primitive_opt::<Float64Type>() {
                    Some(floats) => floats.value(row),
                    None => array.as_primitive::<Int64Type>().value(row) as f64,
                });
                let named =
                    format!("{} {} {:?}, question {row}", case["engine"], case["window"], asked[place].0);
                match (found, due.as_f64()) {
                    (Some(found), Some(due)) => {
                        assert!((found - due).abs() <= TOLERANCE * due.abs(), "{found}, not {due}: {named}");
                        compared += 1;
                    }
                    (found, due) => assert_eq!(found, due, "{named}"),
                }
            }
        }
    }
    assert!(compared > 6000, "{compared}");
}
