//! Computed features: the same bits for a training table and for a request, whatever the formula.

use std::sync::Arc;

use mlcore::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch};
use mlcore::arrow::datatypes::Float64Type;
use mlcore::batch::Value;
use mlcore::schema::DType;
use mlcore_features::expression::Expression;
use mlcore_features::pipeline::Plan;
use mlcore_features::store::definition::{Field, OnDemandFeatureView, PlanReference};
use mlcore_features::store::feature_store::{
    EntityRows, FeatureQuery, FeatureStore, HistoricalOptions, OnlineFeatures,
};
use mlcore_features::transform::{Fit, StandardScaler};
use proptest::prelude::*;

use super::{HOUR, MINUTE, World, at, drivers, times};

/// Formulas over `conv_rate` (f32), `trips` (i64), `city` (text) and `val` (f64), and over what they make.
const FORMULAS: [&str; 6] = [
    "conv_rate / val + trips",
    "log1p(trips) ** 2 - sqrt(val)",
    "coalesce(conv_rate, val, 0) % 0.3",
    "lookup(city, {'city 1': 0.1, 'city 2': 1e300}, -1) * val",
    "min(conv_rate, trips, val) if val > 0 else exp(conv_rate)",
    "trips * val if starts_with(city, 'city') else null",
];

fn world(rows: &RecordBatch) -> World {
    let world = World::with(rows);
    let mut view = OnDemandFeatureView::builder("computed").view("driver_stats").request_source("vals");
    let fields: Vec<Field> =
        (0..FORMULAS.len()).map(|number| Field::new(format!("f{number}"), DType::Float64)).collect();
    view = view.schema(fields);
    for (number, formula) in FORMULAS.iter().enumerate() {
        view = view.expression(format!("f{number}"), Expression::parse(formula).unwrap());
    }
    // One that reads another.
    let second = OnDemandFeatureView::builder("second")
        .view("computed:f0")
        .view("driver_stats:trips")
        .schema([Field::new("g", DType::Float64)])
        .expression("g", Expression::parse("f0 / trips - 0.1").unwrap());
    world.apply([view.build().unwrap().into(), second.build().unwrap().into()]);
    world
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        -3.0..3.0_f64,
        Just(0.0),
        Just(-0.0),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::MIN_POSITIVE)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_request_gets_the_bits_of_the_training_table(
        rows in prop::collection::vec((1_i64..5, 400_i64..600, -20_i64..2000), 1..12),
        asked in prop::collection::vec((1_i64..7, value()), 1..8),
    ) {
        let rows: Vec<_> = rows.into_iter().map(|(driver, at, trips)| (driver, at, at, trips)).collect();
        let world = world(&drivers(&rows));
        world.set(610 * MINUTE);
        world.materialise(0, 610 * MINUTE);
        let ids: Vec<i64> = asked.iter().map(|(driver, _)| *driver).collect();
        let vals: Vec<f64> = asked.iter().map(|(_, val)| *val).collect();
        let columns: [(&str, ArrayRef); 3] = [
            ("driver_id", Arc::new(Int64Array::from(ids.clone()))),
            ("val", Arc::new(Float64Array::from(vals.clone()))),
            ("event_timestamp", times(&vec![610 * MINUTE; asked.len()])),
        ];
        let labels = RecordBatch::try_from_iter(columns).unwrap();
        let names = (0..FORMULAS.len()).map(|number| format!("computed:f{number}"));
        let names: Vec<String> = names.chain(["second:g".to_owned(), "driver_stats:trips".to_owned()]).collect();
        let query = FeatureQuery::references(names.iter().map(String::as_str)).unwrap();
        let offline = world.store.historical_features(&labels, &query, &HistoricalOptions::default()).unwrap();
        let prepared = world.store.prepare(&query).unwrap();
        let mut answer = OnlineFeatures::default();
        // All at once, and one after another.
        prepared.read(&EntityRows::of(&labels).unwrap(), &mut answer).unwrap();
        let together = answer.to_record_batch().unwrap();
        for (row, (driver, val)) in ids.iter().zip(&vals).enumerate() {
            let one = EntityRows::one([("driver_id", Value::Int(*driver)), ("val", Value::Float(*val))]);
            prepared.read(&one, &mut answer).unwrap();
            let alone = answer.to_record_batch().unwrap();
            for name in offline.features().iter().filter(|name| *name != "trips") {
                let of = |table: &RecordBatch, row: usize| {
                    let column = table[name.as_str()].as_primitive::<Float64Type>();
                    column.is_valid(row).then(|| column.value(row).to_bits())
                };
                let expected = of(offline.table(), row);
                prop_assert_eq!(of(&together, row), expected, "{} of row {}", name, row);
                prop_assert_eq!(of(&alone, 0), expected, "{} of row {} alone", name, row);
            }
        }
    }
}

#[test]
fn a_plan_computes_both_and_is_found_by_its_digest() {
    let rows = drivers(&[(1, 480, 480, 20), (2, 480, 480, 10), (3, 480, 480, 60)]);
    let world = World::with(&rows);
    let training =
        RecordBatch::try_from_iter([("trips", Arc::new(Int64Array::from(vec![20, 10, 60])) as _)]).unwrap();
    let plan = Plan::new(StandardScaler::default().fit(&training).unwrap()).unwrap();
    let view = OnDemandFeatureView::builder("scaled")
        .view("driver_stats:trips")
        .plan(PlanReference::of(&plan).unwrap());
    world.apply([view.build().unwrap().into()]);
    world.materialise(0, 10 * HOUR);
    let query = FeatureQuery::references(["scaled:trips"]).unwrap();
    // A store that was not given the plan says so.
    crate::support::refused(world.store.prepare(&query), "not_found", &["view scaled", "plan"]);
    let store =
        FeatureStore::builder(Arc::clone(world.store.definitions()), Arc::clone(world.store.online_store()))
            .sources(Arc::new(mlcore_features::store::feature_store::LocalSources::new(world.folder.path())))
            .clock(|| at(10 * HOUR))
            .plan(plan.clone())
            .build()
            .unwrap();
    let expected = plan.transform(&training).unwrap();
    let answer = store.online_features(&query, &EntityRows::one([("driver_id", Value::Int(3))])).unwrap();
    let value = expected["trips"].as_primitive::<Float64Type>().value(2);
    assert_eq!(answer.cell(0, 0).value(), Some(Value::Float(value)));
    let columns: [(&str, ArrayRef); 2] =
        [("driver_id", Arc::new(Int64Array::from(vec![3]))), ("event_timestamp", times(&[10 * HOUR]))];
    let labels = RecordBatch::try_from_iter(columns).unwrap();
    let history = store.historical_features(&labels, &query, &HistoricalOptions::default()).unwrap();
    assert_eq!(history.table()["trips"].as_primitive::<Float64Type>().value(0).to_bits(), value.to_bits());
}
