//! Fitting on frames and on lazy queries.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mlcore::{Error, interrupt};
use mlcore_features::offline::polars::prelude::*;
use mlcore_features::offline::{Collected, to_table};
use mlcore_features::pipeline::{Batched, Batches, ColumnTransformer, Pipeline, Step};
use mlcore_features::transform::{
    JamesSteinEncoder, MinMaxScaler, OneHotEncoder, RobustScaler, SimpleImputer, StandardScaler, Strategy,
};

use super::{chunked, frame};

fn steps() -> ColumnTransformer {
    let numbers = Pipeline::new()
        .then("impute", SimpleImputer::default().add_indicator(true))
        .then("scale", StandardScaler::default())
        .then("range", MinMaxScaler::default());
    let words = Pipeline::new()
        .then("impute", SimpleImputer::default().strategy(Strategy::MostFrequent))
        .then("encode", OneHotEncoder::default());
    ColumnTransformer::new()
        .with("num", numbers, ["age", "visits"])
        .with("cat", words, ["plan"])
        .with("target", JamesSteinEncoder::default(), ["kind"])
        .with("kept", Step::Passthrough, ["joined"])
}

/// A query that counts how often it is collected, and notes which columns it is asked for.
fn counted(frame: DataFrame) -> (LazyFrame, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let own = count.clone();
    let counting = move |frame: DataFrame| {
        own.fetch_add(1, Ordering::Relaxed);
        Ok(frame)
    };
    let query = frame.lazy().map(counting, AllowedOptimizations::PROJECTION_PUSHDOWN, None, Some("counted"));
    (query, count)
}

#[test]
fn frames_and_queries_are_fitted_as_batches_are() {
    // More rows than a batch has.
    let frame = frame(40_000);
    let table = to_table(&frame).unwrap();
    let batches: Vec<_> =
        (0..40_000).step_by(1 << 14).map(|start| table.slice(start, (1 << 14).min(40_000 - start))).collect();
    let expected = steps().fit_batches(Batched::new(&batches).with_target("churned")).unwrap();
    let query = frame.clone().lazy();
    let collected = Collected::new(query.clone());
    let sources: [&dyn Batches; 3] = [&frame, &query, &collected];
    for source in sources {
        let plan = steps().fit_batches(Batched::new(source).with_target("churned")).unwrap();
        assert_eq!(plan.digest(), expected.digest());
        assert_eq!(plan.to_bytes().unwrap(), expected.to_bytes().unwrap());
    }
    // Chunks are batches, too.
    let chunks = chunked(&frame.head(Some(100)), &[0, 33, 34]);
    let batches = vec![table.slice(0, 33), table.slice(33, 1), table.slice(34, 66)];
    let expected = steps().fit_batches(Batched::new(&batches).with_target("churned")).unwrap();
    let plan = steps().fit_batches(Batched::new(&chunks).with_target("churned")).unwrap();
    assert_eq!(plan.digest(), expected.digest());
}

#[test]
fn a_query_is_collected_for_each_pass_or_once() {
    let passes = Step::from(steps()).passes();
    assert_eq!(passes, 3);
    let (query, count) = counted(frame(100));
    steps().fit_batches(Batched::new(&query).with_target("churned")).unwrap();
    assert_eq!(count.load(Ordering::Relaxed), passes);
    let (query, count) = counted(frame(100));
    let collected = Collected::new(query);
    let plan = steps().fit_batches(Batched::new(&collected).with_target("churned")).unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 1);
    // The same columns are kept, and others are collected.
    let again = steps().fit_batches(Batched::new(&collected).with_target("churned")).unwrap();
    assert_eq!((count.load(Ordering::Relaxed), again.digest()), (1, plan.digest()));
    let scaler = ColumnTransformer::new().with("scale", MinMaxScaler::default(), ["visits"]);
    scaler.fit_batches(&collected).unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

#[test]
fn columns_that_nobody_learns_from_are_not_computed() {
    let frame = frame(50);
    let scaler = ColumnTransformer::new().with("scale", MinMaxScaler::default(), ["visits"]);
    // Words are no numbers: it fails where it is computed.
    let query = frame.clone().lazy().with_column(col("plan").strict_cast(DataType::Int64).alias("broken"));
    let plan = scaler.fit_batches(&query).unwrap();
    assert_eq!(plan.digest(), scaler.fit_batches(&frame).unwrap().digest());
    assert_eq!(plan.transform_lazy(query.clone()).unwrap().collect().unwrap().height(), 50);
    let error = Step::from(MinMaxScaler::default()).fit_batches(&query).unwrap_err();
    assert!(error.to_string().starts_with("collect query frame: "), "{error}");
    assert!(query.collect().is_err());
    let odd = frame.lazy().with_column(col("churned").cast(DataType::Int128).alias("odd"));
    let expected = scaler.fit_batches(&odd).unwrap();
    let whole = odd.clone().collect().unwrap();
    assert_eq!(scaler.fit_batches(&whole).unwrap().digest(), expected.digest());
    let error = Step::from(MinMaxScaler::default()).fit_batches(&odd).unwrap_err();
    assert!(error.to_string().contains("odd: columns of type i128 are not taken"), "{error}");
}

#[test]
fn what_cannot_be_fitted_is_named() {
    let frame = frame(10);
    let query = frame.clone().lazy();
    let gone = ColumnTransformer::new().with("scale", MinMaxScaler::default(), ["gone"]);
    for source in [&frame as &dyn Batches, &query] {
        let error = gone.fit_batches(Batched::new(source)).unwrap_err();
        assert!(matches!(error, Error::SchemaMismatch(_)) && error.to_string().contains("gone"), "{error}");
    }
    let robust = ColumnTransformer::new().with("scale", RobustScaler::default(), ["visits"]);
    assert!(matches!(robust.fit_batches(&query), Err(Error::Unsupported(_))));
    assert!(robust.fit(&to_table(&frame).unwrap()).is_ok());
    let scaler = ColumnTransformer::new().with("scale", MinMaxScaler::default(), ["visits"]);
    let error = scaler.fit_batches(&frame.head(Some(0))).unwrap_err();
    assert!(error.to_string().contains("there are no rows"), "{error}");
    let missing = frame.lazy().select([col("nobody")]);
    let error = scaler.fit_batches(&missing).unwrap_err();
    assert!(matches!(error, Error::SchemaMismatch(_)), "{error:?}");
    assert!(error.to_string().starts_with("collect query frame: not found: "), "{error}");
    let stopped = interrupt::scope(|| true, || scaler.fit_batches(&query));
    assert!(matches!(stopped, Err(Error::Interrupted(_))));
    let infinite = df!("visits" => [1.0, f64::INFINITY]).unwrap().lazy();
    let error = scaler.fit_batches(&infinite).unwrap_err();
    assert!(error.to_string().contains("batch 0") && error.to_string().contains("row 1"), "{error}");
}

#[test]
fn weights_are_a_column_of_the_query() {
    let frame = df!("x" => [1.0, 2.0, 5.0], "weight" => [1.0, 0.0, 3.0]).unwrap();
    let scaler = ColumnTransformer::new().with("scale", StandardScaler::default(), ["x"]);
    let plan = scaler.fit_batches(Batched::new(&frame.lazy()).with_weights("weight")).unwrap();
    assert_eq!(plan.input().names().collect::<Vec<_>>(), ["x"]);
    let middle = plan.transform_frame(&df!("x" => [4.0]).unwrap()).unwrap();
    assert_eq!(middle.columns()[0].f64().unwrap().get(0), Some(0.0));
}
