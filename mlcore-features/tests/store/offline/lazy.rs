//! Queries of polars as sources, and joins as queries.

use std::sync::Arc;
use std::time::Duration;

use mlcore::arrow::array::{Array, Float64Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use mlcore::stats::SplitMix64;
use mlcore_features::offline::polars::prelude::*;
use mlcore_features::offline::{from_table, to_table};
use mlcore_features::store::offline::{Latest, LazyTable, PointInTimeJoin, Source, View};

fn table(rows: usize, seed: u64) -> RecordBatch {
    let mut random = SplitMix64::new(seed);
    let mut draw = |below: usize| (0..rows).map(|_| random.below(below) as i64).collect::<Vec<_>>();
    let (drivers, times, created) = (draw(40), draw(100_000), draw(120_000));
    let times: TimestampMicrosecondArray =
        times.iter().map(|time| (time % 97 != 0).then_some(*time)).collect();
    RecordBatch::try_from_iter([
        ("driver", Arc::new(Int64Array::from(drivers)) as _),
        ("at", Arc::new(times.with_timezone("UTC")) as _),
        ("created", Arc::new(TimestampMicrosecondArray::from(created)) as _),
        ("rating", Arc::new(Float64Array::from_iter_values((0..rows).map(|row| row as f64))) as _),
    ])
    .unwrap()
}

#[test]
fn joins_are_those_of_the_same_rows_in_memory() {
    let features = table(5000, 1);
    let mut entity_rows = table(400, 2).project(&[0, 2]).unwrap();
    entity_rows = RecordBatch::try_from_iter([
        ("driver", entity_rows.column(0).clone()),
        ("asked", entity_rows.column(1).clone()),
    ])
    .unwrap();
    // Questions of the middle: rows before and behind cannot matter.
    let middle = from_table(&entity_rows).unwrap().lazy().filter(
        col("asked")
            .cast(DataType::Int64)
            .gt(lit(40_000))
            .and(col("asked").cast(DataType::Int64).lt(lit(60_000))),
    );
    let entity_rows = to_table(&middle.collect().unwrap()).unwrap();
    // A column that fails when it is computed, which nobody asks for.
    let query = from_table(&features).unwrap().lazy();
    let query = query.with_columns([col("rating").strict_cast(DataType::Int8).alias("broken")]);
    let view = |source: Box<dyn Source>| {
        View::new("trips", source, ["driver"], "at").with_features(["rating"]).with_event_time("trips_at")
    };
    type Shape = fn(View<'static>) -> View<'static>;
    let shapes: [(Shape, u64); 3] = [
        (|view| view, 3500),
        (|view| view.with_ttl(Duration::from_micros(900)), 1500),
        (|view| view.with_created_timestamp("created").with_ttl(Duration::from_micros(5000)), 1500),
    ];
    for (number, (shape, most)) in shapes.into_iter().enumerate() {
        let join = |source: Box<dyn Source>| {
            PointInTimeJoin::new("asked").with(shape(view(source))).run(&entity_rows).unwrap()
        };
        let (here, there) = (join(Box::new(features.clone())), join(Box::new(LazyTable::new(query.clone()))));
        assert_eq!(here.table(), there.table(), "{number}");
        let report = &there.views()[0];
        assert!(report.present() > 0 && report.rows() < most, "{number}: {report:?}");
        if number < 2 {
            assert_eq!(report.rows_without_time(), features["at"].null_count() as u64);
        }
        // The answer is a query again.
        let lazy = there.into_lazy().unwrap().select([col("rating").count()]).collect().unwrap();
        let count = lazy.column("rating").unwrap().get(0).unwrap().try_extract::<u64>().unwrap();
        assert_eq!(count as usize, here.table()["rating"].len() - here.table()["rating"].null_count());
    }
    let rows = |source: Box<dyn Source>| {
        let newest = Latest::new(view(source));
        newest.rows().unwrap().map(Result::unwrap).collect::<Vec<_>>()
    };
    assert_eq!(rows(Box::new(features)), rows(Box::new(LazyTable::new(query.clone()))));

    let broken = view(Box::new(LazyTable::new(query.clone()))).with_features(["broken"]);
    let told = PointInTimeJoin::new("asked").with(broken).run(&entity_rows).unwrap_err().to_string();
    assert!(told.contains("view trips") && told.contains("conversion from `f64` to `i8` failed"), "{told}");
    let missing = view(Box::new(LazyTable::new(query))).with_features(["fare"]);
    let told = PointInTimeJoin::new("asked").with(missing).run(&entity_rows).unwrap_err().to_string();
    assert!(
        told.contains("fare: the column is missing; the table has driver, at, created, rating, broken"),
        "{told}"
    );
}

#[test]
fn keys_and_features_of_polars_own_types_are_joined() {
    let trips = df!("city" => ["Oslo", "Rome", "Oslo"], "day" => [1_i32, 2, 3], "kind" => ["a", "b", "c"])
        .unwrap()
        .lazy();
    let trips = trips.with_columns([
        col("city").cast(DataType::from_categories(Categories::global())),
        col("kind").cast(DataType::from_categories(Categories::global())),
        col("day").cast(DataType::Date),
    ]);
    let asked = df!("city" => ["Rome", "Oslo", "Bern"], "day" => [9_i32, 2, 9]).unwrap().lazy();
    let asked = to_table(&asked.with_column(col("day").cast(DataType::Date)).collect().unwrap()).unwrap();
    let view = View::new("trips", LazyTable::new(trips), ["city"], "day").with_features(["kind"]);
    let joined =
        PointInTimeJoin::new("day").with(view).run(&asked).unwrap().into_lazy().unwrap().collect().unwrap();
    let kinds = joined.column("kind").unwrap().cast(&DataType::String).unwrap();
    let kinds: Vec<Option<&str>> = kinds.str().unwrap().iter().collect();
    assert_eq!(kinds, [Some("b"), Some("a"), None]);
}
