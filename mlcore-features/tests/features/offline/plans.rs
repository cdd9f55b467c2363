//! Plans on frames: the bits and the errors of the same table.

use std::num::NonZeroUsize;

use mlcore::Error;
use mlcore_features::offline::polars::prelude::*;
use mlcore_features::offline::{to_batches, to_table};
use mlcore_features::pipeline::{ColumnTransformer, Pipeline, Plan, Remainder, Step};
use mlcore_features::transform::{
    DatetimeFeatures, MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, SimpleImputer,
    StandardScaler, Strategy,
};

use super::{assert_same_bits, chunked, frame};

pub(super) fn columns() -> ColumnTransformer {
    let numbers = Pipeline::new()
        .then("impute", SimpleImputer::default().strategy(Strategy::Median).add_indicator(true))
        .then("scale", StandardScaler::default());
    let words = Pipeline::new()
        .then("impute", SimpleImputer::default().strategy(Strategy::MostFrequent))
        .then("encode", OneHotEncoder::default());
    ColumnTransformer::new()
        .with("num", numbers, ["age", "visits"])
        .with("cat", words, ["plan"])
        .with("kind", OrdinalEncoder::default(), ["kind"])
        .with("robust", RobustScaler::default(), ["visits"])
        .with("dates", DatetimeFeatures::default(), ["seen"])
        .with("kept", Step::Passthrough, ["plan", "visits", "active", "joined", "seen"])
}

fn plan(frame: &DataFrame) -> Plan {
    columns().fit(&to_table(frame).unwrap()).unwrap()
}

#[test]
fn frames_and_tables_become_the_same_bits() {
    let frame = frame(3000);
    let plan = plan(&frame);
    let expected = plan.transform(&to_table(&frame).unwrap()).unwrap();
    let chunks = [vec![0], vec![0, 1], vec![0, 700, 701, 2999], (0..3000).step_by(250).collect()];
    for starts in chunks {
        let frame = chunked(&frame, &starts);
        assert_eq!(to_batches(&frame).unwrap().len(), starts.len());
        let features = plan.transform_frame(&frame).unwrap();
        assert_eq!(features.columns()[0].n_chunks(), starts.len());
        assert_same_bits(&to_table(&features).unwrap(), &expected);
        let threads = NonZeroUsize::new(2).unwrap();
        let features = plan.on_threads(threads).transform_frame(&frame).unwrap();
        assert_same_bits(&to_table(&features).unwrap(), &expected);
    }
    for (start, length) in [(0, 0), (17, 1), (100, 900), (2999, 1)] {
        let features = plan.transform_frame(&frame.slice(start, length)).unwrap();
        let expected = expected.slice(usize::try_from(start).unwrap(), length);
        assert_same_bits(&to_table(&features).unwrap(), &expected);
    }
    // Columns in another order and beside others that no plan takes.
    let mut names = frame.get_column_names_owned();
    names.reverse();
    let mut turned = frame.select(names).unwrap();
    turned
        .with_column(
            frame.column("churned").unwrap().cast(&DataType::Int128).unwrap().with_name("odd".into()),
        )
        .unwrap();
    let features = plan.transform_frame(&turned).unwrap();
    assert_same_bits(&to_table(&features).unwrap(), &expected);
}

#[test]
fn columns_that_pass_through_keep_their_types() {
    let frame = frame(20);
    let features = plan(&frame).transform_frame(&frame).unwrap();
    for name in ["plan", "visits", "active", "joined", "seen"] {
        let own = features.column(&format!("kept__{name}")).unwrap();
        let expected = frame.column(name).unwrap();
        assert_eq!(own.dtype(), expected.dtype());
        assert!(own.equals_missing(&expected.clone().with_name(own.name().clone())), "{name}");
    }
}

#[test]
fn a_refused_row_is_counted_from_the_first_of_the_frame() {
    let scaler = ColumnTransformer::new().with("scale", MinMaxScaler::default(), ["x"]);
    let numbers = df!("x" => [1.0, 2.0, 3.0, f64::INFINITY]).unwrap();
    let plan = scaler.fit(&to_table(&numbers.head(Some(3))).unwrap()).unwrap();
    let expected = plan.transform(&to_table(&numbers).unwrap()).unwrap_err().to_string();
    assert!(expected.contains("row 3"), "{expected}");
    for starts in [vec![0], vec![0, 2], vec![0, 1, 2, 3]] {
        let error = plan.transform_frame(&chunked(&numbers, &starts)).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn missing_and_unfit_columns_are_named() {
    let frame = frame(10);
    let plan = plan(&frame);
    let error = plan.transform_frame(&frame.drop("kind").unwrap()).unwrap_err();
    assert!(matches!(error, Error::SchemaMismatch(_)));
    let told = "transform kind: the column is missing; the table has age, visits, active, plan, joined, seen, churned";
    assert!(error.to_string().starts_with(told), "{error}");
    let mut retyped = frame.clone();
    retyped.with_column(frame.column("plan").unwrap().clone().with_name("age".into())).unwrap();
    let error = plan.transform_frame(&retyped).unwrap_err();
    assert!(error.to_string().starts_with("transform age: expected float64, got string"), "{error}");
    let mut spans = frame;
    let span = Int64Chunked::from_iter_values("seen".into(), 0..10).into_duration(TimeUnit::Microseconds);
    spans.with_column(span.into_column()).unwrap();
    let error = plan.transform_frame(&spans).unwrap_err();
    assert!(error.to_string().starts_with("transform seen: "), "{error}");
}

#[test]
fn a_column_that_passes_through_has_one_type_in_all_chunks() {
    let whole = df!("x" => [1_i64, 2]).unwrap();
    let kept = ColumnTransformer::new().remainder(Remainder::Passthrough);
    let plan = kept.fit(&to_table(&whole).unwrap()).unwrap();
    // Floats without fractions are the integers that were fitted, and others are not.
    let floats = df!("x" => [1.0, 2.0, 0.5]).unwrap();
    let expected = plan.transform_frame(&floats).unwrap();
    assert_eq!(expected.columns()[0].dtype(), &DataType::Float64);
    let features = plan.transform_frame(&chunked(&floats, &[0, 2])).unwrap();
    assert!(features.equals(&expected) && features.schema() == expected.schema());
    let features = plan.transform_frame(&floats.head(Some(2))).unwrap();
    assert_eq!(features.columns()[0].dtype(), &DataType::Int64);
}

#[test]
fn a_plan_without_features_keeps_the_rows() {
    let frame = frame(5);
    let nothing = ColumnTransformer::new().with("drop", Step::Drop, ["age"]);
    let plan = nothing.fit(&to_table(&frame).unwrap()).unwrap();
    assert_eq!(plan.transform_frame(&frame).unwrap().shape(), (5, 0));
}
