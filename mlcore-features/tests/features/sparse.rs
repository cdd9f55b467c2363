//! Sparse output and threads: the same features as the dense matrix of one thread, bit for bit, and the same errors.

use std::num::NonZeroUsize;
use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use mlcore::batch::{Row, Value};
use mlcore::interrupt;
use mlcore_features::pipeline::{ColumnTransformer, Csr, FeatureUnion, Output, Pipeline, Plan, Step};
use mlcore_features::transform::{
    Fit, FunctionTransformer, HandleUnknown, HashingVectorizer, MaxAbsScaler, OneHotEncoder, StandardScaler,
    TfidfVectorizer,
};
use proptest::prelude::*;

/// Compares whatever the plan makes of the table, sparse and on several threads, with the dense matrix of one thread.
pub(crate) fn agree(plan: &Plan, table: &RecordBatch) -> Result<(), TestCaseError> {
    of_type::<f64>(plan, table)?;
    of_type::<f32>(plan, table)?;
    let threads = NonZeroUsize::new(2).unwrap();
    match (plan.transform(table), plan.on_threads(threads).transform(table)) {
        (Ok(one), Ok(two)) => {
            // Bytes, so that NaN equals NaN.
            for (one, two) in one.columns().iter().zip(two.columns()) {
                prop_assert_eq!(one.to_data(), two.to_data());
            }
        }
        (one, two) => prop_assert_eq!(one.unwrap_err().to_string(), two.unwrap_err().to_string()),
    }
    Ok(())
}

fn of_type<T: Output + Default>(plan: &Plan, table: &RecordBatch) -> Result<(), TestCaseError> {
    let dense = plan.transform_dense::<T>(table);
    for threads in [1, 3].map(|threads| NonZeroUsize::new(threads).unwrap()) {
        let on = plan.on_threads(threads);
        match (&dense, on.transform_sparse::<T>(table), on.transform_dense::<T>(table)) {
            (Ok(dense), Ok(sparse), Ok(other)) => {
                let dense = dense.values::<T>().unwrap();
                let bits =
                    |values: &[T]| values.iter().map(|value| value.to_f64().to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(bits(dense), bits(other.values::<T>().unwrap()));
                let mut into = vec![T::default(); dense.len()];
                on.transform_into(table, &mut into).unwrap();
                prop_assert_eq!(bits(dense), bits(&into));
                is_that(&sparse, dense, (table.num_rows(), plan.width()))?;
            }
            (Err(expected), Err(sparse), Err(other)) => {
                prop_assert_eq!(expected.to_string(), sparse.to_string());
                prop_assert_eq!(expected.to_string(), other.to_string());
            }
            (dense, sparse, other) => {
                let told = (dense.as_ref().err(), sparse.err(), other.err());
                prop_assert!(false, "{:?}", told);
            }
        }
    }
    rows_agree::<T>(plan, table)
}

/// Compares the first rows, one by one: what is not zero of the dense row, and the same errors.
fn rows_agree<T: Output + Default>(plan: &Plan, table: &RecordBatch) -> Result<(), TestCaseError> {
    let (mut dense, mut sparse) = (plan.row_executor(), plan.sparse_row_executor::<T>());
    let mut features = vec![T::default(); plan.width()];
    for row in 0..table.num_rows().min(12) {
        let run = |values: &[Value<'_>]| {
            // One that is no row of the plan's is refused before either sees it.
            let Ok(row) = Row::new(values, plan.input()) else { return Ok(()) };
            let expected = dense.run_into(row, &mut features);
            prop_assert_eq!(sparse.width(), plan.width());
            let found = sparse.run(row);
            prop_assert_eq!(
                expected.map_err(|error| error.to_string()).err(),
                told(&found),
                "row {:?}",
                values
            );
            if let Ok(found) = found {
                let bits = |(column, value): (usize, T)| (column, value.to_f64().to_bits());
                let expected =
                    features.iter().copied().enumerate().filter(|(_, value)| value.to_f64() != 0.0);
                let expected: Vec<_> = expected.map(bits).collect();
                prop_assert_eq!(&found.iter().map(bits).collect::<Vec<_>>(), &expected);
                prop_assert_eq!((found.width(), found.indices().len()), (plan.width(), found.data().len()));
                let matrix = plan.transform_row_sparse::<T>(row)?;
                prop_assert_eq!(matrix.shape(), (1, plan.width()));
                prop_assert_eq!(matrix.row(0).map(bits).collect::<Vec<_>>(), expected);
            }
            Ok(())
        };
        // A table that does not fit has no rows.
        if let Ok(compared) = plan.with_row_of(table, row, run) {
            compared?;
        }
    }
    Ok(())
}

fn told<T>(found: &mlcore::Result<T>) -> Option<String> {
    found.as_ref().err().map(ToString::to_string)
}

/// Is the sparse matrix the dense one, in scipy's layout?
fn is_that<T: Output>(sparse: &Csr<T>, dense: &[T], shape: (usize, usize)) -> Result<(), TestCaseError> {
    prop_assert_eq!(sparse.shape(), shape);
    prop_assert_eq!(sparse.indptr().len(), shape.0 + 1);
    prop_assert_eq!(sparse.indices().len(), sparse.data().len());
    prop_assert_eq!(sparse.indptr().last().copied(), i64::try_from(sparse.data().len()).ok());
    for (row, dense) in dense.chunks(shape.1.max(1)).enumerate() {
        let expected = dense.iter().enumerate().filter(|(_, value)| value.to_f64() != 0.0);
        let expected: Vec<_> = expected.map(|(column, value)| (column, value.to_f64().to_bits())).collect();
        let found: Vec<_> =
            sparse.row(row).map(|(column, value)| (column, value.to_f64().to_bits())).collect();
        prop_assert_eq!(found, expected, "row {}", row);
    }
    Ok(())
}

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn two() -> NonZeroUsize {
    NonZeroUsize::new(2).unwrap()
}

#[test]
fn what_is_zero_is_left_out_and_nan_is_kept() {
    let values = Float64Array::from(vec![0.0, -0.0, f64::NAN, 1e-300, 2.0]);
    let plan =
        Plan::new(Step::Passthrough.fit(&table(vec![("x", Arc::new(values.clone()))])).unwrap()).unwrap();
    let table = table(vec![("x", Arc::new(values) as ArrayRef)]);
    let wide = plan.transform_sparse::<f64>(&table).unwrap();
    assert_eq!(wide.indptr(), [0, 0, 0, 1, 2, 3]);
    assert!(wide.data()[0].is_nan() && wide.data()[1..] == [1e-300, 2.0]);
    // What a narrower float rounds to zero is zero.
    let narrow = plan.transform_sparse::<f32>(&table).unwrap();
    assert_eq!(narrow.indptr(), [0, 0, 0, 1, 1, 2]);
    assert_eq!(narrow.row(4).collect::<Vec<_>>(), [(0, 2.0)]);
    assert_eq!(narrow.row(5).count() + narrow.row(usize::MAX).count(), 0);
    let (indptr, indices, data) = narrow.into_parts();
    assert_eq!((indptr.len(), indices, data.len()), (6, vec![0, 0], 2));
}

fn notes(rows: usize) -> RecordBatch {
    let words = ["fox", "dog", "runs", "sleeps", "lazy", "quick"];
    let note = |row: usize| {
        let own: Vec<String> =
            (0..row % 7).map(|word| format!("{}{}", words[(row + word) % 6], row % 97)).collect();
        own.join(" ")
    };
    let plans = (0..rows).map(|row| format!("plan {}", row % 300));
    table(vec![
        ("note", Arc::new(StringArray::from_iter_values((0..rows).map(note)))),
        ("plan", Arc::new(StringArray::from_iter_values(plans))),
        ("age", Arc::new(Float64Array::from_iter_values((0..rows).map(|row| (row % 80) as f64)))),
        ("whole", Arc::new(Int64Array::from_iter_values((0..rows).map(|row| row as i64 % 5)))),
    ])
}

#[test]
fn wide_plans_agree_on_every_way() {
    let union = FeatureUnion::new()
        .with("word", TfidfVectorizer::default())
        .with("hash", HashingVectorizer::default().n_features(100))
        .weight("word", -0.3)
        .weight("hash", 2.0);
    let scaled = Pipeline::new()
        .then("hot", OneHotEncoder::default().handle_unknown(HandleUnknown::Ignore))
        .then("scale", MaxAbsScaler::default());
    let hot = FeatureUnion::new().with("hot", OneHotEncoder::default()).weight("hot", 0.25);
    let plan = ColumnTransformer::new()
        .with("text", union, ["note"])
        .with("scaled", scaled, ["plan"])
        .with("hot", hot, ["plan", "whole"])
        .with("num", StandardScaler::default(), ["age"])
        .with("kept", Step::Passthrough, ["whole"])
        .fit(&notes(600))
        .unwrap();
    for rows in [0, 1, 512, 600, 1600] {
        agree(&plan, &notes(rows).slice(0, rows)).unwrap_or_else(|error| panic!("{rows}: {error}"));
    }
    let sparse = plan.transform_sparse::<f64>(&notes(600)).unwrap();
    assert!(sparse.data().len() < 600 * 30 && plan.width() > 1000);
}

/// More columns than a dense matrix of these rows would have memory for.
#[test]
fn a_million_features_take_memory_of_their_entries() {
    let rows = 20_000;
    let plan = FeatureUnion::new()
        .with("hash", HashingVectorizer::default().n_features(1 << 20).norm(None))
        .weight("hash", 2.0)
        .fit(&notes(10).project(&[0]).unwrap())
        .unwrap();
    let sparse = plan.on_threads(two()).transform_sparse::<f32>(&notes(rows)).unwrap();
    assert_eq!(sparse.shape(), (rows, 1 << 20));
    let words: usize = (0..rows).map(|row| row % 7).sum();
    assert!(sparse.data().len() <= words && sparse.data().len() > words / 2);
    assert!(sparse.data().iter().all(|value| value.abs() >= 2.0));
    assert_eq!(plan.feature_names_out()[(1 << 20) - 1], "hash__hashingvectorizer1048575");
}

#[test]
fn a_row_of_a_million_features_takes_its_entries() {
    let plan = ColumnTransformer::new()
        .with("hash", HashingVectorizer::default().n_features(1 << 20).norm(None), ["note"])
        .with("hot", OneHotEncoder::default(), ["plan"])
        .fit(&notes(600))
        .unwrap();
    let mut executor = plan.sparse_row_executor::<f32>();
    let values = [Value::Text("quick fox, quick dog"), Value::Text("plan 7")];
    let row = Row::new(&values, plan.input()).unwrap();
    let found = executor.run(row).unwrap();
    assert_eq!(found.width(), (1 << 20) + 300);
    assert!(found.indices().is_sorted() && found.indices().len() == 4);
    assert_eq!(found.data().iter().map(|value| value.abs()).sum::<f32>(), 5.0);
    // Nothing of the row before is left.
    let values = [Value::Text(""), Value::Text("plan 9")];
    let row = Row::new(&values, plan.input()).unwrap();
    assert_eq!(executor.run(row).unwrap().data(), [1.0]);
    let values = [Value::Text(""), Value::Text("plan 900")];
    let error = executor.run(Row::new(&values, plan.input()).unwrap()).unwrap_err();
    assert!(error.to_string().contains("plan 900"), "{error}");
}

/// An infinity that only the narrower type has is refused, and one that came is handed on.
#[test]
fn a_sparse_row_loses_nothing() {
    let numbers = |values: Vec<f64>| table(vec![("x", Arc::new(Float64Array::from(values)) as ArrayRef)]);
    let plan =
        Pipeline::new().then("scale", FunctionTransformer::default()).fit(&numbers(vec![1.0, 2.0])).unwrap();
    let run = |value: f64| {
        let values = [Value::Float(value)];
        plan.transform_row_sparse::<f32>(Row::new(&values, plan.input()).unwrap())
    };
    let error = run(1e300).unwrap_err().to_string();
    assert!(error.contains("float32 does not hold the"), "{error}");
    assert_eq!(run(f64::INFINITY).unwrap().data(), [f32::INFINITY]);
    assert_eq!(run(1e-300).unwrap().data().len(), 0);
}

#[test]
fn the_first_refused_row_is_told_whichever_thread_meets_it() {
    let fitted = |values: Vec<f64>| table(vec![("x", Arc::new(Float64Array::from(values)) as ArrayRef)]);
    let plan = Plan::new(StandardScaler::default().fit(&fitted(vec![1.0, 2.0])).unwrap()).unwrap();
    for refused in [vec![4000, 700], vec![4999], vec![0], vec![512, 511, 4600]] {
        let mut values = vec![1.0; 5000];
        refused.iter().for_each(|row: &usize| values[*row] = f64::INFINITY);
        let (table, first) = (fitted(values.clone()), refused.iter().min().unwrap());
        let expected = format!("x: row {first}: inf is not a number it can take");
        for threads in [2, 3, 16].map(|threads| NonZeroUsize::new(threads).unwrap()) {
            let on = plan.on_threads(threads);
            for error in [
                on.transform(&table).unwrap_err(),
                on.transform_dense::<f32>(&table).unwrap_err(),
                on.transform_sparse::<f32>(&table).unwrap_err(),
                on.transform_rows::<f64, f32>(&values).unwrap_err(),
            ] {
                assert!(error.to_string().contains(&expected), "{error}");
            }
        }
    }
}

/// A row before the refused one is refused for what it loses.
#[test]
fn what_is_lost_before_a_refused_row_is_told_first() {
    let numbers = |values: Vec<f64>| table(vec![("x", Arc::new(Float64Array::from(values)) as ArrayRef)]);
    let plan =
        Pipeline::new().then("scale", FunctionTransformer::default()).fit(&numbers(vec![1.0, 2.0])).unwrap();
    let mut values = vec![1.0; 2000];
    values[1700] = 1e300;
    let error = plan.transform_sparse::<f32>(&numbers(values.clone())).unwrap_err().to_string();
    assert!(error.contains("row 1700: float32 does not hold the"), "{error}");
    values[1700] = f64::INFINITY;
    let sparse = plan.on_threads(two()).transform_sparse::<f32>(&numbers(values)).unwrap();
    assert_eq!(sparse.row(1700).collect::<Vec<_>>(), [(0, f32::INFINITY)]);
}

#[test]
fn rows_of_numbers_are_the_same_on_any_number_of_threads() {
    let numbers: Vec<f64> = (0..6000).map(|row| f64::from(row) * 0.37 % 11.0).collect();
    let columns = ["a", "b", "c"].map(|name| {
        (name, Arc::new(Float64Array::from_iter_values(numbers.iter().copied().take(2000))) as ArrayRef)
    });
    let scaled = Plan::new(StandardScaler::default().fit(&table(columns.to_vec())).unwrap()).unwrap();
    let normed = Pipeline::new()
        .then("norm", mlcore_features::transform::Normalizer::default())
        .fit(&table(columns.to_vec()))
        .unwrap();
    for plan in [scaled, normed] {
        let one = plan.transform_rows::<f64, f64>(&numbers).unwrap();
        for threads in [2, 5].map(|threads| NonZeroUsize::new(threads).unwrap()) {
            assert_eq!(plan.on_threads(threads).transform_rows::<f64, f64>(&numbers).unwrap(), one);
        }
    }
}

#[test]
fn all_threads_stop_with_the_caller() {
    let plan = Plan::new(TfidfVectorizer::default().fit(&notes(50).project(&[0]).unwrap()).unwrap()).unwrap();
    let table = notes(5000);
    let error =
        interrupt::scope(|| true, || plan.on_threads(two()).transform_sparse::<f64>(&table)).unwrap_err();
    assert_eq!(error.kind(), "interrupted", "{error}");
}
